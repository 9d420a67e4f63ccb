//! A machine on which a release's store can stand for ever: its paths, its user and its clock are
//! fixed, and its files have the inodes and times of birth that the images name. None of that can be
//! kept in a repository, so the file port says it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use lm::machine::{SystemClock, SystemRandom};
use lm::ports::{Clock, Files, Ports, Stat, Transport};
use lm::storage::{Place, Storage};
use lm::{Client, Options, Scope};

use crate::common::over_system::{Otherwise, OverSystem};

/// The store's path, as this machine knows it.
const STORE: &str = "/golden/store";
const HOME: &str = "/golden/home";
const ANCHORS: &str = "/golden/home/.config/lm/anchors";
const BORN: i128 = 1_700_000_000_123_456_789;

pub(crate) struct Machine {
    folder: tempfile::TempDir,
    now: Arc<AtomicI64>,
    other_files: Arc<AtomicBool>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, now: Arc::default(), other_files: Arc::default() }
    }

    /// Unix seconds, by this machine's clock.
    pub(crate) fn set_now(&self, now: i64) {
        self.now.store(now, Ordering::Relaxed);
    }

    /// The files are not those any more that the images name.
    pub(crate) fn be_other_files(&self) {
        self.other_files.store(true, Ordering::Relaxed);
    }

    fn real(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// Where the images are in truth.
    pub(crate) fn store_dir(&self) -> PathBuf {
        self.real(STORE)
    }

    fn anchors(&self) -> PathBuf {
        self.real(ANCHORS)
    }

    fn files(&self) -> Arc<dyn Files> {
        let (root, other) = (self.folder.path().to_owned(), self.other_files.clone());
        Arc::new(OverSystem(Fixed { root, other }))
    }

    fn ports(&self) -> Ports {
        Ports {
            clock: Arc::new(FixedClock(self.now.clone())),
            random: Arc::new(SystemRandom::new()),
            files: self.files(),
        }
    }

    /// A host application that opens the store.
    pub(crate) fn client(
        &self,
        product: &str,
        trust_root: &str,
        portal: Option<(&str, Arc<dyn Transport>)>,
    ) -> Client {
        let mut options = Options::new(product, trust_root);
        options.storage_dir = Some(STORE.into());
        options.host_identity = Some("the machine of the golden records".to_owned());
        if let Some((url, transport)) = portal {
            options.portal_url = Some(url.to_owned());
            options.transport = Some(transport);
        }
        Client::open_with(options, self.ports()).unwrap()
    }

    pub(crate) fn storage(&self, vendor: &str, product: &str) -> Storage {
        let place = Place {
            vendor: vendor.to_owned(),
            product: product.to_owned(),
            scope: Scope::User,
            dir: Some(STORE.into()),
        };
        Storage::new(&place, &self.ports()).unwrap()
    }

    /// Sets a release's store up.
    pub(crate) fn take(&self, release: &Path) {
        for (from, to) in [("store", self.store_dir()), ("anchors", self.anchors())] {
            copy(&release.join(from), &to);
        }
    }

    /// Keeps the store in a release's folder.
    pub(crate) fn give(&self, release: &Path) {
        for (from, to) in [(self.store_dir(), "store"), (self.anchors(), "anchors")] {
            copy(&from, &release.join(to));
        }
        for empty in ["lock", "slots"] {
            let _ = std::fs::remove_file(release.join("store").join(empty));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let copied = to.join(name);
        std::fs::copy(path, &copied).unwrap();
        std::fs::set_permissions(&copied, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// A clock that stands.
struct FixedClock(Arc<AtomicI64>);

impl Clock for FixedClock {
    fn wall(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
    fn boot(&self) -> Duration {
        Duration::from_secs(3600)
    }
    fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration);
    }
}

#[derive(Clone)]
struct Fixed {
    root: PathBuf,
    other: Arc<AtomicBool>,
}

impl Otherwise for Fixed {
    fn real(&self, path: &Path) -> PathBuf {
        match path.strip_prefix("/golden") {
            Ok(rest) => self.root.join("golden").join(rest),
            Err(_) => path.to_owned(),
        }
    }
    /// The identity that an image has on this machine.
    fn told(&self, path: &Path, stat: Stat) -> Stat {
        let inode = match path.file_name().and_then(|name| name.to_str()) {
            Some("a") => 11,
            Some("b") => 12,
            _ => return stat,
        };
        let born = BORN + i128::from(self.other.load(Ordering::Relaxed));
        Stat { device: 0x801, inode, born, ..stat }
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }
    fn user_id(&self) -> io::Result<String> {
        Ok("1000".to_owned())
    }
    fn home(&self) -> io::Result<PathBuf> {
        Ok(HOME.into())
    }
}
