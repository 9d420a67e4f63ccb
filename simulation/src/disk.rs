//! A machine's disk in memory: what a program sees, what is durable, and what a power cut leaves.
//!
//! A file's bytes exist twice. A write changes what is seen and is remembered as not yet durable; a
//! sync makes it so. A power cut leaves what is durable and, of the rest, whatever a disk may have
//! kept: all, nothing, a prefix of the writes, some of them, or only some of their 512-byte sectors.
//! Names work alike: a file that was made is there after a power cut for certain only once its
//! directory was synced.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

use lm::ports::{FileKind, Stat};

use crate::dice::Dice;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// Who asks for a lock: a handle, and the process that has it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) process: u64,
    pub(crate) handle: u64,
}

/// What stands under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Directory,
    Link(PathBuf),
    File(u64),
}

/// A change of a file that no sync has made durable.
#[derive(Clone, Debug)]
enum Change {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    born: i128,
    changed: i128,
    mode: u32,
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    locks: Vec<(Holder, bool)>,
    /// Ranges of bytes that are locked, shared or not.
    ranges: Vec<(Holder, Range<u64>, bool)>,
    /// What it held before it was last written, for the fault that serves it.
    before: Vec<u8>,
}

/// A disk.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    device: u64,
    ticks: i128,
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, Entry>,
    durable_names: BTreeMap<PathBuf, Entry>,
}

/// The files of one directory with what tells them apart, as a backup or a copy of it has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saved(Vec<(String, Vec<u8>)>);

impl Saved {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Disk {
    pub(crate) fn new(device: u64) -> Self {
        let mut disk = Self {
            device,
            ticks: 0,
            inodes: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
        };
        disk.make_dir(Path::new("/"));
        disk
    }

    /// Rises with every change that a program could see.
    pub(crate) fn ticks(&self) -> i128 {
        self.ticks
    }

    fn tick(&mut self) -> i128 {
        self.ticks += 1;
        self.ticks
    }

    /// Whether something stands there.
    pub(crate) fn exists(&self, path: &Path) -> bool {
        self.names.contains_key(path)
    }

    /// Makes one directory, whose name is not durable yet.
    pub(crate) fn make_one_dir(&mut self, path: &Path) {
        self.tick();
        self.names.entry(path.to_owned()).or_insert(Entry::Directory);
    }

    /// Directories that are simply there.
    pub(crate) fn make_dir(&mut self, path: &Path) {
        for ancestor in path.ancestors() {
            self.names.entry(ancestor.to_owned()).or_insert(Entry::Directory);
            self.durable_names.entry(ancestor.to_owned()).or_insert(Entry::Directory);
        }
    }

    /// A file that is simply there, as the system installed it.
    pub(crate) fn install(&mut self, path: &str, bytes: &[u8]) {
        let path = Path::new(path);
        if let Some(parent) = path.parent() {
            self.make_dir(parent);
        }
        let number = self.new_inode(0o644);
        if let Some(inode) = self.inodes.get_mut(&number) {
            (inode.seen, inode.durable) = (bytes.to_vec(), bytes.to_vec());
        }
        self.names.insert(path.to_owned(), Entry::File(number));
        self.durable_names.insert(path.to_owned(), Entry::File(number));
    }

    /// A link, for the tree of devices.
    pub(crate) fn install_link(&mut self, path: &str, target: &str) {
        self.names.insert(PathBuf::from(path), Entry::Link(PathBuf::from(target)));
        self.durable_names.insert(PathBuf::from(path), Entry::Link(PathBuf::from(target)));
    }

    fn new_inode(&mut self, mode: u32) -> u64 {
        let at = self.tick();
        let number = u64::try_from(at).unwrap_or(u64::MAX);
        let born = i128::from(self.device) * 1_000_000_000 + at;
        self.inodes.insert(number, Inode { born, changed: born, mode, ..Inode::default() });
        number
    }

