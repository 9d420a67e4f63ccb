//! The files of the system on a disk with a trouble: what no test machine has by itself.

use std::fs::DirBuilder;
use std::io;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use lm::ports::{File, Files, OpenHow, Ports, Stat};
use lm::storage::SystemFiles;

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Trouble {
    None,
    /// What is said to have been written is not.
    Forgets,
    /// No space is left.
    Full,
    /// It lies on a network.
    Remote,
    /// What is said to be durable is in the system's cache only.
    NeverSyncs,
}

/// A disk whose behavior can be changed while it is used.
#[derive(Clone, Default)]
pub struct Disk(Arc<AtomicU8>);

struct OpenFile(Box<dyn File>, Disk);

const ENOSPC: i32 = 28;

impl Disk {
    pub fn set(&self, trouble: Trouble) {
        self.0.store(trouble as u8, Ordering::Relaxed);
    }

    fn has(&self, trouble: Trouble) -> bool {
        self.0.load(Ordering::Relaxed) == trouble as u8
    }

    /// The ports of a client on this disk.
    pub fn with(&self, trouble: Trouble) -> Ports {
        self.set(trouble);
        Ports {
            clock: Arc::new(lm::machine::SystemClock),
            random: Arc::new(lm::machine::SystemRandom::new()),
            files: Arc::new(self.clone()),
        }
    }

    /// Whether to write.
    fn asked(&self) -> io::Result<bool> {
        if self.has(Trouble::Full) {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        Ok(!self.has(Trouble::Forgets))
    }
}

impl Files for Disk {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        Ok(Box::new(OpenFile(SystemFiles.open(path, how)?, self.clone())))
    }
    fn read(&self, path: &Path, max: usize) -> io::Result<Vec<u8>> {
        SystemFiles.read(path, max)
    }
    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        SystemFiles.names(path)
    }
    fn link_target(&self, path: &Path) -> io::Result<PathBuf> {
        SystemFiles.link_target(path)
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        SystemFiles.stat(path)
    }
    fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        if self.has(Trouble::NeverSyncs) {
            return DirBuilder::new().recursive(true).mode(mode).create(path);
        }
        SystemFiles.make_dir(path, mode)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        SystemFiles.remove(path)
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.has(Trouble::NeverSyncs) {
            return std::fs::rename(from, to);
        }
        if self.asked()? { SystemFiles.replace(from, to) } else { SystemFiles.remove(from) }
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if self.has(Trouble::NeverSyncs) { Ok(()) } else { SystemFiles.sync_dir(path) }
    }
    fn is_remote(&self, path: &Path) -> io::Result<bool> {
        if self.has(Trouble::Remote) { Ok(true) } else { SystemFiles.is_remote(path) }
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        SystemFiles.canonical(path)
    }
    fn user(&self) -> u32 {
        SystemFiles.user()
    }
    fn home(&self) -> io::Result<PathBuf> {
        SystemFiles.home()
    }
    fn group_name(&self, group: u32) -> Option<String> {
        SystemFiles.group_name(group)
    }
}

impl File for OpenFile {
    fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        self.0.read_head(max)
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.1.asked()? { self.0.write_at(offset, bytes) } else { Ok(()) }
    }
    fn allocate(&mut self, len: u64) -> io::Result<()> {
        if self.1.asked()? { self.0.allocate(len) } else { Ok(()) }
    }
    fn sync(&mut self) -> io::Result<()> {
        if self.1.has(Trouble::NeverSyncs) { Ok(()) } else { self.0.sync() }
    }
    fn stat(&self) -> io::Result<Stat> {
        self.0.stat()
    }
    fn set_group(&mut self, group: u32) -> io::Result<()> {
        self.0.set_group(group)
    }
    fn try_lock(&mut self, shared: bool) -> io::Result<bool> {
        self.0.try_lock(shared)
    }
    fn unlock(&mut self) -> io::Result<()> {
        self.0.unlock()
    }
    fn try_lock_bytes(&mut self, bytes: Range<u64>, shared: bool) -> io::Result<bool> {
        self.0.try_lock_bytes(bytes, shared)
    }
    fn unlock_bytes(&mut self, bytes: Range<u64>) -> io::Result<()> {
        self.0.unlock_bytes(bytes)
    }
    fn locked_bytes(&self, bytes: Range<u64>, shared: bool) -> io::Result<Option<Range<u64>>> {
        self.0.locked_bytes(bytes, shared)
    }
}
