//! A disk that fails, stops or loses power when told: the system's files behind a port that counts
//! every step which changes something.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirBuilder;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::ports::{File, Files, OpenHow, Stat};
use crate::storage::SystemFiles;

/// Where torn writes are torn: inside an image as short as those of these tests.
const CUT: usize = 60;

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fault {
    #[default]
    Nothing,
    /// From this step on nothing happens any more: the process was killed. A write that it falls
    /// on is torn.
    StopAt(usize),
    /// This step alone fails.
    FailAt(usize),
    /// These syncs of the images fail, counted from 0.
    FailSyncs(&'static [usize]),
}

/// What becomes of writes that weren't synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// They stay: only the process died.
    Nothing,
    /// They are gone.
    All,
    /// Of each, only the beginning reached the disk.
    End,
    /// Of each, only what follows the beginning did.
    Beginning,
}

impl Loss {
    pub(super) const EACH: [Self; 4] = [Self::Nothing, Self::All, Self::End, Self::Beginning];
}

/// What the account database and the file system are made to say, where it isn't the truth.
#[derive(Clone, Default)]
pub(super) struct Lies {
    pub(super) user: Option<u32>,
    /// `Some(None)`: there is no home.
    pub(super) home: Option<Option<PathBuf>>,
    /// The owner of the files and directories with this name.
    pub(super) owner: Option<(&'static str, u32)>,
    pub(super) no_birth_times: bool,
    pub(super) remote: bool,
    /// Files with this name can't be written or made, for this reason.
    pub(super) refuse: Option<(&'static str, ErrorKind)>,
    /// So many readings meet a writer at work in both images.
    pub(super) disturbed: usize,
}

#[derive(Default)]
struct Inner {
    fault: Fault,
    lies: Lies,
    steps: usize,
    syncs: usize,
    stopped: bool,
    locks: i64,
    image_reads: usize,
    /// What each file that isn't synced held when it last was.
    unsynced: BTreeMap<PathBuf, Vec<u8>>,
    /// Files and directories whose name no sync of the directory above has made durable.
    unsynced_names: BTreeSet<PathBuf>,
}

/// Clones are the same disk.
#[derive(Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Inner>>);

impl Disk {
    pub(super) fn with(fault: Fault) -> Self {
        let disk = Self::default();
        disk.inner().fault = fault;
        disk
    }

    /// The same disk for the next process, after the last one was killed and before power is lost:
    /// what wasn't synced still isn't.
    pub(super) fn after_kill(&self, fault: Fault) -> Self {
        let next = Self::with(fault);
        next.inner().unsynced.clone_from(&self.inner().unsynced);
        next.inner().unsynced_names.clone_from(&self.inner().unsynced_names);
        next
    }

    pub(super) fn lying(lies: Lies) -> Self {
        let disk = Self::default();
        disk.inner().lies = lies;
        disk
    }

    pub(super) fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.clone())
    }

    /// Whether the fault came to pass: otherwise there were fewer steps.
    pub(super) fn reached(&self) -> bool {
        let inner = self.inner();
        match inner.fault {
            Fault::StopAt(step) | Fault::FailAt(step) => inner.steps > step,
            Fault::Nothing | Fault::FailSyncs(_) => true,
        }
    }

    /// Locks taken and not let go explicitly.
    pub(super) fn locks_held(&self) -> i64 {
        self.inner().locks
    }

