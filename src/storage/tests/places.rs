//! Where stores and anchors are.

use std::path::{Path, PathBuf};

use super::disk::{Disk, Lies};
use super::world::{World, count, ports, sound, state};
use crate::error::Code;
use crate::storage::{Place, Scope, State, Storage};

fn at_home(home: Option<&Path>) -> Disk {
    Disk::lying(Lies { home: Some(home.map(Path::to_owned)), ..Lies::default() })
}

fn place(scope: Scope, dir: Option<PathBuf>) -> Place {
    Place { vendor: "Acme GmbH".to_owned(), product: "ortho".to_owned(), scope, dir }
}

#[test]
fn each_scope_has_its_default_place_and_its_anchor_in_another_tree() {
    let world = World::new();
    let home = world.root().canonicalize().unwrap();
    let ports = ports(at_home(Some(&home)).files());
    let user = Storage::new(&place(Scope::User, None), &ports).unwrap();
    assert_eq!(user.directory(), home.join(".local/share/lm/Acme%20GmbH/ortho"));
    assert!(user.anchor_path().unwrap().starts_with(home.join(".config/lm/anchors")));
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0, "nothing is made");

    let machine = Storage::new(&place(Scope::Machine, None), &ports).unwrap();
    assert_eq!(machine.directory(), Path::new("/var/lib/lm/Acme%20GmbH/ortho"));
    assert!(!machine.anchor_path().unwrap().starts_with("/var/lib"));

    count(&user).unwrap();
    assert_eq!(sound(&Storage::new(&place(Scope::User, None), &ports).unwrap()).notes, []);
}

#[test]
fn names_lead_nowhere_else() {
    let world = World::new();
    let home = world.root().canonicalize().unwrap();
    let ports = ports(at_home(Some(&home)).files());
    let mut directories = std::collections::BTreeSet::new();
    for vendor in ["..", "a/b", "a%2Fb", ".a", "%2Ea", "Übung", "a b"] {
        let named = Place { vendor: vendor.to_owned(), ..place(Scope::User, None) };
        let store = Storage::new(&named, &ports).unwrap();
        let above = store.directory().parent().unwrap().parent().unwrap();
        assert_eq!(above, home.join(".local/share/lm"), "{vendor}");
        assert!(directories.insert(store.directory().to_owned()), "{vendor}");
    }
    let nameless = Place { vendor: String::new(), ..place(Scope::User, None) };
    let error = Storage::new(&nameless, &ports).err().unwrap();
    assert_eq!(error.code(), Code::InvalidArgument);
}

#[test]
fn an_anchor_is_found_by_vendor_product_scope_and_directory_however_that_is_reached() {
    let world = World::new();
    let home = world.root().canonicalize().unwrap();
    let ports = ports(at_home(Some(&home)).files());
    let anchor = |place: &Place| {
        let store = Storage::new(place, &ports).unwrap();
        store.anchor_path().unwrap().to_owned()
    };
    std::fs::create_dir(home.join("real")).unwrap();
    std::os::unix::fs::symlink(home.join("real"), home.join("link")).unwrap();
    let by = |path: &str| place(Scope::User, Some(home.join(path)));
    let one = by("real/store");
    assert_eq!(anchor(&one), anchor(&by("link/./store")));
    assert_ne!(anchor(&one), anchor(&by("real/other")));
    let other_product = Place { product: "raster".to_owned(), ..one.clone() };
    assert_ne!(anchor(&one), anchor(&other_product));
    let machine = Place { scope: Scope::Machine, ..one.clone() };
    assert_ne!(anchor(&one).file_name(), anchor(&machine).file_name());

    // The same before and after the directory is made.
    let before = anchor(&one);
    count(&Storage::new(&one, &ports).unwrap()).unwrap();
    assert_eq!(anchor(&one), before);
    let error = Storage::new(&by("gone/../x"), &ports).err().unwrap();
    assert_eq!(error.code(), Code::InvalidArgument);
}

#[test]
fn a_user_without_a_home_needs_a_directory() {
    let world = World::new();
    let ports = ports(at_home(None).files());
    let error = Storage::new(&place(Scope::User, None), &ports).err().unwrap();
    assert!(error.hint().contains("storage directory"), "{error}");
    let given = place(Scope::User, Some(world.dir("s")));
    let store = Storage::new(&given, &ports).unwrap();
    assert_eq!(store.anchor_path(), None);
    count(&store).unwrap();
    assert_eq!(state(&store), State::Sound);
}
