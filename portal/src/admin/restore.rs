//! A database that was put back from a backup is taken into use: a new epoch, each reach raised to
//! what may have been signed since, nobody signed in.

use lm_protocol::Terms;
use serde::Serialize;
use serde_json::json;
use sqlx::Row as _;

use super::{About, Act};
use crate::error::Result;
use crate::ledger::history::{self, HistoryRow};
use crate::ledger::identity;

/// What became of it, and what a person must do again.
#[derive(Clone, Debug, Serialize)]
pub struct Restored {
    /// The new epoch.
    pub epoch: i64,
    /// As of when the books are.
    pub backup_at: i64,
    /// Machines that the books know.
    pub machines: i64,
    /// What was done since the backup and is to be repeated, where the database that was replaced
    /// still told it; `None`: it is not known.
    pub forgotten: Option<Vec<HistoryRow>>,
}

/// Takes it into use, in a transaction of the caller's. `last`: the latest epoch that is known beside
/// the books' own; `longest`: seconds of the longest lease, with its grace, that was sold since the
/// backup.
pub async fn into_use(act: &mut Act<'_>, last: i64, longest: i64) -> Result<Restored> {
    let row = sqlx::query(
        "SELECT p.epoch, p.backup_at, COALESCE((SELECT MAX(h.at) FROM history h), p.created_at) AS at
         FROM portal p",
    )
    .fetch_one(&mut *act.db)
    .await?;
    let (known, kept, last_row): (i64, i64, i64) =
        (row.try_get("epoch")?, row.try_get("backup_at")?, row.try_get("at")?);
    let backup_at = if kept == 0 { last_row } else { kept };
    // The time, so that another backup of the same day doesn't make the same epoch again.
    let epoch = act.now.max(known.max(last).saturating_add(1));
    sqlx::query("UPDATE portal SET epoch = $1, backup_at = 0")
        .bind(epoch)
        .execute(&mut *act.db)
        .await?;
    for table in ["DELETE FROM sessions", "DELETE FROM throttle"] {
        sqlx::query(table).execute(&mut *act.db).await?;
    }
    let machines = raise_reach(act, longest).await?;
    let detail = json!({ "epoch": epoch, "before": known, "machines": machines });
    act.tell("restore", About::default(), detail).await?;
    Ok(Restored { epoch, backup_at, machines, forgotten: None })
}

/// Each machine may have been given a lease until this very second.
async fn raise_reach(act: &mut Act<'_>, longest: i64) -> Result<i64> {
    let entitlements = sqlx::query(
        "SELECT entitlement_id, lease, grace, clock_tolerance, expires_at FROM entitlements",
    )
    .fetch_all(&mut *act.db)
    .await?;
    let mut machines = 0;
    for row in entitlements {
        let terms = Terms {
            lease: row.try_get("lease")?,
            grace: row.try_get("grace")?,
            clock_tolerance: row.try_get("clock_tolerance")?,
            ..Terms::default()
        };
        let reach = floor(act.now, &terms, row.try_get("expires_at")?, longest);
        let entitlement: String = row.try_get("entitlement_id")?;
        let raised = sqlx::query(
            "UPDATE fulfillments SET reach = CASE WHEN $1 IS NULL THEN NULL
                WHEN reach < $1 THEN $1 ELSE reach END
             WHERE state = 'live' AND activation_id IN
                (SELECT activation_id FROM activation_ids WHERE entitlement_id = $2)",
        )
        .bind(reach)
        .bind(entitlement.as_str())
        .execute(&mut *act.db)
        .await?;
        machines += i64::try_from(raised.rows_affected()).unwrap_or(i64::MAX);
        sqlx::query("UPDATE entitlements SET reach_floor = $1 WHERE entitlement_id = $2")
            .bind(reach)
            .bind(entitlement)
            .execute(&mut *act.db)
            .await?;
    }
    Ok(machines)
}

/// Until when a record may work that was signed now at the latest. `None`: without bound.
fn floor(now: i64, terms: &Terms, expires_at: i64, longest: i64) -> Option<i64> {
    let end = if expires_at == 0 { i64::MAX } else { expires_at };
    let until = if terms.lease == 0 {
        end
    } else {
        now.saturating_add(terms.lease.saturating_add(terms.grace).max(longest)).min(end)
    };
    (until != i64::MAX).then(|| until.saturating_add(terms.clock_tolerance))
}

/// What people and returning machines did after row `seq`, where the row with that number is the one
/// with this hash: else it is the history of another life.
pub(crate) async fn done_since(
    act: &mut Act<'_>,
    seq: i64,
    hash: &str,
) -> Result<Option<Vec<HistoryRow>>> {
    let continues = seq == 0
        || sqlx::query("SELECT seq FROM history WHERE seq = $1 AND hash = $2")
            .bind(seq)
            .bind(hash.to_owned())
            .fetch_optional(&mut *act.db)
            .await?
            .is_some();
    if !continues {
        return Ok(None);
    }
    let mut rows = history::after(act.db, seq).await?;
    rows.retain(|row| {
        row.origin != "protocol" || matches!(row.action.as_str(), "return" | "abandon")
    });
    Ok(Some(rows))
}

/// The epoch of the books as they are; 0: there are none.
pub async fn epoch(act: &mut Act<'_>) -> Result<i64> {
    if !identity::exists(act.db).await? {
        return Ok(0);
    }
    Ok(sqlx::query("SELECT epoch FROM portal").fetch_one(&mut *act.db).await?.try_get("epoch")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_what_may_have_been_signed_until_now() {
        let terms = Terms { lease: 70, grace: 30, clock_tolerance: 10, ..Terms::default() };
        assert_eq!(floor(1000, &terms, 0, 0), Some(1110));
        assert_eq!(floor(1000, &terms, 1050, 0), Some(1060), "within the term");
        assert_eq!(floor(1000, &terms, 0, 500), Some(1510), "a longer lease, sold since");
        let endless = Terms { lease: 0, ..terms };
        assert_eq!(floor(1000, &endless, 0, 0), None);
        assert_eq!(floor(1000, &endless, 5000, 0), Some(5010));
    }
}
