//! The ledger: seat accounting as a small set of rules in one place, each one transaction.
//!
//! Its core is [`answer`]: a transaction, the time, randomness and a request go in, a signed answer
//! comes out. Web, command line and page are its callers. Each rule stands in its own file, named
//! after what is asked.

mod abandon;
mod activate;
pub mod activation;
mod case;
pub mod fulfillment;
pub mod history;
pub mod identity;
mod issue;
pub(crate) mod limits;
mod more_seats;
mod ops;
mod reattach;
mod refresh;
mod return_;
pub mod seats;
mod standing;
mod store_seen;
#[cfg(test)]
mod tests;

use lm_protocol::envelope::sign;
use lm_protocol::{Id, Operation, Post, Record, Refusal, Reply, Request, TimeStatement, Verified};
use sqlx::AnyConnection;

use self::activation::Activation;
use self::case::{Case, Outcome};
use self::identity::Identity;
use self::ops::Again;
pub(crate) use self::return_::Release;
use crate::error::{Error, Result};
use crate::ports::Random;

/// An answer, and what the limits of the address that asked must know of it.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer's envelope.
    pub envelope: String,
    /// The activation ID isn't known: such requests are counted.
    pub unknown_id: bool,
}

/// Answers one request's envelope. What is stored is stored with this transaction; where it
/// fails, nothing was changed and the same request may come again.
pub async fn answer(
    db: &mut AnyConnection,
    now: i64,
    random: &dyn Random,
    envelope: &str,
) -> Result<Answered> {
    let request = Request::open(envelope)?;
    let identity = Identity::load(db).await?;
    if request.vendor != identity.vendor {
        return Err(Error::Message(lm_protocol::Error::Mismatch));
    }
    let record = carried_record(&identity, &request)?;
    let activation = activation::lock(db, request.activation_id).await?;
    if let Some(activation) = &activation {
        seats::settle(db, activation, now).await?;
    }
    let store_generation = store_seen::note(db, now, request.store).await?;
    let known = ops::find(db, request.op).await?;
    let mut case =
        Case { db, now, random, identity: &identity, request: &request, record: record.as_ref() };
    let unknown_id = activation.is_none();
    let (outcome, is_to_be_stored) = match known {
        Some(known) => match ops::again(case.db, known, envelope).await? {
            Again::Stored(envelope) => return Ok(Answered { envelope, unknown_id }),
            Again::NoLongerTrue(outcome) => (outcome, false),
            Again::Tombstone => (Outcome::denied(Refusal::Abandoned), true),
        },
        None => (judge(&mut case, activation.as_ref()).await?, true),
    };
    let answer = case.answer(&outcome, store_generation)?;
    if is_to_be_stored {
        ops::store(case.db, now, (&request, envelope), &outcome, &answer).await?;
    }
    Ok(Answered { envelope: answer, unknown_id })
}

/// Answers one [`Post`]: the answer, today's keyset, and the time bound to this call.
pub async fn reply(
    db: &mut AnyConnection,
    now: i64,
    random: &dyn Random,
    post: &Post,
) -> Result<(Reply, Answered)> {
    let answered = answer(db, now, random, &post.request).await?;
    let identity = Identity::load(db).await?;
    let time = time_statement(&identity, now, post.time_nonce)?;
    let answer = answered.envelope.clone();
    Ok((Reply { answer, keyset: identity.keyset, time }, answered))
}

fn time_statement(identity: &Identity, now: i64, nonce: Id) -> Result<String> {
    let statement = TimeStatement { vendor: identity.vendor.clone(), nonce, time: now };
    Ok(sign(&statement, &[&identity.online])?)
}

/// The record that a request carries, verified. A message about a record must carry the one that
/// it names: the generation that it claims is one that the portal signed for it. An activate whose
/// record doesn't stand (its key was revoked, say) is one without a record.
fn carried_record(identity: &Identity, request: &Request) -> Result<Option<Verified<Record>>> {
    let record = request.record.as_deref().map(|text| identity.record(text)).transpose();
    let Some((id, generation)) = request.about() else {
        return Ok(record.ok().flatten());
    };
    let record = record?;
    let is_named = record
        .as_ref()
        .is_some_and(|record| record.fulfillment_id == id && record.generation == generation);
    if is_named { Ok(record) } else { Err(Error::Message(lm_protocol::Error::Mismatch)) }
}

async fn judge(case: &mut Case<'_>, activation: Option<&Activation>) -> Result<Outcome> {
    match (&case.request.operation, activation) {
        (Operation::Abandon { activate }, _) => abandon::abandon(case, activation, *activate).await,
        (_, None) => Ok(Outcome::denied(Refusal::IdUnknown)),
        (Operation::Activate { seats }, Some(id)) => activate::activate(case, id, *seats).await,
        (Operation::MoreSeats { seats, .. }, Some(id)) => {
            more_seats::more_seats(case, id, *seats).await
        }
        (Operation::Return { seats, .. }, Some(id)) => return_::return_(case, id, *seats).await,
        (Operation::Refresh { .. }, Some(id)) => refresh::refresh(case, id).await,
    }
}
