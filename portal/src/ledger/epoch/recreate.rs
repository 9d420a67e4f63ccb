//! An activation ID that was generated after the backup is made again from a record of it, Inactive:
//! its machines are told that it was retired, and people see that it was. No seat comes of it that
//! could be shared out: whether those were another entitlement's is not known.

use lm_protocol::Record;
use serde_json::json;

use super::super::activation::{self, Activation, kind_text};
use super::super::case::Case;
use super::super::fulfillment::{self, State};
use super::write;
use crate::error::{Error, Result, damaged};
use crate::ports::new_id;

pub(super) async fn inactive(case: &mut Case<'_>, record: &Record) -> Result<Activation> {
    let id = record.activation_id;
    let entitlement = entitlement(case, record).await?;
    let done = sqlx::query(
        "INSERT INTO activation_ids
            (activation_id, entitlement_id, kind, quantity, status, created_at, retired_at)
         VALUES ($1, $2, $3, $4, 'inactive', $5, $5) ON CONFLICT (activation_id) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(entitlement)
    .bind(kind_text(record.kind))
    .bind(i64::from(record.seats))
    .bind(case.now)
    .execute(&mut *case.db)
    .await?;
    if done.rows_affected() != 1 {
        // Another machine of this ID was first.
        return Err(Error::Busy);
    }
    let made = activation::lock(case.db, id).await?;
    write::insert(case, record, (record.reach(), 0), Some(State::Retired)).await?;
    let detail = json!({ "seats": record.seats, "generation": record.generation });
    case.tell("re-created after a restore", Some(&record.fulfillment_id), true, detail).await?;
    made.ok_or_else(|| damaged("an activation ID that was made is gone"))
}

/// An entitlement of just this, all of it issued.
async fn entitlement(case: &mut Case<'_>, record: &Record) -> Result<String> {
    let (id, terms) = (new_id(case.random, "E")?, &record.terms);
    sqlx::query(
        "INSERT INTO entitlements (entitlement_id, product, features, quantity, issued, starts_at,
            expires_at, lease, grace, clock_tolerance, strict, reclaim, virtual_machines,
            containers, offline, tell_holders, owner_release, limit_period, created_at)
         VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, 'no', 1, $15)",
    )
    .bind(id.as_str())
    .bind(record.product.as_str())
    .bind(fulfillment::json(&record.features)?)
    .bind(i64::from(record.seats))
    .bind(record.starts_at)
    .bind(record.expires_at)
    .bind(terms.lease)
    .bind(terms.grace)
    .bind(terms.clock_tolerance)
    .bind(i64::from(terms.strict))
    .bind(i64::from(terms.reclaim))
    .bind(i64::from(terms.virtual_machines))
    .bind(i64::from(terms.containers))
    .bind(i64::from(terms.offline))
    .bind(case.now)
    .execute(&mut *case.db)
    .await?;
    Ok(id)
}
