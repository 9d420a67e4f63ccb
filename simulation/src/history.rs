//! What happened on each side, as data: for whoever wants to hold another machine beside it, as a model.

use std::sync::Arc;

use lm_protocol::{Answer, Request};

use crate::judge::{Books, Entry};
use crate::locked;
use crate::machine::Place;
use crate::plan::Replay;
use crate::world::World;

/// One thing that happened, in the order of the history.
#[derive(Clone, Debug)]
pub enum Happened {
    /// An event begins; those that come during another one's call, too.
    Event {
        /// Its number in the seed.
        number: u64,
        /// Its name.
        name: &'static str,
        /// Whether it is done to stores and machines behind the library's back.
        is_mishap: bool,
    },
    /// A machine has lost power: what was not synced may be gone.
    PowerLost {
        /// Its number.
        machine: usize,
    },
    /// A request leaves a machine.
    Sent {
        /// From where.
        place: Place,
        /// What is asked.
        request: Box<Request>,
    },
    /// The portal has committed its answer to a request that arrived: for the first time or again,
    /// over the wire or in a file.
    Answered {
        /// By the portal's clock, in Unix seconds.
        now: i64,
        /// In the name of which host it was asked.
        host: usize,
        /// What was asked.
        request: Box<Request>,
        /// What is answered.
        answer: Box<Answer>,
        /// The portal's tables afterwards.
        ledger: Box<Books>,
    },
    /// An answer is handed to a machine, which applies it, or refuses it as not its own.
    Received {
        /// To where.
        place: Place,
        /// It.
        answer: Box<Answer>,
    },
    /// A person has done something at the portal.
    Acted {
        /// By the portal's clock, in Unix seconds.
        now: i64,
        /// What.
        act: Act,
        /// The portal's tables afterwards.
        ledger: Box<Books>,
    },
    /// A store is as it is: after an event or a call, and when a request has left.
    Store {
        /// Whose.
        place: Place,
        /// The host that the machine is.
        host: usize,
        /// What it holds.
        entries: Arc<Vec<Entry>>,
    },
}

/// What people do at the portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// What was sold: before the first event.
    Founded,
    /// The portal's Return of an activation ID.
    Return(String),
    /// A Re-host of a fulfillment of an activation ID.
    Rehost(String, String),
    /// New activation IDs of an entitlement.
    Generate(String),
    /// An activation ID becomes two.
    Split(String),
    /// More than a limit is allowed.
    Allow(String),
    /// An entitlement's lease is another.
    Policy(String),
    /// The database is copied.
    BackUp,
    /// The database is lost and its backup taken into use.
    Restore,
}

impl World {
    /// A person has done something.
    pub(crate) fn acted(&self, act: Act) {
        self.note(|| {
            let ledger = Box::new(locked(&self.judge).books.clone());
            Happened::Acted { now: self.portal_now(), act, ledger }
        });
    }

    /// Whether the history is wanted.
    pub(crate) fn is_noted(&self) -> bool {
        self.order.told || self.order.replay != Replay::No
    }

    /// Notes what happened, where the history is wanted.
    pub(crate) fn note(&self, happened: impl FnOnce() -> Happened) {
        if self.is_noted() {
            locked(&self.history).push(happened());
        }
    }
}
