//! The judge is seen to see: books that were falsified, and a machine that skipped the durable step.

use crate::common::books::{Case, GoOn, disagreements};
use crate::common::disk::{Disk, Trouble};
use crate::common::harness::{Arguments, Outcome};
use crate::common::operations::Operation;
use crate::common::wire::{Fate, Wire};
use crate::common::world::World;

pub(crate) fn run(_: &Arguments) -> Outcome {
    let world = World::new();
    let mut missed = falsified_books(&world);
    for go_on in [GoOn::Resume, GoOn::CallAgain] {
        missed.extend(a_machine_that_forgets(&world, go_on));
    }
    if missed.is_empty() { Outcome::Passed } else { Outcome::Failed(missed) }
}

fn falsified_books(world: &World) -> Vec<String> {
    let (machine, id) = (world.machine("books"), world.cc(5));
    machine.activate(&id, 3).unwrap();
    let books = world.show(&id);
    assert_eq!(disagreements(&machine, &id, &books), Vec::<String>::new());
    let mut falsified = vec![books; 5];
    falsified[0].fulfilled -= 1;
    falsified[1].available += 1;
    falsified[2].fulfillments[0].generation += 1;
    falsified[3].fulfillments[0].seats -= 1;
    falsified[4].fulfillments.clear();
    let unseen = falsified.iter().filter(|books| disagreements(&machine, &id, books).is_empty());
    unseen.map(|books| format!("not seen: {books:?}")).collect()
}

/// It asks for its seats without having written down that it does, and is killed before the answer.
fn a_machine_that_forgets(world: &World, go_on: GoOn) -> Option<String> {
    let (machine, id) = (world.machine(&format!("forgetful, {go_on:?}")), world.cc(5));
    let wire = Wire::to(world.url());
    wire.next(&[Fate::LoseReply]);
    let mut options = machine.settings.options();
    options.portal_url = Some(wire.url());
    let forgetful = lm::Client::open_with(options, Disk::default().with(Trouble::Forgets));
    forgetful.unwrap().activate(&id, 3).unwrap_err();
    assert_eq!(world.seats(&id), (3, 2), "the portal has granted");
    let (operation, id) = (Operation::Birth, id.as_str());
    let case = Case { world, machine: &machine, id, operation, neighbor: None };
    let found = case.judge(go_on);
    found.is_empty().then(|| format!("a machine that forgot what it asked for: {go_on:?}"))
}
