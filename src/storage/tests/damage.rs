//! Flipped bytes, torn files, other formats.

use super::disk::{Disk, Fault};
use super::memory::whole;
use super::world::{COUNTER, WAIT, World, count, counter, ports, sound, state};
use crate::error::Code;
use crate::storage::image::{FORMAT, Parsed, parse};
use crate::storage::place::Paths;
use crate::storage::{Commit, Note, Scope, SoftwareSealer, State, Storage};
use crate::storage::{Contents, image::Image};

fn sealer() -> SoftwareSealer {
    SoftwareSealer::new("Acme", "ortho").unwrap()
}

fn image_of(world: &World) -> Image {
    let bytes = std::fs::read(world.dir("s").join("a")).unwrap();
    match parse(&bytes, &sealer()) {
        Parsed::Whole(image) => *image,
        other => panic!("{other:?}"),
    }
}

fn write_both(world: &World, image: &Image) {
    let bytes = image.encode(&super::world::RealRandom).unwrap();
    for name in ["a", "b"] {
        std::fs::write(world.dir("s").join(name), &bytes).unwrap();
    }
}

fn flip(world: &World, name: &str, at: usize) {
    let path = world.dir("s").join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn r57_every_flipped_bit_of_an_image_is_detected() {
    let world = World::new();
    count(&world.store("s")).unwrap();
    let bytes = std::fs::read(world.dir("s").join("a")).unwrap();
    assert!(matches!(parse(&bytes, &sealer()), Parsed::Whole(_)));
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    // Every bit of the image, and of each byte behind it one, or, in the long form, all.
    let all = |at: &usize| *at < used || whole();
    for at in 0..bytes.len() {
        let bits = if all(&at) { 0..8 } else { at % 8..at % 8 + 1 };
        for bit in bits {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let found = parse(&flipped, &sealer());
            assert!(matches!(found, Parsed::Invalid), "byte {at}, bit {bit}: {found:?}");
        }
    }
    for len in [0, 1, 39, 47, 48, 79, 84, 100, used - 1] {
        let found = parse(&bytes[..len], &sealer());
        assert!(matches!(found, Parsed::Invalid), "{len} bytes: {found:?}");
    }
}

#[test]
fn one_damaged_image_heals_from_the_other_and_two_are_damage() {
    for (at, name, other) in [(3, 'a', "b"), (60, 'b', "a"), (150, 'a', "b"), (9000, 'b', "a")] {
        let world = World::new();
        let store = world.store("s");
        count(&store).unwrap();
        flip(&world, &name.to_string(), at);
        let reading = sound(&store);
        assert_eq!(counter(&reading.contents), 1);
        assert_eq!(reading.notes, [Note::ImageDamaged(name)]);
        count(&store).unwrap();
        assert_eq!(sound(&store).notes, []);

        flip(&world, &name.to_string(), at);
        flip(&world, other, at);
        let reading = store.read().unwrap();
        assert_eq!(reading.standing.state, State::Damaged, "status still answers");
        assert!(reading.contents.is_empty());
    }
}

#[test]
fn a_missing_image_is_made_again() {
    for name in ['a', 'b'] {
        let world = World::new();
        let store = world.store("s");
        count(&store).unwrap();
        std::fs::remove_file(world.dir("s").join(name.to_string())).unwrap();
        assert_eq!(sound(&store).notes, [Note::ImageMissing(name)]);
        count(&store).unwrap();
        assert_eq!(sound(&store).notes, []);
    }
}

#[test]
fn a_damaged_store_is_made_anew_only_by_a_change_that_writes() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    let before = sound(&store).standing;
    for name in ["a", "b"] {
        std::fs::write(world.dir("s").join(name), vec![0xEE; (1 << 20) + 5]).unwrap();
    }
    store.change(WAIT, |_, _| Ok(((), Commit::Keep))).unwrap();
    assert_eq!(state(&store), State::Damaged);
    assert_eq!(count(&store).unwrap().state, State::Damaged);
    let after = sound(&store);
    assert_ne!(after.standing.store_id, before.store_id);
    assert_eq!(after.standing.generation, before.generation + 2);
    assert_eq!(counter(&after.contents), 1);
}

/// The key's own bytes are no sign of another product, where the anchor knows the store.
#[test]
fn a_store_whose_wrapped_keys_are_damaged_is_made_anew() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    flip(&world, "a", 100);
    flip(&world, "b", 100);
    assert_eq!(state(&store), State::Damaged);
    assert_eq!(store.read().unwrap().notes, []);
    count(&store).unwrap();
    assert_eq!(counter(&sound(&store).contents), 1);
}

/// Two products were told the same directory, or one was asked about by a wrong name.
#[test]
fn another_products_store_is_never_written_over() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    let anchor = world.root().join("anchors").join("of raster");
    let sealer = SoftwareSealer::new("Acme", "raster").unwrap();
    let paths = Paths::new(Scope::User, world.dir("s"), Some(anchor.clone()));
    let other = Storage::with(paths, Box::new(sealer), None, &ports(Disk::default().files()));
    let refused = || {
        let reading = other.read().unwrap();
        assert_eq!(reading.standing.state, State::Damaged);
        assert_eq!(reading.notes, [Note::Foreign]);
        let error = count(&other).unwrap_err();
        assert_eq!(error.code(), Code::StorageUnsafe);
        assert!(error.message().contains("are not this product's"), "{error}");
        assert_eq!(counter(&sound(&store).contents), 1);
    };
    refused();
    // Also where it has itself been here before: that store is gone, not this one.
    let aside = world.root().join("aside");
    std::fs::rename(world.dir("s"), &aside).unwrap();
    count(&other).unwrap();
    std::fs::remove_dir_all(world.dir("s")).unwrap();
    std::fs::rename(&aside, world.dir("s")).unwrap();
    refused();
}

