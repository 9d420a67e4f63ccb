//! Every state that a crash can leave: after each step, with each choice of what was not synced.
//!
//! `LM_STORAGE_TESTS=whole` looks at all of them (`.ci/storage` does), else at some.

use std::collections::{BTreeSet, HashSet};

use super::memory::{Dice, Memory, Op, Piece, Tree, tell, whole};
use super::world::{COUNTER, WAIT, count, counter, sound};
use crate::error::Result;
use crate::storage::{Commit, State, Storage};

/// A section that fills the image, so that nearly every sector of a write differs from the last.
const FILLER: u32 = 8;
/// Short of the shortest file.
const ORDINARY: usize = 15_000;

/// One further, in an image filled to this size.
fn fill(store: &Storage, len: usize) -> Result<()> {
    store.change(WAIT, |_, contents| {
        contents.set(COUNTER, (counter(contents) + 1).to_le_bytes().to_vec());
        contents.set(FILLER, vec![0xF1; len]);
        Ok(((), Commit::Write))
    })
}

/// A store that was changed twice, all of it durable.
fn at_two() -> Memory {
    let memory = Memory::default();
    for _ in 0..2 {
        fill(&memory.store(), ORDINARY).unwrap();
    }
    memory.settle();
    memory
}

/// A commit that is cut off: what stands before it, what it does, and what may then be found.
struct Scene {
    name: &'static str,
    before: fn() -> Memory,
    change: fn(&Storage) -> Result<()>,
    /// State and count before the change takes effect, and while a birth is at work.
    old: &'static [(State, u64)],
    /// Once it has.
    new: u64,
}

const SOUND: State = State::Sound;
const PLAIN: fn(&Storage) -> Result<()> = |store| fill(store, ORDINARY);

const SCENES: &[Scene] = &[
    Scene { name: "ordinary", before: at_two, change: PLAIN, old: &[(SOUND, 2)], new: 3 },
    Scene {
        name: "birth",
        before: Memory::default,
        change: PLAIN,
        old: &[(State::Absent, 0), (SOUND, 0)],
        new: 1,
    },
    Scene {
        name: "growing",
        before: at_two,
        change: |store| fill(store, 31_000),
        old: &[(SOUND, 2)],
        new: 3,
    },
    Scene {
        name: "shrinking",
        before: || {
            let memory = at_two();
            fill(&memory.store(), 31_000).unwrap();
            memory.settle();
            memory
        },
        change: |store| fill(store, 100),
        old: &[(SOUND, 3)],
        new: 4,
    },
    Scene {
        name: "image a rotten",
        before: || with(|tree| rot(tree, 0)),
        change: PLAIN,
        old: &[(SOUND, 2)],
        new: 3,
    },
    Scene {
        name: "image b rotten",
        before: || with(|tree| rot(tree, 1)),
        change: PLAIN,
        old: &[(SOUND, 2)],
        new: 3,
    },
    Scene {
        name: "image b gone",
        before: || with(|tree| tree.remove(&Memory::paths().images[1])),
        change: PLAIN,
        old: &[(SOUND, 2)],
        new: 3,
    },
    Scene {
        name: "image a a copy of itself",
        before: || with(|tree| copy(tree, 0)),
        change: PLAIN,
        old: &[(SOUND, 2)],
        new: 3,
    },
    Scene {
        name: "image b a copy of itself",
        before: || with(|tree| copy(tree, 1)),
        change: PLAIN,
        old: &[(SOUND, 2)],
        new: 3,
    },
    Scene {
        name: "anchor gone",
        before: || with(|tree| tree.remove(&Memory::paths().anchor.unwrap())),
        change: PLAIN,
        old: &[(SOUND, 2)],
        new: 3,
    },
    Scene {
        name: "older images put back",
        before: || {
            let memory = at_two();
            let old = memory.tree();
            fill(&memory.store(), ORDINARY).unwrap();
            let mut tree = memory.tree();
            for path in Memory::paths().images {
                tree.put(&path, old.bytes(&path).unwrap().clone(), true);
            }
            Memory::of(tree)
        },
        change: PLAIN,
        // Until the change that marks the records is there, the break must be seen.
        old: &[(State::Restored, 2)],
        new: 3,
    },
    Scene {
        name: "both images rotten",
        before: || {
            with(|tree| {
                rot(tree, 0);
                rot(tree, 1);
            })
        },
        change: PLAIN,
        old: &[(State::Damaged, 0), (State::Missing, 0), (SOUND, 0)],
        new: 1,
    },
    // Half made anew, it must not be taken for another product's.
    Scene {
        name: "both wrapped keys rotten",
        before: || {
            with(|tree| {
                for path in Memory::paths().images {
                    tree.bytes_mut(&path).unwrap()[100] ^= 4;
                }
            })
        },
        change: PLAIN,
        old: &[(State::Damaged, 0), (State::Missing, 0), (SOUND, 0)],
        new: 1,
    },
    Scene {
        name: "images gone",
        before: || with(|tree| Memory::paths().images.iter().for_each(|path| tree.remove(path))),
        change: PLAIN,
        old: &[(State::Missing, 0), (SOUND, 0)],
        new: 1,
    },
];

