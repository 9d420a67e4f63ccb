//! Files that are in memory only, for a store that ends with its client.
//!
//! They behave as the system's do, locks and identities included, so a store in them is the same
//! store; nobody else can see them, so nobody can tear, copy or restore them.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

use crate::mutex::Mutex;
use crate::ports::{File, FileKind, Files, OpenHow, Stat};

/// A tree of files of its own. Clones are the same one. Threads: any.
#[derive(Clone, Default)]
pub struct MemoryFiles {
    user: u32,
    tree: Arc<Mutex<Tree>>,
}

#[derive(Default)]
struct Tree {
    nodes: BTreeMap<PathBuf, Node>,
    /// Counts what happens: numbers, times of birth and of change come from it.
    clock: u64,
    opened: u64,
}

struct Node {
    bytes: Vec<u8>,
    stat: Stat,
    locks: Vec<Lock>,
}

struct Lock {
    /// Which open file holds it.
    by: u64,
    /// `None`: the whole file's.
    bytes: Option<Range<u64>>,
    shared: bool,
}

struct Open {
    files: MemoryFiles,
    path: PathBuf,
    number: u64,
}

impl MemoryFiles {
    /// An empty tree, whose files belong to this user.
    #[must_use]
    pub fn new(user: u32) -> Self {
        Self { user, tree: Arc::default() }
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock()
    }
}

impl Tree {
    fn make(&mut self, path: &Path, kind: FileKind, mode: u32, owner: u32) {
        self.clock += 1;
        let (inode, now) = (self.clock, i128::from(self.clock));
        let stat = Stat {
            device: 1,
            inode,
            born: now,
            changed: now,
            owner,
            mode,
            links: 1,
            kind,
            ..Stat::default()
        };
        self.nodes.insert(path.to_owned(), Node { bytes: Vec::new(), stat, locks: Vec::new() });
    }

    fn node(&mut self, path: &Path) -> io::Result<&mut Node> {
        self.nodes.get_mut(path).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn changed(&mut self, path: &Path) -> io::Result<&mut Node> {
        self.clock += 1;
        let now = i128::from(self.clock);
        let node = self.node(path)?;
        node.stat.changed = now;
        Ok(node)
    }
}

impl Node {
    fn stat(&self) -> Stat {
        Stat { len: self.bytes.len() as u64, ..self.stat }
    }

    /// A lock of another open file that stands against this one.
    fn against(&self, by: u64, bytes: Option<&Range<u64>>, shared: bool) -> Option<&Lock> {
        let meets = |lock: &&Lock| match (&lock.bytes, bytes) {
            (None, None) => true,
            (Some(held), Some(asked)) => held.start < asked.end && asked.start < held.end,
            _ => false,
        };
        let exclusive = |lock: &&Lock| !(lock.shared && shared);
        self.locks.iter().filter(|lock| lock.by != by).filter(meets).find(exclusive)
    }

    fn try_lock(&mut self, by: u64, bytes: Option<Range<u64>>, shared: bool) -> bool {
        let free = self.against(by, bytes.as_ref(), shared).is_none();
        if free {
            self.unlock(by, bytes.as_ref());
            self.locks.push(Lock { by, bytes, shared });
        }
        free
    }

    /// Lets a lock go; of a range, the part that is asked about.
    fn unlock(&mut self, by: u64, bytes: Option<&Range<u64>>) {
        let mut kept = Vec::new();
        for lock in self.locks.drain(..) {
            match (&lock.bytes, bytes) {
                (None, None) if lock.by == by => {}
                (Some(held), Some(freed)) if lock.by == by => {
                    let rest = [
                        held.start..freed.start.min(held.end),
                        freed.end.max(held.start)..held.end,
                    ];
                    let rest = rest.into_iter().filter(|rest| !rest.is_empty());
                    kept.extend(rest.map(|rest| Lock {
                        by,
                        bytes: Some(rest),
                        shared: lock.shared,
                    }));
                }
                _ => kept.push(lock),
            }
        }
        self.locks = kept;
    }
}

impl Files for MemoryFiles {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        let mut tree = self.tree();
        match (how, tree.nodes.contains_key(path)) {
            (OpenHow::Create { mode }, false) => tree.make(path, FileKind::File, mode, self.user),
            (OpenHow::Create { .. }, true) => return Err(ErrorKind::AlreadyExists.into()),
            (OpenHow::Read | OpenHow::Write, true) => {}
            (OpenHow::Read | OpenHow::Write, false) => return Err(ErrorKind::NotFound.into()),
        }
        tree.opened += 1;
        let number = tree.opened;
        Ok(Box::new(Open { files: self.clone(), path: path.to_owned(), number }))
    }
    fn read(&self, path: &Path, max: usize) -> io::Result<Vec<u8>> {
        let bytes = self.tree().node(path)?.bytes.clone();
        if bytes.len() > max { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }
    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        let tree = self.tree();
        let inside = tree.nodes.keys().filter(|known| known.parent() == Some(path));
        Ok(inside.filter_map(|known| known.file_name()?.to_str().map(str::to_owned)).collect())
    }
    fn link_target(&self, _: &Path) -> io::Result<PathBuf> {
        Err(ErrorKind::InvalidInput.into())
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        Ok(self.tree().node(path)?.stat())
    }
    fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        let mut tree = self.tree();
        for missing in path.ancestors() {
            if !tree.nodes.contains_key(missing) {
                tree.make(missing, FileKind::Directory, mode, self.user);
            }
        }
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.tree().nodes.remove(path).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut tree = self.tree();
        let node = tree.nodes.remove(from).ok_or(ErrorKind::NotFound)?;
        tree.nodes.insert(to.to_owned(), node);
        Ok(())
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn is_remote(&self, _: &Path) -> io::Result<bool> {
        Ok(false)
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }
    fn user(&self) -> u32 {
        self.user
    }
    fn home(&self) -> io::Result<PathBuf> {
        Ok(PathBuf::from("/memory"))
    }
    fn group_name(&self, _: u32) -> Option<String> {
        None
    }
}

