//! The portal says no: a real one, over HTTP. Nothing has changed then, on either side.

use lm_portal::Kind;

use crate::common::machine::{Machine, nobodys_id};
use crate::common::world::World;
use crate::page::{Row, compare};

const DAY: i64 = 86_400;

fn activations(world: &World) -> Vec<Row> {
    let now = world.now();
    let product = world.entitlement_with(1, |new| new.product = "viewer".to_owned());
    let over = world.entitlement_with(1, |new| new.expires_at = now + 1);
    let (taken, retired) = (world.nl(1), world.cc(2));
    world.machine("field-2").activate(&taken, 1).unwrap();
    world.portal.portal_return(&retired).unwrap();
    let over = world.id(&over, Kind::Nl, 1);
    world.pass(2);
    [
        ("an activation ID that the portal doesn't know", nobodys_id(), 1),
        ("an activation ID that was retired", retired, 1),
        ("all its seats are in use", taken, 1),
        ("more seats than it has", world.cc(3), 4),
        ("more than one seat of an NL license", world.nl(3), 2),
        ("an activation ID of another product", world.id(&product, Kind::Nl, 1), 1),
        ("its term is over", over, 1),
    ]
    .into_iter()
    .map(|(input, id, seats)| {
        let machine = world.machine("field-1");
        let outcome = machine.activate(&id, seats);
        Row::new(&format!("activate: {input}"), outcome, &machine.state(&id))
    })
    .chain([not_begun(world)])
    .collect()
}

/// It is granted, and says by its state that it can't be used yet.
fn not_begun(world: &World) -> Row {
    let later = world.now() + 9 * DAY;
    let id = world.id(&world.entitlement_with(1, |new| new.starts_at = later), Kind::Nl, 1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    Row::fine("activate: its term has not begun", &machine.state(&id))
}

/// A machine with a license, of which the portal thinks otherwise.
fn held(world: &World, kind: Kind, meanwhile: impl FnOnce(&str, &Machine)) -> (String, Machine) {
    let id = world.id(&world.entitlement(1), kind, 1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    meanwhile(&id, &machine);
    (id, machine)
}

fn of_records(world: &World) -> Vec<Row> {
    let (retired, orphan) = held(world, Kind::Cc, |id, _| world.portal.portal_return(id).unwrap());
    let (rehosted, gone) = held(world, Kind::Nl, |id, _| {
        world.portal.rehost(id, None).unwrap();
    });
    let other_folder = tempfile::tempdir().unwrap();
    let (shared, first) = held(world, Kind::Nl, |id, machine| {
        let second = machine.with(|s| s.storage = other_folder.path().join("store"));
        second.activate(id, 1).unwrap();
        second.settings.remove_anchor();
    });
    let limited = world.entitlement_with(1, |new| new.return_limit = Some(0));
    let limited = world.id(&limited, Kind::Nl, 1);
    let keeper = world.machine("field-1");
    keeper.activate(&limited, 1).unwrap();
    let (cloned, clone) = held(world, Kind::Nl, |_, _| ());
    let clone = clone.with(|settings| settings.identity = "another machine".to_owned());
    [
        (
            "refresh: the portal's Return retired it",
            orphan.refresh(Some(&retired)),
            orphan.state(&retired),
        ),
        ("activate again after that", orphan.activate(&retired, 1), orphan.state(&retired)),
        ("refresh: it was re-hosted", gone.refresh(Some(&rehosted)), gone.state(&rehosted)),
        (
            "refresh: another folder of this machine has it now",
            first.refresh(Some(&shared)),
            first.state(&shared),
        ),
        (
            "return: the limit of returns is reached",
            keeper.return_(&limited, 0),
            keeper.state(&limited),
        ),
        (
            "refresh: on another machine than it was issued to",
            clone.refresh(Some(&cloned)),
            clone.state(&cloned),
        ),
    ]
    .map(|(input, outcome, state)| Row::new(input, outcome, &state))
    .into()
}

#[test]
fn each_refusal_has_its_own_code_and_says_what_to_do() {
    let world = World::new();
    let mut rows = activations(&world);
    rows.extend(of_records(&world));
    let intro = "The portal's own decisions. What is refused has changed nothing there and nothing here; that a license \
                 is gone, the machine learns this way.";
    compare("Refusals", intro, &rows);
}
