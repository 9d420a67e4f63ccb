//! Windows has no `fork()`: no process begins as a copy of another.
#![forbid(unsafe_code)]

/// The mark of Unix systems, which has nothing to tell here. Threads: any.
#[derive(Clone, Debug, Default)]
pub struct ForkMark;

impl ForkMark {
    /// Marks this process.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// Whether this is a child, by `fork()`, of the process that made the mark: never.
    #[must_use]
    pub const fn is_child(&self) -> bool {
        false
    }
}
