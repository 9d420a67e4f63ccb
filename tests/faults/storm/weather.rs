//! The storm from outside: starts the processes, kills some, listens, and settles the accounts.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use lm::ports::Clock;

use crate::common::books::disagreements;
use crate::common::dice::Dice;
use crate::common::harness::{Arguments, Outcome};
use crate::common::machine::Machine;
use crate::common::operations::Shown;
use crate::common::world::World;
use crate::worker::Orders;

/// How long the processes may take to come to their end before they count as stuck: far beyond the
/// time of a call.
const PATIENCE: Duration = Duration::from_secs(180);

/// What all processes told.
#[derive(Default)]
struct Told {
    /// Checks, changes, busy, unreached.
    counts: [u64; 4],
    breaks: Vec<String>,
}

struct Storm {
    world: World,
    machine: Machine,
    ids: Vec<String>,
    told: Arc<Mutex<Told>>,
    dice: Dice,
    threads: u64,
}

/// When a storm is over.
#[derive(Clone, Copy)]
enum End {
    Seconds(u64),
    Kills(u64),
}

struct Process {
    child: Child,
    listener: JoinHandle<()>,
}

#[allow(clippy::print_stdout, reason = "the program's report")]
pub(crate) fn storm(arguments: &Arguments) -> Outcome {
    let end = match arguments.number("--kills", 0) {
        0 => End::Seconds(arguments.number("--seconds", 15)),
        kills => End::Kills(kills),
    };
    let processes = arguments.number("--processes", 8);
    let threads = arguments.number("--threads", 20);
    let seed = arguments.number("--seed", 1);
    let mut storm = Storm::new(threads, seed);
    let started = lm::machine::SystemClock.monotonic();
    let kills = storm.rage(processes, end);
    storm.settle();
    let seconds = (lm::machine::SystemClock.monotonic() - started).as_secs();
    let told = std::mem::take(&mut *storm.told.lock().unwrap());
    let [checks, changes, busy, unreached] = told.counts;
    println!(
        "  {processes} processes of {threads} threads, {seconds} s: {checks} checks, {changes} \
         changes ({busy} busy, {unreached} unreached), {kills} killed, {} breaks",
        told.breaks.len()
    );
    let mut breaks = told.breaks;
    if kills == 0 || changes == 0 {
        breaks.push("a storm in which nobody worked or nobody died".to_owned());
    }
    breaks.truncate(40);
    if breaks.is_empty() { Outcome::Passed } else { Outcome::Failed(breaks) }
}

/// A store that was put back before the storm: its processes must say so.
pub(crate) fn planted(_: &Arguments) -> Outcome {
    let mut storm = Storm::new(2, 1);
    storm.machine.activate(&storm.ids[0], 1).unwrap();
    let old = storm.machine.images();
    storm.machine.refresh(None).unwrap();
    storm.machine.put_back(&old);
    let process = storm.start();
    storm.end(vec![process]);
    let seen = storm.told.lock().unwrap().breaks.iter().any(|line| line.contains("trust 0b101"));
    if seen { Outcome::Passed } else { Outcome::Failed(vec!["it was not seen".to_owned()]) }
}

impl Storm {
    fn new(threads: u64, seed: u64) -> Self {
        let world = World::new();
        let machine = world.machine("server-1");
        let ids = (0..6).map(|_| world.cc(5)).collect();
        Self { world, machine, ids, told: Arc::default(), dice: Dice(seed), threads }
    }

    /// Lets processes work and die until the end; how many died.
    fn rage(&mut self, processes: u64, end: End) -> u64 {
        let clock = lm::machine::SystemClock;
        let started = clock.monotonic();
        let goes_on = |kills| match end {
            End::Seconds(seconds) => clock.monotonic() - started < Duration::from_secs(seconds),
            End::Kills(wanted) => kills < wanted,
        };
        let mut running: Vec<_> = (0..processes).map(|_| self.start()).collect();
        let mut kills = 0;
        while goes_on(kills) {
            clock.sleep(Duration::from_millis(50 + self.dice.below(300)));
            let victim = self.dice.below(processes) as usize;
            let mut dead = std::mem::replace(&mut running[victim], self.start());
            dead.child.kill().unwrap();
            let status = dead.child.wait().unwrap();
            dead.listener.join().unwrap();
            kills += 1;
            if status.code().is_some() {
                self.complain(format!("a process ended by itself: {status}"));
            }
        }
        self.end(running);
        kills
    }

    fn start(&mut self) -> Process {
        let orders = Orders {
            settings: self.machine.settings.clone(),
            ids: self.ids.clone(),
            threads: self.threads,
            seed: self.dice.below(u64::MAX),
        };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(orders.to_arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (output, told) = (child.stdout.take().unwrap(), self.told.clone());
        let listener = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                told.lock().unwrap().hear(&line);
            }
        });
        Process { child, listener }
    }

    /// Each finishes the calls that are under way; one that never does is stuck.
    fn end(&self, mut running: Vec<Process>) {
        let clock = lm::machine::SystemClock;
        let end = clock.monotonic() + PATIENCE;
        for process in &mut running {
            drop(process.child.stdin.take());
        }
        for mut process in running {
            let status = loop {
                match process.child.try_wait().unwrap() {
                    Some(status) => break Some(status),
                    None if clock.monotonic() > end => break None,
                    None => clock.sleep(Duration::from_millis(20)),
                }
            };
            match status {
                None => {
                    self.complain("a process is stuck".to_owned());
                    process.child.kill().unwrap();
                    process.child.wait().unwrap();
                }
                Some(status) if !status.success() => {
                    self.complain(format!("a process ended badly: {status}"));
                }
                Some(_) => {}
            }
            process.listener.join().unwrap();
        }
    }

    /// After the storm all seats are accounted for, and come back.
    fn settle(&self) {
        let machine = self.machine.again();
        if let Err(failure) = machine.resume() {
            self.complain(format!("resume: {failure:?}"));
        }
        for id in &self.ids {
            let books = self.world.show(id);
            self.complain_of(id, disagreements(&machine, id, &books));
            if Shown::on(&machine, id) != Shown::ABSENT {
                let returned = machine.return_(id, 0).err();
                self.complain_of(id, returned.map(|failure| format!("{failure:?}")));
            }
            self.complain_of(id, disagreements(&machine, id, &self.world.show(id)));
            if self.world.seats(id) != (0, 5) {
                self.complain(format!("{id}: seats are missing: {:?}", self.world.seats(id)));
            }
            let history = self.world.portal.history(Some(id), 10_000).unwrap();
            let flagged = history.iter().filter(|row| row.flagged);
            self.complain_of(id, flagged.map(|row| format!("flagged: {row:?}")));
        }
        if let Some(row) = self.world.portal.history_break().unwrap() {
            self.complain(format!("the history is broken at row {row}"));
        }
        let images = machine.images();
        if images[0] != images[1] {
            self.complain("the images are not level".to_owned());
        }
    }

    fn complain(&self, what: String) {
        self.told.lock().unwrap().breaks.push(what);
    }

    fn complain_of(&self, id: &str, what: impl IntoIterator<Item = String>) {
        what.into_iter().for_each(|what| self.complain(format!("{id}: {what}")));
    }
}

impl Told {
    fn hear(&mut self, line: &str) {
        if let Some(what) = line.strip_prefix("broken ") {
            self.breaks.push(what.to_owned());
            return;
        }
        for (count, word) in self.counts.iter_mut().zip(line.split(' ')) {
            *count += word.parse::<u64>().unwrap_or(0);
        }
    }
}
