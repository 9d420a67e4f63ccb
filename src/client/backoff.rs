//! Patience with a portal that does not answer, kept over a restart.

use super::Client;
use super::exchange::Wish;
use super::state::{Backoff, State};
use crate::error::{Code, Error, Result};
use crate::policy::date;
use crate::storage::Commit;

/// The first wait, in seconds; it doubles with each failure.
const FIRST: i64 = 30;
/// The longest wait, in seconds.
const LONGEST: i64 = 3600;
/// How long a portal's `Retry-After` holds a person back, in seconds. It isn't signed: whatever
/// stands at the address can say it.
const PERSON: i64 = 60;

impl Client {
    /// The last failure again, with the time of the next try, where it is too early to ask.
    pub(super) fn check_backoff(&self, wish: Wish) -> Result<()> {
        let Some(backoff) = self.seen_backoff() else { return Ok(()) };
        if holds_back(&backoff, wish, self.ports.clock.wall()) {
            return Err(failed_before(&backoff));
        }
        Ok(())
    }

    /// Notes a failure to reach the portal, durably where that can be, and gives it back with the
    /// time of the next try.
    pub(super) fn note_failure(&self, error: Error) -> Error {
        if !(error.code().is_network() || error.code() == Code::TooLarge) {
            return error;
        }
        let jitter = self.new_id().map_or(0, |id| i64::from(id.0[0]));
        let noted = self.change(|draft| {
            let backoff = next(&draft.state, &error, draft.now.wall, jitter);
            let until = backoff.until;
            draft.state.backoff = Some(backoff);
            Ok((until, if draft.stands() { Commit::Write } else { Commit::Keep }))
        });
        match noted {
            Ok(until) => error.with_retry_at(until),
            Err(_) => error,
        }
    }
}

/// The last failure, told as one that was then: who has mended the network since must know that this
/// call didn't try it.
fn failed_before(backoff: &Backoff) -> Error {
    let code = Code::from_number(backoff.code).unwrap_or(Code::Network);
    let sentence = format!(
        "{} That was at the last try: a refresh asks again from {} on, a resume at once.",
        code.message(),
        date(backoff.until)
    );
    Error::new(code, sentence).with_retry_at(backoff.until)
}

/// Whether it is too early to ask. A clock that was set back must not make the wait longer than any
/// wait can be, a person's no longer than a person's.
fn holds_back(backoff: &Backoff, wish: Wish, now: i64) -> bool {
    let within = |until: i64, longest| until > now && until <= now.saturating_add(longest);
    within(backoff.until, LONGEST)
        && (wish == Wish::Routine || within(backoff.person_until, PERSON))
}

/// The next wait: doubled, between half and the whole of it by chance, unless the portal said when.
fn next(state: &State, error: &Error, now: i64, jitter: i64) -> Backoff {
    let failures = state.backoff.as_ref().map_or(0, |backoff| backoff.failures).saturating_add(1);
    let whole = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    let own = now.saturating_add(whole / 2 + whole / 2 * jitter / 255);
    let asked_for = error.retry_at();
    let by_portal = asked_for > now;
    let until = if by_portal { asked_for.min(now.saturating_add(LONGEST)) } else { own };
    let person_until = if by_portal { until.min(now.saturating_add(PERSON)) } else { 0 };
    Backoff { failures, until, code: error.code().number(), person_until }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_and_are_spread() {
        let mut state = State::default();
        let error = Error::from_code(Code::Timeout);
        let mut waits = Vec::new();
        for _ in 0..10 {
            let backoff = next(&state, &error, 1000, 255);
            waits.push(backoff.until - 1000);
            state.backoff = Some(backoff);
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
        assert_eq!(next(&State::default(), &error, 1000, 0).until, 1015);
    }

    #[test]
    fn a_call_that_asks_nobody_says_so() {
        let backoff = next(&State::default(), &Error::from_code(Code::Dns), 0, 255);
        let error = failed_before(&backoff);
        assert_eq!((error.code(), error.retry_at()), (Code::Dns, 30));
        assert!(error.message().starts_with(Code::Dns.message()), "{error}");
        assert!(
            error.message().contains("at the last try: a refresh asks again from 1970-01-01 00:00"),
            "{error}"
        );
    }

    #[test]
    fn what_the_portal_asks_for_binds() {
        let error = Error::from_code(Code::PortalBusy).with_retry_at(1090);
        let backoff = next(&State::default(), &error, 1000, 0);
        assert_eq!((backoff.until, backoff.person_until), (1090, 1060));
        assert!(holds_back(&backoff, Wish::Person, 1059));
        assert!(!holds_back(&backoff, Wish::Person, 1060));
        assert!(holds_back(&backoff, Wish::Routine, 1089));
        assert!(!holds_back(&backoff, Wish::Routine, 1090));
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nobody_back_for_longer() {
        let error = Error::from_code(Code::PortalBusy).with_retry_at(1090);
        let backoff = next(&State::default(), &error, 1000, 0);
        assert!(!holds_back(&backoff, Wish::Person, 1060 - 20 * 60), "a person waits a minute");
        assert!(holds_back(&backoff, Wish::Routine, 1060 - 20 * 60));
        assert!(!holds_back(&backoff, Wish::Routine, 1090 - 2 * LONGEST));
    }
}
