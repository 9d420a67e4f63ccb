//! R20–R33: the owner acts on the portal, without the machine.

use lm::ffi::*;
use lm_portal::Kind;

use crate::common::days::Days;
use crate::common::world::World;
use crate::offline::activate;

#[test]
fn r20_portal_return_on_nl_is_refused_and_changes_nothing() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    let refused = world.portal.portal_return(&id).unwrap_err().to_string();
    assert!(refused.contains("node-locked") || refused.contains("NL"), "{refused}");
    assert_eq!((world.show(&id).status, world.seats(&id)), ("active", (1, 0)));
    machine.refresh(Some(&id)).unwrap();
    assert_eq!(machine.state(&id), "ACTIVE");
}

#[test]
fn r21_portal_return_retires_a_cc_id_and_frees_its_entitlement() {
    let world = World::new();
    let entitlement = world.entitlement(5);
    let id = world.id(&entitlement, Kind::Cc, 5);
    world.machine("server-1").activate(&id, 2).unwrap();
    assert_eq!(world.portal.entitlement(&entitlement).unwrap().available, 0);
    world.portal.portal_return(&id).unwrap();
    assert_eq!(world.show(&id).status, "inactive");
    assert_eq!(world.portal.entitlement(&entitlement).unwrap().available, 5);
    let page = lm_portal::admin::show::Page {
        all: false,
        entitlement_id: &entitlement,
        search: "",
        offset: 0,
        limit: 10,
    };
    assert!(world.portal.list(page).unwrap().is_empty(), "off the active list");
    let history = world.portal.history(Some(&id), 10).unwrap();
    assert!(history.iter().any(|row| row.action.contains("return") && row.origin == "library"));
}

#[test]
fn r22_inactive_is_final() {
    let world = World::new();
    let id = world.cc(2);
    let (knows_it, is_new) = (world.machine("server-1"), world.machine("server-2"));
    knows_it.activate(&id, 1).unwrap();
    world.portal.portal_return(&id).unwrap();
    for machine in [&knows_it, &is_new, &knows_it] {
        machine.refresh(None).ok();
        assert_eq!(machine.activate(&id, 1).unwrap_err().code, LM_ERR_ID_INACTIVE);
    }
    world.portal.portal_return(&id).unwrap_err();
}

#[test]
fn r23_portal_return_never_alters_the_machines_store() {
    let world = World::new();
    let (id, other) = (world.cc(2), world.nl(1));
    let machine = world.machine("server-1");
    machine.activate(&id, 2).unwrap();
    machine.activate(&other, 1).unwrap();
    let (images, told) = (machine.images(), machine.told(&id));
    world.portal.portal_return(&id).unwrap();
    for process in [&machine, &machine.again()] {
        let status = process.status(Some(&id));
        assert_eq!((process.told(&id), status.usable, status.seats), (told.clone(), 1, 2));
        assert_eq!(process.list().len(), 2);
    }
    // Not by another license's contact either: only by its own.
    machine.refresh(Some(&other)).unwrap();
    assert_eq!(machine.told(&id), told);
    machine.refresh(Some(&id)).unwrap_err();
    assert_eq!(machine.state(&id), "ORPHANED");
    assert_ne!(machine.images(), images);
}

#[test]
fn r24_on_next_contact_the_record_is_orphaned_distinct_from_all_else() {
    let world = World::new();
    let id = world.cc(1);
    let machine = world.machine("server-1");
    machine.activate(&id, 1).unwrap();
    world.portal.portal_return(&id).unwrap();
    assert_eq!(machine.state(&id), "ACTIVE", "the portal cannot reach the machine");
    let told = machine.refresh(Some(&id)).unwrap_err();
    assert_eq!(told.code, LM_ERR_OBSOLETE);
    let status = machine.status(Some(&id));
    assert_eq!((status.state, status.usable), (LM_STATE_ORPHANED, 0));
    assert_eq!((status.cause, status.next_step), (LM_ERR_OBSOLETE, LM_NEXT_REMOVE));
    assert_eq!(status.trust, LM_TRUST_HOST | LM_TRUST_RESTORE | LM_TRUST_TIME);
    assert_eq!(machine.again().state(&id), "ORPHANED");
}

