//! What is said between machines and the portal. The messages of `lm-protocol`, without what guards
//! their form.

/// Coarse time. One step may stand for an hour or a month.
pub type Time = u32;
/// A date that never comes: what has no lease ends then.
pub const NEVER: Time = Time::MAX;
/// A host, as its evidence tells it. Two places with the same evidence are one host to the portal.
pub type Host = u8;
/// Index of a place: a machine, or one of two directories of one machine.
pub type PlaceIndex = usize;

/// An operation's ID. Made at one place, never twice: a restored store doesn't bring it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Op(pub u16);

impl Op {
    /// The place of those who have no machine here.
    pub const OUTSIDE: PlaceIndex = 7;
    /// The largest number of one.
    pub const NUMBERS: u16 = 0xFFF;
    /// The `number`-th operation of a place.
    #[must_use]
    pub fn new(place: PlaceIndex, number: u16) -> Self {
        Self(u16::try_from(place).unwrap_or(7) << 12 | (number & Self::NUMBERS))
    }
    /// Where it was made.
    #[must_use]
    pub fn place(self) -> PlaceIndex {
        usize::from(self.0 >> 12)
    }
}

/// A device key, named by the operation that brought it.
pub type Key = Op;

/// A fulfillment's ID: a portal restored from a backup that sees its operation again makes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fid {
    /// The activate that it came of.
    pub op: Op,
    /// The epoch in which it was made.
    pub epoch: u8,
}

/// The fulfillment record, signed by the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// Of which fulfillment.
    pub fid: Fid,
    /// Rises with every change that the portal makes.
    pub generation: u8,
    /// The operation that made this generation.
    pub op: Op,
    /// The portal's epoch when it signed.
    pub epoch: u8,
    /// Seats of this machine.
    pub seats: u8,
    /// The host that it was issued to.
    pub host: Host,
    /// Signs requests about it.
    pub key: Key,
    /// End of grace; [`NEVER`] without lease.
    pub until: Time,
    /// Applied later, it gives no right.
    pub apply_by: Time,
    /// Not part of the protocol: this copy was given although it was no longer true.
    pub untrue: bool,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// Hold so many seats in total, without a record that could be shown.
    Activate(u8),
    /// Activate over a record that can't be used: the same fulfillment again.
    Reattach(u8),
    /// Trust again in a record whose store was put back.
    Repair,
    /// Hold so many in total, on a record that stands.
    More(u8),
    /// Undo an activate whose answer is not known.
    Abandon(Op),
    /// Give so many back; 0: all.
    Return(u8),
    /// A new lease.
    Refresh,
}

/// A request: made once, the same bytes at every try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// The operation.
    pub op: Op,
    /// What is asked.
    pub ask: Ask,
    /// The host's evidence.
    pub host: Host,
    /// The record that it shows.
    pub record: Option<Record>,
    /// The operation of this record whose answer is not known.
    pub unanswered: Option<Op>,
    /// The key that signs.
    pub key: Key,
    /// The portal's epoch that the client last saw.
    pub epoch: Option<u8>,
}

/// Why the portal refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// No seats are left.
    NoSeats,
    /// The activation ID is retired.
    Inactive,
    /// Not the machine that it was issued to.
    HostMismatch,
    /// Too many repairs in this period.
    RepairLimit,
    /// Too many returns in this period.
    ReturnLimit,
    /// The activate was abandoned.
    Abandoned,
    /// The portal was restored and does not know what this rests on.
    PortalRestored,
    /// More seats are to be returned than are held.
    TooMany,
    /// What policy refuses: rights by a file.
    Policy,
}

/// Why a fulfillment is gone, or another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Given back by the machine.
    Returned,
    /// The portal's Return retired the activation ID.
    Retired,
    /// Re-hosted.
    Rehosted,
    /// Its lease was over and policy reclaimed it.
    Reclaimed,
    /// Another store of the same holder has it now.
    HeldElsewhere,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Rights.
    Granted(Record),
    /// All seats are back.
    Returned,
    /// The activate is undone, or will never be granted.
    Abandoned,
    /// Refused for ever under this operation; nothing was changed.
    Denied(Refusal),
    /// An older generation; nothing was changed.
    Stale,
    /// The fulfillment is gone.
    Obsolete(Reason),
}

/// One answer, bound to its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Answer {
    /// Of which operation.
    pub op: Op,
    /// What came of it.
    pub verdict: Verdict,
    /// The portal's epoch.
    pub epoch: u8,
    /// It is dated before its request: the portal's clock was behind.
    pub older: bool,
}

/// A response file: the answers to a request file with one request or two, a batch. Made once, it may
/// be carried to any machine, late, any number of times, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResponseFile(pub Answer, pub Option<Answer>);

impl ResponseFile {
    /// Its answers.
    pub fn answers(self) -> impl Iterator<Item = Answer> {
        std::iter::once(self.0).chain(self.1)
    }
}

/// How a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over the network.
    Online,
    /// In a file.
    File,
}
