//! The judge is seen to see: books that changed behind the machine's back, a machine that skipped
//! the durable step, and a run that cut nothing.

use crate::common::books::{Case, GoOn};
use crate::common::disk::{Disk, Trouble};
use crate::common::harness::{Arguments, Outcome};
use crate::common::operations::Operation;
use crate::common::wire::{End, Fate, Wire};
use crate::common::world::World;
use crate::round::{Direction, Traveler};
use crate::run::{self, Extent};

pub(crate) fn run(_: &Arguments) -> Outcome {
    let world = World::new();
    let mut missed = Vec::new();
    if !falsified_books(&world) {
        missed.push("a seat that the books give to nobody any more".to_owned());
    }
    if !a_machine_that_forgets(&world) {
        missed.push("a machine that forgot what it asked for".to_owned());
    }
    let nowhere = Extent { first: 1_000_000, every: 1, machines: 1 };
    if matches!(run::run(&nowhere), Outcome::Passed) {
        missed.push("a run that cut nothing".to_owned());
    }
    if missed.is_empty() { Outcome::Passed } else { Outcome::Failed(missed) }
}

/// Between the cut and the next start the books lose what the machine holds.
fn falsified_books(world: &World) -> bool {
    let traveler = Traveler::new(world, "falsified");
    let whole = traveler.step(Operation::Activate, Direction::ToTheMachine, 100);
    assert!(whole.cut && whole.complaints.is_empty(), "{:?}", whole.complaints);
    let falsify = || drop(world.portal.rehost(&traveler.id, None).unwrap());
    let step = traveler.step_and(Operation::MoreSeats, Direction::ToTheMachine, 100, falsify);
    step.cut && !step.complaints.is_empty()
}

/// It asks for its seats without having written down that it does, and sees half of the answer.
fn a_machine_that_forgets(world: &World) -> bool {
    let (machine, id, wire) = (world.machine("forgetful"), world.cc(5), Wire::to(world.url()));
    wire.next(&[Fate::CutReplyAt(100, End::Reset)]);
    let mut options = machine.settings.options();
    options.portal_url = Some(wire.url());
    let forgetful = lm::Client::open_with(options, Disk::default().with(Trouble::Forgets));
    forgetful.unwrap().activate(&id, 3).unwrap_err();
    assert_eq!(world.seats(&id), (3, 2), "the portal has granted");
    let (operation, id) = (Operation::Birth, id.as_str());
    let case = Case { world, machine: &machine, id, operation, neighbor: None };
    !case.settle(GoOn::Resume).is_empty()
}
