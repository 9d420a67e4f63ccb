//! R40, R41, R43: counts, and who holds what.

use std::sync::atomic::{AtomicUsize, Ordering};

use lm::ffi::*;

use crate::common::world::World;

#[test]
fn r40_reinstallation_on_the_same_machine_takes_no_second_seat() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    let (fulfillment, generation) = (machine.list()[0].1.clone(), machine.list()[0].2);
    for name in ["a", "b", "lock"] {
        std::fs::remove_file(machine.settings.storage.join(name)).unwrap();
    }
    let reinstalled = machine.again();
    let status = reinstalled.status(Some(&id));
    assert_eq!((status.state, status.cause), (LM_STATE_UNTRUSTED, LM_ERR_STORAGE_MISSING));
    reinstalled.activate(&id, 1).unwrap();
    assert_eq!(reinstalled.state(&id), "ACTIVE");
    let record = &reinstalled.list()[0];
    assert_eq!((&record.1, record.2 > generation), (&fulfillment, true));
    assert_eq!(world.seats(&id), (1, 0));
}

#[test]
fn r40_another_folder_of_the_same_machine_re_attaches_and_the_first_is_told() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    let other_folder = tempfile::tempdir().unwrap();
    let other = machine.with(|settings| settings.storage = other_folder.path().join("store"));
    other.activate(&id, 1).unwrap();
    assert_eq!(world.seats(&id), (1, 0));
    assert_eq!(machine.refresh(Some(&id)).unwrap_err().code, LM_ERR_HELD_ELSEWHERE);
    assert_eq!(machine.status(Some(&id)).cause, LM_ERR_HELD_ELSEWHERE);
    other.return_(&id, 0).unwrap();
    assert_eq!(world.seats(&id), (0, 1));
    other.settings.remove_anchor();
}

#[test]
fn r41_n_seats_serve_n_machines_and_racers_never_exceed_them() {
    let world = World::new();
    let id = world.nl(3);
    let granted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (world, id, granted) = (&world, &id, &granted);
            scope.spawn(move || {
                let machine = world.machine(&format!("racer-{n}"));
                match machine.activate(id, 1) {
                    Ok(()) => granted.fetch_add(1, Ordering::Relaxed),
                    Err(refused) => {
                        assert_eq!(refused.code, LM_ERR_NO_SEATS, "{refused:?}");
                        0
                    }
                };
            });
        }
    });
    assert_eq!(granted.load(Ordering::Relaxed), 3);
    assert_eq!(world.seats(&id), (3, 0));
}

#[test]
fn r43_a_malformed_id_is_refused_offline_an_unknown_one_by_the_portal() {
    let mut world = World::new();
    let machine = world.machine("field-1");
    let unknown = World::new().nl(1);
    assert_eq!(machine.activate(&unknown, 1).unwrap_err().code, LM_ERR_ID_UNKNOWN);
    assert_eq!(machine.state(&unknown), "ABSENT");
    world.stop();
    let mistyped = if unknown.starts_with('7') {
        unknown.replacen('7', "8", 1)
    } else {
        unknown.replacen(|_| true, "7", 1)
    };
    for malformed in [mistyped.as_str(), "", "hello", "12345-12345-12345-12345"] {
        assert_eq!(machine.activate(malformed, 1).unwrap_err().code, LM_ERR_ID_MALFORMED);
        assert_eq!(machine.return_(malformed, 0).unwrap_err().code, LM_ERR_ID_MALFORMED);
        assert_eq!(machine.try_status(Some(malformed)).err(), Some(LM_ERR_ID_MALFORMED));
    }
}

#[test]
fn an_activation_names_a_total() {
    let world = World::new();
    let id = world.cc(5);
    let machine = world.machine("server-1");
    for (asked, held) in [(2, 2), (2, 2), (4, 4), (1, 4)] {
        machine.activate(&id, asked).unwrap();
        assert_eq!((machine.status(Some(&id)).seats, world.seats(&id).0), (held, i64::from(held)));
    }
    assert_eq!(machine.activate(&id, 6).unwrap_err().code, LM_ERR_NO_SEATS);
    assert_eq!((machine.state(&id), machine.status(Some(&id)).seats), ("ACTIVE".to_owned(), 4));
    assert_eq!(machine.activate(&id, 0).unwrap_err().code, LM_ERR_INVALID_ARGUMENT);
    let node_locked = world.nl(5);
    for _ in 0..2 {
        assert_eq!(machine.activate(&node_locked, 2).unwrap_err().code, LM_ERR_WRONG_KIND);
        machine.activate(&node_locked, 1).unwrap();
    }
}

#[test]
fn another_products_id_is_refused() {
    let world = World::new();
    let entitlement = world.entitlement_with(1, |new| new.product = "another".to_owned());
    let id = world.id(&entitlement, lm_portal::Kind::Nl, 1);
    let machine = world.machine("field-1");
    assert_eq!(machine.activate(&id, 1).unwrap_err().code, LM_ERR_WRONG_PRODUCT);
}
