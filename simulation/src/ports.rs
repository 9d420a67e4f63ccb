//! The ports of one process: what the real client sees of the world.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lm::limits::STATUS_AGE;
use lm::ports::{
    Clock, File, Files, HttpRequest, HttpResponse, OpenHow, Ports, Random, Stat, Transport,
};

use crate::disk::{Disk, Holder};
use crate::fault::Fault;
use crate::locked;
use crate::machine::{HOME, Machine, Process, anchors};
use crate::world::{Point, World};

/// The world as one process sees it. Clones are the same.
#[derive(Clone)]
pub(crate) struct View {
    world: Arc<World>,
    process: Arc<Process>,
    /// The judgment reads by it: nothing fails, nothing happens meanwhile.
    watches: bool,
}

/// Handles are numbered through all worlds: they are only compared.
static HANDLES: AtomicU64 = AtomicU64::new(1);

impl View {
    pub(crate) fn new(world: Arc<World>, process: Arc<Process>) -> Self {
        Self { world, process, watches: false }
    }

    /// The judgment's own.
    pub(crate) fn watching(world: Arc<World>, process: Arc<Process>) -> Self {
        Self { world, process, watches: true }
    }

    pub(crate) fn ports(&self) -> Ports {
        Ports {
            clock: Arc::new(self.clone()),
            random: Arc::new(self.clone()),
            files: Arc::new(self.clone()),
        }
    }

    fn machine(&self) -> &Machine {
        self.world.machine(self.process.place.machine)
    }

    fn disk<T>(&self, work: impl FnOnce(&mut Disk) -> T) -> T {
        work(&mut locked(&self.machine().disk))
    }

    /// Before something happens: the process may die here, others may come first.
    fn at(&self, point: Point) {
        if !self.watches {
            self.world.at(&self.process, point);
        }
    }

    fn has(&self, fault: Fault) -> bool {
        !self.watches && self.world.has(fault)
    }
}

impl Clock for View {
    fn wall(&self) -> i64 {
        locked(&self.machine().clocks).wall(self.world.now())
    }
    fn monotonic(&self) -> Duration {
        milliseconds(locked(&self.machine().clocks).monotonic(self.world.now()))
    }
    fn boot(&self) -> Duration {
        milliseconds(locked(&self.machine().clocks).boot(self.world.now()))
    }
    fn sleep(&self, duration: Duration) {
        if duration == STATUS_AGE && self.has(Fault::WaitSkipped) {
            return;
        }
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.world.pass(milliseconds.saturating_add(1));
        self.at(Point::Slept);
    }
}

fn milliseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}

impl Random for View {
    fn fill(&self, bytes: &mut [u8]) -> lm::Result<()> {
        self.world.secrets(bytes);
        if self.has(Fault::OperationRepeated) && bytes.len() == 16 {
            self.world.repeated(bytes);
        }
        Ok(())
    }
}

impl Transport for View {
    fn post(&self, request: &HttpRequest<'_>) -> lm::Result<HttpResponse> {
        self.world.post(&self.process, request)
    }
}

impl Files for View {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        if let OpenHow::Create { .. } = how {
            self.at(Point::Changes);
        }
        let inode = self.disk(|disk| match how {
            OpenHow::Create { mode } => disk.create(path, mode),
            OpenHow::Read | OpenHow::Write => disk.find(path),
        })?;
        let handle = HANDLES.fetch_add(1, Ordering::Relaxed);
        let is_anchor = path.starts_with(anchors());
        let is_new = matches!(how, OpenHow::Create { .. });
        Ok(Box::new(Open { view: self.clone(), inode, handle, is_anchor, is_new }))
    }
    fn read(&self, path: &Path, max: usize) -> io::Result<Vec<u8>> {
        self.disk(|disk| {
            let bytes = disk.bytes(disk.find(path)?)?;
            if bytes.len() > max {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Ok(bytes.to_vec())
        })
    }
    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        self.disk(|disk| disk.names(path))
    }
    fn link_target(&self, path: &Path) -> io::Result<PathBuf> {
        self.disk(|disk| disk.link_target(path))
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.disk(|disk| disk.stat(path))
    }
    fn make_dir(&self, path: &Path, _: u32) -> io::Result<()> {
        let above: Vec<_> = path.ancestors().collect();
        for directory in above.into_iter().rev() {
            if !self.disk(|disk| disk.exists(directory)) {
                self.at(Point::Changes);
                self.disk(|disk| disk.make_one_dir(directory));
                self.sync_dir(directory.parent().unwrap_or(directory))?;
            }
        }
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.at(Point::Changes);
        self.disk(|disk| disk.remove(path))
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.at(Point::Changes);
        self.disk(|disk| disk.replace(from, to))
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.at(Point::Syncs);
        if !self.has(Fault::DirectorySyncSkipped) {
            self.disk(|disk| disk.sync_dir(path));
        }
        Ok(())
    }
    fn is_remote(&self, _: &Path) -> io::Result<bool> {
        Ok(false)
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }
    fn user(&self) -> u32 {
        crate::USER
    }
    fn home(&self) -> io::Result<PathBuf> {
        Ok(PathBuf::from(HOME))
    }
    fn group_name(&self, _: u32) -> Option<String> {
        Some("users".to_owned())
    }
}

