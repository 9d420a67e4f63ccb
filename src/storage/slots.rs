//! Seats in use. A concurrent seat in use on this machine *is* a lock that the kernel frees when its
//! process dies, never a number in a file.
//!
//! Each license has a range of bytes of `slots`, and seat i of it is byte i of that range. A seat is
//! locked exclusively, by an open file of its own; a return locks what it takes out of use shared,
//! so that counting, which asks for exclusive locks, doesn't take it for use. The ranges lie far
//! beyond the end of the file: nothing is written there.
//!
//! The range follows from the license's name alone (`docs/adr/checkout-0001`), for every version of
//! this library, so processes agree on it without a word, whatever becomes of the store.
#![forbid(unsafe_code)]

use std::io::ErrorKind;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use ring::digest::{SHA256, digest};

use super::holder::{HEAD_LEN, Holder, Note};
use super::seal::framed;
use super::{Core, Storage};
use crate::error::{Code, Error, Result};
use crate::ports::{File, OpenHow};

/// How many bytes a license has: more than it can have seats.
pub const RANGE_LEN: u64 = 1 << 20;
/// Where the ranges begin. What the file holds lies before.
const FIRST: u64 = 1 << 62;
/// Bytes of a mark: as far into a file as every file system reaches.
const MARK_LEN: usize = 5;
/// How often a byte that was free and could not be locked is asked about again.
const RACES: u32 = 16;

/// The bytes of a license, found by its name.
#[must_use]
pub fn bytes_of(license: &str) -> Range<u64> {
    let hash = digest(&SHA256, &framed(&["lm slots 1", license]));
    let head = hash.as_ref().iter().take(8);
    let number = head.fold(0, |number, byte| number << 8 | u64::from(*byte));
    let start = FIRST | ((number % FIRST) & !(RANGE_LEN - 1));
    start..start + RANGE_LEN
}

/// `slots`, opened once more. What is locked through it stays locked until it is dropped, which lets
/// go explicitly; or closed, or its process dies. Threads: one at a time.
pub struct Slots {
    /// `None` once closed.
    file: Option<Box<dyn File>>,
    path: PathBuf,
    /// Which file this is, and by what this opening of it is known.
    identity: (u64, u64),
    mark: Option<u64>,
    locked: Vec<Range<u64>>,
}

/// What became of taking seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// They are locked.
    Taken,
    /// There aren't so many free ones; none is locked.
    TooFew,
    /// As before, but others were taking and letting go meanwhile: it may be otherwise in a moment.
    Raced,
}

impl Storage {
    /// Opens `slots` to take seats. `None`: it isn't there.
    ///
    /// Errors: as [`Storage::read`].
    pub fn slots(&self) -> Result<Option<Slots>> {
        self.core.open_slots(OpenHow::Write)
    }

    /// Opens `slots` to count, for which the right to read is enough. `None`: it isn't there.
    pub fn slots_to_count(&self) -> Result<Option<Slots>> {
        self.core.open_slots(OpenHow::Read)
    }

    /// Whether what was opened is still what others find: a lock in a file that was cleared away
    /// meanwhile says nothing to them.
    pub fn still_stands(&self, slots: &Slots) -> Result<bool> {
        self.core.is_at(&slots.path, slots.identity)
    }

    /// Makes `slots` where it isn't there, under the store's lock: so whoever holds that and finds
    /// none knows that no seat is in use.
    ///
    /// Errors: as [`Storage::change`].
    pub fn make_slots(&self, wait: Duration) -> Result<()> {
        self.change(wait, |_, _| {
            self.core.ensure_slots()?;
            Ok(((), super::Commit::Keep))
        })
    }
}

impl Core {
    pub(super) fn ensure_slots(&self) -> Result<()> {
        self.ensure_empty_file(&self.paths.slots)
    }

    fn open_slots(&self, how: OpenHow) -> Result<Option<Slots>> {
        let path = &self.paths.slots;
        let opened = self.open(path, how).map_err(|error| match error.code() {
            Code::Permission => error.with_hint(format!(
                "Whoever uses seats must be allowed to read and write it (mode {:04o}).",
                self.paths.lock_mode()
            )),
            _ => error,
        })?;
        let Some((mut file, stat)) = opened else { return Ok(None) };
        let mut mark = [0; 8];
        self.random.fill(&mut mark[..MARK_LEN])?;
        file.mark(u64::from_le_bytes(mark));
        Ok(Some(Slots {
            mark: file.marked(),
            file: Some(file),
            path: path.clone(),
            identity: (stat.device, stat.inode),
            locked: Vec::new(),
        }))
    }
}

impl Slots {
    /// Locks the `count` lowest of these bytes that nobody holds: all, or none.
    pub fn take(&mut self, bytes: Range<u64>, count: u64) -> Result<Take> {
        let (mut missing, mut raced, mut races) = (count, false, 0);
        let mut unseen = vec![bytes];
        while missing > 0 {
            let Some(free) = self.next_free(&mut unseen)? else { break };
            let wanted = free.start..free.end.min(free.start.saturating_add(missing));
            if self.lock(wanted.clone(), false)? {
                missing -= wanted.end - wanted.start;
                unseen.push(wanted.end..free.end);
                races = 0;
            } else {
                (raced, races) = (true, races + 1);
                let again = if races < RACES { wanted.start } else { wanted.start + 1 };
                unseen.push(again..free.end);
            }
        }
        if missing == 0 {
            return Ok(Take::Taken);
        }
        // What two of several took of each other's seats is free again in a moment.
        raced |= missing < count;
        self.let_go();
        Ok(if raced { Take::Raced } else { Take::TooFew })
    }

