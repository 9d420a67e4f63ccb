//! One machine that does everything that asks the portal, each exchange cut after the same number
//! of bytes.

use lm::ffi::*;

use crate::common::books::{Case, GoOn, disagreements};
use crate::common::machine::{Machine, Outcome};
use crate::common::operations::{Operation, Shown};
use crate::common::wire::{End, Fate, Wire};
use crate::common::world::World;

/// In an order in which one begins where the one before it ended, or nearly so.
pub(crate) const STEPS: [Operation; 10] = [
    Operation::Activate,
    Operation::Refresh,
    Operation::Reattach,
    Operation::Repair,
    Operation::ReturnSome,
    Operation::MoreSeats,
    Operation::ReturnAll,
    Operation::Abandon,
    Operation::ResumeActivation,
    Operation::ResumeReturn,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToThePortal,
    ToTheMachine,
}

pub(crate) struct Traveler<'a> {
    pub(crate) world: &'a World,
    pub(crate) machine: Machine,
    pub(crate) id: String,
    pub(crate) wire: Wire,
    /// The same store, its messages passing through the proxy.
    held: Machine,
}

/// What a step came to.
pub(crate) struct Step {
    /// Whether the message was long enough to be cut there.
    pub(crate) cut: bool,
    pub(crate) complaints: Vec<String>,
}

impl<'a> Traveler<'a> {
    pub(crate) fn new(world: &'a World, identity: &str) -> Self {
        let (machine, id, wire) = (world.machine(identity), world.cc(5), Wire::to(world.url()));
        let held = machine.with(|settings| settings.portal_url = Some(wire.url()));
        Self { world, machine, id, wire, held }
    }

    /// One operation, its exchange cut after so many bytes, and then finished.
    pub(crate) fn step(&self, operation: Operation, direction: Direction, at: usize) -> Step {
        self.step_and(operation, direction, at, || ())
    }

    /// As [`Self::step`], with something that happens between the cut and the next start.
    pub(crate) fn step_and(
        &self,
        operation: Operation,
        direction: Direction,
        at: usize,
        meanwhile: impl FnOnce(),
    ) -> Step {
        operation.prepare(self.world, &self.machine, &self.wire, &self.id);
        let before = self.wire.cuts();
        self.wire.next(&[fate(operation, direction, at)]);
        let outcome = operation.call(self.world, &self.held, &self.id);
        let cut = self.wire.cuts() > before;
        meanwhile();
        let mut complaints = if cut { must_be_a_network_code(outcome) } else { must_work(outcome) };
        if self.wire.left() > 0 {
            complaints.push("it did not ask the portal".to_owned());
        } else if cut {
            let go_on = if (at / 2).is_multiple_of(2) { GoOn::Resume } else { GoOn::CallAgain };
            complaints.extend(self.case(operation).settle(go_on));
        } else {
            // A status of the client that was open may be a moment old.
            let (machine, books) = (self.machine.again(), self.world.show(&self.id));
            complaints.extend(disagreements(&machine, &self.id, &books));
        }
        Step { cut, complaints }
    }

    fn case(&self, operation: Operation) -> Case<'_> {
        let (world, machine, id) = (self.world, &self.machine, self.id.as_str());
        Case { world, machine, id, operation, neighbor: None }
    }

    /// All seats are back, and have come back once.
    pub(crate) fn ended(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let shown = Shown::on(&self.machine.again(), &self.id);
        if shown != Shown::ABSENT || self.world.seats(&self.id) != (0, 5) {
            complaints.push(format!("at the end: {shown:?}, {:?}", self.world.seats(&self.id)));
        }
        complaints
    }
}

/// Both ends of a connection have their turn at each operation.
fn fate(operation: Operation, direction: Direction, at: usize) -> Fate {
    let place = STEPS.iter().position(|step| *step == operation).unwrap_or(0);
    let end = if (at + place).is_multiple_of(2) { End::Closed } else { End::Reset };
    match direction {
        Direction::ToThePortal => Fate::CutRequestAt(at, end),
        Direction::ToTheMachine => Fate::CutReplyAt(at, end),
    }
}

fn must_be_a_network_code(outcome: Outcome) -> Vec<String> {
    match outcome {
        Err(failure) if (LM_ERR_NETWORK..80).contains(&failure.code) => Vec::new(),
        Err(failure) => vec![format!("not a code of the network: {failure:?}")],
        Ok(()) => vec!["done without an answer".to_owned()],
    }
}

fn must_work(outcome: Outcome) -> Vec<String> {
    outcome.err().map(|failure| format!("undisturbed: {failure:?}")).into_iter().collect()
}
