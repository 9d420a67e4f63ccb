//! A host that closes descriptors which it did not open, while seats are checked out.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use super::slots::{in_use, opened, seats};
use super::world::{World, child, child_dir, count, finished, paths_under, store_at};
use crate::storage::{SystemFiles, Take};

/// A host that makes a daemon of itself closes every descriptor that it finds: the next checkout gets
/// the same number. Alone in its process, since the numbers are the process's.
#[test]
fn a_seat_whose_number_is_now_anothers_lets_go_nothing() {
    let world = World::new();
    count(&world.store("s")).unwrap();
    let mut command = child("closed_unix::closing_child", world.root(), None);
    finished(command.stdout(Stdio::piped()).spawn().unwrap());
}

#[test]
#[ignore = "the child of the test above"]
fn closing_child() {
    let store = store_at(paths_under(&child_dir(), "s"), Arc::new(SystemFiles));
    let number = || {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let is_slots = |path: PathBuf| path.file_name().is_some_and(|name| name == "slots");
        let mut slots = open.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(is_slots));
        let name = slots.next().unwrap().file_name();
        name.to_str().unwrap().parse::<i32>().unwrap()
    };
    let mut first = opened(&store);
    assert_eq!(first.take(seats(2), 1).unwrap(), Take::Taken);
    let of_first = number();
    // SAFETY: no memory is involved; what `first` does without its file is what is tested.
    assert_eq!(unsafe { libc::close(of_first) }, 0);
    let mut second = opened(&store);
    assert_eq!(second.take(seats(2), 1).unwrap(), Take::Taken);
    assert_eq!(number(), of_first);
    let held = in_use(&store);
    assert_eq!(held.len(), 1);
    drop(first);
    assert_eq!(in_use(&store), held);
    drop(second);
}
