//! A lock of the threads of one process, which bears a fork.
//!
//! `fork()` copies what another thread is just changing, and only the thread that forked lives on in
//! the child: a lock that was held then stays held there for ever, and what it guards may be half
//! changed. The child doesn't touch it (its calls end with [`Code::Forked`](crate::Code::Forked)
//! before they lock), and neither may its end: what can't be trusted is left where it is.
#![forbid(unsafe_code)]

use std::sync::{Arc, MutexGuard, PoisonError, TryLockError};

/// A value that threads change in turn. A panic while it was locked bars nobody: whoever changes it
/// leaves it sound at each step. Threads: any.
#[derive(Default)]
pub(crate) struct Mutex<T>(Arc<std::sync::Mutex<T>>);

impl<T> Mutex<T> {
    /// Guards a value.
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(std::sync::Mutex::new(value)))
    }

    /// The value, once no other thread has it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value; `None` while another thread has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(value) => Some(value),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<T> Drop for Mutex<T> {
    /// Whoever drops it is alone with it: a lock that is held now was held at a fork, by a thread
    /// that isn't here. Its value is not freed.
    fn drop(&mut self) {
        if self.try_lock().is_none() {
            std::mem::forget(self.0.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_left_behind_was_changing_is_not_freed() {
        let value = Arc::new(());
        drop(Mutex::new(value.clone()));
        assert_eq!(Arc::strong_count(&value), 1, "freed with a lock that nobody holds");

        let mutex = Mutex::new(value.clone());
        // As a forked child finds it: held, and nobody there to let it go.
        std::mem::forget(mutex.lock());
        assert!(mutex.try_lock().is_none());
        drop(mutex);
        assert_eq!(Arc::strong_count(&value), 2);
    }
}
