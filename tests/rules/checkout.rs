//! R11, and what a checkout promises: seats of a concurrent record, shared by the clients of a
//! machine. (What only processes can show stands in `tests/seats`.)

use lm::ffi::*;
use lm::storage::{Place, Slots, Storage, Take, bytes_of};

use crate::common::disk::{Disk, Trouble};
use crate::common::machine::{Failure, Machine, PRODUCT, Seat};
use crate::common::world::World;

fn refusal(refused: Result<Seat, Failure>) -> Failure {
    refused.err().expect("a refusal")
}

fn code(refused: Result<Seat, Failure>) -> i32 {
    refusal(refused).code
}

/// Seats in use as the status and the list of a client have them, which always agree.
fn in_use(machine: &Machine, id: &str) -> u32 {
    let listed = machine.listed_in_use(id);
    assert_eq!(machine.status(Some(id)).seats_in_use, listed);
    assert_eq!(machine.again().status(Some(id)).seats_in_use, listed, "as another process has it");
    listed
}

#[test]
fn r11_a_return_while_seats_are_checked_out_is_refused() {
    let world = World::new();
    let id = world.cc(5);
    let machine = world.machine("server-1");
    machine.activate(&id, 5).unwrap();
    let before = machine.images();
    // In another client: as in another process.
    let seat = machine.again().checkout("ortho", 2).unwrap();
    for seats in [0, 4, 5] {
        let refused = machine.return_(&id, seats).unwrap_err();
        assert_eq!(refused.code, LM_ERR_IN_USE, "{refused:?}");
        let detail: serde_json::Value = serde_json::from_str(&refused.detail).unwrap();
        assert_eq!(detail["seats_in_use"], 2);
        let holder = &detail["holders"][0];
        assert_eq!((&holder["seats"], &holder["pid"]), (&2.into(), &std::process::id().into()));
        assert!(holder["program"].as_str().unwrap().starts_with("rules"), "{holder}");
    }
    // By a file as over the network: making the request would end the use.
    for seats in [0, 4] {
        assert_eq!(machine.request_return(&id, seats).unwrap_err().code, LM_ERR_IN_USE);
    }
    assert_eq!(machine.images(), before, "nothing was begun");
    assert_eq!((machine.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (5, 0)));
    // Removing is no way around it, and neither is a refresh.
    assert_eq!(machine.remove(&id).unwrap_err().code, LM_ERR_NOT_ALLOWED);
    machine.refresh(Some(&id)).unwrap();
    assert_eq!(machine.return_(&id, 0).unwrap_err().code, LM_ERR_IN_USE);
    seat.checkin().unwrap();
    machine.return_(&id, 0).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 5)));
}

/// Rule "high bytes": what is free above the seats in use can go, and nothing below.
#[test]
fn r11_r13_seats_that_are_free_can_be_returned_beside_those_in_use() {
    let mut world = World::new();
    let id = world.cc(5);
    let machine = world.machine("server-1");
    machine.activate(&id, 5).unwrap();
    let [low, high] = [2, 1].map(|seats| machine.checkout("ortho", seats).unwrap());
    machine.return_(&id, 2).unwrap();
    assert_eq!((machine.status(Some(&id)).seats, world.seats(&id)), (3, (3, 2)));
    assert_eq!(in_use(&machine, &id), 3);
    assert_eq!(machine.return_(&id, 1).unwrap_err().code, LM_ERR_IN_USE);
    assert_eq!(code(machine.checkout("ortho", 1)), LM_ERR_NO_FREE_SEAT);
    low.checkin().unwrap();
    // The highest is in use still, though two are free: the holder has to take another first.
    assert_eq!(machine.return_(&id, 1).unwrap_err().code, LM_ERR_IN_USE);
    let moved = machine.checkout("ortho", 1).unwrap();
    drop(high);
    // While a return is under way its seats are gone from here.
    world.stop();
    assert_eq!(machine.return_(&id, 2).unwrap_err().code, LM_ERR_NETWORK);
    let status = machine.status(Some(&id));
    assert_eq!((status.state, status.usable, status.seats), (LM_STATE_PENDING_RETURN, 1, 1));
    assert_eq!(code(machine.checkout("ortho", 1)), LM_ERR_NO_FREE_SEAT);
    world.start();
    machine.resume().unwrap();
    assert_eq!(world.seats(&id), (1, 4));
    drop(moved);
    machine.return_(&id, 0).unwrap();
}

