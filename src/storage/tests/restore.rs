//! Stores that are not what was last written here.

use std::path::Path;

use super::disk::{Disk, Lies};
use super::world::{COUNTER, WAIT, World, contents, count, counter, sound, state};
use crate::error::Code;
use crate::storage::place::Paths;
use crate::storage::{Commit, Note, Scope, State};

const IMAGES: [&str; 2] = ["a", "b"];

fn copy_images(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in IMAGES {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

fn remove_images(dir: &Path) {
    for name in IMAGES {
        std::fs::remove_file(dir.join(name)).unwrap();
    }
}

#[test]
fn r53_an_older_store_put_back_is_seen_until_a_change_is_committed_over_it() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    copy_images(&world.dir("s"), &world.dir("backup"));
    count(&store).unwrap();
    let last = sound(&store).standing.generation;
    // In place, so that the files are still the same ones.
    copy_images(&world.dir("backup"), &world.dir("s"));

    let reading = store.read().unwrap();
    assert_eq!(reading.standing.state, State::Restored);
    assert_eq!(counter(&reading.contents), 1, "what was found is shown");
    assert_eq!(reading.standing.highest_anchor, last);

    // Looking alone heals nothing, nor does a change that writes nothing.
    store.change(WAIT, |_, _| Ok(((), Commit::Keep))).unwrap();
    assert_eq!(state(&store), State::Restored);

    let seen = count(&store).unwrap();
    assert_eq!(seen.state, State::Restored, "the layer above must mark its records");
    assert_eq!(sound(&store).standing.generation, last + 1);
    count(&store).unwrap();
    assert_eq!(sound(&store).notes, []);
}

#[test]
fn a_break_survives_a_crash_before_it_is_marked() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    copy_images(&world.dir("s"), &world.dir("backup"));
    count(&store).unwrap();
    copy_images(&world.dir("backup"), &world.dir("s"));
    let failing = Disk::with(super::disk::Fault::StopAt(0));
    count(&world.store_on("s", failing.files())).unwrap_err();
    assert_eq!(state(&store), State::Restored);
}

#[test]
fn a_store_that_is_gone_is_known_but_empty_and_its_successor_has_a_new_id() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    let before = sound(&store).standing;
    remove_images(&world.dir("s"));
    let reading = store.read().unwrap();
    assert_eq!(reading.standing.state, State::Missing);
    assert!(reading.contents.is_empty());

    std::fs::remove_dir_all(world.dir("s")).unwrap();
    assert_eq!(state(&store), State::Missing);

    let seen = count(&store).unwrap();
    assert_eq!(seen.state, State::Missing);
    let after = sound(&store).standing;
    assert_ne!(after.store_id, before.store_id);
    // Image 1 of the new store is at highest anchor + 1 and holds nothing.
    assert_eq!(after.generation, before.generation + 2);
    assert_eq!((after.store_id, after.generation), (seen.next_store_id, seen.next_generation));
}

#[test]
fn r50_a_copy_in_another_directory_has_no_anchor() {
    let world = World::new();
    count(&world.store("s")).unwrap();
    copy_images(&world.dir("s"), &world.dir("t"));
    let copy = world.store("t");
    let reading = copy.read().unwrap();
    assert_eq!(reading.standing.state, State::Restored);
    assert_eq!(reading.notes, [Note::AnchorMissing, Note::ImageCopied]);
    assert_eq!(counter(&reading.contents), 1);
    count(&copy).unwrap();
    assert_eq!(sound(&copy).notes, []);
}

#[test]
fn a_store_under_another_stores_anchor_is_seen() {
    let world = World::new();
    count(&world.store("s")).unwrap();
    count(&world.store("t")).unwrap();
    copy_images(&world.dir("s"), &world.dir("t"));
    let other = world.store("t");
    assert_eq!(state(&other), State::Restored);
    count(&other).unwrap();
    assert_eq!(sound(&other).notes, []);
}

