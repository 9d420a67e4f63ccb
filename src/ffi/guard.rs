//! No panic crosses the ABI. A caught one poisons its client.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::error::{Code, Error, Result};
use crate::machine::uncancelled;

/// Runs `body`, whose thread is not cancelled meanwhile; where it panics, the answer is `fallback`.
pub(crate) fn guarded<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    uncancelled(|| caught(fallback, body))
}

/// As [`guarded`], of what waits in no system call, so that no cancellation finds it there.
///
/// Nothing that `body` borrowed is used again after a panic but through [`Poison`], so that the
/// promise of unwind safety is kept here and nowhere else.
fn caught<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(answer) => answer,
        Err(payload) => {
            // Dropping it could panic in its turn, and this time nobody would catch it.
            std::mem::forget(payload);
            fallback
        }
    }
}

/// Whether a panic left an object in a state that nobody knows.
#[derive(Debug, Default)]
pub(super) struct Poison(AtomicBool);

impl Poison {
    /// Runs `body`, once a panic was caught never again: [`Code::Internal`] from then on.
    pub(super) fn run<T>(&self, body: impl FnOnce() -> Result<T>) -> Result<T> {
        uncancelled(|| self.check(body))
    }

    /// As [`Self::run`], of what waits in no system call: a look of a status sees to itself.
    #[inline]
    pub(super) fn check<T>(&self, body: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.0.load(Relaxed) {
            return Err(Error::from_code(Code::Internal));
        }
        caught(None, || Some(body())).unwrap_or_else(|| {
            self.0.store(true, Relaxed);
            Err(Error::from_code(Code::Internal))
        })
    }
}
