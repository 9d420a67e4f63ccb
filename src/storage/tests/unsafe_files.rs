//! What must not stand where trusted storage is, or not so.

use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::disk::{Disk, Lies};
use super::world::{World, count, sound};
use crate::error::{Code, Error};
use crate::storage::Storage;

/// Reading, looking closer and changing must all refuse, naming the path and what is wrong.
fn refused(store: &Storage, path: &Path, wrong: &str) {
    let check = |error: Error| {
        assert_eq!(error.code(), Code::StorageUnsafe, "{error}");
        assert!(error.message().contains(&path.display().to_string()), "{error}");
        assert!(error.message().contains(wrong), "{error}");
    };
    check(store.read().unwrap_err());
    check(count(store).unwrap_err());
}

#[test]
fn what_is_no_plain_file_of_ours_is_refused() {
    let world = World::new();
    let store = world.store("s");
    count(&store).unwrap();
    let anchor = store.anchor_path().unwrap().to_owned();
    for path in [world.dir("s").join("a"), world.dir("s").join("b"), anchor] {
        let aside = world.root().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        symlink(&aside, &path).unwrap();
        refused(&store, &path, "is a symbolic link");
        std::fs::remove_file(&path).unwrap();

        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        refused(&store, &path, "is neither a file nor a directory");
        std::fs::remove_file(&path).unwrap();

        let socket = UnixListener::bind(&path).unwrap();
        refused(&store, &path, "is neither a file nor a directory");
        drop(socket);
        std::fs::remove_file(&path).unwrap();

        std::fs::create_dir(&path).unwrap();
        refused(&store, &path, "is a directory instead of a file");
        std::fs::remove_dir(&path).unwrap();

        std::fs::hard_link(&aside, &path).unwrap();
        refused(&store, &path, "has 2 hard links");
        std::fs::remove_file(&aside).unwrap();

        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o606)).unwrap();
        refused(&store, &path, "may be written by everyone");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        sound(&store);
    }
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    let world = World::new();
    count(&world.store("s")).unwrap();
    for name in ["a", "b", "anchors/s", "stores/s"] {
        let lies = Lies { owner: Some((name, 4321)), ..Lies::default() };
        let store = world.store_on("s", Disk::lying(lies).files());
        refused(&store, &world.root().join(name).with_file_name(""), "another user (number 4321)");
    }
    let root = Lies { owner: Some(("a", 0)), ..Lies::default() };
    sound(&world.store_on("s", Disk::lying(root).files()));
}

#[test]
fn a_link_in_the_place_of_the_directory_is_refused() {
    let world = World::new();
    count(&world.store("s")).unwrap();
    symlink(world.dir("s"), world.dir("t")).unwrap();
    refused(&world.store("t"), &world.dir("t"), "is a symbolic link");
}

#[test]
fn a_network_file_system_is_refused() {
    let world = World::new();
    let lies = Lies { remote: true, ..Lies::default() };
    let store = world.store_on("s", Disk::lying(lies).files());
    assert_eq!(count(&store).unwrap_err().code(), Code::StorageRemote);
    assert!(!world.dir("s").exists(), "nothing is made there");
    count(&world.store("s")).unwrap();
    assert_eq!(store.read().unwrap_err().code(), Code::StorageRemote);
}

#[test]
fn each_cause_of_a_failure_has_its_code() {
    for (kind, code) in [
        (ErrorKind::PermissionDenied, Code::Permission),
        (ErrorKind::StorageFull, Code::StorageFull),
        (ErrorKind::QuotaExceeded, Code::StorageFull),
        (ErrorKind::ReadOnlyFilesystem, Code::StorageReadOnly),
        (ErrorKind::TimedOut, Code::StorageIo),
    ] {
        let world = World::new();
        let lies = Lies { refuse: Some(("b", kind)), ..Lies::default() };
        let store = world.store_on("s", Disk::lying(lies).files());
        let error = count(&store).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        let path = world.dir("s").join("b").display().to_string();
        assert!(error.message().contains(&path), "{error}");
    }
}
