//! Storage against a reference model, through sequences of everything that happens to a store.
//!
//! The model knows a store as: what each commit left, which of its files are as they were written,
//! and how far the anchor has come. It says what a reader must find; how the product finds it, the
//! model doesn't know.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::memory::{Dice, Memory, histories_or, tell};
use super::world::{COUNTER, WAIT, count, counter};
use crate::error::Code;
use crate::storage::{Commit, Reading, State, Storage};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A change by the process that is open all along, or by another one.
    Change {
        by_another: bool,
    },
    /// One that makes the images longer or shorter.
    Resize(usize),
    /// One that looks and writes nothing.
    Keep,
    /// One that dies after so many steps; then, perhaps, the power goes.
    Die {
        after: usize,
        power: bool,
        seed: u64,
    },
    /// One that a read-only file system refuses.
    ReadOnly,
    /// A bit of an image rots, somewhere.
    Rot {
        image: usize,
        at: usize,
    },
    RemoveImage(usize),
    RemoveAnchor,
    RotAnchor,
    /// Files come back as they were so many looks ago.
    PutBack {
        age: usize,
        files: usize,
        in_place: bool,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<bool>().prop_map(|by_another| Step::Change { by_another }),
        1 => (0..40_000_usize).prop_map(Step::Resize),
        1 => Just(Step::Keep),
        4 => (0..40_usize, any::<bool>(), any::<u64>())
            .prop_map(|(after, power, seed)| Step::Die { after, power, seed }),
        1 => Just(Step::ReadOnly),
        2 => (0..2_usize, prop_oneof![0..150_usize, 0..16_000_usize])
            .prop_map(|(image, at)| Step::Rot { image, at }),
        1 => (0..2_usize).prop_map(Step::RemoveImage),
        1 => Just(Step::RemoveAnchor),
        1 => Just(Step::RotAnchor),
        3 => (1..12_usize, 1..8_usize, any::<bool>())
            .prop_map(|(age, files, in_place)| Step::PutBack { age, files, in_place }),
    ]
}

/// An image that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    /// The store, in the order of their births, and the generation.
    store: usize,
    generation: u64,
    count: u64,
    /// The files into which it was written.
    files: [Option<u64>; 2],
}

/// What the model knows of one image file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    /// An image, and whether this is the file that it was written into.
    Image {
        written: Written,
        own_file: bool,
    },
    Unreadable,
}

/// What a reader must find.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Sound(u64),
    Restored(u64),
    /// Nothing, in one of these states.
    None(&'static [State]),
}

/// The reference.
#[derive(Default)]
struct Model {
    /// Each image that was ever written, by its bytes.
    images: BTreeMap<Vec<u8>, Written>,
    /// Each anchor that was ever written, by its bytes: store and generation.
    anchors: BTreeMap<Vec<u8>, (usize, u64)>,
    stores: Vec<[u8; 16]>,
    /// The key of each store, as it stands wrapped in its images, with its length.
    keys: BTreeMap<[u8; 16], Vec<u8>>,
}

/// The machine on which it all happens.
struct Machine {
    memory: Memory,
    /// Open all along.
    store: Storage,
    model: Model,
    past: Vec<super::memory::Tree>,
    most: u64,
    /// Planted: syncs do nothing.
    forgetful: bool,
}

impl Model {
    /// Takes in what stands in the files after a commit that is known to be whole.
    fn learn(&mut self, memory: &Memory, reading: &Reading) {
        let standing = reading.standing;
        let store = self.stores.iter().position(|id| *id == standing.store_id);
        let store = store.unwrap_or_else(|| {
            self.stores.push(standing.store_id);
            self.stores.len() - 1
        });
        let (tree, paths) = (memory.tree(), Memory::paths());
        let written = Written {
            store,
            generation: standing.generation,
            count: counter(&reading.contents),
            files: paths.images.each_ref().map(|path| tree.number(path)),
        };
        for bytes in paths.images.iter().filter_map(|path| tree.bytes(path)) {
            // These numbers stand in the clear.
            assert_eq!(bytes[16..40], plain(&standing.store_id, standing.generation));
            self.keys.insert(standing.store_id, bytes[WRAPPED].to_vec());
            self.images.insert(bytes.clone(), written);
        }
        let anchor = tree.bytes(&paths.anchor.unwrap()).unwrap().clone();
        self.anchors.insert(anchor, (store, standing.highest_anchor));
    }

