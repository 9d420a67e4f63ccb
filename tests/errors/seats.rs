//! Seats of this machine: they are in use, or there are none to be had.

use std::os::unix::fs::symlink;

use lm::ffi::*;

use crate::common::machine::{Machine, Outcome};
use crate::common::world::World;
use crate::page::{Row, compare};

fn checkout(machine: &Machine, feature: &str, seats: u32) -> Outcome {
    machine.checkout(feature, seats).map(drop)
}

fn of_use(world: &World) -> Vec<Row> {
    let id = world.cc(3);
    let machine = world.machine("field-1");
    machine.activate(&id, 3).unwrap();
    let row = |input: &str, outcome| Row::new(input, outcome, &machine.state(&id));
    let used = machine.checkout("ortho", 2).unwrap();
    let mut rows = vec![
        row("checkout of more seats than this machine has", checkout(&machine, "ortho", 4)),
        row("checkout of 2 seats where 1 is free", checkout(&machine, "ortho", 2)),
        row("return of all seats while some are in use", machine.return_(&id, 0)),
        row("return of 2 of 3 seats while 2 are in use", machine.return_(&id, 2)),
    ];
    let last = machine.checkout("ortho", 1).unwrap();
    rows.push(row("checkout while all seats are in use", checkout(&machine, "ortho", 1)));
    drop((used, last));
    rows.push(row("checkout of 0 seats", checkout(&machine, "ortho", 0)));
    rows.push(row("checkout of a feature with a blank", checkout(&machine, "a b", 1)));
    rows.push(row("checkout of a feature that no license has", checkout(&machine, "lidar", 1)));
    rows
}

fn of_states(world: &mut World) -> Vec<Row> {
    let (nl, cc) = (world.nl(1), world.cc(1));
    let machine = world.machine("field-1");
    machine.activate(&nl, 1).unwrap();
    let tried =
        |input: &str, id: &str| Row::new(input, checkout(&machine, "ortho", 1), &machine.state(id));
    let mut rows = vec![tried("checkout of a license that is node-locked", &nl)];
    machine.activate(&cc, 1).unwrap();
    world.stop();
    assert_eq!(machine.return_(&cc, 0).unwrap_err().code, LM_ERR_NETWORK);
    rows.push(tried("checkout while all seats are on their way back", &cc));
    world.start();
    machine.resume().unwrap();
    machine.activate(&cc, 1).unwrap();
    world.portal.portal_return(&cc).unwrap();
    assert_eq!(machine.refresh(Some(&cc)).unwrap_err().code, LM_ERR_OBSOLETE);
    rows.push(tried("checkout of a license that the portal's Return retired", &cc));
    rows
}

fn of_files(world: &World) -> Vec<Row> {
    let id = world.cc(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    let slots = machine.settings.storage.join("slots");
    let home = machine.settings.storage.parent().unwrap().to_str().unwrap().to_owned();
    let row = |input: &str, outcome| {
        Row::new(input, outcome, &machine.state(&id)).without(&[(&home, "HOME")])
    };
    std::fs::remove_file(&slots).unwrap();
    symlink("/dev/null", &slots).unwrap();
    let mut rows = vec![
        row("checkout where `slots` is a symbolic link", checkout(&machine, "ortho", 1)),
        row("return where `slots` is a symbolic link", machine.return_(&id, 0)),
    ];
    std::fs::remove_file(&slots).unwrap();
    checkout(&machine, "ortho", 1).unwrap();
    rows.push(Row::fine("checkout where `slots` is gone: it is made again", &machine.state(&id)));
    rows
}

#[test]
fn seats_that_are_not_to_be_had_say_why() {
    let mut world = World::new();
    let mut rows = of_use(&world);
    rows.extend(of_states(&mut world));
    rows.extend(of_files(&world));
    let intro = "Concurrent seats that the programs of a machine share (`lm_checkout`). Who uses them is in \
                 `lm_error_detail`.";
    compare("Seats", intro, &rows);
}
