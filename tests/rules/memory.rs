//! Hosts that want no storage: everything is in memory and ends with the client.

use lm::ffi::LM_ERR_INVALID_ARGUMENT;
use lm::{Client, Code, Scope, State};
use lm_portal::Kind;

use crate::common::machine::Machine;
use crate::common::world::World;

fn client(machine: &Machine) -> Client {
    let mut options = machine.settings.options();
    options.scope = Scope::Memory;
    options.storage_dir = None;
    Client::open(options).unwrap()
}

#[test]
fn u20_a_host_that_wants_no_storage_has_its_license_in_memory() {
    let world = World::new();
    let id = world.id(&world.entitlement(3), Kind::Cc, 3);
    let machine = world.machine("ci-1");
    let first = client(&machine);
    assert!(
        !first.storage_directory().exists() && first.anchor_path().is_none_or(|at| !at.exists())
    );
    first.activate(&id, 2).unwrap();
    assert_eq!(first.status(Some(&id)).unwrap().seats, 2);
    let seat = first.checkout("ortho", 2).unwrap();
    assert_eq!(first.checkout("ortho", 1).unwrap_err().code(), Code::NoFreeSeat);
    assert_eq!(first.return_(&id, 0).unwrap_err().code(), Code::InUse);
    first.checkin(seat).unwrap();
    assert_eq!(first.health(false).unwrap()[0].topic, lm::Topic::Storage);
    assert!(!first.storage_directory().exists(), "nothing was written");
    // The process ends: its license is gone, its seats are not lost. The next one takes no second.
    drop(first);
    let second = client(&machine);
    assert_eq!(second.status(Some(&id)).unwrap().state, State::Absent);
    second.activate(&id, 2).unwrap();
    assert_eq!(world.seats(&id), (2, 1));
    second.return_(&id, 0).unwrap();
    assert_eq!(world.seats(&id), (0, 3));
}

/// Two clients at once are two stores of one holder: the one that is left is told so, not "clone".
#[test]
fn each_client_in_memory_has_a_store_of_its_own() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("ci-1");
    let (one, other) = (client(&machine), client(&machine));
    one.activate(&id, 1).unwrap();
    other.activate(&id, 1).unwrap();
    assert_eq!(world.seats(&id), (1, 0));
    let told = one.refresh(Some(&id)).unwrap_err();
    assert_eq!(told.code(), Code::HeldElsewhere);
    assert!(other.status(Some(&id)).unwrap().usable);
    let mut options = machine.settings.options();
    options.scope = Scope::Memory;
    let refused = Client::open(options).err().unwrap();
    assert_eq!(refused.code().number(), LM_ERR_INVALID_ARGUMENT, "it has no directory");
}
