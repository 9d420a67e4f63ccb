//! One license: what a status says of it, and how long its lease still runs.

use serde_json::json;

use super::clock::span;
use super::{Finding, Topic};
use crate::error::Code;
use crate::log::Level;
use crate::policy::{NextStep, State, Status, sentence};

/// A lease of which this part is left was not refreshed for long.
const PART: i64 = 4;

/// What becomes of a license if nothing is done. `contacted_at`: when the portal last answered about
/// it; `now`: the time that dates are held against.
#[must_use]
pub fn license(activation_id: &str, status: &Status, contacted_at: i64, now: i64) -> Finding {
    let left = status.lease_until.saturating_sub(now);
    let lease = status.lease_until.saturating_sub(contacted_at);
    let level = match status.state {
        State::Active if status.lease_until != 0 && left < lease / PART => Level::Warn,
        State::Active => Level::Info,
        State::Grace | State::PendingActivation | State::PendingReturn => Level::Warn,
        State::Absent
        | State::Expired
        | State::NotYetValid
        | State::Orphaned
        | State::Untrusted => Level::Error,
    };
    let found = Finding::new(Topic::License, level, sentence(status)).next(status.next_step);
    let found = match (status.cause, level) {
        (Some(cause), _) => found.code(cause).hint(cause.hint()),
        (None, Level::Warn) if status.state == State::Active => found
            .hint(format!(
                "Its lease ends in {}: let it reach the portal, or refresh it.",
                span(left)
            ))
            .next(NextStep::Refresh),
        (None, Level::Warn) => found.hint("Finish what is pending (resume); nothing is lost."),
        (None, Level::Error) => found.hint(Code::NotYetValid.hint()),
        (None, _) => found,
    };
    found.about(activation_id).detail(json!({
        "state": status.state.name(),
        "usable": u32::from(status.usable),
        "trust": status.trust,
        "expires_at": status.expires_at,
        "lease_until": status.lease_until,
        "grace_until": status.grace_until,
        "contacted_at": contacted_at,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    const NOW: i64 = 20_000 * DAY;

    /// A lease of eight days, of which so many are left.
    fn leased(left: i64) -> (Level, NextStep) {
        let status = Status {
            state: State::Active,
            usable: true,
            next_step: NextStep::None,
            lease_until: NOW + left,
            ..Status::ABSENT
        };
        let found = license("ID", &status, NOW + left - 8 * DAY, NOW);
        assert_eq!(found.level == Level::Info, found.hint.is_empty());
        (found.level, found.next_step)
    }

    #[test]
    fn u17_a_lease_that_nobody_refreshes_is_told_before_it_ends() {
        assert_eq!(leased(8 * DAY), (Level::Info, NextStep::None));
        assert_eq!(leased(2 * DAY), (Level::Info, NextStep::None));
        assert_eq!(leased(DAY), (Level::Warn, NextStep::Refresh));
    }

    #[test]
    fn each_state_has_its_severity_and_what_fails_has_a_hint() {
        let rows = [
            (State::Active, None, Level::Info),
            (State::Grace, Some(Code::LeaseOver), Level::Warn),
            (State::PendingActivation, None, Level::Warn),
            (State::PendingReturn, None, Level::Warn),
            (State::Expired, Some(Code::Expired), Level::Error),
            (State::NotYetValid, Some(Code::NotYetValid), Level::Error),
            (State::Orphaned, Some(Code::Obsolete), Level::Error),
            (State::Untrusted, Some(Code::HostChanged), Level::Error),
        ];
        for (state, cause, level) in rows {
            let found = license("ID", &Status { state, cause, ..Status::ABSENT }, NOW, NOW);
            assert_eq!((found.level, found.code), (level, cause), "{state:?}");
            assert_eq!(found.level == Level::Info, found.hint.is_empty(), "{state:?}");
        }
    }
}
