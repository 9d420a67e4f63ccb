//! Files beside the network: what is begun one way and finished the other, policy, leases, repair, and
//! clocks that are wrong.

use lm::ffi::*;
use lm_portal::Kind;

use super::offline::{DAY, activate, fails};
use crate::common::world::World;

#[test]
fn what_was_begun_by_a_file_is_finished_over_the_network() {
    let world = World::new();
    let id = world.cc(5);
    let machine = world.machine("field-1");
    let request = machine.request_activation(&id, 2).unwrap();
    machine.resume().unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (2, 3)));
    // The file is answered late: the stored grant, which this machine has.
    fails(machine.apply(&world.answer(&request)), LM_ERR_REPLAYED);
    let proof = machine.request_return(&id, 0).unwrap();
    machine.return_(&id, 0).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 5)));
    fails(machine.apply(&world.answer(&proof)), LM_ERR_REPLAYED);
    assert_eq!(world.seats(&id), (0, 5));
}

#[test]
fn what_did_not_get_through_the_network_is_finished_by_a_file() {
    let mut world = World::new();
    let id = world.cc(5);
    let machine = world.machine("field-1");
    world.stop();
    fails(machine.activate(&id, 2), LM_ERR_NETWORK);
    machine.apply(&world.answer(&machine.request_activation(&id, 2).unwrap())).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (2, 3)));

    // A refresh that is on its way is given out, too, and a return takes its place.
    let id = world.cc(5);
    let machine = world.machine("field-2");
    machine.apply(&world.answer(&machine.request_activation(&id, 2).unwrap())).unwrap();
    fails(machine.refresh(Some(&id)), LM_ERR_NETWORK);
    let told = fails(machine.request_activation(&id, 5).map(|_| ()), LM_ERR_NOT_ALLOWED);
    assert!(told.message.starts_with("A refresh of this license waits"), "{told:?}");
    let refresh = machine.request_activation(&id, 2).unwrap();
    let refreshed = world.answer(&refresh);
    let proof = machine.request_return(&id, 0).unwrap();
    let told = fails(machine.apply(&refreshed), LM_ERR_MISMATCH);
    assert!(told.message.contains("A return was asked for since"), "{told:?}");
    machine.apply(&world.answer(&proof)).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 5)));
}

#[test]
fn an_activation_is_given_up_by_a_file_and_its_response_comes_too_late() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.lone_machine("field-1");
    let request = machine.request_activation(&id, 1).unwrap();
    let response = world.answer(&request);
    assert_eq!(world.seats(&id), (1, 0));
    let told = fails(machine.request_activation(&id, 2).map(|_| ()), LM_ERR_NOT_ALLOWED);
    assert!(told.hint.contains("Apply its response file first"), "{told:?}");
    let given_up = machine.request_return(&id, 0).unwrap();
    let told = fails(machine.apply(&response), LM_ERR_MISMATCH);
    assert!(told.message.contains("was given up on this machine"), "{told:?}");
    machine.apply(&world.answer(&given_up)).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 1)));
    let told = fails(machine.apply(&response), LM_ERR_MISMATCH);
    assert!(told.message.contains("another request of this machine"), "{told:?}");
}

#[test]
fn policy_refuses_activations_by_files_and_nothing_else() {
    let world = World::new();
    let strict = world.entitlement_with(5, |new| new.terms.offline = false);
    let id = world.id(&strict, Kind::Cc, 5);
    let machine = world.machine("field-1");
    let refused = world.answer(&machine.request_activation(&id, 2).unwrap());
    assert_eq!(world.seats(&id), (0, 5));
    fails(machine.apply(&refused), LM_ERR_OFFLINE_REFUSED);
    assert_eq!(machine.state(&id), "ABSENT");
    machine.activate(&id, 2).unwrap();
    for renewal in [2, 3] {
        let refused = world.answer(&machine.request_activation(&id, renewal).unwrap());
        fails(machine.apply(&refused), LM_ERR_OFFLINE_REFUSED);
    }
    assert_eq!((machine.status(Some(&id)).seats, world.seats(&id)), (2, (2, 3)));
    machine.apply(&world.answer(&machine.request_return(&id, 0).unwrap())).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 5)));
}

