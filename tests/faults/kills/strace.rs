//! Faults from outside: a host that is not changed, under `strace`, which kills it at its Nth call
//! of a kind or makes that call fail.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::common::machine::Machine;
use crate::host::Host;

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Kill,
    /// This call alone fails so.
    Once(&'static str),
    /// This one and all later ones fail so.
    FromThenOn(&'static str),
}

/// Why nothing can be injected here, where it can't.
pub(crate) fn unavailable() -> Option<String> {
    let tried =
        strace(Path::new("/dev/null")).args(["-e", "inject=getpid:error=EIO", "true"]).output();
    match tried {
        Err(e) => Some(format!("strace cannot be run ({e})")),
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or("it does not say why").to_owned();
            Some(format!("strace may not trace here ({said})"))
        }
    }
}

/// How often the host makes each call: before it touches the store, which is the loader's and the
/// account database's business, and in all.
pub(crate) type Calls = BTreeMap<String, (usize, usize)>;

/// Runs the host undisturbed and counts its calls.
pub(crate) fn count(host: &Host, machine: &Machine, arguments: &[String], kinds: &[&str]) -> Calls {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let output = host.under(strace(&trace), machine, arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}, undisturbed: {output:?}");
    let store = machine.settings.storage.display().to_string();
    let (mut calls, mut touched) = (Calls::new(), false);
    let text = std::fs::read_to_string(trace).unwrap();
    for line in text.lines() {
        // "PID call(arguments) = result", and first of all the program with its arguments.
        let Some((head, _)) = line.split_once('(') else { continue };
        let Some(call) = head.split_whitespace().last() else { continue };
        touched |= call != "execve" && line.contains(&store);
        if kinds.contains(&call) {
            let (before, all) = calls.entry(call.to_owned()).or_default();
            *before += usize::from(!touched);
            *all += 1;
        }
    }
    calls.retain(|_, (before, all)| all > before);
    calls
}

/// A run of the host with a fault.
pub(crate) struct Run {
    /// Whether the fault came about: once the host makes fewer calls, it does not.
    pub(crate) struck: bool,
    /// Whether the host said that all went well.
    pub(crate) done: bool,
}

/// Runs the host with a fault at its Nth call of a kind.
pub(crate) fn inject(
    host: &Host,
    machine: &Machine,
    arguments: &[String],
    at: (&str, usize, Fault),
) -> Run {
    let (call, nth, fault) = at;
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let what = match fault {
        Fault::Kill => format!("{call}:signal=KILL:when={nth}"),
        Fault::Once(error) => format!("{call}:error={error}:when={nth}"),
        Fault::FromThenOn(error) => format!("{call}:error={error}:when={nth}+"),
    };
    let mut command = strace(&trace);
    if fault != Fault::Kill {
        // Stops the host at these calls only. A signal is not delivered so (strace 6.1).
        command.arg("--seccomp-bpf");
    }
    command.args(["-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={what}")]);
    let status = quietly(&mut host.under(command, machine, arguments));
    let struck = match fault {
        Fault::Kill => was_killed(status),
        _ => std::fs::read_to_string(&trace).unwrap().contains("(INJECTED)"),
    };
    Run { struck, done: status.success() }
}

fn strace(trace: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(trace);
    command
}

fn quietly(command: &mut Command) -> ExitStatus {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap()
}

/// strace ends as its program did.
fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    const SIGKILL: i32 = 9;
    status.signal() == Some(SIGKILL) || status.code() == Some(128 + SIGKILL)
}
