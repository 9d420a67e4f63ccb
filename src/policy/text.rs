//! A status as a sentence for a person: state, cause, next step, dates.

use super::status::{NextStep, State, Status};
use crate::error::Code;

/// English, one to three sentences. Dates are UTC.
#[must_use]
pub fn sentence(status: &Status) -> String {
    let mut text = state(status);
    if let Some(step) = next(status) {
        text.push(' ');
        text.push_str(&step);
    }
    text
}

fn state(status: &Status) -> String {
    let because = status.cause.map_or("It gives no rights here.", Code::message);
    match status.state {
        State::Absent => "This machine holds no such license.".to_owned(),
        State::Active => format!("The license is active with {}{}.", seats(status), until(status)),
        State::Grace => format!(
            "The license works in grace until {}: {}",
            date(status.grace_until),
            "it was not refreshed in time."
        ),
        State::Expired if status.cause == Some(Code::Expired) => {
            format!("The license expired on {}.", date(status.expires_at))
        }
        State::Expired => format!("The license does not work: {}", lower(because)),
        State::NotYetValid => "The license's term has not begun.".to_owned(),
        State::PendingActivation => {
            "An activation is under way: the portal's answer has not arrived.".to_owned()
        }
        State::PendingReturn if status.usable => format!(
            "A return is under way: the portal's answer has not arrived. {} can still be used here.",
            capital(&seats(status))
        ),
        State::PendingReturn => {
            "A return is under way: the portal's answer has not arrived, and the license cannot be \
             used here."
                .to_owned()
        }
        State::Orphaned | State::Untrusted => because.to_owned(),
    }
}

fn next(status: &Status) -> Option<String> {
    let fixed = match status.next_step {
        NextStep::None => return None,
        NextStep::Activate if status.state == State::Absent => "Activate one.",
        NextStep::Activate => "Activate it again on this machine.",
        NextStep::Refresh => "Refresh it over the network.",
        NextStep::Resume => "Resume to finish it; nothing is lost.",
        NextStep::Repair => {
            "Repair it, or activate it again, on this machine; it takes no second seat."
        }
        NextStep::Remove => "Remove the entry, or activate a license again.",
        NextStep::CorrectClock => {
            "Correct the clock; if it is right, refresh the license over the network."
        }
        NextStep::ContactVendor => match status.cause {
            Some(cause) => return Some(cause.hint().to_owned()),
            None => "Ask the vendor.",
        },
    };
    Some(fixed.to_owned())
}

fn seats(status: &Status) -> String {
    let seats = match status.seats {
        1 => "1 seat".to_owned(),
        count => format!("{count} seats"),
    };
    match status.seats_in_use {
        0 => seats,
        used => format!("{seats} ({used} in use)"),
    }
}

fn until(status: &Status) -> String {
    match (status.lease_until, status.expires_at) {
        (0, 0) => ", without end".to_owned(),
        (0, end) => format!(", until {}", date(end)),
        (lease, 0) => format!("; it is to be refreshed before {}", date(lease)),
        (lease, end) if lease >= end => format!(", until {}", date(end)),
        (lease, end) => {
            format!(", until {}; it is to be refreshed before {}", date(end), date(lease))
        }
    }
}

/// `2027-01-31 17:05 UTC`; a year that no calendar has: the number of seconds.
pub(crate) fn date(seconds: i64) -> String {
    match time::OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(at) => format!(
            "{:04}-{:02}-{:02} {:02}:{:02} UTC",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute()
        ),
        Err(_) => format!("second {seconds}"),
    }
}

/// The sentences are in English: their first letters are ASCII.
fn lower(sentence: &str) -> String {
    with_first(sentence, str::make_ascii_lowercase)
}

fn capital(sentence: &str) -> String {
    with_first(sentence, str::make_ascii_uppercase)
}

fn with_first(sentence: &str, change: fn(&mut str)) -> String {
    let mut text = sentence.to_owned();
    if let Some(first) = text.get_mut(..1) {
        change(first);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_state_cause_next_step_and_dates() {
        let active = Status {
            state: State::Active,
            usable: true,
            seats: 2,
            next_step: NextStep::None,
            lease_until: 1_800_000_000,
            ..Status::ABSENT
        };
        let grace = Status {
            state: State::Grace,
            next_step: NextStep::Refresh,
            cause: Some(Code::LeaseOver),
            grace_until: 1_800_000_000,
            ..active
        };
        let restored = Status {
            state: State::Untrusted,
            next_step: NextStep::Repair,
            cause: Some(Code::Restored),
            ..active
        };
        let rows = [
            (Status::ABSENT, "This machine holds no such license. Activate one."),
            (
                active,
                "The license is active with 2 seats; it is to be refreshed before 2027-01-15 08:00 UTC.",
            ),
            (
                Status { seats: 3, seats_in_use: 2, lease_until: 0, ..active },
                "The license is active with 3 seats (2 in use), without end.",
            ),
            (
                grace,
                "The license works in grace until 2027-01-15 08:00 UTC: it was not refreshed in time. Refresh it over the network.",
            ),
            (
                restored,
                "Trusted storage is an older copy than the one last seen on this machine. Repair it, or activate it again, on this machine; it takes no second seat.",
            ),
        ];
        for (status, text) in rows {
            assert_eq!(sentence(&status), text);
        }
    }

    #[test]
    fn every_state_with_every_cause_is_a_sentence() {
        for state in State::ALL {
            // A host can ask for words of a status that no client gave: without a cause, say.
            for cause in Code::ALL.iter().copied().map(Some).chain([None]) {
                for next_step in NextStep::ALL {
                    for time in [i64::MIN, 0, i64::MAX] {
                        let status = Status {
                            state,
                            cause,
                            next_step,
                            expires_at: time,
                            lease_until: time,
                            ..Status::ABSENT
                        };
                        let text = sentence(&status);
                        assert!(text.ends_with('.') && text.len() < 400, "{text}");
                    }
                }
            }
        }
    }
}