impl File for Open {
    fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let mut tree = self.files.tree();
        let bytes = &tree.node(&self.path)?.bytes;
        Ok(bytes.get(..max).unwrap_or(bytes).to_vec())
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| ErrorKind::FileTooLarge)?;
        let end = start.checked_add(bytes.len()).ok_or(ErrorKind::FileTooLarge)?;
        let mut tree = self.files.tree();
        let held = &mut tree.changed(&self.path)?.bytes;
        held.resize(held.len().max(end), 0);
        if let Some(place) = held.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        Ok(())
    }
    fn allocate(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| ErrorKind::FileTooLarge)?;
        self.files.tree().changed(&self.path)?.bytes.resize(len, 0);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn stat(&self) -> io::Result<Stat> {
        Ok(self.files.tree().node(&self.path)?.stat())
    }
    fn set_group(&mut self, group: u32) -> io::Result<()> {
        self.files.tree().node(&self.path)?.stat.group = group;
        Ok(())
    }
    fn try_lock(&mut self, shared: bool) -> io::Result<bool> {
        Ok(self.files.tree().node(&self.path)?.try_lock(self.number, None, shared))
    }
    fn unlock(&mut self) -> io::Result<()> {
        self.files.tree().node(&self.path)?.unlock(self.number, None);
        Ok(())
    }
    fn try_lock_bytes(&mut self, bytes: Range<u64>, shared: bool) -> io::Result<bool> {
        Ok(self.files.tree().node(&self.path)?.try_lock(self.number, Some(bytes), shared))
    }
    fn unlock_bytes(&mut self, bytes: Range<u64>) -> io::Result<()> {
        self.files.tree().node(&self.path)?.unlock(self.number, Some(&bytes));
        Ok(())
    }
    fn locked_bytes(&self, bytes: Range<u64>, shared: bool) -> io::Result<Option<Range<u64>>> {
        let mut tree = self.files.tree();
        let found = tree.node(&self.path)?.against(self.number, Some(&bytes), shared);
        Ok(found
            .and_then(|lock| lock.bytes.clone())
            .map(|held| held.start.max(bytes.start)..held.end.min(bytes.end)))
    }
}

/// Closing lets go what this open file has locked.
impl Drop for Open {
    fn drop(&mut self) {
        if let Ok(node) = self.files.tree().node(&self.path) {
            node.locks.retain(|lock| lock.by != self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots() -> (MemoryFiles, impl Fn(&MemoryFiles) -> Box<dyn File>) {
        let files = MemoryFiles::new(7);
        files.make_dir(Path::new("/s"), 0o700).unwrap();
        files.open(Path::new("/s/slots"), OpenHow::Create { mode: 0o600 }).unwrap();
        (files, |files| files.open(Path::new("/s/slots"), OpenHow::Write).unwrap())
    }

    #[test]
    fn locks_are_of_an_open_file_and_go_with_it() {
        let (files, open) = slots();
        let (mut one, mut other) = (open(&files), open(&files));
        assert!(one.try_lock_bytes(2..5, false).unwrap());
        assert!(!other.try_lock_bytes(0..3, false).unwrap());
        assert_eq!(other.locked_bytes(0..9, true).unwrap(), Some(2..5));
        assert_eq!(one.locked_bytes(0..9, false).unwrap(), None, "one's own stand against nobody");
        one.unlock_bytes(3..4).unwrap();
        assert!(other.try_lock_bytes(3..4, false).unwrap());
        assert!(!other.try_lock_bytes(4..5, true).unwrap());
        // The whole file's lock is another one.
        assert!(one.try_lock(false).unwrap() && !other.try_lock(true).unwrap());
        drop(one);
        assert!(other.try_lock_bytes(0..9, false).unwrap() && other.try_lock(true).unwrap());
        assert!(open(&files).try_lock(true).unwrap(), "two readers");
    }

    #[test]
    fn a_file_keeps_its_identity_and_a_new_one_has_another() {
        let (files, open) = slots();
        let path = Path::new("/s/slots");
        let before = files.stat(path).unwrap();
        open(&files).write_at(3, b"x").unwrap();
        let after = files.stat(path).unwrap();
        assert_eq!((before.inode, before.born, after.len), (after.inode, after.born, 4));
        assert_ne!(before.changed, after.changed);
        assert_eq!(files.names(Path::new("/s")).unwrap(), ["slots"]);
        files.remove(path).unwrap();
        files.open(path, OpenHow::Create { mode: 0o600 }).unwrap();
        assert_ne!(files.stat(path).unwrap().inode, before.inode);
        assert_eq!(files.stat(path).unwrap().owner, 7);
    }
}
