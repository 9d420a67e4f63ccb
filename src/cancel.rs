//! Ends the calls that are under way in a client, from another thread.
//!
//! A call takes a [`Token`] when it begins. Whatever it waits for looks at the token, or leaves word
//! there how to be woken; [`Cancel::cancel`] marks every token taken so far and wakes them all.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, MutexGuard};

use crate::error::{Code, Error, Result};
use crate::mutex::Mutex;

/// The calls of one client.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// How often calls were cancelled.
    times: AtomicU64,
    sleepers: Mutex<Sleepers>,
}

/// Whom to wake, and how. Kept in the order in which they came.
#[derive(Default)]
struct Sleepers {
    next: u64,
    wake: BTreeMap<u64, Box<dyn Fn() + Send>>,
}

/// One call: whether it was cancelled since it began. Threads: any.
#[derive(Clone)]
pub struct Token {
    shared: Arc<Shared>,
    began: u64,
}

/// As long as it lives, a cancelled call wakes its sleeper.
pub struct Watch {
    shared: Arc<Shared>,
    number: u64,
}

impl Cancel {
    /// A call begins.
    #[must_use]
    pub fn begin(&self) -> Token {
        Token { shared: self.0.clone(), began: self.0.times.load(SeqCst) }
    }

    /// Ends the calls that have begun, not later ones. Waits for none of them.
    pub fn cancel(&self) {
        let sleepers = self.0.sleepers();
        self.0.times.fetch_add(1, SeqCst);
        // All that sleep began before. Whoever is about to sleep looks once more after it has
        // left its word, which it can't leave while this lock is held.
        sleepers.wake.values().for_each(|wake| wake());
    }
}

impl Shared {
    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock()
    }
}

impl Token {
    /// Whether the call was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.times.load(SeqCst) != self.began
    }

    /// [`Code::Cancelled`] once it was.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::from_code(Code::Cancelled)) } else { Ok(()) }
    }

    /// Has `wake` called when the call is cancelled, at once where it was already. It is called on
    /// the thread that cancels, must not block, and must not use this token.
    #[must_use]
    pub fn on_cancel(&self, wake: impl Fn() + Send + 'static) -> Watch {
        let mut sleepers = self.shared.sleepers();
        if self.is_cancelled() {
            wake();
        }
        let number = sleepers.next;
        sleepers.next += 1;
        sleepers.wake.insert(number, Box::new(wake));
        Watch { shared: self.shared.clone(), number }
    }
}

impl Default for Token {
    /// A call that nobody can cancel.
    fn default() -> Self {
        Cancel::default().begin()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("is_cancelled", &self.is_cancelled()).finish()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.sleepers().wake.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_under_way_end_later_ones_do_not() {
        let (cancel, woken) = (Cancel::default(), Arc::new(AtomicU64::new(0)));
        let count = |token: &Token| {
            let woken = woken.clone();
            token.on_cancel(move || {
                woken.fetch_add(1, SeqCst);
            })
        };
        let (first, second) = (cancel.begin(), cancel.begin());
        let watch = count(&first);
        drop(count(&second));
        cancel.cancel();
        assert!(first.is_cancelled() && second.check().unwrap_err().code() == Code::Cancelled);
        assert_eq!(woken.load(SeqCst), 1, "whoever sleeps no more is not woken");
        drop(watch);
        let _late = count(&second);
        assert_eq!(woken.load(SeqCst), 2, "whoever falls asleep too late is woken at once");
        assert!(!cancel.begin().is_cancelled() && !Token::default().is_cancelled());
    }
}