    fn held(&self, memory: &Memory, image: usize) -> Held {
        let (tree, paths) = (memory.tree(), Memory::paths());
        let path = &paths.images[image];
        let Some(bytes) = tree.bytes(path).filter(|bytes| !bytes.is_empty()) else {
            return Held::Nothing;
        };
        let Some(written) = self.images.get(bytes).copied() else { return Held::Unreadable };
        Held::Image { written, own_file: written.files[image] == tree.number(path) }
    }

    /// No image can be read, and by what is left it may as well be another product's: no change may
    /// write over it. What the anchor knows is this product's.
    fn may_be_anothers(&self, memory: &Memory) -> bool {
        let (tree, paths) = (memory.tree(), Memory::paths());
        let readable = [0, 1].map(|image| matches!(self.held(memory, image), Held::Image { .. }));
        let left: Vec<_> = paths.images.iter().filter_map(|path| tree.bytes(path)).collect();
        if readable.contains(&true) || left.is_empty() {
            return false;
        }
        let anchor = tree.bytes(&paths.anchor.unwrap());
        let known = anchor.and_then(|bytes| self.anchors.get(bytes));
        let was_never_one = |bytes: &&Vec<u8>| !bytes.starts_with(b"lm-store");
        let is_closed = |bytes: &&Vec<u8>| {
            let whole_head = self.images.keys().any(|image| image[..48] == bytes[..48]);
            let kind = bytes[80..82] == [1, 0] && bytes[83] <= 4;
            let key = whole_head.then(|| &self.keys[&bytes[16..32]]);
            let own = known.is_some_and(|(store, _)| self.stores[*store] == bytes[16..32]);
            kind && !own && key.is_some_and(|key| *key != bytes[WRAPPED])
        };
        (anchor.is_none() && left.iter().any(was_never_one)) || left.iter().any(is_closed)
    }

    /// Rights hold only if no anchor has seen a later generation.
    fn expected(&self, memory: &Memory) -> Expected {
        let held = [0, 1].map(|image| self.held(memory, image));
        let anchor = memory.tree().bytes(&Memory::paths().anchor.unwrap()).cloned();
        let images = held.iter().filter_map(|held| match held {
            Held::Image { written, own_file } => Some((*written, *own_file)),
            _ => None,
        });
        // The later one counts; of two level ones that which still is its own file, else `a`.
        let shown = images.rev().max_by_key(|(written, own_file)| (written.generation, *own_file));
        let Some((shown, own_file)) = shown else {
            let empty = held.iter().all(|held| *held == Held::Nothing);
            return Expected::None(match (&anchor, empty) {
                (None, true) => &[State::Absent],
                (Some(_), true) => &[State::Missing],
                (_, false) => &[State::Damaged],
            });
        };
        let known = anchor.and_then(|bytes| self.anchors.get(&bytes).copied());
        let agrees = known.is_none_or(|(store, generation)| {
            store == shown.store && generation <= shown.generation
        });
        let sound = own_file && agrees;
        if sound { Expected::Sound(shown.count) } else { Expected::Restored(shown.count) }
    }
}

/// Where the wrapped key stands in an image, with its length.
const WRAPPED: std::ops::Range<usize> = 82..144;

fn plain(store_id: &[u8; 16], generation: u64) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(store_id);
    bytes[16..].copy_from_slice(&generation.to_le_bytes());
    bytes
}

