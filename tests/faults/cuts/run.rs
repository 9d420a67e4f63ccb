//! Goes through the bytes: many machines at a time, since much of a return is waiting.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::harness::Outcome;
use crate::common::operations::Operation;
use crate::common::world::World;
use crate::round::{Direction, STEPS, Traveler};

/// Which bytes, and how many machines are at it.
pub(crate) struct Extent {
    pub(crate) first: usize,
    pub(crate) every: usize,
    pub(crate) machines: usize,
}

#[derive(Default)]
struct Report {
    /// Operation, direction, and how many bytes passed before the cut: how many, and the last.
    cuts: BTreeMap<String, (usize, usize)>,
    complaints: Vec<String>,
}

struct Scene<'a> {
    world: World,
    extent: &'a Extent,
    machines: AtomicUsize,
    report: Mutex<Report>,
}

/// Once so many things do not hold, more of them tell nothing.
const ENOUGH: usize = 40;

pub(crate) fn run(extent: &Extent) -> Outcome {
    let scene = Scene {
        world: World::new(),
        extent,
        machines: AtomicUsize::new(0),
        report: Mutex::default(),
    };
    for direction in [Direction::ToThePortal, Direction::ToTheMachine] {
        // The next byte, and the first one at which nothing was left to be cut.
        let (next, end) = (AtomicUsize::new(extent.first), AtomicUsize::new(usize::MAX));
        std::thread::scope(|scope| {
            for _ in 0..extent.machines {
                scope.spawn(|| scene.travel(direction, &next, &end));
            }
        });
    }
    if let Some(row) = scene.world.portal.history_break().unwrap() {
        scene.complain(format!("the history is broken at row {row}"));
    }
    scene.report.into_inner().unwrap().conclude()
}

impl Scene<'_> {
    fn traveler(&self) -> Traveler<'_> {
        let number = self.machines.fetch_add(1, Ordering::Relaxed);
        Traveler::new(&self.world, &format!("field-{number}"))
    }

    fn travel(&self, direction: Direction, next: &AtomicUsize, end: &AtomicUsize) {
        let mut traveler = self.traveler();
        loop {
            let at = next.fetch_add(self.extent.every, Ordering::SeqCst);
            if at >= end.load(Ordering::SeqCst) || self.has_enough() {
                return;
            }
            match self.round(&traveler, direction, at) {
                // What went wrong is not to be blamed on the next.
                None => traveler = self.traveler(),
                Some(0) => drop(end.fetch_min(at, Ordering::SeqCst)),
                Some(_) => {}
            }
        }
    }

    /// How many exchanges were cut; nothing where something does not hold.
    fn round(&self, traveler: &Traveler<'_>, direction: Direction, at: usize) -> Option<usize> {
        let mut cuts = 0;
        for operation in STEPS {
            let step = traveler.step(operation, direction, at);
            if step.cut {
                cuts += 1;
                self.report.lock().unwrap().add(operation, direction, at);
            }
            let what = format!("{operation:?}, {direction:?}, cut at {at}");
            if self.complained(&what, step.complaints) {
                return None;
            }
        }
        let broken = self.complained(&format!("{direction:?}, {at}"), traveler.ended());
        (!broken).then_some(cuts)
    }

    fn complained(&self, what: &str, complaints: Vec<String>) -> bool {
        complaints.iter().for_each(|found| self.complain(format!("{what}: {found}")));
        !complaints.is_empty()
    }

    fn complain(&self, what: String) {
        self.report.lock().unwrap().complaints.push(what);
    }

    fn has_enough(&self) -> bool {
        self.report.lock().unwrap().complaints.len() >= ENOUGH
    }
}

impl Report {
    fn add(&mut self, operation: Operation, direction: Direction, at: usize) {
        let (count, last) = self.cuts.entry(key(operation, direction)).or_default();
        *count += 1;
        *last = (*last).max(at);
    }

    #[allow(clippy::print_stdout, reason = "the program's report")]
    fn conclude(mut self) -> Outcome {
        for (key, (count, last)) in &self.cuts {
            println!("  {key}: cut at {count} places, the last after {last} bytes");
        }
        for direction in [Direction::ToThePortal, Direction::ToTheMachine] {
            for operation in STEPS {
                let key = key(operation, direction);
                if !self.cuts.contains_key(&key) {
                    self.complaints.push(format!("{key}: cut nowhere"));
                }
            }
        }
        let all: usize = self.cuts.values().map(|(count, _)| count).sum();
        if all > 0 {
            println!("  {all} cases, {} disagreements", self.complaints.len());
        }
        if self.complaints.is_empty() { Outcome::Passed } else { Outcome::Failed(self.complaints) }
    }
}

fn key(operation: Operation, direction: Direction) -> String {
    format!("{operation:?}, {direction:?}")
}
