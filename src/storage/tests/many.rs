//! Many at once, and the lock between them.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::disk::{Disk, Lies};
use super::world::{
    WAIT, World, child, child_dir, contents, count, counter, finished, paths_under, sound, store_at,
};
use crate::error::{Code, Error};
use crate::storage::{Commit, State, SystemFiles};

const EACH: u64 = 8;

#[test]
#[ignore = "the child of the next test"]
fn counting_child() {
    let store = store_at(paths_under(&child_dir(), "s"), Arc::new(SystemFiles));
    for _ in 0..EACH {
        count(&store).unwrap();
    }
}

#[test]
fn r84_threads_and_processes_lose_no_change_and_readers_see_no_break() {
    let world = World::new();
    let shared = world.real_store("s");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (store, mut last) = (world.real_store("s"), 0);
            while !done.load(Ordering::Acquire) {
                match store.read() {
                    Ok(reading) => {
                        let state = reading.standing.state;
                        assert!(matches!(state, State::Sound | State::Absent), "{state:?}");
                        let now = counter(&reading.contents);
                        assert!(now >= last, "{now} after {last}");
                        last = now;
                    }
                    Err(e) => assert_eq!(e.code(), Code::Busy, "{e}"),
                }
            }
        });
        let children: Vec<_> = (0..2)
            .map(|_| {
                let mut command = child("many::counting_child", world.root(), None);
                command.stdout(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let writers: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| (0..EACH).for_each(|_| assert!(count(&shared).is_ok()))))
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        children.into_iter().for_each(finished);
        done.store(true, Ordering::Release);
        reader.join().unwrap();
    });
    let reading = sound(&world.real_store("s"));
    assert_eq!(counter(&reading.contents), 5 * EACH);
    assert_eq!(reading.notes, []);
}

#[test]
fn a_lock_is_waited_for_only_so_long_and_let_go_after_errors() {
    let world = World::new();
    let disk = Disk::default();
    let store = world.store_on("s", disk.files());
    count(&store).unwrap();
    store
        .change(WAIT, |_, _| {
            let other = world.store("s");
            let error =
                other.change(Duration::from_millis(20), |_, _| Ok(((), Commit::Keep))).unwrap_err();
            assert_eq!(error.code(), Code::Busy);
            // Readers need no lock.
            assert_eq!(counter(&contents(&other)), 1);
            Ok(((), Commit::Keep))
        })
        .unwrap();
    let refused = store.change(WAIT, |_, contents| {
        contents.remove(super::world::COUNTER);
        Err::<((), Commit), _>(Error::from_code(Code::NotFound))
    });
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    assert_eq!(disk.locks_held(), 0, "let go explicitly: a forked child would keep it");
    assert_eq!(counter(&contents(&store)), 1, "an error leaves the store as it was");
    let now = store.change(Duration::ZERO, |_, _| Ok(((), Commit::Keep)));
    now.expect("the lock is free");
}

#[test]
fn a_reader_that_a_writer_disturbs_reads_again_and_believes_no_damage() {
    let world = World::new();
    count(&world.store("s")).unwrap();
    for disturbed in [1, 2, 3] {
        let disk = Disk::lying(Lies { disturbed, ..Lies::default() });
        // The fourth reading is under the shared lock.
        let reading = sound(&world.store_on("s", disk.files()));
        assert_eq!(counter(&reading.contents), 1);
        assert_eq!(disk.locks_held(), 0);
    }
    let disk = Disk::lying(Lies { disturbed: 3, ..Lies::default() });
    world
        .store("s")
        .change(WAIT, |_, _| {
            let error = world.store_on("s", disk.files()).read().unwrap_err();
            assert_eq!(error.code(), Code::Busy, "a reader waits for nobody");
            Ok(((), Commit::Keep))
        })
        .unwrap();
}