#[test]
fn an_anchor_that_is_gone_or_damaged_is_made_again_while_the_files_are_the_same() {
    let world = World::new();
    let store = world.store("s");
    let anchor = store.anchor_path().unwrap();
    count(&store).unwrap();

    std::fs::remove_file(anchor).unwrap();
    assert_eq!(sound(&store).notes, [Note::AnchorMissing]);
    count(&store).unwrap();
    assert_eq!(sound(&store).notes, []);

    std::fs::write(anchor, b"no anchor").unwrap();
    assert_eq!(sound(&store).notes, [Note::AnchorDamaged]);
    count(&store).unwrap();
    assert_eq!(sound(&store).notes, []);

    // The directory moved: its anchor isn't found, its files are still the same.
    std::fs::rename(world.dir("s"), world.dir("t")).unwrap();
    assert_eq!(sound(&world.store("t")).notes, [Note::AnchorMissing]);
}

#[test]
fn a_damaged_anchor_is_never_taken_for_an_absent_one() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    std::fs::write(store.anchor_path().unwrap(), [0; 1024]).unwrap();
    remove_images(&world.dir("s"));
    assert_eq!(state(&store), State::Missing);
}

#[test]
fn an_anchor_that_is_behind_is_raised() {
    let world = World::new();
    let store = world.store("s");
    let anchor = store.anchor_path().unwrap();
    count(&store).unwrap();
    let old = std::fs::read(anchor).unwrap();
    count(&store).unwrap();
    std::fs::write(anchor, old).unwrap();
    let reading = sound(&store);
    assert_eq!(reading.notes, [Note::AnchorBehind]);
    assert!(reading.standing.highest_anchor < reading.standing.generation);
    count(&store).unwrap();
    assert_eq!(sound(&store).notes, []);
}

#[test]
fn an_anchor_that_cannot_be_raised_is_a_note_and_none_at_all_is_an_error() {
    let world = World::new();
    count(&world.store("s")).unwrap();
    let stuck = Lies {
        refuse: Some(("anchors/s", std::io::ErrorKind::PermissionDenied)),
        ..Lies::default()
    };
    let store = world.store_on("s", Disk::lying(stuck.clone()).files());
    count(&store).unwrap();
    let reading = sound(&store);
    assert_eq!(counter(&reading.contents), 2);
    assert_eq!(reading.notes, [Note::AnchorBehind]);

    let none = Lies { no_birth_times: true, ..stuck };
    let store = world.store_on("s", Disk::lying(none).files());
    let error = count(&store).unwrap_err();
    assert_eq!(error.code(), Code::Permission, "{error}");
    assert!(error.message().contains("anchors/s"), "{error}");
    // The lock is free again, and whoever can raise it goes on.
    count(&world.store("s")).unwrap();
}

#[test]
fn without_a_home_the_files_are_the_only_anchor() {
    let world = World::new();
    let homeless = || {
        let paths = Paths::new(Scope::User, world.dir("s"), None);
        super::world::store_at(paths, Disk::default().files())
    };
    count(&homeless()).unwrap();
    count(&homeless()).unwrap();
    assert_eq!(sound(&homeless()).notes, [Note::AnchorUnavailable]);
    copy_images(&world.dir("s"), &world.dir("t"));
    let copy = Paths::new(Scope::User, world.dir("t"), None);
    let copy = super::world::store_at(copy, Disk::default().files());
    assert_eq!(state(&copy), State::Restored);

    // Neither home nor times of birth: nothing could ever be sent on its strength, so none is made.
    let lies = Lies { no_birth_times: true, ..Lies::default() };
    let paths = Paths::new(Scope::User, world.dir("u"), None);
    let bare = super::world::store_at(paths, Disk::lying(lies).files());
    count(&bare).unwrap_err();
    assert!(contents(&bare).get(COUNTER).is_none());
}
