//! What the kit promises to a test's programmer, and that it is nowhere but in the kit.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::abi::{declared, differences, exported, output};

const LIBRARY: &str = include_str!("../../abi/exports.txt");
const HEADER: &str = include_str!("../../include/lm_testkit.h");

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name)
}

#[test]
fn the_kit_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let (printed, code) = common::run(&source("kit.c"), folder.path(), &common::WITH_CHECKS);
    assert_eq!((printed.as_str(), code), ("", 0));
}

#[test]
fn it_exports_what_the_library_does_and_what_its_header_says() {
    let library = LIBRARY.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned);
    let mut promised: Vec<_> = library.chain(declared(HEADER).into_keys()).collect();
    promised.sort();
    let found = exported(&common::library()).unwrap();
    let differs = differences(&promised.join("\n"), &found.join("\n"));
    assert!(differs.is_empty(), "{differs:#?}");
    assert!(declared(HEADER).keys().all(|name| name.starts_with("lm_test_")));
}

/// What isn't in the library can't be turned on in it. `.ci/check-dist` looks at the release.
#[test]
fn nothing_of_the_kit_is_in_the_library() {
    let library = common::product();
    let names = exported(&library).unwrap();
    assert!(names.contains(&"lm_status".to_owned()));
    assert!(names.iter().all(|name| !name.starts_with("lm_test")), "{names:#?}");
    let mention = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(8).any(|window| window == b"lm_test_")
    };
    assert!(mention(&common::library()), "the name can be found where it is");
    assert!(!mention(&library), "{} mentions it", library.display());
    let manifest = std::fs::read_to_string(common::tree().join("Cargo.toml")).unwrap();
    let package = manifest.split_once("[package]").unwrap().1;
    assert!(!package.contains("testkit"), "the library depends on the kit");
}

/// The machine that the test runs on is left alone: nothing is made, written or removed in it, no
/// socket is opened.
#[test]
fn the_machine_of_the_test_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_, code) = common::run(&source("kit.c"), folder.path(), &common::WITH_CHECKS);
    assert_eq!(code, 0);
    let (program, trace) = (folder.path().join("kit"), folder.path().join("trace"));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=%file,%network,write,pwrite64", "-o"]).arg(&trace);
    match strace.arg("--").arg(&program).output() {
        Ok(done) if done.status.success() => {}
        _ => {
            skipped("strace is not there, or may not trace here");
            return;
        }
    }
    let lines = std::fs::read_to_string(&trace).unwrap();
    let found: Vec<_> = lines.lines().filter(|line| touches(line)).collect();
    assert!(lines.lines().count() > 10 && found.is_empty(), "{found:#?}");
    let seen = output(Command::new("sh").arg("-c").arg(format!(
        "strace -f -e trace=%file,%network -o {0} sh -c ': > {1}' && cat {0}",
        trace.display(),
        folder.path().join("planted").display()
    )));
    assert!(seen.unwrap().lines().any(touches), "a file that is made would not be seen");
}

/// Whether a line of strace's is more than reading.
fn touches(line: &str) -> bool {
    let call = line.split_once('(').map_or("", |(call, _)| call);
    let call = call.rsplit(' ').next().unwrap_or_default();
    let reads = ["execve", "access", "faccessat2", "readlink", "readlinkat", "getcwd", "statfs"];
    let opens = matches!(call, "open" | "openat") && line.contains("O_RDONLY");
    let marks = line.starts_with("+++") || line.contains("+++ exited") || call.is_empty();
    !(marks
        || opens
        || call.ends_with("stat")
        || call.ends_with("statx")
        || reads.contains(&call)
        || call == "newfstatat")
}

/// Past the capture of what passing tests print.
fn skipped(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// The first block of code behind a line of the manual.
fn block_after<'a>(text: &'a str, marker: &str) -> &'a str {
    let (_, rest) = text.split_once(marker).unwrap();
    let (_, rest) = rest.split_once("```").unwrap();
    rest.split_once('\n').unwrap().1.split_once("```").unwrap().0
}

#[test]
fn the_manuals_example_is_run_and_prints_what_the_manual_prints() {
    let manual = std::fs::read_to_string(common::tree().join("docs/testkit.md")).unwrap();
    let example = common::tree().join("examples/testkit.c");
    let text = std::fs::read_to_string(&example).unwrap();
    assert!(block_after(&manual, "<!-- examples/testkit.c") == text, "manual and example differ");
    let folder = tempfile::tempdir().unwrap();
    let (printed, code) = common::run(&example, folder.path(), &["-std=c11"]);
    assert_eq!((printed.as_str(), code), (block_after(&manual, "<!-- its output"), 0));
}
