//! R70–R74: machines without a network. One file out, one file in.

use lm::ffi::*;
use lm_portal::Kind;

use crate::common::machine::{Failure, Machine};
use crate::common::world::World;

pub(crate) const DAY: i64 = 86_400;

/// One round trip.
pub(crate) fn activate(world: &World, machine: &Machine, id: &str, seats: u32) {
    let request = machine.request_activation(id, seats).unwrap();
    machine.apply(&world.answer(&request)).unwrap();
}

#[track_caller]
pub(crate) fn fails(outcome: Result<(), Failure>, code: lm_result) -> Failure {
    let failure = outcome.unwrap_err();
    assert_eq!(failure.code, code, "{failure:?}");
    failure
}

#[test]
fn r70_a_new_machine_without_any_contact_takes_one_round_trip() {
    let mut world = World::new();
    let (nl, cc) = (world.nl(1), world.cc(5));
    // Nobody can reach the portal, but for its own people.
    world.stop();
    let machine = world.lone_machine("field-1");
    for (id, seats) in [(&nl, 1), (&cc, 3)] {
        let request = machine.request_activation(id, seats).unwrap();
        assert_eq!(machine.state(id), "PENDING_ACTIVATION");
        let response = world.answer(&request);
        assert_eq!(world.seats(id).0, i64::from(seats), "the portal has granted it");
        machine.apply(&response).unwrap();
        let status = machine.status(Some(id));
        assert_eq!((status.state, status.usable, status.seats), (LM_STATE_ACTIVE, 1, seats));
        assert!(status.lease_until > world.now());
    }
    assert_eq!(machine.feature_status("ortho").unwrap().usable, 1);
    assert_eq!(machine.again().state(&nl), "ACTIVE", "after a restart too");
    fails(machine.refresh(Some(&nl)), LM_ERR_NO_PORTAL);
}

#[test]
fn r70_one_file_serves_many_machines_and_each_takes_its_own_part() {
    let world = World::new();
    let (site, other) = (world.cc(10), world.nl(1));
    let machines: Vec<_> =
        ["field-1", "field-2", "field-3"].map(|name| world.lone_machine(name)).into();
    let mut joined = Vec::new();
    for machine in &machines {
        joined.extend(machine.request_activation(&site, 2).unwrap());
    }
    joined.extend(machines[0].request_activation(&other, 1).unwrap());
    let response = world.answer(&joined);
    assert_eq!((world.seats(&site), world.seats(&other)), ((6, 4), (1, 0)));
    for machine in &machines {
        machine.apply(&response).unwrap();
        assert_eq!(machine.status(Some(&site)).seats, 2);
    }
    assert_eq!(machines[0].state(&other), "ACTIVE", "two of one machine");
    let stranger = world.lone_machine("field-4");
    let told = fails(stranger.apply(&response), LM_ERR_MISMATCH);
    assert!(told.message.contains("another machine"), "{told:?}");
}

/// One machine's refusal is its own.
#[test]
fn r70_in_a_batch_the_refused_are_told_so_and_the_others_work() {
    let world = World::new();
    let id = world.nl(1);
    let (one, two) = (world.lone_machine("field-1"), world.lone_machine("field-2"));
    let mut joined = one.request_activation(&id, 1).unwrap();
    joined.extend(two.request_activation(&id, 1).unwrap());
    let response = world.answer(&joined);
    one.apply(&response).unwrap();
    let refused = fails(two.apply(&response), LM_ERR_NO_SEATS);
    assert!(refused.detail.contains("field-1"), "{refused:?}");
    assert_eq!((one.state(&id), two.state(&id)), ("ACTIVE".to_owned(), "ABSENT".to_owned()));
}

#[test]
fn r71_a_response_works_once_and_for_its_machine_only() {
    let world = World::new();
    let id = world.nl(2);
    let (machine, other) = (world.lone_machine("field-1"), world.lone_machine("field-2"));
    let response = world.answer(&machine.request_activation(&id, 1).unwrap());
    let own = world.answer(&other.request_activation(&id, 1).unwrap());
    fails(other.apply(&response), LM_ERR_MISMATCH);
    machine.apply(&response).unwrap();
    fails(machine.apply(&response), LM_ERR_REPLAYED);
    fails(machine.again().apply(&response), LM_ERR_REPLAYED);
    fails(machine.apply(&own), LM_ERR_MISMATCH);
    assert_eq!((machine.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (2, 0)));
    other.apply(&own).unwrap();
}

