//! R56: repair restores trust on the same machine, counted and limited, never across machines.

use lm::ffi::*;
use lm_portal::Kind;

use crate::common::machine::Machine;
use crate::common::world::World;

/// A machine whose store was put back to what it was before the last refresh.
fn restored(world: &World, identity: &str, id: &str) -> Machine {
    let machine = world.machine(identity);
    machine.activate(id, 1).unwrap();
    put_back(&machine, id);
    machine
}

fn put_back(machine: &Machine, id: &str) {
    let old = machine.images();
    machine.refresh(Some(id)).unwrap();
    machine.put_back(&old);
}

#[test]
fn r56_repair_restores_trust_on_the_same_machine() {
    let world = World::new();
    let id = world.nl(1);
    let machine = restored(&world, "field-1", &id);
    let process = machine.again();
    assert_eq!(process.status(Some(&id)).next_step, LM_NEXT_REPAIR);
    process.repair(&id).unwrap();
    assert_eq!(process.told(&id), "ACTIVE");
    assert_eq!(world.seats(&id), (1, 0), "and takes no second seat");
    let history = world.portal.history(Some(&id), 1).unwrap();
    assert!(history[0].action == "repair" && history[0].flagged, "{history:?}");
    process.return_(&id, 0).unwrap();
    assert_eq!(world.seats(&id), (0, 1));
}

#[test]
fn r56_repairs_are_counted_and_limited() {
    let world = World::new();
    let limited = world.entitlement_with(1, |new| {
        new.repair_limit = Some(1);
        new.limit_period = 30 * 86_400;
    });
    let id = world.id(&limited, Kind::Nl, 1);
    let machine = restored(&world, "field-1", &id);
    machine.again().repair(&id).unwrap();
    put_back(&machine, &id);
    let refused = machine.again().repair(&id).unwrap_err();
    assert_eq!(refused.code, LM_ERR_REPAIR_LIMIT);
    let process = machine.again();
    assert_eq!(process.told(&id), "UNTRUSTED, cause LM_ERR_RESTORED", "as it was");
    // What was never put back is not counted, however often it is asked.
    world.portal.rehost(&id, None).unwrap();
    let sound = world.machine("field-2");
    sound.activate(&id, 1).unwrap();
    for _ in 0..3 {
        sound.repair(&id).unwrap();
    }
    assert_eq!(sound.told(&id), "ACTIVE");
    let history = world.portal.history(Some(&id), 1).unwrap();
    assert!(history[0].action == "repair" && !history[0].flagged, "{history:?}");
}

#[test]
fn r56_never_across_machines() {
    let world = World::new();
    let id = world.nl(1);
    let machine = restored(&world, "field-1", &id);
    let elsewhere = machine.with(|settings| settings.identity = "field-2".to_owned());
    let refused = elsewhere.repair(&id).unwrap_err();
    assert_eq!(refused.code, LM_ERR_HOST_MISMATCH);
    assert!(refused.hint.contains("re-host"), "{refused:?}");
    assert_eq!(elsewhere.status(Some(&id)).usable, 0);
    // Refused for ever under that operation; on its own machine a new one is granted.
    machine.again().repair(&id).unwrap();
    assert_eq!(machine.again().state(&id), "ACTIVE");
    assert_eq!(elsewhere.repair("00000-00000-00000-00000").unwrap_err().code, LM_ERR_ID_MALFORMED);
}

#[test]
fn repair_of_what_is_gone_or_never_was() {
    let mut world = World::new();
    let (gone, here) = (world.nl(1), world.nl(1));
    let machine = world.machine("field-1");
    assert_eq!(machine.repair(&gone).unwrap_err().code, LM_ERR_NOT_FOUND);
    machine.activate(&gone, 1).unwrap();
    machine.activate(&here, 1).unwrap();
    world.portal.rehost(&gone, None).unwrap();
    assert_eq!(machine.repair(&gone).unwrap_err().code, LM_ERR_OBSOLETE);
    assert_eq!(machine.state(&gone), "ORPHANED");
    // With the portal away it is pending, and the record works on; a return takes its place.
    world.stop();
    assert_eq!(machine.repair(&here).unwrap_err().code, LM_ERR_NETWORK);
    assert_eq!(
        (machine.state(&here), machine.status(Some(&here)).usable),
        ("ACTIVE".to_owned(), 1)
    );
    assert_eq!(machine.remove(&here).unwrap_err().code, LM_ERR_NOT_ALLOWED);
    assert_eq!(machine.return_(&here, 0).unwrap_err().code, LM_ERR_NETWORK);
    world.start();
    machine.resume().unwrap();
    assert_eq!((machine.state(&here), world.seats(&here)), ("ABSENT".to_owned(), (0, 1)));
}
