//! What is known of one record, flat: what the published table holds and a judgment needs.

use lm_protocol::Kind;

/// The operation of a record whose answer is not known, as far as it matters to a status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum PendingKind {
    /// None, or one that leaves the record as it is (a refresh, more seats).
    #[default]
    None = 0,
    /// An activation. Beside a record it leaves that as it is.
    Activation = 1,
    /// An activation that is being undone.
    Abandon = 2,
    /// All seats are on their way back.
    ReturnAll = 3,
    /// Some are; the others may be used.
    ReturnSome = 4,
}

/// One record. Times are Unix seconds, 0 is "none".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether the portal's record is there, or only an operation.
    pub has_record: bool,
    /// What is under way.
    pub pending: PendingKind,
    /// The vendor's signature over the record stands.
    pub signature_trusted: bool,
    /// The record is this machine's.
    pub host_trusted: bool,
    /// The record was not brought back from an older store.
    pub restore_trusted: bool,
    /// The portal said that the fulfillment is gone.
    pub orphaned: bool,
    /// It is gone because another store of this machine holds it.
    pub held_elsewhere: bool,
    /// The grant came after its last day.
    pub too_late: bool,
    /// NL or CC.
    pub kind: Option<Kind>,
    /// Seats usable here, those on their way back not counted.
    pub seats: u32,
    /// Seats checked out here, as of the last look.
    pub seats_in_use: u32,
    /// First second of the term.
    pub starts_at: i64,
    /// Last second of the term.
    pub expires_at: i64,
    /// Until when the rights hold without contact.
    pub lease_until: i64,
    /// End of grace.
    pub grace_until: i64,
    /// How far the clock may stand behind, in seconds.
    pub clock_tolerance: i64,
}

impl Facts {
    /// Whether the rights end at some time, so that a clock matters.
    #[must_use]
    pub const fn expires(&self) -> bool {
        self.expires_at != 0 || self.lease_until != 0
    }

    /// When the rights end if nothing is done; `i64::MAX`: never.
    #[must_use]
    pub fn end(&self) -> i64 {
        let or_never = |time: i64| if time == 0 { i64::MAX } else { time };
        or_never(self.expires_at).min(or_never(self.grace_until))
    }
}