impl Machine {
    fn new(forgetful: bool) -> Self {
        let memory = Memory::default();
        let store = memory.store();
        Self { memory, store, model: Model::default(), past: Vec::new(), most: 0, forgetful }
    }

    fn reading(&self) -> Reading {
        let reading = self.store.read().unwrap();
        let other = self.memory.store().read().unwrap();
        assert_eq!(reading, other, "whoever reads finds the same");
        reading
    }

    /// The reader finds what the model says.
    fn agrees(&self, told: &str) {
        let reading = self.reading();
        let (state, found) = (reading.standing.state, counter(&reading.contents));
        let expected = self.model.expected(&self.memory);
        let right = match &expected {
            Expected::Sound(count) => (state, found) == (State::Sound, *count),
            Expected::Restored(count) => (state, found) == (State::Restored, *count),
            Expected::None(states) => states.contains(&state) && found == 0,
        };
        assert!(right, "{told}: {state:?} with {found}, expected {expected:?}");
    }

    /// A change that must succeed.
    fn change(&mut self, by_another: bool, len: Option<usize>) {
        let before = self.reading();
        let other = self.memory.store();
        let store = if by_another { &other } else { &self.store };
        let seen = store
            .change(WAIT, |standing, contents| {
                contents.set(COUNTER, (counter(contents) + 1).to_le_bytes().to_vec());
                if let Some(len) = len {
                    contents.set(8, vec![8; len]);
                }
                Ok((*standing, Commit::Write))
            })
            .unwrap();
        assert_eq!(seen.state, before.standing.state);
        self.committed(counter(&before.contents) + 1);
    }

    /// After a commit all is well, and above everything that any anchor has seen.
    fn committed(&mut self, expected: u64) {
        let reading = self.reading();
        let standing = reading.standing;
        assert_eq!((standing.state, counter(&reading.contents)), (State::Sound, expected));
        assert_eq!(
            (reading.notes.as_slice(), standing.highest_anchor),
            (&[][..], standing.generation)
        );
        self.most = self.most.max(standing.generation);
        self.model.learn(&self.memory, &reading);
    }

    /// A change that dies; the next process makes all well before the story goes on.
    fn die(&mut self, after: usize, power: bool, dice: &mut Dice) {
        let before = self.reading();
        // What stood there before is not what this crash is to take away.
        self.memory.settle();
        self.memory.kill_after(after);
        if self.forgetful {
            self.memory.forget_syncs();
        }
        let succeeded = count(&self.memory.store()).is_ok();
        if power {
            let steps = self.memory.log_len();
            let kept = dice.some_of(&self.memory.uncertain(steps));
            let left = self.memory.after_power_loss(steps, &kept);
            let memory = Memory::of(left);
            (self.store, self.memory) = (memory.store(), memory);
        }
        self.memory.revive();
        let reading = self.reading();
        let (state, found) = (reading.standing.state, counter(&reading.contents));
        let old = counter(&before.contents);
        let is_old = !succeeded && (state, found) == (before.standing.state, old);
        let is_new = (state, found) == (State::Sound, old + 1);
        // Under another store's anchor the break shows until that is written, too: the marks stand already,
        // and are set once more. The anchor comes last, and one that can't be written fails no change.
        let is_marked = before.standing.state == State::Restored
            && (state, found) == (State::Restored, old + 1);
        let is_birth = before.contents.is_empty()
            && !succeeded
            && found == 0
            && matches!(state, State::Absent | State::Missing | State::Damaged | State::Sound);
        // A torn write can set right what had rotted in an image: then that is back, as an older one.
        let is_back = before.standing.state == State::Damaged
            && state == State::Restored
            && [0, 1].iter().any(|image| match self.model.held(&self.memory, *image) {
                Held::Image { written, .. } => written.count == found,
                _ => false,
            });
        assert!(
            is_old || is_new || is_marked || is_birth || is_back,
            "{:?} with {old} became {state:?} with {found}",
            before.standing
        );
        self.change(true, None);
    }

