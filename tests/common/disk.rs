//! The files of the system on a disk with a trouble: what no test machine has by itself.

use std::fs::DirBuilder;
use std::io;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lm::ports::{File, Files, OpenHow, Ports, Stat};
use lm::storage::SystemFiles;

use super::record_locks_unix;

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Trouble {
    None,
    /// What is said to have been written is not.
    Forgets,
    /// No space is left.
    Full,
    /// Nothing may be written.
    ReadOnly,
    /// It lies on a network.
    Remote,
    /// What is said to be durable is in the system's cache only.
    NeverSyncs,
    /// Its whole-file locks are the record locks of POSIX, which belong to the process.
    RecordLocks,
}

/// A call of the file port that fails, alone or with all that follow.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Counted from 0.
    pub at: usize,
    pub errno: i32,
    pub for_ever: bool,
}

/// A disk whose behavior can be changed while it is used.
#[derive(Clone, Default)]
pub struct Disk(Arc<Behavior>);

#[derive(Default)]
struct Behavior {
    trouble: AtomicU8,
    calls: AtomicUsize,
    fault: Mutex<Option<Fault>>,
}

/// With another descriptor of the file for record locks.
struct OpenFile(Box<dyn File>, Disk, Option<std::fs::File>);

const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

impl Disk {
    pub fn set(&self, trouble: Trouble) {
        self.0.trouble.store(trouble as u8, Ordering::Relaxed);
    }

    fn has(&self, trouble: Trouble) -> bool {
        self.0.trouble.load(Ordering::Relaxed) == trouble as u8
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

    /// From now on calls are counted from 0, and this one fails; `None`: none does.
    pub fn fail(&self, fault: Option<Fault>) {
        self.0.calls.store(0, Ordering::Relaxed);
        *self.0.fault.lock().unwrap() = fault;
    }

    /// Calls since then.
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::Relaxed)
    }

    fn pass(&self) -> io::Result<()> {
        let this = self.0.calls.fetch_add(1, Ordering::Relaxed);
        match *self.0.fault.lock().unwrap() {
            Some(fault) if this == fault.at || (fault.for_ever && this > fault.at) => {
                Err(io::Error::from_raw_os_error(fault.errno))
            }
            _ => Ok(()),
        }
    }

    /// Whether to write.
    fn asked(&self) -> io::Result<bool> {
        if self.has(Trouble::Full) {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        if self.has(Trouble::ReadOnly) {
            return Err(io::Error::from_raw_os_error(EROFS));
        }
        Ok(!self.has(Trouble::Forgets))
    }
}

impl Files for Disk {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        self.pass()?;
        // A full disk gives that away on writing, a read-only one at once.
        if how != OpenHow::Read && self.has(Trouble::ReadOnly) {
            self.asked()?;
        }
        let file = SystemFiles.open(path, how)?;
        let again = || std::fs::File::options().read(true).write(true).open(path);
        let to_lock = self.has(Trouble::RecordLocks).then(again).transpose()?;
        Ok(Box::new(OpenFile(file, self.clone(), to_lock)))
    }
    fn read(&self, path: &Path, max: usize) -> io::Result<Vec<u8>> {
        self.pass()?;
        SystemFiles.read(path, max)
    }
    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        self.pass()?;
        SystemFiles.names(path)
    }
    fn link_target(&self, path: &Path) -> io::Result<PathBuf> {
        self.pass()?;
        SystemFiles.link_target(path)
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.pass()?;
        SystemFiles.stat(path)
    }
    fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.pass()?;
        if self.has(Trouble::NeverSyncs) {
            return DirBuilder::new().recursive(true).mode(mode).create(path);
        }
        SystemFiles.make_dir(path, mode)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.pass()?;
        SystemFiles.remove(path)
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass()?;
        if self.has(Trouble::NeverSyncs) {
            return std::fs::rename(from, to);
        }
        if self.asked()? { SystemFiles.replace(from, to) } else { SystemFiles.remove(from) }
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.pass()?;
        if self.has(Trouble::NeverSyncs) { Ok(()) } else { SystemFiles.sync_dir(path) }
    }
    fn is_remote(&self, path: &Path) -> io::Result<bool> {
        self.pass()?;
        if self.has(Trouble::Remote) { Ok(true) } else { SystemFiles.is_remote(path) }
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.pass()?;
        SystemFiles.canonical(path)
    }
    fn user(&self) -> u32 {
        SystemFiles.user()
    }
    fn home(&self) -> io::Result<PathBuf> {
        self.pass()?;
        SystemFiles.home()
    }
    fn group_name(&self, group: u32) -> Option<String> {
        SystemFiles.group_name(group)
    }
}

impl File for OpenFile {
    fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        self.1.pass()?;
        self.0.read_head(max)
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.1.pass()?;
        if self.1.asked()? { self.0.write_at(offset, bytes) } else { Ok(()) }
    }
    fn allocate(&mut self, len: u64) -> io::Result<()> {
        self.1.pass()?;
        if self.1.asked()? { self.0.allocate(len) } else { Ok(()) }
    }
    fn sync(&mut self) -> io::Result<()> {
        self.1.pass()?;
        if self.1.has(Trouble::NeverSyncs) { Ok(()) } else { self.0.sync() }
    }
    fn stat(&self) -> io::Result<Stat> {
        self.1.pass()?;
        self.0.stat()
    }
    fn set_group(&mut self, group: u32) -> io::Result<()> {
        self.1.pass()?;
        self.0.set_group(group)
    }
    fn try_lock(&mut self, shared: bool) -> io::Result<bool> {
        self.1.pass()?;
        match &self.2 {
            Some(file) => record_locks_unix::try_lock(file, shared),
            None => self.0.try_lock(shared),
        }
    }
    fn unlock(&mut self) -> io::Result<()> {
        self.1.pass()?;
        match &self.2 {
            Some(file) => record_locks_unix::unlock(file),
            None => self.0.unlock(),
        }
    }
    fn try_lock_bytes(&mut self, bytes: Range<u64>, shared: bool) -> io::Result<bool> {
        self.1.pass()?;
        self.0.try_lock_bytes(bytes, shared)
    }
    fn unlock_bytes(&mut self, bytes: Range<u64>) -> io::Result<()> {
        self.1.pass()?;
        self.0.unlock_bytes(bytes)
    }
    fn locked_bytes(&self, bytes: Range<u64>, shared: bool) -> io::Result<Option<Range<u64>>> {
        self.1.pass()?;
        self.0.locked_bytes(bytes, shared)
    }
}
