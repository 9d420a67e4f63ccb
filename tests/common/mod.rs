//! What the tests share.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod books;
pub mod days;
pub mod dice;
pub mod disk;
pub mod harness;
pub mod hosts;
pub mod machine;
pub mod operations;
pub mod over_system;
#[path = "../../portal/tests/support/postgres.rs"]
pub mod postgres;
pub mod programs;
pub mod record_locks_unix;
pub mod remote;
pub mod reports;
pub mod server;
pub mod signer;
#[path = "../../src/storage/tests/chip.rs"]
pub mod swtpm;
pub mod user;
pub mod wire;
pub mod world;

/// Says that a test can't be run here, and why: past the capture of what passing tests print.
pub fn skipped(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
