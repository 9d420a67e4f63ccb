//! What a call does in states that time and mishaps bring about.

use lm::ffi::*;

use crate::common::machine::Machine;
use crate::common::server::{read_request, serve};
use crate::common::wire::{End, Fate, Wire};
use crate::common::world::World;

const DAY: i64 = 86_400;

#[test]
fn a_term_that_is_over_or_has_not_begun_is_told_apart() {
    let world = World::new();
    let now = lm_portal::ports::Clock::now(&lm_portal::ports::SystemClock);
    let of = |starts_at, expires_at| {
        let entitlement = world.entitlement_with(1, |new| {
            new.starts_at = starts_at;
            new.expires_at = expires_at;
        });
        world.id(&entitlement, lm_portal::Kind::Nl, 1)
    };
    let machine = world.machine("field-1");
    let future = of(now + DAY, now + 2 * DAY);
    machine.activate(&future, 1).unwrap();
    assert_eq!(machine.state(&future), "NOT_YET_VALID");
    assert_eq!(machine.status(Some(&future)).usable, 0);
    let past = of(now - 2 * DAY, now - DAY);
    assert_eq!(machine.activate(&past, 1).unwrap_err().code, LM_ERR_EXPIRED);
}

/// An older store put back over a newer one: no rights, but never a hindrance to the seat.
#[test]
fn a_restored_store_is_untrusted_until_it_re_attaches() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    let old = machine.images();
    machine.refresh(Some(&id)).unwrap();
    machine.put_back(&old);
    let restored = machine.again();
    let status = restored.status(Some(&id));
    assert_eq!((status.state, status.usable), (LM_STATE_UNTRUSTED, 0));
    assert_eq!((status.cause, status.next_step), (LM_ERR_RESTORED, LM_NEXT_REPAIR));
    assert_eq!(status.trust & LM_TRUST_RESTORE, 0);
    assert!(restored.sentence(&id).contains("activate it again"), "{}", restored.sentence(&id));
    restored.activate(&id, 1).unwrap();
    assert_eq!(restored.state(&id), "ACTIVE");
    assert_eq!(world.seats(&id), (1, 0), "and takes no second seat");
}

/// Backup, return, restore: not usable, and the seat is not credited twice.
#[test]
fn a_store_restored_after_a_return_gives_nothing() {
    let world = World::new();
    let id = world.nl(1);
    let (machine, other) = (world.machine("field-1"), world.machine("field-2"));
    machine.activate(&id, 1).unwrap();
    let backup = machine.images();
    machine.return_(&id, 0).unwrap();
    other.activate(&id, 1).unwrap();
    machine.put_back(&backup);
    let restored = machine.again();
    assert_eq!(restored.state(&id), "UNTRUSTED");
    restored.return_(&id, 0).unwrap();
    assert_eq!(restored.state(&id), "ABSENT");
    assert_eq!(world.seats(&id), (1, 0), "the other machine's seat is its own");
    assert_eq!(other.state(&id), "ACTIVE");
}

/// An operation that was pending when the store was saved does not heal it when it is answered
/// again: its seat may have been given back since. An activation made afterwards does.
#[test]
fn a_restored_pending_operation_does_not_heal() {
    let mut world = World::new();
    let (id, settled) = (world.cc(1), world.nl(1));
    let machine = world.machine("field-1");
    machine.activate(&settled, 1).unwrap();
    world.stop();
    machine.activate(&id, 1).unwrap_err();
    let saved = machine.images();
    world.start();
    machine.resume().unwrap();
    assert_eq!(machine.state(&id), "ACTIVE");
    machine.put_back(&saved);
    let restored = machine.again();
    assert_eq!(restored.resume().unwrap_err().code, LM_ERR_RESTORED);
    let status = restored.status(Some(&id));
    assert_eq!((status.state, status.cause), (LM_STATE_UNTRUSTED, LM_ERR_RESTORED));
    restored.activate(&id, 1).unwrap();
    assert_eq!((restored.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (1, 0)));
}

