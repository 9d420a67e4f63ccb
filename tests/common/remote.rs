//! A disk that lies on a network: the one fault of storage that no test machine can have by itself.
//! Everything else about it is the system's own.

use std::io::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lm::machine::{SystemClock, SystemRandom};
use lm::ports::{File, Files, OpenHow, Ports, Stat};
use lm::storage::SystemFiles;

use super::machine::{Failure, Settings};

struct Remote(SystemFiles);

impl Files for Remote {
    fn is_remote(&self, _: &Path) -> Result<bool> {
        Ok(true)
    }
    fn open(&self, path: &Path, how: OpenHow) -> Result<Box<dyn File>> {
        self.0.open(path, how)
    }
    fn read(&self, path: &Path, max: usize) -> Result<Vec<u8>> {
        self.0.read(path, max)
    }
    fn names(&self, path: &Path) -> Result<Vec<String>> {
        self.0.names(path)
    }
    fn link_target(&self, path: &Path) -> Result<PathBuf> {
        self.0.link_target(path)
    }
    fn stat(&self, path: &Path) -> Result<Stat> {
        self.0.stat(path)
    }
    fn make_dir(&self, path: &Path, mode: u32) -> Result<()> {
        self.0.make_dir(path, mode)
    }
    fn remove(&self, path: &Path) -> Result<()> {
        self.0.remove(path)
    }
    fn replace(&self, from: &Path, to: &Path) -> Result<()> {
        self.0.replace(from, to)
    }
    fn sync_dir(&self, path: &Path) -> Result<()> {
        self.0.sync_dir(path)
    }
    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        self.0.canonical(path)
    }
    fn user(&self) -> u32 {
        self.0.user()
    }
    fn home(&self) -> Result<PathBuf> {
        self.0.home()
    }
    fn group_name(&self, group: u32) -> Option<String> {
        self.0.group_name(group)
    }
}

/// Opens a client whose store lies on a network file system, which must be refused.
pub fn open_remote(settings: &Settings) -> Failure {
    let mut options = lm::Options::new(settings.product.as_str(), settings.trust_root.as_str());
    options.storage_dir = Some(settings.storage.clone());
    options.host_identity = Some(settings.identity.clone());
    let ports = Ports {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom::new()),
        files: Arc::new(Remote(SystemFiles)),
    };
    let refused = lm::Client::open_with(options, ports).err().expect("a refusal");
    Failure {
        code: refused.code().number(),
        message: refused.message().to_owned(),
        hint: refused.hint().to_owned(),
        detail: refused.detail().to_owned(),
    }
}
