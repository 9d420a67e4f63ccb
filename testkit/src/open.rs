//! In which world a client of the kit lives. Takes the place of the library's `src/open.rs`.
#![forbid(unsafe_code)]

use lm_protocol::TrustRoot;

use crate::client::{Client, Options};
use crate::error::{Code, Error, Result};
use crate::kit::portal::trust_root;
use crate::kit::world::{self, Opening};
use crate::storage::Scope;

impl Client {
    /// Opens a client on the pretended machine. The options are checked as ever; but its portal is
    /// the pretended one, whatever their way to one is, and so it trusts that one's keys.
    pub fn open(mut options: Options) -> Result<Self> {
        let given = TrustRoot::parse(&options.trust_root);
        let given = given.map_err(|_| Error::from_code(Code::TrustRoot))?;
        options.trust_root = trust_root(&given).to_string();
        if options.scope == Scope::Memory && options.storage_dir.is_none() {
            // Nobody else's, as ever, but for the kit's own calls.
            options.scope = Scope::User;
            options.storage_dir = Some(world::own_directory());
        }
        let opening = Opening::of(&options, &given)?;
        let world = world::of(&opening)?;
        options.transport = Some(world.portal_for_the_host(&given.vendor));
        let client = Self::open_with(options, world.ports_for_the_host())?;
        world::remember(&client, &world, opening);
        Ok(client)
    }
}