#[test]
fn an_activation_request_renews_a_lease() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.lone_machine("field-1");
    activate(&world, &machine, &id, 1);
    let first = machine.status(Some(&id)).lease_until;
    world.pass(DAY / 2);
    let renewal = machine.request_activation(&id, 1).unwrap();
    assert_eq!(machine.state(&id), "ACTIVE", "works on meanwhile");
    machine.apply(&world.answer(&renewal)).unwrap();
    assert!(machine.status(Some(&id)).lease_until >= first + DAY / 2);
    assert_eq!((machine.list()[0].2, world.seats(&id)), (2, (1, 0)));
}

#[test]
fn a_repair_by_a_file_heals_a_restored_store_and_takes_no_second_seat() {
    let world = World::new();
    let id = world.cc(5);
    let machine = world.lone_machine("field-1");
    activate(&world, &machine, &id, 2);
    let backup = machine.images();
    activate(&world, &machine, &id, 3);
    machine.put_back(&backup);
    let restored = machine.again();
    assert_eq!(restored.state(&id), "UNTRUSTED");
    let request = restored.request_repair(&id).unwrap();
    assert_eq!(restored.request_repair(&id).unwrap(), request);
    let first = world.answer(&request);
    assert_eq!(restored.state(&id), "UNTRUSTED", "not before the response is applied");
    restored.apply(&first).unwrap();
    let status = restored.status(Some(&id));
    assert_eq!((status.state, status.seats, world.seats(&id)), (LM_STATE_ACTIVE, 3, (3, 2)));
    fails(restored.apply(&first), LM_ERR_REPLAYED);
    fails(restored.request_repair(&world.nl(1)).map(|_| ()), LM_ERR_NOT_FOUND);
}

#[test]
fn a_response_from_a_portal_whose_clock_is_a_year_ahead_is_not_taken() {
    let world = World::new();
    let without_end = world.entitlement_with(1, |new| (new.terms.lease, new.terms.grace) = (0, 0));
    let (leased, perpetual) = (world.nl(2), world.id(&without_end, Kind::Nl, 1));
    let machine = world.lone_machine("field-1");
    activate(&world, &machine, &leased, 1);
    let other = world.lone_machine("field-2");
    let request = other.request_activation(&leased, 1).unwrap();
    world.pass(365 * DAY);
    let ahead = world.answer(&request);
    let images = other.images();
    let told = fails(other.apply(&ahead), LM_ERR_CLOCK);
    assert!(told.message.starts_with("The response is dated 2"), "{told:?}");
    assert_eq!((other.images(), other.state(&leased)), (images, "PENDING_ACTIVATION".to_owned()));
    // What has no end is taken, without that time: the other license isn't locked out by it.
    activate(&world, &machine, &perpetual, 1);
    assert_eq!(machine.state(&perpetual), "ACTIVE");
    assert_eq!(machine.state(&leased), "ACTIVE");

    // The portal's clock is mended. The answer is stored for ever, so the activation is given up.
    world.pass(-365 * DAY);
    fails(other.apply(&world.answer(&request)), LM_ERR_CLOCK);
    other.apply(&world.answer(&other.request_return(&leased, 0).unwrap())).unwrap();
    activate(&world, &other, &leased, 1);
    assert_eq!((other.state(&leased), world.seats(&leased)), ("ACTIVE".to_owned(), (2, 0)));
}

#[test]
fn a_response_dated_before_its_request_comes_too_late_and_is_asked_anew() {
    let world = World::founded(2 * 365 * DAY);
    let id = world.nl(1);
    let machine = world.lone_machine("field-1");
    let request = machine.request_activation(&id, 1).unwrap();
    world.pass(-365 * DAY);
    let behind = world.answer(&request);
    world.pass(365 * DAY);
    let told = fails(machine.apply(&behind), LM_ERR_TOO_LATE);
    assert!(told.message.contains("before its request was made"), "{told:?}");
    let status = machine.status(Some(&id));
    assert_eq!((status.state, status.usable), (LM_STATE_EXPIRED, 0));
    assert_eq!((status.cause, status.next_step), (LM_ERR_TOO_LATE, LM_NEXT_REFRESH));
    activate(&world, &machine, &id, 1);
    assert_eq!((machine.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (1, 0)));
    let repairs = world.portal.history(Some(&id), 100).unwrap();
    assert!(repairs.iter().all(|row| !row.flagged), "asked anew for nothing");
}

