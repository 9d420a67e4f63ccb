//! Seeded simulation: the real client and the real portal in a world that loses messages, repeats and
//! reorders them, crashes, forgets what wasn't synced, and has clocks that wander. The promise is
//! judged after each event; a seed that breaks it replays exactly.
//!
//! | module | what it is |
//! |---|---|
//! | `plan`, `dice` | a seed → policy, machines, chance |
//! | `world` | true time, crashes, what happens within what |
//! | `machine`, `disk`, `ports` | a machine: its hardware, clocks, disk; the ports of a process |
//! | `wire`, `portal` | what becomes of a message; the portal's own code over SQLite in memory |
//! | `events` | what may happen: one function and one row for each |
//! | `judge` | the promise, after each event and at the end |
//! | `fault` | faults planted in the real code, to see that the judgment finds them |
//! | `history` | what happened on each side, as data |
//! | `cover` | how often each message met each answer in each state |
//! | `reach` | what must have been reached |
//! | `seed`, `shrink` | one seed, told again; the events that matter |
//!
//! The design is in `docs/simulation.md`.
#![forbid(unsafe_code)]
#![allow(clippy::indexing_slicing, reason = "machines are numbered by the simulation itself")]

mod cover;
mod dice;
mod disk;
mod events;
mod fault;
mod history;
mod judge;
mod machine;
mod peek;
mod plan;
mod portal;
mod ports;
mod reach;
mod replay;
mod seed;
mod shrink;
mod wire;
mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use cover::Cover;
pub use fault::Fault;
pub use history::{Act, Happened};
pub use judge::{Books, CoolingRow, EntitlementRow, Entry, HeldRow, IdRow};
pub use machine::Place;
pub use plan::{Order, Replay};
pub use portal::Portal;
pub use seed::{Outcome, run};
pub use shrink::shrunk;
pub use world::Broken;

/// The one user of every machine.
const USER: u32 = 1000;

/// Locks; a call that died in here has left nothing half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
