//! Fulfillments written from a record that the portal signed before it was restored.

use lm_protocol::Record;

use super::super::case::Case;
use super::super::fulfillment::{self, Fulfillment, HolderRef, State};
use crate::error::{Error, Result, damaged};

/// Writes a fulfillment that isn't known, with its reach and what it owes; `ended`: as one that is gone
/// already.
pub(super) async fn insert(
    case: &mut Case<'_>,
    record: &Record,
    (reach, owed): (Option<i64>, i64),
    ended: Option<State>,
) -> Result<()> {
    let (state, closed_at) = match ended {
        Some(state) => (state, case.now),
        None => (State::Live, 0),
    };
    let holder = HolderRef::of_holder(&record.holder);
    let done = sqlx::query(
        "INSERT INTO fulfillments (fulfillment_id, activation_id, state, generation, seats, scope,
            user_hash, host, host_id, host_label, device_key, op, previous_op, record, lease_until,
            grace_until, reach, owed, activated_at, last_contact, closed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', $13, $14, $15, $16, $17,
            $18, $19, $20)
         ON CONFLICT (fulfillment_id) DO NOTHING",
    )
    .bind(record.fulfillment_id.as_str())
    .bind(record.activation_id.to_string())
    .bind(state.text())
    .bind(generation(record)?)
    .bind(i64::from(record.seats))
    .bind(holder.scope)
    .bind(holder.user)
    .bind(fulfillment::json(&record.host)?)
    .bind(record.host.host_id())
    .bind(case.request.host_label.as_str())
    .bind(record.device_key.to_string())
    .bind(record.op.to_string())
    .bind(text(case))
    .bind(record.lease_until)
    .bind(record.grace_until)
    .bind(reach)
    .bind(owed)
    .bind(record.issued_at)
    .bind(case.now)
    .bind(closed_at)
    .execute(&mut *case.db)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(Error::Busy) }
}

/// Brings a fulfillment to the generation of a later record.
pub(super) async fn raise(
    case: &mut Case<'_>,
    held: &Fulfillment,
    record: &Record,
    reach: Option<i64>,
) -> Result<()> {
    let done = sqlx::query(
        "UPDATE fulfillments SET generation = $1, seats = $2, host = $3, host_id = $4,
            host_label = $5, device_key = $6, previous_op = op, op = $7, record = $8,
            lease_until = $9, grace_until = $10, reach = $11, last_contact = $12
         WHERE fulfillment_id = $13 AND state = 'live' AND generation = $14",
    )
    .bind(generation(record)?)
    .bind(i64::from(record.seats))
    .bind(fulfillment::json(&record.host)?)
    .bind(record.host.host_id())
    .bind(case.request.host_label.as_str())
    .bind(record.device_key.to_string())
    .bind(record.op.to_string())
    .bind(text(case))
    .bind(record.lease_until)
    .bind(record.grace_until)
    .bind(reach)
    .bind(case.now)
    .bind(held.id.as_str())
    .bind(held.generation)
    .execute(&mut *case.db)
    .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(damaged("a fulfillment moved under its lock"))
    }
}

fn generation(record: &Record) -> Result<i64> {
    i64::try_from(record.generation).map_err(|_| damaged("a generation"))
}

/// The record as it was signed.
fn text(case: &Case<'_>) -> String {
    case.record.map(|record| record.text().to_owned()).unwrap_or_default()
}
