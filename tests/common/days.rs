//! A machine whose days can be made to pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use lm::machine::{SystemClock, SystemRandom};
use lm::ports::{Clock, Ports};
use lm::storage::SystemFiles;

use super::machine::Machine;

/// How many seconds ahead of the system's its clocks are.
#[derive(Clone, Default)]
pub struct Days(Arc<AtomicI64>);

impl Days {
    /// A client over a machine's store that goes by these days. (The C ABI takes no clock.)
    pub fn client_of(&self, machine: &Machine) -> lm::Client {
        let ports = Ports {
            clock: Arc::new(self.clone()),
            random: Arc::new(SystemRandom::new()),
            files: Arc::new(SystemFiles),
        };
        lm::Client::open_with(machine.settings.options(), ports).expect("a client")
    }

    /// Lets the time pass until a Unix second.
    pub fn reach(&self, at: i64) {
        self.0.store(at - SystemClock.wall(), Ordering::Relaxed);
    }

    fn ahead(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed).unsigned_abs())
    }
}

impl Clock for Days {
    fn wall(&self) -> i64 {
        SystemClock.wall() + self.0.load(Ordering::Relaxed)
    }
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic() + self.ahead()
    }
    fn boot(&self) -> Duration {
        SystemClock.boot() + self.ahead()
    }
    fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration);
    }
}
