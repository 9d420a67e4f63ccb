//! What the world is made of: a portal, machines with their stores and anchors, messages on their
//! way, and a clock. Everything is small and can be compared and hashed.

use crate::setting::{BUDGETS, Budget};

pub use crate::messages::{
    Answer, Ask, Fid, Host, Key, NEVER, Op, PlaceIndex, Reason, Record, Refusal, Request,
    ResponseFile, Time, Verdict, Way,
};

/// A fulfillment, as the portal has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fulfillment {
    /// Its ID.
    pub fid: Fid,
    /// Whose it is.
    pub host: Host,
    /// Why it is gone; `None`: it stands.
    pub gone: Option<Reason>,
    /// When it went.
    pub gone_at: Time,
    /// How often it was written.
    pub generation: u8,
    /// Its seats; of one that is gone: those that it had.
    pub seats: u8,
    /// The key that signs messages about it.
    pub key: Key,
    /// The operation that made this generation.
    pub op: Op,
    /// End of grace of the present generation.
    pub until: Time,
    /// Until when a copy may work.
    pub reach: Time,
    /// Until when seats would have cooled that it took while they did.
    pub owed: Time,
    /// Keys that a re-attach replaced.
    pub replaced: Vec<Key>,
    /// Not part of the protocol: its seat may be nobody's. It came back with a backup, or was asked
    /// for by an activate that may be of the time before.
    pub doubtful: bool,
}

/// Seats that cool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cooling {
    /// For whom.
    pub host: Host,
    /// Free after this: those that are free first are taken again first.
    pub until: Time,
    /// How many.
    pub seats: u8,
}

/// What the portal remembers of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Known {
    /// The operation.
    pub op: Op,
    /// The stored answer; `None`: a tombstone.
    pub verdict: Option<Verdict>,
    /// It is dated before its request.
    pub older: bool,
}

/// The portal: one activation ID (CC), its seats, and all that was asked about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Portal {
    /// Rises when a backup is restored.
    pub epoch: u8,
    /// Active; else retired for good.
    pub active: bool,
    /// Seats that machines hold.
    pub fulfilled: u8,
    /// Seats that cool.
    pub cooling: u8,
    /// Seats over the quantity, after a restored backup.
    pub excess: u8,
    /// Seats of a retired ID that went back to its entitlement.
    pub given_back: u8,
    /// No fulfillment of an older epoch reaches less far.
    pub floor: Time,
    /// Length of a lease as policy has it today.
    pub lease: Time,
    /// Fulfillments, gone ones too.
    pub fulfillments: Vec<Fulfillment>,
    /// Seats that cool, each with its date.
    pub coolings: Vec<Cooling>,
    /// Stored answers and tombstones.
    pub known: Vec<Known>,
    /// Repairs counted.
    pub repairs: u8,
    /// Returns counted.
    pub returns: u8,
    /// Its clock is a step behind.
    pub behind: bool,
}

/// An intent, durable before its message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pending {
    /// What is sent at every try.
    pub request: Request,
    /// The request whose place a return took.
    pub displaced: Option<Request>,
    /// It was pending when a restored store was found: its answer may be as old as the store.
    pub marked: bool,
}

/// One activation ID in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The record; `None` while its first activate is pending.
    pub record: Option<Record>,
    /// The RESTORE mark.
    pub restored: bool,
    /// The portal said that the fulfillment is gone.
    pub orphaned: Option<Reason>,
    /// The grant came too late.
    pub too_late: bool,
    /// The operation whose answer is not known.
    pub pending: Option<Pending>,
    /// Not part of the protocol: when this copy began to work.
    pub began: Time,
}

/// Trusted storage, as one durable image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    /// Made at birth.
    pub id: Op,
    /// Rises with every commit.
    pub generation: u8,
    /// The portal's epoch, as last seen.
    pub epoch: Option<u8>,
    /// The one activation ID.
    pub entry: Option<Entry>,
}

/// What stands outside the store and exposes a restored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Anchor {
    /// Of which store.
    pub id: Op,
    /// Its generation.
    pub generation: u8,
}

/// A seat's byte in `slots`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// Nobody's.
    Free,
    /// Locked; the store is still to be read again.
    Locked,
    /// In use.
    Kept,
}

/// Bytes of `slots` that the model looks at.
pub const SLOTS: usize = 2;

