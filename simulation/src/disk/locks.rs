//! Locks, of files and of ranges of bytes, as the open files of Linux have them.

use std::io;
use std::ops::Range;

use super::Disk;

/// Who asks for a lock: a handle, and the process that has it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) process: u64,
    pub(crate) handle: u64,
}

impl Disk {
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
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn disk() -> (Disk, u64) {
        let mut disk = Disk::new(1);
        disk.make_dir(Path::new("/d"));
        let number = disk.create(Path::new("/d/a"), 0o600).unwrap();
        disk.sync_dir(Path::new("/d"));
        (disk, number)
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