/// A store copied to another machine opens there, says HOST, and gives no rights.
#[test]
fn a_copied_store_is_untrusted_and_a_seat_of_its_own_is_asked_for() {
    let world = World::new();
    let id = world.nl(2);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    let copy = machine.with(|settings| settings.identity = "field-2".to_owned());
    let status = copy.status(Some(&id));
    assert_eq!((status.state, status.cause), (LM_STATE_UNTRUSTED, LM_ERR_HOST_CHANGED));
    assert_eq!(status.trust & LM_TRUST_HOST, 0);
    assert_eq!(copy.refresh(Some(&id)).unwrap_err().code, LM_ERR_HOST_MISMATCH);
    copy.activate(&id, 1).unwrap();
    assert_eq!(copy.state(&id), "ACTIVE");
    assert_eq!(world.seats(&id), (2, 0));
}

#[test]
fn a_refresh_honors_the_back_off_a_persons_wish_does_not() {
    let mut world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    world.stop();
    let first = machine.refresh(Some(&id)).unwrap_err();
    assert_eq!(first.code, LM_ERR_NETWORK);
    assert_eq!(machine.state(&id), "ACTIVE", "a lost refresh takes nothing away");
    world.start();
    let again = machine.again();
    assert_eq!(again.refresh(Some(&id)).unwrap_err().code, LM_ERR_NETWORK, "the same, unasked");
    again.resume().unwrap();
    again.refresh(Some(&id)).unwrap();
}

/// A return takes the place of a refresh whose answer is not known.
#[test]
fn a_return_does_not_wait_for_an_unanswered_refresh() {
    let mut world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    world.stop();
    machine.refresh(Some(&id)).unwrap_err();
    world.start();
    machine.return_(&id, 0).unwrap();
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 1)));
}

#[test]
fn a_damaged_store_says_so_and_is_replaced_only_by_an_activation() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    for name in ["a", "b"] {
        let path = machine.settings.storage.join(name);
        let length = std::fs::metadata(&path).unwrap().len() as usize;
        std::fs::write(&path, vec![0x55; length]).unwrap();
    }
    let damaged = machine.again();
    let status = damaged.status(Some(&id));
    assert_eq!((status.state, status.cause), (LM_STATE_UNTRUSTED, LM_ERR_STORAGE_DAMAGED));
    assert_eq!(damaged.return_(&id, 0).unwrap_err().code, LM_ERR_STORAGE_DAMAGED);
    assert_eq!(damaged.remove(&id).unwrap_err().code, LM_ERR_STORAGE_DAMAGED);
    damaged.activate(&id, 1).unwrap();
    assert_eq!((damaged.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (1, 0)));
}

/// The whole machine put back to an earlier day, its anchors too: only the portal remembers. One
/// activation heals it, however much has happened since, and so it does for a new ID.
#[test]
fn a_machine_restored_whole_is_healed_by_one_activation() {
    let world = World::new();
    let (id, new) = (world.cc(2), world.nl(1));
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    let anchor = machine.settings.anchor().unwrap();
    let (saved, saved_anchor) = (machine.images(), std::fs::read(&anchor).unwrap());
    for _ in 0..12 {
        machine.refresh(Some(&id)).unwrap();
    }
    machine.put_back(&saved);
    std::fs::write(&anchor, saved_anchor).unwrap();
    let restored = machine.again();
    assert_eq!(restored.state(&id), "ACTIVE", "nothing here can know better");
    assert_eq!(restored.refresh(Some(&id)).unwrap_err().code, LM_ERR_STALE);
    assert_eq!(restored.status(Some(&id)).cause, LM_ERR_RESTORED);
    restored.activate(&id, 1).unwrap();
    restored.activate(&new, 1).unwrap();
    assert_eq!(
        (restored.state(&id), restored.state(&new)),
        ("ACTIVE".to_owned(), "ACTIVE".to_owned())
    );
    restored.refresh(None).unwrap();
    assert_eq!((world.seats(&id), world.seats(&new)), ((1, 1), (1, 0)));
}

