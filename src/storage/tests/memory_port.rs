//! The file port over a disk in memory.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::memory::{Memory, Op, SECTOR};
use crate::ports::{File, FileKind, Files, OpenHow, Stat};

const USER: u32 = 1000;
/// The nanosecond at which the first file was born.
const BIRTH: i128 = 1_700_000_000_123_456_789;

pub(super) struct Port(pub(super) Memory);

struct Handle {
    memory: Memory,
    number: u64,
    handle: u64,
}

impl Memory {
    /// Every call of the port comes by here; `changes` where it is one that changes something.
    fn call(&self, changes: bool) -> io::Result<()> {
        let mut inner = self.inner();
        let this = inner.calls;
        inner.calls += 1;
        let hit = |fault: &super::memory::Fault| {
            if fault.for_ever { this >= fault.at } else { this == fault.at }
        };
        let refused = inner.refuses.filter(|_| changes);
        match inner.fault.filter(hit).map(|fault| fault.errno).or(refused) {
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(()),
        }
    }

    fn stat_of(&self, number: Option<u64>) -> Stat {
        let inner = self.inner();
        let (kind, len, mode) = match number {
            Some(number) => (FileKind::File, inner.seen.content(number).len(), 0o600),
            None => (FileKind::Directory, 0, 0o700),
        };
        let number = number.unwrap_or(0);
        Stat {
            device: inner.device,
            inode: number,
            born: if inner.no_birth_times { 0 } else { BIRTH + i128::from(number) },
            changed: 0,
            len: len as u64,
            owner: USER,
            group: USER,
            mode,
            links: 1,
            kind,
        }
    }

    fn find(&self, path: &Path) -> io::Result<Option<u64>> {
        self.inner().seen.find(path)
    }

    fn handle(&self, number: u64) -> Box<dyn File> {
        let mut inner = self.inner();
        inner.next_handle += 1;
        let handle = inner.next_handle;
        drop(inner);
        Box::new(Handle { memory: self.clone(), number, handle })
    }
}

impl Files for Port {
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn File>> {
        self.0.call(how != OpenHow::Read)?;
        let found = self.0.find(path);
        if !matches!(how, OpenHow::Create { .. }) {
            let number = found?.ok_or(ErrorKind::IsADirectory)?;
            return Ok(self.0.handle(number));
        }
        if found.is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.0.find(path.parent().unwrap())?;
        let number = self.0.new_file();
        self.0.step(Op::Create(path.to_owned(), number))?;
        Ok(self.0.handle(number))
    }
    fn read(&self, path: &Path, _: usize) -> io::Result<Vec<u8>> {
        self.0.call(false)?;
        let number = self.0.find(path)?.ok_or(ErrorKind::IsADirectory)?;
        Ok(self.0.inner().seen.content(number).to_vec())
    }
    fn names(&self, _: &Path) -> io::Result<Vec<String>> {
        Err(ErrorKind::Unsupported.into())
    }
    fn link_target(&self, _: &Path) -> io::Result<PathBuf> {
        Err(ErrorKind::InvalidInput.into())
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.0.call(false)?;
        Ok(self.0.stat_of(self.0.find(path)?))
    }
    fn make_dir(&self, path: &Path, _: u32) -> io::Result<()> {
        let missing: Vec<_> =
            path.ancestors().take_while(|above| self.0.find(above).is_err()).collect();
        self.0.call(true)?;
        for path in missing.into_iter().rev() {
            self.0.step(Op::MakeDir(path.to_owned()))?;
            self.sync_dir(path.parent().unwrap())?;
        }
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.call(true)?;
        self.0.find(path)?;
        self.0.step(Op::Remove(path.to_owned()))
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.call(true)?;
        let number = self.0.find(from)?.ok_or(ErrorKind::IsADirectory)?;
        self.0.step(Op::Rename(from.to_owned(), to.to_owned(), number))?;
        self.sync_dir(to.parent().unwrap())
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.call(true)?;
        self.0.step(Op::SyncDir(path.to_owned()))
    }
    fn is_remote(&self, _: &Path) -> io::Result<bool> {
        self.0.call(false)?;
        Ok(false)
    }
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.call(false)?;
        Ok(path.to_owned())
    }
    fn user(&self) -> u32 {
        USER
    }
    fn home(&self) -> io::Result<PathBuf> {
        self.0.call(false)?;
        Ok(PathBuf::from("/home"))
    }
    fn group_name(&self, _: u32) -> Option<String> {
        None
    }
}

impl File for Handle {
    fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        self.memory.call(false)?;
        let inner = self.memory.inner();
        let content = inner.seen.content(self.number);
        Ok(content[..max.min(content.len())].to_vec())
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        if self.memory.inner().no_room {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        if let Err(e) = self.memory.call(true) {
            // It may have begun.
            let begun = &bytes[..SECTOR.min(bytes.len())];
            if self.memory.inner().refuses.is_none() {
                self.memory.step(Op::Bytes(self.number, offset, begun.into()))?;
            }
            return Err(e);
        }
        self.memory.step(Op::Bytes(self.number, offset, bytes.into()))
    }
    fn allocate(&mut self, len: u64) -> io::Result<()> {
        self.memory.call(true)?;
        self.memory.step(Op::Length(self.number, usize::try_from(len).unwrap()))
    }
    fn sync(&mut self) -> io::Result<()> {
        if let Err(e) = self.memory.call(true) {
            self.memory.step(Op::SyncFailed(self.number))?;
            return Err(e);
        }
        self.memory.step(Op::Sync(self.number))
    }
    fn stat(&self) -> io::Result<Stat> {
        self.memory.call(false)?;
        Ok(self.memory.stat_of(Some(self.number)))
    }
    fn set_group(&mut self, _: u32) -> io::Result<()> {
        self.memory.call(true)
    }
    fn try_lock(&mut self, shared: bool) -> io::Result<bool> {
        self.memory.call(false)?;
        let mut inner = self.memory.inner();
        let holders = inner.locks.entry(self.number).or_default();
        let free =
            holders.iter().all(|(other, shares)| *other == self.handle || (shared && *shares));
        if free {
            holders.push((self.handle, shared));
        }
        Ok(free)
    }
    fn unlock(&mut self) -> io::Result<()> {
        self.memory.call(false)?;
        let mut inner = self.memory.inner();
        inner.locks.entry(self.number).or_default().retain(|(holder, _)| *holder != self.handle);
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut inner = self.memory.inner();
        inner.locks.entry(self.number).or_default().retain(|(holder, _)| *holder != self.handle);
    }
}
