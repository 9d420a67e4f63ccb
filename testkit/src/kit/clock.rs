//! Time: the machine's wall clock, which a test moves, and the portal's.
#![forbid(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::locked;
use crate::limits::STATUS_AGE;
use crate::machine::SystemClock;
use crate::ports::Clock;

/// The clocks of one world.
#[derive(Default)]
pub(crate) struct Clocks {
    walls: Mutex<Walls>,
    /// Milliseconds by which the monotonic clock is ahead of the system's.
    skipped: AtomicU64,
}

/// How far each is ahead of the system's, in seconds.
#[derive(Clone, Copy, Default)]
struct Walls {
    machine: i64,
    portal: i64,
    /// From its first answer on the portal's clock doesn't go back.
    answered: bool,
}

impl Clocks {
    /// The machine's clock shows `now` and runs on; 0: the system's time again. To the portal a clock
    /// that goes ahead is time that passes; one that goes back is a machine whose clock was set back.
    pub(crate) fn set(&self, now: i64) {
        let mut walls = locked(&self.walls);
        walls.machine = if now == 0 { 0 } else { now.saturating_sub(SystemClock.wall()) };
        if now == 0 || !walls.answered || walls.machine > walls.portal {
            walls.portal = walls.machine;
        }
        drop(walls);
        self.look_soon();
    }

    pub(crate) fn wall(&self) -> i64 {
        SystemClock.wall().saturating_add(locked(&self.walls).machine)
    }

    /// The portal's time, of an answer.
    pub(crate) fn of_portal(&self) -> i64 {
        let mut walls = locked(&self.walls);
        walls.answered = true;
        SystemClock.wall().saturating_add(walls.portal)
    }

    /// The portal's clock shows what the machine's does.
    pub(crate) fn level(&self) {
        let mut walls = locked(&self.walls);
        walls.portal = walls.machine;
    }

    /// Every client looks at its store at the next call: so much time has passed.
    pub(crate) fn look_soon(&self) {
        self.skip(STATUS_AGE);
    }

    pub(crate) fn skip(&self, time: Duration) {
        self.skipped.fetch_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }
}

impl Clock for Clocks {
    fn wall(&self) -> i64 {
        self.wall()
    }
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic().saturating_add(Duration::from_millis(self.skipped.load(Relaxed)))
    }
    fn boot(&self) -> Duration {
        SystemClock.boot()
    }
    /// The wait of a return is for other processes, which see nothing of this world.
    fn sleep(&self, duration: Duration) {
        if duration == STATUS_AGE {
            self.skip(duration);
        } else {
            SystemClock.sleep(duration);
        }
    }
}