/// A machine, or one of two directories of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its evidence.
    pub host: Host,
    /// Its store.
    pub store: Option<Store>,
    /// Its anchors.
    pub anchor: Option<Anchor>,
    /// A backup of the store, and of the anchors beside it.
    pub saved: Option<(Store, Option<Anchor>)>,
    /// Operations made so far. Random IDs: no backup brings them back.
    pub ops: u16,
    /// Seats that another process's table still gives; it looks every 100 ms.
    pub table: u8,
    /// Seats in use.
    pub slots: [Slot; SLOTS],
}

/// What no part of the system knows: who did what to whom, for the promise to be judged by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ghost {
    /// For each host: the latest end of grace of any lease ever signed, and the clock tolerance.
    pub reach: Vec<Time>,
    /// For each host: before this, copies without a seat are to be expected.
    pub excused: Vec<Time>,
    /// Operations that a copied or rolled back store waited for: its copies share the answer.
    pub shared: Vec<Op>,
    /// Hosts at which a store was lost, restored, copied, or is one of two.
    pub disturbed: u8,
    /// Places whose own store was restored, copied or replaced by an older machine.
    pub tampered: u8,
    /// Fulfillments that people ended at this portal.
    pub ended: Vec<Fid>,
    /// The portal was restored from a backup.
    pub portal_restored: bool,
    /// What must never happen in one step did.
    pub fault: Option<&'static str>,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// Now.
    pub now: Time,
    /// The portal.
    pub portal: Portal,
    /// Its backup.
    pub backup: Option<Box<Portal>>,
    /// The machines.
    pub places: Vec<Place>,
    /// Requests that were sent. Each may arrive at any time, any number of times, or never.
    pub requests: Vec<Request>,
    /// Answers that were sent; likewise.
    pub answers: Vec<Answer>,
    /// Response files that people carry; likewise.
    pub files: Vec<ResponseFile>,
    /// What faults and people's actions have used of their budgets.
    pub spent: [u8; BUDGETS],
    /// For the judgment only.
    pub ghost: Ghost,
}

impl Portal {
    /// A fulfillment, by its ID.
    #[must_use]
    pub fn find(&self, fid: Fid) -> Option<usize> {
        self.fulfillments.iter().position(|held| held.fid == fid)
    }
    /// What is remembered of an operation.
    #[must_use]
    pub fn known(&self, op: Op) -> Option<Known> {
        self.known.iter().copied().find(|known| known.op == op)
    }
    /// Remembers an operation in place of what was remembered of it.
    pub fn remember(&mut self, known: Known) {
        self.known.retain(|other| other.op != known.op);
        let at = self.known.partition_point(|other| other.op < known.op);
        self.known.insert(at, known);
    }
}

impl Place {
    /// The entry.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        self.store.as_ref()?.entry.as_ref()
    }
    /// The record.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        self.entry()?.record.as_ref()
    }
    /// What is pending.
    #[must_use]
    pub fn pending(&self) -> Option<&Pending> {
        self.entry()?.pending.as_ref()
    }
    /// Whether anchors say that this is not the newest store: it was restored or copied.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        match (&self.store, &self.anchor) {
            (None, _) => false,
            (Some(store), None) => store.entry.is_some(),
            (Some(store), Some(anchor)) => {
                store.id != anchor.id || store.generation < anchor.generation
            }
        }
    }
}

impl World {
    /// Sends a request: it is on its way from now on, for ever.
    pub fn send(&mut self, request: Request) {
        if let Err(at) = self.requests.binary_search(&request) {
            self.requests.insert(at, request);
        }
    }
    /// Sends an answer.
    pub fn post(&mut self, answer: Answer) {
        if let Err(at) = self.answers.binary_search(&answer) {
            self.answers.insert(at, answer);
        }
    }
    /// Hands out a response file.
    pub fn hand_out(&mut self, file: ResponseFile) {
        if let Err(at) = self.files.binary_search(&file) {
            self.files.insert(at, file);
        }
    }
    /// What the portal's clock shows.
    #[must_use]
    pub fn portal_now(&self) -> Time {
        self.now.saturating_sub(Time::from(self.portal.behind))
    }
    /// What a budget has used.
    #[must_use]
    pub fn spent(&self, budget: Budget) -> u8 {
        self.spent[budget.index()]
    }
}
