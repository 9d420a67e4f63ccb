//! R83: no panic crosses the ABI. Each export does all that it does inside a guard; and in a copy of
//! the library with a panic planted in each of them, the host lives on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, reason = "what .ci/panics looks for")]

#[path = "../common/cc.rs"]
mod cc;
mod copy;
#[path = "../common/given.rs"]
mod given;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use source::exports;

const PROMISED: &str = include_str!("../../abi/exports.txt");
/// As an export may never be: nothing in it is guarded.
const UNGUARDED: &str = "
#[unsafe(no_mangle)]
pub extern \"C\" fn lm_unguarded() -> u32 {
    7
}
";

fn promised() -> BTreeSet<&'static str> {
    PROMISED.lines().filter_map(|line| line.split(' ').next()).collect()
}

/// The texts of `src/ffi`.
fn texts() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn r83_every_export_does_all_that_it_does_inside_a_guard() {
    let texts = texts();
    let exports: Vec<_> = texts.iter().flat_map(|text| exports(text)).collect();
    assert_eq!(exports.iter().map(|export| export.name).collect::<BTreeSet<_>>(), promised());
    for export in &exports {
        if let Err(around) = export.is_guarded() {
            panic!(
                "{} is not guarded, or something stands beside the guard: {around}",
                export.name
            );
        }
    }
}

#[test]
fn an_export_without_a_guard_is_seen() {
    let planted = UNGUARDED.to_owned();
    let [export] = &exports(&planted)[..] else { panic!("one export was planted") };
    assert_eq!((export.name, export.is_guarded()), ("lm_unguarded", Err("7".to_owned())));
    // And one that does something before its guard.
    let early = planted.replace('7', "prepare(); guarded(0, || 7)");
    assert_eq!(exports(&early)[0].is_guarded(), Err("prepare(); GUARD".to_owned()));
    assert_eq!(exports(&planted.replace('7', "guarded(0, || 7)"))[0].is_guarded(), Ok(()));
}

/// `.ci/panics` runs it: it builds the library once more.
#[test]
#[ignore = "builds a copy of the library: run .ci/panics"]
fn r83_a_panic_planted_in_each_export_ends_no_process() {
    let library = copy::build(UNGUARDED);
    let dir = tempfile::TempDir::new().unwrap();
    cc::install(&library, dir.path()).unwrap();
    let options = ["-std=c11", "-D_POSIX_C_SOURCE=200809L"];
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/panics.c");
    let program = cc::build(&source, dir.path(), &options).unwrap_or_else(|e| panic!("{e}"));
    let run = |unguarded: &[&str]| {
        let mut command = cc::runner(&program);
        command.env("RUST_BACKTRACE", "0");
        let output = command.args(given::given(dir.path())).args(unguarded).output().unwrap();
        given::remove_anchors(dir.path());
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned(), output.stdout)
    };

    let (status, errors, printed) = run(&[]);
    assert!(status.success(), "{status}\n{errors}");
    let printed = String::from_utf8(printed).unwrap();
    let called: BTreeSet<_> = printed.lines().collect();
    let hit: BTreeSet<_> =
        errors.lines().filter_map(|line| line.strip_prefix("planted in ")).collect();
    assert_eq!(called, hit, "what was called with its panic armed, and the panics that came");
    let beside: BTreeSet<_> = copy::BESIDE.iter().map(|(_, _, place)| *place).collect();
    assert_eq!(hit, promised().union(&beside).copied().collect(), "a panic in each export");

    // The same program sees an export without a guard: its panic ends the process.
    let (status, errors, _) = run(&["lm_unguarded"]);
    assert!(errors.contains("planted in lm_unguarded"), "{errors}");
    assert_eq!(status.signal(), Some(6), "{status}\n{errors}");
    println!("{} panics planted and survived; one without a guard was fatal", hit.len());
}
