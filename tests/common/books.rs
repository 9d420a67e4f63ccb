//! Whether machine and portal agree: the seats of an activation ID, counted on both sides.

use lm::ffi::*;
use lm_portal::admin::show::ActivationView;

use super::machine::{Machine, Outcome};
use super::operations::{Operation, Shown};
use super::world::World;

/// An operation that was broken off somewhere, on a machine that holds no other machine's seats.
pub struct Case<'a> {
    pub world: &'a World,
    pub machine: &'a Machine,
    pub id: &'a str,
    pub operation: Operation,
    /// An ID that this machine holds all along, undisturbed.
    pub neighbor: Option<&'a str>,
}

/// How the next start goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoOn {
    Resume,
    /// The call that was broken off, again.
    CallAgain,
}

/// What the machine's record and the portal's books say differently once nothing is pending.
pub fn disagreements(machine: &Machine, id: &str, books: &ActivationView) -> Vec<String> {
    let shown = Shown::on(machine, id);
    let record = machine.list().into_iter().find(|(other, ..)| other == id);
    let mut held = Vec::new();
    if let Some((_, fulfillment, generation)) = record.filter(|_| shown.state != LM_STATE_ORPHANED)
    {
        held.push((fulfillment, generation as i64, i64::from(shown.seats)));
    }
    let seats: i64 = held.iter().map(|(.., seats)| seats).sum();
    let books_held: Vec<_> = books
        .fulfillments
        .iter()
        .map(|row| (row.fulfillment_id.clone(), row.generation, row.seats))
        .collect();
    let mut found = Vec::new();
    if held != books_held {
        found.push(format!("the machine holds {held:?}, by the books it is {books_held:?}"));
    }
    let counted = (books.fulfilled, books.available, books.cooling, books.excess);
    if counted != (seats, books.seats - seats, 0, 0) {
        found.push(format!(
            "of {} seats the machine holds {seats}; fulfilled, available, cooling, excess: {counted:?}",
            books.seats
        ));
    }
    found
}

impl Case<'_> {
    /// What does not hold on the next start and from there to the end, where all seats are returned.
    pub fn judge(&self, go_on: GoOn) -> Vec<String> {
        let mut found = self.settle(go_on);
        found.extend(self.all_is_returned(&self.machine.again()));
        found
    }

    /// What does not hold on the next start and until the operation is done.
    pub fn settle(&self, go_on: GoOn) -> Vec<String> {
        let mut found = self.on_the_next_start();
        let granted = self.granted();
        let machine = self.machine.again();
        match go_on {
            GoOn::Resume => found.extend(self.resume(&machine)),
            GoOn::CallAgain if self.operation == Operation::Refresh => {
                found.extend(refresh_again(&machine, self.id));
            }
            GoOn::CallAgain => {}
        }
        if Shown::on(&machine, self.id) != self.operation.after() {
            found.extend(must_work(
                "the call again",
                self.operation.call(self.world, &machine, self.id),
            ));
        }
        let shown = Shown::on(&machine, self.id);
        self.must_be(shown, &[self.operation.after()], "at last", &mut found);
        found.extend(disagreements(&machine, self.id, &self.world.show(self.id)));
        if granted.is_some() && shown.usable && granted != self.granted() {
            found.push("another fulfillment than the one that the portal had granted".to_owned());
        }
        found
    }

    /// Finished, or not begun.
    fn resume(&self, machine: &Machine) -> Vec<String> {
        let mut found: Vec<_> = must_work("resume", machine.resume()).into_iter().collect();
        let (shown, operation) = (Shown::on(machine, self.id), self.operation);
        self.must_be(shown, &[operation.resumed(), operation.after()], "once resumed", &mut found);
        if !operation.is_of_older_store() || shown == operation.after() {
            found.extend(disagreements(machine, self.id, &self.world.show(self.id)));
        }
        found
    }

    /// Before, after or pending; no use of a seat that the portal doesn't count as this machine's.
    fn on_the_next_start(&self) -> Vec<String> {
        let (operation, mut found) = (self.operation, Vec::new());
        let machine = self.machine.again();
        let shown = Shown::on(&machine, self.id);
        let allowed = [operation.before(), operation.pending(), operation.after()];
        self.must_be(shown, &allowed, "on the next start", &mut found);
        let status = machine.status(Some(self.id));
        let all = LM_TRUST_HOST | LM_TRUST_RESTORE | LM_TRUST_TIME;
        if status.trust != all && shown.state != LM_STATE_UNTRUSTED {
            found.push(format!("trust is broken: {:#b}", status.trust));
        }
        let used = if shown.usable { i64::from(shown.seats) } else { 0 };
        let fulfilled = self.world.seats(self.id).0;
        if used > fulfilled {
            found.push(format!("{used} seats are used, by the books {fulfilled} are fulfilled"));
        }
        found
    }

    fn all_is_returned(&self, machine: &Machine) -> Vec<String> {
        let mut found = Vec::new();
        match (Shown::on(machine, self.id), machine.return_(self.id, 0)) {
            (Shown::ABSENT, Err(failure)) if failure.code == LM_ERR_NOT_FOUND => {}
            (Shown::ABSENT, outcome) => found.push(format!("returning nothing: {outcome:?}")),
            (_, outcome) => found.extend(must_work("returning all", outcome)),
        }
        self.must_be(Shown::on(machine, self.id), &[Shown::ABSENT], "all returned", &mut found);
        found.extend(disagreements(machine, self.id, &self.world.show(self.id)));
        let history = self.world.portal.history(Some(self.id), 100).unwrap();
        let flagged = history.iter().filter(|row| row.flagged).map(|row| &row.action);
        if !self.operation.is_of_older_store() {
            found.extend(flagged.map(|action| format!("the portal has flagged: {action}")));
        }
        if let Some(neighbor) = self.neighbor
            && Shown::on(machine, neighbor) != Shown::active(1)
        {
            found.push(format!("the license beside it: {:?}", Shown::on(machine, neighbor)));
        }
        found
    }

    fn must_be(&self, shown: Shown, allowed: &[Shown], when: &str, found: &mut Vec<String>) {
        if !allowed.contains(&shown) {
            found.push(format!("{when}: {shown:?}, not one of {allowed:?}"));
        }
    }

    /// The fulfillment that the machine has at the portal.
    fn granted(&self) -> Option<String> {
        self.world.show(self.id).fulfillments.first().map(|row| row.fulfillment_id.clone())
    }
}

/// A refresh is a routine: after a failure of the network it asks for patience, a person does not.
fn refresh_again(machine: &Machine, id: &str) -> Option<String> {
    match machine.refresh(Some(id)) {
        Err(failure) if (70..80).contains(&failure.code) => must_work("resume", machine.resume()),
        outcome => must_work("the refresh again", outcome),
    }
}

fn must_work(what: &str, outcome: Outcome) -> Option<String> {
    outcome.err().map(|failure| format!("{what}: {failure:?}"))
}
