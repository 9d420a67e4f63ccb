//! `resume`: finishes what is pending, and says of each license what became of it.
//!
//! The library goes through all records and returns the first failure only. What became of the
//! others shows in their states before and after.

use std::io;

use lm::{Code, Error, RecordInfo, State, Status};

use super::Session;
use crate::outcome::{Exit, Outcome, is_pending};

impl Session {
    pub(super) fn resume(&self) -> io::Result<Exit> {
        let before = match self.client.list() {
            Ok(rows) => rows,
            Err(error) => return self.tell(&[Outcome::failed("", error)], ""),
        };
        let mut first = self.ask("Finishing what is pending …", lm::Client::resume).err();
        let mut outcomes = Vec::new();
        for row in before.iter().filter(|row| is_pending(&row.status)) {
            outcomes.push(self.resumed(row, &mut first));
        }
        if let Some(error) = first {
            // Of a refresh, whose record is not shown as pending.
            outcomes.push(Outcome::of_call(&self.client, "", Err(error)));
        }
        self.tell(&outcomes, "Nothing is pending.")
    }

    fn resumed(&self, before: &RecordInfo, first: &mut Option<Error>) -> Outcome {
        let id = before.activation_id.as_str();
        let after = match self.client.status(Some(id)) {
            Ok(status) => status,
            Err(error) => return Outcome::failed(id, error),
        };
        match end(&before.status, &after) {
            End::Settled if after.state == State::Absent => Outcome::done(
                id,
                "It is finished: this machine holds no seat of it any more.".to_owned(),
            ),
            End::Settled => Outcome::done(id, lm::sentence(&after)),
            End::Open => {
                let error = first.take_if(|error| !is_refusal(error));
                Outcome { pending: true, ..Outcome::failed(id, error.unwrap_or_else(unanswered)) }
            }
            End::Refused => {
                let error = first.take_if(|error| is_refusal(error));
                Outcome::failed(id, error.unwrap_or_else(unsaid))
            }
        }
    }
}

enum End {
    Settled,
    /// Still not answered.
    Open,
    /// The portal said no: an activation that is gone or came too late, a return that left all as
    /// it was.
    Refused,
}

fn end(before: &Status, after: &Status) -> End {
    match (before.state, after.state) {
        _ if is_pending(after) => End::Open,
        (State::PendingActivation, State::Absent) => End::Refused,
        (State::PendingActivation, _) if after.cause == Some(Code::TooLate) => End::Refused,
        (State::PendingReturn, State::Absent) => End::Settled,
        (State::PendingReturn, State::Untrusted) => End::Refused,
        (State::PendingReturn, _) if after.seats > before.seats => End::Refused,
        _ => End::Settled,
    }
}

/// The first of the portal's refusals.
const FIRST_REFUSAL: i32 = 110;

/// Whether the portal's answer arrived; else the license is still pending.
fn is_refusal(error: &Error) -> bool {
    error.code().number() >= FIRST_REFUSAL || error.code() == Code::TooLate
}

/// Pending, and not for the reason that the library returned.
fn unanswered() -> Error {
    Error::new(Code::Network, "The portal's answer has not arrived.")
}

/// Refused, and not for the reason that the library returned.
fn unsaid() -> Error {
    Error::new(Code::NotAllowed, "The portal refused it.")
        .with_hint("Ask for it again by its ID to be told the reason.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: State, seats: u32) -> Status {
        Status { state, seats, ..Status::ABSENT }
    }

    #[test]
    fn the_states_before_and_after_tell_what_became_of_it() {
        use State::{Absent, Active, PendingActivation, PendingReturn, Untrusted};
        let rows = [
            ("granted", status(PendingActivation, 0), status(Active, 1), "settled"),
            ("refused", status(PendingActivation, 0), status(Absent, 0), "refused"),
            ("no answer", status(PendingActivation, 0), status(PendingActivation, 0), "open"),
            ("all returned", status(PendingReturn, 0), status(Absent, 0), "settled"),
            ("some returned", status(PendingReturn, 2), status(Active, 2), "settled"),
            ("return denied", status(PendingReturn, 2), status(Active, 5), "refused"),
            ("stale", status(PendingReturn, 0), status(Untrusted, 5), "refused"),
        ];
        for (what, before, after, expected) in rows {
            let end = match end(&before, &after) {
                End::Settled => "settled",
                End::Open => "open",
                End::Refused => "refused",
            };
            assert_eq!(end, expected, "{what}");
        }
    }
}