#[test]
fn r71_the_request_and_its_response_are_the_same_bytes_again() {
    let world = World::new();
    let id = world.cc(5);
    let machine = world.lone_machine("field-1");
    let request = machine.request_activation(&id, 2).unwrap();
    assert_eq!(machine.request_activation(&id, 2).unwrap(), request);
    assert_eq!(machine.again().request_activation(&id, 2).unwrap(), request);
    let response = world.answer(&request);
    world.pass(2 * DAY);
    assert_eq!(world.answer(&request), response, "issued again, identical");
    assert_eq!(world.seats(&id), (2, 3));
    machine.apply(&response).unwrap();

    // True no more: another generation by now, then none at all.
    world.pass(-2 * DAY);
    let renewal = machine.request_activation(&id, 2).unwrap();
    machine.apply(&world.answer(&renewal)).unwrap();
    let text = String::from_utf8(world.answer(&request)).unwrap();
    assert!(text.lines().next().unwrap().ends_with(": stale"), "{text}");
    world.portal.rehost(&id, None).unwrap();
    let text = String::from_utf8(world.answer(&request)).unwrap();
    assert!(text.lines().next().unwrap().ends_with(": obsolete"), "{text}");
    fails(machine.apply(text.as_bytes()), LM_ERR_REPLAYED);
    assert_eq!(machine.state(&id), "ACTIVE", "until it makes contact again");
}

/// A store that was put back does not come to life by a response that it has seen before.
#[test]
fn r71_an_old_response_gives_nothing_to_a_restored_store() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.lone_machine("field-1");
    let request = machine.request_activation(&id, 1).unwrap();
    let before = machine.images();
    let response = world.answer(&request);
    machine.apply(&response).unwrap();
    let proof = machine.request_return(&id, 0).unwrap();
    machine.apply(&world.answer(&proof)).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 1)));

    machine.put_back(&before);
    let restored = machine.again();
    fails(restored.apply(&response), LM_ERR_RESTORED);
    let status = restored.status(Some(&id));
    assert_eq!((status.state, status.usable), (LM_STATE_UNTRUSTED, 0));
    assert_eq!(world.seats(&id), (0, 1));
}

#[test]
fn r72_an_offline_return_disables_at_once_and_its_proof_is_credited_when_it_comes() {
    let world = World::new();
    let id = world.nl(1);
    let (machine, elsewhere) = (world.lone_machine("field-1"), world.machine("office"));
    activate(&world, &machine, &id, 1);
    let observer = machine.again();
    assert_eq!(observer.status(Some(&id)).usable, 1);
    let proof = machine.request_return(&id, 0).unwrap();
    for seen_by in [&machine, &observer, &machine.again()] {
        let status = seen_by.status(Some(&id));
        assert_eq!((status.state, status.usable), (LM_STATE_PENDING_RETURN, 0));
    }
    assert_eq!(machine.request_return(&id, 0).unwrap(), proof);
    assert_eq!(world.seats(&id), (1, 0), "no proof, no credit");
    fails(elsewhere.activate(&id, 1), LM_ERR_NO_SEATS);

    let response = world.answer(&proof);
    assert_eq!(world.seats(&id), (0, 1));
    elsewhere.activate(&id, 1).unwrap();
    machine.apply(&response).unwrap();
    assert_eq!(machine.state(&id), "ABSENT");
}

#[test]
fn r72_only_the_portals_refusal_makes_it_usable_again() {
    let world = World::new();
    let limited = world.entitlement_with(1, |new| new.return_limit = Some(0));
    let id = world.id(&limited, Kind::Nl, 1);
    let machine = world.lone_machine("field-1");
    activate(&world, &machine, &id, 1);
    let response = world.answer(&machine.request_return(&id, 0).unwrap());
    assert_eq!(machine.state(&id), "PENDING_RETURN");
    fails(machine.apply(&response), LM_ERR_RETURN_LIMIT);
    assert_eq!((machine.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (1, 0)));
}

#[test]
fn r72_some_of_the_seats_go_back_by_a_file() {
    let world = World::new();
    let id = world.cc(5);
    let machine = world.lone_machine("server-1");
    activate(&world, &machine, &id, 3);
    activate(&world, &machine, &id, 5);
    assert_eq!((machine.status(Some(&id)).seats, world.seats(&id)), (5, (5, 0)));
    let proof = machine.request_return(&id, 2).unwrap();
    let status = machine.status(Some(&id));
    assert_eq!((status.state, status.usable, status.seats), (LM_STATE_PENDING_RETURN, 1, 3));
    machine.apply(&world.answer(&proof)).unwrap();
    assert_eq!((machine.status(Some(&id)).seats, world.seats(&id)), (3, (3, 2)));
}