#[test]
fn r25_an_orphan_gives_no_rights_and_disturbs_no_other_record() {
    let world = World::new();
    let (orphan, good) = (world.cc(1), world.nl(1));
    let machine = world.machine("server-1");
    machine.activate(&orphan, 1).unwrap();
    machine.activate(&good, 1).unwrap();
    world.portal.portal_return(&orphan).unwrap();
    machine.refresh(None).unwrap_err();
    assert_eq!(machine.status(Some(&orphan)).usable, 0);
    assert_eq!(machine.state(&good), "ACTIVE");
    assert_eq!(machine.status(None).usable, 1, "the best record is the good one");
    assert_eq!(machine.feature_status("ortho").unwrap().usable, 1);
    machine.return_(&good, 0).unwrap();
    assert_eq!(machine.feature_status("ortho").unwrap().usable, 0);
}

#[test]
fn r26_removing_an_orphan_works_offline_and_credits_nothing() {
    let mut world = World::new();
    let (orphan, good) = (world.cc(3), world.nl(1));
    let machine = world.machine("server-1");
    machine.activate(&orphan, 1).unwrap();
    machine.activate(&good, 1).unwrap();
    world.portal.portal_return(&orphan).unwrap();
    machine.refresh(Some(&orphan)).unwrap_err();
    let before = world.show(&orphan);
    world.stop();
    machine.remove(&orphan).unwrap();
    assert_eq!(
        (machine.state(&orphan), machine.state(&good)),
        ("ABSENT".to_owned(), "ACTIVE".to_owned())
    );
    let kept = machine.remove(&good).unwrap_err();
    assert_eq!(kept.code, LM_ERR_NOT_ALLOWED);
    assert!(kept.hint.contains("lm_return"), "{kept:?}");
    let after = world.show(&orphan);
    assert_eq!((before.fulfilled, before.available), (after.fulfilled, after.available));
}

#[test]
fn r27_returning_an_orphan_cleans_it_without_credit() {
    let mut world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    world.portal.rehost(&id, None).unwrap();
    machine.refresh(Some(&id)).unwrap_err();
    world.stop();
    machine.return_(&id, 0).unwrap();
    assert_eq!(machine.state(&id), "ABSENT");
    assert_eq!(world.seats(&id), (0, 1));
}

#[test]
fn r28_new_ids_share_out_the_freed_seats_and_never_more() {
    let world = World::new();
    let entitlement = world.entitlement(5);
    let five = world.id(&entitlement, Kind::Cc, 5);
    world.portal.generate(&entitlement, Kind::Cc, 1, 1).unwrap_err();
    world.portal.portal_return(&five).unwrap();
    let shared = world.portal.generate(&entitlement, Kind::Cc, 2, 2).unwrap();
    assert_eq!(shared.len(), 2);
    world.portal.generate(&entitlement, Kind::Nl, 2, 1).unwrap_err();
    world.portal.generate(&entitlement, Kind::Nl, 1, 1).unwrap();
    let view = world.portal.entitlement(&entitlement).unwrap();
    assert_eq!((view.quantity, view.issued), (5, 5));
    world.machine("server-1").activate(&shared[0].activation_id, 2).unwrap();
}

#[test]
fn r29_rehost_keeps_the_id_and_the_next_activation_is_a_new_fulfillment() {
    let world = World::new();
    let id = world.nl(1);
    let (lost, new) = (world.machine("lost"), world.machine("new"));
    lost.activate(&id, 1).unwrap();
    let before = lost.list()[0].1.clone();
    world.portal.rehost(&id, None).unwrap();
    assert_eq!((world.show(&id).status, world.seats(&id)), ("active", (0, 1)));
    new.activate(&id, 1).unwrap();
    assert_ne!(new.list()[0].1, before);
    assert_eq!(world.seats(&id), (1, 0));
}

#[test]
fn r30_after_rehost_the_old_machine_is_orphaned_on_contact() {
    let world = World::new();
    let id = world.nl(1);
    let (refreshes, returns) = (world.machine("refreshes"), world.machine("returns"));
    refreshes.activate(&id, 1).unwrap();
    world.portal.rehost(&id, None).unwrap();
    returns.activate(&id, 1).unwrap();
    assert_eq!(refreshes.refresh(Some(&id)).unwrap_err().code, LM_ERR_OBSOLETE);
    assert_eq!(refreshes.state(&id), "ORPHANED");
    world.portal.rehost(&id, None).unwrap();
    returns.return_(&id, 0).unwrap();
    assert_eq!(returns.state(&id), "ABSENT");
    assert_eq!(world.seats(&id), (0, 1), "and nothing was credited");
}

