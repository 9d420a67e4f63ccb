//! The ledger: seat accounting as a small set of rules in one place, each one transaction.
//!
//! Its core is [`answer`]: a transaction, the time, randomness and a request go in, a signed answer
//! comes out. Web, command line and page are its callers. Each rule stands in its own file, named
//! after what is asked.

mod abandon;
mod activate;
pub mod activation;
mod case;
mod epoch;
pub mod fulfillment;
pub mod history;
pub mod identity;
mod issue;
pub mod limits;
mod more_seats;
mod ops;
mod reattach;
mod refresh;
pub(crate) mod release;
mod repair;
mod return_;
pub mod seats;
mod standing;
mod store_seen;
#[cfg(test)]
mod tests;

use lm_protocol::envelope::sign;
use lm_protocol::{Id, Operation, Record, Refusal, Reply, Request, TimeStatement, Verified};
use serde_json::json;
use sqlx::AnyConnection;

use self::activation::Activation;
use self::case::{Case, Outcome};
use self::identity::Identity;
use self::ops::Again;
use crate::error::{Error, Result};
use crate::ports::Random;

/// An answer, and what the limits of those who ask must know of it.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer's envelope.
    pub envelope: String,
    /// What is counted of it; `None`: nothing.
    pub failure: Option<Failure>,
}

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over the network.
    Online,
    /// In a file.
    File,
}

/// Answers that are counted. Successes never are, nor is whatever is answered to a machine that
/// holds something of the activation ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The activation ID isn't known.
    UnknownId,
    /// It is, but whoever was refused holds nothing of it.
    Refused,
}

/// Answers one request's envelope. What is stored is stored with this transaction; where it
/// fails, nothing was changed and the same request may come again.
pub async fn answer(
    db: &mut AnyConnection,
    now: i64,
    random: &dyn Random,
    envelope: &str,
) -> Result<Answered> {
    answer_opened(db, now, random, &Request::open(envelope)?, Way::Online).await
}

/// As [`answer`], to a request that was opened before the transaction was begun.
async fn answer_opened(
    db: &mut AnyConnection,
    now: i64,
    random: &dyn Random,
    request: &Verified<Request>,
    way: Way,
) -> Result<Answered> {
    let identity = Identity::load(db).await?;
    if request.vendor != identity.vendor {
        return Err(Error::Message(lm_protocol::Error::Mismatch));
    }
    let record = carried_record(&identity, request);
    let activation = activation::lock(db, request.activation_id).await?;
    if let Some(activation) = &activation {
        seats::settle(db, activation, now).await?;
    }
    let store_generation = store_seen::note(db, now, request.store).await?;
    let known = ops::find(db, request.op).await?;
    let record = record.as_ref();
    let mut case = Case { db, now, random, identity: &identity, request, record, way };
    let id_is_known = activation.is_some();
    let (outcome, is_to_be_stored) = match known {
        Some(known) => {
            let was_denied = known.is_denial();
            match ops::again(case.db, known, request.text()).await? {
                Again::Stored(envelope) => {
                    let failure = failure(case.db, request, id_is_known, was_denied).await?;
                    return Ok(Answered { envelope, failure });
                }
                Again::NoLongerTrue(outcome) => (outcome, false),
                Again::Tombstone => (Outcome::denied(Refusal::Abandoned), true),
            }
        }
        None => (judge(&mut case, activation).await?, true),
    };
    let answer = case.answer(&outcome, store_generation)?;
    if is_to_be_stored {
        ops::store(case.db, now, (request, request.text()), &outcome, &answer).await?;
    }
    // A re-created ID is known by now.
    let id_is_known = id_is_known || outcome.about.is_some();
    let failure = failure(case.db, request, id_is_known, outcome.is_denial()).await?;
    Ok(Answered { envelope: answer, failure })
}

/// What is counted of an answer.
async fn failure(
    db: &mut AnyConnection,
    request: &Request,
    id_is_known: bool,
    is_denied: bool,
) -> Result<Option<Failure>> {
    if !id_is_known {
        return Ok(Some(Failure::UnknownId));
    }
    let counts = is_denied && !holds(db, request).await?;
    Ok(counts.then_some(Failure::Refused))
}

