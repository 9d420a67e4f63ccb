//! A host that knows nothing of the kit, `examples/host.c`, in every state and before every failure.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::path::Path;

/// What it says, state by state: read it as what a license library says to its users.
const EXPECTED: &str = include_str!("c/host_states.txt");

#[test]
fn u16_a_host_says_what_it_must_in_each_state_and_before_each_failure() {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/host_states.c");
    let (printed, code) = common::run(&source, folder.path(), &["-std=c11"]);
    // Which of the two images is written next is nobody's promise.
    let printed = printed.replace("/ortho-studio/b ", "/ortho-studio/a ");
    let differs = printed.lines().zip(EXPECTED.lines()).find(|(said, expected)| said != expected);
    assert_eq!(code, 0, "{printed}");
    assert!(differs.is_none() && printed == EXPECTED, "{differs:#?}\n{printed}");
}
