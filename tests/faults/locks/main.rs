//! R84: never two in the section under the store's lock.
//!
//! A host opens and closes what it likes, forks, and is stopped and continued. Another process tries
//! to enter at each of these moments; a file that only one can make is the witness.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../../common/mod.rs"]
mod common;

mod fork_unix;
mod other;
mod section;

use std::process::ExitCode;
use std::time::Duration;

use common::dice::Dice;
use common::disk::Trouble;
use common::harness::{self, Arguments, Outcome, Test};
use fork_unix::Idle;
use lm::ports::Clock as _;
use other::Other;
use section::{Entry, PATIENCE, Section};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(other::NAME) {
        return other::run(arguments);
    }
    let tests = [
        Test { name: "r84_an_unrelated_close_drops_no_lock", run: |_| unrelated(Trouble::None) },
        Test { name: "record_locks_are_seen_to_be_dropped_by_it", run: planted },
        Test { name: "r84_a_forked_child_neither_drops_nor_keeps_the_lock", run: forked },
        Test { name: "r84_a_holder_that_is_stopped_still_holds_the_lock", run: stopped },
        Test { name: "r84_processes_under_all_of_this_are_alone_each_time", run: all_at_once },
    ];
    harness::main(&tests, &["--times", "--seed"])
}

/// A store in a folder of its own, and another process at it.
struct Place {
    section: Section,
    other: Other,
    folder: tempfile::TempDir,
    found: Vec<String>,
}

impl Place {
    fn new(trouble: Trouble) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let section = Section::of(folder.path(), trouble);
        assert_eq!(section.enter(PATIENCE, || ()), Entry::Alone);
        let other = Other::start(folder.path(), trouble);
        Self { section, other, folder, found: Vec::new() }
    }

    fn must(&mut self, when: &str, wanted: Entry, got: &str) {
        if got != format!("{wanted:?}") {
            self.found.push(format!("{when}: {got}, not {wanted:?}"));
        }
    }

    fn conclude(&mut self) -> Outcome {
        match std::mem::take(&mut self.found) {
            found if found.is_empty() => Outcome::Passed,
            found => Outcome::Failed(found),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.section.store.anchor_path().map(std::fs::remove_file);
    }
}

fn unrelated(trouble: Trouble) -> Outcome {
    let mut place = Place::new(trouble);
    let (section, other) = (&place.section, &mut place.other);
    let mut tried = Vec::new();
    section.enter(PATIENCE, || {
        tried.push(("held", other.tries()));
        section.look_into_every_file();
        tried.push(("held, after an unrelated close", other.tries()));
    });
    tried.into_iter().for_each(|(when, got)| place.must(when, Entry::Busy, &got));
    let got = place.other.tries();
    place.must("let go", Entry::Alone, &got);
    place.conclude()
}

/// The same test, with the locks that trusted storage must not use.
fn planted(_: &Arguments) -> Outcome {
    let expected = "held, after an unrelated close: Double, not Busy";
    match unrelated(Trouble::RecordLocks) {
        Outcome::Failed(found) if found == [expected] => Outcome::Passed,
        Outcome::Failed(found) => Outcome::Failed(found),
        _ => Outcome::Failed(vec!["it was not seen".to_owned()]),
    }
}

fn forked(_: &Arguments) -> Outcome {
    let mut place = Place::new(Trouble::None);
    let (section, other) = (&place.section, &mut place.other);
    let (mut tried, mut child) = (Vec::new(), None);
    section.enter(PATIENCE, || {
        drop(Idle::fork());
        tried.push(("held, and a child has ended", Entry::Busy, other.tries()));
        child = Some(Idle::fork());
        tried.push(("held, and shared with a child", Entry::Busy, other.tries()));
    });
    tried.push(("let go, while the child goes on", Entry::Alone, other.tries()));
    section.enter(PATIENCE, || {
        drop(child.take());
        tried.push(("held again, and that child has ended", Entry::Busy, other.tries()));
    });
    tried.into_iter().for_each(|(when, wanted, got)| place.must(when, wanted, &got));
    place.conclude()
}

fn stopped(_: &Arguments) -> Outcome {
    let mut place = Place::new(Trouble::None);
    let mut holder = Other::start(place.folder.path(), Trouble::None);
    holder.tell("hold");
    assert_eq!(holder.hear(), "inside");
    fork_unix::stop(holder.id());
    let got = place.other.tries();
    place.must("the holder is stopped", Entry::Busy, &got);
    fork_unix::go_on(holder.id());
    let got = place.other.tries();
    place.must("it goes on", Entry::Busy, &got);
    holder.tell("leave");
    let got = holder.hear();
    place.must("the holder itself", Entry::Alone, &got);
    let got = place.other.tries();
    place.must("it has left", Entry::Alone, &got);
    place.conclude()
}

/// Four processes at work, each with closes and forks, of which one after the other is stopped.
#[allow(clippy::print_stdout, reason = "the program's report")]
fn all_at_once(arguments: &Arguments) -> Outcome {
    const PROCESSES: u64 = 4;
    let (times, seed) = (arguments.number("--times", 40), arguments.number("--seed", 1));
    let mut place = Place::new(Trouble::None);
    let (mut dice, before) = (Dice(seed), place.section.count());
    let start = |_| Other::start(place.folder.path(), Trouble::None);
    let mut workers: Vec<_> = (0..PROCESSES).map(start).collect();
    workers.iter_mut().for_each(|worker| worker.tell(&format!("work {times}")));
    let clock = lm::machine::SystemClock;
    let mut stops = 0;
    while place.section.count() < before + PROCESSES * times / 2 {
        let worker = &workers[dice.below(PROCESSES) as usize];
        fork_unix::stop(worker.id());
        clock.sleep(Duration::from_micros(dice.below(20_000)));
        fork_unix::go_on(worker.id());
        clock.sleep(Duration::from_micros(dice.below(20_000)));
        stops += 1;
    }
    let double: u64 = workers.iter_mut().map(|worker| worker.hear().parse::<u64>().unwrap()).sum();
    let counted = place.section.count() - before;
    println!(
        "  {PROCESSES} processes, {counted} changes, {stops} times one was stopped, \
         {double} double holders"
    );
    if double > 0 || counted != PROCESSES * times {
        place.found.push(format!("{double} double holders, {counted} changes counted"));
    }
    place.conclude()
}
