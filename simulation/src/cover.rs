//! How often each message met each answer in each state of its record. What is never reached is
//! proven by nothing.

use std::collections::BTreeMap;

/// Counts.
#[derive(Clone, Debug, Default)]
pub struct Cover {
    exchanges: BTreeMap<(String, String, String), u64>,
    events: BTreeMap<&'static str, u64>,
}

impl Cover {
    pub(crate) fn exchange(&mut self, message: &str, answer: &str, state: &str) {
        let key = (message.to_owned(), answer.to_owned(), state.to_owned());
        *self.exchanges.entry(key).or_default() += 1;
    }

    pub(crate) fn event(&mut self, name: &'static str) {
        *self.events.entry(name).or_default() += 1;
    }

    /// How often an event happened.
    pub(crate) fn count_of(&self, event: &str) -> u64 {
        self.events.get(event).copied().unwrap_or(0)
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        for (key, count) in &other.exchanges {
            *self.exchanges.entry(key.clone()).or_default() += count;
        }
        for (name, count) in &other.events {
            *self.events.entry(name).or_default() += count;
        }
    }

    /// Message, answer and state, with how often they met.
    pub fn exchanges(&self) -> impl Iterator<Item = (&str, &str, &str, u64)> {
        self.exchanges.iter().map(|((message, answer, state), count)| {
            (message.as_str(), answer.as_str(), state.as_str(), *count)
        })
    }

    /// Events, with how often they happened.
    pub fn events(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.events.iter().map(|(name, count)| (*name, *count))
    }
}
