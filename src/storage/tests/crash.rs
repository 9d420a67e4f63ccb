//! Kill and power loss between any two steps, and disks that fail.

use super::disk::{Disk, Fault, Loss};
use super::world::{World, contents, count, counter, sound, state};
use crate::error::Code;
use crate::storage::{Note, State};

/// A store that counted to two.
fn at_two() -> World {
    let world = World::new();
    let disk = Disk::default();
    for _ in 0..2 {
        count(&world.store_on("s", disk.files())).unwrap();
    }
    world
}

/// One change that dies at a step. What the store then counts, and whether there was such a step.
fn dies_at(world: &World, step: usize, loss: Loss) -> (u64, bool) {
    let before = counter(&contents(&world.store("s")));
    let disk = Disk::with(Fault::StopAt(step));
    let result = count(&world.store_on("s", disk.files()));
    disk.lose(loss);
    let reading = world.store("s").read().unwrap();
    let found = counter(&reading.contents);
    let allowed = [State::Sound, State::Absent];
    let told = format!("{loss:?} at step {step}: {:?}", reading.standing);
    assert!(allowed.contains(&reading.standing.state), "{told}");
    // A success was durable; a failure shows before or after.
    let least = before + u64::from(result.is_ok());
    assert!((least..=before + 1).contains(&found), "{told}: {found}");
    (found, disk.reached())
}

/// The next change makes all well again.
fn heals(world: &World, found: u64) {
    count(&world.store_on("s", Disk::default().files())).unwrap();
    let reading = sound(&world.store("s"));
    assert_eq!(counter(&reading.contents), found + 1);
    assert_eq!(reading.notes, []);
    assert_eq!(reading.standing.generation, reading.standing.highest_anchor);
}

#[test]
fn after_a_crash_at_any_step_a_store_is_as_before_or_after() {
    for loss in Loss::EACH {
        for step in 0.. {
            let world = at_two();
            let (found, there) = dies_at(&world, step, loss);
            heals(&world, found);
            if !there {
                assert!(step > 5, "a commit has more steps than {step}");
                break;
            }
        }
    }
}

#[test]
fn a_birth_may_die_at_any_step() {
    for loss in Loss::EACH {
        for step in 0.. {
            let world = World::new();
            let (found, there) = dies_at(&world, step, loss);
            heals(&world, found);
            if !there {
                assert!(step > 15, "a birth has more steps than {step}");
                break;
            }
        }
    }
}

#[test]
fn two_crashes_in_a_row_are_honest() {
    for loss in Loss::EACH {
        for first in 0..8 {
            for second in 0..12 {
                let world = at_two();
                dies_at(&world, first, loss);
                let (found, _) = dies_at(&world, second, loss);
                heals(&world, found);
            }
        }
    }
}

#[test]
fn a_kill_and_then_a_power_loss_are_honest() {
    for loss in Loss::EACH {
        for first in 0..8 {
            for second in 0..12 {
                let world = at_two();
                let killed = Disk::with(Fault::StopAt(first));
                let durable = 2 + u64::from(count(&world.store_on("s", killed.files())).is_ok());
                // What the next process finds may be in the system's cache only.
                let found = counter(&sound(&world.store("s")).contents);
                let dying = killed.after_kill(Fault::StopAt(second));
                let least = match count(&world.store_on("s", dying.files())) {
                    Ok(_) => found + 1,
                    Err(_) => durable,
                };
                dying.lose(loss);
                let left = counter(&sound(&world.store("s")).contents);
                let told = format!("{loss:?}, {first}, {second}: {left}");
                assert!((least..=found + 1).contains(&left), "{told}");
                heals(&world, left);
            }
        }
    }
}

/// Whoever was killed may have made files and directories whose names only the system's cache knows.
#[test]
fn a_birth_that_is_killed_and_then_loses_power_is_honest() {
    for loss in [Loss::Nothing, Loss::All] {
        for first in 0..24 {
            for second in 0..32 {
                let world = World::new();
                let killed = Disk::with(Fault::StopAt(first));
                let durable = u64::from(count(&world.store_on("s", killed.files())).is_ok());
                let dying = killed.after_kill(Fault::StopAt(second));
                let least = durable + u64::from(count(&world.store_on("s", dying.files())).is_ok());
                dying.lose(loss);
                let reading = world.store("s").read().unwrap();
                let told = format!("{loss:?}, {first}, {second}: {:?}", reading.standing);
                assert!([State::Sound, State::Absent].contains(&reading.standing.state), "{told}");
                let left = counter(&reading.contents);
                assert!((least..=2).contains(&left), "{told}: {left}");
                heals(&world, left);
            }
        }
    }
}

#[test]
fn a_step_that_fails_alone_harms_nothing() {
    for step in 0.. {
        let world = at_two();
        let disk = Disk::with(Fault::FailAt(step));
        let result = count(&world.store_on("s", disk.files()));
        assert_eq!(disk.locks_held(), 0, "step {step}");
        disk.lose(Loss::All);
        let found = counter(&sound(&world.store("s")).contents);
        assert_eq!(found, 2 + u64::from(result.is_ok()), "step {step}");
        heals(&world, found);
        if !disk.reached() {
            break;
        }
    }
}

#[test]
fn after_a_failed_sync_the_same_file_is_written_again_as_a_new_generation() {
    let world = at_two();
    let before = sound(&world.store("s")).standing.generation;
    let disk = Disk::with(Fault::FailSyncs(&[0]));
    let store = world.store_on("s", disk.files());
    count(&store).unwrap();
    disk.lose(Loss::All);
    let reading = sound(&world.store("s"));
    assert_eq!(counter(&reading.contents), 3);
    assert_eq!(reading.standing.generation, before + 2);
    assert_eq!(reading.notes, []);
}

#[test]
fn a_disk_that_fails_twice_turns_the_store_read_only_with_the_sibling_untouched() {
    let world = at_two();
    let store = world.store_on("s", Disk::with(Fault::FailSyncs(&[0, 1])).files());
    let error = count(&store).unwrap_err();
    assert_eq!(error.code(), Code::StorageIo);
    assert!(error.message().contains("could not be synced"), "{error}");
    // What wasn't synced doesn't pass for durable, not even while the system still caches it.
    let reading = sound(&world.store("s"));
    assert_eq!(counter(&reading.contents), 2);
    assert!(matches!(reading.notes[..], [Note::ImageDamaged(_)]), "{:?}", reading.notes);
    assert_eq!(count(&store).unwrap_err().code(), Code::StorageReadOnly);
    // Another process has no reason to give up yet.
    heals(&world, 2);
}

#[test]
fn where_only_leveling_fails_the_change_stands() {
    // Sync 0 is the change; 1 and 2 are the other file and its second try.
    let world = at_two();
    let disk = Disk::with(Fault::FailSyncs(&[1, 2]));
    count(&world.store_on("s", disk.files())).unwrap();
    disk.lose(Loss::All);
    let reading = sound(&world.store("s"));
    assert_eq!(counter(&reading.contents), 3);
    assert_ne!(reading.notes, []);
    heals(&world, 3);
    assert_eq!(state(&world.store("s")), State::Sound);
}
