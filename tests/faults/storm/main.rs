//! R84: threads and processes never corrupt the store.
//!
//! Eight processes of twenty threads each activate, check, refresh and return several IDs in one
//! store, while processes are killed at random. Nobody may ever see trust broken; afterwards machine
//! and portal agree and all seats come back. For longer: `cargo test --test storm -- --seconds 600`,
//! or `.ci/storm`, which counts the kills.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../../common/mod.rs"]
mod common;

mod weather;
mod worker;

use std::process::ExitCode;

use common::harness::{self, Test};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(worker::NAME) {
        return worker::run(arguments);
    }
    let tests = [
        Test { name: "r84_threads_and_processes_never_corrupt_the_store", run: weather::storm },
        Test { name: "the_storm_sees_a_store_that_was_put_back", run: weather::planted },
    ];
    harness::main(&tests, &["--seconds", "--kills", "--processes", "--threads", "--seed"])
}