#[test]
fn r31_rehost_frees_an_nl_seat_whose_machine_is_gone_and_is_audited() {
    let world = World::new();
    let limited = world.entitlement_with(1, |new| new.rehost_limit = Some(1));
    let id = world.id(&limited, Kind::Nl, 1);
    let gone = world.machine("gone");
    gone.activate(&id, 1).unwrap();
    drop(gone);
    let host = world.show(&id).fulfillments[0].host_id.clone();
    let ended = world.portal.rehost(&id, Some(&host)).unwrap();
    assert_eq!(ended.host_id, host);
    let new = world.machine("new");
    new.activate(&id, 1).unwrap();
    assert_eq!((new.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (1, 0)));
    // Who, what, to which machine, from where: kept in a history whose chain holds.
    let history = world.portal.history(Some(&id), 10).unwrap();
    let row = history.iter().find(|row| row.action == "re-host").expect("an entry");
    assert_eq!((row.actor.as_str(), row.origin.as_str()), ("library", "library"));
    assert!(row.host_id.contains(&host), "{row:?}");
    assert_eq!(world.portal.history_break().unwrap(), None);
    // And no more often than policy allows.
    world.portal.rehost(&id, None).unwrap_err();
    assert_eq!(new.refresh(Some(&id)).map_err(|e| e.code), Ok(()));
}

#[test]
fn r32_return_warns_while_a_machines_copy_is_live_and_names_the_better_first_step() {
    const BETTER: &str = "Deactivate / Return on that machine is the better first step";
    let world = World::new();
    let id = world.cc(2);
    let machine = world.machine("server-1");
    machine.activate(&id, 2).unwrap();
    let (done, said) = world.command_line(&format!("activation-id return {id}"), Some("n"));
    assert!(!done && said.contains("server-1") && said.contains("holds 2 seats"), "{said}");
    assert!(said.replace("\r\n", "\n").contains(BETTER), "{said}");
    assert_eq!((world.show(&id).status, world.seats(&id)), ("active", (2, 0)), "it only asked");
    machine.refresh(Some(&id)).unwrap();
    // The better first step, and then there is nothing to warn of.
    machine.return_(&id, 0).unwrap();
    let (done, said) = world.command_line(&format!("activation-id return {id}"), Some("y"));
    assert!(done && !said.contains("first step") && !said.contains("server-1"), "{said}");
    assert_eq!(world.show(&id).status, "inactive");
}

#[test]
fn r33_an_offline_machine_works_no_longer_than_the_date_that_the_portal_shows() {
    let world = World::new();
    let endless = world.entitlement_with(2, |new| (new.terms.lease, new.terms.grace) = (0, 0));
    let (leased, unbounded) = (world.cc(2), world.id(&endless, Kind::Cc, 2));
    let machine = world.lone_machine("server-1");
    for id in [&leased, &unbounded] {
        activate(&world, &machine, id, 1);
    }
    let reach = world.show(&leased).fulfillments[0].reach.unwrap();
    let shown = [lm_portal::dates::reach(Some(reach)), "unbounded".to_owned()];
    for (id, until) in [&leased, &unbounded].into_iter().zip(shown) {
        let (done, said) = world.command_line(&format!("activation-id return {id}"), Some("n"));
        assert!(!done && said.contains(&until), "before it asks: {said}");
        let (done, said) = world.command_line(&format!("activation-id return {id}"), Some("y"));
        assert!(done, "{said}");
        assert_eq!(world.show(id).status, "inactive");
    }
    let days = Days::default();
    let client = days.client_of(&machine);
    let usable = |id: &str| client.status(Some(id)).unwrap().usable;
    assert!(usable(&leased) && usable(&unbounded), "the portal can't reach it");
    let grace_until = client.status(Some(&leased)).unwrap().grace_until;
    assert!(grace_until <= reach);
    days.reach(grace_until - 3600);
    assert!(usable(&leased), "until then it works, in its grace");
    days.reach(reach);
    assert!(!usable(&leased), "and no longer");
    days.reach(reach + 20 * 365 * 86_400);
    assert!(usable(&unbounded), "a record without lease");
    assert!(!usable(&leased));
}