    pub(crate) fn create(&mut self, path: &Path, mode: u32) -> io::Result<u64> {
        if self.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let parent = path.parent().unwrap_or(path);
        if self.names.get(parent) != Some(&Entry::Directory) {
            return Err(ErrorKind::NotFound.into());
        }
        let number = self.new_inode(mode);
        self.names.insert(path.to_owned(), Entry::File(number));
        Ok(number)
    }

    pub(crate) fn find(&self, path: &Path) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Entry::File(number)) => Ok(*number),
            Some(Entry::Directory) => Err(ErrorKind::IsADirectory.into()),
            Some(Entry::Link(_)) => Err(ErrorKind::InvalidInput.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn inode(&self, number: u64) -> io::Result<&Inode> {
        self.inodes.get(&number).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn inode_mut(&mut self, number: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&number).ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(crate) fn bytes(&self, number: u64) -> io::Result<&[u8]> {
        Ok(&self.inode(number)?.seen)
    }

    /// What the file held before its last write.
    pub(crate) fn bytes_before(&self, number: u64) -> io::Result<&[u8]> {
        Ok(&self.inode(number)?.before)
    }

    pub(crate) fn write(&mut self, number: u64, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let at = self.tick();
        let inode = self.inode_mut(number)?;
        inode.before.clone_from(&inode.seen);
        overwrite(&mut inode.seen, offset, bytes);
        inode.pending.push(Change::Bytes(offset, bytes.to_vec()));
        inode.changed = inode.born + at;
        Ok(())
    }

    /// Only the sectors up to `cut` bytes were written when the process was killed.
    pub(crate) fn write_torn(&mut self, number: u64, offset: usize, bytes: &[u8], cut: usize) {
        let cut = cut.min(bytes.len()) / SECTOR * SECTOR;
        if let Some(head) = bytes.get(..cut).filter(|head| !head.is_empty()) {
            // A process that is killed sees no error.
            let _ = self.write(number, offset, head);
        }
    }

    pub(crate) fn allocate(&mut self, number: u64, len: usize) -> io::Result<()> {
        let at = self.tick();
        let inode = self.inode_mut(number)?;
        if inode.seen.len() < len {
            inode.seen.resize(len, 0);
            inode.pending.push(Change::Length(len));
            inode.changed = inode.born + at;
        }
        Ok(())
    }

    pub(crate) fn sync(&mut self, number: u64) -> io::Result<()> {
        let inode = self.inode_mut(number)?;
        if !inode.pending.is_empty() {
            inode.pending.clear();
            inode.durable.clone_from(&inode.seen);
        }
        Ok(())
    }

    pub(crate) fn sync_dir(&mut self, directory: &Path) {
        let is_in = |path: &Path| path.parent() == Some(directory);
        self.durable_names.retain(|path, _| !is_in(path));
        let here = self.names.iter().filter(|(path, _)| is_in(path));
        self.durable_names.extend(here.map(|(path, entry)| (path.clone(), entry.clone())));
    }

    pub(crate) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        self.tick();
        self.names.remove(path);
        Ok(())
    }

    /// Renames, which is atomic, and syncs the directory.
    pub(crate) fn replace(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let number = self.find(from)?;
        self.tick();
        self.names.remove(from);
        self.names.insert(to.to_owned(), Entry::File(number));
        self.sync_dir(to.parent().unwrap_or(to));
        Ok(())
    }

    pub(crate) fn stat(&self, path: &Path) -> io::Result<Stat> {
        match self.names.get(path) {
            None => Err(ErrorKind::NotFound.into()),
            Some(Entry::File(number)) => self.stat_of(*number),
            Some(Entry::Directory) => {
                Ok(Stat { kind: FileKind::Directory, mode: 0o700, ..self.owned(2) })
            }
            Some(Entry::Link(_)) => Ok(Stat { kind: FileKind::Link, ..self.owned(1) }),
        }
    }

    pub(crate) fn stat_of(&self, number: u64) -> io::Result<Stat> {
        let inode = self.inode(number)?;
        Ok(Stat {
            inode: number,
            born: inode.born,
            changed: inode.changed,
            len: u64::try_from(inode.seen.len()).unwrap_or(u64::MAX),
            mode: inode.mode,
            ..self.owned(1)
        })
    }

    fn owned(&self, links: u64) -> Stat {
        Stat {
            device: self.device,
            owner: crate::USER,
            group: crate::USER,
            links,
            ..Stat::default()
        }
    }

    pub(crate) fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        if self.names.get(directory) != Some(&Entry::Directory) {
            return Err(ErrorKind::NotFound.into());
        }
        let here = self.names.keys().filter(|path| path.parent() == Some(directory));
        let name = |path: &PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
        Ok(here.filter_map(name).collect())
    }

