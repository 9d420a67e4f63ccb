//! The disk, in memory: what the library reads and writes through its file port. Nothing here
//! touches the files of the real machine.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::clock::Clocks;
use super::failures::Failures;
use super::file::Open;
use super::locked;
use crate::error::Code;
use crate::ports::{File, FileKind, Files, OpenHow, Stat};

/// The one user of the machine.
const USER: u32 = 1000;
const HOME: &str = "/home/user";

/// The disk of one world as one client sees it.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(super) tree: Arc<Mutex<Tree>>,
    pub(super) failures: Arc<Failures>,
    pub(super) clocks: Arc<Clocks>,
    /// What the kit does itself never fails.
    pub(super) is_kits_own: bool,
}

/// Everything that is on it.
#[derive(Default)]
pub(crate) struct Tree {
    pub(super) names: BTreeMap<PathBuf, u64>,
    pub(super) inodes: BTreeMap<u64, Inode>,
    /// Numbers inodes, open files and changes.
    count: u64,
    /// What is wrong with it until a test takes that away.
    pub(super) trouble: Option<Code>,
    /// What is wrong with it during one change of the store: that of this open file's lock.
    pub(super) failing: Option<(u64, Code)>,
    /// The store as it was before a test damaged it, and after.
    pub(super) damaged: Option<[super::damage::Saved; 2]>,
}

#[derive(Clone, Default)]
pub(crate) struct Inode {
    pub(super) bytes: Vec<u8>,
    pub(super) stat: Stat,
    /// Open files that lock the whole of it, and whether they share it.
    pub(super) whole: Vec<(u64, bool)>,
    /// Those that lock bytes of it.
    pub(super) ranges: Vec<(u64, Range<u64>, bool)>,
}

impl Tree {
    pub(super) fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(super) fn make(&mut self, path: &Path, kind: FileKind, mode: u32) -> u64 {
        let inode = self.next();
        let born = i128::from(inode);
        let stat = Stat {
            device: 1,
            inode,
            born,
            changed: born,
            owner: USER,
            group: USER,
            mode,
            links: 1,
            kind,
            ..Stat::default()
        };
        self.inodes.insert(inode, Inode { stat, ..Inode::default() });
        self.names.insert(path.to_owned(), inode);
        inode
    }

    pub(super) fn inode(&mut self, number: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&number).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(super) fn stat(&self, inode: u64) -> io::Result<Stat> {
        let found = self.inodes.get(&inode).ok_or(ErrorKind::NotFound)?;
        let for_all =
            self.trouble == Some(Code::StorageUnsafe) && found.stat.kind == FileKind::File;
        let mode = found.stat.mode | if for_all { 0o002 } else { 0 };
        Ok(Stat { len: found.bytes.len() as u64, mode, ..found.stat })
    }

    /// What stands in the way of a change, where something does.
    pub(super) fn may_change(&self) -> io::Result<()> {
        let code = self.trouble.or(self.failing.map(|(_, code)| code));
        code.and_then(as_the_system_says).map_or(Ok(()), Err)
    }

    /// A machine as any other: what identifies it is read as on a real one.
    pub(super) fn install_machine(&mut self) {
        let factors = [
            ("/etc/machine-id", "6b1f0c77d3a94be2a5d0415f7c3e9a21\n"),
            ("/sys/class/dmi/id/product_uuid", "8a4d5c1e-72f0-4b6a-9d13-5e0c7b2f6a90\n"),
            ("/sys/class/dmi/id/board_serial", "TK7F3K9Q2W41\n"),
            ("/sys/block/sda/serial", "TKD84H2M6Z0Q\n"),
            ("/proc/cpuinfo", "model name : Pretended 7\nflags : fpu vme\n"),
            ("/proc/1/cgroup", "0::/init.scope\n"),
        ];
        for (path, text) in factors {
            let inode = self.make(Path::new(path), FileKind::File, 0o644);
            if let Ok(file) = self.inode(inode) {
                file.bytes = text.as_bytes().to_vec();
            }
        }
    }