/// Whether the key that signed a request is that of a machine that holds something of its
/// activation ID.
pub(crate) async fn holds(db: &mut AnyConnection, request: &Request) -> Result<bool> {
    fulfillment::is_held_by(db, request.activation_id, request.device_key).await
}

/// Answers one [`Post`](lm_protocol::Post), whose request was opened: the answer, today's keyset,
/// and the time bound to this call.
pub async fn reply(
    db: &mut AnyConnection,
    now: i64,
    random: &dyn Random,
    request: &Verified<Request>,
    time_nonce: Id,
) -> Result<(Reply, Answered)> {
    let answered = answer_opened(db, now, random, request, Way::Online).await?;
    let identity = Identity::load(db).await?;
    let time = time_statement(&identity, now, time_nonce)?;
    let answer = answered.envelope.clone();
    Ok((Reply { answer, keyset: identity.keyset, time }, answered))
}

/// The reply to a [`Post`](lm_protocol::Post) without a request: whose portal this is, and its time.
/// Moves nothing and counts nothing.
pub async fn greeting(db: &mut AnyConnection, now: i64, time_nonce: Id) -> Result<Reply> {
    let identity = Identity::load(db).await?;
    let time = time_statement(&identity, now, time_nonce)?;
    Ok(Reply { answer: String::new(), keyset: identity.keyset, time })
}

/// Answers one request that came in a file: with the portal's time only where the file asks for it,
/// and with the keyset of the day.
pub async fn answer_in_file(
    db: &mut AnyConnection,
    now: i64,
    random: &dyn Random,
    request: &Verified<Request>,
    time_nonce: Option<Id>,
) -> Result<(Answered, Option<String>, String)> {
    let answered = answer_opened(db, now, random, request, Way::File).await?;
    let identity = Identity::load(db).await?;
    let time = time_nonce.map(|nonce| time_statement(&identity, now, nonce)).transpose()?;
    Ok((answered, time, identity.keyset))
}

fn time_statement(identity: &Identity, now: i64, nonce: Id) -> Result<String> {
    let statement = TimeStatement { vendor: identity.vendor.clone(), nonce, time: now };
    Ok(sign(&statement, &[&identity.online])?)
}

/// The record that a request carries, verified. One that doesn't stand (its key was revoked, say) is
/// none: an activate goes on without it, and a message about a record is judged by [`standing`]. The
/// request's own signature stands in either case, so it is owed a signed answer.
fn carried_record(identity: &Identity, request: &Request) -> Option<Verified<Record>> {
    request.record.as_deref().and_then(|text| identity.record(text).ok())
}

async fn judge(case: &mut Case<'_>, activation: Option<Activation>) -> Result<Outcome> {
    if epoch::is_older(case, activation.as_ref()).await? {
        return Ok(Outcome::denied(Refusal::PortalRestored));
    }
    let taken_in = epoch::take_in(case, activation).await?;
    let activation = taken_in.as_ref();
    if activation.is_some_and(|id| is_refused_by_file(case, id)) {
        case.tell("refused: by file", None, false, json!({})).await?;
        return Ok(Outcome::denied(Refusal::OfflineRefused));
    }
    match (&case.request.operation, activation) {
        (Operation::Abandon { activate }, _) => abandon::abandon(case, activation, *activate).await,
        (_, None) => Ok(Outcome::denied(Refusal::IdUnknown)),
        (Operation::Activate { seats }, Some(id)) => activate::activate(case, id, *seats).await,
        (Operation::MoreSeats { seats, .. }, Some(id)) => {
            more_seats::more_seats(case, id, *seats).await
        }
        (Operation::Return { seats, .. }, Some(id)) => return_::return_(case, id, *seats).await,
        (Operation::Refresh { .. }, Some(id)) => refresh::refresh(case, id).await,
        (Operation::Repair { .. }, Some(id)) => repair::repair(case, id).await,
    }
}

/// Whether policy refuses that rights are given by a file. What gives seats back, or undoes something,
/// is hindered by no policy.
fn is_refused_by_file(case: &Case<'_>, activation: &Activation) -> bool {
    let takes = matches!(
        case.request.operation,
        Operation::Activate { .. } | Operation::MoreSeats { .. } | Operation::Refresh { .. }
    );
    let entitlement = &activation.entitlement;
    takes
        && case.way == Way::File
        && !entitlement.terms.offline
        && entitlement.product == case.request.product
}
