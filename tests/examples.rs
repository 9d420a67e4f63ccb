//! The examples are run, against a real portal, and what the README prints is what they print.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "common/cc.rs"]
mod cc;
#[path = "common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::machine::{PRODUCT, anchor_of};
use common::world::World;

/// What a program prints, and its exit code.
fn run(program: &Path, arguments: &[&str]) -> (String, i32) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    print_on_failure(&output.stderr);
    (text, output.status.code().unwrap_or(-1))
}

fn print_on_failure(stderr: &[u8]) {
    // The test harness shows it where the test fails.
    #[allow(clippy::print_stderr)]
    if !stderr.is_empty() {
        eprintln!("{}", String::from_utf8_lossy(stderr));
    }
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// An example of this build. `cargo test` alone builds them; `cargo test --test examples` does not.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples").join(name);
    if !path.is_file() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--example", name]).current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(build.status().unwrap().success(), "{build:?}");
    }
    path
}

/// A folder with the library, and a store whose anchor is taken away with it.
struct Bench {
    world: World,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { world: World::new(), folder: tempfile::tempdir().unwrap() };
        cc::install_library(bench.folder.path()).unwrap();
        bench
    }

    fn build(&self, name: &str, options: &[&str]) -> PathBuf {
        let trust_root = format!("-DAPP_TRUST_ROOT=\"{}\"", self.world.portal.trust_root());
        let options = [options, &[&trust_root]].concat();
        cc::build(&source(name), self.folder.path(), &options).unwrap()
    }

    fn storage(&self) -> String {
        self.folder.path().join("store").to_str().unwrap().to_owned()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let storage = PathBuf::from(self.storage());
        if let Some(anchor) = anchor_of(&storage, &self.world.portal.trust_root(), PRODUCT) {
            let _ = std::fs::remove_file(anchor);
        }
    }
}

/// The first block of code behind a line of the README.
fn block_after<'a>(readme: &'a str, marker: &str) -> &'a str {
    let (_, rest) = readme.split_once(marker).unwrap();
    let (_, rest) = rest.split_once("```").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_readmes_host_is_compiled_and_prints_what_the_readme_prints() {
    let readme = std::fs::read_to_string(source("README.md")).unwrap();
    let host = std::fs::read_to_string(source("examples/hello.c")).unwrap();
    assert_eq!(
        block_after(&readme, "<!-- examples/hello.c"),
        host,
        "README.md and examples/hello.c differ"
    );

    let bench = Bench::new();
    let header = format!("#define TRUST_ROOT \"{}\"\n", bench.world.portal.trust_root());
    std::fs::write(bench.folder.path().join("trust_root.h"), header).unwrap();
    let include = format!("-I{}", bench.folder.path().display());
    let program = bench.build("examples/hello.c", &["-std=c11", &include]);
    let entitlement = bench.world.entitlement_with(1, |new| new.terms.lease = 0);
    let id = bench.world.id(&entitlement, lm_portal::Kind::Cc, 1);
    let arguments = [bench.world.url(), &id, &bench.storage()];
    let (printed, code) = run(&program, &arguments);
    assert_eq!((printed.as_str(), code), (block_after(&readme, "<!-- its output"), 0));
}

#[test]
fn the_quick_start_tells_its_story_to_the_end() {
    let (story, code) = run(&example("quickstart"), &[]);
    assert_eq!(code, 0, "{story}");
    for word in ["ACTIVE", "LM_ERR_NO_SEATS", "Inactive", "ORPHANED", "ABSENT", "The end."] {
        assert!(story.contains(word), "{word} in {story}");
    }
    assert_eq!(run(&example("quickstart"), &["--nonsense"]).1, 2);
}

#[test]
fn a_host_carries_the_requests_itself() {
    let bench = Bench::new();
    let program = bench.build("examples/transport.c", &["-std=gnu11"]);
    let id = bench.world.nl(1);
    let (printed, code) = run(&program, &[bench.world.url(), &bench.storage(), &id]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.ends_with("2 requests carried, log lines: yes, destroyed: 2\n"), "{printed}");
    assert_eq!(bench.world.seats(&id), (0, 1));
}

#[test]
fn a_host_reports_on_the_health_of_its_license() {
    let bench = Bench::new();
    let program = bench.build("examples/health.c", &["-std=c99"]);
    let storage = bench.storage();
    let (told, code) = run(&program, &[&storage, "desk-1", bench.world.url()]);
    assert!(told.starts_with("ok      storage        There is no trusted storage in"), "{told}");
    assert!(told.contains("ok      portal.http    The portal answered") && code == 0, "{told}");
    let (told, code) = run(&program, &[&storage, "desk-1", "https://nobody.invalid"]);
    assert!(told.contains("BROKEN  portal.dns") && told.contains("-> ") && code == 1, "{told}");
    assert_eq!(run(&program, &[&storage]).1, 2);
}

/// The same story with the C++ and the Rust host: the commands are the same.
fn a_host_lives_through_a_license(bench: &Bench, program: &Path, first: &[&str]) {
    let id = bench.world.cc(3);
    let host = |arguments: &[&str]| run(program, &[first, arguments].concat());
    assert!(host(&["status"]).0.starts_with("ABSENT"));
    assert_eq!(host(&["activate", &id, "3"]).1, 0);
    let (worked, code) = host(&["work"]);
    assert!(worked.contains("strip 3 of 3") && code == 0, "{worked}");
    assert_eq!(host(&["return", &id, "1"]).1, 0);
    assert_eq!(bench.world.seats(&id), (2, 1));
    assert_eq!(host(&["refresh", &id]).1, 0);
    bench.world.portal.portal_return(&id).unwrap();
    let (told, code) = host(&["refresh", &id]);
    assert!(told.starts_with("LM_ERR_OBSOLETE: The license was given back") && code == 1, "{told}");
    assert!(host(&["status", &id]).0.starts_with("ORPHANED"));
    assert_eq!(host(&["remove", &id]).1, 0);
    assert!(host(&["activate", "12345-12345-12345-12345"]).0.starts_with("LM_ERR_ID_MALFORMED"));
}

#[test]
fn the_cpp_host_lives_through_a_license() {
    let bench = Bench::new();
    let program = bench.build("examples/host.cpp", &["-std=c++11"]);
    let storage = bench.storage();
    a_host_lives_through_a_license(&bench, &program, &[bench.world.url(), &storage, "cpp"]);
}

#[test]
fn the_rust_host_lives_through_a_license() {
    let bench = Bench::new();
    let trust_root = bench.folder.path().join("trust_root.txt");
    std::fs::write(&trust_root, bench.world.portal.trust_root()).unwrap();
    let first = [trust_root.to_str().unwrap(), bench.world.url(), &bench.storage(), "rust"]
        .map(str::to_owned);
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    a_host_lives_through_a_license(&bench, &example("host"), &first);
}
