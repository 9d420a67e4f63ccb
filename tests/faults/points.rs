//! Every call of the file port fails under a real client with a real portal, with each error, once and
//! for ever: the error is clear, status answers, and once the disk is well again machine and portal agree.
//!
//! `LM_STORAGE_POINTS=N` takes every Nth point (1: all, half an hour; `.ci/storage` takes every 29th).
//! (What becomes of the bytes is the storage tests' matter; real calls of a real host fail in `kills`.)

use lm::{Client, Code, Error};

use crate::common::books::{Case, GoOn};
use crate::common::disk::{Disk, Fault, Trouble};
use crate::common::machine::Machine;
use crate::common::operations::Operation;
use crate::common::wire::Wire;
use crate::common::world::World;

const ERRORS: [(&str, i32); 5] =
    [("EIO", 5), ("ENOSPC", 28), ("EINTR", 4), ("EDQUOT", 122), ("EACCES", 13)];

const OPERATIONS: [Operation; 4] =
    [Operation::Birth, Operation::Activate, Operation::ReturnAll, Operation::Refresh];

#[expect(clippy::disallowed_methods, reason = "a knob of these tests")]
fn stride() -> usize {
    let given = std::env::var("LM_STORAGE_POINTS").ok();
    given.map_or(211, |number| number.parse().expect("a number"))
}

/// A host that opens a client, asks for the status, makes the call and asks for the status again.
fn host(
    machine: &Machine,
    operation: Operation,
    id: &str,
    disk: &Disk,
    fault: Fault,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut options = machine.settings.options();
    options.timeout = std::time::Duration::from_secs(5);
    let ports = disk.with(Trouble::None);
    disk.fail(Some(fault));
    let client = match Client::open_with(options, ports) {
        Ok(client) => client,
        Err(error) => return is_unclear(&error, "open").into_iter().collect(),
    };
    let done = match operation {
        Operation::Birth | Operation::Activate => client.activate(id, 3),
        Operation::Refresh => client.refresh(Some(id)),
        _ => client.return_(id, 0),
    };
    found.extend(done.err().and_then(|error| is_unclear(&error, "the call")));
    if let Err(error) = client.status(Some(id)) {
        found.push(format!("status: {error}"));
    }
    found
}

/// Codes of storage, each with a sentence and a next step; a slow disk may also leave no time for the portal.
fn is_unclear(error: &Error, when: &str) -> Option<String> {
    let sentence = error.message().ends_with('.') && !error.hint().is_empty();
    let number = error.code().number();
    let clear = ((40..50).contains(&number) || error.code() == Code::Timeout) && sentence;
    (!clear).then(|| format!("{when}: {error:?}"))
}

/// One point; `false`: the call got through without meeting it.
fn point(world: &World, operation: Operation, fault: Fault) -> (bool, Vec<String>) {
    let (machine, id) = (world.machine("field-1"), world.cc(5));
    let wire = Wire::to(world.url());
    operation.prepare(world, &machine, &wire, &id);
    let disk = Disk::default();
    let mut found = host(&machine, operation, &id, &disk, fault);
    let met = disk.calls() > fault.at;
    let case = Case { world, machine: &machine, id: &id, operation, neighbor: None };
    found.extend(case.judge(GoOn::Resume));
    (met, found)
}

/// All points of one operation, or some: how many, and what was wrong.
fn points(operation: Operation, stride: usize) -> (usize, Vec<String>) {
    let world = World::new();
    let (mut cases, mut wrong, mut turn) = (0, Vec::new(), 0);
    for (name, errno) in ERRORS {
        for for_ever in [false, true] {
            // Each begins elsewhere, so that the short form is not always at the same points.
            turn += 13;
            for at in (turn % stride..).step_by(stride) {
                let (met, found) = point(&world, operation, Fault { at, errno, for_ever });
                if !met {
                    break;
                }
                cases += 1;
                let told = |what| format!("{operation:?}, {name} at {at}, {for_ever}: {what}");
                wrong.extend(found.into_iter().map(told));
            }
        }
    }
    (cases, wrong)
}

#[test]
fn a_call_whose_disk_fails_anywhere_is_told_so_and_loses_nothing() {
    let stride = stride();
    let each = std::thread::scope(|scope| {
        // Most of the time is waiting.
        let threads = OPERATIONS.map(|operation| scope.spawn(move || points(operation, stride)));
        threads.map(|thread| thread.join().unwrap())
    });
    let cases: usize = each.iter().map(|(cases, _)| cases).sum();
    let wrong: Vec<_> = each.into_iter().flat_map(|(_, wrong)| wrong).collect();
    tell(cases);
    assert!(cases >= 20, "{cases}");
    assert_eq!(wrong, [""; 0]);
}

/// What the check is made of sees a disk that keeps nothing.
#[test]
fn the_check_sees_a_disk_that_forgets() {
    let world = World::new();
    let (machine, id) = (world.machine("field-1"), world.cc(5));
    let client =
        Client::open_with(machine.settings.options(), Disk::default().with(Trouble::Forgets));
    // Not even the anchor is there afterwards.
    let _ = client.unwrap().activate(&id, 3);
    let operation = Operation::Activate;
    let case = Case { world: &world, machine: &machine, id: &id, operation, neighbor: None };
    assert_ne!(case.settle(GoOn::Resume), [""; 0]);
}

#[expect(clippy::print_stdout, reason = "a test's report")]
fn tell(cases: usize) {
    println!("{cases} cases: calls whose disk failed");
}
