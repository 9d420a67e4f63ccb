//! An open file of the disk, and the locks that it holds.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind};
use std::ops::Range;

use super::disk::{Disk, Inode};
use super::failures::Whose;
use crate::error::Code;
use crate::limits::LOCK_WAIT;
use crate::ports::{File, Stat};

pub(super) struct Open {
    pub(super) disk: Disk,
    pub(super) inode: u64,
    pub(super) handle: u64,
}

impl Open {
    fn here<T>(&self, work: impl FnOnce(&mut Inode) -> T) -> io::Result<T> {
        self.disk.with(|tree| tree.inode(self.inode).map(work))
    }

    fn write(&self, work: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.disk.change(|tree| {
            let changed = tree.next();
            let inode = tree.inode(self.inode)?;
            inode.stat.changed = i128::from(changed);
            work(&mut inode.bytes);
            Ok(())
        })
    }

    /// A lock that isn't shared begins a change of the store: where one is to fail, it is this.
    fn begin_change(&self) -> bool {
        if self.disk.is_kits_own {
            return true;
        }
        match self.disk.failures.take(Whose::Storage) {
            Some(Code::Busy) => {
                // As if it had waited for it.
                self.disk.clocks.skip(LOCK_WAIT);
                false
            }
            Some(code) => {
                self.disk.with(|tree| tree.failing = Some((self.handle, code)));
                true
            }
            None => true,
        }
    }

    fn end_change(&self) {
        self.disk.with(|tree| {
            if tree.failing.is_some_and(|(handle, _)| handle == self.handle) {
                tree.failing = None;
            }
        });
    }
}

/// What is left of a range without another.
fn without(range: &Range<u64>, taken: &Range<u64>) -> [Range<u64>; 2] {
    let before = range.start..range.end.min(taken.start);
    let after = range.start.max(taken.end)..range.end;
    [before, after]
}

fn overlaps(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start.max(other.start) < one.end.min(other.end)
}

impl Inode {
    fn let_go(&mut self, handle: u64, bytes: &Range<u64>) {
        let held = std::mem::take(&mut self.ranges);
        for (holder, range, shared) in held {
            if holder == handle {
                let rest = without(&range, bytes).into_iter().filter(|rest| !rest.is_empty());
                self.ranges.extend(rest.map(|rest| (holder, rest, shared)));
            } else {
                self.ranges.push((holder, range, shared));
            }
        }
    }

    /// The bytes of another open file's lock that stands against this one.
    fn against(&self, handle: u64, bytes: &Range<u64>, shared: bool) -> Option<Range<u64>> {
        let mut others = self.ranges.iter().filter(|(holder, range, theirs)| {
            *holder != handle && overlaps(range, bytes) && !(shared && *theirs)
        });
        let (_, range, _) = others.next()?;
        Some(range.start.max(bytes.start)..range.end.min(bytes.end))
    }
}

impl File for Open {
    fn read_head(&mut self, max: usize) -> io::Result<Vec<u8>> {
        self.here(|inode| inode.bytes.iter().take(max).copied().collect())
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(offset).map_err(|_| ErrorKind::InvalidInput)?;
        let end = at.checked_add(bytes.len()).ok_or(ErrorKind::InvalidInput)?;
        self.write(|held| {
            held.resize(held.len().max(end), 0);
            held.splice(at..end, bytes.iter().copied());
        })
    }
    fn allocate(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| ErrorKind::InvalidInput)?;
        self.write(|held| held.resize(len, 0))
    }
    fn sync(&mut self) -> io::Result<()> {
        self.disk.change(|_| Ok(()))
    }
    fn stat(&self) -> io::Result<Stat> {
        self.disk.with(|tree| tree.stat(self.inode))
    }
    fn set_group(&mut self, group: u32) -> io::Result<()> {
        self.here(|inode| inode.stat.group = group)
    }
    fn try_lock(&mut self, shared: bool) -> io::Result<bool> {
        let taken = self.here(|inode| {
            let free = inode
                .whole
                .iter()
                .all(|(holder, theirs)| *holder == self.handle || (shared && *theirs));
            if free {
                inode.whole.retain(|(holder, _)| *holder != self.handle);
                inode.whole.push((self.handle, shared));
            }
            free
        })?;
        if taken && !shared && !self.begin_change() {
            self.unlock()?;
            return Ok(false);
        }
        Ok(taken)
    }
    fn unlock(&mut self) -> io::Result<()> {
        self.end_change();
        self.here(|inode| inode.whole.retain(|(holder, _)| *holder != self.handle))
    }
    fn try_lock_bytes(&mut self, bytes: Range<u64>, shared: bool) -> io::Result<bool> {
        self.here(|inode| {
            let free = inode.against(self.handle, &bytes, shared).is_none();
            if free {
                inode.let_go(self.handle, &bytes);
                inode.ranges.push((self.handle, bytes, shared));
            }
            free
        })
    }
    fn unlock_bytes(&mut self, bytes: Range<u64>) -> io::Result<()> {
        self.here(|inode| inode.let_go(self.handle, &bytes))
    }
    fn locked_bytes(&self, bytes: Range<u64>, shared: bool) -> io::Result<Option<Range<u64>>> {
        self.here(|inode| inode.against(self.handle, &bytes, shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Closing lets everything go; what was removed meanwhile has nothing to let go.
        let _ = self.unlock();
        let _ = self.here(|inode| inode.ranges.retain(|(holder, _, _)| *holder != self.handle));
    }
}
