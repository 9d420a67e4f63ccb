//! Copies of directories and of whole disks: backups, restored or carried elsewhere.

use std::path::Path;

use super::{Disk, Entry};

/// The files of one directory with what tells them apart, as a backup or a copy of it has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saved(Vec<(String, Vec<u8>)>);

impl Saved {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Disk {
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
