//! What a run of ten thousand seeds must reach: what it never reaches is proven by nothing.

use crate::cover::Cover;
use crate::events;

/// Message, answer, and the states of the record in which they must have met.
type Row = (&'static str, &'static str, &'static [&'static str]);

const MUST: &[Row] = &[];

impl Cover {
    /// What was never reached and must be.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let all = MUST.iter().flat_map(|(message, answer, states)| {
            states.iter().map(move |state| (*message, *answer, *state))
        });
        let exchanges = all
            .filter(|row| self.count(*row) == 0)
            .map(|(message, answer, state)| format!("{message} × {answer} × {state}"));
        let events = events::names().filter(|name| self.count_of(name) == 0).map(str::to_owned);
        exchanges.chain(events).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything once, save one.
    fn all_but(left_out: Option<(usize, usize)>) -> Cover {
        let mut cover = Cover::default();
        for (number, (message, answer, states)) in MUST.iter().enumerate() {
            for (nth, state) in states.iter().enumerate() {
                if left_out != Some((number, nth)) {
                    cover.exchange(message, answer, state);
                }
            }
        }
        events::names().for_each(|name| cover.event(name));
        cover
    }

    #[test]
    fn whatever_is_missing_is_named() {
        assert_eq!(all_but(None).missing(), Vec::<String>::new());
        for (number, (message, answer, states)) in MUST.iter().enumerate() {
            for (nth, state) in states.iter().enumerate() {
                let missing = all_but(Some((number, nth))).missing();
                assert_eq!(missing, [format!("{message} × {answer} × {state}")]);
            }
        }
        assert!(Cover::default().missing().contains(&"activate".to_owned()));
    }
}
