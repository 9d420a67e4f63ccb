//! Self-healing and honesty: rot in one image heals; both gone, a newer format, a full and a read-only
//! disk are told apart, status answers, and nothing is lost.

use lm::Client;
use lm::ffi::*;

use crate::common::disk::{Disk, Trouble};
use crate::common::machine::Machine;
use crate::common::world::World;

/// Every call that would change something, and how it is called.
type Change = (&'static str, fn(&Client, &str, &str) -> lm::Result<()>);

const CHANGES: [Change; 9] = [
    ("activate another", |client, _, new| client.activate(new, 1)),
    ("more seats", |client, id, _| client.activate(id, 4)),
    ("return some", |client, id, _| client.return_(id, 1)),
    ("return all", |client, id, _| client.return_(id, 0)),
    ("refresh", |client, id, _| client.refresh(Some(id))),
    ("repair", |client, id, _| client.repair(id)),
    ("request an activation", |client, _, new| client.request_activation(new, 1).map(drop)),
    ("request a return", |client, id, _| client.request_return(id, 0).map(drop)),
    ("request a repair", |client, id, _| client.request_repair(id).map(drop)),
];

#[test]
fn u10_a_disk_that_takes_nothing_hinders_no_status_and_loses_nothing() {
    let world = World::new();
    for (trouble, code) in
        [(Trouble::Full, lm::Code::StorageFull), (Trouble::ReadOnly, lm::Code::StorageReadOnly)]
    {
        let (machine, id, new) = (world.machine("field-1"), world.cc(5), world.nl(1));
        machine.activate(&id, 3).unwrap();
        let images = machine.images();
        for (name, change) in CHANGES {
            let ports = Disk::default().with(trouble);
            let client = Client::open_with(machine.settings.options(), ports).unwrap();
            let error = change(&client, &id, &new).unwrap_err();
            assert_eq!(error.code(), code, "{name}: {error}");
            assert!(error.message().ends_with('.') && !error.hint().is_empty(), "{name}: {error}");
            let status = client.status(Some(&id)).unwrap();
            assert!(status.usable && status.seats == 3, "{name}: {status:?}");
            assert_eq!((world.seats(&id), world.seats(&new)), ((3, 2), (0, 1)), "{name}");
            assert_eq!(machine.images(), images, "{name}: not a byte is different");
        }
        // The disk takes it again.
        machine.return_(&id, 0).unwrap();
        assert_eq!(world.seats(&id), (0, 5));
    }
}

#[test]
fn u10_rot_in_one_image_heals_and_in_both_is_a_state_of_its_own() {
    let world = World::new();
    let (machine, id) = (world.machine("field-1"), world.cc(5));
    machine.activate(&id, 3).unwrap();
    let rot = |name: &str| {
        let path = machine.settings.storage.join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[600] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    for (rotten, other) in [("a", "b"), ("b", "a")] {
        rot(rotten);
        assert_eq!(machine.again().state(&id), "ACTIVE");
        machine.refresh(Some(&id)).unwrap();
        // It is good again: it stands in for the other.
        rot(other);
        assert_eq!(machine.again().state(&id), "ACTIVE");
        machine.refresh(Some(&id)).unwrap();
    }
    rot("a");
    rot("b");
    let damaged = machine.again();
    told(&damaged, &id, LM_ERR_STORAGE_DAMAGED, LM_NEXT_ACTIVATE);
    // There is no record to repair any more; the refusal says what to do.
    let refused = damaged.repair(&id).unwrap_err();
    assert_eq!(refused.code, LM_ERR_STORAGE_DAMAGED);
    assert!(refused.hint.contains("Activate") && refused.hint.contains("no second seat"));
    damaged.activate(&id, 3).unwrap();
    assert_eq!((damaged.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (3, 2)));
}

#[test]
fn u10_a_newer_format_is_refused_by_every_call_and_never_made_anew() {
    let world = World::new();
    let (machine, id, new) = (world.machine("field-1"), world.cc(5), world.nl(1));
    machine.activate(&id, 3).unwrap();
    let old = machine.images();
    for name in ["a", "b"] {
        let path = machine.settings.storage.join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[8..12].copy_from_slice(&[9, 0, 9, 0]);
        let check = ring::digest::digest(&ring::digest::SHA256, &bytes[..40]);
        bytes[40..48].copy_from_slice(&check.as_ref()[..8]);
        std::fs::write(path, bytes).unwrap();
    }
    let newer = machine.images();
    let client = Client::open(machine.settings.options()).unwrap();
    told(&machine.again(), &id, LM_ERR_STORAGE_NEWER, LM_NEXT_CONTACT_VENDOR);
    for (name, change) in CHANGES {
        let error = change(&client, &id, &new).unwrap_err();
        assert_eq!(error.code(), lm::Code::StorageNewer, "{name}: {error}");
        assert_eq!(machine.images(), newer, "{name}");
    }
    assert_eq!((world.seats(&id), world.seats(&new)), ((3, 2), (0, 1)));
    machine.put_back(&old);
    assert_eq!(machine.again().state(&id), "ACTIVE", "the newer version's part is untouched");
}

fn told(machine: &Machine, id: &str, cause: lm_result, next_step: u32) {
    let status = machine.status(Some(id));
    assert_eq!((status.state, status.usable), (LM_STATE_UNTRUSTED, 0));
    assert_eq!((status.cause, status.next_step), (cause, next_step));
}
