//! R1–R7, R13: the machine gives its seats back.

use lm::ffi::*;

use crate::common::world::World;

#[test]
fn r01_a_returned_nl_id_activates_again_on_the_same_machine() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    for _ in 0..3 {
        machine.activate(&id, 1).unwrap();
        assert_eq!(machine.state(&id), "ACTIVE");
        machine.return_(&id, 0).unwrap();
        assert_eq!(machine.state(&id), "ABSENT");
    }
    assert_eq!(world.seats(&id), (0, 1));
}

#[test]
fn r02_a_returned_nl_id_activates_on_another_machine() {
    let world = World::new();
    let id = world.nl(1);
    let (one, other) = (world.machine("field-1"), world.machine("field-2"));
    one.activate(&id, 1).unwrap();
    one.return_(&id, 0).unwrap();
    other.activate(&id, 1).unwrap();
    assert_eq!((one.state(&id), other.state(&id)), ("ABSENT".to_owned(), "ACTIVE".to_owned()));
}

#[test]
fn r03_the_portal_still_lists_it_and_credits_it_once() {
    let world = World::new();
    let id = world.nl(2);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    assert_eq!(world.seats(&id), (1, 1));
    machine.return_(&id, 0).unwrap();
    assert_eq!(machine.return_(&id, 0).unwrap_err().code, LM_ERR_NOT_FOUND);
    assert_eq!(world.seats(&id), (0, 2));
    let shown = world.show(&id);
    assert_eq!((shown.status, shown.fulfillments.len()), ("active", 0));
    let returns = world.portal.history(Some(&id), 100).unwrap();
    assert_eq!(returns.iter().filter(|row| row.action == "return").count(), 1);
}

#[test]
fn r04_an_nl_id_in_use_is_refused_elsewhere_and_nothing_changes() {
    let world = World::new();
    let id = world.nl(1);
    let (holder, other) = (world.machine("field-1"), world.machine("field-2"));
    holder.activate(&id, 1).unwrap();
    let refused = other.activate(&id, 1).unwrap_err();
    assert_eq!(refused.code, LM_ERR_NO_SEATS, "{refused:?}");
    assert!(refused.detail.contains("field-1"), "says who holds it: {}", refused.detail);
    assert_eq!((holder.state(&id), other.state(&id)), ("ACTIVE".to_owned(), "ABSENT".to_owned()));
    assert_eq!(world.seats(&id), (1, 0));
}

#[test]
fn r05_client_return_works_for_cc_and_does_not_retire_the_id() {
    let world = World::new();
    let id = world.cc(5);
    let machine = world.machine("server-1");
    machine.activate(&id, 3).unwrap();
    assert_eq!(world.seats(&id), (3, 2));
    machine.return_(&id, 0).unwrap();
    assert_eq!(world.seats(&id), (0, 5));
    assert_eq!(world.show(&id).status, "active");
    machine.activate(&id, 5).unwrap();
}

#[test]
fn r06_returning_an_absent_id_changes_nothing() {
    let world = World::new();
    let (id, absent) = (world.nl(1), world.nl(1));
    let machine = world.machine("field-1");
    let nothing = machine.return_(&absent, 0).unwrap_err();
    assert_eq!(nothing.code, LM_ERR_NOT_FOUND);
    assert!(!machine.settings.storage.exists(), "no store is made for it");
    machine.activate(&id, 1).unwrap();
    let before = machine.images();
    assert_eq!(machine.return_(&absent, 0).unwrap_err().code, LM_ERR_NOT_FOUND);
    assert_eq!(machine.images(), before);
}

#[test]
fn r07_with_the_portal_away_the_license_is_pending_never_lost() {
    let mut world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    world.stop();
    let away = machine.return_(&id, 0).unwrap_err();
    assert_eq!(away.code, LM_ERR_NETWORK, "{away:?}");
    let status = machine.status(Some(&id));
    assert_eq!((status.state, status.usable), (LM_STATE_PENDING_RETURN, 0));
    assert_eq!(status.next_step, LM_NEXT_RESUME);
    let restarted = machine.again();
    assert_eq!(restarted.state(&id), "PENDING_RETURN");
    assert_eq!(world.seats(&id), (1, 0));
    world.start();
    restarted.resume().unwrap();
    assert_eq!(restarted.state(&id), "ABSENT");
    assert_eq!(world.seats(&id), (0, 1));
}

#[test]
fn r07_an_activation_with_the_portal_away_is_finished_or_abandoned_later() {
    let mut world = World::new();
    let (one, two) = (world.nl(1), world.nl(1));
    let machine = world.machine("field-1");
    world.stop();
    for id in [&one, &two] {
        assert_eq!(machine.activate(id, 1).unwrap_err().code, LM_ERR_NETWORK);
        assert_eq!(machine.state(id), "PENDING_ACTIVATION");
    }
    assert_eq!(machine.return_(&two, 0).unwrap_err().code, LM_ERR_NETWORK);
    assert_eq!(machine.state(&two), "PENDING_RETURN", "abandoned: it will never be used here");
    world.start();
    machine.resume().unwrap();
    assert_eq!(
        (machine.state(&one), machine.state(&two)),
        ("ACTIVE".to_owned(), "ABSENT".to_owned())
    );
    assert_eq!((world.seats(&one), world.seats(&two)), ((1, 0), (0, 1)));
}

#[test]
fn r13_some_of_the_seats_of_a_cc_record_can_be_returned() {
    let mut world = World::new();
    let id = world.cc(5);
    let machine = world.machine("server-1");
    machine.activate(&id, 5).unwrap();
    machine.return_(&id, 2).unwrap();
    assert_eq!(machine.status(Some(&id)).seats, 3);
    assert_eq!(world.seats(&id), (3, 2));
    let too_many = machine.return_(&id, 4).unwrap_err();
    assert_eq!(too_many.code, LM_ERR_INVALID_ARGUMENT);
    world.stop();
    machine.return_(&id, 1).unwrap_err();
    let status = machine.status(Some(&id));
    assert_eq!((status.state, status.usable, status.seats), (LM_STATE_PENDING_RETURN, 1, 2));
    world.start();
    machine.return_(&id, 1).unwrap();
    assert_eq!(machine.status(Some(&id)).seats, 2, "the same call is finished, not done twice");
    assert_eq!(world.seats(&id), (2, 3));
    machine.activate(&id, 4).unwrap();
    assert_eq!((machine.status(Some(&id)).seats, world.seats(&id)), (4, (4, 1)));
    machine.return_(&id, 4).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 5)));
}
