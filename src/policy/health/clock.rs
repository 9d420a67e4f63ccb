//! This machine's clock: how far it may be set back, and how far it is from the portal's.

use serde_json::json;

use super::{Finding, Topic};
use crate::error::Code;
use crate::log::Level;
use crate::policy::{NextStep, Now, date};

/// A difference from the portal's clock that people live with, in seconds.
const USUAL: i64 = 300;

/// How much of the clock's budget is left: by how many seconds it stands above the point at which
/// the first license stops for it. `tolerance`: the smallest of the licenses that expire; `None`
/// where none does.
#[must_use]
pub fn clock(now: &Now, tolerance: Option<i64>) -> Finding {
    let Some(tolerance) = tolerance else {
        return Finding::good(Topic::Clock, "No license here depends on the clock.");
    };
    let marks = now.marks;
    let budget = now.wall.saturating_sub(marks.floor(tolerance));
    let detail = json!({
        "wall": now.wall,
        "highest_seen": marks.high,
        "surely_passed": marks.low,
        "tolerance": tolerance,
        "budget": budget,
    });
    let behind = marks.high.max(marks.low).saturating_sub(now.wall);
    let found = if budget < 0 {
        let text = format!(
            "The clock says {}, and this machine has seen {} before.",
            date(now.wall),
            date(marks.high.max(marks.low))
        );
        Finding::new(Topic::Clock, Level::Error, text)
            .code(Code::Clock)
            .hint(Code::Clock.hint())
            .next(NextStep::CorrectClock)
    } else if behind > tolerance / 2 {
        let text = format!(
            "The clock stands {} behind the latest time seen here; licenses stop at {}.",
            span(behind),
            span(tolerance)
        );
        Finding::new(Topic::Clock, Level::Warn, text)
            .hint("Correct the clock; if it is right, refresh the license over the network.")
            .next(NextStep::CorrectClock)
    } else {
        let text = format!(
            "The clock is fine; it may be set back by {} before a license stops.",
            span(budget)
        );
        Finding::good(Topic::Clock, text)
    };
    found.detail(detail)
}

/// This clock beside the portal's, which has just been asked.
#[must_use]
pub fn portal_time(wall: i64, portal: i64) -> Finding {
    let ahead = wall.saturating_sub(portal);
    let way = if ahead < 0 { "behind" } else { "ahead of" };
    let distance = span(ahead.saturating_abs());
    let found = if ahead.saturating_abs() <= USUAL {
        Finding::good(Topic::Clock, "The clock agrees with the portal's.")
    } else {
        Finding::new(
            Topic::Clock,
            Level::Warn,
            format!("The clock is {distance} {way} the portal's."),
        )
        .hint("Correct this machine's clock, or let it keep time over the network.")
        .next(NextStep::CorrectClock)
    };
    found.detail(json!({ "ahead": ahead, "portal_time": portal }))
}

/// `3 days`, `14 hours`, `5 minutes`: the largest unit of which there are two, else of which there is
/// one.
pub(super) fn span(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let fitting = |least| units.into_iter().find(|(unit, _)| seconds / unit >= least);
    let (unit, name) = fitting(2).unwrap_or((1, "second"));
    match seconds / unit {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Marks;

    const DAY: i64 = 86_400;

    #[test]
    fn u17_the_clocks_budget_is_told_before_it_is_used_up() {
        let noon = 20_000 * DAY;
        let judged = |behind| {
            let now =
                Now { wall: noon - behind, marks: Marks { high: noon, low: noon - 10 * DAY } };
            let found = clock(&now, Some(DAY));
            // The same rule as that of a status.
            assert_eq!(found.level == Level::Error, !now.is_trusted(DAY), "{behind}");
            (found.level, found.detail["budget"].as_i64())
        };
        assert_eq!(judged(0), (Level::Info, Some(DAY)));
        assert_eq!(judged(14 * 3600), (Level::Warn, Some(10 * 3600)));
        assert_eq!(judged(DAY), (Level::Warn, Some(0)));
        assert_eq!(judged(DAY + 1), (Level::Error, Some(-1)));
        // Time that has certainly passed the wall is borne with in the same way.
        let marks = Marks { high: noon - 2 * 3600, low: noon };
        let now = Now { wall: noon - 2 * 3600, marks };
        assert_eq!(clock(&now, Some(60)).level, Level::Error);
        assert_eq!(clock(&now, Some(3 * 3600)).level, Level::Warn);
        assert_eq!(clock(&now, None).level, Level::Info);
    }

    #[test]
    fn a_clock_away_from_the_portals_is_told() {
        assert_eq!(portal_time(1_000_000, 1_000_100).level, Level::Info);
        let found = portal_time(1_000_000, 1_000_000 + 3 * DAY);
        assert_eq!(found.text, "The clock is 3 days behind the portal's.");
        assert_eq!(portal_time(i64::MAX, i64::MIN).level, Level::Warn);
    }

    #[test]
    fn a_span_is_read_at_a_glance() {
        let rows = [(0, "0 seconds"), (1, "1 second"), (119, "119 seconds"), (7_200, "2 hours")];
        for (seconds, text) in rows {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(span(DAY), "24 hours");
        assert_eq!(span(5 * DAY), "5 days");
    }
}
