//! Files in memory, as the library's port wants them: what a target puts there is what a store holds.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use lm::ports::{File, FileKind, Files, OpenHow, Stat};

/// One disk. Clones are the same one.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Disk>>);

#[derive(Default)]
struct Disk {
    nodes: BTreeMap<PathBuf, Node>,
    made: u64,
}

#[derive(Clone)]
struct Node {
    bytes: Vec<u8>,
    stat: Stat,
}

impl Memory {
    /// What a file holds.
    pub fn get(&self, path: &Path) -> Option<Vec<u8>> {
        self.disk().nodes.get(path).map(|node| node.bytes.clone())
    }

    /// Changes what a file holds, which has to be there; it stays the file that it is.
    pub fn set(&self, path: &Path, bytes: Vec<u8>) {
        let mut disk = self.disk();
        disk.made += 1;
        let changed = i128::from(disk.made);
        let node = disk.nodes.get_mut(path).expect("the file is there");
        node.bytes = bytes;
        node.stat.changed = changed;
    }

    /// Another disk that holds the same.
    pub fn copy(&self) -> Self {
        let disk = self.disk();
        Self(Arc::new(Mutex::new(Disk { nodes: disk.nodes.clone(), made: disk.made })))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("one thread")
    }
}

impl Disk {
    fn make(&mut self, path: &Path, kind: FileKind, mode: u32) {
        self.made += 1;
        let stat = Stat {
            device: 1,
            inode: self.made,
            born: i128::from(self.made),
            changed: i128::from(self.made),
            mode,
            links: 1,
            kind,
            ..Stat::default()
        };
        self.nodes.insert(path.to_owned(), Node { bytes: Vec::new(), stat });
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let node = self.nodes.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(Stat { len: node.bytes.len() as u64, ..node.stat })
    }
}

impl Files for Memory {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        let mut disk = self.disk();
        match (how, disk.nodes.contains_key(path)) {
            (OpenHow::Create { mode }, false) => disk.make(path, FileKind::File, mode),
            (OpenHow::Create { .. }, true) => return Err(ErrorKind::AlreadyExists.into()),
            (_, true) => {}
            (_, false) => return Err(ErrorKind::NotFound.into()),
        }
        drop(disk);
        Ok(Box::new(Open { disk: self.clone(), path: path.to_owned() }))
    }
    fn read(&self, path: &Path, _max: usize) -> io::Result<Vec<u8>> {
        self.get(path).ok_or_else(|| ErrorKind::NotFound.into())
    }
    fn names(&self, _path: &Path) -> io::Result<Vec<String>> {
        Err(ErrorKind::NotFound.into())
    }
    fn link_target(&self, _path: &Path) -> io::Result<PathBuf> {
        Err(ErrorKind::NotFound.into())
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.disk().stat(path)
    }
    fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        let mut disk = self.disk();
        if !disk.nodes.contains_key(path) {
            disk.make(path, FileKind::Directory, mode);
        }
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk().nodes.remove(path).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let node = disk.nodes.remove(from).ok_or(ErrorKind::NotFound)?;
        disk.nodes.insert(to.to_owned(), node);
        Ok(())
    }
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
    fn is_remote(&self, _path: &Path) -> io::Result<bool> {
        Ok(false)
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }
    fn user(&self) -> u32 {
        0
    }
    fn home(&self) -> io::Result<PathBuf> {
        Ok(PathBuf::from("/home"))
    }
    fn group_name(&self, _group: u32) -> Option<String> {
        None
    }
}

struct Open {
    disk: Memory,
    path: PathBuf,
}

impl Open {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        let mut disk = self.disk.disk();
        disk.made += 1;
        let changed = i128::from(disk.made);
        let node = disk.nodes.get_mut(&self.path).ok_or(ErrorKind::NotFound)?;
        node.stat.changed = changed;
        Ok(work(&mut node.bytes))
    }
}

impl File for Open {
    fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = self.disk.get(&self.path).ok_or(ErrorKind::NotFound)?;
        bytes.truncate(max);
        Ok(bytes)
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.with(|held| {
            let at = offset as usize;
            held.resize(held.len().max(at + bytes.len()), 0);
            held[at..at + bytes.len()].copy_from_slice(bytes);
        })
    }
    fn allocate(&mut self, len: u64) -> io::Result<()> {
        self.with(|held| held.resize(len as usize, 0))
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn stat(&self) -> io::Result<Stat> {
        self.disk.disk().stat(&self.path)
    }
    fn set_group(&mut self, _group: u32) -> io::Result<()> {
        Ok(())
    }
    fn try_lock(&mut self, _shared: bool) -> io::Result<bool> {
        Ok(true)
    }
    fn unlock(&mut self) -> io::Result<()> {
        Ok(())
    }
}
