//! One process of the storm: a host application with many threads and two clients.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lm::ffi::*;
use lm::ports::Clock;

use crate::common::dice::Dice;
use crate::common::machine::{Machine, Outcome, Settings};

/// The first argument of this program where it is to be a process of the storm.
pub(crate) const NAME: &str = "process-of-the-storm";

/// What a process is told; it stops when its input ends.
pub(crate) struct Orders {
    pub(crate) settings: Settings,
    pub(crate) ids: Vec<String>,
    pub(crate) threads: u64,
    pub(crate) seed: u64,
}

/// What its threads did since it was last told, and what they must not see.
#[derive(Default)]
struct Log {
    checks: AtomicU64,
    changes: AtomicU64,
    busy: AtomicU64,
    unreached: AtomicU64,
    breaks: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

const ALL_TRUST: u32 = LM_TRUST_HOST | LM_TRUST_RESTORE | LM_TRUST_TIME;

impl Orders {
    /// As arguments of this program.
    pub(crate) fn to_arguments(&self) -> Vec<String> {
        let mut arguments = vec![NAME.to_owned()];
        arguments.extend(self.settings.to_words());
        arguments.extend([self.threads.to_string(), self.seed.to_string()]);
        arguments.extend(self.ids.iter().cloned());
        arguments
    }

    /// Without the first, which is the name.
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Self {
        let settings = Settings::from_words(&mut arguments);
        let mut next = || arguments.next().expect("an order");
        let (threads, seed) = (next().parse().unwrap(), next().parse().unwrap());
        Self { settings, threads, seed, ids: arguments.collect() }
    }
}

pub(crate) fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let (orders, log) = (Orders::from_arguments(arguments), Log::default());
    let clients = [0, 1].map(|_| open(&orders.settings));
    // The first look is before anybody of this process can have changed anything.
    orders.ids.iter().for_each(|id| check(&clients[0], id, &log));
    std::thread::scope(|scope| {
        for number in 0..orders.threads {
            let (client, ids, log) = (&clients[number as usize % 2], &orders.ids, &log);
            let dice = Dice(orders.seed.wrapping_mul(1000).wrapping_add(number));
            scope.spawn(move || work(client, ids, dice, log));
        }
        scope.spawn(|| {
            // Nothing comes; the end is the sign. Also where whoever started this has died.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            log.is_over.store(true, Ordering::Relaxed);
        });
        while !log.is_over.load(Ordering::Relaxed) {
            lm::machine::SystemClock.sleep(Duration::from_millis(50));
            log.tell();
        }
    });
    log.tell();
    ExitCode::SUCCESS
}

/// A store in which others write all the time can keep even an open waiting for too long.
fn open(settings: &Settings) -> Machine {
    loop {
        match Machine::open(settings.clone()) {
            Err(failure) if failure.code == LM_ERR_BUSY => {}
            opened => return opened.expect("a client"),
        }
    }
}

fn work(client: &Machine, ids: &[String], mut dice: Dice, log: &Log) {
    const CHECKS: u64 = 40;
    while !log.is_over.load(Ordering::Relaxed) {
        for _ in 0..dice.below(CHECKS) {
            check(client, dice.pick(ids), log);
        }
        let id = dice.pick(ids);
        let outcome = match dice.below(10) {
            0..4 => client.activate(id, 1 + dice.below(3) as u32),
            4..6 => client.return_(id, 0),
            6 => client.return_(id, 1),
            7 | 8 => client.refresh(Some(id)),
            _ => client.resume(),
        };
        log.changes.fetch_add(1, Ordering::Relaxed);
        judge(id, outcome, log);
        if let Err(failure) = client.try_list()
            && failure.code != LM_ERR_BUSY
        {
            log.break_seen(format!("a list: {failure:?}"));
        }
    }
}

/// The state of a license changes all the time; that it is trusted does not.
fn check(client: &Machine, id: &str, log: &Log) {
    log.checks.fetch_add(1, Ordering::Relaxed);
    match client.try_status(Some(id)) {
        Ok(status) if status.state != LM_STATE_UNTRUSTED && status.trust == ALL_TRUST => {}
        Ok(status) => log.break_seen(format!(
            "{id}: state {}, trust {:#b}, cause {}",
            status.state, status.trust, status.cause
        )),
        Err(code) => log.break_seen(format!("{id}: a status failed with {code}")),
    }
    match client.feature_status("ortho") {
        Ok(status) if status.state != LM_STATE_UNTRUSTED && status.trust == ALL_TRUST => {}
        Err(LM_ERR_FEATURE) => {}
        other => log.break_seen(format!("the feature: {:?}", other.map(|status| status.cause))),
    }
}

/// What others may do meanwhile is no break: another has returned it, or holds the lock for long.
fn judge(id: &str, outcome: Outcome, log: &Log) {
    match outcome.map_err(|failure| (failure.code, failure)) {
        Ok(()) | Err((LM_ERR_NOT_FOUND | LM_ERR_INVALID_ARGUMENT, _)) => {}
        Err((LM_ERR_BUSY, _)) => drop(log.busy.fetch_add(1, Ordering::Relaxed)),
        Err((70..80, _)) => drop(log.unreached.fetch_add(1, Ordering::Relaxed)),
        Err((_, failure)) => log.break_seen(format!("{id}: {failure:?}")),
    }
}

impl Log {
    fn break_seen(&self, what: String) {
        self.breaks.lock().unwrap().push(what);
    }

    /// A line of numbers, and one for each break. Whoever is killed takes little with it.
    fn tell(&self) {
        let counts = [&self.checks, &self.changes, &self.busy, &self.unreached]
            .map(|count| count.swap(0, Ordering::Relaxed).to_string());
        let mut lines = format!("{}\n", counts.join(" "));
        for what in self.breaks.lock().unwrap().drain(..) {
            lines.push_str(&format!("broken {}\n", what.replace('\n', " ")));
        }
        // Nobody listens any more: then nobody needs to be told.
        let _ = std::io::stdout().write_all(lines.as_bytes());
    }
}
