//! Seats in use: who gets which byte, who is counted, who is named.

use std::ops::Range;
use std::process::Stdio;
use std::sync::Arc;

use super::disk::{Disk, Lies};
use super::world::{WAIT, World, child, child_dir, count, finished, paths_under, store_at};
use crate::error::Code;
use crate::storage::{RANGE_LEN, Slots, Storage, SystemFiles, Take, bytes_of};

const ID: &str = "7F3KM-Q0W2E-XT9VB-4HJN8";

pub(super) fn opened(store: &Storage) -> Slots {
    store.slots().unwrap().expect("slots")
}

/// The first and the last number of each run, counted from the license's first byte.
fn numbers(bytes: &[Range<u64>]) -> Vec<(u64, u64)> {
    let first = bytes_of(ID).start;
    bytes.iter().map(|held| (held.start - first, held.end - first - 1)).collect()
}

pub(super) fn seats(total: u64) -> Range<u64> {
    bytes_of(ID).start..bytes_of(ID).start + total
}

pub(super) fn in_use(store: &Storage) -> Vec<(u64, u64)> {
    numbers(&opened(store).in_use(bytes_of(ID)).unwrap())
}

/// Every version of the library on a machine must find the same byte: these never change.
#[test]
fn the_range_of_a_license_is_the_same_for_ever() {
    // By another implementation, of SHA-256 and of this rule.
    for (license, start) in
        [(ID, "6d406c6a3fa00000"), ("00000-00000-00000-00000", "45fcc2d229a00000")]
    {
        let bytes = bytes_of(license);
        assert_eq!(format!("{:x}", bytes.start), start, "{license}");
        assert_eq!(bytes.end - bytes.start, RANGE_LEN);
    }
    assert!(RANGE_LEN >= u64::from(lm_protocol::limits::SEATS_MAX));
    let mut starts: Vec<_> = (0..1000).map(|n| bytes_of(&format!("license {n}")).start).collect();
    starts.sort_unstable();
    starts.dedup();
    assert_eq!(starts.len(), 1000);
    let inside = |start: &u64| *start >= 1 << 62 && i64::try_from(start + RANGE_LEN).is_ok();
    assert!(starts.iter().all(inside), "beyond what is written, and within an offset");
}

#[test]
fn the_lowest_free_seats_are_taken_all_or_none_and_let_go() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    let [mut a, mut b, mut c, mut d] = [(); 4].map(|()| opened(&store));
    assert!(!a.any_in_use().unwrap());
    assert_eq!(a.take(seats(6), 2).unwrap(), Take::Taken);
    assert_eq!(b.take(seats(6), 1).unwrap(), Take::Taken);
    assert_eq!(c.take(seats(6), 2).unwrap(), Take::Taken);
    assert_eq!([&a, &b, &c].map(|slots| numbers(slots.locked())), [[(0, 1)], [(2, 2)], [(3, 4)]]);
    assert!(d.any_in_use().unwrap());
    // Two of one, and none of two.
    assert_eq!(d.take(seats(6), 2).unwrap(), Take::Raced);
    assert_eq!((d.locked(), in_use(&store)), (&[][..], vec![(0, 1), (2, 2), (3, 4)]));
    b.let_go();
    assert_eq!(d.take(seats(6), 2).unwrap(), Take::Taken);
    assert_eq!(numbers(d.locked()), [(2, 2), (5, 5)], "the gaps");
    assert_eq!(b.take(seats(6), 1).unwrap(), Take::TooFew);
    // An unrelated closing of the file in the same process drops nothing; that of its own does.
    drop(opened(&store));
    assert_eq!(in_use(&store).len(), 4);
    a.close_only();
    // A child that another test has forked, and that hasn't begun its program yet, holds it for a moment.
    while b.take(seats(6), 1).unwrap() != Take::Taken {
        std::thread::yield_now();
    }
    drop((b, c, d));
    assert_eq!(in_use(&store), []);
}

