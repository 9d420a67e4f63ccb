//! The committed C header is the one that the exports give; with lm.h it compiles as each C and C++.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

/// As build.rs makes it.
const GENERATED: &str = include_str!(concat!(env!("OUT_DIR"), "/lm_testkit.h"));
/// As hosts get it.
const COMMITTED: &str = include_str!("../../include/lm_testkit.h");

fn is_renewed(generated: &str, committed: &str) -> bool {
    generated == committed
}

#[test]
fn the_committed_header_is_the_generated_one() {
    assert!(
        is_renewed(GENERATED, COMMITTED),
        "include/lm_testkit.h is not what testkit/src/kit/exports.rs gives. Renew it: include/renew"
    );
    let changed = COMMITTED.replacen("int64_t now", "int32_t now", 1);
    assert!(changed != COMMITTED && !is_renewed(GENERATED, &changed), "a change would pass");
}

#[test]
fn it_fits_the_page_and_compiles_alone_and_twice() {
    let long: Vec<_> = COMMITTED.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(long.is_empty(), "{long:#?}");
    let folder = tempfile::tempdir().unwrap();
    let text = "#include <lm_testkit.h>\n#include <lm_testkit.h>\nlm_test_record record;\n";
    for (name, standard) in [("a.c", "-std=c99"), ("a.c", "-std=c11"), ("a.cpp", "-std=c++11")] {
        let source = folder.path().join(name);
        std::fs::write(&source, text).unwrap();
        common::compiles(&source, &[standard]);
    }
}
