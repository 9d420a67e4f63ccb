//! Who shares a world: the clients of this process over one store. It ends with the last of them.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use lm_protocol::TrustRoot;

use super::answer::HostsWay;
use super::clock::Clocks;
use super::disk::{Disk, Tree};
use super::failures::Failures;
use super::locked;
use super::portal::{Portal, trust_root};
use crate::client::{Client, Options};
use crate::error::{Code, Error, Result};
use crate::machine::SystemRandom;
use crate::ports::{Files, Ports, Transport};
use crate::storage::{Place, Scope, Storage};

/// One machine and one portal.
#[derive(Default)]
pub(crate) struct World {
    pub(super) clocks: Arc<Clocks>,
    pub(super) failures: Arc<Failures>,
    pub(super) portal: Arc<Mutex<Portal>>,
    tree: Arc<Mutex<Tree>>,
}

/// How a client was opened: what another one over the same store needs.
#[derive(Clone)]
pub(crate) struct Opening {
    product: String,
    trust_root: TrustRoot,
    scope: Scope,
    host_identity: Option<String>,
    directory: PathBuf,
}

/// The worlds that there are, by the directory of their store.
static WORLDS: Mutex<BTreeMap<PathBuf, Weak<World>>> = Mutex::new(BTreeMap::new());
/// The clients that there are. Each keeps the text of its directory at a place of its own.
static CLIENTS: Mutex<BTreeMap<usize, (Weak<World>, Opening)>> = Mutex::new(BTreeMap::new());

impl Opening {
    pub(crate) fn of(options: &Options, given: &TrustRoot) -> Result<Self> {
        let place = Place {
            vendor: given.vendor.clone(),
            product: options.product.clone(),
            scope: options.scope,
            dir: options.storage_dir.clone(),
        };
        let nowhere = World::default().ports(true);
        Ok(Self {
            product: options.product.clone(),
            trust_root: trust_root(given),
            scope: options.scope,
            host_identity: options.host_identity.clone(),
            directory: Storage::new(&place, &nowhere)?.directory().to_owned(),
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn vendor(&self) -> &str {
        &self.trust_root.vendor
    }

    pub(super) const fn trust_root(&self) -> &TrustRoot {
        &self.trust_root
    }

    pub(super) fn product(&self) -> &str {
        &self.product
    }

    /// A client of the kit's own; `elsewhere`: on another machine.
    pub(super) fn open(
        &self,
        world: &World,
        transport: Arc<dyn Transport>,
        elsewhere: bool,
    ) -> Result<Client> {
        let mut options = Options::new(self.product.clone(), self.trust_root.to_string());
        options.portal_url = Some("https://portal.invalid".to_owned());
        options.storage_dir = Some(self.directory.clone());
        options.scope = self.scope;
        options.host_identity = self.host_identity.clone();
        if elsewhere {
            options.host_identity = Some("another machine".to_owned());
        }
        options.transport = Some(transport);
        Client::open_with(options, world.ports(true))
    }
}

impl World {
    fn new() -> Arc<Self> {
        let world = Self::default();
        locked(&world.tree).install_machine();
        Arc::new(world)
    }

    pub(crate) fn portal_for_the_host(self: &Arc<Self>, vendor: &str) -> Arc<dyn Transport> {
        Arc::new(HostsWay { world: self.clone(), vendor: vendor.to_owned() })
    }

    pub(crate) fn ports_for_the_host(&self) -> Ports {
        self.ports(false)
    }

    fn ports(&self, is_kits_own: bool) -> Ports {
        let files: Arc<dyn Files> = Arc::new(self.disk(is_kits_own));
        let clock = self.clocks.clone();
        Ports { clock, random: Arc::new(SystemRandom::new()), files }
    }

    pub(super) fn disk(&self, is_kits_own: bool) -> Disk {
        let (tree, failures) = (self.tree.clone(), self.failures.clone());
        Disk { tree, failures, clocks: self.clocks.clone(), is_kits_own }
    }
}

/// For a store that no other client has.
pub(crate) fn own_directory() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    Path::new("/memory").join(COUNT.fetch_add(1, Ordering::Relaxed).to_string())
}

/// The world of a store: that of the clients that have it open, or a new one.
pub(crate) fn of(opening: &Opening) -> Result<Arc<World>> {
    let mut worlds = locked(&WORLDS);
    worlds.retain(|_, world| world.strong_count() > 0);
    if let Some(world) = worlds.get(&opening.directory).and_then(Weak::upgrade) {
        return Ok(world);
    }
    let world = World::new();
    worlds.insert(opening.directory.clone(), Arc::downgrade(&world));
    Ok(world)
}

/// Keeps what `lm_test_*` need to know of a client.
pub(crate) fn remember(client: &Client, world: &Arc<World>, opening: Opening) {
    let mut clients = locked(&CLIENTS);
    clients.retain(|_, (world, _)| world.strong_count() > 0);
    clients.insert(key(client), (Arc::downgrade(world), opening));
}

pub(super) fn of_client(client: &Client) -> Result<(Arc<World>, Opening)> {
    let clients = locked(&CLIENTS);
    let known = clients.get(&key(client)).and_then(|(world, opening)| {
        let same = opening.directory == client.storage_directory();
        Some((world.upgrade().filter(|_| same)?, opening.clone()))
    });
    known.ok_or_else(|| Error::new(Code::Internal, "This client is none of the kit's."))
}

fn key(client: &Client) -> usize {
    client.storage_directory().as_os_str().as_encoded_bytes().as_ptr() as usize
}
