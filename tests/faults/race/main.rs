//! R41 with a portal that is killed: clients race for the seats of one activation ID while the
//! portal's program, over its file database, is killed and started again at the same address.
//!
//! Every activation is made by a machine of its own, by the C ABI, under the portal's usual limits:
//! most are refused, and then told to wait. Afterwards exactly the seats are granted, and each
//! machine that was told so is in the books. The long form: `.ci/race`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../../common/mod.rs"]
mod common;

mod circle;
mod portal;
mod racers;

use std::process::ExitCode;

use common::harness::{self, Arguments, Outcome, Test};
use racers::{Memory, Plan};

fn main() -> ExitCode {
    let tests = [
        Test { name: "r41_racers_never_exceed_the_seats_and_no_kill_takes_an_answer", run: race },
        Test {
            name: "r08_seats_go_round_and_no_kill_of_the_portal_loses_or_doubles_one",
            run: circle,
        },
        Test { name: "the_race_sees_a_portal_that_forgets", run: planted },
    ];
    harness::main(&tests, &["--activations", "--kills", "--clients", "--seats", "--seed"])
}

fn race(arguments: &Arguments) -> Outcome {
    let plan = Plan {
        activations: arguments.number("--activations", 1000) as usize,
        kills: arguments.number("--kills", 8) as usize,
        clients: arguments.number("--clients", 64) as usize,
        seats: arguments.number("--seats", 100) as u32,
        seed: arguments.number("--seed", 1),
        memory: Memory::Kept,
    };
    ended(racers::run(&plan))
}

fn circle(arguments: &Arguments) -> Outcome {
    let kills = arguments.number("--kills", 8) as usize;
    ended(circle::run(kills, arguments.number("--seed", 1)))
}

/// A portal whose database is an older one after the second kill.
fn planted(_: &Arguments) -> Outcome {
    let plan =
        Plan { activations: 60, kills: 2, clients: 8, seats: 20, seed: 1, memory: Memory::PutBack };
    let complaints = racers::run(&plan);
    let seen = complaints.iter().any(|line| line.contains("not in the books"));
    if seen { Outcome::Passed } else { Outcome::Failed(vec!["it was not seen".to_owned()]) }
}

fn ended(mut complaints: Vec<String>) -> Outcome {
    const MOST: usize = 40;
    complaints.truncate(MOST);
    if complaints.is_empty() { Outcome::Passed } else { Outcome::Failed(complaints) }
}
