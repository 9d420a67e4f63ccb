//! Every subset of {a, b, anchor file, identity of the files} put back to every earlier generation,
//! with and without what the portal remembers, and what a chip has counted.
//!
//! What must come out is worked out a second time here, from the sentence alone: *rights hold only if no
//! anchor and no portal memory has seen a later generation.* It counts in steps of a history and
//! knows nothing of images, generations or store IDs.

use super::memory::{Memory, tell, whole};
use super::platform::{Chip, open_at};
use super::world::{count, counter, sound};
use crate::ports::Stat;
use crate::storage::judge::Judged;
use crate::storage::platform::Word;
use crate::storage::read::{Piece, Raw};
use crate::storage::{SoftwareSealer, Standing, State};

/// Steps of the history; the last is now.
const STEPS: usize = 20;

/// What stands where an anchor or an image should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// As it was after this step.
    Step(usize),
    Gone,
    /// Unreadable.
    Damaged,
}

/// One way in which files were put back.
#[derive(Clone, Copy, Debug)]
struct Cell {
    images: [At; 2],
    anchor: At,
    /// Whether they still are the files that were written: else they came as new ones.
    same_files: [bool; 2],
    /// The latest step that the portal has been told of.
    portal: Option<usize>,
    /// The latest step that the chip has counted; `None`: it can't be asked.
    chip: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Rights hold, with what this step left.
    Holds(usize),
    /// What this step left is shown and gives no rights.
    Broken(usize),
    /// No image; a store was here.
    KnownButEmpty,
    Damaged,
    Absent,
}

/// An anchor that the second evaluator is made to overlook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlooks {
    Nothing,
    TheFile,
    TheIdentity,
    ThePortal,
    TheChip,
}

/// The second evaluator.
fn by_the_sentence(cell: &Cell, born: bool, overlooks: Overlooks) -> Verdict {
    let step = |at: At| if let At::Step(step) = at { Some(step) } else { None };
    let Some(shown) = cell.images.into_iter().filter_map(step).max() else {
        return match (cell.images, cell.anchor) {
            ([At::Gone, At::Gone], At::Gone) => Verdict::Absent,
            ([At::Gone, At::Gone], _) => Verdict::KnownButEmpty,
            _ => Verdict::Damaged,
        };
    };
    const NOBODY_KNOWS: usize = usize::MAX;
    let mut have_seen = Vec::new();
    if overlooks != Overlooks::TheFile {
        have_seen.extend(step(cell.anchor));
    }
    if born && overlooks != Overlooks::TheIdentity {
        // The file that was written here vouches for what it holds; of a file that was carried off
        // nobody knows what has become.
        let holders = [0, 1].into_iter().filter(|index| cell.images[*index] == At::Step(shown));
        let same = holders.into_iter().any(|index| cell.same_files[index]);
        have_seen.push(if same { shown } else { NOBODY_KNOWS });
    }
    let nobody = have_seen.is_empty();
    if overlooks != Overlooks::ThePortal {
        have_seen.extend(cell.portal);
    }
    if overlooks != Overlooks::TheChip {
        have_seen.extend(cell.chip);
    }
    let later = have_seen.iter().any(|seen| *seen > shown);
    if later || nobody { Verdict::Broken(shown) } else { Verdict::Holds(shown) }
}

/// A store's history, each step as its files were.
struct History {
    /// Anchor, `a`, `b` after each step.
    steps: Vec<[Vec<u8>; 3]>,
    generations: Vec<u64>,
    /// Where the chip's counter stood.
    counts: Vec<u64>,
    files: [Stat; 3],
    sealer: SoftwareSealer,
    born: bool,
}

impl History {
    fn new(born: bool) -> Self {
        let memory = Memory::default();
        memory.inner().no_birth_times = !born;
        let chip = Chip::default();
        let (mut steps, mut generations, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        let [a, b] = Memory::paths().images;
        let paths = [Memory::paths().anchor.unwrap(), a, b];
        for _ in 0..=STEPS {
            count(&open_at(Memory::paths(), &chip, memory.files(), 0)).unwrap();
            counts.push(chip.count());
            let tree = memory.tree();
            steps.push(paths.each_ref().map(|path| {
                // The zeros behind an image say nothing, and take time.
                let bytes = tree.bytes(path).unwrap();
                let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
                bytes[..used.max(1024.min(bytes.len()))].to_vec()
            }));
            generations.push(sound(&memory.store()).standing.generation);
        }
        let files = paths.each_ref().map(|path| memory.files().stat(path).unwrap());
        let sealer = SoftwareSealer::new("Acme", "ortho").unwrap();
        Self { steps, generations, counts, files, sealer, born }
    }

    fn piece(&self, which: usize, at: At, same_file: bool) -> Option<Piece> {
        let mut stat = self.files[which];
        if !same_file {
            stat.inode += 100;
            stat.born += i128::from(self.born);
        }
        let bytes = match at {
            At::Gone => return None,
            At::Damaged => vec![0xDA; 1024],
            At::Step(step) => self.steps[step][which].clone(),
        };
        Some(Piece { stat, bytes })
    }

    fn judge(&self, cell: &Cell) -> Judged {
        let image =
            |index: usize| self.piece(1 + index, cell.images[index], cell.same_files[index]);
        let raw = Raw {
            anchor: self.piece(0, cell.anchor, true),
            images: [image(0), image(1)],
            anchor_possible: true,
        };
        let counted = cell.chip.map(|step| Word::Stands(Some(self.counts[step])));
        Judged::of(&raw, &self.sealer, |_, _| counted.unwrap_or(Word::Unreachable))
    }

    /// What the product says, with what the client adds of the portal's memory.
    fn verdict(&self, standing: &Standing, portal: Option<usize>) -> Verdict {
        let step = || self.generations.iter().position(|g| *g == standing.generation).unwrap();
        let remembered = portal.is_some_and(|step| standing.is_behind(self.generations[step]));
        match standing.state {
            State::Sound if remembered => Verdict::Broken(step()),
            State::Sound => Verdict::Holds(step()),
            State::Restored => Verdict::Broken(step()),
            State::Missing => Verdict::KnownButEmpty,
            State::Damaged => Verdict::Damaged,
            State::Absent => Verdict::Absent,
            State::Newer => panic!("no newer format is here"),
        }
    }

    /// Each cell with what the product makes of it.
    fn each(&self, mut see: impl FnMut(&Cell, Verdict)) {
        let steps = (0..=STEPS).map(At::Step);
        let images: Vec<_> = steps.chain([At::Gone, At::Damaged]).collect();
        for a in &images {
            for b in &images {
                for anchor in &images {
                    for same_files in SAMES {
                        let mut cell = Cell {
                            images: [*a, *b],
                            anchor: *anchor,
                            same_files,
                            portal: None,
                            chip: None,
                        };
                        let standing = self.judge(&cell).standing();
                        see(&cell, self.verdict(&standing, None));
                        for portal in (0..=STEPS).step_by(portal_stride()) {
                            cell.portal = Some(portal);
                            see(&cell, self.verdict(&standing, cell.portal));
                        }
                        cell.portal = None;
                        if sames_with_chip().contains(&same_files) {
                            // A chip is not put back: it has counted all.
                            cell.chip = Some(STEPS);
                            see(&cell, self.verdict(&self.judge(&cell).standing(), None));
                        }
                    }
                }
            }
        }
    }
}

const SAMES: [[bool; 2]; 4] = [[true, true], [true, false], [false, true], [false, false]];

/// A disk that is put back whole has the same files; the others in the long form.
fn sames_with_chip() -> &'static [[bool; 2]] {
    if whole() { &SAMES } else { &SAMES[..1] }
}

