//! The ABI is what `abi/` promises: symbols, versions, the layout of structures, the way the library
//! is linked. `abi/README.md` says how a promise grows.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/abi.rs"]
mod abi;
#[path = "common/cc.rs"]
mod cc;

use std::path::{Path, PathBuf};
use std::process::Command;

use abi::{declared, differences, exported, exports_text, layout_text, output};

const HEADER: &str = include_str!("../include/lm.h");
const EXPORTS: &str = include_str!("../abi/exports.txt");
const LAYOUT: &str = include_str!("../abi/layout.txt");

fn promise(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("abi").join(file)
}

fn layout_of(header: &Path) -> String {
    let dir = tempfile::tempdir().unwrap();
    layout_text(header, dir.path()).unwrap_or_else(|e| panic!("{e}"))
}

fn assert_kept(promised: &str, found: &str, file: &str) {
    let differences = differences(promised, found);
    assert!(
        differences.is_empty(),
        "not as {file} promises:\n{}\nSee abi/README.md.",
        differences.join("\n")
    );
}

#[test]
fn the_library_exports_what_is_promised_and_nothing_else() {
    let found = exported(&cc::shared_library().unwrap()).unwrap().join("\n");
    let promised: Vec<_> = EXPORTS.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_kept(&promised.join("\n"), &found, "abi/exports.txt");
    assert!(promised.iter().all(|name| name.starts_with("lm_")));
}

#[test]
fn the_header_declares_what_is_promised_since_the_same_version() {
    assert_kept(EXPORTS, &exports_text(HEADER), "abi/exports.txt");
}

#[test]
fn structures_are_laid_out_as_promised() {
    assert_kept(LAYOUT, &layout_of(&cc::include_dir().join("lm.h")), "abi/layout.txt");
    assert!(LAYOUT.contains("lm_status_info size 64\n"));
}

#[test]
fn a_fault_in_the_promise_is_seen() {
    // A field that came before another, and one that was never promised.
    let moved =
        HEADER.replacen("    uint32_t scope;\n", "    uint64_t early;\n    uint32_t scope;\n", 1);
    assert_ne!(moved, HEADER);
    let dir = tempfile::tempdir().unwrap();
    let header = dir.path().join("lm.h");
    std::fs::write(&header, moved).unwrap();
    let seen = differences(LAYOUT, &layout_of(&header));
    assert!(seen.contains(&"there and not promised: lm_options.early offset 72 size 8".to_owned()));
    assert!(seen.iter().any(|line| line.starts_with("promised and gone: lm_options.flags ")));

    // A helper that a library lets out.
    let source = dir.path().join("planted.c");
    std::fs::write(&source, "int lm_status(void) { return 0; }\nint helper(void) { return 0; }\n")
        .unwrap();
    let library = dir.path().join("planted.so");
    output(Command::new("cc").args(["-shared", "-fPIC"]).arg(&source).arg("-o").arg(&library))
        .unwrap();
    assert_eq!(exported(&library).unwrap(), ["helper", "lm_status"]);
    assert_eq!(differences("lm_status\nlm_gone", "helper\nlm_status").len(), 2);

    // A function that came later than it says.
    let later = HEADER.replacen("Since 0.1.\n */\nLM_API", "Since 9.0.\n */\nLM_API", 1);
    assert!(declared(&later).values().any(|since| since == "9.0"));
    assert!(!differences(EXPORTS, &exports_text(&later)).is_empty());
}

#[test]
fn the_library_is_linked_so_that_plugins_can_load_it() {
    let library = cc::shared_library().unwrap();
    let dynamic = output(Command::new("readelf").arg("-dW").arg(&library)).unwrap();
    for wanted in [&format!("[{}]", cc::SONAME), "SYMBOLIC", "NODELETE", "NOW"] {
        assert!(dynamic.contains(wanted), "{wanted} is not in\n{dynamic}");
    }
    for unwanted in ["RPATH", "RUNPATH", "TEXTREL"] {
        assert!(!dynamic.contains(unwanted), "{unwanted} is in\n{dynamic}");
    }
    let segments = output(Command::new("readelf").arg("-lW").arg(&library)).unwrap();
    assert!(segments.contains("GNU_RELRO"), "{segments}");
}

/// Not a check: `abi/renew` runs it.
#[test]
#[ignore = "writes abi/: run abi/renew"]
fn renew() {
    std::fs::write(promise("exports.txt"), exports_text(HEADER)).unwrap();
    let layout = layout_of(&cc::include_dir().join("lm.h"));
    std::fs::write(promise("layout.txt"), layout).unwrap();
}
