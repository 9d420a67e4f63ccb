//! A disk in memory: quick enough for every state that a crash can leave.
//!
//! It keeps a log of all that was changed. What was not synced when the power went may be there or
//! not, each name, each length and each sector of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::memory_port::Port;
use super::world::store_at;
use crate::ports::Files;
use crate::storage::place::Paths;
use crate::storage::{Scope, Storage};

/// What a disk writes whole or not at all.
pub(super) const SECTOR: usize = 512;

/// One step that changed something.
#[derive(Clone, Debug)]
pub(super) enum Op {
    MakeDir(PathBuf),
    Create(PathBuf, u64),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, u64),
    SyncDir(PathBuf),
    Length(u64, usize),
    Bytes(u64, usize, Arc<[u8]>),
    Sync(u64),
    /// A sync that failed: what it was to save stays uncertain, whatever is synced later.
    SyncFailed(u64),
}

/// Files by number, and their names; a name without a number is a directory's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    files: BTreeMap<u64, Vec<u8>>,
    names: BTreeMap<PathBuf, Option<u64>>,
}

/// What fails: one call of the port, or each from that one on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) errno: i32,
    pub(super) for_ever: bool,
}

#[derive(Default)]
pub(super) struct Inner {
    base: Tree,
    pub(super) seen: Tree,
    log: Vec<Op>,
    /// After so many steps in the log the process is dead.
    dies_at: Option<usize>,
    /// Calls of the port.
    pub(super) calls: usize,
    pub(super) fault: Option<Fault>,
    /// Every call that would change something fails with it.
    pub(super) refuses: Option<i32>,
    next_file: u64,
    pub(super) next_handle: u64,
    /// By file: handle, and whether it shares.
    pub(super) locks: BTreeMap<u64, Vec<(u64, bool)>>,
    pub(super) device: u64,
    pub(super) no_birth_times: bool,
    forgets_syncs: bool,
    /// What is written in place needs room, and there is none.
    pub(super) no_room: bool,
}

/// Clones are the same disk.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Inner>>);

/// A piece of what wasn't synced: the place in the log and, of a write, the sector.
pub(super) type Piece = (usize, usize);

