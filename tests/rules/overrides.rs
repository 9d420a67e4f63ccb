//! R2 in strict mode, R12 and R31 with an administrator's word, clones on the list.

use lm::ffi::*;
use lm_portal::{Kind, Tally};

use crate::common::machine::Machine;
use crate::common::world::World;

const DAY: i64 = 86_400;

#[test]
fn r02_in_strict_mode_another_machine_has_it_once_it_has_cooled() {
    let world = World::new();
    let entitlement = world.entitlement_with(1, |new| new.terms.strict = true);
    let id = world.id(&entitlement, Kind::Nl, 1);
    let (one, other) = (world.machine("field-1"), world.machine("field-2"));
    one.activate(&id, 1).unwrap();
    let reach = world.show(&id).fulfillments[0].reach.unwrap();
    one.return_(&id, 0).unwrap();
    assert_eq!((one.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 0)));
    // The list, the one and the refusal say until when.
    let cools = world.show(&id).cools;
    assert_eq!((cools.len(), cools[0].seats, cools[0].until), (1, 1, reach));
    assert_eq!(cools[0].host_label, "field-1");
    let refused = other.activate(&id, 1).unwrap_err();
    assert_eq!(refused.code, LM_ERR_NO_SEATS);
    assert!(refused.detail.contains(&format!("\"cools_at\":{reach}")), "{}", refused.detail);
    world.pass(reach - world.now() - 3600);
    assert_eq!(other.activate(&id, 1).unwrap_err().code, LM_ERR_NO_SEATS, "not before");
    world.pass(DAY);
    other.activate(&id, 1).unwrap();
    assert_eq!(world.seats(&id), (1, 0));
    assert!(world.show(&id).cools.is_empty());
}

#[test]
fn r01_in_strict_mode_the_holder_that_it_cools_for_has_it_again_at_once() {
    let world = World::new();
    let entitlement = world.entitlement_with(3, |new| new.terms.strict = true);
    let id = world.id(&entitlement, Kind::Cc, 3);
    let (one, other) = (world.machine("field-1"), world.machine("field-2"));
    one.activate(&id, 3).unwrap();
    one.return_(&id, 2).unwrap();
    assert_eq!((world.seats(&id), world.show(&id).cooling), ((1, 0), 2));
    assert_eq!(other.activate(&id, 1).unwrap_err().code, LM_ERR_NO_SEATS);
    one.activate(&id, 2).unwrap();
    assert_eq!((world.seats(&id), world.show(&id).cooling), ((2, 0), 1));
    one.return_(&id, 0).unwrap();
    one.activate(&id, 3).unwrap();
    assert_eq!((world.seats(&id), world.show(&id).cooling), ((3, 0), 0));
}

fn actions(world: &World, id: &str) -> Vec<(String, String)> {
    let rows = world.portal.history(Some(id), 50).unwrap();
    rows.into_iter().map(|row| (row.action, row.actor)).collect()
}

#[test]
fn r12_an_administrator_overrides_the_return_limit_and_the_next_return_succeeds() {
    let world = World::new();
    let entitlement = world.entitlement_with(1, |new| new.return_limit = Some(1));
    let id = world.id(&entitlement, Kind::Nl, 1);
    let machine = world.machine("field-1");
    let give_back = |machine: &Machine| {
        machine.activate(&id, 1).unwrap();
        machine.return_(&id, 0).map_err(|refused| refused.code)
    };
    assert_eq!(give_back(&machine), Ok(()));
    assert_eq!(give_back(&machine), Err(LM_ERR_RETURN_LIMIT));
    assert_eq!((machine.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (1, 0)));
    let limit = world.show(&id).limits.remove(0);
    assert_eq!((limit.what, limit.limit, limit.used, limit.allowed), ("return", 1, 1, 0));
    assert!(limit.again_at.is_some_and(|at| at > world.now()));

    world.portal.allow(&id, Tally::Return, 1).unwrap();
    assert_eq!(world.show(&id).limits[0].allowed, 1);
    assert_eq!(give_back(&machine), Ok(()));
    assert_eq!((machine.state(&id), world.seats(&id)), ("ABSENT".to_owned(), (0, 1)));
    // Used up, and beside the limit: that ends when it would have ended.
    assert_eq!(give_back(&machine), Err(LM_ERR_RETURN_LIMIT));
    let after = world.show(&id).limits.remove(0);
    assert_eq!((after.allowed, after.used, after.again_at), (0, 1, limit.again_at));
    let told = actions(&world, &id);
    assert!(told.contains(&("allow".to_owned(), "library".to_owned())), "{told:?}");
    let rows = world.portal.history(Some(&id), 50).unwrap();
    let returns = rows.iter().filter(|row| row.action == "return");
    let beyond: Vec<_> = returns.map(|row| row.detail["by_allowance"] == true).collect();
    assert_eq!(beyond, [true, false], "the newest first");
    assert_eq!(world.portal.history_break().unwrap(), None);
}

