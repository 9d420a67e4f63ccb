//! The two marks that a wound-back clock runs into.
//!
//! *High* is the highest time seen: max(wall clock, signed time). *Low* is the last signed time and
//! what the boot clock has since counted while the library was open: a jump of the wall clock never
//! moves it, and true time is never below it.

use serde::{Deserialize, Serialize};

/// How far the boot clock may drift from true time, in seconds.
const DRIFT: i64 = 3600;

/// The marks as they are kept in trusted storage. Unix seconds; 0: nothing seen yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// The highest time seen.
    pub high: i64,
    /// Time that has certainly passed.
    pub low: i64,
}

impl Marks {
    /// Takes the wall clock in.
    #[must_use]
    pub fn with_wall(self, wall: i64) -> Self {
        Self { high: self.high.max(wall), ..self }
    }

    /// Takes the time of a signed message in: it only raises.
    #[must_use]
    pub fn with_signed(self, time: i64) -> Self {
        Self { high: self.high.max(time), low: self.low.max(time) }
    }

    /// Takes a fresh time statement in: it sets both, so that one jump ahead burns no license.
    #[must_use]
    pub const fn with_statement(self, time: i64) -> Self {
        Self { high: time, low: time }
    }

    /// Counts seconds of the boot clock during which the library was open.
    #[must_use]
    pub fn with_open_for(self, seconds: i64) -> Self {
        if self.low == 0 { self } else { Self { low: self.low.saturating_add(seconds), ..self } }
    }
}

/// The time of a judgment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, Unix seconds.
    pub wall: i64,
    /// The marks, `low` counted up to now.
    pub marks: Marks,
}

impl Now {
    /// Whether the clock was not set back further than may be, for a record with this tolerance.
    #[must_use]
    pub const fn is_trusted(&self, tolerance: i64) -> bool {
        self.wall >= self.marks.low.saturating_sub(DRIFT)
            && self.wall >= self.marks.high.saturating_sub(tolerance)
    }

    /// The time to hold dates against: true time is never below the low mark.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.wall.max(self.marks.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn now(wall: i64, high: i64, low: i64) -> Now {
        Now { wall, marks: Marks { high, low } }
    }

    #[test]
    fn a_clock_set_back_gains_at_most_the_tolerance() {
        let noon = 1_000 * DAY;
        assert!(now(noon, 0, 0).is_trusted(DAY), "nothing seen yet");
        assert!(now(noon, noon + DAY, 0).is_trusted(DAY), "a day behind, as a dual boot may be");
        assert!(!now(noon, noon + DAY + 1, 0).is_trusted(DAY));
        assert!(now(noon, noon, noon + 3_600).is_trusted(DAY), "drift");
        assert!(!now(noon, noon, noon + 3_601).is_trusted(DAY), "true time passed meanwhile");
    }

    #[test]
    fn a_wall_that_jumped_ahead_is_mended_by_a_statement_only() {
        let marks = Marks::default().with_signed(100 * DAY).with_wall(400 * DAY);
        assert_eq!(marks.with_signed(101 * DAY).high, 400 * DAY);
        assert_eq!(marks.with_statement(101 * DAY), Marks { high: 101 * DAY, low: 101 * DAY });
        assert_eq!(marks.with_open_for(60).low, 100 * DAY + 60);
        assert_eq!(
            Marks::default().with_open_for(60).low,
            0,
            "no signed time, nothing to count from"
        );
    }
}
