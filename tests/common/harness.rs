//! A test program that prints its own report: it takes what `cargo test` and CI pass to any.

use std::process::ExitCode;

/// How one test ended.
pub enum Outcome {
    Passed,
    /// It cannot be run here; why.
    Skipped(String),
    /// A line for each thing that does not hold.
    Failed(Vec<String>),
}

/// One test.
pub struct Test {
    pub name: &'static str,
    pub run: fn(&Arguments) -> Outcome,
}

/// What the program was called with.
#[derive(Default)]
pub struct Arguments {
    filters: Vec<String>,
    skips: Vec<String>,
    values: Vec<(String, String)>,
    exact: bool,
    list: bool,
    only_ignored: bool,
}

/// The options of the usual harness that take a value after a space.
const WITH_VALUE: [&str; 7] =
    ["--skip", "--test-threads", "--format", "--logfile", "--color", "--shuffle-seed", "-Z"];

impl Arguments {
    /// `own` names the options of this program, each of which takes a value.
    fn parse(arguments: impl Iterator<Item = String>, own: &[&str]) -> Self {
        let mut parsed = Self::default();
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            let (name, mut value) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with('-') => (name, Some(value.to_owned())),
                _ => (argument.as_str(), None),
            };
            if value.is_none() && (WITH_VALUE.contains(&name) || own.contains(&name)) {
                value = arguments.next();
            }
            match (name, value) {
                ("--exact", _) => parsed.exact = true,
                ("--list", _) => parsed.list = true,
                ("--ignored", _) => parsed.only_ignored = true,
                ("--skip", Some(name)) => parsed.skips.push(name),
                (name, Some(value)) => parsed.values.push((name.to_owned(), value)),
                (name, None) if name.starts_with('-') => {}
                (name, None) => parsed.filters.push(name.to_owned()),
            }
        }
        parsed
    }

    /// The number that an option was given.
    pub fn number(&self, option: &str, otherwise: u64) -> u64 {
        let given = self.values.iter().find(|(name, _)| name == option);
        given.map_or(otherwise, |(_, value)| value.parse().expect("a number"))
    }

    fn wants(&self, name: &str) -> bool {
        let fits =
            |filter: &String| if self.exact { filter == name } else { name.contains(filter) };
        !self.only_ignored
            && (self.filters.is_empty() || self.filters.iter().any(fits))
            && !self.skips.iter().any(fits)
    }
}

/// Runs the tests that are asked for, one after the other.
#[allow(clippy::print_stdout, reason = "this is the report")]
pub fn main(tests: &[Test], own_options: &[&str]) -> ExitCode {
    let arguments = Arguments::parse(std::env::args().skip(1), own_options);
    let wanted = || tests.iter().filter(|test| arguments.wants(test.name));
    if arguments.list {
        wanted().for_each(|test| println!("{}: test", test.name));
        println!("\n{} tests, 0 benchmarks", wanted().count());
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", wanted().count());
    let mut failed = 0;
    for test in wanted() {
        match (test.run)(&arguments) {
            Outcome::Passed => println!("test {} ... ok", test.name),
            Outcome::Skipped(why) => println!("test {} ... skipped: {why}", test.name),
            Outcome::Failed(complaints) => {
                failed += 1;
                complaints.iter().for_each(|complaint| println!("  {complaint}"));
                println!("test {} ... FAILED", test.name);
            }
        }
    }
    println!("\ntest result: {failed} failed of {}\n", wanted().count());
    ExitCode::from(u8::from(failed > 0))
}
