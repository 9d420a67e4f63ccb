//! The program's own answers: what fails a run, and what it says then.

use std::process::{Command, Output};

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simulate")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Two short seeds reach little: a run that must reach everything fails, and says what is missing.
#[test]
fn a_run_that_misses_something_fails() {
    let few = ["--seeds", "2", "--events", "20", "--threads", "1"];
    let output = simulate(&few);
    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).contains("2 seeds in "), "{}", said(&output));
    let output = simulate(&[&few[..], &["--all-reached"]].concat());
    assert!(!output.status.success());
    assert!(said(&output).contains("never reached: activate × granted × UNTRUSTED RESTORED"));
    assert!(said(&output).contains("never reached: the portal is restored"));
}

/// A broken seed fails the run, is made short, and the line that it prints breaks again.
#[test]
fn a_broken_seed_is_told_with_the_line_that_replays_it() {
    let output = simulate(&["--seeds", "40", "--threads", "1", "--fault", "credited-twice"]);
    assert!(!output.status.success());
    let said = said(&output);
    let line = said.lines().find_map(|line| line.strip_prefix("replay: simulate ")).unwrap();
    let again = simulate(&line.split_whitespace().collect::<Vec<_>>());
    assert!(!again.status.success());
    let told = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(told.contains("BROKEN (ledger)"), "{told}");
}

#[test]
fn an_unknown_fault_is_an_error() {
    let output = simulate(&["--fault", "gremlins"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("There is no fault \"gremlins\""));
}
