//! Replay: the histories of the real client and the real portal, held against this model step by
//! step. A step that the model doesn't allow is refused.
//!
//! What happened at the real portal is done by the model's own code to the model's own portal, which
//! then must have given the same answer and have the same books. What the real store of a machine
//! holds must be what the model's own calls and answers make of what it held before.
//!
//! Where the real thing knows what the model doesn't (how alike two hosts are, the dates by which a
//! limit counts, a license's term), it is told with the step, or each possibility is tried: a step is
//! refused when none of them leads to where the real thing went.

mod names;
mod portal;
mod store;

use std::collections::{BTreeMap, BTreeSet};

pub use names::Names;
pub use portal::{Act, Asked, Books, Cools, Held};
pub use store::Seen;

use crate::model::begin;
use crate::setting::Bounds;
use crate::state::{Answer, Entry, Host, Op, Portal, Request, Verdict, World};

/// A machine's store: any number that the history gives it.
pub type Place = usize;

/// The terms of an activation ID that steps depend on.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Seats.
    pub quantity: u8,
    /// Strict mode; else prompt.
    pub strict: bool,
    /// A lease that is over for good frees its seat.
    pub reclaim: bool,
}

/// One activation ID, as far as its history was replayed.
#[derive(Clone, Debug)]
pub struct Replay {
    bounds: Bounds,
    /// The portal, as the model has it. Nothing else of the world is used.
    world: World,
    /// Answers that the portal has given.
    given: BTreeSet<(Op, Verdict)>,
    /// What each store held last; not in the list: nothing of this ID.
    stores: BTreeMap<Place, Entry>,
    /// Answers that were handed to each place.
    handed: BTreeMap<Place, Vec<Answer>>,
    /// Requests that left each place since its store was looked at.
    sent: BTreeMap<Place, Vec<Request>>,
    /// All that any store has held: nothing else can be brought back.
    kept: Vec<Entry>,
    /// Operations that were seen in a store: no other may be made under their IDs.
    made: BTreeSet<Op>,
}

/// Hosts that a history may have.
const HOSTS: usize = 200;
/// A host that nobody is: what may not be recognized is asked by it.
pub const NOBODY: Host = 199;

impl Replay {
    /// A new activation ID, nothing of which is held.
    #[must_use]
    pub fn new(terms: Terms, epoch: u8) -> Self {
        let bounds = Bounds {
            name: "replay",
            quantity: terms.quantity,
            strict: terms.strict,
            reclaim: terms.reclaim,
            as_the_library: true,
            fine: true,
            ..Bounds::BASE
        };
        let mut world = begin(&bounds);
        world.portal = Portal { epoch, ..world.portal };
        world.ghost.reach = vec![0; HOSTS];
        world.ghost.excused = vec![0; HOSTS];
        Self {
            bounds,
            world,
            given: BTreeSet::new(),
            stores: BTreeMap::new(),
            handed: BTreeMap::new(),
            sent: BTreeMap::new(),
            kept: Vec::new(),
            made: BTreeSet::new(),
        }
    }
}