impl Memory {
    /// A disk that holds this, all of it durable.
    pub(super) fn of(tree: Tree) -> Self {
        let memory = Self::default();
        {
            let mut inner = memory.inner();
            inner.next_file = tree.files.keys().max().map_or(0, |highest| highest + 1);
            (inner.base, inner.seen) = (tree.clone(), tree);
        }
        memory
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(super) fn files(&self) -> Arc<dyn Files> {
        Arc::new(Port(self.clone()))
    }

    pub(super) fn paths() -> Paths {
        let anchor = PathBuf::from("/home/config/anchors/s");
        Paths::new(Scope::User, PathBuf::from("/home/data/s"), Some(anchor))
    }

    /// A process that opens the store of this disk.
    pub(super) fn store(&self) -> Storage {
        store_at(Self::paths(), self.files())
    }

    pub(super) fn log_len(&self) -> usize {
        self.inner().log.len()
    }

    /// The next process is killed after so many more steps.
    pub(super) fn kill_after(&self, steps: usize) {
        let mut inner = self.inner();
        inner.dies_at = Some(inner.log.len() + steps);
    }

    /// Calls of the port are counted anew, and fail as this says.
    pub(super) fn fail(&self, fault: Fault) {
        let mut inner = self.inner();
        (inner.calls, inner.fault) = (0, Some(fault));
    }

    /// Whoever was killed is dead; the next one lives.
    pub(super) fn revive(&self) {
        let mut inner = self.inner();
        (inner.dies_at, inner.fault, inner.refuses) = (None, None, None);
        inner.locks.clear();
    }

    /// All that was written is on the disk.
    pub(super) fn settle(&self) {
        let mut inner = self.inner();
        inner.base = inner.seen.clone();
        inner.log.clear();
    }

    /// From here on a sync does nothing, and says that it did.
    pub(super) fn forget_syncs(&self) {
        self.inner().forgets_syncs = true;
    }

    pub(super) fn op_is(&self, at: usize, what: impl Fn(&Op) -> bool) -> bool {
        what(&self.inner().log[at])
    }

    pub(super) fn tree(&self) -> Tree {
        self.inner().seen.clone()
    }

    /// Does a step, as the process that is at work.
    pub(super) fn step(&self, op: Op) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.dies_at.is_some_and(|at| inner.log.len() >= at) {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        if inner.forgets_syncs && matches!(op, Op::Sync(_)) {
            return Ok(());
        }
        inner.seen.apply(&op, |_| true);
        inner.log.push(op);
        Ok(())
    }

    pub(super) fn new_file(&self) -> u64 {
        let mut inner = self.inner();
        inner.next_file += 1;
        inner.next_file
    }

    /// What of the first `steps` steps no sync has made certain.
    pub(super) fn uncertain(&self, steps: usize) -> Vec<Piece> {
        let inner = self.inner();
        let log = &inner.log[..steps];
        let mut pieces = Vec::new();
        for (at, op) in log.iter().enumerate() {
            if is_certain(op, &log[at + 1..]) {
                continue;
            }
            let parts =
                if let Op::Bytes(_, _, bytes) = op { bytes.len().div_ceil(SECTOR) } else { 1 };
            pieces.extend((0..parts).map(|part| (at, part)));
        }
        pieces
    }

    /// What is left where the power went after `steps` steps and, of what was uncertain then, only
    /// the kept pieces had reached the disk.
    pub(super) fn after_power_loss(&self, steps: usize, kept: &BTreeSet<Piece>) -> Tree {
        let inner = self.inner();
        let log = &inner.log[..steps];
        let mut tree = inner.base.clone();
        for (at, op) in log.iter().enumerate() {
            let certain = is_certain(op, &log[at + 1..]);
            tree.apply(op, |part| certain || kept.contains(&(at, part)));
        }
        tree.prune();
        tree
    }
}

/// Whether one of the later steps has made this one durable.
fn is_certain(op: &Op, later: &[Op]) -> bool {
    match op {
        Op::Length(number, _) | Op::Bytes(number, ..) => {
            let mut syncs = later.iter().filter_map(|op| match op {
                Op::Sync(synced) if synced == number => Some(true),
                Op::SyncFailed(synced) if synced == number => Some(false),
                _ => None,
            });
            syncs.next().unwrap_or(false)
        }
        Op::MakeDir(path) | Op::Create(path, _) | Op::Remove(path) | Op::Rename(_, path, _) => {
            later
                .iter()
                .any(|op| matches!(op, Op::SyncDir(dir) if Some(dir.as_path()) == path.parent()))
        }
        Op::SyncDir(_) | Op::Sync(_) | Op::SyncFailed(_) => true,
    }
}

impl Tree {
    /// Applies a step, of a write only the sectors that `keeps`.
    fn apply(&mut self, op: &Op, keeps: impl Fn(usize) -> bool) {
        match op {
            Op::Bytes(number, offset, bytes) => {
                for (part, sector) in
                    bytes.chunks(SECTOR).enumerate().filter(|(part, _)| keeps(*part))
                {
                    let start = offset + part * SECTOR;
                    let file = self.files.entry(*number).or_default();
                    file.resize(file.len().max(start + sector.len()), 0);
                    file[start..start + sector.len()].copy_from_slice(sector);
                }
            }
            _ if !keeps(0) => {}
            Op::Length(number, len) => self.files.entry(*number).or_default().resize(*len, 0),
            Op::MakeDir(path) => drop(self.names.insert(path.clone(), None)),
            Op::Create(path, number) => {
                self.files.entry(*number).or_default();
                self.names.insert(path.clone(), Some(*number));
            }
            Op::Remove(path) => drop(self.names.remove(path)),
            Op::Rename(from, to, number) => {
                self.names.remove(from);
                self.files.entry(*number).or_default();
                self.names.insert(to.clone(), Some(*number));
            }
            Op::SyncDir(_) | Op::Sync(_) | Op::SyncFailed(_) => {}
        }
    }

