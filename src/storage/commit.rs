//! Writers: lock → read both images → check the anchors → write the older file → sync → raise the
//! anchors → bring the other file level → sync → unlock. A torn write harms only the older image,
//! and no success rests on an unsynced write.
#![forbid(unsafe_code)]

use std::io;
use std::sync::atomic::Ordering;

use super::Core;
use super::anchor::{Anchor, Found};
use super::contents::Contents;
use super::image::{Frame, HEAD_LEN, Identity, Image, file_len};
use super::judge::Judged;
use super::standing::{FOREIGN_HINT, Standing, State};
use super::{Commit, new_id};
use crate::error::{Code, Error, Result};
use crate::limits::IMAGE_MAX;
use crate::ports::{File, OpenHow};

impl Core {
    /// The part of a change that happens under the lock.
    pub(super) fn change_locked<T>(
        &self,
        change: impl FnOnce(&Standing, &mut Contents) -> Result<(T, Commit)>,
    ) -> Result<T> {
        let ask = |seal: Option<&_>, frame: &Frame| self.platform.word_now(seal, &frame.master);
        let mut judged = Judged::of(&self.gather()?, self.sealer.as_ref(), ask);
        if judged.is_foreign {
            let directory = self.paths.dir.display();
            let sentence =
                format!("{directory} holds files named a or b that are not this product's.");
            return Err(Error::new(Code::StorageUnsafe, sentence).with_hint(FOREIGN_HINT));
        }
        let mut standing = judged.standing();
        match judged.state {
            State::Newer => return Err(Error::from_code(Code::StorageNewer)),
            State::Absent | State::Missing | State::Damaged => {
                standing.next_store_id = new_id(self.random.as_ref())?;
                // Image 1 holds no record: what is changed now is the second.
                standing.next_generation = next(standing.next_generation)?;
            }
            State::Sound | State::Restored => {}
        }
        let mut contents = judged.contents();
        let (value, commit) = change(&standing, &mut contents)?;
        match commit {
            Commit::Keep => return Ok(value),
            Commit::Write | Commit::WriteMarks => {}
            Commit::WriteAbove(seen) => {
                standing.next_generation = standing.next_generation.max(next(seen)?);
            }
        }
        self.commit(judged, &standing, &contents, commit == Commit::WriteMarks)?;
        Ok(value)
    }

    fn commit(
        &self,
        judged: Judged,
        standing: &Standing,
        contents: &Contents,
        marks_only: bool,
    ) -> Result<()> {
        let Judged { state, anchor, newest, index, generations, agrees, seal, word, .. } = judged;
        // Seats can be checked out as soon as there are any; where it can't be made, a checkout says so.
        let _ = self.ensure_slots();
        let mut writer = match newest {
            Some(mut image) => {
                let generation = image.generation;
                if seal.is_some() {
                    let (frame, random) = (&mut image.frame, self.random.as_ref());
                    let next = self.platform.next(seal, word, &frame.master, random, marks_only)?;
                    frame.set_seal(next.as_ref());
                }
                let mut writer = Writer::open(self, *image, generations)?;
                writer.settle(index, agrees)?;
                if state == State::Sound {
                    writer.raise_what_is_behind(anchor, generation);
                }
                writer
            }
            None => self.give_birth(anchor, standing)?,
        };
        writer.put(standing.next_generation, contents)
    }

    /// Makes a new store: anchors first, then image 1, which holds no record.
    fn give_birth(&self, found: Found, standing: &Standing) -> Result<Writer<'_>> {
        let base = match found {
            Found::Standing(anchor) => anchor.generation,
            Found::Missing | Found::Damaged => 0,
        };
        let store_id = standing.next_store_id;
        let anchored = self.write_anchor(Anchor { store_id, generation: base, birth: true });
        let random = self.random.as_ref();
        let mut frame = Frame::new(self.sealer.as_ref(), random, store_id)?;
        let seal = self.platform.seal(&frame.master, random)?;
        frame.set_seal(seal.as_ref());
        let nothing = Image {
            frame,
            generation: 0,
            first: 1,
            identities: Default::default(),
            contents: Contents::default(),
        };
        let mut writer = Writer::open(self, nothing, [None, None])?;
        if !writer.identity_is_known() {
            anchored?;
        }
        writer.put(next(base)?, &Contents::default())?;
        Ok(writer)
    }
}