#[test]
fn r31_an_administrator_overrides_the_limit_of_rehosts() {
    let world = World::new();
    let entitlement = world.entitlement_with(1, |new| new.rehost_limit = Some(1));
    let id = world.id(&entitlement, Kind::Nl, 1);
    for (machine, allowed) in [("field-1", true), ("field-2", false)] {
        world.machine(machine).activate(&id, 1).unwrap();
        assert_eq!(world.portal.rehost(&id, None).is_ok(), allowed);
    }
    let refused = world.portal.rehost(&id, None).unwrap_err().to_string();
    assert!(refused.contains("limit of re-hosts"), "{refused}");
    world.portal.allow(&id, Tally::Rehost, 1).unwrap();
    world.portal.rehost(&id, None).unwrap();
    assert_eq!(world.seats(&id), (0, 1));
    assert!(world.portal.allow(&id, Tally::Return, 1).is_err(), "what has no limit needs no word");
    world.machine("field-3").activate(&id, 1).unwrap();
    assert!(world.portal.rehost(&id, None).is_err());
}

#[test]
fn r56_an_administrator_overrides_the_limit_of_repairs() {
    let world = World::new();
    let entitlement = world.entitlement_with(1, |new| new.repair_limit = Some(0));
    let id = world.id(&entitlement, Kind::Nl, 1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    for name in ["a", "b", "lock"] {
        std::fs::remove_file(machine.settings.storage.join(name)).unwrap();
    }
    let lost = machine.again();
    assert_eq!(lost.activate(&id, 1).unwrap_err().code, LM_ERR_REPAIR_LIMIT);
    world.portal.allow(&id, Tally::Repair, 1).unwrap();
    lost.activate(&id, 1).unwrap();
    assert_eq!((lost.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (1, 0)));
}

/// A copied store that asks with an older generation is refused, and people see it until one of them
/// says that they have.
#[test]
fn r53_a_clone_is_refused_and_flagged_on_the_list_until_it_is_acknowledged() {
    let world = World::new();
    let (id, quiet) = (world.nl(1), world.nl(1));
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    machine.activate(&quiet, 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copied = folder.path().join("store");
    std::fs::create_dir(&copied).unwrap();
    for name in ["a", "b", "lock"] {
        std::fs::copy(machine.settings.storage.join(name), copied.join(name)).unwrap();
    }
    machine.refresh(None).unwrap();
    assert!(world.show(&id).flags.is_empty());
    let clone = machine.with(|settings| settings.storage = copied);
    for _ in 0..2 {
        assert_eq!(clone.refresh(Some(&id)).unwrap_err().code, LM_ERR_STALE);
    }
    assert_eq!((machine.state(&id), world.seats(&id)), ("ACTIVE".to_owned(), (1, 0)));

    let page = lm_portal::Page { limit: 10, ..lm_portal::Page::default() };
    let flagged = |id: &str| {
        let listed = world.portal.list(page).unwrap();
        let one = listed.into_iter().find(|one| one.activation_id == id).unwrap();
        one.flags.into_iter().map(|flag| (flag.reason, flag.count)).collect::<Vec<_>>()
    };
    assert_eq!(flagged(&id), [("clone or restored copy".to_owned(), 2)]);
    assert!(flagged(&quiet).is_empty());
    let flag = world.show(&id).flags.remove(0);
    assert!((flag.first..=world.now()).contains(&flag.last));

    world.portal.acknowledge(&id).unwrap();
    assert!(flagged(&id).is_empty());
    assert!(world.portal.acknowledge(&id).is_err(), "there is none");
    let told = actions(&world, &id);
    assert_eq!(told[0], ("acknowledge".to_owned(), "library".to_owned()));
    assert!(told.iter().any(|(action, _)| action == "clone or restored copy"), "kept: {told:?}");
    clone.refresh(Some(&id)).unwrap_err();
    assert_eq!(flagged(&id), [("clone or restored copy".to_owned(), 1)], "and again");
    clone.settings.remove_anchor();
}
