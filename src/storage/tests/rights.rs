//! Permissions: those that storage gives, and what a user without some of them can do.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use super::disk::{Disk, Lies};
use super::world::{
    World, child, child_dir, count, counter, finished, paths_under, sound, store_at,
};
use crate::error::Code;
use crate::ports::Files as _;
use crate::storage::place::Paths;
use crate::storage::{Scope, SystemFiles};

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn u10_each_scope_has_its_permissions() {
    for (scope, dir, file, lock) in
        [(Scope::User, 0o700, 0o600, 0o600), (Scope::Machine, 0o2775, 0o664, 0o666)]
    {
        let world = World::new();
        let anchor = world.root().join("anchors").join("s");
        let paths = Paths::new(scope, world.dir("s"), Some(anchor.clone()));
        let store = store_at(paths, Arc::new(SystemFiles));
        count(&store).unwrap();
        assert_eq!(mode(&world.dir("s")), dir);
        assert_eq!(mode(anchor.parent().unwrap()), dir);
        for name in ["a", "b"] {
            assert_eq!(mode(&world.dir("s").join(name)), file, "{name}");
        }
        assert_eq!(mode(&anchor), file);
        for name in ["lock", "slots"] {
            assert_eq!(mode(&world.dir("s").join(name)), lock, "{name}");
        }
    }
}

#[test]
fn what_is_made_in_the_machines_store_belongs_to_its_directorys_group() {
    let world = World::new();
    let dir = world.dir("s");
    std::fs::create_dir_all(&dir).unwrap();
    if SystemFiles.user() == 0 {
        // As an installer does, who may have any group; others have but their own.
        std::os::unix::fs::chown(&dir, None, Some(4242)).unwrap();
    }
    let group = SystemFiles.stat(&dir).unwrap().group;
    let anchor = world.root().join("anchors").join("s");
    let paths = Paths::new(Scope::Machine, dir.clone(), Some(anchor.clone()));
    count(&store_at(paths, Disk::default().files())).unwrap();
    for path in [dir.join("a"), dir.join("b"), dir.join("lock"), dir.join("slots"), anchor] {
        assert_eq!(SystemFiles.stat(&path).unwrap().group, group, "{}", path.display());
    }
}

#[test]
fn the_machines_store_is_changed_by_its_group_and_made_by_its_owner_only() {
    let world = World::new();
    let paths = || {
        let anchor = world.root().join("anchors").join("s");
        Paths::new(Scope::Machine, world.dir("s"), Some(anchor))
    };
    count(&store_at(paths(), Disk::default().files())).unwrap();
    // The file system takes us for a member of the group: we own nothing and may write.
    let member = || {
        let lies = Lies { user: Some(SystemFiles.user() + 4321), ..Lies::default() };
        store_at(paths(), Disk::lying(lies).files())
    };
    count(&member()).unwrap();
    assert_eq!(counter(&sound(&member()).contents), 2);

    // A file that a member made would belong to him, and the others would have to refuse it.
    std::fs::remove_file(world.dir("s").join("b")).unwrap();
    let error = count(&member()).unwrap_err();
    assert_eq!(error.code(), Code::Permission, "{error}");
    assert_eq!(counter(&sound(&member()).contents), 2);

    // Who is no member is told which group may.
    let outside =
        Lies { refuse: Some(("a", std::io::ErrorKind::PermissionDenied)), ..Lies::default() };
    let error = count(&store_at(paths(), Disk::lying(outside).files())).unwrap_err();
    assert_eq!(error.code(), Code::Permission, "{error}");
    let stat = SystemFiles.stat(&world.dir("s")).unwrap();
    if let Some(group) = SystemFiles.group_name(stat.group) {
        assert!(error.hint().contains(&group), "{error}");
    }
}

/// Everything here needs a user to whom permissions apply: not root.
#[test]
#[ignore = "the child of the next test"]
fn unprivileged_child() {
    let root = child_dir();
    let open = || store_at(paths_under(&root, "s"), Arc::new(SystemFiles));
    assert_ne!(SystemFiles.user(), 0);
    count(&open()).unwrap();
    let dir = root.join("stores").join("s");
    let anchor = root.join("anchors").join("s");
    let [a, b] = ["a", "b"].map(|name| dir.join(name));

    // Readable without any right to write.
    [&a, &b, &anchor].into_iter().for_each(|path| set_mode(path, 0o400));
    set_mode(&dir, 0o500);
    assert_eq!(counter(&sound(&open()).contents), 1);
    let error = count(&open()).unwrap_err();
    assert_eq!(error.code(), Code::Permission, "{error}");
    assert!(error.message().contains(&dir.display().to_string()), "{error}");
    assert_eq!(sound(&open()).notes, []);

    // What can't be read is an error and never "absent".
    for path in [&a, &anchor] {
        set_mode(path, 0o000);
        let error = open().read().unwrap_err();
        assert_eq!(error.code(), Code::Permission, "{error}");
        set_mode(path, 0o400);
    }
    set_mode(&dir, 0o000);
    assert_eq!(open().read().unwrap_err().code(), Code::Permission);
    set_mode(&dir, 0o700);

    // No store can be made there.
    let nowhere = root.join("locked");
    std::fs::create_dir(&nowhere).unwrap();
    set_mode(&nowhere, 0o500);
    let store = store_at(paths_under(&nowhere, "s"), Arc::new(SystemFiles));
    assert_eq!(count(&store).unwrap_err().code(), Code::Permission);
    set_mode(&nowhere, 0o700);
}

#[test]
fn u10_a_user_without_rights_reads_and_is_told_why_he_cannot_change() {
    let world = World::new();
    let user = (SystemFiles.user() == 0).then_some(65534);
    let dir = world.root().join("u");
    std::fs::create_dir(&dir).unwrap();
    if let Some(user) = user {
        set_mode(world.root(), 0o711);
        std::os::unix::fs::chown(&dir, Some(user), Some(user)).unwrap();
    }
    let mut command = child("rights::unprivileged_child", &dir, user);
    finished(command.stdout(Stdio::piped()).spawn().unwrap());
}
