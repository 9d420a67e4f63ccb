//! The programs of the workspace, as Cargo built them.

use std::path::PathBuf;
use std::process::Command;

/// `lm-portal`.
pub fn portal() -> Result<PathBuf, String> {
    program("lm-portal")
}

/// `lm-administrator`.
pub fn administrator() -> Result<PathBuf, String> {
    program("lm-administrator")
}

/// Built with the whole workspace's tests; where only some are built, it is built now.
fn program(name: &str) -> Result<PathBuf, String> {
    let test = std::env::current_exe().map_err(|e| format!("where am I? {e}"))?;
    // PROFILE/deps/test.
    let profile = test.ancestors().nth(2).ok_or("a program lies in a folder")?;
    let path = profile.join(name);
    if !path.is_file() {
        let built = Command::new(env!("CARGO")).args(["build", "--package", name]).status();
        built.map_err(|e| format!("cargo build: {e}"))?;
    }
    if path.is_file() { Ok(path) } else { Err(format!("{} is not there", path.display())) }
}