    /// With a directory goes what was in it. Parents come before their children here.
    fn prune(&mut self) {
        let mut left = BTreeMap::new();
        for (path, number) in std::mem::take(&mut self.names) {
            let above = path.parent().unwrap_or(Path::new("/"));
            if above == Path::new("/") || left.contains_key(above) {
                left.insert(path, number);
            }
        }
        self.names = left;
    }

    /// The file or directory at a path.
    pub(super) fn find(&self, path: &Path) -> io::Result<Option<u64>> {
        if path == Path::new("/") {
            return Ok(None);
        }
        self.names.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(super) fn number(&self, path: &Path) -> Option<u64> {
        self.find(path).ok().flatten()
    }

    pub(super) fn bytes(&self, path: &Path) -> Option<&Vec<u8>> {
        self.number(path).and_then(|number| self.files.get(&number))
    }

    pub(super) fn bytes_mut(&mut self, path: &Path) -> Option<&mut Vec<u8>> {
        let number = self.number(path)?;
        self.files.get_mut(&number)
    }

    pub(super) fn content(&self, number: u64) -> &[u8] {
        self.files.get(&number).map_or(&[], Vec::as_slice)
    }

    pub(super) fn remove(&mut self, path: &Path) {
        self.names.remove(path);
    }

    /// Puts bytes at a path: into the file that is there, or as a new one.
    pub(super) fn put(&mut self, path: &Path, bytes: Vec<u8>, in_place: bool) {
        let next = self.files.keys().max().map_or(1, |highest| highest + 1);
        let number = self.number(path).filter(|_| in_place).unwrap_or(next);
        self.files.insert(number, bytes);
        self.names.insert(path.to_owned(), Some(number));
    }

    /// What tells this state from another.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut whole = ring::digest::Context::new(&ring::digest::SHA256);
        for (path, number) in &self.names {
            whole.update(path.as_os_str().as_encoded_bytes());
            whole.update(&number.unwrap_or(0).to_le_bytes());
            if let Some(number) = number {
                whole.update(self.content(*number));
            }
        }
        whole.finish().as_ref().try_into().unwrap()
    }
}

/// Numbers that look random, from a seed.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// Below `sides`.
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    /// Some of the pieces: none, all, or each by the toss of a coin.
    pub(super) fn some_of(&mut self, pieces: &[Piece]) -> BTreeSet<Piece> {
        match self.roll(4) {
            0 => BTreeSet::new(),
            1 => pieces.iter().copied().collect(),
            2 => pieces.iter().copied().take(self.roll(pieces.len() + 1)).collect(),
            _ => pieces.iter().copied().filter(|_| self.roll(2) == 0).collect(),
        }
    }
}

/// Whether the long forms of these tests are asked for.
#[expect(clippy::disallowed_methods, reason = "a knob of these tests")]
pub(super) fn whole() -> bool {
    std::env::var_os("LM_STORAGE_TESTS").is_some_and(|value| value == "whole")
}

/// How many histories are tried against the model: so many, or as many as are asked for.
#[expect(clippy::disallowed_methods, reason = "a knob of these tests")]
pub(super) fn histories_or(ordinary: u32) -> u32 {
    let asked = std::env::var("LM_STORAGE_HISTORIES").ok();
    asked.map_or(ordinary, |text| text.parse().expect("LM_STORAGE_HISTORIES is a number"))
}

/// Tells how much was tried, for whoever asks to see it.
#[expect(clippy::print_stdout, reason = "a test's report")]
pub(super) fn tell(count: usize, what: &str) {
    println!("{count} cases: {what}");
}