/// A portal that was a year ahead has signed so: only its word by a repair takes that back.
#[test]
fn a_repair_by_a_file_mends_a_time_mark_that_ran_ahead() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    world.pass(365 * DAY);
    machine.refresh(Some(&id)).unwrap();
    let status = machine.status(Some(&id));
    assert_eq!((status.state, status.cause), (LM_STATE_UNTRUSTED, LM_ERR_CLOCK));
    world.pass(-365 * DAY);
    let request = machine.request_repair(&id).unwrap();
    let response = world.answer(&request);
    machine.apply(&response).unwrap();
    let status = machine.status(Some(&id));
    assert_eq!((status.state, status.trust & LM_TRUST_TIME), (LM_STATE_ACTIVE, LM_TRUST_TIME));
    // The statement is of the day on which it is asked for, and the answer beside it the stored one.
    world.pass(60);
    assert_ne!(world.answer(&request), response);
}

#[test]
fn an_orphan_has_nothing_to_give_back_by_a_file() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.lone_machine("field-1");
    activate(&world, &machine, &id, 1);
    world.portal.rehost(&id, None).unwrap();
    let renewal = world.answer(&machine.request_activation(&id, 1).unwrap());
    fails(machine.apply(&renewal), LM_ERR_OBSOLETE);
    assert_eq!(machine.state(&id), "ORPHANED");
    fails(machine.request_return(&id, 0).map(|_| ()), LM_ERR_OBSOLETE);
    machine.remove(&id).unwrap();
    fails(machine.request_return(&id, 0).map(|_| ()), LM_ERR_NOT_FOUND);
}

/// R27, offline: the machine learns by its proof that there is nothing to credit.
#[test]
fn a_return_proof_of_what_was_rehosted_meanwhile_credits_nothing_and_cleans_up() {
    let world = World::new();
    let id = world.nl(1);
    let (machine, elsewhere) = (world.lone_machine("field-1"), world.machine("office"));
    activate(&world, &machine, &id, 1);
    let proof = machine.request_return(&id, 0).unwrap();
    world.portal.rehost(&id, None).unwrap();
    elsewhere.activate(&id, 1).unwrap();
    machine.apply(&world.answer(&proof)).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (1, 0)));
}

/// R11: nothing overrides it, a file neither.
#[test]
fn r11_a_return_by_a_file_is_refused_while_seats_are_checked_out() {
    let world = World::new();
    let id = world.cc(5);
    let machine = world.lone_machine("server-1");
    activate(&world, &machine, &id, 3);
    let seats = machine.checkout("ortho", 2).unwrap();
    let images = machine.images();
    fails(machine.request_return(&id, 0).map(|_| ()), LM_ERR_IN_USE);
    assert_eq!((machine.images(), machine.state(&id)), (images, "ACTIVE".to_owned()));
    let proof = machine.request_return(&id, 1).unwrap();
    machine.apply(&world.answer(&proof)).unwrap();
    drop(seats);
    let proof = machine.request_return(&id, 0).unwrap();
    fails(machine.checkout("ortho", 1).map(|_| ()), LM_ERR_NOT_ALLOWED);
    machine.apply(&world.answer(&proof)).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 5)));
}

/// A file that a restored portal has forgotten is made anew; the seats stay out of use meanwhile.
#[test]
fn a_return_proof_of_the_time_before_a_backup_was_restored_is_made_anew() {
    let mut world = World::new();
    let id = world.cc(5);
    let machine = world.lone_machine("field-1");
    activate(&world, &machine, &id, 2);
    world.backup("before");
    let proof = machine.request_return(&id, 0).unwrap();
    world.restore("before");
    fails(machine.apply(&world.answer(&proof)), LM_ERR_PORTAL_RESTORED);
    assert_eq!((machine.state(&id), world.seats(&id).0), ("PENDING_RETURN".to_owned(), 2));
    let anew = machine.request_return(&id, 0).unwrap();
    assert_ne!(anew, proof);
    machine.apply(&world.answer(&anew)).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 5)));
    fails(machine.apply(&world.answer(&proof)), LM_ERR_REPLAYED);
}
