//! Builds C and C++ programs against the shared library that Cargo has just built, as a host's maker
//! does: header, link line, a folder with the library under its SONAME.
//!
//! Plain functions, so that tests (`mod common`) and examples (`#[path]`) share them.
#![allow(dead_code, unreachable_pub, reason = "each test and example uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The name under which programs load the library; its number counts incompatible changes.
pub const SONAME: &str = "liblm.so.0";

/// The shared library of this build. Cargo makes it with the rlib that tests and examples link.
/// `LM_TEST_LIBRARY` names another one: the tools that see memory faults have one of their own.
pub fn shared_library() -> Result<PathBuf, String> {
    if let Some(library) = setting("LM_TEST_LIBRARY") {
        return Ok(library.into());
    }
    let program = std::env::current_exe().map_err(|e| format!("where am I? {e}"))?;
    // PROFILE/deps/test or PROFILE/examples/example.
    let profile = program.ancestors().nth(2).ok_or("a program lies in a folder")?;
    let library = profile.join("deps/liblm.so");
    if library.is_file() { Ok(library) } else { Err(format!("{} is not there", library.display())) }
}

/// Whether a tool that sees memory faults is at work: it asks for more of the stack.
pub fn is_instrumented() -> bool {
    ["LM_TEST_LIBRARY", "LM_TEST_CFLAGS"].into_iter().any(|name| setting(name).is_some())
}

/// Puts the shared library into a folder, under its SONAME and, for the linker, as `liblm.so`.
pub fn install_library(dir: &Path) -> Result<(), String> {
    install(&shared_library()?, dir)
}

/// As [`install_library`], of another build.
pub fn install(library: &Path, dir: &Path) -> Result<(), String> {
    let installed = dir.join(SONAME);
    std::fs::copy(library, &installed).map_err(|e| format!("{}: {e}", installed.display()))?;
    std::os::unix::fs::symlink(SONAME, dir.join("liblm.so")).map_err(|e| format!("liblm.so: {e}"))
}

/// The folder of `lm.h` and `lm.hpp`.
pub fn include_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// Compiles one source file (C++ where it ends in `.cpp`), warnings fatal, links it with the library
/// in `dir`, and gives the program, which lies there too. `options` go to the compiler.
pub fn build(source: &Path, dir: &Path, options: &[&str]) -> Result<PathBuf, String> {
    let stem = source.file_stem().ok_or("a source file has a name")?;
    let program = dir.join(stem);
    let mut command = compiler(source);
    command.args(options).arg(source).arg("-o").arg(&program);
    command.args(setting("LM_TEST_CFLAGS").unwrap_or_default().split_whitespace());
    command.arg("-L").arg(dir).arg(format!("-Wl,-rpath,{}", dir.display()));
    run(command.args(["-llm", "-ldl", "-pthread"]))?;
    Ok(program)
}

/// A program that was built, to be run; by another program where `LM_TEST_RUNNER` names one.
pub fn runner(program: &Path) -> Command {
    match setting("LM_TEST_RUNNER") {
        None => Command::new(program),
        Some(runner) => {
            let mut command = Command::new(runner);
            command.arg(program);
            command
        }
    }
}

/// Compiles one source file and throws the result away.
pub fn check(source: &Path, options: &[&str]) -> Result<(), String> {
    run(compiler(source).args(options).args(["-fsyntax-only"]).arg(source))
}

fn compiler(source: &Path) -> Command {
    let cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let (name, usual) = if cpp { ("LM_TEST_CXX", "c++") } else { ("LM_TEST_CC", "cc") };
    let mut command = Command::new(setting(name).as_deref().unwrap_or(usual));
    command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"]).arg(include_dir());
    command
}

/// How `.ci/sanitize` runs the C programs. Nothing of it is the library's.
#[allow(clippy::disallowed_methods, reason = "the ban is the library's")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr)))
}
