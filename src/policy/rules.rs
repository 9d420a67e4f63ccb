//! The table "Behavior that users rely on": what a call does in each state. No I/O: the client
//! does what is decided here.

use super::facts::Facts;
use super::status::{State, Status};
use crate::error::Code;

use lm_protocol::Kind;

/// The operation of a record whose answer is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outstanding {
    /// A new fulfillment, or a re-attach.
    Activate,
    /// More seats on a record that stands.
    MoreSeats,
    /// Undoing an activate.
    Abandon,
    /// Some or all seats on their way back.
    Return,
    /// A new lease.
    Refresh,
    /// Trust again.
    Repair,
}

/// What `activate` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activate {
    /// Finishes the outstanding operation, then looks again.
    FinishFirst,
    /// This machine holds that many already.
    Nothing,
    /// Asks for the difference.
    MoreSeats,
    /// Asks for a fulfillment, with a new device key.
    New,
    /// Asks for the same fulfillment again, showing its record.
    Reattach,
}

/// What `return` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// Finishes the outstanding operation, then looks again.
    FinishFirst,
    /// Undoes the activate whose answer is not known.
    Abandon,
    /// Cleans the entry; there is nothing to give back.
    Clean,
    /// Asks the portal; all the seats held where `seats` is 0. Takes the place of an outstanding
    /// refresh, repair or more seats.
    Ask {
        /// How many; 0: all.
        seats: u32,
    },
}

/// What `repair` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Finishes the outstanding operation, then looks again.
    FinishFirst,
    /// Asks the portal, in whatever state the record is: the portal judges the host.
    Ask,
}

/// What `remove` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remove {
    /// Takes the entry out, here only.
    Remove,
}

/// `activate(seats)` over an entry, or over none (`facts` without a record).
///
/// `seats` is at least 1. Errors: [`Code::WrongKind`].
pub fn activate(
    outstanding: Option<Outstanding>,
    facts: &Facts,
    status: &Status,
    seats: u32,
) -> Result<Activate, Code> {
    if outstanding.is_some() {
        return Ok(Activate::FinishFirst);
    }
    if facts.kind == Some(Kind::Nl) && seats != 1 {
        return Err(Code::WrongKind);
    }
    Ok(match status.state {
        State::Absent => Activate::New,
        _ if facts.orphaned || !facts.host_trusted || !facts.signature_trusted => Activate::New,
        State::Untrusted => Activate::Reattach,
        State::Expired if status.cause != Some(Code::LeaseOver) => Activate::Reattach,
        _ if seats > facts.seats => Activate::MoreSeats,
        _ => Activate::Nothing,
    })
}

/// `return(seats)`, 0 for all, over an entry, or over none.
///
/// Errors: [`Code::NotFound`], [`Code::InvalidArgument`] for more than is held.
pub fn return_(
    outstanding: Option<Outstanding>,
    facts: &Facts,
    seats: u32,
) -> Result<Return, Code> {
    match outstanding {
        Some(Outstanding::Activate) if !facts.has_record => return Ok(Return::Abandon),
        Some(Outstanding::Activate | Outstanding::Abandon | Outstanding::Return) => {
            return Ok(Return::FinishFirst);
        }
        Some(Outstanding::MoreSeats | Outstanding::Refresh | Outstanding::Repair) | None => {}
    }
    if !facts.has_record {
        Err(Code::NotFound)
    } else if facts.orphaned {
        Ok(Return::Clean)
    } else if seats > facts.seats {
        Err(Code::InvalidArgument)
    } else {
        Ok(Return::Ask { seats: if seats == facts.seats { 0 } else { seats } })
    }
}

/// `repair` over an entry, or over none.
///
/// Errors: [`Code::NotFound`].
pub fn repair(outstanding: Option<Outstanding>, facts: &Facts) -> Result<Repair, Code> {
    if outstanding.is_some() {
        Ok(Repair::FinishFirst)
    } else if facts.has_record {
        Ok(Repair::Ask)
    } else {
        Err(Code::NotFound)
    }
}

/// `remove` over an entry, or over none.
///
/// Errors: [`Code::NotFound`], [`Code::NotAllowed`] where removing would strand a seat.
pub fn remove(
    outstanding: Option<Outstanding>,
    facts: &Facts,
    status: &Status,
) -> Result<Remove, Code> {
    if outstanding.is_some() {
        return Err(Code::NotAllowed);
    }
    let allowed = match status.state {
        State::Absent => return Err(Code::NotFound),
        // It holds no seat, whatever else is wrong with it.
        _ if facts.orphaned => true,
        State::Expired => status.cause == Some(Code::Expired),
        State::Untrusted => !facts.host_trusted,
        _ => false,
    };
    if allowed { Ok(Remove::Remove) } else { Err(Code::NotAllowed) }
}

