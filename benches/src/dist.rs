//! The check as a C host has it: `status.c` against the release library.
#![allow(clippy::print_stdout, reason = "it prints figures")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lm_benches::Site;

use crate::clocks::monotonic;
use crate::shown;

/// Compiles and runs it, and counts what it does where the tools are there.
pub(crate) fn measure(site: &Site, prefix: &Path) -> Result<(), String> {
    let program = build(site, prefix, "status.c", "status", &[])?;
    let run = |calls: &str| host(&program, site, calls);
    print!("{}", text(&output(&mut run("20000000"))?.stdout));
    system_calls(&program, site)?;
    instructions(&program, site)?;
    cold(site, prefix)
}

/// A process that opens and checks once, beside one that does nothing.
fn cold(site: &Site, prefix: &Path) -> Result<(), String> {
    let empty = build(site, prefix, "cold.c", "empty", &["-DEMPTY", "-Wl,--as-needed"])?;
    let checks = build(site, prefix, "cold.c", "cold", &[])?;
    let arguments = [site.storage.display().to_string(), site.active.clone(), site.trust_root()];
    let given = [&arguments[..], &["the machine that is measured".to_owned()]].concat();
    let rows = [
        ("empty", &empty, &[][..]),
        ("identity given", &checks, &given),
        ("factors read", &checks, &arguments),
    ];
    // In turns, so that what else the machine does falls on all alike.
    let mut spent = [const { Vec::new() }; 3];
    for _ in 0..300 {
        for ((_, program, arguments), spent) in rows.iter().zip(&mut spent) {
            let begun = monotonic();
            output(Command::new(program).args(*arguments))?;
            spent.push((monotonic() - begun).as_secs_f64() * 1e6);
        }
    }
    for ((name, ..), spent) in rows.iter().zip(spent) {
        println!("a cold process, {name}, p50 / p99: {} us", shown(spent));
    }
    Ok(())
}

fn build(
    site: &Site,
    prefix: &Path,
    source: &str,
    name: &str,
    options: &[&str],
) -> Result<PathBuf, String> {
    let program = site.storage.with_file_name(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let prefix = prefix.canonicalize().map_err(|error| format!("{}: {error}", prefix.display()))?;
    let library = prefix.join("lib");
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-std=c11", "-pthread", "-I"]).arg(prefix.join("include")).arg(source);
    cc.args(options).arg("-o").arg(&program).arg("-L").arg(&library).arg("-llm");
    output(cc.arg(format!("-Wl,-rpath,{}", library.display())))?;
    Ok(program)
}

fn host(program: &Path, site: &Site, calls: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(&site.storage).args([&site.active, &site.trust_root(), calls]);
    command
}

/// The program marks its second round of calls by a write of one byte before and after.
fn system_calls(program: &Path, site: &Site) -> Result<(), String> {
    const CALLS: &str = "2000000";
    let trace = program.with_file_name("trace");
    let mut strace = Command::new("strace");
    strace.arg("-o").arg(&trace).arg("--").arg(program);
    strace.arg(&site.storage).args([&site.active, &site.trust_root(), CALLS, "quiet"]);
    let Ok(done) = strace.output() else {
        println!("system calls of lm_status: not counted, strace is not there");
        return Ok(());
    };
    checked(&strace, done)?;
    let lines = std::fs::read_to_string(&trace).map_err(|error| error.to_string())?;
    let between = lines
        .lines()
        .skip_while(|line| !line.starts_with("write(1, \"<\""))
        .skip(1)
        // The program's own two readings of the time that its thread took.
        .filter(|line| !line.starts_with("clock_gettime(CLOCK_THREAD_CPUTIME_ID"))
        .take_while(|line| !line.starts_with("write(1, \">\""));
    let (looks, others): (Vec<&str>, Vec<&str>) = between.partition(|line| is_of_a_look(line));
    println!(
        "system calls in {CALLS} calls of lm_status: {} in looks at the files, {} others",
        looks.len(),
        others.len()
    );
    for other in others.iter().take(5) {
        println!("    {other}");
    }
    Ok(())
}

/// A look opens, reads and closes the heads of the files, and asks for their identity.
fn is_of_a_look(line: &str) -> bool {
    let calls = [
        "open",
        "read",
        "pread",
        "close",
        "fstat",
        "statx",
        "newfstatat",
        "fcntl",
        "statfs",
        "geteuid",
    ];
    calls.iter().any(|call| line.starts_with(call))
}

fn instructions(program: &Path, site: &Site) -> Result<(), String> {
    let mut counts = Vec::new();
    for calls in ["100000", "300000"] {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
        valgrind.arg(&site.storage).args([&site.active, &site.trust_root(), calls, "quiet"]);
        let Ok(done) = valgrind.output() else {
            println!("instructions of lm_status: not counted, valgrind is not there");
            return Ok(());
        };
        let done = checked(&valgrind, done)?;
        counts.push(collected(&text(&done.stderr)).ok_or("valgrind tells no count")?);
    }
    let [few, many] = counts.as_slice() else { return Ok(()) };
    // Each run makes the calls twice.
    println!("instructions of lm_status: {:.0} a call", (many - few) / 400_000.0);
    Ok(())
}

/// The number behind `Collected :`.
fn collected(text: &str) -> Option<f64> {
    text.split_once("Collected :")?.1.split_whitespace().next()?.parse().ok()
}

fn output(command: &mut Command) -> Result<Output, String> {
    let done = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    checked(command, done)
}

fn checked(command: &Command, done: Output) -> Result<Output, String> {
    if done.status.success() {
        return Ok(done);
    }
    Err(format!("{command:?}: {}\n{}", done.status, text(&done.stderr)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
