//! The rules of the protocol, each of which can be left out alone. A model without one is a mutant;
//! each mutant must break a promise.

use crate::named::named;

named! {
    /// A rule.
    Rule {
        IntentFirst => "1: the intent is durable before its message is sent",
        AnchorsFirst => "1: the anchors are raised before the message is sent",
        StoredAnswer => "2: an operation that is known is answered by its stored answer",
        StoredDenial => "2: denials are stored too",
        GrantOnlyWhileTrue => "2: a stored grant is given again only while it is true",
        UseStops => "3: local use stops durably before a return is sent",
        FreshnessWait => "3: a return waits until the tables of other processes are fresh",
        Tombstone => "4: an unseen operation that is abandoned is tombstoned",
        OnlyPending => "5: only an answer to the pending operation is accepted",
        SameBytes => "6: retries are byte-identical",
        GenerationFence => "7: a message about a record names its generation, and an older one changes nothing",
        Unanswered => "7: the generation before is current too, while the operation that made the next is unanswered",
        PlaceTaken => "7: a return takes the place of an unseen operation, which is tombstoned",
        OneOutstanding => "8: one outstanding operation a record",
        ApplyBy => "9: a grant that is applied after its apply-by date gives no right",
        FreeAtGeneration => "re-attach is free only with the current generation",
        FreeWithKey => "re-attach is free only with the fulfillment's device key",
        StrictHost => "re-attach needs a strict host match",
        RepairLimit => "re-attach counts against the repair limit",
        KeyReplaced => "re-attach replaces the device key for good",
        AbandonAtGeneration => "an abandon frees only what stands at the generation that its activate gave",
        StrictCools => "in strict mode a seat cools until its reach",
        ForeignCools => "what another host returns cools in either mode",
        ReachIsLatest => "the reach is the latest of all leases that were signed",
        ReachTolerance => "the reach counts the clock tolerance",
        TakenAgainReach => "a seat that is taken again while it cools keeps the date until which it would have cooled",
        RestoreBreak => "a store behind its anchors gives no right",
        MarkStays => "later commits do not clear a RESTORE mark",
        MarkCoversPending => "the RESTORE mark covers what is pending: an answer to it does not clear the mark",
        HostBound => "a record gives no right on another host",
        NewEpoch => "a restored portal carries a new epoch",
        TakenIn => "what a restored portal does not know is taken in from the signed record",
        TakenInByRecord => "the epoch of the record itself says whether it is to be taken in",
        TakenInWhileStanding => "only what stands is taken in",
        Excess => "seats over the quantity are counted in a column of their own",
        OldActivate => "an unknown activate from an older epoch is refused",
        OldGrant => "an activate that brought the fulfillment's present key is not granted again",
        HeldFirst => "a stored grant that is true no more is answered held elsewhere where its key was replaced",
        ReachRaised => "restoring a portal raises each reach to what may have been signed since the backup",
        LockThenRead => "a checkout locks its byte, then reads the store again",
        HighBytes => "a return of k of n seats takes the bytes n - k to n - 1",
        ReclaimAtReach => "reclaim frees at the reach and not at the lease's end",
    }
}
