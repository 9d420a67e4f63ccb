//! Crashes, and what comes between two steps of a call.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lm::Client;

use super::World;
use crate::dice::Dice;
use crate::events;
use crate::fault::Fault;
use crate::history::Happened;
use crate::locked;
use crate::machine::Process;
use crate::portal::End;

/// How deep an event may happen within another.
const DEEPEST: u64 = 2;

/// Where in a call of the library a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Before a file or a name changes.
    Changes,
    /// Before a sync.
    Syncs,
    /// After a wait.
    Slept,
    /// Before seats are locked.
    Locks,
    /// Before a request is sent. No lock is held.
    Sends,
    /// Before its answer is taken. No lock is held.
    Received,
}

/// A crash that is on its way: at the so-manieth point from now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Armed {
    points: u64,
    crash: Crash,
}

/// What crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crash {
    /// The process is killed: what it wrote stays.
    Process,
    /// The machine loses power: what wasn't synced may be gone.
    Power,
    /// The portal dies during its next transaction.
    Portal,
}

/// What is thrown through a call of a process that dies.
struct Killed;

impl World {
    /// One event of the seed: its own dice, and now and then a crash on its way.
    pub(crate) fn begin_event(&self, number: u64) {
        self.event.store(number, Ordering::Relaxed);
        *locked(&self.dice) = Dice::of(self.order.seed, number, 1);
        *locked(&self.secrets) = Dice::of(self.order.seed, number, 2);
        let crash = match self.below(100) {
            0..2 => Some(Crash::Process),
            2..4 => Some(Crash::Power),
            4..5 => Some(Crash::Portal),
            _ => None,
        };
        *locked(&self.armed) = crash.map(|crash| {
            let points = self.dice(|dice| 1 + dice.below(1 + dice.clone().below(40)));
            Armed { points, crash }
        });
    }

    /// From here on nothing fails.
    pub(crate) fn calm_down(&self) {
        self.begin_event(self.order.events + 1);
        *locked(&self.armed) = None;
        self.set_calm(true);
    }

    /// A crash that met nobody during the event comes now.
    pub(crate) fn end_event(&self) {
        let Some(armed) = locked(&self.armed).take() else { return };
        let Some(process) = self.pick(&self.live()) else { return };
        self.strike(&process, armed.crash);
    }

    /// Before a process does something to the world. It may die here; others may come first.
    pub(crate) fn at(self: &Arc<Self>, process: &Process, point: Point) {
        die_if_dead(process);
        if self.is_calm() {
            return;
        }
        if let Some(crash) = self.due() {
            self.strike(process, crash);
            die_if_dead(process);
        }
        if self.depth() < DEEPEST && self.percent(chance_of_others(point, self.depth())) {
            self.depth.fetch_add(1, Ordering::Relaxed);
            events::meanwhile(self, process, point);
            self.depth.fetch_sub(1, Ordering::Relaxed);
            die_if_dead(process);
        }
    }

    fn due(&self) -> Option<Crash> {
        let mut armed = locked(&self.armed);
        let left = armed.as_mut().filter(|armed| armed.crash != Crash::Portal)?;
        left.points -= 1;
        if left.points > 0 {
            return None;
        }
        armed.take().map(|armed| armed.crash)
    }

    /// Whether the next point of this process is its last: a write is torn there.
    pub(crate) fn dies_at_write(&self, process: &Process) -> bool {
        let armed = *locked(&self.armed);
        process.is_alive()
            && !self.is_calm()
            && armed.is_some_and(|armed| armed.points == 1 && armed.crash != Crash::Portal)
    }

    fn strike(&self, process: &Process, crash: Crash) {
        let machine = self.machine(process.place.machine);
        self.tell(|| format!("  crash of {}: {crash:?}", process.place));
        if crash == Crash::Power {
            self.note(|| Happened::PowerLost { machine: machine.number });
        }
        match crash {
            Crash::Process => machine.kill(process),
            Crash::Power => self.dice(|dice| machine.lose_power(self.now(), dice)),
            Crash::Portal => {}
        }
    }

    /// How the portal's next transaction ends.
    pub(crate) fn portal_end(&self) -> End {
        if self.has(Fault::AnsweredBeforeCommit) && self.percent(5) {
            return End::AnswersAnyway;
        }
        let mut armed = locked(&self.armed);
        if armed.is_none_or(|armed| armed.crash != Crash::Portal) {
            return End::Commit;
        }
        *armed = None;
        let half = self.percent(50);
        if half { End::DiesLate } else { End::DiesAt(self.dice(|dice| dice.below(3))) }
    }

    /// A call of a process. `None`: it died in it.
    pub(crate) fn call<T>(&self, process: &Process, call: impl FnOnce(&Client) -> T) -> Option<T> {
        let client = process.client()?;
        process.enter();
        let done = self.survives(process, || call(&client));
        process.leave();
        done
    }

    /// `None`: the process died in it.
    pub(crate) fn survives<T>(&self, process: &Process, work: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(done) => process.is_alive().then_some(done),
            Err(thrown) if thrown.is::<Killed>() => None,
            Err(thrown) => {
                let text = thrown.downcast_ref::<String>().cloned();
                let text = text.or_else(|| Some((*thrown.downcast_ref::<&str>()?).to_owned()));
                self.accuse("no panic", || text.unwrap_or_default());
                self.machine(process.place.machine).kill(process);
                None
            }
        }
    }
}

/// A dead process does nothing any more: the call that it was in is left, and what it has open is
/// closed, as the kernel does it.
fn die_if_dead(process: &Process) {
    if !process.is_alive() {
        resume_unwind(Box::new(Killed));
    }
}

/// How often others come first, in a hundred. A lock is held at most points: who waits for it takes
/// its time.
fn chance_of_others(point: Point, depth: u64) -> u64 {
    match (point, depth) {
        (Point::Sends | Point::Received, _) => 8,
        (Point::Slept | Point::Locks, 0) => 4,
        (Point::Syncs, 0) => 2,
        _ => 0,
    }
}
