//! Another process at the lock: it does what it is told by lines, and answers each.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::disk::Trouble;
use crate::fork_unix::Idle;
use crate::section::{Entry, PATIENCE, Section};

/// The first argument of this program where it is to be this process.
pub(crate) const NAME: &str = "other-at-the-lock";

pub(crate) struct Other {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Other {
    pub(crate) fn start(folder: &Path, trouble: Trouble) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(NAME)
            .arg(folder)
            .arg((trouble == Trouble::RecordLocks).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn tell(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Tries once to enter.
    pub(crate) fn tries(&mut self) -> String {
        self.tell("try");
        self.hear()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[allow(clippy::print_stdout, reason = "the answers")]
pub(crate) fn run(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let folder = PathBuf::from(arguments.next().unwrap());
    let locks =
        if arguments.next().unwrap() == "true" { Trouble::RecordLocks } else { Trouble::None };
    let section = Section::of(&folder, locks);
    let mut lines = std::io::stdin().lines();
    while let Some(Ok(line)) = lines.next() {
        match line.split_once(' ') {
            None if line == "try" => println!("{:?}", section.enter(Duration::ZERO, || ())),
            // Stays in it until the next line.
            None => {
                let entry = section.enter(PATIENCE, || {
                    println!("inside");
                    lines.next();
                });
                println!("{entry:?}");
            }
            Some((_, times)) => println!("{}", work(&section, times.parse().unwrap())),
        }
    }
    ExitCode::SUCCESS
}

/// Enters so many times; how often it was not alone. Another thread opens and closes every file all
/// the time, and now and then a child is forked that outlives the section.
fn work(section: &Section, times: u32) -> usize {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                section.look_into_every_file();
                std::thread::yield_now();
            }
        });
        let mut child = None;
        let entries = (0..times).map(|time| {
            section.enter(PATIENCE, || {
                if time % 8 == 0 {
                    child = Some(Idle::fork());
                }
            })
        });
        let not_alone = entries.filter(|entry| *entry != Entry::Alone).count();
        is_over.store(true, Ordering::Relaxed);
        not_alone
    })
}
