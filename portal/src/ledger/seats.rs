//! Seats: taken, freed and cooled in this one place, each by one conditional update over the
//! table's CHECK: fulfilled + cooling + given back ≤ quantity + excess.

use lm_protocol::{ActivationId, Evidence};
use serde::Serialize;
use sqlx::{AnyConnection, Row as _};

use super::activation::Activation;
use super::fulfillment::{self, Fulfillment, HolderRef, State};
use super::history::{self, Event};
use crate::error::{Result, damaged};
use crate::ports::{Random, new_id};

/// Takes seats of an Active ID that are available. `false`: there are not so many.
pub(super) async fn take(db: &mut AnyConnection, id: ActivationId, seats: i64) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE activation_ids SET fulfilled = fulfilled + $1
         WHERE activation_id = $2 AND status = 'active'
            AND fulfilled + cooling + $1 <= quantity",
    )
    .bind(seats)
    .bind(id.to_string())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts seats that a machine holds by a signed record, whether there are so many or not: what is
/// above the quantity is excess.
pub(super) async fn take_in(db: &mut AnyConnection, id: ActivationId, seats: i64) -> Result<()> {
    let done = sqlx::query(
        "UPDATE activation_ids SET fulfilled = fulfilled + $1,
            excess = CASE WHEN fulfilled + $1 + cooling + given_back > quantity + excess
                THEN fulfilled + $1 + cooling + given_back - quantity ELSE excess END
         WHERE activation_id = $2",
    )
    .bind(seats)
    .bind(id.to_string())
    .execute(db)
    .await?;
    one(done.rows_affected())
}

/// Gives seats that machines held back. What is freed lowers the excess first.
pub(crate) async fn free(db: &mut AnyConnection, id: ActivationId, seats: i64) -> Result<()> {
    let done = sqlx::query(
        "UPDATE activation_ids SET fulfilled = fulfilled - $1,
            excess = excess - CASE WHEN excess < $1 THEN excess ELSE $1 END
         WHERE activation_id = $2",
    )
    .bind(seats)
    .bind(id.to_string())
    .execute(db)
    .await?;
    one(done.rows_affected())
}

/// Takes seats from a fulfillment without the machine's word: they cool until `until`.
pub(crate) async fn cool(
    db: &mut AnyConnection,
    random: &dyn Random,
    from: &Fulfillment,
    seats: i64,
    until: i64,
) -> Result<()> {
    let id = from.activation_id;
    let done = sqlx::query(
        "UPDATE activation_ids SET fulfilled = fulfilled - $1, cooling = cooling + $1
         WHERE activation_id = $2",
    )
    .bind(seats)
    .bind(id.to_string())
    .execute(&mut *db)
    .await?;
    one(done.rows_affected())?;
    sqlx::query(
        "INSERT INTO cooling_seats
            (cooling_id, activation_id, fulfillment_id, seats, until, scope, user_hash, host)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new_id(random, "C")?)
    .bind(id.to_string())
    .bind(from.id.as_str())
    .bind(seats)
    .bind(until)
    .bind(from.holder.scope.as_str())
    .bind(from.holder.user.as_str())
    .bind(fulfillment::json(&from.host)?)
    .execute(db)
    .await?;
    Ok(())
}

/// Seats that cool for one holder: ID, seats, until when.
#[derive(Debug, Default)]
pub(super) struct OwnCooling(Vec<(String, i64, i64)>);

impl OwnCooling {
    pub(super) fn total(&self) -> i64 {
        self.0.iter().map(|(_, seats, _)| seats).sum()
    }
}

/// Seats that cool for this very holder, which may take them again at once.
pub(super) async fn own_cooling(
    db: &mut AnyConnection,
    id: ActivationId,
    holder: &HolderRef,
    host: &Evidence,
) -> Result<OwnCooling> {
    let rows = sqlx::query(
        "SELECT cooling_id, seats, until, host FROM cooling_seats
         WHERE activation_id = $1 AND scope = $2 AND user_hash = $3 ORDER BY until, cooling_id",
    )
    .bind(id.to_string())
    .bind(holder.scope.as_str())
    .bind(holder.user.as_str())
    .fetch_all(db)
    .await?;
    let mut own = OwnCooling::default();
    for row in rows {
        let known: Evidence = fulfillment::from_json(&row.try_get::<String, _>("host")?)?;
        if known.matches_strictly(host) {
            own.0.push((row.try_get("cooling_id")?, row.try_get("seats")?, row.try_get("until")?));
        }
    }
    Ok(own)
}

/// Moves seats that cool for their holder back to it. Until when the last of them would have cooled;
/// 0: none was taken. An older copy may work until then, whatever the new record says.
pub(super) async fn take_cooling(
    db: &mut AnyConnection,
    id: ActivationId,
    own: &OwnCooling,
    seats: i64,
) -> Result<i64> {
    let (mut left, mut until) = (seats, 0);
    for (cooling_id, here, cools_until) in &own.0 {
        let part = left.min(*here);
        if part > 0 {
            shrink(db, cooling_id, *here, part).await?;
            until = until.max(*cools_until);
        }
        left -= part;
    }
    if seats > 0 {
        let done = sqlx::query(
            "UPDATE activation_ids SET cooling = cooling - $1, fulfilled = fulfilled + $1
             WHERE activation_id = $2 AND status = 'active'",
        )
        .bind(seats)
        .bind(id.to_string())
        .execute(db)
        .await?;
        one(done.rows_affected())?;
    }
    Ok(until)
}

