//! A store that the platform vouches for: a chip that seals and counts, here one that is made up.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};

use super::disk::{Disk, Fault};
use super::world::{COUNTER, RealRandom, WAIT, World, count, counter, sound, state};
use crate::ports::{Clock, Files, Ports};
use crate::secret::Secret;
use crate::storage::place::Paths;
use crate::storage::platform::{Counter, PlatformSealer, Seal, Word};
use crate::storage::{Commit, Note, Reading, SealerKind, SoftwareSealer, State, Storage};

const DAY: i64 = 24 * 3600;

/// A chip. Clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Chip(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    name: u8,
    counter: Option<([u8; 16], u64)>,
    /// The highest that any of its counters ever was.
    highest: u64,
    gone: bool,
    /// Answers, and doesn't raise.
    stuck: bool,
    asked: usize,
    raised: usize,
}

impl Chip {
    fn named(name: u8) -> Self {
        let chip = Self::default();
        chip.inner().name = name;
        chip
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    fn clear(&self) {
        self.inner().counter = None;
    }

    /// Where its counter stands.
    pub(super) fn count(&self) -> u64 {
        self.inner().counter.unwrap().1
    }
}

impl PlatformSealer for Chip {
    fn kind(&self) -> SealerKind {
        SealerKind::Tpm
    }

    fn seal(&self, master: &Secret, id: [u8; 16]) -> Option<(Vec<u8>, Option<u64>)> {
        let mut chip = self.inner();
        if chip.gone {
            return None;
        }
        chip.highest += 1;
        chip.counter = Some((id, chip.highest));
        Some(([&[chip.name], master.expose()].concat(), Some(chip.highest)))
    }

    fn ask(&self, seal: &Seal, master: &Secret) -> Word {
        let mut chip = self.inner();
        chip.asked += 1;
        let ours = seal.sealed.expose() == [&[chip.name], master.expose()].concat();
        match (chip.gone, chip.counter, seal.counter) {
            (true, ..) => Word::Unreachable,
            (_, Some((id, value)), Some(counter)) if id == counter.id => Word::Stands(Some(value)),
            _ if ours => Word::CounterGone,
            _ => Word::Other,
        }
    }

