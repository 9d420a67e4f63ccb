//! Stored answers: one for each operation, for the life of the license, refusals included (rule 2),
//! and the tombstones of operations that were abandoned before they were seen (rule 4).

use lm_protocol::encoding::to_hex;
use lm_protocol::{ActivationId, Id, ObsoleteReason, Operation, PublicKey, Request, Verdict};
use sqlx::{AnyConnection, Row as _};

use super::case::Outcome;
use super::fulfillment;
use crate::error::{Error, Result, damaged};

/// What the portal remembers of an operation.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) activation_id: String,
    pub(super) ask: String,
    request_hash: String,
    device_key: String,
    fresh_key: String,
    pub(super) verdict: String,
    pub(super) fulfillment_id: String,
    pub(super) generation: i64,
    answer: String,
}

const TOMBSTONE: &str = "tombstone";

/// What an operation that was seen before, or abandoned before it was seen, is answered.
pub(super) enum Again {
    /// The stored answer, byte for byte.
    Stored(String),
    /// A stored grant that isn't true any more: stale or obsolete, signed anew.
    NoLongerTrue(Outcome),
    /// It was abandoned before it came: refused now, and that is stored.
    Tombstone,
}

impl Known {
    /// Whether nothing but its tombstone is known.
    pub(super) fn is_tombstone(&self) -> bool {
        self.verdict == TOMBSTONE
    }

    /// Whether it was refused.
    pub(super) fn is_denial(&self) -> bool {
        self.verdict == "denied"
    }

    /// Whether this key signed the operation.
    pub(super) fn was_signed_by(&self, key: PublicKey) -> bool {
        let key = key.to_string();
        self.device_key == key || self.fresh_key == key
    }
}

/// What is known of an operation.
pub(super) async fn find(db: &mut AnyConnection, op: Id) -> Result<Option<Known>> {
    let row = sqlx::query("SELECT * FROM operations WHERE op = $1")
        .bind(op.to_string())
        .fetch_optional(db)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Known {
        activation_id: row.try_get("activation_id")?,
        ask: row.try_get("ask")?,
        request_hash: row.try_get("request_hash")?,
        device_key: row.try_get("device_key")?,
        fresh_key: row.try_get("fresh_key")?,
        verdict: row.try_get("verdict")?,
        fulfillment_id: row.try_get("fulfillment_id")?,
        generation: row.try_get("generation")?,
        answer: row.try_get("answer")?,
    }))
}

/// Rule 2: a stored answer is given again, a stored grant only while its fulfillment stands at the
/// generation that it gave.
pub(super) async fn again(db: &mut AnyConnection, known: Known, request: &str) -> Result<Again> {
    if known.is_tombstone() {
        return Ok(Again::Tombstone);
    }
    if known.request_hash != hash(request) {
        return Err(Error::OperationReused);
    }
    if known.verdict != "granted" {
        return Ok(Again::Stored(known.answer));
    }
    let fulfillment = fulfillment::find(db, &known.fulfillment_id)
        .await?
        .ok_or_else(|| damaged("a grant without its fulfillment"))?;
    if let Some(reason) = fulfillment.state.gone() {
        return Ok(Again::NoLongerTrue(Outcome::obsolete(&fulfillment, reason)));
    }
    if fulfillment.generation == known.generation {
        return Ok(Again::Stored(known.answer));
    }
    // Whoever signed it was not restored: another store of its holder has the fulfillment now.
    let outcome = if known.was_signed_by(fulfillment.device_key) {
        Outcome::of(&fulfillment, Verdict::Stale)
    } else {
        Outcome::obsolete(&fulfillment, ObsoleteReason::HeldElsewhere)
    };
    Ok(Again::NoLongerTrue(outcome))
}

/// Stores an answer. An operation that another transaction stored meanwhile is a conflict.
pub(super) async fn store(
    db: &mut AnyConnection,
    now: i64,
    (request, envelope): (&Request, &str),
    outcome: &Outcome,
    answer: &str,
) -> Result<()> {
    let (fulfillment_id, generation) = outcome.about.clone().unwrap_or_default();
    let done = sqlx::query(
        "INSERT INTO operations (op, activation_id, ask, request_hash, device_key, fresh_key,
            verdict, fulfillment_id, generation, answer, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (op) DO UPDATE SET activation_id = excluded.activation_id,
            ask = excluded.ask, request_hash = excluded.request_hash,
            device_key = excluded.device_key, fresh_key = excluded.fresh_key,
            verdict = excluded.verdict, fulfillment_id = excluded.fulfillment_id,
            generation = excluded.generation, answer = excluded.answer, at = excluded.at
         WHERE operations.verdict = 'tombstone'",
    )
    .bind(request.op.to_string())
    .bind(request.activation_id.to_string())
    .bind(ask(&request.operation))
    .bind(hash(envelope))
    .bind(request.device_key.to_string())
    .bind(request.fresh_key.map(|key| key.to_string()).unwrap_or_default())
    .bind(verdict_text(&outcome.verdict))
    .bind(fulfillment_id)
    .bind(generation)
    .bind(answer.to_owned())
    .bind(now)
    .execute(db)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(Error::Busy) }
}

/// Marks an unseen operation as abandoned, so that a late request is refused.
pub(super) async fn tombstone(
    db: &mut AnyConnection,
    now: i64,
    op: Id,
    activation_id: ActivationId,
) -> Result<()> {
    let done = sqlx::query(
        "INSERT INTO operations (op, activation_id, ask, request_hash, device_key, fresh_key,
            verdict, fulfillment_id, generation, answer, at)
         VALUES ($1, $2, '', '', '', '', 'tombstone', '', 0, '', $3)
         ON CONFLICT (op) DO NOTHING",
    )
    .bind(op.to_string())
    .bind(activation_id.to_string())
    .bind(now)
    .execute(db)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(Error::Busy) }
}

/// What is asked, in a word.
pub(super) const fn ask(operation: &Operation) -> &'static str {
    match operation {
        Operation::Activate { .. } => "activate",
        Operation::MoreSeats { .. } => "more_seats",
        Operation::Abandon { .. } => "abandon",
        Operation::Return { .. } => "return",
        Operation::Refresh { .. } => "refresh",
        Operation::Repair { .. } => "repair",
    }
}

const fn verdict_text(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Granted { .. } => "granted",
        Verdict::Returned => "returned",
        Verdict::Abandoned => "abandoned",
        Verdict::Denied { .. } => "denied",
        Verdict::Stale => "stale",
        Verdict::Obsolete { .. } => "obsolete",
    }
}

fn hash(envelope: &str) -> String {
    to_hex(ring::digest::digest(&ring::digest::SHA256, envelope.as_bytes()).as_ref())
}