/// Whether seats of a record may be checked out.
///
/// Errors: [`Code::WrongKind`] for a node-locked one, else why it is not usable.
pub fn check_out(facts: &Facts, status: &Status) -> Result<(), Code> {
    if facts.kind == Some(Kind::Nl) {
        Err(Code::WrongKind)
    } else if status.usable {
        Ok(())
    } else {
        // A return of all seats is under way: nothing else is wrong with it.
        Err(status.cause.unwrap_or(Code::NotAllowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::evaluate;
    use crate::policy::facts::PendingKind;
    use crate::policy::time::{Marks, Now};

    const NOW: i64 = 1_000_000;

    fn active() -> Facts {
        Facts {
            has_record: true,
            signature_trusted: true,
            host_trusted: true,
            restore_trusted: true,
            kind: Some(Kind::Cc),
            seats: 3,
            expires_at: NOW + 100,
            ..Facts::default()
        }
    }

    fn status(facts: &Facts) -> Status {
        evaluate(facts, &Now { wall: NOW, marks: Marks { high: NOW, low: NOW } })
    }

    type Row =
        (&'static str, Facts, Result<Activate, Code>, Result<Return, Code>, Result<Remove, Code>);

    /// The contract's table, a row a line; the call asks for five seats, or returns two.
    #[test]
    fn what_a_call_does_in_each_state() {
        let ask = Ok(Return::Ask { seats: 2 });
        let no = Err(Code::NotAllowed);
        let yes = Ok(Remove::Remove);
        let rows: [Row; 11] = [
            (
                "absent",
                Facts::default(),
                Ok(Activate::New),
                Err(Code::NotFound),
                Err(Code::NotFound),
            ),
            ("active", active(), Ok(Activate::MoreSeats), ask, no),
            (
                "grace",
                Facts { lease_until: NOW - 1, grace_until: NOW + 1, ..active() },
                Ok(Activate::MoreSeats),
                ask,
                no,
            ),
            (
                "lease over",
                Facts { lease_until: 1, grace_until: 1, ..active() },
                Ok(Activate::MoreSeats),
                ask,
                no,
            ),
            (
                "not yet valid",
                Facts { starts_at: NOW + 1, ..active() },
                Ok(Activate::MoreSeats),
                ask,
                no,
            ),
            ("term over", Facts { expires_at: 1, ..active() }, Ok(Activate::Reattach), ask, yes),
            (
                "granted too late",
                Facts { too_late: true, ..active() },
                Ok(Activate::Reattach),
                ask,
                no,
            ),
            (
                "orphaned",
                Facts { orphaned: true, ..active() },
                Ok(Activate::New),
                Ok(Return::Clean),
                yes,
            ),
            (
                "orphaned and restored",
                Facts { orphaned: true, restore_trusted: false, ..active() },
                Ok(Activate::New),
                Ok(Return::Clean),
                yes,
            ),
            (
                "another host",
                Facts { host_trusted: false, ..active() },
                Ok(Activate::New),
                ask,
                yes,
            ),
            (
                "restored",
                Facts { restore_trusted: false, ..active() },
                Ok(Activate::Reattach),
                ask,
                no,
            ),
        ];
        for (name, facts, activates, returns, removes) in rows {
            assert_eq!(activate(None, &facts, &status(&facts), 5), activates, "{name}");
            assert_eq!(return_(None, &facts, 2), returns, "{name}");
            assert_eq!(remove(None, &facts, &status(&facts)), removes, "{name}");
        }
    }

    #[test]
    fn what_is_outstanding_is_finished_first_and_never_removed() {
        use Outstanding as O;
        let none = Facts::default();
        for outstanding in [O::Activate, O::MoreSeats, O::Abandon, O::Return, O::Refresh, O::Repair]
        {
            let facts = active();
            let some = Some(outstanding);
            assert_eq!(activate(some, &facts, &status(&facts), 1), Ok(Activate::FinishFirst));
            assert_eq!(remove(some, &facts, &status(&facts)), Err(Code::NotAllowed));
            assert_eq!(repair(some, &facts), Ok(Repair::FinishFirst));
            let replaced = matches!(outstanding, O::MoreSeats | O::Refresh | O::Repair);
            let returned = return_(some, &facts, 2);
            assert_eq!(returned == Ok(Return::Ask { seats: 2 }), replaced, "{outstanding:?}");
        }
        assert_eq!(return_(Some(O::Activate), &none, 0), Ok(Return::Abandon));
        assert_eq!(return_(Some(O::Abandon), &none, 0), Ok(Return::FinishFirst));
        assert_eq!(repair(None, &none), Err(Code::NotFound));
        assert_eq!(repair(None, &active()), Ok(Repair::Ask));
    }

    #[test]
    fn seats_of_a_usable_cc_record_may_be_checked_out() {
        let check = |facts: Facts| check_out(&facts, &status(&facts));
        let grace = Facts { lease_until: NOW - 1, grace_until: NOW + 1, ..active() };
        let some_left = Facts { pending: PendingKind::ReturnSome, seats: 1, ..active() };
        for facts in [active(), grace, some_left] {
            assert_eq!(check(facts), Ok(()));
        }
        let returning = Facts { pending: PendingKind::ReturnAll, seats: 0, ..active() };
        for (facts, code) in [
            (Facts { kind: Some(Kind::Nl), ..active() }, Code::WrongKind),
            (Facts { expires_at: 1, ..active() }, Code::Expired),
            (Facts { lease_until: 1, grace_until: 1, ..active() }, Code::LeaseOver),
            (Facts { orphaned: true, ..active() }, Code::Obsolete),
            (Facts { host_trusted: false, ..active() }, Code::HostChanged),
            (returning, Code::NotAllowed),
        ] {
            assert_eq!(check(facts), Err(code));
        }
    }

    #[test]
    fn counts_are_totals() {
        let facts = active();
        assert_eq!(activate(None, &facts, &status(&facts), 3), Ok(Activate::Nothing));
        assert_eq!(activate(None, &facts, &status(&facts), 1), Ok(Activate::Nothing));
        assert_eq!(return_(None, &facts, 3), Ok(Return::Ask { seats: 0 }));
        assert_eq!(return_(None, &facts, 4), Err(Code::InvalidArgument));
        let node_locked = Facts { kind: Some(Kind::Nl), seats: 1, ..facts };
        let judged = status(&node_locked);
        assert_eq!(activate(None, &node_locked, &judged, 2), Err(Code::WrongKind));
    }
}