#[test]
fn seats_are_shared_by_all_clients_of_a_machine_and_come_back() {
    let world = World::new();
    let id = world.cc(3);
    let machine = world.machine("server-1");
    machine.activate(&id, 3).unwrap();
    let (one, other) = (machine.again(), machine.again());
    let first = one.checkout("ortho", 1).unwrap();
    let second = other.checkout("ortho", 2).unwrap();
    assert_eq!(in_use(&machine, &id), 3);
    assert!(machine.sentence(&id).contains("3 seats (3 in use)"), "{}", machine.sentence(&id));
    let full = refusal(machine.checkout("ortho", 1));
    assert_eq!(full.code, LM_ERR_NO_FREE_SEAT);
    assert!(full.detail.contains("\"seats_in_use\":3"), "{}", full.detail);

    second.checkin().unwrap();
    second.checkin().unwrap();
    assert_eq!(in_use(&machine, &id), 1);
    let two = machine.checkout("ortho", 2).unwrap();
    drop(two);
    // All or none.
    assert_eq!(code(machine.checkout("ortho", 3)), LM_ERR_NO_FREE_SEAT);
    assert_eq!(in_use(&machine, &id), 1);
    // A seat outlives its client, and its use goes on.
    drop(one);
    assert_eq!(in_use(&machine, &id), 1);
    drop(first);
    assert_eq!(in_use(&machine, &id), 0);
    let all = machine.checkout("ortho", 3).unwrap();
    all.checkin().unwrap();
    let too_many = refusal(machine.checkout("ortho", 4));
    assert_eq!(too_many.code, LM_ERR_NO_FREE_SEAT);
    assert!(too_many.message.contains("has 3 seats"), "{}", too_many.message);
}

#[test]
fn a_checkout_is_refused_for_its_cause() {
    let world = World::new();
    let (cc, nl) = (world.cc(2), world.nl(1));
    let machine = world.machine("server-1");
    assert_eq!(code(machine.checkout("ortho", 1)), LM_ERR_FEATURE, "no store at all");
    assert!(!machine.settings.storage.exists(), "and none is made");
    machine.activate(&nl, 1).unwrap();
    let refused = refusal(machine.checkout("ortho", 1));
    assert_eq!(refused.code, LM_ERR_WRONG_KIND, "{refused:?}");
    machine.activate(&cc, 2).unwrap();
    assert_eq!(code(machine.checkout("nothing", 1)), LM_ERR_FEATURE);
    assert_eq!(code(machine.checkout("no name", 1)), LM_ERR_INVALID_ARGUMENT);
    assert_eq!(code(machine.checkout("ortho", 0)), LM_ERR_INVALID_ARGUMENT);
    assert_eq!(code(machine.checkout("ortho", 1_000_001)), LM_ERR_INVALID_ARGUMENT);
    drop(machine.checkout("raster", 1).unwrap());

    let seat = machine.checkout("ortho", 1).unwrap();
    world.portal.portal_return(&cc).unwrap();
    assert_eq!(machine.refresh(Some(&cc)).unwrap_err().code, LM_ERR_OBSOLETE);
    assert_eq!(code(machine.checkout("ortho", 1)), LM_ERR_OBSOLETE, "not the other's WRONG_KIND");
    assert_eq!(in_use(&machine, &cc), 1, "what was in use still is, without a right");
    // R27: there is nothing to return, so nothing stands against cleaning up.
    machine.return_(&cc, 0).unwrap();
    drop(seat);
    assert_eq!(code(machine.checkout("ortho", 1)), LM_ERR_WRONG_KIND);
}

