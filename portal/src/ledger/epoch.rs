//! After a restored backup. What was asked before it may have been answered and forgotten, so it
//! changes nothing; what the portal doesn't know any more is taken in from the signed record of a
//! request of today, before that is answered.

use lm_protocol::{Operation, Record};
use serde_json::json;

use super::activation::{self, Activation};
use super::case::Case;
use super::fulfillment::{self, Fulfillment, HolderRef, State};
use super::identity::FIRST_EPOCH;
use super::seats;
use crate::error::{Error, Result, damaged};

mod recreate;
mod write;

/// Whether a request is, or may be, of the time before the backup was restored. A machine's first
/// activate knows no epoch: it may take new seats, and do nothing else.
pub(super) async fn is_older(case: &mut Case<'_>, activation: Option<&Activation>) -> Result<bool> {
    match case.request.epoch {
        Some(epoch) => Ok(i64::try_from(epoch).is_ok_and(|epoch| epoch < case.identity.epoch)),
        None if case.identity.epoch == FIRST_EPOCH => Ok(false),
        None => Ok(!takes_new(case, activation).await?),
    }
}

async fn takes_new(case: &mut Case<'_>, activation: Option<&Activation>) -> Result<bool> {
    if !matches!(case.request.operation, Operation::Activate { .. }) {
        return Ok(false);
    }
    let Some(activation) = activation else { return Ok(true) };
    Ok(own(case, activation).await?.is_none())
}

/// A fulfillment that the one who asks holds, as its evidence shows for certain.
pub(super) async fn own(
    case: &mut Case<'_>,
    activation: &Activation,
) -> Result<Option<Fulfillment>> {
    let (holder, host) = (HolderRef::of(case.request), &case.request.host);
    let live = fulfillment::live(case.db, activation.id).await?;
    Ok(live.into_iter().find(|held| held.holder == holder && held.host.matches_strictly(host)))
}

/// Takes a request's record in where it tells the portal what it has lost. Gives the activation ID
/// as it stands afterwards.
pub(super) async fn take_in(
    case: &mut Case<'_>,
    activation: Option<Activation>,
) -> Result<Option<Activation>> {
    let Some(record) = lost(case) else { return Ok(activation) };
    let Some(activation) = activation else {
        return recreate::inactive(case, &record).await.map(Some);
    };
    let same = activation.kind == record.kind && activation.entitlement.product == record.product;
    if !activation.active || !same {
        return Ok(Some(activation));
    }
    match fulfillment::find(case.db, &record.fulfillment_id).await? {
        None => match own(case, &activation).await? {
            None => unknown(case, &activation, &record, None).await?,
            Some(other) if gives_way(&other, &record) => {
                unknown(case, &activation, &record, Some(other)).await?;
            }
            Some(_) => return Ok(Some(activation)),
        },
        Some(held) => higher(case, &activation, &held, &record).await?,
    }
    activation::read(case.db, activation.id).await
}

/// The record of a request that may tell something new: of an earlier epoch by its own word, about
/// what the request is about, and shown by the key that it was issued to.
fn lost(case: &Case<'_>) -> Option<Record> {
    let (record, request) = (case.record?, case.request);
    let older = i64::try_from(record.epoch).is_ok_and(|epoch| epoch < case.identity.epoch);
    let own = record.activation_id == request.activation_id
        && record.product == request.product
        && record.holder == request.holder
        && record.device_key == request.device_key;
    (older && own).then(|| Record::clone(record))
}

/// Whether a fulfillment was granted to the very activate that the record came of: its request came
/// again after the restore, late, and nobody heard of that.
fn gives_way(held: &Fulfillment, record: &Record) -> bool {
    held.device_key == record.device_key && held.generation == 1
}

/// A fulfillment that was issued after the backup, in the place of one that gives way to it.
async fn unknown(
    case: &mut Case<'_>,
    activation: &Activation,
    record: &Record,
    instead_of: Option<Fulfillment>,
) -> Result<()> {
    let (mut reach, mut owed) = (floored(record, activation.entitlement.reach_floor), 0);
    if let Some(other) = instead_of {
        seats::free(case.db, activation.id, other.seats).await?;
        fulfillment::close(case.db, &other, State::Returned, case.now).await?;
        reach = reach.zip(other.reach).map(|(own, its)| own.max(its));
        owed = other.owed;
    }
    seats::take_in(case.db, activation.id, i64::from(record.seats)).await?;
    write::insert(case, record, (reach, owed), None).await?;
    told(case, activation, record, 0).await
}

/// A fulfillment that went on after the backup. What has ended stays so: only what stands is taken in.
async fn higher(
    case: &mut Case<'_>,
    activation: &Activation,
    held: &Fulfillment,
    record: &Record,
) -> Result<()> {
    let generation = i64::try_from(record.generation).map_err(|_| damaged("a generation"))?;
    let stands = held.state.gone().is_none() && held.activation_id == activation.id;
    if generation <= held.generation || !stands {
        return Ok(());
    }
    let more = i64::from(record.seats) - held.seats;
    if more < 0 {
        // What is freed lowers the excess first.
        seats::free(case.db, activation.id, -more).await?;
    } else {
        seats::take_in(case.db, activation.id, more).await?;
    }
    if held.device_key != record.device_key {
        fulfillment::replace_key(case.db, held, case.now).await?;
    }
    let floor = floored(record, activation.entitlement.reach_floor);
    let reach = held.reach.zip(floor).map(|(old, new)| old.max(new));
    write::raise(case, held, record, reach).await?;
    told(case, activation, record, held.generation).await
}

/// A record's reach, no sooner than that of what may have been signed after it. `None`: without bound.
fn floored(record: &Record, floor: Option<i64>) -> Option<i64> {
    record.reach().zip(floor).map(|(reach, floor)| reach.max(floor))
}

async fn told(
    case: &mut Case<'_>,
    activation: &Activation,
    record: &Record,
    known: i64,
) -> Result<()> {
    let now = activation::read(case.db, activation.id).await?.ok_or(Error::Busy)?;
    let detail = json!({ "seats": record.seats, "generation": record.generation,
        "known_generation": known, "excess": now.excess });
    case.tell("taken in after a restore", Some(&record.fulfillment_id), true, detail).await
}
