//! The two marks that a wound-back clock runs into.
//!
//! *High* is the highest time seen: max(wall clock, signed time). *Low* is the last signed time and
//! what the boot clock has since counted while the library was open, or between two processes of one
//! start of the machine: a jump of the wall clock never moves it, and true time is never below it.

use lm_protocol::Id;
use serde::{Deserialize, Serialize};

/// How far the boot clock may drift from true time, in seconds.
pub(crate) const DRIFT: i64 = 3600;

/// The marks as they are kept in trusted storage. Unix seconds; 0: nothing seen yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// The highest time seen.
    pub high: i64,
    /// Time that has certainly passed.
    pub low: i64,
}

/// Beside the marks: at which point of which start of the machine they were written. The boot clock
/// goes on counting while nobody has the library open, until the machine is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootNote {
    /// Which start of the machine.
    pub boot: Id,
    /// Its boot clock, in seconds.
    pub at: i64,
    /// The low mark that was written: whoever writes another one without a note ends this one.
    pub low: i64,
}

impl Marks {
    /// Counts what has passed in the same start of the machine since the marks were written.
    #[must_use]
    pub fn with_boot(self, note: Option<&BootNote>, boot: Option<Id>, at: i64) -> Self {
        match note {
            Some(note) if boot == Some(note.boot) && note.low == self.low => {
                self.with_open_for(at.saturating_sub(note.at).max(0))
            }
            _ => self,
        }
    }

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

    /// Takes a time statement in that may have waited long on its way, as a file does. *High* falls as
    /// by a fresh one, but not below *low*: that time has passed since. *Low* falls only where the
    /// portal's time is behind the one that was known when it was asked (`low_then`): then what was
    /// signed before was wrong.
    #[must_use]
    pub const fn with_late_statement(self, time: i64, low_then: i64) -> Self {
        let was_wrong = time.saturating_add(DRIFT) < low_then;
        let low = if was_wrong || self.low < time { time } else { self.low };
        Self { high: low, low }
    }

    /// Below this the wall clock was set back further than a record with this tolerance bears.
    ///
    /// The low mark is borne with as the high one: a clock that another system sets to local time
    /// is hours behind right after a refresh. It gains nothing, since dates are held against the low
    /// mark where the clock is below it ([`Now::time`]).
    #[must_use]
    pub const fn floor(self, tolerance: i64) -> i64 {
        let borne = if tolerance > DRIFT { tolerance } else { DRIFT };
        let (low, high) = (self.low.saturating_sub(borne), self.high.saturating_sub(tolerance));
        if low > high { low } else { high }
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
        self.wall >= self.marks.floor(tolerance)
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
        assert!(now(noon, noon, noon + DAY).is_trusted(DAY), "as far behind what has passed");
        assert!(!now(noon, noon, noon + DAY + 1).is_trusted(DAY), "true time passed meanwhile");
        assert!(now(noon, noon, noon + 3_600).is_trusted(0), "drift, where nothing else is borne");
        assert!(!now(noon, noon, noon + 3_601).is_trusted(0));
        assert_eq!(now(noon, noon, noon + DAY).time(), noon + DAY, "and nothing is gained by it");
    }

    /// A response that was held back for ten days turns no clock back by them.
    #[test]
    fn a_statement_that_waited_takes_no_time_back_that_has_passed() {
        let asked = Marks { high: 100 * DAY, low: 100 * DAY };
        let later = Marks { high: 400 * DAY, low: 111 * DAY };
        let marks = later.with_late_statement(101 * DAY, asked.low);
        assert_eq!(marks, Marks { high: 111 * DAY, low: 111 * DAY });
        // Some seconds between two clocks are no fault of either.
        assert_eq!(later.with_late_statement(asked.low - 60, asked.low).low, 111 * DAY);
        // The portal's clock was a year ahead once.
        let wrong = Marks { high: 465 * DAY, low: 465 * DAY };
        let mended = wrong.with_late_statement(101 * DAY, wrong.low);
        assert_eq!(mended, Marks { high: 101 * DAY, low: 101 * DAY });
    }

    #[test]
    fn what_passes_between_two_processes_counts_until_the_machine_is_started_again() {
        let (first, second) = (Some(Id([1; 16])), Some(Id([2; 16])));
        let marks = Marks { high: 100 * DAY, low: 100 * DAY };
        let note = BootNote { boot: Id([1; 16]), at: 500, low: 100 * DAY };
        let counted =
            |marks: Marks, boot, at| marks.with_boot(Some(&note), boot, at).low - marks.low;
        assert_eq!(counted(marks, first, 560), 60);
        assert_eq!(counted(marks, first, 400), 0, "a machine that was put back to a snapshot");
        assert_eq!(counted(marks, second, 560), 0);
        assert_eq!(counted(marks, None, 560), 0, "a system that doesn't tell");
        let by_another = marks.with_signed(101 * DAY);
        assert_eq!(counted(by_another, first, 560), 0, "the note is of other marks");
        assert_eq!(counted(Marks { low: 0, ..marks }, first, 560), 0);
    }

    #[test]
    fn a_wall_that_jumped_ahead_is_mended_by_a_statement_only() {
        let marks = Marks::default().with_signed(100 * DAY).with_wall(400 * DAY);
        assert_eq!(marks.with_signed(101 * DAY).high, 400 * DAY);
        assert_eq!(marks.with_statement(101 * DAY), Marks { high: 101 * DAY, low: 101 * DAY });
        assert_eq!(marks.with_late_statement(101 * DAY, 100 * DAY).high, 101 * DAY);
        assert_eq!(marks.with_open_for(60).low, 100 * DAY + 60);
        assert_eq!(
            Marks::default().with_open_for(60).low,
            0,
            "no signed time, nothing to count from"
        );
    }
}