    /// Names that stand in a directory.
    fn names_in(&self, directory: &Path) -> Vec<String> {
        let below = self.names.keys().filter_map(|path| path.strip_prefix(directory).ok());
        let first = below.filter_map(|rest| rest.iter().next()?.to_str());
        let mut names: Vec<_> = first.map(str::to_owned).collect();
        names.dedup();
        names
    }
}

/// The failure of an operation, as the system reports it.
fn as_the_system_says(code: Code) -> Option<io::Error> {
    #[cfg(unix)]
    let error = |number, _| io::Error::from_raw_os_error(number);
    #[cfg(not(unix))]
    let error = |_, kind: ErrorKind| io::Error::from(kind);
    Some(match code {
        Code::Permission => error(libc::EACCES, ErrorKind::PermissionDenied),
        Code::StorageReadOnly => error(libc::EROFS, ErrorKind::ReadOnlyFilesystem),
        Code::StorageFull => error(libc::ENOSPC, ErrorKind::StorageFull),
        Code::StorageIo => error(libc::EIO, ErrorKind::Other),
        _ => return None,
    })
}

fn is_of_rights(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

impl Disk {
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Tree) -> T) -> T {
        work(&mut locked(&self.tree))
    }

    pub(super) fn change<T>(&self, work: impl FnOnce(&mut Tree) -> io::Result<T>) -> io::Result<T> {
        self.with(|tree| {
            if !self.is_kits_own {
                tree.may_change()?;
            }
            work(tree)
        })
    }
}

impl Files for Disk {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        let inode = match how {
            OpenHow::Read => self.with(|tree| tree.find(path))?,
            // A full or a failing disk refuses what is written, not the opening.
            OpenHow::Write => match self.change(|tree| tree.find(path)) {
                Err(e) if !is_of_rights(&e) => self.with(|tree| tree.find(path))?,
                found => found?,
            },
            OpenHow::Create { mode } => self.change(|tree| match tree.find(path) {
                Ok(_) => Err(ErrorKind::AlreadyExists.into()),
                Err(_) => Ok(tree.make(path, FileKind::File, mode)),
            })?,
        };
        let handle = self.with(Tree::next);
        Ok(Box::new(Open { disk: self.clone(), inode, handle }))
    }
    fn read(&self, path: &Path, max: usize) -> io::Result<Vec<u8>> {
        self.with(|tree| {
            let inode = tree.find(path)?;
            let bytes = &tree.inode(inode)?.bytes;
            if bytes.len() > max { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes.clone()) }
        })
    }
    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        let names = self.with(|tree| tree.names_in(path));
        if names.is_empty() { Err(ErrorKind::NotFound.into()) } else { Ok(names) }
    }
    fn link_target(&self, _: &Path) -> io::Result<PathBuf> {
        Err(ErrorKind::NotFound.into())
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.with(|tree| tree.stat(tree.find(path)?))
    }
    fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.change(|tree| {
            for directory in path.ancestors() {
                if tree.find(directory).is_err() {
                    tree.make(directory, FileKind::Directory, mode);
                }
            }
            Ok(())
        })
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(|tree| {
            tree.names.remove(path).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
        })
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|tree| {
            let inode = tree.names.remove(from).ok_or(ErrorKind::NotFound)?;
            tree.names.insert(to.to_owned(), inode);
            Ok(())
        })
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn is_remote(&self, _: &Path) -> io::Result<bool> {
        Ok(!self.is_kits_own && self.with(|tree| tree.trouble == Some(Code::StorageRemote)))
    }
    fn free_space(&self, _: &Path) -> io::Result<u64> {
        let full = self.with(|tree| tree.trouble == Some(Code::StorageFull));
        Ok(if full { 0 } else { 100 << 30 })
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(if path.is_absolute() { path.to_owned() } else { Path::new(HOME).join(path) })
    }
    fn user(&self) -> u32 {
        USER
    }
    fn home(&self) -> io::Result<PathBuf> {
        Ok(PathBuf::from(HOME))
    }
    fn group_name(&self, _: u32) -> Option<String> {
        Some("licenses".to_owned())
    }
}
