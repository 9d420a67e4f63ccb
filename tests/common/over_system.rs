//! A file port that is the system's, save for what a test's world says otherwise.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lm::machine::{SystemClock, SystemRandom};
use lm::ports::{File, Files, OpenHow, Ports, Stat, Tpm};
use lm::storage::SystemFiles;

/// What such a world may have instead; what it doesn't say is the system's. Clones are the same.
pub trait Otherwise: Clone + Send + Sync + 'static {
    /// Where a path leads in truth.
    fn real(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
    /// Before a file is opened, looked at, read, written, synced, locked or let go.
    fn step(&self) {}
    /// What is told of a file.
    fn told(&self, _path: &Path, stat: Stat) -> Stat {
        stat
    }
    /// What is read at the head of an open file.
    fn read(&self, _path: &Path, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }
    /// Whether locks on bytes are taken, and not only said to be.
    fn locks_bytes(&self) -> bool {
        true
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        SystemFiles.canonical(&self.real(path))
    }
    fn user_id(&self) -> io::Result<String> {
        SystemFiles.user_id()
    }
    fn home(&self) -> io::Result<PathBuf> {
        SystemFiles.home()
    }
    fn tpm(&self) -> io::Result<Box<dyn Tpm>> {
        SystemFiles.tpm()
    }
}

/// The port of such a world.
pub struct OverSystem<W>(pub W);

impl<W: Otherwise> OverSystem<W> {
    /// With the system's clock and randomness.
    pub fn ports(world: W) -> Ports {
        Ports {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom::new()),
            files: Arc::new(Self(world)),
        }
    }
}

impl<W: Otherwise> Files for OverSystem<W> {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        self.0.step();
        let file = SystemFiles.open(&self.0.real(path), how)?;
        Ok(Box::new(OpenFile { world: self.0.clone(), path: path.to_owned(), file }))
    }
    fn read(&self, path: &Path, max: usize) -> io::Result<Vec<u8>> {
        SystemFiles.read(&self.0.real(path), max)
    }
    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        SystemFiles.names(&self.0.real(path))
    }
    fn link_target(&self, path: &Path) -> io::Result<PathBuf> {
        SystemFiles.link_target(&self.0.real(path))
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.0.step();
        Ok(self.0.told(path, SystemFiles.stat(&self.0.real(path))?))
    }
    fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        SystemFiles.make_dir(&self.0.real(path), mode)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        SystemFiles.remove(&self.0.real(path))
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemFiles.replace(&self.0.real(from), &self.0.real(to))
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        SystemFiles.sync_dir(&self.0.real(path))
    }
    fn is_remote(&self, path: &Path) -> io::Result<bool> {
        SystemFiles.is_remote(&self.0.real(path))
    }
    fn free_space(&self, path: &Path) -> io::Result<u64> {
        SystemFiles.free_space(&self.0.real(path))
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.canonical(path)
    }
    fn user(&self) -> u32 {
        SystemFiles.user()
    }
    fn user_id(&self) -> io::Result<String> {
        self.0.user_id()
    }
    fn home(&self) -> io::Result<PathBuf> {
        self.0.home()
    }
    fn tpm(&self) -> io::Result<Box<dyn Tpm>> {
        self.0.tpm()
    }
    fn group_name(&self, group: u32) -> Option<String> {
        SystemFiles.group_name(group)
    }
}

struct OpenFile<W> {
    world: W,
    path: PathBuf,
    file: Box<dyn File>,
}

impl<W: Otherwise> File for OpenFile<W> {
    fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        self.world.step();
        let mut bytes = self.world.read(&self.path, self.file.read_head(max)?);
        bytes.truncate(max);
        Ok(bytes)
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.world.step();
        self.file.write_at(offset, bytes)
    }
    fn allocate(&mut self, len: u64) -> io::Result<()> {
        self.file.allocate(len)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.world.step();
        self.file.sync()
    }
    fn stat(&self) -> io::Result<Stat> {
        Ok(self.world.told(&self.path, self.file.stat()?))
    }
    fn set_group(&mut self, group: u32) -> io::Result<()> {
        self.file.set_group(group)
    }
    fn try_lock(&mut self, shared: bool) -> io::Result<bool> {
        self.world.step();
        self.file.try_lock(shared)
    }
    fn unlock(&mut self) -> io::Result<()> {
        self.world.step();
        self.file.unlock()
    }
    fn try_lock_bytes(&mut self, bytes: Range<u64>, shared: bool) -> io::Result<bool> {
        self.world.step();
        if self.world.locks_bytes() { self.file.try_lock_bytes(bytes, shared) } else { Ok(true) }
    }
    fn unlock_bytes(&mut self, bytes: Range<u64>) -> io::Result<()> {
        self.world.step();
        self.file.unlock_bytes(bytes)
    }
    fn locked_bytes(&self, bytes: Range<u64>, shared: bool) -> io::Result<Option<Range<u64>>> {
        self.world.step();
        self.file.locked_bytes(bytes, shared)
    }
}
