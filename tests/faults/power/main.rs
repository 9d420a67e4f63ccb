//! R9 and R84 where the power fails: what a call has confirmed is on the disk.
//!
//! The store lies on an ext4 in a file, mounted by a loop device. A host in a process of its own
//! works against a real portal when the file system is shut down without any flush, at a moment by
//! the dice, and the host is killed. Mounted again, it holds what was synced and nothing else: so it
//! is after a power cut. `.ci/power [CUTS]` for more of them.
//!
//! It needs root, and takes a mount namespace of its own, so that nothing is left mounted, however
//! it ends; in there root's home, where the anchor lies, is where each life wants it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../../common/mod.rs"]
mod common;

mod cuts;
mod ground;
mod host;
mod judge;
mod shutdown_unix;

use std::process::{Command, ExitCode};

use common::harness::{self, Arguments, Outcome, Test};

/// The first argument of this program in the namespace.
const INSIDE: &str = "in-a-namespace";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(host::NAME) => host::run(arguments),
        Some(INSIDE) => cuts::inside(arguments),
        _ => {
            let tests = [
                Test { name: "r09_r84_a_power_cut_takes_nothing_that_was_confirmed", run: cut },
                Test { name: "the_judge_of_power_cuts_sees_a_host_that_never_syncs", run: planted },
            ];
            harness::main(&tests, &["--cuts", "--seed"])
        }
    }
}

fn cut(arguments: &Arguments) -> Outcome {
    let [cuts, seed] = [("--cuts", 9), ("--seed", 1)].map(|(name, n)| arguments.number(name, n));
    in_a_namespace(&["cut".to_owned(), cuts.to_string(), seed.to_string()])
}

fn planted(arguments: &Arguments) -> Outcome {
    let seed = arguments.number("--seed", 1);
    in_a_namespace(&["planted".to_owned(), cuts::PLANTED_CUTS.to_string(), seed.to_string()])
}

#[allow(clippy::print_stdout, reason = "the program's report")]
fn in_a_namespace(arguments: &[String]) -> Outcome {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--"]);
    let program = command.arg(std::env::current_exe().unwrap()).arg(INSIDE).args(arguments);
    let output = match program.stderr(std::process::Stdio::inherit()).output() {
        Ok(output) => output,
        Err(e) => return Outcome::Skipped(format!("unshare can't be run ({e})")),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = said.lines().map(str::to_owned).collect();
    match output.status.code() {
        Some(0) => {
            lines.iter().for_each(|line| println!("  {line}"));
            Outcome::Passed
        }
        Some(77) => Outcome::Skipped(lines.last().cloned().unwrap_or_default()),
        // Whatever the program inside finds, it says something.
        Some(1) if lines.is_empty() => {
            Outcome::Skipped("a mount namespace is not to be had here".to_owned())
        }
        _ => Outcome::Failed([lines, vec![format!("it ended: {}", output.status)]].concat()),
    }
}
