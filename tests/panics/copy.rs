//! A copy of the library in which every export panics when the environment says so. The library has
//! no such door: the copy gets one.
#![allow(unreachable_pub, reason = "the other files of the test use it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::source::{Plant, planted};

/// Where else a panic is planted: file, function, what the place is called.
pub const BESIDE: [(&str, &str, &str); 3] = [
    // While the error object is made.
    ("src/ffi/error.rs", "finish", "finish"),
    // Under the store's lock.
    ("src/client/activate.rs", "decide", "under the lock"),
    // While a client is dropped.
    ("src/ffi/log.rs", "drop", "drop"),
];

/// Opens once for each place: a second panic while the first one unwinds ends every Rust program.
const DOOR: &str = "
pub(crate) fn planted(place: &'static str) {
    static OPENED: std::sync::Mutex<Vec<&str>> = std::sync::Mutex::new(Vec::new());
    #[allow(clippy::disallowed_methods)]
    let armed = std::env::var_os(\"LM_PLANTED\").is_some_and(|armed| armed == place);
    let mut opened = OPENED.lock().unwrap();
    if armed && !opened.contains(&place) {
        opened.push(place);
        drop(opened);
        panic!(\"planted in {place}\");
    }
}
";

/// Builds the copy's shared library. `more` is an export that the copy has beside the others.
pub fn build(more: &str) -> PathBuf {
    let tree = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panics");
    let _ = fs::remove_dir_all(&tree);
    for file in tracked() {
        let text = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file)).unwrap();
        let to = tree.join(&file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, changed(&file, text, more)).unwrap();
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panics-target");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--offline", "--package", "lm", "--lib"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(&tree)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    target.join("debug/liblm.so")
}

/// The files of the project, as far as they are in the tree.
fn tracked() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let files = String::from_utf8(listed.stdout).unwrap();
    let there = |file: &&str| Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file();
    files.lines().filter(there).map(str::to_owned).collect()
}

fn changed(file: &str, bytes: Vec<u8>, more: &str) -> Vec<u8> {
    let beside: Vec<_> = BESIDE.iter().filter(|(beside, ..)| *beside == file).collect();
    if !file.starts_with("src/ffi/") && beside.is_empty() && file != "src/lib.rs" {
        return bytes;
    }
    let mut text = String::from_utf8(bytes).unwrap();
    match file {
        "src/lib.rs" => text.push_str(DOOR),
        "src/ffi/about.rs" => text.push_str(more),
        _ => {}
    }
    let beside = beside.iter().map(|(_, function, place)| Plant::first_in(&text, function, place));
    let beside = beside.collect();
    planted(&text, beside).into_bytes()
}
