//! The C and C++ programs of `tests/c`, built as a host's maker builds them and run against the
//! library that was just built.

#[path = "common/cc.rs"]
mod cc;
#[path = "common/given.rs"]
mod given;

use std::path::{Path, PathBuf};

use given::{given, remove_anchors};
use tempfile::TempDir;

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name)
}

/// Builds a program in a folder of its own and runs it; it says itself what doesn't hold.
fn holds(name: &str, options: &[&str], more: impl FnOnce(&Path) -> Vec<String>) {
    let dir = TempDir::new().unwrap();
    cc::install_library(dir.path()).unwrap();
    let program = cc::build(&source(name), dir.path(), options).unwrap_or_else(|e| panic!("{e}"));
    let mut command = cc::runner(&program);
    let output = command.args(given(dir.path())).args(more(dir.path())).output().unwrap();
    remove_anchors(dir.path());
    assert!(
        output.status.success(),
        "{name}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_header_compiles_alone_and_twice_by_every_standard() {
    for standard in ["c99", "c11", "c17", "c2x"] {
        cc::check(&source("header.c"), &[&format!("-std={standard}")])
            .unwrap_or_else(|e| panic!("{e}"));
    }
    for standard in ["c++11", "c++14", "c++17", "c++20"] {
        for file in ["header.cpp", "owners.cpp"] {
            cc::check(&source(file), &[&format!("-std={standard}")])
                .unwrap_or_else(|e| panic!("{e}"));
        }
    }
    // A host that has no exceptions has the owner types all the same.
    let quiet = ["-std=c++11", "-fno-exceptions", "-x", "c++"];
    cc::check(&cc::include_dir().join("lm.hpp"), &quiet).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_compiler_that_warns_is_heard() {
    let dir = TempDir::new().unwrap();
    let planted = dir.path().join("planted.c");
    std::fs::write(&planted, "#include \"lm.h\"\nint f(void) { int unused; return LM_OK; }\n")
        .unwrap();
    assert!(cc::check(&planted, &["-std=c99"]).unwrap_err().contains("unused"));
}

#[test]
fn r82_wrong_arguments_are_error_codes() {
    holds("arguments.c", &["-std=c99"], |_| Vec::new());
}

#[test]
fn a_client_lives_and_dies_as_the_header_says() {
    holds("life.c", &["-std=c11", "-D_POSIX_C_SOURCE=200809L"], |_| Vec::new());
}

#[test]
fn a_child_needs_nothing_that_another_thread_held() {
    holds("fork_beside_threads.c", &["-std=c11", "-D_DEFAULT_SOURCE"], |_| Vec::new());
}

#[test]
fn a_transport_that_answers_garbage_costs_nothing() {
    holds("garbage.c", &["-std=c99"], |_| Vec::new());
}

#[test]
fn files_go_out_and_come_in_without_a_network() {
    holds("offline.c", &["-std=c99"], |_| Vec::new());
}

#[test]
fn cpp_owners_free_move_and_tell() {
    holds("owners.cpp", &["-std=c++11"], |_| Vec::new());
}

#[test]
fn r86_two_copies_of_the_library_in_one_process_do_not_meet() {
    holds("two_copies.c", &["-std=c11"], |dir| {
        let copy = dir.join("plugin.so");
        std::fs::copy(cc::shared_library().unwrap(), &copy).unwrap();
        vec![copy.display().to_string()]
    });
}