/// Rules "high bytes" and "lock, then read" need both: what is taken out of use is not free, and is
/// not in use either.
#[test]
fn seats_that_are_taken_out_are_neither_free_nor_in_use() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    let [mut user, mut other, mut going] = [(); 3].map(|()| opened(&store));
    assert_eq!(user.take(seats(5), 2).unwrap(), Take::Taken);
    let high = |from: u64| bytes_of(ID).start + from..bytes_of(ID).end;
    assert!(!going.take_out(high(1)).unwrap(), "one of them is in use");
    assert_eq!(going.locked(), []);
    assert!(going.take_out(high(2)).unwrap());
    assert_eq!(other.take(seats(5), 1).unwrap(), Take::TooFew);
    assert_eq!(in_use(&store), [(0, 1)]);
    going.let_go();
    assert_eq!(other.take(seats(5), 1).unwrap(), Take::Taken);
    assert!(!going.take_out(high(2)).unwrap());
}

#[test]
fn holders_are_named_by_process_and_program() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    let [mut known, mut silent] = [(); 2].map(|()| opened(&store));
    known.take(seats(9), 3).unwrap();
    known.leave_word(4711, "gis");
    silent.take(seats(9), 1).unwrap();
    let holders = opened(&store).holders(bytes_of(ID)).unwrap();
    let told: Vec<_> = holders.into_iter().map(|holder| (holder.seats, holder.process)).collect();
    assert_eq!(told, [(3, Some((4711, "gis".to_owned()))), (1, None)]);
    known.let_go();
    assert_eq!(
        opened(&store).holders(bytes_of(ID)).unwrap().len(),
        1,
        "the word alone says nothing"
    );
}

#[test]
fn slots_are_made_with_the_store_and_again_where_they_are_gone() {
    let world = World::new();
    let store = world.store("s");
    assert!(store.slots().unwrap().is_none());
    count(&store).unwrap();
    let path = world.dir("s").join("slots");
    let before = opened(&store);
    std::fs::remove_file(&path).unwrap();
    assert!(!store.still_stands(&before).unwrap());
    assert!(store.slots().unwrap().is_none() && store.slots_to_count().unwrap().is_none());
    store.make_slots(WAIT).unwrap();
    assert!(store.still_stands(&opened(&store)).unwrap());
    // A disk that can't have them has its store all the same.
    let lies = Lies { refuse: Some(("slots", std::io::ErrorKind::StorageFull)), ..Lies::default() };
    let full = world.store_on("full", Disk::lying(lies).files());
    count(&full).unwrap();
    assert_eq!(full.make_slots(WAIT).unwrap_err().code(), Code::StorageFull);
}

#[test]
fn what_stands_in_the_place_of_slots_is_refused_or_named() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    let path = world.dir("s").join("slots");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    let error = store.slots().map(|_| ()).unwrap_err();
    assert_eq!(error.code(), Code::StorageUnsafe, "{error}");
    std::fs::remove_file(&path).unwrap();
    store.make_slots(WAIT).unwrap();
    for (kind, code) in [
        (std::io::ErrorKind::PermissionDenied, Code::Permission),
        (std::io::ErrorKind::ReadOnlyFilesystem, Code::StorageReadOnly),
    ] {
        let lies = Lies { refuse: Some(("slots", kind)), ..Lies::default() };
        let error = world.store_on("s", Disk::lying(lies).files()).slots().map(|_| ()).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains("slots"), "{error}");
    }
}

#[test]
#[ignore = "the child of the next test"]
fn holding_child() {
    let store = store_at(paths_under(&child_dir(), "s"), Arc::new(SystemFiles));
    for _ in 0..200 {
        let mut mine = opened(&store);
        if mine.take(seats(3), 1).unwrap() == Take::Taken {
            // Each holder says so in a file of the seat's own, which nobody else may have made.
            let seat = numbers(mine.locked())[0].0;
            let sign = child_dir().join(format!("seat-{seat}"));
            std::fs::File::create_new(&sign).expect("two holders of one seat");
            std::fs::remove_file(&sign).unwrap();
        }
    }
}

#[test]
fn racing_processes_never_hold_one_seat_twice() {
    let world = World::new();
    count(&world.store("s")).unwrap();
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = child("slots::holding_child", world.root(), None);
            command.stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    children.into_iter().for_each(finished);
    assert_eq!(in_use(&world.store("s")), []);
}