struct Open {
    view: View,
    inode: u64,
    handle: u64,
    is_anchor: bool,
    is_new: bool,
}

impl Open {
    fn is_image(&self) -> bool {
        !self.is_anchor
    }
}

impl File for Open {
    fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let older = self.is_image() && self.view.has(Fault::OlderImageServed);
        let older = older && self.view.world.percent(2);
        self.view.disk(|disk| {
            let bytes = if older { disk.bytes_before(self.inode) } else { disk.bytes(self.inode) }?;
            Ok(bytes.get(..max).unwrap_or(bytes).to_vec())
        })
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        if self.is_anchor && self.view.has(Fault::AnchorNotRaised) && !self.is_new {
            return Ok(());
        }
        if self.view.world.dies_at_write(&self.view.process) {
            let cut = self.view.world.below(bytes.len());
            self.view.disk(|disk| disk.write_torn(self.inode, offset, bytes, cut));
        }
        self.view.at(Point::Changes);
        self.view.disk(|disk| disk.write(self.inode, offset, bytes))
    }
    fn allocate(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.view.at(Point::Changes);
        self.view.disk(|disk| disk.allocate(self.inode, len))
    }
    fn sync(&mut self) -> io::Result<()> {
        self.view.at(Point::Syncs);
        if self.is_image() && self.view.has(Fault::SyncSkipped) {
            return Ok(());
        }
        self.view.disk(|disk| disk.sync(self.inode))
    }
    fn stat(&self) -> io::Result<Stat> {
        self.view.disk(|disk| disk.stat_of(self.inode))
    }
    fn set_group(&mut self, _: u32) -> io::Result<()> {
        Ok(())
    }
    fn try_lock(&mut self, shared: bool) -> io::Result<bool> {
        if self.view.has(Fault::LockNotTaken) {
            return Ok(true);
        }
        let holder = Holder { process: self.view.process.number, handle: self.handle };
        self.view.disk(|disk| disk.lock(self.inode, holder, shared))
    }
    fn try_lock_bytes(&mut self, bytes: Range<u64>, shared: bool) -> io::Result<bool> {
        self.view.at(Point::Locks);
        if self.view.has(Fault::SeatNotLocked) {
            return Ok(true);
        }
        let holder = Holder { process: self.view.process.number, handle: self.handle };
        self.view.disk(|disk| disk.lock_bytes(self.inode, holder, (bytes, shared)))
    }
    fn unlock_bytes(&mut self, bytes: Range<u64>) -> io::Result<()> {
        self.view.disk(|disk| disk.unlock_bytes(self.inode, self.handle, &bytes));
        Ok(())
    }
    fn locked_bytes(&self, bytes: Range<u64>, shared: bool) -> io::Result<Option<Range<u64>>> {
        self.view.disk(|disk| disk.locked_bytes(self.inode, self.handle, (bytes, shared)))
    }
    fn unlock(&mut self) -> io::Result<()> {
        if !self.view.has(Fault::LockKept) {
            self.view.disk(|disk| disk.unlock(self.inode, self.handle));
        }
        Ok(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.view.has(Fault::LockKept) {
            self.view.disk(|disk| disk.close(self.inode, self.handle));
        }
    }
}
