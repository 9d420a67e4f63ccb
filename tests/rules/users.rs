//! The bad days of users (U4, U11, U12, U13, U19): each promise kept, end to end. U3 stands with the
//! Administrator's and the portal's tests of a release by the owner.

use std::net::TcpListener;

use lm::ffi::*;
use lm::{Code, State};
use lm_portal::Kind;

use crate::common::days::Days;
use crate::common::machine::Machine;
use crate::common::wire::{End, Fate, Wire};
use crate::common::world::World;
use crate::offline::fails;

const DAY: i64 = 86_400;

/// The portal is down: a paying user works, at once, and the two ways to get nothing are told apart.
#[test]
fn u04_with_the_portal_down_who_has_paid_works_and_nobody_waits() {
    let mut world = World::new();
    let (id, elsewhere) = (world.nl(1), world.nl(1));
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    world.machine("field-2").activate(&elsewhere, 1).unwrap();
    let denied = machine.activate(&elsewhere, 1).unwrap_err();
    assert_eq!(denied.code, LM_ERR_NO_SEATS);
    world.stop();
    // Whoever listens there now would notice each attempt, and answers none.
    let address = world.url().trim_start_matches("http://").to_owned();
    let silent = TcpListener::bind(&address).unwrap();
    silent.set_nonblocking(true).unwrap();
    let restarted = machine.again();
    assert_eq!(restarted.status(Some(&id)).usable, 1);
    assert_eq!(restarted.feature_status("ortho").unwrap().usable, 1);
    assert_eq!(restarted.list().len(), 1);
    assert!(silent.accept().is_err(), "open, status and list ask nobody");
    drop(silent);
    // Unreached is another code than denied, and a routine does not ask a dead portal at each call.
    let unreached = restarted.refresh(Some(&id)).unwrap_err();
    assert_eq!(unreached.code, LM_ERR_NETWORK);
    let silent = TcpListener::bind(&address).unwrap();
    silent.set_nonblocking(true).unwrap();
    for _ in 0..5 {
        assert_eq!(restarted.refresh(Some(&id)).unwrap_err().code, LM_ERR_NETWORK);
        assert_eq!(restarted.again().refresh(None).unwrap_err().code, LM_ERR_NETWORK);
    }
    assert!(silent.accept().is_err(), "nobody was asked");
    assert_eq!(restarted.status(Some(&id)).usable, 1, "a lost refresh takes nothing away");
}

