//! Flags: what was refused or done to an activation ID that a person should look at. They are the
//! flagged rows of its history, until an administrator has acknowledged them.

use lm_protocol::ActivationId;
use serde::Serialize;
use serde_json::json;
use sqlx::{AnyConnection, Row as _};

use super::{About, Act};
use crate::error::{Error, Result};
use crate::ledger::activation::Activation;

/// One reason, however often it was met.
#[derive(Clone, Debug, Serialize)]
pub struct FlagView {
    /// The history's word for it: `clone or restored copy`.
    pub reason: String,
    /// How often.
    pub count: i64,
    /// When first, Unix seconds.
    pub first: i64,
    /// When last, Unix seconds.
    pub last: i64,
    /// The last one's row of the history.
    pub seq: i64,
}

/// The flags of an activation ID that nobody has acknowledged, the newest first.
pub(crate) async fn of(db: &mut AnyConnection, activation: &Activation) -> Result<Vec<FlagView>> {
    let rows = sqlx::query(
        "SELECT action, COUNT(*) AS count, MIN(at) AS first, MAX(at) AS last, MAX(seq) AS seq
         FROM history WHERE activation_id = $1 AND flagged = 1 AND seq > $2
         GROUP BY action ORDER BY MAX(seq) DESC",
    )
    .bind(activation.id.to_string())
    .bind(activation.acknowledged)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(FlagView {
                reason: row.try_get("action")?,
                count: row.try_get("count")?,
                first: row.try_get("first")?,
                last: row.try_get("last")?,
                seq: row.try_get("seq")?,
            })
        })
        .collect()
}

/// Acknowledges the flags of an activation ID, up to a row of the history that was seen; `None`:
/// all that there are.
pub async fn acknowledge(act: &mut Act<'_>, id: ActivationId, seen: Option<i64>) -> Result<()> {
    let activation = act.lock(id).await?;
    let flags = of(act.db, &activation).await?;
    let Some(newest) = flags.iter().map(|flag| flag.seq).max() else {
        return Err(Error::Refused(format!("{id} has no flag")));
    };
    // What came after it was looked at is still a flag.
    let up_to = seen.map_or(newest, |seen| seen.min(newest));
    sqlx::query(
        "UPDATE activation_ids SET acknowledged = $1 WHERE activation_id = $2 AND acknowledged < $1",
    )
    .bind(up_to)
    .bind(id.to_string())
    .execute(&mut *act.db)
    .await?;
    let about = About {
        activation_id: Some(id),
        entitlement_id: &activation.entitlement.id,
        ..About::default()
    };
    let reasons: Vec<_> = flags.into_iter().map(|flag| flag.reason).collect();
    act.tell("acknowledge", about, json!({ "flags": reasons, "up_to": up_to })).await
}
