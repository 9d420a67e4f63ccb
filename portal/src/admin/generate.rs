//! Generating activation IDs out of an entitlement's seats.

use lm_protocol::limits::SEATS_MAX;
use lm_protocol::{ActivationId, Kind};
use serde::Serialize;
use serde_json::json;

use super::{About, Act, entitlements};
use crate::error::{Error, Result};
use crate::ledger::activation::kind_text;
use crate::ports::bytes;

/// How many activation IDs one act makes at most.
const COUNT_MAX: u32 = 1000;

/// A new activation ID.
#[derive(Clone, Debug, Serialize)]
pub struct Generated {
    /// The code that is activated.
    pub activation_id: String,
    /// `nl` or `cc`.
    pub kind: &'static str,
    /// Its seats.
    pub seats: u32,
}

/// Makes `count` activation IDs of `seats` seats each. Refused where the entitlement has not so
/// many seats left: issued never exceeds quantity, by one conditional update and a CHECK.
pub async fn generate(
    act: &mut Act<'_>,
    entitlement_id: &str,
    kind: Kind,
    seats: u32,
    count: u32,
) -> Result<Vec<Generated>> {
    if !(1..=SEATS_MAX).contains(&seats) || !(1..=COUNT_MAX).contains(&count) {
        let sentence = "seats are from 1 to 1000000, and at most 1000 IDs are made at once";
        return Err(Error::Invalid(sentence.to_owned()));
    }
    issue(act, entitlement_id, i64::from(seats) * i64::from(count)).await?;
    let mut generated = Vec::new();
    for _ in 0..count {
        generated.push(insert(act, entitlement_id, kind, seats).await?);
    }
    Ok(generated)
}

async fn issue(act: &mut Act<'_>, entitlement_id: &str, seats: i64) -> Result<()> {
    let done = sqlx::query(
        "UPDATE entitlements SET issued = issued + $1
         WHERE entitlement_id = $2 AND issued + $1 <= quantity",
    )
    .bind(seats)
    .bind(entitlement_id.to_owned())
    .execute(&mut *act.db)
    .await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    let left = entitlements::show(act.db, entitlement_id).await?;
    Err(Error::Refused(format!(
        "entitlement {entitlement_id} has {} of {} seats left, and {seats} are asked for",
        left.available, left.quantity
    )))
}

/// Makes one activation ID. Its seats have been issued by the caller, in this transaction.
pub(super) async fn insert(
    act: &mut Act<'_>,
    entitlement_id: &str,
    kind: Kind,
    seats: u32,
) -> Result<Generated> {
    let id = ActivationId::from_random(bytes(act.random)?);
    sqlx::query(
        "INSERT INTO activation_ids
            (activation_id, entitlement_id, kind, quantity, status, created_at)
         VALUES ($1, $2, $3, $4, 'active', $5)",
    )
    .bind(id.to_string())
    .bind(entitlement_id.to_owned())
    .bind(kind_text(kind))
    .bind(i64::from(seats))
    .bind(act.now)
    .execute(&mut *act.db)
    .await?;
    let about = About { activation_id: Some(id), entitlement_id, ..About::default() };
    act.tell("generate", about, json!({ "kind": kind_text(kind), "seats": seats })).await?;
    Ok(Generated { activation_id: id.to_string(), kind: kind_text(kind), seats })
}