fn with(wrong: impl Fn(&mut Tree)) -> Memory {
    let mut tree = at_two().tree();
    wrong(&mut tree);
    Memory::of(tree)
}

fn rot(tree: &mut Tree, image: usize) {
    tree.bytes_mut(&Memory::paths().images[image]).unwrap()[300] ^= 4;
}

/// The same bytes in another file, as a copying program leaves them.
fn copy(tree: &mut Tree, image: usize) {
    let path = &Memory::paths().images[image];
    let bytes = tree.bytes(path).unwrap().clone();
    tree.put(path, bytes, false);
}

/// Choices of what reached the disk: all of them where the pieces are few; else each choice of the
/// names and lengths with the writes torn at each sector, with each sector alone there or alone
/// missing, and with many chosen by lot.
fn choices(
    memory: &Memory,
    pieces: &[Piece],
    dice: &mut Dice,
    lots: usize,
) -> Vec<BTreeSet<Piece>> {
    let subset = |of: &[Piece], bits: usize| -> BTreeSet<Piece> {
        of.iter()
            .enumerate()
            .filter(|(at, _)| bits >> at & 1 == 1)
            .map(|(_, piece)| *piece)
            .collect()
    };
    if pieces.len() <= 8 {
        return (0..1 << pieces.len()).map(|bits| subset(pieces, bits)).collect();
    }
    let (sectors, few): (Vec<_>, Vec<_>) = pieces.iter().partition(|(at, _)| memory.is_write(*at));
    let (sectors, few): (Vec<Piece>, Vec<Piece>) = (sectors, few);
    let mut torn: Vec<BTreeSet<Piece>> = Vec::new();
    for at in 0..=sectors.len() {
        torn.push(sectors[..at].iter().copied().collect());
        torn.push(sectors[at..].iter().copied().collect());
    }
    for piece in &sectors {
        torn.push([*piece].into());
        torn.push(sectors.iter().copied().filter(|other| other != piece).collect());
    }
    for _ in 0..lots {
        torn.push(sectors.iter().copied().filter(|_| dice.roll(2) == 0).collect());
    }
    let few_bits = 1 << few.len().min(4);
    let all = torn.iter().flat_map(|torn| {
        (0..few_bits).map(|bits| torn.union(&subset(&few, bits)).copied().collect())
    });
    all.collect()
}

impl Memory {
    fn is_write(&self, at: usize) -> bool {
        self.op_is(at, |op| matches!(op, Op::Bytes(..)))
    }
}

/// Goes through the states of one commit and returns what was found amiss.
struct Tour {
    seen: HashSet<[u8; 32]>,
    passed: usize,
    looked_at: usize,
    violations: Vec<String>,
    dice: Dice,
    lots: usize,
    /// Every so many of the states.
    stride: usize,
}

impl Tour {
    fn new(lots: usize, stride: usize) -> Self {
        Self {
            seen: HashSet::new(),
            passed: 0,
            looked_at: 0,
            violations: Vec::new(),
            dice: Dice(1),
            lots,
            stride,
        }
    }

    /// Every state after each of these steps of what the disk has logged; `allowed` tells by the
    /// steps which states and counts may be found.
    fn walk(
        &mut self,
        name: &str,
        memory: &Memory,
        from: usize,
        allowed: impl Fn(usize) -> Vec<(State, u64)>,
    ) {
        for steps in from..=memory.log_len() {
            let pieces = memory.uncertain(steps);
            for kept in choices(memory, &pieces, &mut self.dice, self.lots) {
                let end = steps == memory.log_len();
                self.passed += 1;
                if !self.passed.is_multiple_of(self.stride) && !end {
                    continue;
                }
                let tree = memory.after_power_loss(steps, &kept);
                if !self.seen.insert(tree.fingerprint()) && !end {
                    continue;
                }
                self.looked_at += 1;
                if let Err(what) = look(tree, &allowed(steps), self.looked_at.is_multiple_of(3)) {
                    let kept: Vec<_> = kept.iter().collect();
                    self.violations.push(format!("{name}, {steps} steps, kept {kept:?}: {what}"));
                }
            }
        }
    }
}

