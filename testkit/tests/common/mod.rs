//! What the kit's tests share: C programs linked with the kit that Cargo has just built.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../../../tests/common/abi.rs"]
pub mod abi;

use std::path::{Path, PathBuf};
use std::process::Command;

use lm_protocol::{Bytes32, SigningKey, TrustRoot};

const SONAME: &str = "liblm_testkit.so.0";

/// The tree's root.
pub fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The kit of this build. Cargo makes it with the rlib that tests link.
pub fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let library = test.ancestors().nth(2).unwrap().join("deps/liblm_testkit.so");
    assert!(library.is_file(), "{} is not there", library.display());
    library
}

/// The library itself, of a build without optimization.
pub fn product() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let library = test.ancestors().nth(2).unwrap().join("deps/liblm.so");
    if !library.is_file() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--package", "lm", "--lib"]).current_dir(tree());
        assert!(build.status().unwrap().success(), "{build:?}");
    }
    library
}

/// For sources that use `tests/c/check.h`.
pub const WITH_CHECKS: [&str; 3] =
    ["-std=c11", "-I", concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/c")];

/// A vendor of whom only the trust root is known.
pub fn trust_root() -> String {
    let key = SigningKey::from_seed([7; 32]).expect("a key");
    let root =
        TrustRoot { vendor: "Terra".to_owned(), keys: vec![key.public()], salt: Bytes32([9; 32]) };
    root.to_string()
}

fn compiler(source: &Path) -> Command {
    let is_cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let mut command = Command::new(if is_cpp { "c++" } else { "cc" });
    command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"]).arg(tree().join("include"));
    command
}

/// Compiles a source and throws the result away.
pub fn compiles(source: &Path, options: &[&str]) {
    abi::output(compiler(source).args(options).arg("-fsyntax-only").arg(source)).unwrap();
}

/// Builds a program with the kit, as a host's test is, and gives what it prints and its exit code.
/// Its only files are in `folder`.
pub fn run(source: &Path, folder: &Path, options: &[&str]) -> (String, i32) {
    std::fs::copy(library(), folder.join(SONAME)).unwrap();
    let _ = std::os::unix::fs::symlink(SONAME, folder.join("liblm_testkit.so"));
    let program = folder.join(source.file_stem().unwrap());
    let mut command = compiler(source);
    command.arg(format!("-DAPP_TRUST_ROOT=\"{}\"", trust_root())).args(options);
    command.arg("-I").arg(tree().join("examples")).arg(source).arg("-o").arg(&program);
    command.arg("-L").arg(folder).arg(format!("-Wl,-rpath,{}", folder.display()));
    abi::output(command.args(["-llm_testkit", "-pthread"])).unwrap();
    let done = Command::new(&program).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stderr), "", "it complains");
    (String::from_utf8(done.stdout).unwrap(), done.status.code().unwrap_or(-1))
}
