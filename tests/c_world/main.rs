//! C programs over a real portal.
//!
//! R82, R83: every export with every kind of wrong input, and in a forked child. What kinds there are
//! is read from the header: whoever adds an export or a field is told which rows it needs.
//! R84: threads.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/cc.rs"]
mod cc;
#[path = "../common/mod.rs"]
mod common;
mod demanded;
#[path = "../common/given.rs"]
mod given;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::machine::PRODUCT;
use common::world::World;
use demanded::{Rows, bounds, demanded};
use lm_protocol::ActivationId;

const HEADER: &str = include_str!("../../include/lm.h");
const EXPORTS: &str = include_str!("../../abi/exports.txt");

/// Builds a program and runs it over a portal of its own, with a license of three seats. What it
/// prints, or where and how it ended. `planted` is its own fault.
fn ran(name: &str, planted: &[&str]) -> Result<String, String> {
    let world = World::new();
    let (root, id) = (world.portal.trust_root(), world.cc(3));
    let dir = tempfile::TempDir::new().unwrap();
    cc::install_library(dir.path()).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name);
    let program = cc::build(&source, dir.path(), &["-std=c11", "-D_DEFAULT_SOURCE"])?;
    let output = cc::runner(&program)
        .args([&root, &id, &given::store(dir.path())])
        .args([world.url(), PRODUCT, &ActivationId::from_random([9; 10]).to_string()])
        .args(planted)
        .current_dir(dir.path())
        .output()
        .unwrap();
    given::remove_anchors_of(&root, dir.path());
    let printed = String::from_utf8(output.stdout).unwrap();
    let last = printed.lines().last().unwrap_or("nothing");
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name}: {}, after {last}\n{errors}", output.status));
    }
    world.seats(&id);
    Ok(printed)
}

fn lines<'a>(printed: &'a str, word: &str) -> impl Iterator<Item = &'a str> {
    printed.lines().filter_map(move |line| line.strip_prefix(word))
}

#[test]
fn r82_every_export_takes_every_kind_of_wrong_input() {
    let printed = ran("every_export.c", &[]).unwrap_or_else(|e| panic!("{e}"));
    let rows: Rows = lines(&printed, "row ").map(str::to_owned).collect();
    let wanted = demanded(HEADER);
    let missing: Vec<_> = wanted.difference(&rows).collect();
    assert!(missing.is_empty(), "tests/c/every_export.c has no row for {missing:#?}");
    let unknown: Vec<_> = rows.difference(&wanted).collect();
    assert!(unknown.is_empty(), "nothing in the header asks for {unknown:#?}");

    let covered: BTreeSet<_> = rows.iter().filter_map(|row| row.split(' ').next()).collect();
    let promised: BTreeSet<_> = EXPORTS.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(covered, promised);

    // The bounds that were tried are those that the header tells.
    let tried = lines(&printed, "bound ").filter_map(|line| line.split_once(' '));
    let tried: BTreeMap<_, usize> =
        tried.map(|(name, bound)| (name.to_owned(), bound.parse().unwrap())).collect();
    assert_eq!(tried, bounds(HEADER));
    let inputs: u32 = lines(&printed, "inputs ").next().unwrap().parse().unwrap();
    assert!(rows.len() > 200 && inputs > 1000, "{} rows, {inputs} inputs", rows.len());
}

#[test]
fn a_byte_too_many_and_a_lock_let_go_are_seen() {
    assert!(ran("every_export.c", &["beyond"]).is_err_and(|said| said.contains("after nothing")));
    let said = ran("every_export.c", &["unlock"]).unwrap_err();
    assert!(said.contains("is_locked()"), "{said}");
}

#[test]
fn r84_threads_that_check_see_no_mixture_while_another_changes() {
    ran("threads.c", &[]).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn limits_of_the_process_end_no_host() {
    // What the header promises of the stack. Instrumented libraries need more of it.
    let promised = HEADER.split("at most ").find_map(|text| text.split_once(" KB of the calling"));
    let promised = promised.expect("the header says how much stack a call takes").0;
    let stack = if cc::is_instrumented() { "4096" } else { promised };
    ran("hard_process.c", &[stack]).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn an_export_or_a_field_without_its_rows_is_seen() {
    let wanted = demanded(HEADER);
    let export = HEADER.replacen(
        "LM_API uint32_t lm_version(void);",
        "LM_API lm_result lm_new(lm_client *client,\n    const char *note, uint32_t level);\n\
         LM_API uint32_t lm_version(void);",
        1,
    );
    let added: Vec<_> = demanded(&export).difference(&wanted).cloned().collect();
    for row in ["lm_new - forked", "lm_new client null", "lm_new level huge"] {
        assert!(added.contains(&row.to_owned()), "{row} is not among {added:?}");
    }
    assert!(added.contains(&"lm_new note unterminated".to_owned()) && added.len() == 10);

    let field = HEADER.replacen(
        "    const char *proxy;",
        "    const char *proxy;\n    const char *tunnel;",
        1,
    );
    let added: Vec<_> = demanded(&field).difference(&wanted).cloned().collect();
    assert!(added.contains(&"lm_client_open options.tunnel not-utf8".to_owned()), "{added:?}");
    let bound = HEADER.replacen("proxy 4096", "proxy 4095", 1);
    assert_ne!(bounds(&bound), bounds(HEADER));
}