/// The lease is over and the portal away: the host goes on for as long as the vendor allowed.
#[test]
fn u04_a_lease_that_ran_out_is_followed_by_the_grace_that_the_vendor_set() {
    let mut world = World::new();
    let entitlement =
        world.entitlement_with(1, |new| (new.terms.lease, new.terms.grace) = (DAY, 20 * DAY));
    let id = world.id(&entitlement, Kind::Nl, 1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    world.stop();
    let days = Days::default();
    let client = days.client_of(&machine);
    let told = || {
        let status = client.status(Some(&id)).unwrap();
        (status.state, status.usable, status.cause)
    };
    let status = client.status(Some(&id)).unwrap();
    assert_eq!(status.grace_until - status.lease_until, 20 * DAY);
    days.reach(status.lease_until + 1);
    assert!(client.refresh(Some(&id)).is_err_and(|error| error.code().is_network()));
    let (state, usable, _) = told();
    assert_eq!((state, usable), (State::Grace, true));
    days.reach(status.grace_until - 3600);
    let (state, usable, _) = told();
    assert_eq!((state, usable), (State::Grace, true), "to its end");
    days.reach(status.grace_until + 1);
    assert_eq!(told(), (State::Expired, false, Some(Code::LeaseOver)));
}

/// Backup, return, restore: not usable, no second credit, and no file beside the network multiplies it.
#[test]
fn u11_a_backup_put_back_after_a_return_or_a_file_beside_it_gives_no_second_seat() {
    let world = World::new();
    let id = world.nl(1);
    let (machine, other) = (world.machine("field-1"), world.machine("field-2"));
    machine.activate(&id, 1).unwrap();
    let backup = machine.images();
    // The file goes out, the network is quicker, and the backup comes back.
    let proof = machine.request_return(&id, 0).unwrap();
    assert_eq!(machine.status(Some(&id)).usable, 0, "from the file on");
    machine.return_(&id, 0).unwrap();
    other.activate(&id, 1).unwrap();
    machine.put_back(&backup);
    let restored = machine.again();
    let status = restored.status(Some(&id));
    assert_eq!((status.state, status.usable), (LM_STATE_UNTRUSTED, 0));
    assert_eq!(restored.feature_status("ortho").unwrap().usable, 0);
    // Neither the file nor the backup frees or takes what is the other machine's by now.
    world.answer(&proof);
    assert_eq!((world.seats(&id), other.state(&id)), ((1, 0), "ACTIVE".to_owned()));
    assert_eq!(restored.activate(&id, 1).unwrap_err().code, LM_ERR_NO_SEATS);
    restored.return_(&id, 0).unwrap();
    assert_eq!((world.seats(&id), restored.state(&id)), ((1, 0), "ABSENT".to_owned()));
    other.refresh(Some(&id)).unwrap();
}

/// A return that was cut, on its way there and on its way back: never a copy that looks valid, never
/// a seat that stays taken.
#[test]
fn u12_a_return_that_was_cut_neither_strands_the_seat_nor_looks_valid() {
    let world = World::new();
    let id = world.nl(1);
    let (machine, other) = (world.machine("field-1"), world.machine("field-2"));
    let wire = Wire::to(world.url());
    let cut = machine.with(|settings| settings.portal_url = Some(wire.url()));
    for (fate, freed) in
        [(Fate::CutRequestAt(400, End::Reset), 0), (Fate::CutReplyAt(400, End::Reset), 1)]
    {
        machine.activate(&id, 1).unwrap();
        wire.next(&[fate]);
        assert_eq!(cut.return_(&id, 0).unwrap_err().code, LM_ERR_NETWORK);
        assert_eq!(world.seats(&id), (1 - freed, freed));
        // The dialog of the next day: it does not look valid, and says how to go on.
        let next_day = machine.again();
        let status = next_day.status(Some(&id));
        assert_eq!((status.state, status.usable), (LM_STATE_PENDING_RETURN, 0));
        assert_eq!(status.next_step, LM_NEXT_RESUME);
        assert_eq!(next_day.list().len(), 1, "the copy is not wiped before the portal has it");
        next_day.return_(&id, 0).unwrap();
        assert_eq!((next_day.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 1)));
        other.activate(&id, 1).unwrap();
        other.return_(&id, 0).unwrap();
    }
    let history = world.portal.history(Some(&id), 100).unwrap();
    let returns = history.iter().filter(|row| row.action == "return").count();
    assert_eq!(returns, 4, "each return is credited once");
}

/// The license is refused or broken, the application is gone: the seat comes back all the same.
#[test]
fn u13_a_return_is_reached_in_every_state() {
    let world = World::new();
    let gives_back = |what: &str, machine: &Machine, id: &str| {
        assert_eq!(machine.status(Some(id)).usable, 0, "{what}");
        machine.return_(id, 0).unwrap_or_else(|failure| panic!("{what}: {failure:?}"));
        assert_eq!((machine.state(id), world.seats(id)), ("ABSENT".to_owned(), (0, 1)), "{what}");
    };
    let active = |identity: &str, id: &str| {
        let machine = world.machine(identity);
        machine.activate(id, 1).unwrap();
        machine
    };
    let id = world.nl(1);
    let machine = active("an older store", &id);
    let old = machine.images();
    machine.refresh(Some(&id)).unwrap();
    machine.put_back(&old);
    let restored = machine.again();
    restored.repair(&id).unwrap();
    machine.put_back(&old);
    let restored = machine.again();
    assert_eq!(restored.state(&id), "UNTRUSTED");
    // Stale: the portal knows a newer one. The person is told what to do, and does it.
    fails(restored.return_(&id, 0), LM_ERR_STALE);
    restored.repair(&id).unwrap();
    restored.return_(&id, 0).unwrap();
    assert_eq!((restored.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 1)));

    let id = world.nl(1);
    let machine = active("a clock that is behind", &id);
    world.pass(3 * DAY);
    machine.refresh(Some(&id)).unwrap();
    assert_eq!(machine.status(Some(&id)).cause, LM_ERR_CLOCK);
    gives_back("a clock that is behind", &machine, &id);
    world.pass(-3 * DAY);

    let id =
        world.id(&world.entitlement_with(1, |new| new.starts_at = world.now() + DAY), Kind::Nl, 1);
    gives_back("not yet valid", &active("not yet valid", &id), &id);

    let id = world.cc(1);
    let machine = active("retired", &id);
    world.portal.portal_return(&id).unwrap();
    fails(machine.refresh(Some(&id)), LM_ERR_OBSOLETE);
    machine.return_(&id, 0).unwrap();
    assert_eq!(machine.state(&id), "ABSENT");

    // Without the network, and after the application is gone: a file of whoever has the library.
    let id = world.nl(1);
    let machine = active("uninstalled", &id);
    let administrator = machine.with(|settings| settings.portal_url = None);
    let proof = administrator.request_return(&id, 0).unwrap();
    gives_back_by_file(&world, &administrator, &id, &proof);
}

