//! Dates for people. The portal writes and reads UTC, and says so.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::error::{Error, Result};

/// `2026-07-01 12:30 UTC`.
#[must_use]
pub fn date_time(at: i64) -> String {
    Timestamp::from_second(at).map_or_else(
        |_| format!("second {at} of the epoch"),
        |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

/// The same, or a word where there is no such time.
#[must_use]
pub fn date_time_or(at: i64, none: &str) -> String {
    if at == 0 { none.to_owned() } else { date_time(at) }
}

/// The last second of a day `YYYY-MM-DD`, UTC.
pub fn end_of_day(text: &str) -> Result<i64> {
    Ok(start_of_day(text)? + 86_399)
}

/// The first second of a day `YYYY-MM-DD`, UTC.
pub fn start_of_day(text: &str) -> Result<i64> {
    let wrong = |_| Error::Invalid(format!("\"{text}\" is no date like 2026-12-31"));
    let date: Date = text.parse().map_err(wrong)?;
    Ok(TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).map_err(wrong)?.as_second())
}

/// A length of time: `7 days`.
#[must_use]
pub fn length(seconds: i64) -> String {
    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;
    let (count, unit) = match seconds {
        seconds if seconds % DAY == 0 => (seconds / DAY, "day"),
        seconds if seconds % HOUR == 0 => (seconds / HOUR, "hour"),
        seconds => (seconds, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// Until when a machine may work that the portal can't reach: a date, or `unbounded`.
#[must_use]
pub fn reach(reach: Option<i64>) -> String {
    reach.map_or_else(|| "unbounded".to_owned(), date_time)
}