    /// What is left after the process or the machine has died.
    pub(super) fn lose(&self, loss: Loss) {
        for (path, old) in std::mem::take(&mut self.inner().unsynced) {
            let Ok(new) = std::fs::read(&path) else {
                continue;
            };
            let half = CUT.min(new.len());
            let mut mixed = old;
            mixed.resize(new.len(), 0);
            match loss {
                Loss::Nothing => mixed.clone_from(&new),
                Loss::All => {}
                Loss::End => mixed[..half].copy_from_slice(&new[..half]),
                Loss::Beginning => mixed[half..].copy_from_slice(&new[half..]),
            }
            // In place: the file stays the one that it is.
            std::fs::write(&path, mixed).unwrap();
        }
        for path in std::mem::take(&mut self.inner().unsynced_names) {
            if loss == Loss::All && path.is_dir() {
                std::fs::remove_dir_all(&path).unwrap();
            } else if loss == Loss::All && path.exists() {
                std::fs::remove_file(&path).unwrap();
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// One step that changes something; whether it is to happen.
    fn step(&self) -> io::Result<()> {
        let mut inner = self.inner();
        let this = inner.steps;
        inner.steps += 1;
        inner.stopped |= matches!(inner.fault, Fault::StopAt(step) if step <= this);
        let fails = matches!(inner.fault, Fault::FailAt(step) if step == this);
        if inner.stopped || fails {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        Ok(())
    }

    fn refuse(&self, path: &Path) -> io::Result<()> {
        match self.inner().lies.refuse {
            Some((name, kind)) if path.ends_with(name) => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn told(&self, path: &Path, mut stat: Stat) -> Stat {
        let lies = &self.inner().lies;
        if lies.no_birth_times {
            stat.born = 0;
        }
        match lies.owner {
            Some((name, owner)) if path.ends_with(name) => stat.owner = owner,
            _ => {}
        }
        stat
    }
}

impl Files for Disk {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        if how != OpenHow::Read {
            self.refuse(path)?;
        }
        let makes = matches!(how, OpenHow::Create { .. });
        if makes {
            self.step()?;
        }
        let file = SystemFiles.open(path, how)?;
        if makes {
            self.inner().unsynced_names.insert(path.to_owned());
        }
        Ok(Box::new(DiskFile { disk: self.clone(), path: path.to_owned(), file }))
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
        SystemFiles.stat(path).map(|stat| self.told(path, stat))
    }
    fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        let missing: Vec<_> = path.ancestors().take_while(|above| !above.exists()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.step()?;
        DirBuilder::new().recursive(true).mode(mode).create(path)?;
        self.inner().unsynced_names.extend(missing.iter().map(|made| (*made).to_owned()));
        missing.iter().try_for_each(|made| self.sync_dir(made.parent().unwrap()))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        SystemFiles.remove(path)
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.refuse(to)?;
        self.step()?;
        std::fs::rename(from, to)?;
        self.inner().unsynced_names.retain(|name| name.parent() != to.parent());
        Ok(())
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.inner().unsynced_names.retain(|name| name.parent() != Some(path));
        Ok(())
    }
    fn is_remote(&self, path: &Path) -> io::Result<bool> {
        let remote = self.inner().lies.remote;
        SystemFiles.is_remote(path).map(|truth| truth || remote)
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        SystemFiles.canonical(path)
    }
    fn user(&self) -> u32 {
        let lie = self.inner().lies.user;
        lie.unwrap_or_else(|| SystemFiles.user())
    }
    fn home(&self) -> io::Result<PathBuf> {
        match self.inner().lies.home.clone() {
            Some(home) => home.ok_or_else(|| ErrorKind::NotFound.into()),
            None => SystemFiles.home(),
        }
    }
    fn group_name(&self, group: u32) -> Option<String> {
        SystemFiles.group_name(group)
    }
}

struct DiskFile {
    disk: Disk,
    path: PathBuf,
    file: Box<dyn File>,
}

impl DiskFile {
    fn is_image(&self) -> bool {
        self.path.ends_with("a") || self.path.ends_with("b")
    }

    fn remember(&self) {
        let held = std::fs::read(&self.path).unwrap();
        let mut inner = self.disk.inner();
        inner.unsynced.entry(self.path.clone()).or_insert(held);
    }
}

impl File for DiskFile {
    fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = self.file.read_head(max)?;
        if self.is_image() {
            let mut inner = self.disk.inner();
            let this = inner.image_reads;
            inner.image_reads += 1;
            if this / 2 < inner.lies.disturbed {
                bytes[CUT] ^= u8::try_from(1 + this).unwrap();
            }
        }
        Ok(bytes)
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let was_stopped = self.disk.inner().stopped;
        self.remember();
        let step = self.disk.step();
        if step.is_err() && !was_stopped {
            self.file.write_at(offset, &bytes[..CUT.min(bytes.len())])?;
        }
        step?;
        self.file.write_at(offset, bytes)
    }
    fn allocate(&mut self, len: u64) -> io::Result<()> {
        self.disk.step()?;
        self.file.allocate(len)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.disk.step()?;
        let mut inner = self.disk.inner();
        if self.is_image() {
            let this = inner.syncs;
            inner.syncs += 1;
            if matches!(inner.fault, Fault::FailSyncs(those) if those.contains(&this)) {
                return Err(io::Error::from_raw_os_error(libc::EIO));
            }
        }
        // Durable by decree: a real sync would only make these tests slow.
        inner.unsynced.remove(&self.path);
        Ok(())
    }
    fn stat(&self) -> io::Result<Stat> {
        let stat = self.file.stat()?;
        Ok(self.disk.told(&self.path, stat))
    }
    fn set_group(&mut self, group: u32) -> io::Result<()> {
        self.file.set_group(group)
    }
    fn try_lock(&mut self, shared: bool) -> io::Result<bool> {
        let taken = self.file.try_lock(shared)?;
        self.disk.inner().locks += i64::from(taken);
        Ok(taken)
    }
    fn unlock(&mut self) -> io::Result<()> {
        self.disk.inner().locks -= 1;
        self.file.unlock()
    }
    fn try_lock_bytes(&mut self, bytes: Range<u64>, shared: bool) -> io::Result<bool> {
        self.file.try_lock_bytes(bytes, shared)
    }
    fn unlock_bytes(&mut self, bytes: Range<u64>) -> io::Result<()> {
        self.file.unlock_bytes(bytes)
    }
    fn locked_bytes(&self, bytes: Range<u64>, shared: bool) -> io::Result<Option<Range<u64>>> {
        self.file.locked_bytes(bytes, shared)
    }
}