fn gives_back_by_file(world: &World, machine: &Machine, id: &str, proof: &[u8]) {
    assert_eq!(machine.status(Some(id)).usable, 0, "from the file on");
    machine.apply(&world.answer(proof)).unwrap();
    assert_eq!((machine.state(id), world.seats(id)), ("ABSENT".to_owned(), (0, 1)));
}

/// Twenty machines without a network, one file out, one file in.
#[test]
fn u19_an_air_gapped_site_with_many_machines_sends_one_file() {
    let world = World::new();
    let id = world.nl(20);
    let site: Vec<_> = (0..20).map(|n| world.lone_machine(&format!("field-{n}"))).collect();
    let requests = |of: &dyn Fn(&Machine) -> Vec<u8>| site.iter().flat_map(of).collect::<Vec<u8>>();
    let out = requests(&|machine| machine.request_activation(&id, 1).unwrap());
    let back = world.answer(&out);
    site.iter().for_each(|machine| machine.apply(&back).unwrap());
    assert!(site.iter().all(|machine| machine.state(&id) == "ACTIVE"));
    assert_eq!(world.seats(&id), (20, 0));
    let out = requests(&|machine| machine.request_return(&id, 0).unwrap());
    assert!(site.iter().all(|machine| machine.status(Some(&id)).usable == 0));
    let back = world.answer(&out);
    site.iter().for_each(|machine| machine.apply(&back).unwrap());
    assert!(site.iter().all(|machine| machine.state(&id) == "ABSENT"));
    assert_eq!(world.seats(&id), (0, 20));
}

/// A build machine that is thrown away: its seat comes back by itself once its lease is over.
#[test]
fn u19_a_build_machine_that_is_gone_gives_its_seat_back_by_itself() {
    let world = World::founded(3600);
    let entitlement = world.entitlement_with(1, |new| {
        (new.terms.lease, new.terms.grace, new.terms.clock_tolerance) = (900, 0, 300);
        new.terms.reclaim = true;
    });
    let id = world.id(&entitlement, Kind::Nl, 1);
    let (gone, next) = (world.machine("build-1"), world.machine("build-2"));
    // An hour ago.
    world.pass(-3600);
    gone.activate(&id, 1).unwrap();
    assert_eq!(next.activate(&id, 1).unwrap_err().code, LM_ERR_NO_SEATS, "it may still work");
    world.pass(3600);
    assert_eq!(world.seats(&id), (0, 1), "nobody has to do anything");
    next.activate(&id, 1).unwrap();
    assert_eq!((next.list().len(), world.seats(&id)), (1, (1, 0)));
    // And should it come back, it is told.
    fails(gone.refresh(Some(&id)), LM_ERR_OBSOLETE);
    assert_eq!((gone.state(&id), next.state(&id)), ("ORPHANED".to_owned(), "ACTIVE".to_owned()));
}