/// The image files, open for one change under the lock.
struct Writer<'a> {
    core: &'a Core,
    files: [Box<dyn File>; 2],
    generations: [Option<u64>; 2],
    identities: [Identity; 2],
    frame: Frame,
    /// Which of two level files is known to be durable: the one that was written first.
    first: u8,
}

impl<'a> Writer<'a> {
    fn open(core: &'a Core, newest: Image, generations: [Option<u64>; 2]) -> Result<Self> {
        let files = [core.open_image(0)?, core.open_image(1)?];
        // A file that holds no image yet may have been made by a process that was killed before it
        // synced the name.
        if files.iter().any(|(_, made)| *made) || generations.contains(&None) {
            let directory = &core.paths.dir;
            let synced = core.files.sync_dir(directory);
            synced.map_err(|e| core.io_error(directory, "synced", &e))?;
            core.sync_above(directory);
        }
        let mut identities = [Identity::default(); 2];
        for (index, (identity, (file, _))) in identities.iter_mut().zip(&files).enumerate() {
            let stat = file.stat();
            let path = &core.paths.images[index];
            *identity = Identity::of(&stat.map_err(|e| core.io_error(path, "examined", &e))?);
        }
        Ok(Self {
            core,
            files: files.map(|(file, _)| file),
            generations,
            identities,
            frame: newest.frame,
            first: newest.first,
        })
    }

    /// A writer that was killed may have left the newest image in the system's cache only. It must
    /// be on the disk before the other is touched, and before an anchor speaks of it. Where both
    /// are level, the one that was written first is; but where only the other still is the file that
    /// it names, and with that an anchor, that one has to stay whole.
    fn settle(&mut self, newest: usize, agrees: [bool; 2]) -> Result<()> {
        if self.generations[0] == self.generations[1] {
            if newest == usize::from(self.first) || agrees[1 - newest] || !agrees[newest] {
                return Ok(());
            }
            self.first = u8::from(newest != 0);
        }
        let path = &self.core.paths.images[newest];
        let synced = self.files[newest].sync();
        synced.map_err(|e| self.core.io_error(path, "synced", &e))
    }

    /// Anchors that are behind are raised before anything is written, so that a second kill leaves
    /// them no further behind than the first did. One that can't be is met again after the commit.
    fn raise_what_is_behind(&self, found: Found, generation: u64) {
        let anchor = standing_anchor(self.frame.store_id, generation);
        let other = matches!(found, Found::Standing(found) if found.store_id != anchor.store_id);
        if !other && found != Found::Standing(anchor) {
            let _ = self.core.write_anchor(anchor);
        }
    }