    fn raise(&self, counter: &Counter, _: &Secret) -> Option<u64> {
        let mut chip = self.inner();
        let (id, value) = chip.counter.filter(|_| !chip.gone && !chip.stuck)?;
        chip.raised += 1;
        let value = (value + 4).min(counter.value).max(value + 1);
        chip.counter = Some((id, value));
        chip.highest = chip.highest.max(value);
        Some(value)
    }
}

/// Each process has a sight of its own: a store is opened anew for each step.
fn open(world: &World, chip: &Chip) -> Storage {
    open_on(world, chip, Disk::default().files(), 0)
}

fn open_on(world: &World, chip: &Chip, files: Arc<dyn Files>, wall: i64) -> Storage {
    open_at(world.paths("s"), chip, files, wall)
}

pub(super) fn open_at(paths: Paths, chip: &Chip, files: Arc<dyn Files>, wall: i64) -> Storage {
    struct At(i64);
    impl Clock for At {
        fn wall(&self) -> i64 {
            self.0
        }
        fn monotonic(&self) -> std::time::Duration {
            std::time::Duration::ZERO
        }
        fn boot(&self) -> std::time::Duration {
            std::time::Duration::ZERO
        }
        fn sleep(&self, _: std::time::Duration) {}
    }
    let ports = Ports { clock: Arc::new(At(wall)), random: Arc::new(RealRandom), files };
    let sealer = Box::new(SoftwareSealer::new("Acme", "ortho").unwrap());
    Storage::with(paths, sealer, Some(Box::new(chip.clone())), &ports)
}

fn seen(world: &World, chip: &Chip) -> Reading {
    open(world, chip).read().unwrap()
}

/// Stores and anchors, every byte in place, as a disk that is put back whole: the files are the
/// same ones, as they are on a disk that was imaged.
pub(super) fn save(world: &World) -> Vec<(PathBuf, Vec<u8>)> {
    let files = [world.dir("s").join("a"), world.dir("s").join("b"), anchor(world)];
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn anchor(world: &World) -> PathBuf {
    world.root().join("anchors").join("s")
}

pub(super) fn put_back(saved: &[(PathBuf, Vec<u8>)]) {
    saved.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
}

#[test]
fn r53_a_whole_disk_put_back_is_seen_by_the_counter_alone() {
    let (world, chip) = (World::new(), Chip::default());
    count(&open(&world, &chip)).unwrap();
    let saved = save(&world);
    count(&open(&world, &chip)).unwrap();
    assert_eq!(seen(&world, &chip).sealer, SealerKind::Tpm);
    put_back(&saved);

    // Each other anchor agrees: without a counter it would pass.
    assert_eq!(state(&world.store("s")), State::Sound);
    let reading = seen(&world, &chip);
    assert_eq!((reading.standing.state, counter(&reading.contents)), (State::Restored, 1));

    let marked = count(&open(&world, &chip)).unwrap();
    assert_eq!(marked.state, State::Restored, "the layer above must mark its records");
    assert_eq!(sound(&open(&world, &chip)).notes, []);
    // What was put back once can't be put back again.
    put_back(&saved);
    assert_eq!(seen(&world, &chip).standing.state, State::Restored);
}

#[test]
fn a_chip_that_is_gone_costs_a_note_and_no_license() {
    let (world, chip) = (World::new(), Chip::default());
    count(&open(&world, &chip)).unwrap();
    chip.inner().gone = true;
    let store = open(&world, &chip);
    count(&store).unwrap();
    assert_eq!(sound(&store).notes, [Note::SealerUnreachable]);
    assert_eq!(counter(&store.read().unwrap().contents), 2);
    // A build without any sealer of the platform's reads and writes it as well.
    count(&world.store("s")).unwrap();
    assert_eq!(sound(&world.store("s")).notes, [Note::SealerUnreachable]);

    chip.inner().gone = false;
    assert_eq!(sound(&open(&world, &chip)).notes, []);
    let saved = save(&world);
    count(&open(&world, &chip)).unwrap();
    put_back(&saved);
    assert_eq!(seen(&world, &chip).standing.state, State::Restored, "it counts again");
}

#[test]
fn r50_the_store_of_another_chip_is_seen_and_sealed_here_once_marked() {
    let (world, chip, other) = (World::new(), Chip::named(1), Chip::named(2));
    count(&open(&world, &chip)).unwrap();
    let reading = seen(&world, &other);
    assert_eq!(reading.standing.state, State::Restored, "every file and anchor came along");
    assert_eq!(reading.notes, [Note::SealedElsewhere]);
    count(&open(&world, &other)).unwrap();
    assert_eq!(sound(&open(&world, &other)).notes, []);
    assert_eq!(seen(&world, &chip).standing.state, State::Restored, "and no longer there");

    // One that can't seal now must not break the store for ever.
    count(&open(&world, &chip)).unwrap();
    let store = open(&world, &other);
    assert_eq!(store.read().unwrap().standing.state, State::Restored);
    other.inner().gone = true;
    count(&store).unwrap();
    assert_eq!(sound(&store).sealer, SealerKind::Software);
}

#[test]
fn u01_a_cleared_chip_keeps_trust_and_its_counter_is_made_again() {
    let (world, chip) = (World::new(), Chip::default());
    count(&open(&world, &chip)).unwrap();
    chip.clear();
    assert_eq!(sound(&open(&world, &chip)).notes, [Note::CounterMissing]);
    count(&open(&world, &chip)).unwrap();
    assert_eq!(sound(&open(&world, &chip)).notes, []);
    let saved = save(&world);
    count(&open(&world, &chip)).unwrap();
    put_back(&saved);
    assert_eq!(seen(&world, &chip).standing.state, State::Restored);
}

#[test]
fn a_store_that_was_born_without_a_chip_stays_so() {
    let (world, chip) = (World::new(), Chip::default());
    count(&world.store("s")).unwrap();
    let before = std::fs::read(world.dir("s").join("a")).unwrap().len();
    count(&open(&world, &chip)).unwrap();
    assert_eq!(sound(&open(&world, &chip)).sealer, SealerKind::Software);
    assert_eq!(std::fs::read(world.dir("s").join("a")).unwrap().len(), before);
    assert_eq!(chip.inner().asked, 0, "nor is it asked");
}

#[test]
fn looking_asks_once_and_time_marks_raise_once_a_day() {
    let (world, chip) = (World::new(), Chip::default());
    let at = |wall| open_on(&world, &chip, Disk::default().files(), wall);
    count(&at(0)).unwrap();
    let store = at(0);
    let asked = chip.inner().asked;
    for _ in 0..9 {
        sound(&store);
        count(&at(0)).unwrap();
    }
    sound(&store);
    assert_eq!(chip.inner().asked, asked + 1 + 9, "once, and once for each of the other processes");

    let mark = |wall: i64| {
        let before = chip.inner().raised;
        let marked = at(wall).change(WAIT, |_, contents| {
            contents.set(COUNTER + 1, wall.to_le_bytes().to_vec());
            Ok(((), Commit::WriteMarks))
        });
        marked.unwrap();
        chip.inner().raised - before
    };
    assert_eq!([60, DAY - 1, DAY, DAY + 60, 2 * DAY].map(mark), [0, 0, 1, 0, 1]);
    // A clock that was set back hides no mark.
    assert_eq!(mark(DAY), 1);
    assert_eq!(sound(&at(DAY)).notes, []);
}

/// Killed at each step that touches the disk, with a chip that works and with one that is stuck,
/// then restarted: nothing honest is ever taken for a restored store.
#[test]
fn r52_no_crash_makes_the_counter_accuse_an_honest_machine() {
    let mut points = 0;
    for stuck in [false, true] {
        for step in 0.. {
            let (world, chip) = (World::new(), Chip::default());
            count(&open(&world, &chip)).unwrap();
            let step_at = |step| {
                chip.inner().stuck = stuck;
                let disk = Disk::with(Fault::StopAt(step));
                let _ = count(&open_on(&world, &chip, disk.files(), 0));
                chip.inner().stuck = false;
                disk.reached()
            };
            if !step_at(step) {
                break;
            }
            points += 1;
            sound(&open(&world, &chip));
            // A second kill, then work goes on.
            step_at(step);
            sound(&open(&world, &chip));
            for _ in 0..2 {
                count(&open(&world, &chip)).unwrap();
            }
            assert_eq!(sound(&open(&world, &chip)).notes, [], "{step}");
        }
    }
    assert!(points >= 10, "{points}");
}

#[test]
fn a_birth_that_is_killed_leaves_no_broken_store() {
    for step in 0.. {
        let (world, chip) = (World::new(), Chip::default());
        let disk = Disk::with(Fault::StopAt(step));
        let _ = count(&open_on(&world, &chip, disk.files(), 0));
        let reached = disk.reached();
        count(&open(&world, &chip)).unwrap();
        let reading = sound(&open(&world, &chip));
        assert_eq!((reading.sealer, reading.notes), (SealerKind::Tpm, vec![]), "{step}");
        if !reached {
            assert!(step > 5);
            break;
        }
    }
}

/// Parts that a later build put beside the seal stay through every change.
#[test]
fn r59_a_seal_and_its_counter_are_the_same_bytes_for_ever_and_what_stands_beside_them_stays() {
    use crate::storage::platform::with_seal;
    let later = [9, 0, 3, 0, b'x', b'y', b'z'];
    assert_eq!(Seal::read(&later), None);
    assert_eq!(with_seal(&later, None), later);
    let seal = [1, 0, 4, 0, 2, 0, 5, 5];
    let read = Seal::read(&seal).unwrap();
    assert_eq!((read.kind(), read.sealed.expose()), (SealerKind::Tpm, &[5, 5][..]));
    assert_eq!(with_seal(&later, Some(&read)), [&seal[..], &later].concat());
    // The counter's bytes are fixed, too: its ID, its value, and when it was raised.
    let mut counted = [&seal[..], &[2, 0, 32, 0], &[7; 16]].concat();
    counted.extend_from_slice(&[
        0x0B, 1, 0, 0, 0, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    ]);
    let read = Seal::read(&counted).unwrap();
    assert_eq!(read.counter, Some(Counter { id: [7; 16], value: 0x010B, raised_at: -2 }));
    assert_eq!(with_seal(&later, Some(&read)), [&counted[..], &later].concat());
    assert_eq!(with_seal(b"no parts", Some(&read)), b"no parts");
}

/// ADR sealer-0001: the chip's counter never runs ahead of what a change says.
#[test]
fn a_time_mark_after_anothers_change_accuses_no_honest_machine() {
    let (world, chip) = (World::new(), Chip::default());
    count(&open(&world, &chip)).unwrap();
    // A process opens: its first look asks the chip.
    let late = open(&world, &chip);
    sound(&late);
    // Another one changes the store before the first has the lock for its time mark.
    count(&open(&world, &chip)).unwrap();
    let marked = late.change(WAIT, |_, contents| {
        contents.set(COUNTER + 1, vec![1]);
        Ok(((), Commit::WriteMarks))
    });
    marked.unwrap();
    let reading = seen(&world, &chip);
    assert_eq!(reading.standing.state, State::Sound, "{:?}", reading.notes);
}

/// A chip that a change waits for.
struct Slow {
    chip: Chip,
    begun: mpsc::SyncSender<()>,
    go: Mutex<mpsc::Receiver<()>>,
}

impl PlatformSealer for Slow {
    fn kind(&self) -> SealerKind {
        self.chip.kind()
    }
    fn seal(&self, master: &Secret, id: [u8; 16]) -> Option<(Vec<u8>, Option<u64>)> {
        self.chip.seal(master, id)
    }
    fn ask(&self, seal: &Seal, master: &Secret) -> Word {
        self.chip.ask(seal, master)
    }
    fn raise(&self, counter: &Counter, master: &Secret) -> Option<u64> {
        self.begun.send(()).unwrap();
        self.go.lock().unwrap().recv().unwrap();
        self.chip.raise(counter, master)
    }
}

/// What looks at a store waits for no call that is under way. One that did would wait here for ever.
#[test]
fn a_reader_does_not_wait_for_the_chip_that_a_change_raises() {
    let (world, chip) = (World::new(), Chip::default());
    count(&open(&world, &chip)).unwrap();
    let (begun, has_begun) = mpsc::sync_channel(9);
    let (go, gone) = mpsc::channel();
    let ports = super::world::ports(Disk::default().files());
    let sealer = Box::new(SoftwareSealer::new("Acme", "ortho").unwrap());
    let slow = Box::new(Slow { chip, begun, go: Mutex::new(gone) });
    let store = Storage::with(world.paths("s"), sealer, Some(slow), &ports);
    let known = sound(&store).look;
    std::thread::scope(|scope| {
        let change = scope.spawn(|| count(&store).map(|_| ()));
        has_begun.recv().unwrap();
        assert!(store.read_if_changed(&known, std::time::Duration::ZERO).unwrap().is_some());
        go.send(()).unwrap();
        change.join().unwrap().unwrap();
    });
}
