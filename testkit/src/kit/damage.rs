//! What befalls the store as a whole: damaged, missing, of a newer format, and whole again.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use super::disk::{Disk, Tree};
use crate::error::{Code, Error, Result};

/// The images: which inode stands where, with which bytes.
pub(super) type Saved = BTreeMap<PathBuf, (u64, Vec<u8>)>;

/// A format that no build will ever write.
const NEWER: [u8; 4] = [0xff; 4];

/// Whether this can be wrong with a store for as long as a test wants.
pub(super) const fn can_be(code: Code) -> bool {
    matches!(
        code,
        Code::Permission
            | Code::StorageReadOnly
            | Code::StorageFull
            | Code::StorageIo
            | Code::StorageDamaged
            | Code::StorageNewer
            | Code::StorageUnsafe
            | Code::StorageMissing
            | Code::StorageRemote
    )
}

impl Disk {
    /// From now on this is wrong with the store in `directory`; `None`: nothing is, and one that was
    /// damaged is as it was before, unless it was written anew meanwhile.
    pub(super) fn befall(&self, directory: &Path, trouble: Option<Code>) -> Result<()> {
        self.with(|tree| {
            tree.heal();
            match trouble {
                Some(Code::StorageDamaged) => tree.spoil(directory, |bytes| bytes.fill(0x55)),
                Some(Code::StorageNewer) => tree.spoil(directory, make_newer),
                Some(Code::StorageMissing) => {
                    tree.spoil(directory, |_| ())?;
                    tree.names.retain(|path, _| !is_image(directory, path));
                    if let Some([_, after]) = &mut tree.damaged {
                        after.clear();
                    }
                    Ok(())
                }
                other => {
                    tree.trouble = other;
                    Ok(())
                }
            }
        })
    }
}

impl Tree {
    fn spoil(&mut self, directory: &Path, change: impl Fn(&mut Vec<u8>)) -> Result<()> {
        let before = self.images(directory);
        if before.is_empty() {
            let sentence = "There is no store yet that could be damaged: set a record first.";
            return Err(Error::new(Code::InvalidArgument, sentence));
        }
        for (inode, _) in before.values() {
            let changed = i128::from(self.next());
            if let Some(file) = self.inodes.get_mut(inode) {
                change(&mut file.bytes);
                file.stat.changed = changed;
            }
        }
        self.damaged = Some([before, self.images(directory)]);
        Ok(())
    }

    fn heal(&mut self) {
        self.trouble = None;
        let Some([before, after]) = self.damaged.take() else { return };
        let directory = before.keys().next().and_then(|path| path.parent()).map(Path::to_owned);
        let Some(directory) = directory else { return };
        if self.images(&directory) != after {
            return;
        }
        for (path, (inode, bytes)) in before {
            let changed = i128::from(self.next());
            if let Some(file) = self.inodes.get_mut(&inode) {
                file.bytes = bytes;
                file.stat.changed = changed;
                self.names.insert(path, inode);
            }
        }
    }

    fn images(&self, directory: &Path) -> Saved {
        let images = self.names.iter().filter(|(path, _)| is_image(directory, path));
        images
            .filter_map(|(path, inode)| {
                let bytes = self.inodes.get(inode)?.bytes.clone();
                Some((path.clone(), (*inode, bytes)))
            })
            .collect()
    }
}

fn is_image(directory: &Path, path: &Path) -> bool {
    ["a", "b"].iter().any(|name| directory.join(name) == path)
}

/// As src/storage/image.rs has the preamble: format and oldest reader at 8, their check at 40.
fn make_newer(image: &mut Vec<u8>) {
    const CHECKED: usize = 40;
    if image.len() < CHECKED + 8 {
        return;
    }
    image.splice(8..12, NEWER);
    let check = digest(&SHA256, image.get(..CHECKED).unwrap_or_default());
    let check = check.as_ref().iter().take(8).copied().collect::<Vec<_>>();
    image.splice(CHECKED..CHECKED + 8, check);
}
