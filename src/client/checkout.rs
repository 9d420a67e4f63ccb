//! `checkout`: seats of a concurrent record, shared by all processes of the machine. No network, no
//! write to the store.

use std::time::Duration;

use lm_protocol::{ActivationId, limits};

use super::Client;
use super::status::check_name;
use crate::error::{Code, Error, Result};
use crate::machine::{self, ForkMark};
use crate::policy::{self, Facts, Status};
use crate::storage::{Slots, Take, bytes_of};

/// Seats that are checked out. Dropping it checks them in; in a forked child it only closes the
/// child's copy. Outlives its client. Threads: one at a time.
pub struct Seat {
    /// `None` once it is dropped.
    slots: Option<Slots>,
    fork: ForkMark,
}

impl Drop for Seat {
    fn drop(&mut self) {
        match self.slots.take() {
            Some(slots) if self.fork.is_child() => slots.close_only(),
            slots => drop(slots),
        }
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seat")
    }
}

/// A record that has the feature, as last seen.
pub(super) type Candidate = (ActivationId, Facts, Status);

/// How often seats are looked for where others were taking and letting go meanwhile.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(1);

pub(super) fn checkout(client: &Client, feature: &str, seats: u32) -> Result<Seat> {
    check_name(feature)?;
    if seats == 0 || seats > limits::SEATS_MAX {
        let sentence = format!("The number of seats must be 1 to {}.", limits::SEATS_MAX);
        return Err(Error::new(Code::InvalidArgument, sentence));
    }
    let mut candidates = Vec::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            client.ports.clock.sleep(pause(client, attempt)?);
        }
        client.look_now()?;
        candidates = usable(client.records_with(feature)?)?;
        let mut slots = open(client)?;
        match take(client, &mut slots, &candidates, feature, seats)? {
            Take::Taken => {
                let (pid, program) = machine::process();
                slots.leave_word(pid, &program);
                return Ok(Seat { slots: Some(slots), fork: client.fork.clone() });
            }
            Take::TooFew => break,
            Take::Raced => {}
        }
    }
    Err(no_free_seat(client, &candidates, seats))
}

/// Those whose seats may be checked out; why not, where there is none.
fn usable(candidates: Vec<Candidate>) -> Result<Vec<Candidate>> {
    let mut refusal = None;
    let mut usable = Vec::new();
    for candidate in candidates {
        let (_, facts, status) = &candidate;
        match policy::check_out(facts, status) {
            Ok(()) => usable.push(candidate),
            // What is said of a concurrent record says more than that another is none.
            Err(Code::WrongKind) => refusal = refusal.or(Some((Code::WrongKind, *status))),
            Err(code) => match refusal {
                Some((known, _)) if known != Code::WrongKind => {}
                _ => refusal = Some((code, *status)),
            },
        }
    }
    match refusal {
        _ if !usable.is_empty() => Ok(usable),
        None => Err(Error::from_code(Code::Feature)),
        Some((code, status)) => Err(refused(code, &status)),
    }
}

fn refused(code: Code, status: &Status) -> Error {
    match code {
        Code::WrongKind => {
            Error::new(code, "A node-locked license has no seats to be checked out.")
                .with_hint("Activate a concurrent license; a node-locked one is used as it is.")
        }
        Code::NotAllowed => Error::new(code, policy::sentence(status))
            .with_hint("Finish the return (resume), then activate the license again."),
        code => Error::from_code(code),
    }
}

/// Takes seats of the first record that has so many free ones. A byte is locked first, *then* the
/// store is read again, and it is kept only if the record still gives it: a return that took it out
/// of use in between is seen.
fn take(
    client: &Client,
    slots: &mut Slots,
    candidates: &[Candidate],
    feature: &str,
    seats: u32,
) -> Result<Take> {
    let mut raced = false;
    for (id, facts, _) in candidates {
        let all = bytes_of(&id.to_string());
        match slots.take(all.start..all.start + u64::from(facts.seats), seats.into())? {
            Take::Taken if still_gives(client, slots, *id, feature)? => return Ok(Take::Taken),
            Take::Taken | Take::Raced => {
                slots.let_go();
                raced = true;
            }
            Take::TooFew => {}
        }
    }
    Ok(if raced { Take::Raced } else { Take::TooFew })
}

fn still_gives(client: &Client, slots: &Slots, id: ActivationId, feature: &str) -> Result<bool> {
    if !client.storage.still_stands(slots)? {
        return Ok(false);
    }
    client.look_now()?;
    let records = client.records_with(feature)?;
    let Some((_, facts, status)) = records.iter().find(|(known, ..)| *known == id) else {
        return Ok(false);
    };
    if policy::check_out(facts, status).is_err() {
        return Ok(false);
    }
    let (all, seats) = (bytes_of(&id.to_string()), u64::from(facts.seats));
    let given = all.start..all.start + seats;
    if slots.locked().iter().any(|bytes| bytes.end > given.end) {
        return Ok(false);
    }
    // Seats of an earlier, larger record of this ID are still seats while somebody holds them.
    let beyond = count(&slots.in_use(given.end..all.end)?);
    Ok(beyond == 0 || count(slots.locked()) + count(&slots.in_use(given)?) + beyond <= seats)
}

fn count(held: &[std::ops::Range<u64>]) -> u64 {
    held.iter().map(|bytes| bytes.end - bytes.start).sum()
}

/// An open file of this checkout's own, made where there is none.
fn open(client: &Client) -> Result<Slots> {
    if let Some(slots) = client.storage.slots()? {
        return Ok(slots);
    }
    client.storage.make_slots(client.lock_wait())?;
    let slots = client.storage.slots()?;
    slots.ok_or_else(|| Error::from_code(Code::Busy))
}

/// Two that took of each other's seats don't meet again at once.
fn pause(client: &Client, attempt: u32) -> Result<Duration> {
    let mut jitter = [0];
    client.ports.random.fill(&mut jitter)?;
    let longest = FIRST_PAUSE * attempt;
    Ok(FIRST_PAUSE + longest * u32::from(jitter[0]) / 256)
}

fn no_free_seat(client: &Client, candidates: &[Candidate], seats: u32) -> Error {
    let ids: Vec<_> = candidates.iter().map(|(id, ..)| *id).collect();
    let most = candidates.iter().map(|(_, facts, _)| facts.seats).max().unwrap_or(0);
    let error = if seats > most {
        let sentence = format!(
            "This machine has {most} seats of the license, fewer than the {seats} that are wanted."
        );
        Error::new(Code::NoFreeSeat, sentence).with_hint("Activate more seats.")
    } else if seats > 1 {
        let sentence = format!("Fewer than {seats} seats of this machine are free.");
        Error::new(Code::NoFreeSeat, sentence)
    } else {
        Error::from_code(Code::NoFreeSeat)
    };
    error.with_detail(client.in_use_detail(&ids))
}
