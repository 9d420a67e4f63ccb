//! Until when a call may take, and whether it was ended sooner.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::cancel::{Token, Watch};
use crate::ports::Clock;

/// The end of one call, for each of its steps.
#[derive(Clone)]
pub(super) struct Deadline {
    clock: Arc<dyn Clock>,
    end: Duration,
    cancel: Token,
}

impl Deadline {
    pub(super) fn new(clock: Arc<dyn Clock>, timeout: Duration, cancel: Token) -> Self {
        let end = clock.monotonic().saturating_add(timeout);
        Self { clock, end, cancel }
    }

    /// What is left, more than zero; [`io::ErrorKind::TimedOut`] when nothing is, or the call was
    /// cancelled.
    pub(super) fn left(&self) -> io::Result<Duration> {
        if self.cancel.is_cancelled() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match self.end.checked_sub(self.clock.monotonic()) {
            Some(left) if !left.is_zero() => Ok(left),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Deadline {
    /// Has `wake` called when the call is cancelled.
    pub(super) fn on_cancel(&self, wake: impl Fn() + Send + 'static) -> Watch {
        self.cancel.on_cancel(wake)
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("end", &self.end).finish_non_exhaustive()
    }
}
