//! Faults that are planted in the real code through its ports, to see that the judgment finds them.
//! What isn't found proves that a check is blind.

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// Files: a sync does nothing and says that it did.
    SyncSkipped,
    /// Files: a directory's sync does nothing.
    DirectorySyncSkipped,
    /// Files: every lock is granted at once.
    LockNotTaken,
    /// Files: a lock that is let go stays.
    LockKept,
    /// Files: a seat's bytes are not locked, and it is said that they are.
    SeatNotLocked,
    /// Files: the anchor's file isn't written again.
    AnchorNotRaised,
    /// Files: an image is read as it was before it was last written.
    OlderImageServed,
    /// Clock: the wait of a return is skipped.
    WaitSkipped,
    /// Clock: the portal's clock is a month behind.
    PortalClockBack,
    /// Clock: the portal's clock is a month ahead.
    PortalClockAhead,
    /// Randomness: an operation's ID comes again.
    OperationRepeated,
    /// Portal: an answer is given and not stored.
    AnswerNotStored,
    /// Portal: an answer is given, and its transaction is rolled back.
    AnsweredBeforeCommit,
    /// Portal: what cools is free at once.
    CooledAtOnce,
    /// Portal: a return is credited twice.
    CreditedTwice,
    /// Portal: a restored backup keeps its old epoch.
    EpochKept,
    /// Wire, with the portal's key in hand: an earlier refusal is passed off as the answer.
    OtherAnswerAccepted,
    /// Wire, with the portal's key in hand: another machine's grant is passed off as this one's.
    OtherMachinesReply,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::SyncSkipped,
        Self::DirectorySyncSkipped,
        Self::LockNotTaken,
        Self::LockKept,
        Self::SeatNotLocked,
        Self::AnchorNotRaised,
        Self::OlderImageServed,
        Self::WaitSkipped,
        Self::PortalClockBack,
        Self::PortalClockAhead,
        Self::OperationRepeated,
        Self::AnswerNotStored,
        Self::AnsweredBeforeCommit,
        Self::CooledAtOnce,
        Self::CreditedTwice,
        Self::EpochKept,
        Self::OtherAnswerAccepted,
        Self::OtherMachinesReply,
    ];

    /// `sync-skipped`: its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    /// The fault with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }
}
