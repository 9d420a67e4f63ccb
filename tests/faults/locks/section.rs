//! The section of a store that only one may be in, with a witness in it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lm::Code;
use lm::storage::{Commit, Place, Scope, Storage};

use crate::common::disk::{Disk, Trouble};

/// How an attempt to enter ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Busy,
    Alone,
    /// Somebody was in it already.
    Double,
}

/// A store, and beside it a file that is there as long as somebody is in the section.
pub(crate) struct Section {
    pub(crate) store: Storage,
    folder: PathBuf,
}

const COUNTER: u32 = 7;
/// Of a worker: far beyond the time that all the others take together.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

impl Section {
    pub(crate) fn of(folder: &Path, trouble: Trouble) -> Self {
        let place = Place {
            vendor: "locks".to_owned(),
            product: "locks".to_owned(),
            scope: Scope::User,
            dir: Some(folder.join("store")),
        };
        let store = Storage::new(&place, &Disk::default().with(trouble)).unwrap();
        Self { store, folder: folder.to_owned() }
    }

    /// Enters, does `body`, counts one up, and leaves.
    pub(crate) fn enter(&self, wait: Duration, body: impl FnOnce()) -> Entry {
        let witness = self.folder.join("witness");
        let entered = self.store.change(wait, |_, contents| {
            let is_first = File::create_new(&witness).is_ok();
            body();
            contents.set(COUNTER, (count(contents.get(COUNTER)) + 1).to_le_bytes().to_vec());
            if is_first {
                std::fs::remove_file(&witness).unwrap();
                return Ok((Entry::Alone, Commit::Write));
            }
            Ok((Entry::Double, Commit::Keep))
        });
        match entered {
            Ok(entry) => entry,
            Err(e) if e.code() == Code::Busy => Entry::Busy,
            Err(e) => panic!("{e}"),
        }
    }

    /// How often it was entered and left alone.
    pub(crate) fn count(&self) -> u64 {
        count(self.store.read_within(PATIENCE).unwrap().contents.get(COUNTER))
    }

    /// Opens and closes every file of the directory and the anchor, as a backup in the host may.
    pub(crate) fn look_into_every_file(&self) {
        let names = std::fs::read_dir(self.store.directory()).into_iter().flatten();
        let files = names.map(|entry| entry.unwrap().path());
        for file in files.chain(self.store.anchor_path().map(Path::to_owned)) {
            // One that is not made yet.
            let _ = File::open(file);
        }
    }
}

fn count(bytes: Option<&[u8]>) -> u64 {
    bytes.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}
