//! Until when a call may take.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::ports::Clock;

/// The end of one call, for each of its steps.
#[derive(Clone)]
pub(super) struct Deadline {
    clock: Arc<dyn Clock>,
    end: Duration,
}

impl Deadline {
    pub(super) fn new(clock: Arc<dyn Clock>, timeout: Duration) -> Self {
        let end = clock.monotonic().saturating_add(timeout);
        Self { clock, end }
    }

    /// What is left, more than zero; [`io::ErrorKind::TimedOut`] when nothing is.
    pub(super) fn left(&self) -> io::Result<Duration> {
        match self.end.checked_sub(self.clock.monotonic()) {
            Some(left) if !left.is_zero() => Ok(left),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("end", &self.end).finish_non_exhaustive()
    }
}