    /// Locks all these bytes so that nobody takes a seat there. `false`: one is held.
    pub fn take_out(&mut self, bytes: Range<u64>) -> Result<bool> {
        self.lock(bytes, true)
    }

    /// The seats that are in use by others among these bytes, lowest first, as they are held
    /// together.
    pub fn in_use(&self, bytes: Range<u64>) -> Result<Vec<Range<u64>>> {
        let (mut found, mut unseen) = (Vec::new(), vec![bytes]);
        while let Some(run) = pop(&mut unseen) {
            if let Some(held) = self.locked_bytes(run.clone(), true)? {
                unseen.push(held.end..run.end);
                unseen.push(run.start..held.start);
                found.push(held);
            }
        }
        found.sort_unstable_by_key(|held| held.start);
        Ok(found)
    }

    /// Whether any seat of any license is in use: one question for all.
    pub fn any_in_use(&self) -> Result<bool> {
        Ok(self.locked_bytes(FIRST..FIRST * 2 - 1, true)?.is_some())
    }

    /// Who holds the seats that are in use among these bytes, as far as the holders left word.
    pub fn holders(&mut self, bytes: Range<u64>) -> Result<Vec<Holder>> {
        let held = self.in_use(bytes)?;
        let head = self.file()?.read_head(HEAD_LEN).unwrap_or_default();
        Ok(Holder::of(&held, &head))
    }

    /// The bytes locked here.
    #[must_use]
    pub fn locked(&self) -> &[Range<u64>] {
        &self.locked
    }

    /// Leaves word of who holds the seats that are locked here: for display, nothing rests on it.
    pub fn leave_word(&mut self, pid: u32, program: &str) {
        let notes: Vec<_> = self.locked.iter().map(|held| Note::new(held, pid, program)).collect();
        let Ok(file) = self.file() else { return };
        for note in notes {
            // A full disk must not cost a seat.
            let _ = file.write_at(note.offset(), note.bytes());
        }
    }

    /// Lets go of everything that is locked here.
    pub fn let_go(&mut self) {
        self.forget_what_is_not_ours();
        for bytes in std::mem::take(&mut self.locked) {
            if let Some(file) = &mut self.file {
                // Nothing can be done about a failure, and the close that follows lets go too.
                let _ = file.unlock_bytes(bytes);
            }
        }
    }

    /// In a forked child: closes the child's copy. The parent keeps what it holds.
    pub fn close_only(mut self) {
        self.forget_what_is_not_ours();
        self.file = None;
    }

    /// A host that closed descriptors that it did not open may have its own file behind this number
    /// by now, or this file as a later checkout has opened it: not ours to close. The locks went with
    /// the close.
    fn forget_what_is_not_ours(&mut self) {
        let is_ours = |file: &dyn File| {
            file.marked() == self.mark
                && file.stat().is_ok_and(|stat| (stat.device, stat.inode) == self.identity)
        };
        if let Some(file) = self.file.take_if(|file| !is_ours(file.as_ref())) {
            self.locked.clear();
            file.abandon();
        }
    }

    /// The lowest free run of bytes in what wasn't seen yet, whose lowest is at the end of `unseen`.
    fn next_free(&self, unseen: &mut Vec<Range<u64>>) -> Result<Option<Range<u64>>> {
        while let Some(run) = pop(unseen) {
            match self.locked_bytes(run.clone(), false)? {
                None => return Ok(Some(run)),
                Some(held) => {
                    unseen.push(held.end..run.end);
                    unseen.push(run.start..held.start);
                }
            }
        }
        Ok(None)
    }

    fn lock(&mut self, bytes: Range<u64>, shared: bool) -> Result<bool> {
        let taken = self.file()?.try_lock_bytes(bytes.clone(), shared);
        let taken = taken.map_err(|error| self.failed(&error))?;
        if taken {
            self.locked.push(bytes);
        }
        Ok(taken)
    }

    fn locked_bytes(&self, bytes: Range<u64>, shared: bool) -> Result<Option<Range<u64>>> {
        let Some(file) = &self.file else { return Ok(None) };
        file.locked_bytes(bytes, shared).map_err(|error| self.failed(&error))
    }

    fn file(&mut self) -> Result<&mut dyn File> {
        match &mut self.file {
            Some(file) => Ok(file.as_mut()),
            None => Err(Error::from_code(Code::Internal)),
        }
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        if error.kind() == ErrorKind::Unsupported {
            let sentence =
                "This system can't lock parts of a file, so no seats can be checked out.";
            return Error::new(Code::Unsupported, sentence)
                .with_hint("Use the license on another system, or a newer one.");
        }
        let sentence = format!("{} could not be locked: {error}.", self.path.display());
        Error::new(Code::StorageIo, sentence)
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// The last of them that isn't empty.
fn pop(unseen: &mut Vec<Range<u64>>) -> Option<Range<u64>> {
    while let Some(run) = unseen.pop() {
        if !run.is_empty() {
            return Some(run);
        }
    }
    None
}
