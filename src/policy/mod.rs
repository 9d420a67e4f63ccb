//! Pure judgment: (record, host, now) → status. No I/O, no clock: `now` is given.
#![forbid(unsafe_code)]

mod facts;
pub mod health;
mod judge;
mod rules;
mod status;
mod text;
mod time;

pub use facts::{Facts, PendingKind};
pub use judge::{better, evaluate, evaluate_here, store_status};
pub use rules::{
    Activate, Outstanding, Remove, Repair, Return, activate, check_out, remove, repair, return_,
};
pub use status::{NextStep, State, Status, trust};
pub(crate) use text::date;
pub use text::sentence;
pub(crate) use time::DRIFT;
pub use time::{BootNote, Marks, Now};
