//! What a check answers. The numbers are those of the C header.

use lm_protocol::Kind;

use crate::error::Code;

/// In which state a license is on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum State {
    /// This machine holds no such license.
    #[default]
    Absent = 0,
    /// Work.
    Active = 1,
    /// Work; the lease is over and grace runs.
    Grace = 2,
    /// The term, or lease and grace, are over.
    Expired = 3,
    /// The term has not begun.
    NotYetValid = 4,
    /// An activation is under way whose answer is not known.
    PendingActivation = 5,
    /// A return is under way whose answer is not known.
    PendingReturn = 6,
    /// Given back from the portal; the copy here has no rights.
    Orphaned = 7,
    /// Another machine, a restored store, a wound-back clock, a damaged store.
    Untrusted = 8,
}

impl State {
    /// Every state, in the order of its number.
    pub const ALL: [Self; 9] = [
        Self::Absent,
        Self::Active,
        Self::Grace,
        Self::Expired,
        Self::NotYetValid,
        Self::PendingActivation,
        Self::PendingReturn,
        Self::Orphaned,
        Self::Untrusted,
    ];

    /// The name as the C header writes it, without `LM_STATE_`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "ABSENT",
            Self::Active => "ACTIVE",
            Self::Grace => "GRACE",
            Self::Expired => "EXPIRED",
            Self::NotYetValid => "NOT_YET_VALID",
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::PendingReturn => "PENDING_RETURN",
            Self::Orphaned => "ORPHANED",
            Self::Untrusted => "UNTRUSTED",
        }
    }

    /// The state with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as u32 == number)
    }
}

/// What a person at the machine does next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum NextStep {
    /// Nothing.
    #[default]
    None = 0,
    /// Activate.
    Activate = 1,
    /// Refresh over the network.
    Refresh = 2,
    /// Finish what is pending.
    Resume = 3,
    /// Repair; while this build has no repair, activating again does it.
    Repair = 4,
    /// Remove the entry.
    Remove = 5,
    /// Correct the clock.
    CorrectClock = 6,
    /// Ask the vendor.
    ContactVendor = 7,
}

impl NextStep {
    /// Every step, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Activate,
        Self::Refresh,
        Self::Resume,
        Self::Repair,
        Self::Remove,
        Self::CorrectClock,
        Self::ContactVendor,
    ];

    /// The name as the C header writes it, without `LM_NEXT_`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Activate => "ACTIVATE",
            Self::Refresh => "REFRESH",
            Self::Resume => "RESUME",
            Self::Repair => "REPAIR",
            Self::Remove => "REMOVE",
            Self::CorrectClock => "CORRECT_CLOCK",
            Self::ContactVendor => "CONTACT_VENDOR",
        }
    }

    /// The step with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step as u32 == number)
    }
}

/// The trust flags; a set bit is "trusted".
pub mod trust {
    /// This is the machine that the license was issued to.
    pub const HOST: u32 = 1;
    /// The store is the newest that this machine has seen.
    pub const RESTORE: u32 = 2;
    /// The clock was not set back.
    pub const TIME: u32 = 4;
    /// All of them.
    pub const ALL: u32 = HOST | RESTORE | TIME;
}

/// The answer of a check: state, cause, next step and dates. Times are Unix seconds, 0 is "none".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// In which state.
    pub state: State,
    /// Whether to work. The one field that a host must look at.
    pub usable: bool,
    /// NL or CC; `None` until the portal has told it.
    pub kind: Option<Kind>,
    /// Bits of [`trust`].
    pub trust: u32,
    /// Seats usable on this machine.
    pub seats: u32,
    /// Seats checked out on this machine, as of the last look.
    pub seats_in_use: u32,
    /// What a person does next.
    pub next_step: NextStep,
    /// What stands behind the state.
    pub cause: Option<Code>,
    /// End of the term.
    pub expires_at: i64,
    /// Until when the rights hold without contact.
    pub lease_until: i64,
    /// End of grace.
    pub grace_until: i64,
}

impl Status {
    /// No such license here.
    pub const ABSENT: Self = Self {
        state: State::Absent,
        usable: false,
        kind: None,
        trust: trust::ALL,
        seats: 0,
        seats_in_use: 0,
        next_step: NextStep::Activate,
        cause: None,
        expires_at: 0,
        lease_until: 0,
        grace_until: 0,
    };
}
