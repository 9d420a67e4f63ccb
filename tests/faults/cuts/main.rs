//! A connection that is cut after each byte, in both directions, of each exchange with the portal.
//!
//! The host uses the C ABI; a proxy between it and a real portal over HTTP closes or resets the
//! connection after so many bytes. Each time the host goes on over a whole connection, and machine
//! and portal are compared. Prints how many cuts there were. Every byte:
//! `cargo test --test cuts -- --every 1`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../../common/mod.rs"]
mod common;

mod planted;
mod round;
mod run;

use std::process::ExitCode;

use common::harness::{self, Arguments, Outcome, Test};
use run::Extent;

fn main() -> ExitCode {
    let tests = [
        Test { name: "r08_r09_a_connection_that_is_cut_after_each_byte", run: cuts },
        Test { name: "the_judge_of_cuts_sees_what_is_planted", run: planted::run },
    ];
    harness::main(&tests, &["--every", "--machines"])
}

fn cuts(arguments: &Arguments) -> Outcome {
    // An odd step: both ends of a connection and both ways to go on have their turn.
    let every = arguments.number("--every", 67) as usize;
    run::run(&Extent { first: 0, every, machines: arguments.number("--machines", 24) as usize })
}
