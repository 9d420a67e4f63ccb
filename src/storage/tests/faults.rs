//! Every call of the file port fails, with each error, once and for ever, until the operation gets
//! through without meeting the fault: nothing is lost, the code is clear, and status answers.

use std::time::Duration;

use super::memory::{Fault, Memory, tell};
use super::world::{COUNTER, WAIT, count, counter, sound};
use crate::error::{Code, Error, Result};
use crate::storage::{Commit, Look, State, Storage};

/// The error of a system, and the codes that may tell of it.
const ERRORS: [(i32, &[Code]); 5] = [
    (libc::EIO, &[Code::StorageIo]),
    (libc::ENOSPC, &[Code::StorageFull]),
    (libc::EDQUOT, &[Code::StorageFull]),
    (libc::EACCES, &[Code::Permission]),
    // The port of a system tries again itself; where one doesn't, the disk is said to have failed.
    (libc::EINTR, &[Code::StorageIo]),
];

/// Section that an activation adds.
const RECORD: u32 = 9;

struct Operation {
    name: &'static str,
    before: fn() -> Memory,
    run: fn(&Storage) -> Result<()>,
    /// What may be counted afterwards; the last where it succeeded.
    counts: [u64; 2],
}

fn empty() -> Memory {
    Memory::default()
}

fn at_two() -> Memory {
    let memory = Memory::default();
    for _ in 0..2 {
        count(&memory.store()).unwrap();
    }
    memory
}

/// A change that also puts in or takes out a section of some length.
fn with_record(store: &Storage, record: Option<usize>) -> Result<()> {
    store.change(WAIT, |_, contents| {
        contents.set(COUNTER, (counter(contents) + 1).to_le_bytes().to_vec());
        match record {
            Some(len) => contents.set(RECORD, vec![0xAC; len]),
            None => assert!(contents.remove(RECORD)),
        }
        Ok(((), Commit::Write))
    })
}

const OPERATIONS: &[Operation] = &[
    Operation { name: "read", before: at_two, run: |s| s.read().map(drop), counts: [2, 2] },
    Operation { name: "look", before: at_two, run: |s| s.look().map(drop), counts: [2, 2] },
    Operation {
        name: "a look that reads on",
        before: at_two,
        run: |s| s.read_if_changed(&Look::default(), Duration::ZERO).map(drop),
        counts: [2, 2],
    },
    Operation { name: "birth", before: empty, run: |s| count(s).map(drop), counts: [0, 1] },
    Operation {
        name: "an activation",
        before: at_two,
        run: |s| with_record(s, Some(2000)),
        counts: [2, 3],
    },
    Operation {
        name: "an activation for which the files grow",
        before: at_two,
        run: |s| with_record(s, Some(20_000)),
        counts: [2, 3],
    },
    Operation {
        name: "a return",
        before: || {
            let memory = Memory::default();
            count(&memory.store()).unwrap();
            with_record(&memory.store(), Some(20_000)).unwrap();
            memory
        },
        run: |s| with_record(s, None),
        counts: [2, 3],
    },
];

/// The operation with the fault; `false` where it got through without meeting it.
fn try_at(operation: &Operation, fault: Fault, codes: &[Code]) -> bool {
    let told = format!("{} with {fault:?}", operation.name);
    let memory = (operation.before)();
    memory.settle();
    let store = memory.store();
    memory.fail(fault);
    let result = (operation.run)(&store);
    let met = memory.inner().calls > fault.at;
    if let Err(error) = &result {
        is_clear(error, codes, &told);
    }
    assert_eq!(memory.inner().locks.values().flatten().count(), 0, "{told}: a lock is held");
    // While it lasts, status answers: with what stands there, or with this very error.
    match store.read() {
        Ok(reading) => holds_nothing_false(&reading.standing.state, &told),
        Err(error) => is_clear(&error, codes, &told),
    }
    // Once it is over and the machine has lost its power, too.
    memory.revive();
    let left = memory.after_power_loss(memory.log_len(), &Default::default());
    let memory = Memory::of(left);
    let reading = memory.store().read().unwrap();
    holds_nothing_false(&reading.standing.state, &told);
    let [before, after] = operation.counts;
    let found = counter(&reading.contents);
    let least = if result.is_ok() { after } else { before };
    assert!((least..=after).contains(&found), "{told}: {found}");
    count(&memory.store()).unwrap();
    let healed = sound(&memory.store());
    assert_eq!((counter(&healed.contents), &healed.notes[..]), (found + 1, &[][..]), "{told}");
    met
}

fn is_clear(error: &Error, codes: &[Code], told: &str) {
    // A disk that failed twice leaves the store read-only.
    let clear = codes.contains(&error.code()) || error.code() == Code::StorageReadOnly;
    let sentence = error.message().len() > 20 && error.message().ends_with('.');
    assert!(clear && sentence && !error.hint().is_empty(), "{told}: {error:?}");
}

fn holds_nothing_false(state: &State, told: &str) {
    assert!(matches!(state, State::Sound | State::Absent), "{told}: {state:?}");
}

#[test]
fn every_file_operation_may_fail_and_nothing_is_lost() {
    let mut cases = 0;
    for operation in OPERATIONS {
        for (errno, codes) in ERRORS {
            for for_ever in [false, true] {
                let points = (0..)
                    .take_while(|at| try_at(operation, Fault { at: *at, errno, for_ever }, codes));
                let points = points.count();
                assert!(points >= 8, "{} has {points} points", operation.name);
                cases += points;
            }
        }
    }
    tell(cases, "file operations that failed");
}

/// A disk that says it synced and didn't is not what the check takes for one that works.
#[test]
#[should_panic(expected = "an activation with Fault")]
fn the_check_sees_what_a_disk_forgets() {
    let forgetful = || {
        let memory = at_two();
        memory.settle();
        memory.forget_syncs();
        memory
    };
    let [.., activation, _, _] = OPERATIONS else { panic!("operations") };
    let operation = Operation { before: forgetful, ..*activation };
    try_at(&operation, Fault { at: 10_000, errno: libc::EIO, for_ever: false }, &[]);
}

/// Where writing in place needs room (btrfs, ZFS, a shared extent).
#[test]
fn a_disk_that_was_full_for_a_moment_is_written_again_by_the_same_process() {
    let memory = at_two();
    let store = memory.store();
    memory.inner().no_room = true;
    let full = count(&store).unwrap_err();
    assert_eq!(full.code(), Code::StorageFull, "{full}");
    memory.inner().no_room = false;
    count(&store).unwrap();
}