/// All that the portal can remember in the long form, else some of it.
fn portal_stride() -> usize {
    if whole() { 1 } else { 10 }
}

#[test]
fn r53_r60_every_way_to_put_files_back_gives_the_right_answer() {
    let overlooked =
        [Overlooks::TheFile, Overlooks::TheIdentity, Overlooks::ThePortal, Overlooks::TheChip];
    for born in [true, false] {
        let history = History::new(born);
        let (mut cells, mut wrong, mut missed) = (0, Vec::new(), [false; 4]);
        history.each(|cell, verdict| {
            cells += 1;
            let right = by_the_sentence(cell, born, Overlooks::Nothing);
            if verdict != right && wrong.len() < 20 {
                wrong.push(format!("{cell:?}: {verdict:?} instead of {right:?}"));
            }
            for (missed, overlooks) in missed.iter_mut().zip(overlooked) {
                *missed = *missed || by_the_sentence(cell, born, overlooks) != verdict;
            }
        });
        tell(cells, &format!("files put back (birth times: {born})"));
        assert_eq!(wrong, [""; 0]);
        let of_files = SAMES.len() * (2 + STEPS / portal_stride()) + sames_with_chip().len();
        assert_eq!(cells, 23 * 23 * 23 * of_files);
        // An anchor that is left out is missed: without birth times there is no identity to miss.
        assert_eq!(missed, [true, born, true, true]);
    }
}

/// The same through the whole of storage: what is put back is seen, stays seen while nothing is
/// written, and is healed by the change that marks it.
#[test]
fn r53_every_subset_put_back_to_one_earlier_generation_is_seen_and_then_healed() {
    let memory = Memory::default();
    let mut trees = Vec::new();
    for _ in 0..=STEPS {
        count(&memory.store()).unwrap();
        trees.push(memory.tree());
    }
    let [a, b] = Memory::paths().images;
    let paths = [a, b, Memory::paths().anchor.unwrap()];
    let mut cells = 0;
    for (step, old) in trees[..STEPS].iter().enumerate() {
        // Bits 0 to 2: which of a, b and the anchor; bit 3: as new files.
        for subset in 1..16_usize {
            let mut tree = memory.tree();
            let (put, as_new) = (|index: usize| subset >> index & 1 == 1, subset >> 3 == 1);
            for (_, path) in paths.iter().enumerate().filter(|(index, _)| put(*index)) {
                tree.put(path, old.bytes(path).unwrap().clone(), !as_new);
            }
            let at = |index| At::Step(if put(index) { step } else { STEPS });
            let cell = Cell {
                images: [at(0), at(1)],
                anchor: at(2),
                same_files: [0, 1].map(|index| !(put(index) && as_new)),
                portal: None,
                chip: None,
            };
            let store = Memory::of(tree).store();
            let right = by_the_sentence(&cell, true, Overlooks::Nothing);
            for _ in 0..2 {
                let reading = store.read().unwrap();
                let found = usize::try_from(counter(&reading.contents)).unwrap() - 1;
                let verdict = match reading.standing.state {
                    State::Sound => Verdict::Holds(found),
                    State::Restored => Verdict::Broken(found),
                    other => panic!("{cell:?}: {other:?}"),
                };
                assert_eq!(verdict, right, "{cell:?}");
            }
            let seen = count(&store).unwrap();
            assert_eq!(seen.state == State::Restored, matches!(right, Verdict::Broken(_)));
            let healed = sound(&store);
            assert_eq!(healed.notes, [], "{cell:?}");
            assert!(healed.standing.generation > seen.generation.max(seen.highest_anchor));
            cells += 1;
        }
    }
    tell(cells, "subsets put back through the whole of storage");
    assert_eq!(cells, STEPS * 15);
}
