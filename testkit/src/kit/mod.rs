//! The pretended world and what puts it into a state.

mod answer;
mod clock;
mod damage;
mod disk;
pub(crate) mod exports;
mod failures;
mod file;
mod offline;
pub(crate) mod portal;
mod record;
pub(crate) mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock whose holder never leaves things half done: a panic elsewhere says nothing against it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
