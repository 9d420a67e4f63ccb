//! A host that is killed, or whose disk or network fails, at each step of each operation.
//!
//! The host is `examples/host.c`, the library the shared one, the portal a real one over HTTP. After
//! each fault a fresh client looks, goes on, and machine and portal are compared, to the return of
//! all seats. Prints how many points there were; where nothing can be injected, that it was skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../../common/cc.rs"]
mod cc;
#[path = "../../common/mod.rs"]
mod common;
#[path = "../../common/host.rs"]
mod host;

mod planted;
mod points;
mod strace;

use std::process::ExitCode;

use common::harness::{self, Arguments, Outcome, Test};
use common::operations::Operation;
use strace::Fault;

/// What changes the disk, asks the portal, or waits, and what opens and closes: whoever is killed
/// between two of these leaves what the second would have found.
const STEPS: &str = "open openat creat close read write pwrite64 writev pwritev fallocate ftruncate \
    fsync fdatasync rename renameat renameat2 mkdir mkdirat unlink unlinkat chmod fchmod fchmodat \
    fchown flock connect sendto sendmsg recvfrom recvmsg nanosleep clock_nanosleep exit_group";

/// What only looks. To be sure, `cargo test --test kills -- --looks 1` kills there too.
const LOOKS: &str = "pread64 readv statx newfstatat statfs readlink fcntl socket setsockopt poll \
    getrandom geteuid";

/// Which call fails how. A disk that is full or broken stays so; one that hiccups does it once.
const FAILURES: [(&str, Fault); 13] = [
    ("fallocate", Fault::Once("ENOSPC")),
    ("fallocate", Fault::FromThenOn("ENOSPC")),
    ("pwrite64", Fault::Once("EIO")),
    ("pwrite64", Fault::FromThenOn("ENOSPC")),
    ("fdatasync", Fault::Once("EIO")),
    ("fdatasync", Fault::FromThenOn("EIO")),
    ("fsync", Fault::FromThenOn("EIO")),
    ("mkdir", Fault::Once("ENOSPC")),
    ("rename", Fault::Once("EIO")),
    ("flock", Fault::Once("ENOLCK")),
    ("connect", Fault::Once("ECONNREFUSED")),
    ("sendto", Fault::Once("ECONNRESET")),
    ("recvfrom", Fault::Once("ECONNRESET")),
];

/// Reading fails alike whatever is done: tried with the operation that makes the store and the one
/// that ends a record.
const READ_FAILURES: [(&str, Fault); 2] =
    [("openat", Fault::Once("EMFILE")), ("pread64", Fault::Once("EIO"))];

fn main() -> ExitCode {
    let tests = [
        Test { name: "r09_killed_at_any_point_it_is_before_after_or_pending", run: kills },
        Test { name: "r42_granted_and_the_save_failed_a_retry_recovers_it", run: failures },
        Test { name: "the_judge_sees_what_is_planted", run: planted::run },
    ];
    harness::main(&tests, &["--looks"])
}

fn kills(arguments: &Arguments) -> Outcome {
    let looks = if arguments.number("--looks", 0) > 0 { LOOKS } else { "" };
    let calls = STEPS.split_whitespace().chain(looks.split_whitespace());
    let faults: Vec<_> = calls.map(|call| (call, Fault::Kill)).collect();
    points::run("killed", &Operation::ALL.map(|operation| (operation, faults.as_slice())))
}

fn failures(_: &Arguments) -> Outcome {
    let all = [FAILURES.as_slice(), READ_FAILURES.as_slice()].concat();
    let plan = [
        (Operation::Birth, all.as_slice()),
        (Operation::Activate, &FAILURES),
        (Operation::MoreSeats, &FAILURES),
        (Operation::Refresh, &FAILURES),
        (Operation::ReturnSome, &FAILURES),
        (Operation::ReturnAll, &all),
        (Operation::Abandon, &FAILURES),
    ];
    points::run("failed", &plan)
}
