//! Checks, answered from the published table.

use std::cell::Cell;

use lm_protocol::limits;

use super::published::{Key, View};
use super::{Client, parse_id};
use crate::error::{Code, Error, Result};
use crate::policy::{Facts, Now, Status, better, evaluate, evaluate_here, store_status};

/// The ID's bytes may be anything: what isn't UTF-8 is told apart only where it is no ID.
#[inline]
pub(super) fn status(client: &Client, activation_id: Option<&[u8]>) -> Result<Status> {
    let Some(text) = activation_id else {
        return Ok(judged(client, best));
    };
    // What isn't found as it is written is read as a person types it, check characters and all.
    match Key::of(text).and_then(|key| of_key(client, key)) {
        Some(status) => Ok(status),
        None => as_typed(client, text),
    }
}

/// The release is built for size; what a host calls in its loops is laid out in one piece all the same.
#[inline(always)]
fn of_key(client: &Client, key: Key) -> Option<Status> {
    let (wall, monotonic) = look_and_clocks(client);
    loop {
        let (version, view) = client.published.view();
        let status = match view.find(key) {
            None => None,
            Some(record) => {
                let now = Now { wall, marks: view.marks(monotonic) };
                Some(evaluate_here(&view.facts(record), &now))
            }
        };
        if client.published.still_is(version) {
            return status;
        }
    }
}

#[cold]
fn as_typed(client: &Client, text: &[u8]) -> Result<Status> {
    let text = std::str::from_utf8(text).map_err(|_| Error::from_code(Code::InvalidArgument))?;
    let id = parse_id(text)?.to_string();
    let found = Key::of(id.as_bytes()).and_then(|key| of_key(client, key));
    Ok(found.unwrap_or_else(|| judged(client, |view, _| nothing(view))))
}

pub(super) fn feature_status(client: &Client, feature: &str) -> Result<Status> {
    check_name(feature)?;
    let found = judged(client, |view, now| {
        let best = Cell::new(None);
        view.feature(feature, |record, _| {
            best.set(serve(best.get(), candidate(view, now, record)))
        });
        best.get().map(|(_, status, _)| status).or_else(|| view.store_cause().map(store_status))
    });
    found.ok_or_else(|| Error::from_code(Code::Feature))
}

pub(super) fn feature_limit(client: &Client, feature: &str) -> Result<Option<i64>> {
    check_name(feature)?;
    let found = judged(client, |view, now| {
        let best: Cell<Option<(Candidate, Option<i64>)>> = Cell::new(None);
        view.feature(feature, |record, limit| {
            let new = candidate(view, now, record);
            let serves = best.get().is_none_or(|(old, _)| better_of(&new, &old));
            if serves {
                best.set(Some((new, limit)));
            }
        });
        best.get().map(|(_, limit)| limit)
    });
    found.ok_or_else(|| Error::from_code(Code::Feature))
}

pub(super) fn change_count(client: &Client) -> u64 {
    client.look_if_due(client.ports.clock.monotonic());
    client.published.changes()
}

/// The path of every check: a look if one is due, the clocks, the table. No lock, no allocation.
fn judged<T>(client: &Client, judge: impl Fn(&View<'_>, &Now) -> T) -> T {
    let (wall, monotonic) = look_and_clocks(client);
    client.published.read(|view| judge(view, &Now { wall, marks: view.marks(monotonic) }))
}

/// The wall clock and the monotonic one, in seconds.
#[inline(always)]
fn look_and_clocks(client: &Client) -> (i64, i64) {
    let monotonic = client.ports.clock.monotonic();
    client.look_if_due(monotonic);
    (client.ports.clock.wall(), monotonic.as_secs() as i64)
}

type Candidate = (Facts, Status, Key);

#[inline]
fn candidate(view: &View<'_>, now: &Now, record: usize) -> Candidate {
    let facts = view.facts(record);
    (facts, evaluate(&facts, now), view.key(record))
}

#[inline]
fn better_of(one: &Candidate, other: &Candidate) -> bool {
    better((&one.0, &one.1, one.2), (&other.0, &other.1, other.2))
}

#[inline]
fn serve(old: Option<Candidate>, new: Candidate) -> Option<Candidate> {
    Some(old.filter(|old| !better_of(&new, old)).unwrap_or(new))
}

#[inline]
fn best(view: &View<'_>, now: &Now) -> Status {
    let mut best = None;
    for record in 0..view.len() {
        best = serve(best, candidate(view, now, record));
    }
    best.map_or_else(|| nothing(view), |(_, status, _)| status)
}

/// Where there is no such record: absent, unless the store itself cannot answer.
#[inline]
fn nothing(view: &View<'_>) -> Status {
    view.store_cause().map_or(Status::ABSENT, store_status)
}

pub(super) fn check_name(feature: &str) -> Result<()> {
    if limits::is_name(feature) { Ok(()) } else { Err(Error::from_code(Code::InvalidArgument)) }
}