/// Seats that cool, as they are shown.
#[derive(Clone, Debug, Serialize)]
pub struct Cooling {
    /// How many.
    pub seats: i64,
    /// Until when, Unix seconds: free in the second after it, and for their holder at once.
    pub until: i64,
    /// The fulfillment that held them.
    pub fulfillment_id: String,
    /// The machine that they cool for.
    pub host_id: String,
    /// Its label; empty: none.
    pub host_label: String,
}

/// All that cool of an ID, the first to be free first.
pub(crate) async fn cooling(db: &mut AnyConnection, id: ActivationId) -> Result<Vec<Cooling>> {
    let rows = sqlx::query(
        "SELECT c.seats, c.until, f.fulfillment_id, f.host_id, f.host_label FROM cooling_seats c
         JOIN fulfillments f ON f.fulfillment_id = c.fulfillment_id
         WHERE c.activation_id = $1 ORDER BY c.until, c.cooling_id",
    )
    .bind(id.to_string())
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Cooling {
                seats: row.try_get("seats")?,
                until: row.try_get("until")?,
                fulfillment_id: row.try_get("fulfillment_id")?,
                host_id: row.try_get("host_id")?,
                host_label: row.try_get("host_label")?,
            })
        })
        .collect()
}

/// When the next seats have cooled; 0: none cool.
pub(super) async fn cools_at(db: &mut AnyConnection, id: ActivationId) -> Result<i64> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(MIN(until), 0) AS BIGINT) AS until FROM cooling_seats
         WHERE activation_id = $1",
    )
    .bind(id.to_string())
    .fetch_one(db)
    .await?;
    Ok(row.try_get("until")?)
}

async fn shrink(db: &mut AnyConnection, cooling_id: &str, seats: i64, part: i64) -> Result<()> {
    let query = if part == seats {
        sqlx::query("DELETE FROM cooling_seats WHERE cooling_id = $1").bind(cooling_id.to_owned())
    } else {
        sqlx::query("UPDATE cooling_seats SET seats = seats - $2 WHERE cooling_id = $1")
            .bind(cooling_id.to_owned())
            .bind(part)
    };
    query.execute(db).await?;
    Ok(())
}

/// Settles what time has done to an ID: seats that have cooled are free, and leases that are over
/// for good are reclaimed where policy says so. Every transaction about an ID begins with it.
pub async fn settle(db: &mut AnyConnection, activation: &Activation, now: i64) -> Result<()> {
    let id = activation.id;
    if activation.entitlement.terms.reclaim {
        reclaim(db, id, now).await?;
    }
    if activation.cooling == 0 {
        return Ok(());
    }
    let row = sqlx::query(
        "SELECT CAST(COALESCE(SUM(seats), 0) AS BIGINT) AS seats FROM cooling_seats
         WHERE activation_id = $1 AND until < $2",
    )
    .bind(id.to_string())
    .bind(now)
    .fetch_one(&mut *db)
    .await?;
    let seats: i64 = row.try_get("seats")?;
    if seats == 0 {
        return Ok(());
    }
    sqlx::query("DELETE FROM cooling_seats WHERE activation_id = $1 AND until < $2")
        .bind(id.to_string())
        .bind(now)
        .execute(&mut *db)
        .await?;
    let done = sqlx::query(
        "UPDATE activation_ids SET cooling = cooling - $1,
            excess = excess - CASE WHEN excess < $1 THEN excess ELSE $1 END
         WHERE activation_id = $2",
    )
    .bind(seats)
    .bind(id.to_string())
    .execute(&mut *db)
    .await?;
    one(done.rows_affected())?;
    if activation.active { Ok(()) } else { give_back(db, id).await }
}

async fn reclaim(db: &mut AnyConnection, id: ActivationId, now: i64) -> Result<()> {
    for over in fulfillment::live(db, id).await? {
        if over.reach.is_some_and(|reach| reach < now) {
            free(db, id, over.seats).await?;
            fulfillment::close(db, &over, State::Reclaimed, now).await?;
            let event = Event {
                at: now,
                actor: "portal",
                origin: "policy",
                action: "reclaim",
                activation_id: &id.to_string(),
                fulfillment_id: &over.id,
                host_id: &over.host_id,
                detail: serde_json::json!({ "seats": over.seats }),
                ..Event::default()
            };
            history::write(db, event).await?;
        }
    }
    Ok(())
}

/// Gives all that is left of an Inactive ID back to its entitlement.
pub(crate) async fn give_back(db: &mut AnyConnection, id: ActivationId) -> Result<()> {
    let row = sqlx::query(
        "SELECT entitlement_id, quantity + excess - fulfilled - cooling - given_back AS seats
         FROM activation_ids WHERE activation_id = $1",
    )
    .bind(id.to_string())
    .fetch_one(&mut *db)
    .await?;
    let (entitlement, seats): (String, i64) =
        (row.try_get("entitlement_id")?, row.try_get("seats")?);
    sqlx::query("UPDATE activation_ids SET given_back = given_back + $1 WHERE activation_id = $2")
        .bind(seats)
        .bind(id.to_string())
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE entitlements SET issued = issued - $1 WHERE entitlement_id = $2")
        .bind(seats)
        .bind(entitlement)
        .execute(db)
        .await?;
    Ok(())
}

fn one(rows: u64) -> Result<()> {
    if rows == 1 { Ok(()) } else { Err(damaged("an activation ID that was locked is gone")) }
}
