//! How often an activation ID may be returned, re-hosted and repaired in a period, and what an
//! administrator has allowed beyond that: each allowance is used up by one use.

use lm_protocol::ActivationId;
use sqlx::{AnyConnection, Row as _};

use super::activation::{self, Activation};
use crate::error::{Result, damaged};
use crate::ports::{Random, new_id};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    /// Client returns.
    Return,
    /// Re-hosts.
    Rehost,
    /// Repairs, and re-attaches that are not free.
    Repair,
}

impl Tally {
    pub(crate) const ALL: [Self; 3] = [Self::Return, Self::Rehost, Self::Repair];

    /// Its text in the database and in JSON.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Return => "return",
            Self::Rehost => "rehost",
            Self::Repair => "repair",
        }
    }

    /// Its limit; `None`: there is none.
    pub(crate) const fn limit(self, activation: &Activation) -> Option<i64> {
        let limits = activation.entitlement.limits;
        match self {
            Self::Return => limits.returns,
            Self::Rehost => limits.rehosts,
            Self::Repair => limits.repairs,
        }
    }
}

/// When one more is allowed again, 0: never; `None`: it is allowed now, by the limit or beyond it.
pub(crate) async fn exhausted_until(
    db: &mut AnyConnection,
    activation: &Activation,
    tally: Tally,
    now: i64,
) -> Result<Option<i64>> {
    let reached = reached_until(db, activation, tally, now).await?;
    let beyond = reached.is_some() && allowed(db, activation.id, tally).await? > 0;
    Ok(reached.filter(|_| !beyond))
}

/// When the limit itself allows one more again, 0: never; `None`: it does now.
pub(crate) async fn reached_until(
    db: &mut AnyConnection,
    activation: &Activation,
    tally: Tally,
    now: i64,
) -> Result<Option<i64>> {
    let Some(limit) = tally.limit(activation) else {
        return Ok(None);
    };
    if limit <= 0 {
        return Ok(Some(0));
    }
    let period = activation.entitlement.limits.period;
    let rows = sqlx::query(
        "SELECT at FROM tallies WHERE activation_id = $1 AND what = $2 AND at > $3
         ORDER BY at DESC LIMIT $4",
    )
    .bind(activation.id.to_string())
    .bind(tally.text())
    .bind(now.saturating_sub(period))
    .bind(limit)
    .fetch_all(db)
    .await?;
    // Of the newest `limit` ones, the oldest must leave the period first.
    let full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let oldest = rows.last().filter(|_| full);
    let until = |row: &sqlx::any::AnyRow| Ok(row.try_get::<i64, _>("at")?.saturating_add(period));
    oldest.map(until).transpose()
}

/// How many there were in the period that ends now.
pub(crate) async fn used(
    db: &mut AnyConnection,
    activation: &Activation,
    tally: Tally,
    now: i64,
) -> Result<i64> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS used FROM tallies WHERE activation_id = $1 AND what = $2 AND at > $3",
    )
    .bind(activation.id.to_string())
    .bind(tally.text())
    .bind(now.saturating_sub(activation.entitlement.limits.period))
    .fetch_one(db)
    .await?;
    Ok(row.try_get("used")?)
}

/// Counts one that was allowed: against the limit, or where that is reached against what was allowed
/// beyond it. Says whether it was beyond.
pub(crate) async fn count(
    db: &mut AnyConnection,
    random: &dyn Random,
    id: ActivationId,
    tally: Tally,
    now: i64,
) -> Result<bool> {
    let activation = activation::read(db, id).await?.ok_or_else(|| damaged("a tally of no ID"))?;
    if reached_until(db, &activation, tally, now).await?.is_some() && use_one(db, id, tally).await?
    {
        return Ok(true);
    }
    note(db, random, id, tally, now).await?;
    Ok(false)
}

/// Counts one against the limit that can't be refused, whether it is reached or not.
pub(crate) async fn note(
    db: &mut AnyConnection,
    random: &dyn Random,
    id: ActivationId,
    tally: Tally,
    now: i64,
) -> Result<()> {
    sqlx::query("INSERT INTO tallies (tally_id, activation_id, what, at) VALUES ($1, $2, $3, $4)")
        .bind(new_id(random, "T")?)
        .bind(id.to_string())
        .bind(tally.text())
        .bind(now)
        .execute(db)
        .await?;
    Ok(())
}

async fn use_one(db: &mut AnyConnection, id: ActivationId, tally: Tally) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE allowances SET remaining = remaining - 1
         WHERE activation_id = $1 AND what = $2 AND remaining > 0",
    )
    .bind(id.to_string())
    .bind(tally.text())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many are allowed beyond the limit.
pub(crate) async fn allowed(db: &mut AnyConnection, id: ActivationId, tally: Tally) -> Result<i64> {
    let row =
        sqlx::query("SELECT remaining FROM allowances WHERE activation_id = $1 AND what = $2")
            .bind(id.to_string())
            .bind(tally.text())
            .fetch_optional(db)
            .await?;
    Ok(row.map(|row| row.try_get("remaining")).transpose()?.unwrap_or(0))
}

/// Allows more beyond the limit.
pub(crate) async fn allow(
    db: &mut AnyConnection,
    id: ActivationId,
    tally: Tally,
    count: u32,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO allowances (activation_id, what, remaining) VALUES ($1, $2, $3)
         ON CONFLICT (activation_id, what) DO UPDATE
            SET remaining = allowances.remaining + excluded.remaining",
    )
    .bind(id.to_string())
    .bind(tally.text())
    .bind(i64::from(count))
    .execute(db)
    .await?;
    Ok(())
}