/// Store and anchor brought back as new files, as a backup of a home does: a copy, however new.
#[test]
fn r54_a_home_restored_from_a_backup_after_a_return_gives_nothing() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    let anchor = machine.settings.anchor().unwrap();
    let (saved, saved_anchor) = (machine.images(), std::fs::read(&anchor).unwrap());
    machine.return_(&id, 0).unwrap();
    for path in
        [machine.settings.storage.join("a"), machine.settings.storage.join("b"), anchor.clone()]
    {
        std::fs::rename(&path, path.with_extension("gone")).unwrap();
    }
    machine.put_back(&saved);
    std::fs::write(&anchor, saved_anchor).unwrap();
    std::fs::remove_file(anchor.with_extension("gone")).unwrap();
    let restored = machine.again();
    assert_eq!(
        (restored.state(&id), restored.status(Some(&id)).usable),
        ("UNTRUSTED".to_owned(), 0)
    );
    restored.return_(&id, 0).unwrap();
    assert_eq!(world.seats(&id), (0, 1), "and is credited once");
}

/// A store takes no more licenses than it can refresh and return.
#[test]
fn a_full_store_still_refreshes_and_returns() {
    let world = World::new();
    let entitlement = world.entitlement_with(100, |new| {
        let name = |n| lm_protocol::Feature { name: format!("{n:064}"), limit: Some(i64::MAX) };
        new.features = (0..128).map(name).collect();
    });
    let ids = world.portal.generate(&entitlement, lm_portal::Kind::Nl, 1, 100).unwrap();
    let machine = world.machine("field-1");
    let (mut held, mut refused) = (Vec::new(), None);
    for id in &ids {
        match machine.activate(&id.activation_id, 1) {
            Ok(()) => held.push(id.activation_id.clone()),
            Err(failure) => {
                refused = Some((id.activation_id.clone(), failure));
                break;
            }
        }
    }
    let (one_too_many, failure) = refused.expect("a bound");
    assert_eq!(failure.code, LM_ERR_STORAGE_FULL, "{failure:?}");
    assert_eq!(world.seats(&one_too_many), (0, 1), "the portal was not asked");
    machine.refresh(Some(&held[1])).unwrap();
    machine.return_(&held[0], 0).unwrap();
    machine.activate(&one_too_many, 1).unwrap();
}

/// The time of a call is that of the whole call, however many records it goes through.
#[test]
fn resuming_many_with_a_silent_portal_ends_in_time() {
    let mut world = World::new();
    let ids = [world.nl(1), world.nl(1), world.nl(1)];
    let machine = world.machine("field-1");
    world.stop();
    for id in &ids {
        machine.activate(id, 1).unwrap_err();
    }
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hasty = machine.with(|settings| {
        settings.portal_url = Some(format!("http://{}", silent.local_addr().unwrap()));
        settings.timeout = 1500;
    });
    assert_eq!(hasty.resume().unwrap_err().code, LM_ERR_TIMEOUT);
    silent.set_nonblocking(true).unwrap();
    let asked = std::iter::from_fn(|| silent.accept().ok()).count();
    assert_eq!(asked, 1, "the first took all the time there was");
    assert!(ids.iter().all(|id| hasty.state(id) == "PENDING_ACTIVATION"), "nothing is lost");
}

#[test]
fn a_folder_with_other_files_is_not_written_over() {
    let world = World::new();
    let id = world.nl(1);
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::fs::write(folder.path().join(name), "somebody's own file").unwrap();
    }
    let machine =
        world.machine("field-1").with(|settings| settings.storage = folder.path().to_owned());
    let refused = machine.activate(&id, 1).unwrap_err();
    assert_eq!(refused.code, LM_ERR_STORAGE_UNSAFE, "{refused:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("a")).unwrap(), "somebody's own file");
    assert_eq!(world.seats(&id), (0, 1));
}

