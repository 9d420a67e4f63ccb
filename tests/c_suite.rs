//! The C and C++ programs of `tests/c`, built as a host's maker builds them and run against the
//! library that was just built.

#[path = "common/cc.rs"]
mod cc;

use std::path::{Path, PathBuf};
use std::process::Command;

use lm_protocol::{ActivationId, Bytes32, SigningKey, TrustRoot};
use tempfile::TempDir;

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name)
}

/// What every program is given: a trust root, an activation ID, a storage directory.
fn given(dir: &Path) -> [String; 3] {
    let root = TrustRoot {
        vendor: "Terra".to_owned(),
        keys: vec![SigningKey::from_seed([1; 32]).unwrap().public()],
        salt: Bytes32([2; 32]),
    };
    let id = ActivationId::from_random([7; 10]);
    [root.to_string(), id.to_string(), dir.join("store").display().to_string()]
}

/// Builds a program in a folder of its own and runs it; it says itself what doesn't hold.
fn holds(name: &str, options: &[&str], more: impl FnOnce(&Path) -> Vec<String>) {
    let dir = TempDir::new().unwrap();
    cc::install_library(dir.path()).unwrap();
    let program = cc::build(&source(name), dir.path(), options).unwrap_or_else(|e| panic!("{e}"));
    let mut command = Command::new(program);
    let output = command.args(given(dir.path())).args(more(dir.path())).output().unwrap();
    remove_anchors(dir.path());
    assert!(
        output.status.success(),
        "{name}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Takes away what the library keeps outside of the folder, for each store that a program may make.
fn remove_anchors(dir: &Path) {
    let [root, _, store] = given(dir);
    for product in ["terra-studio", "terra-plugin"] {
        for storage in [store.clone(), format!("{store}-plugin")] {
            let mut options = lm::Options::new(product, root.as_str());
            options.storage_dir = Some(storage.into());
            options.host_identity = Some("whoever cleans up".to_owned());
            let client = lm::Client::open(options);
            if let Some(anchor) = client.as_ref().ok().and_then(lm::Client::anchor_path) {
                let _ = std::fs::remove_file(anchor);
            }
        }
    }
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
fn a_transport_that_answers_garbage_costs_nothing() {
    holds("garbage.c", &["-std=c99"], |_| Vec::new());
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