#[test]
fn a_newer_format_is_refused_and_never_recreated() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    let mut image = image_of(&world);
    image.frame.format = FORMAT + 1;
    image.frame.oldest_reader = FORMAT + 1;
    write_both(&world, &image);
    let reading = store.read().unwrap();
    assert_eq!(reading.standing.state, State::Newer);
    assert_eq!(reading.standing.generation, image.generation);
    assert!(reading.contents.is_empty());
    assert_eq!(count(&store).unwrap_err().code(), Code::StorageNewer);
    assert_eq!(state(&store), State::Newer);
}

#[test]
fn a_newer_format_that_can_be_read_is_kept_with_what_this_build_does_not_know() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    let mut image = image_of(&world);
    image.frame.format = FORMAT + 1;
    image.contents.set(0xDEAD_BEEF, b"from a later build".to_vec());
    write_both(&world, &image);
    count(&store).unwrap();
    let reading = sound(&store);
    assert_eq!(counter(&reading.contents), 2);
    let unknown = reading.contents.get(0xDEAD_BEEF);
    assert_eq!(unknown, Some(&b"from a later build"[..]));
    assert_eq!(image_of(&world).frame.format, FORMAT + 1);
}

#[test]
fn a_store_grows_and_shrinks_and_is_bounded() {
    let world = World::new();
    let store = world.store("s");
    let put = |store: &Storage, len: usize| {
        store.change(WAIT, |_, contents: &mut Contents| {
            contents.set(COUNTER, vec![0xAA; len]);
            Ok(((), Commit::Write))
        })
    };
    for len in [10, 40_000, 10, crate::storage::CONTENTS_MAX - 12] {
        put(&store, len).unwrap();
        assert_eq!(sound(&store).contents.get(COUNTER).unwrap().len(), len);
    }
    let error = put(&store, crate::storage::CONTENTS_MAX).unwrap_err();
    assert_eq!(error.code(), Code::StorageFull);
    assert_eq!(sound(&store).notes, []);
}

#[test]
fn another_products_build_cannot_open_it() {
    let world = World::new();
    count(&world.store("s")).unwrap();
    let bytes = std::fs::read(world.dir("s").join("a")).unwrap();
    for (vendor, product) in [("Acme", "raster"), ("Acmeo", "rtho")] {
        let other = SoftwareSealer::new(vendor, product).unwrap();
        assert!(matches!(parse(&bytes, &other), Parsed::Invalid));
    }
}

/// The store of another product that was told the same directory.
fn raster(world: &World, disk: &Disk) -> Storage {
    let anchor = world.root().join("anchors").join("of raster");
    let sealer = SoftwareSealer::new("Acme", "raster").unwrap();
    let paths = Paths::new(Scope::User, world.dir("s"), Some(anchor));
    Storage::with(paths, Box::new(sealer), None, &ports(disk.files()))
}

/// That product's birth is cut off, or fails, at each step, with or without a store of its own that is
/// gone; then this one comes in between.
#[test]
fn a_birth_that_was_cut_off_writes_over_no_other_products_store() {
    for (was_there, kind) in [
        (false, Fault::StopAt as fn(usize) -> Fault),
        (true, Fault::StopAt),
        (false, Fault::FailAt),
    ] {
        let mut met = 0;
        for step in 0.. {
            let world = World::new();
            if was_there {
                count(&raster(&world, &Disk::default())).unwrap();
                for name in ["a", "b"] {
                    std::fs::remove_file(world.dir("s").join(name)).unwrap();
                }
            }
            let disk = Disk::with(kind(step));
            let _ = count(&raster(&world, &disk));
            if !disk.reached() {
                break;
            }
            let store = world.store("s");
            // What stands there is the other's: this one keeps off.
            if count(&store).is_err() {
                continue;
            }
            met += 1;
            let _ = count(&raster(&world, &Disk::default()));
            let left = store.read().unwrap();
            assert_eq!(counter(&left.contents), 1, "was there: {was_there}, step {step}");
        }
        assert!(met > 0);
    }
}

/// One image that can't be made out doesn't make the other this product's.
#[test]
fn another_products_store_with_one_rotten_image_is_not_written_over() {
    for (name, at) in [("a", 3), ("b", 3), ("b", 44), ("a", 82)] {
        let world = World::new();
        let store = world.store("s");
        count(&store).unwrap();
        flip(&world, name, at);
        sound(&store);
        let error = count(&raster(&world, &Disk::default())).unwrap_err();
        assert_eq!(error.code(), Code::StorageUnsafe, "{name} {at}");
        assert_eq!(counter(&store.read().unwrap().contents), 1, "{name} {at}");
    }
}