    /// The file to write first: the older one, and of two level ones that which was written last,
    /// since only the other is known to be durable.
    fn older(&self) -> usize {
        match self.generations[0].cmp(&self.generations[1]) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Greater => 1,
            std::cmp::Ordering::Equal => usize::from(self.first == 0),
        }
    }

    /// Whether the image will be an anchor of its own.
    fn identity_is_known(&self) -> bool {
        self.identities.iter().all(Identity::is_known)
    }

    /// Commits one image: durable in one file, anchored, then level in the other.
    fn put(&mut self, generation: u64, contents: &Contents) -> Result<()> {
        // A birth on a failing disk may have used this number up.
        let present = self.generations[0].max(self.generations[1]).unwrap_or(0);
        let generation = generation.max(next(present)?);
        let older = self.older();
        let bytes = self.encode(older, generation, contents)?;
        let (generation, bytes) = match self.write(older, &bytes) {
            Ok(()) => (generation, bytes),
            Err(Failed::Before(e)) => return Err(e),
            Err(Failed::During(_)) => self.write_again(older, next(generation)?, contents)?,
        };
        self.wrote_first(older, generation);
        let raised = self.raise(generation);
        self.level(1 - older, generation, &bytes, contents);
        raised
    }

    /// After a failed sync nobody knows what reached the disk: the same file is written again
    /// whole, once, as a new generation. The other image isn't touched until this one is synced.
    fn write_again(
        &mut self,
        index: usize,
        generation: u64,
        contents: &Contents,
    ) -> Result<(u64, Vec<u8>)> {
        let bytes = self.encode(index, generation, contents)?;
        match self.write(index, &bytes) {
            Ok(()) => Ok((generation, bytes)),
            Err(failed) => {
                self.give_up(index, &failed);
                Err(failed.into_error())
            }
        }
    }

    /// The store turns read-only for this process. What stands in the system's cache must not pass
    /// for durable with the others: its head is blotted out there, so they use the other image.
    fn give_up(&mut self, index: usize, failed: &Failed) {
        self.generations[index] = None;
        // Nothing is promised of this write, so nothing is to be done about its failure.
        let _ = self.files[index].write_at(0, &[0; HEAD_LEN]);
        if matches!(failed, Failed::During(e) if e.code() != Code::StorageFull) {
            self.core.turned_read_only.store(true, Ordering::Release);
        }
    }

    /// Brings the other file level. The change is durable without it: where it fails, the note in
    /// the next reading tells, and the next change writes this file first.
    fn level(&mut self, index: usize, generation: u64, bytes: &[u8], contents: &Contents) {
        match self.write(index, bytes) {
            Ok(()) => self.generations[index] = Some(generation),
            Err(Failed::Before(_)) => {}
            Err(Failed::During(_)) => {
                let again =
                    next(generation).and_then(|next| self.write_again(index, next, contents));
                if let Ok((generation, _)) = again {
                    self.wrote_first(index, generation);
                    // Behind by one is honest; the next change raises it.
                    let _ = self.raise(generation);
                }
            }
        }
    }

    fn wrote_first(&mut self, index: usize, generation: u64) {
        self.generations[index] = Some(generation);
        self.first = u8::from(index != 0);
    }

    fn encode(&self, index: usize, generation: u64, contents: &Contents) -> Result<Vec<u8>> {
        let image = Image {
            frame: self.frame.clone(),
            generation,
            first: u8::from(index != 0),
            identities: self.identities,
            contents: contents.clone(),
        };
        image.encode(self.core.random.as_ref())
    }

    /// Writes a file whole, with zeros to its end, and syncs it.
    fn write(&mut self, index: usize, bytes: &[u8]) -> Result<(), Failed> {
        let path = &self.core.paths.images[index];
        let failed = |verb: &str, e: io::Error| self.core.io_error(path, verb, &e);
        let file = &mut self.files[index];
        let stat = file.stat().map_err(|e| Failed::Before(failed("examined", e)))?;
        let present = usize::try_from(stat.len).ok().filter(|len| *len <= IMAGE_MAX);
        let len = file_len(bytes.len()).max(present.unwrap_or(0));
        file.allocate(len as u64).map_err(|e| Failed::Before(failed("extended", e)))?;
        let mut whole = bytes.to_vec();
        whole.resize(len, 0);
        file.write_at(0, &whole).map_err(|e| Failed::During(failed("written", e)))?;
        file.sync().map_err(|e| Failed::During(failed("synced", e)))
    }

    /// Raises the anchors. One that can't be raised is a note in the next reading; where none can,
    /// nothing may be sent on the strength of this commit, so that is an error.
    fn raise(&self, generation: u64) -> Result<()> {
        let anchor = standing_anchor(self.frame.store_id, generation);
        self.core.platform.raise(self.frame.seal().as_ref(), &self.frame.master);
        match self.core.write_anchor(anchor) {
            Err(e) if !self.identity_is_known() => Err(e),
            _ => Ok(()),
        }
    }
}

impl Core {
    /// Opens an image to write; the flag says whether it was made just now.
    fn open_image(&self, index: usize) -> Result<(Box<dyn File>, bool)> {
        let path = &self.paths.images[index];
        if let Some((file, _)) = self.open(path, OpenHow::Write)? {
            return Ok((file, false));
        }
        if let Some(directory) = self.directory_stat()? {
            self.check_may_create(&directory)?;
        }
        let mode = self.paths.file_mode();
        let made = self.create(path, mode);
        let file = made.map_err(|e| self.io_error(path, "made", &e))?;
        Ok((file, true))
    }
}

/// Why a file wasn't written.
enum Failed {
    /// Nothing of it was touched.
    Before(Error),
    /// What it holds now isn't known.
    During(Error),
}

impl Failed {
    fn into_error(self) -> Error {
        match self {
            Self::Before(e) | Self::During(e) => e,
        }
    }
}

fn standing_anchor(store_id: [u8; 16], generation: u64) -> Anchor {
    Anchor { store_id, generation, birth: false }
}

/// The generation after this one; it can't run out but by a forged image.
fn next(generation: u64) -> Result<u64> {
    generation.checked_add(1).ok_or_else(|| {
        Error::new(Code::StorageDamaged, "The generation of trusted storage is at its end.")
    })
}