    pub(crate) fn link_target(&self, path: &Path) -> io::Result<PathBuf> {
        match self.names.get(path) {
            Some(Entry::Link(target)) => Ok(target.clone()),
            Some(_) => Err(ErrorKind::InvalidInput.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Takes the whole-file lock as `flock` does. `false`: another handle has it.
    pub(crate) fn lock(&mut self, number: u64, holder: Holder, shared: bool) -> io::Result<bool> {
        let inode = self.inode_mut(number)?;
        let in_the_way = |(other, is_shared): &(Holder, bool)| {
            other.handle != holder.handle && !(shared && *is_shared)
        };
        if inode.locks.iter().any(in_the_way) {
            return Ok(false);
        }
        inode.locks.retain(|(other, _)| other.handle != holder.handle);
        inode.locks.push((holder, shared));
        Ok(true)
    }

    /// Lets the lock of a handle go.
    pub(crate) fn unlock(&mut self, number: u64, handle: u64) {
        if let Some(inode) = self.inodes.get_mut(&number) {
            inode.locks.retain(|(holder, _)| holder.handle != handle);
        }
    }

    /// A handle is closed.
    pub(crate) fn close(&mut self, number: u64, handle: u64) {
        self.unlock(number, handle);
        if let Some(inode) = self.inodes.get_mut(&number) {
            inode.ranges.retain(|(holder, ..)| holder.handle != handle);
        }
    }

    /// Locks a range of bytes as the open files of Linux do. `false`: another handle stands against it.
    pub(crate) fn lock_bytes(
        &mut self,
        number: u64,
        holder: Holder,
        (bytes, shared): (Range<u64>, bool),
    ) -> io::Result<bool> {
        if self.locked_bytes(number, holder.handle, (bytes.clone(), shared))?.is_some() {
            return Ok(false);
        }
        self.unlock_bytes(number, holder.handle, &bytes);
        self.inode_mut(number)?.ranges.push((holder, bytes, shared));
        Ok(true)
    }

    /// The part of a lock that stands against locking these bytes in this way.
    pub(crate) fn locked_bytes(
        &self,
        number: u64,
        handle: u64,
        (bytes, shared): (Range<u64>, bool),
    ) -> io::Result<Option<Range<u64>>> {
        let against = |(other, range, is_shared): &(Holder, Range<u64>, bool)| {
            let both = range.start.max(bytes.start)..range.end.min(bytes.end);
            let conflicts = other.handle != handle && !(shared && *is_shared);
            (conflicts && !both.is_empty()).then_some(both)
        };
        Ok(self.inode(number)?.ranges.iter().find_map(against))
    }

    /// Lets a range go that this handle has locked.
    pub(crate) fn unlock_bytes(&mut self, number: u64, handle: u64, bytes: &Range<u64>) {
        let Some(inode) = self.inodes.get_mut(&number) else { return };
        let mut left = Vec::new();
        for (holder, range, shared) in std::mem::take(&mut inode.ranges) {
            if holder.handle != handle {
                left.push((holder, range, shared));
                continue;
            }
            let before = range.start..range.end.min(bytes.start);
            let after = range.start.max(bytes.end)..range.end;
            let parts = [before, after].into_iter().filter(|part| !part.is_empty());
            left.extend(parts.map(|part| (holder, part, shared)));
        }
        inode.ranges = left;
    }

    /// The kernel lets go of all that a dead process held.
    pub(crate) fn process_died(&mut self, process: u64) {
        for inode in self.inodes.values_mut() {
            inode.locks.retain(|(holder, _)| holder.process != process);
            inode.ranges.retain(|(holder, ..)| holder.process != process);
        }
    }

    /// The power goes.
    pub(crate) fn lose_power(&mut self, dice: &mut Dice) {
        let at = self.tick();
        for inode in self.inodes.values_mut() {
            inode.locks.clear();
            inode.ranges.clear();
            if !inode.pending.is_empty() {
                inode.durable = survived(inode, dice);
                inode.seen.clone_from(&inode.durable);
                inode.pending.clear();
                inode.changed = inode.born + at;
            }
        }
        self.lose_names(dice);
    }

    fn lose_names(&mut self, dice: &mut Dice) {
        let paths: Vec<_> = self.names.keys().chain(self.durable_names.keys()).cloned().collect();
        for path in paths {
            let (seen, durable) = (self.names.get(&path), self.durable_names.get(&path));
            let kept = if seen == durable || dice.percent(50) { seen } else { durable };
            match kept.cloned() {
                Some(entry) => {
                    self.names.insert(path.clone(), entry.clone());
                    self.durable_names.insert(path, entry);
                }
                None => {
                    self.names.remove(&path);
                    self.durable_names.remove(&path);
                }
            }
        }
        // With a directory goes what was in it. Parents come before their children here.
        let mut left = BTreeMap::new();
        for (path, entry) in std::mem::take(&mut self.names) {
            let is_root = path.parent().is_none();
            if is_root || path.parent().is_some_and(|above| left.contains_key(above)) {
                left.insert(path, entry);
            }
        }
        self.durable_names.clone_from(&left);
        self.names = left;
    }

    /// A copy of the files of a directory.
    pub(crate) fn save(&self, directory: &Path) -> Saved {
        let names = self.names(directory).unwrap_or_default();
        let read = |name: String| {
            let bytes = self.bytes(self.find(&directory.join(&name)).ok()?).ok()?.to_vec();
            Some((name, bytes))
        };
        Saved(names.into_iter().filter_map(read).collect())
    }

    /// Puts saved files into a directory: into the files that are there (`in_place`), or as new ones.
    pub(crate) fn put(&mut self, directory: &Path, saved: &Saved, in_place: bool) {
        self.make_dir(directory);
        for (name, bytes) in &saved.0 {
            let path = directory.join(name);
            let number = match self.find(&path) {
                Ok(number) if in_place => number,
                _ => self.new_inode(0o600),
            };
            let at = self.tick();
            if let Some(inode) = self.inodes.get_mut(&number) {
                (inode.seen, inode.durable) = (bytes.clone(), bytes.clone());
                inode.pending.clear();
                inode.changed = inode.born + at;
            }
            self.names.insert(path, Entry::File(number));
        }
        self.sync_dir(directory);
    }

    /// Becomes a copy of another disk, or of itself on an earlier day. What is made later has numbers of
    /// its own all the same.
    pub(crate) fn become_like(&mut self, other: Self) {
        let ticks = self.ticks.max(other.ticks) + 1;
        *self = other;
        self.ticks = ticks;
        for inode in self.inodes.values_mut() {
            inode.locks.clear();
            inode.ranges.clear();
            inode.pending.clear();
            inode.durable.clone_from(&inode.seen);
        }
        self.durable_names.clone_from(&self.names);
    }

    /// Takes a directory's files away.
    pub(crate) fn clear(&mut self, directory: &Path) {
        for name in self.names(directory).unwrap_or_default() {
            self.tick();
            self.names.remove(&directory.join(name));
        }
        self.sync_dir(directory);
    }
}

fn overwrite(bytes: &mut Vec<u8>, offset: usize, new: &[u8]) {
    let end = offset + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(offset..end) {
        place.copy_from_slice(new);
    }
}

/// What a power cut leaves of a file.
fn survived(inode: &Inode, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = inode.durable.clone();
    let how = dice.below(5);
    let first = dice.index(inode.pending.len() + 1).unwrap_or(0);
    for (number, change) in inode.pending.iter().enumerate() {
        let kept = match how {
            0 => false,
            1 => true,
            2 => number < first,
            3 => dice.percent(50),
            _ => {
                torn(&mut bytes, change, dice);
                false
            }
        };
        if kept {
            apply(&mut bytes, change);
        }
    }
    bytes
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(len) if bytes.len() < *len => bytes.resize(*len, 0),
        Change::Length(_) => {}
        Change::Bytes(offset, new) => overwrite(bytes, *offset, new),
    }
}

/// Some sectors of a write reached the disk: the first ones, or any.
fn torn(bytes: &mut Vec<u8>, change: &Change, dice: &mut Dice) {
    let Change::Bytes(offset, new) = change else {
        if dice.percent(50) {
            apply(bytes, change);
        }
        return;
    };
    let count = new.len().div_ceil(SECTOR);
    let (in_order, first) = (dice.percent(50), dice.index(count + 1).unwrap_or(0));
    for (number, sector) in new.chunks(SECTOR).enumerate() {
        let kept = if in_order { number < first } else { dice.percent(50) };
        if kept {
            overwrite(bytes, offset + number * SECTOR, sector);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> (Disk, u64) {
        let mut disk = Disk::new(1);
        disk.make_dir(Path::new("/d"));
        let number = disk.create(Path::new("/d/a"), 0o600).unwrap();
        disk.sync_dir(Path::new("/d"));
        (disk, number)
    }

    #[test]
    fn what_was_synced_stays_and_the_rest_may_be_anything() {
        let (mut old, mut new, mut mixed) = (0, 0, 0);
        for seed in 0..200 {
            let (mut disk, number) = disk();
            disk.write(number, 0, &[1; 2048]).unwrap();
            disk.sync(number).unwrap();
            disk.write(number, 0, &[2; 2048]).unwrap();
            disk.lose_power(&mut Dice::of(seed, 0, 0));
            let left = disk.bytes(number).unwrap();
            assert_eq!(left.len(), 2048);
            assert!(left.chunks(SECTOR).all(|s| s == [1; SECTOR] || s == [2; SECTOR]));
            let news = left.iter().filter(|byte| **byte == 2).count();
            match news {
                0 => old += 1,
                2048 => new += 1,
                _ => mixed += 1,
            }
        }
        assert!(old > 20 && new > 20 && mixed > 10, "{old} {new} {mixed}");
    }

    #[test]
    fn a_new_file_is_certain_only_once_its_directory_is_synced() {
        let mut gone = 0;
        for seed in 0..50 {
            let (mut disk, number) = disk();
            disk.write(number, 0, b"x").unwrap();
            disk.sync(number).unwrap();
            let fresh = disk.create(Path::new("/d/b"), 0o600).unwrap();
            disk.sync(fresh).unwrap();
            disk.lose_power(&mut Dice::of(seed, 0, 0));
            assert_eq!(disk.bytes(disk.find(Path::new("/d/a")).unwrap()).unwrap(), b"x");
            gone += usize::from(disk.find(Path::new("/d/b")).is_err());
        }
        assert!((5..45).contains(&gone), "{gone}");
    }

    #[test]
    fn locks_belong_to_handles_and_go_with_their_process() {
        let (mut disk, number) = disk();
        let (one, two) = (Holder { process: 1, handle: 1 }, Holder { process: 2, handle: 2 });
        assert!(disk.lock(number, one, true).unwrap());
        assert!(disk.lock(number, two, true).unwrap());
        assert!(!disk.lock(number, one, false).unwrap());
        disk.process_died(2);
        assert!(disk.lock(number, one, false).unwrap());
        assert!(!disk.lock(number, two, true).unwrap());
        disk.unlock(number, 1);
        assert!(disk.lock(number, two, true).unwrap());
    }
}
