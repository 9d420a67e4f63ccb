//! A store in a directory of its own, and the ports that it is opened with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::disk::Disk;
use crate::error::Result;
use crate::ports::{Clock, Files, Ports, Random};
use crate::storage::place::Paths;
use crate::storage::{
    Commit, Contents, Reading, Scope, SoftwareSealer, Standing, State, Storage, SystemFiles,
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
    Ports { clock: Arc::new(RealClock), random: Arc::new(RealRandom), files }
}

/// Runs one test of this binary in a process of its own, on a directory; as another user where one
/// is given. The test is ignored save there.
pub(super) fn child(test: &str, dir: &Path, user: Option<u32>) -> std::process::Command {
    use std::os::unix::process::CommandExt as _;
    // By this name another user may start it wherever it was built.
    let mut command = std::process::Command::new("/proc/self/exe");
    let name = format!("storage::tests::{test}");
    command.args([&name, "--exact", "--ignored", "--nocapture"]);
    command.env(CHILD_DIR, dir).current_dir("/");
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command
}

const CHILD_DIR: &str = "LM_STORAGE_TEST_DIR";

/// In a test that [`child`] runs: its directory.
#[expect(clippy::disallowed_methods, reason = "a test speaks to its own child")]
pub(super) fn child_dir() -> PathBuf {
    let dir = std::env::var_os(CHILD_DIR);
    dir.expect("another test starts this one in a child process").into()
}

/// Waits for a child, which must succeed.
pub(super) fn finished(child: std::process::Child) {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

/// Two trees, for stores and for anchors, removed at the end.
pub(super) struct World {
    root: tempfile::TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The directory of the store of this name.
    pub(super) fn dir(&self, name: &str) -> PathBuf {
        self.root.path().join("stores").join(name)
    }

    pub(super) fn paths(&self, name: &str) -> Paths {
        paths_under(self.root(), name)
    }

    /// Over the system's files, each sync a real one.
    pub(super) fn real_store(&self, name: &str) -> Storage {
        self.store_on(name, Arc::new(SystemFiles))
    }

    /// Over the system's files, with nothing synced: as good where no machine dies, and faster.
    pub(super) fn store(&self, name: &str) -> Storage {
        self.store_on(name, Disk::default().files())
    }

    pub(super) fn store_on(&self, name: &str, files: Arc<dyn Files>) -> Storage {
        store_at(self.paths(name), files)
    }
}

pub(super) fn paths_under(root: &Path, name: &str) -> Paths {
    let anchor = root.join("anchors").join(name);
    Paths::new(Scope::User, root.join("stores").join(name), Some(anchor))
}

pub(super) fn store_at(paths: Paths, files: Arc<dyn Files>) -> Storage {
    let sealer = SoftwareSealer::new("Acme", "ortho").unwrap();
    Storage::with(paths, Box::new(sealer), None, &ports(files))
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
