//! A machine's disk in memory: what a program sees, what is durable, and what a power cut leaves.
//!
//! A file's bytes exist twice. A write changes what is seen and is remembered as not yet durable; a
//! sync makes it so. A power cut leaves what is durable and, of the rest, whatever a disk may have
//! kept: all, nothing, a prefix of the writes, some of them, or only some of their 512-byte sectors.
//! Names work alike: a file that was made is there after a power cut for certain only once its
//! directory was synced.

mod locks;
mod power;
mod saved;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

use lm::ports::{FileKind, Stat};

pub(crate) use locks::Holder;
use power::SECTOR;
pub(crate) use saved::Saved;

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
