//! Who did what, when, from where. Rows are chained by their hashes: a row that is changed or taken
//! out later breaks the chain from there on.

use lm_protocol::encoding::to_hex;
use serde::Serialize;
use serde_json::Value;
use sqlx::{AnyConnection, Row as _};

use crate::error::{Result, damaged};

/// What is to be written.
#[derive(Clone, Debug, Default)]
pub struct Event<'a> {
    /// Unix seconds.
    pub at: i64,
    /// A machine's host ID, a user's name, or the operating system's user.
    pub actor: &'a str,
    /// From where: `protocol`, `page`, `command line`, `library`.
    pub origin: &'a str,
    /// What was done.
    pub action: &'a str,
    /// Of which activation ID; empty: none.
    pub activation_id: &'a str,
    /// Of which entitlement; empty: none.
    pub entitlement_id: &'a str,
    /// Of which fulfillment; empty: none.
    pub fulfillment_id: &'a str,
    /// On which host; empty: none.
    pub host_id: &'a str,
    /// A person should look at it: a clone, a restored copy, a repair.
    pub flagged: bool,
    /// What else there is to say.
    pub detail: Value,
}

/// A row as it is read.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryRow {
    /// Rises by one.
    pub seq: i64,
    /// Unix seconds.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// From where.
    pub origin: String,
    /// What was done.
    pub action: String,
    /// Of which activation ID; empty: none.
    pub activation_id: String,
    /// Of which entitlement; empty: none.
    pub entitlement_id: String,
    /// Of which fulfillment; empty: none.
    pub fulfillment_id: String,
    /// On which host; empty: none.
    pub host_id: String,
    /// A person should look at it.
    pub flagged: bool,
    /// What else there is to say.
    pub detail: Value,
    /// Covers this row and the hash before it.
    pub hash: String,
}

/// Writes a row. It is the last thing a transaction does: the chain's head is one for all.
pub async fn write(db: &mut AnyConnection, event: Event<'_>) -> Result<()> {
    sqlx::query("UPDATE history_head SET seq = seq + 1 WHERE id = 1").execute(&mut *db).await?;
    let head =
        sqlx::query("SELECT seq, hash FROM history_head WHERE id = 1").fetch_one(&mut *db).await?;
    let mut row = HistoryRow {
        seq: head.try_get("seq")?,
        at: event.at,
        actor: event.actor.to_owned(),
        origin: event.origin.to_owned(),
        action: event.action.to_owned(),
        activation_id: event.activation_id.to_owned(),
        entitlement_id: event.entitlement_id.to_owned(),
        fulfillment_id: event.fulfillment_id.to_owned(),
        host_id: event.host_id.to_owned(),
        flagged: event.flagged,
        detail: event.detail,
        hash: String::new(),
    };
    row.hash = chained(&head.try_get::<String, _>("hash")?, &row);
    insert(db, &row).await?;
    sqlx::query("UPDATE history_head SET hash = $1 WHERE id = 1")
        .bind(row.hash.as_str())
        .execute(&mut *db)
        .await?;
    Ok(())
}

async fn insert(db: &mut AnyConnection, row: &HistoryRow) -> Result<()> {
    sqlx::query(
        "INSERT INTO history (seq, at, actor, origin, action, activation_id, entitlement_id,
            fulfillment_id, host_id, flagged, detail, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(row.seq)
    .bind(row.at)
    .bind(row.actor.as_str())
    .bind(row.origin.as_str())
    .bind(row.action.as_str())
    .bind(row.activation_id.as_str())
    .bind(row.entitlement_id.as_str())
    .bind(row.fulfillment_id.as_str())
    .bind(row.host_id.as_str())
    .bind(i64::from(row.flagged))
    .bind(row.detail.to_string())
    .bind(row.hash.as_str())
    .execute(db)
    .await?;
    Ok(())
}

/// The hash of a row: SHA-256 over the hash before it and the row's fields as one JSON array.
fn chained(before: &str, row: &HistoryRow) -> String {
    let text = serde_json::json!([
        before,
        row.seq,
        row.at,
        row.actor,
        row.origin,
        row.action,
        row.activation_id,
        row.entitlement_id,
        row.fulfillment_id,
        row.host_id,
        row.flagged,
        row.detail,
    ])
    .to_string();
    to_hex(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref())
}

/// The newest rows first: of one activation ID, or of all where it is empty; those before `before`
/// where it isn't 0.
pub async fn read(
    db: &mut AnyConnection,
    activation_id: &str,
    before: i64,
    limit: i64,
) -> Result<Vec<HistoryRow>> {
    let rows = sqlx::query(
        "SELECT * FROM history
         WHERE ($1 = '' OR activation_id = $1) AND ($2 = 0 OR seq < $2)
         ORDER BY seq DESC LIMIT $3",
    )
    .bind(activation_id)
    .bind(before)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.iter().map(row_of).collect()
}

/// All rows after row `seq`, the oldest first.
pub(crate) async fn after(db: &mut AnyConnection, seq: i64) -> Result<Vec<HistoryRow>> {
    let rows = sqlx::query("SELECT * FROM history WHERE seq > $1 ORDER BY seq")
        .bind(seq)
        .fetch_all(db)
        .await?;
    rows.iter().map(row_of).collect()
}

/// The first row that doesn't continue the chain, where there is one.
pub async fn first_break(db: &mut AnyConnection) -> Result<Option<i64>> {
    let mut before = String::new();
    let mut last = 0;
    loop {
        let rows = sqlx::query("SELECT * FROM history WHERE seq > $1 ORDER BY seq LIMIT 500")
            .bind(last)
            .fetch_all(&mut *db)
            .await?;
        for row in &rows {
            let row = row_of(row)?;
            if row.seq != last + 1 || row.hash != chained(&before, &row) {
                return Ok(Some(row.seq));
            }
            (last, before) = (row.seq, row.hash);
        }
        if rows.is_empty() {
            break;
        }
    }
    let head = sqlx::query("SELECT seq, hash FROM history_head WHERE id = 1").fetch_one(db).await?;
    let same =
        head.try_get::<i64, _>("seq")? == last && head.try_get::<String, _>("hash")? == before;
    Ok(if same { None } else { Some(last + 1) })
}

fn row_of(row: &sqlx::any::AnyRow) -> Result<HistoryRow> {
    let detail: String = row.try_get("detail")?;
    Ok(HistoryRow {
        seq: row.try_get("seq")?,
        at: row.try_get("at")?,
        actor: row.try_get("actor")?,
        origin: row.try_get("origin")?,
        action: row.try_get("action")?,
        activation_id: row.try_get("activation_id")?,
        entitlement_id: row.try_get("entitlement_id")?,
        fulfillment_id: row.try_get("fulfillment_id")?,
        host_id: row.try_get("host_id")?,
        flagged: row.try_get::<i64, _>("flagged")? != 0,
        detail: serde_json::from_str(&detail).map_err(|_| damaged("history.detail"))?,
        hash: row.try_get("hash")?,
    })
}
