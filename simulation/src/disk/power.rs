//! What a power cut leaves.

use std::collections::BTreeMap;

use super::{Change, Disk, Inode, overwrite};
use crate::dice::Dice;

/// What a disk writes whole or not at all.
pub(super) const SECTOR: usize = 512;

impl Disk {
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
}