/// A lock takes no room: of a holder who can't leave word only the seat is known.
#[test]
fn a_full_disk_costs_no_seat() {
    let world = World::new();
    let id = world.cc(1);
    let machine = world.machine("server-1");
    machine.activate(&id, 1).unwrap();
    let mut options = lm::Options::new(PRODUCT, machine.settings.trust_root.as_str());
    options.storage_dir = Some(machine.settings.storage.clone());
    options.host_identity = Some(machine.settings.identity.clone());
    let full = lm::Client::open_with(options, Disk::default().with(Trouble::Full)).unwrap();
    let seat = full.checkout("ortho", 1).unwrap();
    let refused = machine.return_(&id, 0).unwrap_err();
    assert_eq!(refused.detail, r#"{"seats_in_use":1,"holders":[{"seats":1}]}"#);
    full.checkin(seat).unwrap();
    machine.return_(&id, 0).unwrap();
}

/// Seats on their way back are out of use, whoever holds their bytes: a checkout does so for a moment,
/// before it reads that they are gone. An answer that has them asked for anew minds nobody.
#[test]
fn a_return_that_a_restored_portal_forgot_is_asked_anew_beside_a_checkout() {
    let mut world = World::new();
    let id = world.cc(3);
    let machine = world.machine("server-1");
    machine.activate(&id, 3).unwrap();
    world.backup("kept");
    machine.refresh(None).unwrap();
    let used = machine.checkout("ortho", 1).unwrap();
    world.stop();
    assert_eq!(machine.return_(&id, 2).unwrap_err().code, LM_ERR_NETWORK);
    world.start();
    world.restore("kept");
    let mut half = slots(&machine);
    let first = bytes_of(&id).start;
    assert_eq!(half.take(first + 2..first + 3, 1).unwrap(), Take::Taken);
    machine.resume().unwrap();
    assert_eq!((machine.status(Some(&id)).seats, world.seats(&id)), (1, (1, 2)));
    drop((half, used));
}

/// What a checkout has opened that has not come to its end.
fn slots(machine: &Machine) -> Slots {
    let place = Place {
        vendor: lm_protocol::TrustRoot::parse(&machine.settings.trust_root).unwrap().vendor,
        product: PRODUCT.to_owned(),
        scope: lm::Scope::User,
        dir: Some(machine.settings.storage.clone()),
    };
    let storage = Storage::new(&place, &Disk::default().with(Trouble::None)).unwrap();
    storage.slots().unwrap().unwrap()
}

#[test]
fn seats_come_from_the_best_record_that_has_enough() {
    let world = World::new();
    let ends = |seats, days: i64| {
        let term = world.now() + days * 86_400;
        let entitlement = world.entitlement_with(seats, |new| {
            (new.expires_at, new.terms.lease, new.terms.grace) = (term, 0, 0);
        });
        world.id(&entitlement, lm_portal::Kind::Cc, seats)
    };
    let (later, sooner) = (ends(1, 30), ends(3, 20));
    let machine = world.machine("server-1");
    machine.activate(&sooner, 3).unwrap();
    machine.activate(&later, 1).unwrap();
    let used = || (in_use(&machine, &later), in_use(&machine, &sooner));
    let best = machine.checkout("ortho", 1).unwrap();
    assert_eq!(used(), (1, 0));
    let second = machine.checkout("ortho", 1).unwrap();
    assert_eq!(used(), (1, 1));
    drop((best, second));
    let three = machine.checkout("ortho", 3).unwrap();
    assert_eq!(used(), (0, 3), "of one record, all or none");
    drop(three);
    assert_eq!(code(machine.checkout("ortho", 4)), LM_ERR_NO_FREE_SEAT);
}

/// Seats of a record that is replaced by a smaller one are seats while somebody holds them.
#[test]
fn a_smaller_record_counts_the_seats_of_the_larger_one_before() {
    let world = World::new();
    let id = world.cc(4);
    let machine = world.machine("server-1");
    machine.activate(&id, 4).unwrap();
    let [low, high] = [3, 1].map(|seats| machine.checkout("ortho", seats).unwrap());
    drop(low);
    world.portal.rehost(&id, None).unwrap();
    assert_eq!(machine.refresh(Some(&id)).unwrap_err().code, LM_ERR_OBSOLETE);
    machine.activate(&id, 2).unwrap();
    assert_eq!((machine.status(Some(&id)).seats, in_use(&machine, &id)), (2, 1));
    let only = machine.checkout("ortho", 1).unwrap();
    assert_eq!(code(machine.checkout("ortho", 1)), LM_ERR_NO_FREE_SEAT);
    drop(high);
    drop(machine.checkout("ortho", 1).unwrap());
    drop(only);
    machine.return_(&id, 0).unwrap();
}