#[test]
fn r73_a_replayed_proof_credits_nothing() {
    let world = World::new();
    let id = world.nl(1);
    let (machine, elsewhere) = (world.lone_machine("field-1"), world.machine("office"));
    activate(&world, &machine, &id, 1);
    let proof = machine.request_return(&id, 0).unwrap();
    let response = world.answer(&proof);
    assert_eq!(world.answer(&proof), response);
    assert_eq!(world.seats(&id), (0, 1));
    elsewhere.activate(&id, 1).unwrap();
    assert_eq!(world.answer(&proof), response, "the stored answer, and no more");
    assert_eq!(world.seats(&id), (1, 0));
    assert_eq!(elsewhere.refresh(Some(&id)).map(|()| elsewhere.state(&id)).unwrap(), "ACTIVE");

    // Back on the first machine, which has forgotten nothing.
    elsewhere.return_(&id, 0).unwrap();
    machine.apply(&response).unwrap();
    activate(&world, &machine, &id, 1);
    assert_eq!(world.answer(&proof), response);
    fails(machine.apply(&response), LM_ERR_REPLAYED);
    assert_eq!((machine.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (1, 0)));
    let returns = world.portal.history(Some(&id), 100).unwrap();
    let by_file = returns.iter().filter(|row| row.action == "return" && row.origin == "file");
    assert_eq!(by_file.count(), 1);
}

#[test]
fn r74_what_mail_makes_of_a_file_is_still_that_file() {
    let world = World::new();
    let id = world.nl(3);
    for journey in 0..3 {
        let machine = world.lone_machine(&format!("field-{journey}"));
        let travelled = |file: Vec<u8>| {
            let text = String::from_utf8(file).unwrap();
            match journey {
                0 => format!("\u{FEFF}{}", text.replace('\n', "\r\n")).into_bytes(),
                1 => [0xFEFF]
                    .into_iter()
                    .chain(text.encode_utf16())
                    .flat_map(u16::to_le_bytes)
                    .collect(),
                _ => text
                    .lines()
                    .map(|line| format!("> {line}\n\n"))
                    .collect::<String>()
                    .into_bytes(),
            }
        };
        let request = travelled(machine.request_activation(&id, 1).unwrap());
        machine.apply(&travelled(world.answer(&request))).unwrap();
        assert_eq!(machine.state(&id), "ACTIVE");
    }
}

/// Nothing of a response that was cut or changed anywhere is applied, and the whole one still is.
#[test]
fn r74_a_response_cut_or_changed_anywhere_is_refused_and_nothing_is_lost() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.lone_machine("field-1");
    let response = world.answer(&machine.request_activation(&id, 1).unwrap());
    let text = String::from_utf8(response.clone()).unwrap();
    let images = machine.images();
    let mut told = std::collections::BTreeSet::new();
    for end in 0..text.trim_end().len() {
        told.insert(fails(machine.apply(&response[..end]), LM_ERR_MALFORMED).message);
    }
    assert!(told.len() >= 3, "{told:?}");
    let begin = text.find("BEGIN").unwrap();
    for (at, line) in text.lines().enumerate() {
        let place = text.lines().take(at).map(|line| line.len() + 1).sum::<usize>();
        if place < begin || line.is_empty() {
            continue;
        }
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines[at] = line.chars().rev().collect();
        fails(machine.apply(lines.join("\n").as_bytes()), LM_ERR_MALFORMED);
        lines.remove(at);
        fails(machine.apply(lines.join("\n").as_bytes()), LM_ERR_MALFORMED);
    }
    assert_eq!(machine.images(), images, "nothing was written");
    machine.apply(&response).unwrap();
}

/// What a return had displaced comes back by that return's refusal, and is of the older store, too.
#[test]
fn r54_a_displaced_operation_of_a_restored_store_heals_nothing() {
    let world = World::new();
    let entitlement = world.entitlement_with(1, |new| new.return_limit = Some(1));
    let id = world.id(&entitlement, Kind::Nl, 1);
    let machine = world.lone_machine("field-1");
    // The one return of the period.
    activate(&world, &machine, &id, 1);
    let request = machine.request_return(&id, 0).unwrap();
    machine.apply(&world.answer(&request)).unwrap();
    activate(&world, &machine, &id, 1);
    // A renewal, its response kept; then a return over it, which is refused.
    let renewal = machine.request_activation(&id, 1).unwrap();
    let renewed = world.answer(&renewal);
    let request = machine.request_return(&id, 0).unwrap();
    let refused = world.answer(&request);
    let saved = machine.images();
    fails(machine.apply(&refused), LM_ERR_RETURN_LIMIT);
    machine.apply(&renewed).unwrap();
    assert_eq!(machine.state(&id), "ACTIVE");
    // Later it is returned for good.
    world.portal.allow(&id, lm_portal::Tally::Return, 1).unwrap();
    let request = machine.request_return(&id, 0).unwrap();
    machine.apply(&world.answer(&request)).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 1)));
    // Somebody else takes the seat.
    let other = world.lone_machine("field-2");
    activate(&world, &other, &id, 1);
    // The older store is put back, and the two old responses are applied again.
    machine.put_back(&saved);
    let restored = machine.again();
    assert_eq!(restored.told(&id), "PENDING_RETURN, cause LM_ERR_RESTORED");
    let _ = restored.apply(&refused);
    let _ = restored.apply(&renewed);
    let status = restored.status(Some(&id));
    assert_eq!((status.usable, other.status(Some(&id)).usable), (0, 1), "{}", restored.told(&id));
    assert_eq!(world.seats(&id), (1, 0));
}
