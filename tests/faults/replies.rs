//! R8: whatever becomes of a message, calling again or resuming ends with machine and portal agreed.
//! The host uses the C ABI, the messages pass through a proxy that loses, cuts and repeats them.

use lm::ffi::*;

use crate::common::books::{Case, GoOn};
use crate::common::machine::Machine;
use crate::common::operations::{Operation, Shown};
use crate::common::wire::{Fate, Wire};
use crate::common::world::World;

/// The operations that ask the portal.
const ASKING: [Operation; 9] = [
    Operation::Activate,
    Operation::MoreSeats,
    Operation::Refresh,
    Operation::ReturnSome,
    Operation::ReturnAll,
    Operation::Abandon,
    Operation::ResumeReturn,
    Operation::Reattach,
    Operation::Repair,
];

struct Scene {
    world: World,
    machine: Machine,
    wire: Wire,
    neighbor: String,
}

impl Scene {
    fn new(identity: &str) -> Self {
        let world = World::new();
        let (machine, wire) = (world.machine(identity), Wire::to(world.url()));
        let neighbor = world.nl(1);
        machine.activate(&neighbor, 1).unwrap();
        Self { world, machine, wire, neighbor }
    }

    /// The machine, its messages passing through the proxy.
    fn through_the_wire(&self) -> Machine {
        self.machine.with(|settings| settings.portal_url = Some(self.wire.url()))
    }

    /// An operation whose calls meet these fates, one each, and how it goes on.
    fn meets(&self, operation: Operation, fates: &[Fate], go_on: GoOn) {
        let told = format!("{operation:?}, {fates:?}, {go_on:?}");
        // What a store that was put back has in common with its neighbors is tried elsewhere.
        let own = operation.wants_own_store().then(|| self.world.machine("a store of its own"));
        let (machine, neighbor) = match &own {
            Some(machine) => (machine, None),
            None => (&self.machine, Some(self.neighbor.as_str())),
        };
        let id = self.world.cc(5);
        operation.prepare(&self.world, machine, &self.wire, &id);
        self.wire.next(fates);
        let held = machine.with(|settings| settings.portal_url = Some(self.wire.url()));
        for (number, fate) in fates.iter().enumerate() {
            // A routine that failed asks for patience; a person goes on by resuming.
            let outcome = match operation {
                Operation::Refresh if number > 0 => held.resume(),
                _ => operation.call(&self.world, &held, &id),
            };
            match (fate, outcome) {
                (Fate::Twice, outcome) => outcome.unwrap(),
                (_, Err(failure)) => {
                    assert!((70..80).contains(&failure.code), "{told}: {failure:?}");
                    assert_eq!(Shown::on(&held, &id), operation.pending(), "{told}");
                }
                (_, Ok(())) => panic!("{told}: done without an answer"),
            }
        }
        assert_eq!(self.wire.left(), 0, "{told}: so many asked");
        let case = Case { world: &self.world, machine, id: &id, operation, neighbor };
        let found = case.judge(go_on);
        assert!(found.is_empty(), "{told}: {found:#?}");
    }
}

/// What happens to messages, each also twice in a row.
fn all_meet(identity: &str, fates: &[Fate]) {
    let scene = Scene::new(identity);
    for operation in ASKING {
        for (number, fate) in fates.iter().enumerate() {
            let go_on = if number.is_multiple_of(2) { GoOn::Resume } else { GoOn::CallAgain };
            scene.meets(operation, &[*fate], go_on);
            scene.meets(operation, &[*fate, *fate], go_on);
        }
    }
    assert_eq!(scene.world.portal.history_break().unwrap(), None);
}

#[test]
fn r08_the_portal_committed_and_the_reply_was_lost() {
    all_meet("field-1", &[Fate::LoseReply, Fate::LoseReply]);
}

#[test]
fn r08_a_request_that_was_lost_is_asked_again() {
    all_meet("field-2", &[Fate::LoseRequest, Fate::CutRequest, Fate::LoseRequest]);
}

#[test]
fn r08_a_connection_that_is_cut_in_mid_reply() {
    let cuts = [Fate::CutReply(1), Fate::CutReply(8), Fate::AllButOneByte];
    all_meet("field-3", &cuts);
}

#[test]
fn r08_a_request_that_the_network_repeats_counts_once() {
    let scene = Scene::new("field-4");
    for operation in ASKING {
        scene.meets(operation, &[Fate::Twice], GoOn::Resume);
    }
}

/// The network holds a request back and delivers it when the machine has long asked for something
/// else: nothing that was given back is taken again.
#[test]
fn r08_a_request_that_comes_late_changes_nothing() {
    let scene = Scene::new("field-5");
    let machine = scene.through_the_wire();
    let (abandoned, returned) = (scene.world.cc(5), scene.world.cc(5));
    scene.wire.next(&[Fate::Late]);
    machine.activate(&abandoned, 3).unwrap_err();
    machine.return_(&abandoned, 0).unwrap();
    machine.activate(&returned, 3).unwrap();
    scene.wire.next(&[Fate::Late]);
    machine.activate(&returned, 5).unwrap_err();
    machine.return_(&returned, 0).unwrap();
    assert_eq!(scene.wire.deliver_late(), 2);
    for id in [&abandoned, &returned] {
        assert_eq!(scene.world.seats(id), (0, 5), "what was given back is not taken again");
        assert_eq!(machine.return_(id, 0).unwrap_err().code, LM_ERR_NOT_FOUND);
    }
    // A return that comes late finds the seats activated anew, and leaves them.
    machine.activate(&returned, 3).unwrap();
    scene.wire.next(&[Fate::Late]);
    machine.return_(&returned, 0).unwrap_err();
    machine.resume().unwrap();
    machine.activate(&returned, 2).unwrap();
    assert_eq!(scene.wire.deliver_late(), 1);
    assert_eq!(Shown::on(&machine, &returned), Shown::active(2));
    assert_eq!(scene.world.seats(&returned), (2, 3));
}
