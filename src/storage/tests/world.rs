//! A store in a directory of its own, and the ports that it is opened with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::ports::{Clock, Files, Ports, Random};
use crate::storage::place::Paths;
use crate::storage::{
    Commit, Contents, Place, Reading, Scope, SoftwareSealer, Standing, State, Storage, SystemFiles,
};

pub(super) const WAIT: Duration = Duration::from_secs(20);
/// The section that these tests keep a number in.
pub(super) const COUNTER: u32 = 7;

/// The system's clock.
pub(super) struct RealClock;

#[expect(clippy::disallowed_methods, reason = "this is the clock port of these tests")]
impl Clock for RealClock {
    fn wall(&self) -> i64 {
        0
    }
    fn monotonic(&self) -> Duration {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }
    fn boot(&self) -> Duration {
        self.monotonic()
    }
    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// The system's randomness.
pub(super) struct RealRandom;

impl Random for RealRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        use ring::rand::SecureRandom as _;
        ring::rand::SystemRandom::new().fill(bytes).unwrap();
        Ok(())
    }
}

pub(super) fn ports(files: Arc<dyn Files>) -> Ports {
    Ports {
        clock: Arc::new(RealClock),
        random: Arc::new(RealRandom),
        files,
    }
}

/// Two trees, for stores and for anchors, removed at the end.
pub(super) struct World {
    root: tempfile::TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    /// The directory of the store of this name.
    pub(super) fn dir(&self, name: &str) -> PathBuf {
        self.root.path().join("stores").join(name)
    }

    pub(super) fn paths(&self, name: &str) -> Paths {
        let anchor = self.root.path().join("anchors").join(name);
        Paths::new(Scope::User, self.dir(name), Some(anchor))
    }

    pub(super) fn store(&self, name: &str) -> Storage {
        self.store_on(name, Arc::new(SystemFiles))
    }

    pub(super) fn store_on(&self, name: &str, files: Arc<dyn Files>) -> Storage {
        store_at(self.paths(name), files)
    }
}

pub(super) fn store_at(paths: Paths, files: Arc<dyn Files>) -> Storage {
    let sealer = SoftwareSealer::new("Acme", "ortho").unwrap();
    Storage::with(paths, Box::new(sealer), &ports(files))
}

pub(super) fn place(dir: &Path) -> Place {
    Place {
        vendor: "Acme".to_owned(),
        product: "ortho".to_owned(),
        scope: Scope::User,
        dir: Some(dir.to_owned()),
    }
}

/// The number that the store holds; 0 where it holds none.
pub(super) fn counter(contents: &Contents) -> u64 {
    let bytes = contents.get(COUNTER);
    bytes.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

/// Counts one further in one change; what the change saw.
pub(super) fn count(store: &Storage) -> Result<Standing> {
    store.change(WAIT, |standing, contents| {
        let next = counter(contents) + 1;
        contents.set(COUNTER, next.to_le_bytes().to_vec());
        Ok((*standing, Commit::Write))
    })
}

/// A reading that must be sound.
pub(super) fn sound(store: &Storage) -> Reading {
    let reading = store.read().unwrap();
    assert_eq!(reading.standing.state, State::Sound, "{:?}", reading.notes);
    reading
}

pub(super) fn state(store: &Storage) -> State {
    store.read().unwrap().standing.state
}

pub(super) fn contents(store: &Storage) -> Contents {
    store.read().unwrap().contents
}