/// What the next process finds; and that its change makes all well, where that is looked at, too.
fn look(tree: Tree, allowed: &[(State, u64)], heals: bool) -> Result<(), String> {
    let memory = Memory::of(tree);
    let store = memory.store();
    let reading = store.read().map_err(|e| e.to_string())?;
    let found = (reading.standing.state, counter(&reading.contents));
    if !allowed.contains(&found) {
        return Err(format!("{found:?} is none of {allowed:?}"));
    }
    if !heals {
        return Ok(());
    }
    count(&store).map_err(|e| format!("{found:?}, then: {e}"))?;
    let healed = store.read().map_err(|e| e.to_string())?;
    let standing = healed.standing;
    let well = standing.state == SOUND
        && counter(&healed.contents) == found.1 + 1
        && standing.generation == standing.highest_anchor
        && healed.notes.is_empty();
    if well { Ok(()) } else { Err(format!("{found:?} healed to {standing:?}, {:?}", healed.notes)) }
}

#[test]
fn every_state_that_a_crash_can_leave_is_before_or_after() {
    let (lots, stride) = if whole() { (4000, 1) } else { (40, 11) };
    let mut tour = Tour::new(lots, stride);
    for scene in SCENES {
        let memory = (scene.before)();
        memory.settle();
        (scene.change)(&memory.store()).unwrap();
        let end = memory.log_len();
        tour.walk(scene.name, &memory, 0, |steps| {
            let mut allowed = vec![(SOUND, scene.new)];
            // What has succeeded is durable.
            if steps < end {
                allowed.extend(scene.old);
            }
            allowed
        });
    }
    tell(tour.looked_at, "states after a crash");
    assert_eq!(tour.violations, [""; 0]);
    let least = if whole() { 100_000 } else { 500 };
    assert!(tour.looked_at >= least, "{}", tour.looked_at);
}

#[test]
fn a_kill_and_a_power_loss_during_the_next_change_are_before_or_after() {
    let (lots, stride) = if whole() { (20, 1) } else { (0, 101) };
    let mut tour = Tour::new(lots, stride);
    for birth in [false, true] {
        let steps_of = |memory: &Memory| {
            fill(&memory.store(), ORDINARY).unwrap();
            memory.log_len()
        };
        let start = if birth { Memory::default } else { at_two };
        for killed_after in 0..steps_of(&start()) {
            let memory = start();
            memory.kill_after(killed_after);
            let durable =
                2 * u64::from(!birth) + u64::from(fill(&memory.store(), ORDINARY).is_ok());
            memory.revive();
            let from = memory.log_len();
            let found = counter(&memory.store().read().unwrap().contents);
            fill(&memory.store(), ORDINARY).unwrap();
            let end = memory.log_len();
            let name = format!("birth: {birth}, killed after {killed_after}");
            tour.walk(&name, &memory, from, |steps| {
                let least = if steps == end { found + 1 } else { durable };
                let mut allowed: Vec<_> = (least..=found + 1).map(|n| (SOUND, n)).collect();
                if least == 0 {
                    allowed.push((State::Absent, 0));
                }
                allowed
            });
        }
    }
    tell(tour.looked_at, "states after a kill and a power loss");
    assert_eq!(tour.violations, [""; 0]);
    assert!(tour.looked_at > 100, "{}", tour.looked_at);
}

/// What the tour would not see, it would not catch: a sync that never happened is found.
#[test]
fn the_tour_sees_a_sync_that_was_left_out() {
    let memory = at_two();
    memory.forget_syncs();
    fill(&memory.store(), ORDINARY).unwrap();
    let mut tour = Tour::new(20, 1);
    tour.walk("no syncs", &memory, memory.log_len(), |_| vec![(SOUND, 3)]);
    assert!(tour.violations.iter().any(|line| line.contains("Damaged")), "{:?}", tour.looked_at);
    assert_eq!(counter(&sound(&memory.store()).contents), 3);
}