#[test]
fn r58_status_names_the_flag_the_cause_and_the_next_step() {
    let world = World::new();
    let active = |identity: &str| {
        let (machine, id) = (world.machine(identity), world.nl(1));
        machine.activate(&id, 1).unwrap();
        (machine, id)
    };
    let all = LM_TRUST_HOST | LM_TRUST_RESTORE | LM_TRUST_TIME;
    let told = |machine: &Machine, id: &str, trust, cause, next_step, word: &str| {
        let status = machine.status(Some(id));
        assert_eq!((status.state, status.usable), (LM_STATE_UNTRUSTED, 0));
        assert_eq!((status.trust, status.cause, status.next_step), (trust, cause, next_step));
        let sentence = machine.sentence(id);
        assert!(sentence.contains(word), "{sentence}");
    };
    let (machine, id) = active("field-1");
    let moved = machine.with(|settings| settings.identity = "another machine".to_owned());
    let (trust, step) = (all & !LM_TRUST_HOST, LM_NEXT_ACTIVATE);
    told(&moved, &id, trust, LM_ERR_HOST_CHANGED, step, "Activate");

    let (machine, id) = active("field-2");
    let old = machine.images();
    machine.refresh(Some(&id)).unwrap();
    machine.put_back(&old);
    let (trust, step) = (all & !LM_TRUST_RESTORE, LM_NEXT_REPAIR);
    told(&machine.again(), &id, trust, LM_ERR_RESTORED, step, "Repair it, or activate it again");

    // The portal's clock is two days further: this machine's stands behind by more than it may.
    let (machine, id) = active("field-3");
    world.pass(2 * DAY);
    machine.refresh(Some(&id)).unwrap();
    let (trust, step) = (all & !LM_TRUST_TIME, LM_NEXT_CORRECT_CLOCK);
    told(&machine, &id, trust, LM_ERR_CLOCK, step, "clock");
}

/// A dock with the disk and the network is pulled while a refresh is under way: what comes back with the
/// disk is trusted as before.
#[test]
fn u10_a_refresh_that_fails_makes_no_store_where_one_is_away() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    let store = machine.settings.storage.clone();
    let aside = store.with_extension("aside");
    let (from, to) = (store.clone(), aside.clone());
    let address = serve(move |mut stream| {
        read_request(&mut stream);
        // Once: the client may ask again.
        let _ = std::fs::rename(&from, &to);
    });
    let docked = machine.with(|settings| settings.portal_url = Some(format!("http://{address}")));
    docked.refresh(None).unwrap_err();
    assert!(!store.join("a").exists() && aside.join("a").exists());
    assert_ne!(docked.state(&id), "ABSENT", "the store was here");
    let _ = std::fs::remove_dir_all(&store);
    std::fs::rename(&aside, &store).unwrap();
    assert_eq!(machine.again().told(&id), "ACTIVE");
}

/// A refresh of all that has no time for all: none is passed over for ever.
#[test]
fn a_refresh_of_all_begins_with_those_that_wait_for_longest() {
    let world = World::new();
    let machine = world.machine("field-1");
    let ids = [0; 3].map(|_| world.nl(1));
    ids.iter().for_each(|id| machine.activate(id, 1).unwrap());
    for id in [&ids[2], &ids[0], &ids[1]] {
        world.pass(3700);
        machine.refresh(Some(id)).unwrap();
    }
    world.pass(3700);
    let wire = Wire::to(world.url());
    wire.next(&[Fate::CutReplyAt(usize::MAX, End::Closed)]);
    wire.next(&[Fate::LoseReply; 9]);
    let hindered = machine.with(|settings| settings.portal_url = Some(wire.url()));
    let before = ids.each_ref().map(|id| machine.status(Some(id)).lease_until);
    hindered.refresh(None).unwrap_err();
    let after = ids.each_ref().map(|id| hindered.status(Some(id)).lease_until);
    assert_eq!([0, 1, 2].map(|at| after[at] > before[at]), [false, false, true]);
}