    fn refused(&mut self) {
        let before = self.reading();
        self.memory.inner().refuses = Some(libc::EROFS);
        let error = count(&self.store).unwrap_err();
        assert_eq!(error.code(), Code::StorageReadOnly, "{error}");
        assert_eq!(self.store.read().unwrap(), before, "nothing is lost, and status answers");
        self.memory.revive();
    }

    /// A change that must be refused, since what stands there may be another product's.
    fn kept_off(&mut self) {
        let before = self.memory.tree();
        let error = count(&self.store).unwrap_err();
        assert_eq!(error.code(), Code::StorageUnsafe, "{error}");
        let paths = Memory::paths();
        for path in paths.images.iter().chain(&paths.anchor) {
            assert_eq!(self.memory.tree().bytes(path), before.bytes(path), "nothing was written");
        }
    }

    /// Does something to the files behind the store's back.
    fn tamper(&mut self, step: Step) {
        let mut tree = self.memory.tree();
        let paths = Memory::paths();
        let all = [&paths.images[0], &paths.images[1], paths.anchor.as_ref().unwrap()];
        match step {
            Step::Rot { image, at } => {
                let Some(bytes) = tree.bytes_mut(all[image]).filter(|bytes| !bytes.is_empty())
                else {
                    return;
                };
                let at = at % bytes.len();
                bytes[at] ^= 0x40;
            }
            Step::RemoveImage(image) => tree.remove(all[image]),
            Step::RemoveAnchor => tree.remove(all[2]),
            Step::RotAnchor => {
                if let Some(bytes) = tree.bytes_mut(all[2]) {
                    bytes.fill(0xA5);
                }
            }
            Step::PutBack { age, files, in_place } => {
                let Some(old) = self.past.len().checked_sub(age).map(|at| &self.past[at]) else {
                    return;
                };
                for (_, path) in all.iter().enumerate().filter(|(at, _)| files >> at & 1 == 1) {
                    if let Some(bytes) = old.bytes(path) {
                        tree.put(path, bytes.clone(), in_place);
                    }
                }
            }
            _ => return,
        }
        let memory = Memory::of(tree);
        (self.store, self.memory) = (memory.store(), memory);
    }

    fn live(&mut self, step: Step) {
        let tampers = matches!(
            step,
            Step::Rot { .. }
                | Step::RemoveImage(_)
                | Step::RemoveAnchor
                | Step::RotAnchor
                | Step::PutBack { .. }
        );
        match step {
            _ if !tampers && self.model.may_be_anothers(&self.memory) => self.kept_off(),
            Step::Change { by_another } => self.change(by_another, None),
            Step::Resize(len) => self.change(false, Some(len)),
            Step::Keep => self.store.change(WAIT, |_, _| Ok(((), Commit::Keep))).unwrap(),
            Step::Die { after, power, seed } => self.die(after, power, &mut Dice(seed)),
            Step::ReadOnly => self.refused(),
            _ => self.tamper(step),
        }
        self.agrees(&format!("after {step:?}"));
        self.past.push(self.memory.tree());
    }
}

/// Runs so many histories; whether the model agreed with all of them.
fn histories(cases: u32, forgetful: bool) -> Result<(), String> {
    let shrinking = if forgetful { 0 } else { 1000 };
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: shrinking,
        ..ProptestConfig::default()
    };
    let strategy = prop::collection::vec(any_step(), 1..60);
    let run = proptest::test_runner::TestRunner::new(config).run(&strategy, |steps| {
        let mut machine = Machine::new(forgetful);
        steps.into_iter().for_each(|step| machine.live(step));
        Ok(())
    });
    run.map_err(|error| error.to_string())
}

#[test]
fn storage_does_what_the_model_says() {
    let cases = histories_or(60);
    assert_eq!(histories(cases, false), Ok(()));
    tell(cases as usize, "histories of up to 60 steps against the model");
}

#[test]
fn the_model_sees_a_disk_that_does_not_sync() {
    assert!(histories(60, true).is_err());
}
