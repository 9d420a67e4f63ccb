//! How often an activation ID may be returned, re-hosted and repaired in a period.

use lm_protocol::ActivationId;
use sqlx::{AnyConnection, Row as _};

use super::activation::Activation;
use crate::error::Result;
use crate::ports::{Random, new_id};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tally {
    Return,
    Rehost,
    Repair,
}

impl Tally {
    const fn text(self) -> &'static str {
        match self {
            Self::Return => "return",
            Self::Rehost => "rehost",
            Self::Repair => "repair",
        }
    }
}

/// When one more is allowed again, 0: never; `None`: it is allowed now.
pub(crate) async fn exhausted_until(
    db: &mut AnyConnection,
    activation: &Activation,
    tally: Tally,
    now: i64,
) -> Result<Option<i64>> {
    let limits = activation.entitlement.limits;
    let limit = match tally {
        Tally::Return => limits.returns,
        Tally::Rehost => limits.rehosts,
        Tally::Repair => limits.repairs,
    };
    let Some(limit) = limit else {
        return Ok(None);
    };
    if limit <= 0 {
        return Ok(Some(0));
    }
    let rows = sqlx::query(
        "SELECT at FROM tallies WHERE activation_id = $1 AND what = $2 AND at > $3
         ORDER BY at DESC LIMIT $4",
    )
    .bind(activation.id.to_string())
    .bind(tally.text())
    .bind(now.saturating_sub(limits.period))
    .bind(limit)
    .fetch_all(db)
    .await?;
    // Of the newest `limit` ones, the oldest must leave the period first.
    let full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let oldest = rows.last().filter(|_| full);
    let until =
        |row: &sqlx::any::AnyRow| Ok(row.try_get::<i64, _>("at")?.saturating_add(limits.period));
    oldest.map(until).transpose()
}

/// Counts one.
pub(crate) async fn count(
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
