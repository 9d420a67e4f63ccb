//! Log lines: to the host's own function and nowhere else.

use std::sync::Arc;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something is not as it should be.
    Warn = 2,
    /// What a person would tell of the day.
    Info = 3,
    /// Each step.
    Debug = 4,
}

type Sink = dyn Fn(Level, &str) + Send + Sync;

/// The host's function and the level up to which it wants lines. Lines carry no secrets. The
/// function is called on the thread of the call that caused the line, with no lock held.
#[derive(Clone)]
pub struct Log {
    level: Level,
    sink: Arc<Sink>,
}

impl Log {
    /// Lines of this level and above go to `sink`.
    pub fn new(level: Level, sink: impl Fn(Level, &str) + Send + Sync + 'static) -> Self {
        Self { level, sink: Arc::new(sink) }
    }

    pub(crate) fn line(&self, level: Level, text: impl FnOnce() -> String) {
        if level <= self.level {
            (self.sink)(level, &text());
        }
    }
}
