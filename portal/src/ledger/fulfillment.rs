//! Fulfillments: the rights issued to one machine for one activation ID.

use lm_protocol::{ActivationId, Evidence, Holder, Id, ObsoleteReason, PublicKey, Request, Scope};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use crate::error::{Result, damaged};

/// A fulfillment.
#[derive(Clone, Debug)]
pub struct Fulfillment {
    /// Its ID.
    pub id: String,
    /// Of which activation ID.
    pub activation_id: ActivationId,
    /// Whether it stands.
    pub state: State,
    /// How often it was written anew.
    pub generation: i64,
    /// Seats of this machine.
    pub seats: i64,
    /// Whose store.
    pub holder: HolderRef,
    /// The host, as of this generation.
    pub host: Evidence,
    /// The host's ID.
    pub host_id: String,
    /// Shown beside it; empty: none.
    pub host_label: String,
    /// The key that signs requests about it.
    pub device_key: PublicKey,
    /// The operation that made this generation.
    pub op: Id,
    /// Until when rights hold without contact; 0: no lease.
    pub lease_until: i64,
    /// Until when a copy may work that the portal can't reach; `None`: without bound.
    pub reach: Option<i64>,
    /// Until when seats would have cooled that it took again before; 0: none. Never later than its
    /// reach.
    pub owed: i64,
    /// When it was first issued.
    pub activated_at: i64,
    /// When the machine was last heard of.
    pub last_contact: i64,
}

/// Whether a fulfillment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Live,
    /// The machine gave it back.
    Returned,
    /// The portal's Return retired its activation ID.
    Retired,
    /// The portal re-hosted it.
    Rehosted,
    /// Its lease was over and policy reclaimed it.
    Reclaimed,
}

impl State {
    const ALL: [Self; 5] =
        [Self::Live, Self::Returned, Self::Retired, Self::Rehosted, Self::Reclaimed];

    /// Its text in the database.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Returned => "returned",
            Self::Retired => "retired",
            Self::Rehosted => "rehosted",
            Self::Reclaimed => "reclaimed",
        }
    }

    /// Why a fulfillment is gone; `None`: it stands.
    #[must_use]
    pub const fn gone(self) -> Option<ObsoleteReason> {
        match self {
            Self::Live => None,
            Self::Returned => Some(ObsoleteReason::Returned),
            Self::Retired => Some(ObsoleteReason::Retired),
            Self::Rehosted => Some(ObsoleteReason::Rehosted),
            Self::Reclaimed => Some(ObsoleteReason::Reclaimed),
        }
    }
}

/// A holder without its host, whose identity is evidence and is judged, not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderRef {
    /// `user` or `machine`.
    pub scope: String,
    /// The user's salted hash; empty in machine scope.
    pub user: String,
}

impl HolderRef {
    /// Who asks.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        Self::of_holder(&request.holder)
    }

    /// As a message names it.
    #[must_use]
    pub fn of_holder(holder: &Holder) -> Self {
        Self {
            scope: match holder.scope {
                Scope::User => "user",
                Scope::Machine => "machine",
            }
            .to_owned(),
            user: holder.user.map(|user| user.to_string()).unwrap_or_default(),
        }
    }
}

/// One fulfillment, whatever its state.
pub async fn find(db: &mut AnyConnection, id: &str) -> Result<Option<Fulfillment>> {
    let row = sqlx::query("SELECT * FROM fulfillments WHERE fulfillment_id = $1")
        .bind(id.to_owned())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(row_of).transpose()
}

/// All that stand of an activation ID, the one heard of last first.
pub async fn live(db: &mut AnyConnection, id: ActivationId) -> Result<Vec<Fulfillment>> {
    let rows = sqlx::query(
        "SELECT * FROM fulfillments WHERE activation_id = $1 AND state = 'live'
         ORDER BY last_contact DESC, fulfillment_id",
    )
    .bind(id.to_string())
    .fetch_all(db)
    .await?;
    rows.iter().map(row_of).collect()
}

/// Whether a machine with this device key holds something of an activation ID.
pub(super) async fn is_held_by(
    db: &mut AnyConnection,
    id: ActivationId,
    key: PublicKey,
) -> Result<bool> {
    let row = sqlx::query(
        "SELECT fulfillment_id FROM fulfillments
         WHERE activation_id = $1 AND state = 'live' AND device_key = $2",
    )
    .bind(id.to_string())
    .bind(key.to_string())
    .fetch_optional(db)
    .await?;
    Ok(row.is_some())
}

/// Ends a fulfillment. Its seats are moved by the caller, in the same transaction.
pub(crate) async fn close(
    db: &mut AnyConnection,
    fulfillment: &Fulfillment,
    state: State,
    now: i64,
) -> Result<()> {
    let done = sqlx::query(
        "UPDATE fulfillments SET state = $1, closed_at = $2
         WHERE fulfillment_id = $3 AND state = 'live'",
    )
    .bind(state.text())
    .bind(now)
    .bind(fulfillment.id.as_str())
    .execute(db)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(damaged("a fulfillment ended twice")) }
}

/// Notes that the machine was heard of.
pub(super) async fn contact(db: &mut AnyConnection, id: &str, now: i64) -> Result<()> {
    sqlx::query("UPDATE fulfillments SET last_contact = $1 WHERE fulfillment_id = $2")
        .bind(now)
        .bind(id.to_owned())
        .execute(db)
        .await?;
    Ok(())
}

/// Whether a re-attach replaced this key for good.
pub(super) async fn is_replaced(db: &mut AnyConnection, id: &str, key: PublicKey) -> Result<bool> {
    let row = sqlx::query(
        "SELECT device_key FROM replaced_keys WHERE fulfillment_id = $1 AND device_key = $2",
    )
    .bind(id.to_owned())
    .bind(key.to_string())
    .fetch_optional(db)
    .await?;
    Ok(row.is_some())
}

/// Replaces a device key for good.
pub(super) async fn replace_key(
    db: &mut AnyConnection,
    fulfillment: &Fulfillment,
    now: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO replaced_keys (fulfillment_id, device_key, replaced_at) VALUES ($1, $2, $3)
         ON CONFLICT (fulfillment_id, device_key) DO NOTHING",
    )
    .bind(fulfillment.id.as_str())
    .bind(fulfillment.device_key.to_string())
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

fn row_of(row: &AnyRow) -> Result<Fulfillment> {
    let state: String = row.try_get("state")?;
    let activation_id: String = row.try_get("activation_id")?;
    let (key, op): (String, String) = (row.try_get("device_key")?, row.try_get("op")?);
    Ok(Fulfillment {
        id: row.try_get("fulfillment_id")?,
        activation_id: activation_id.parse().map_err(|_| damaged("fulfillments.activation_id"))?,
        state: State::ALL
            .into_iter()
            .find(|known| known.text() == state)
            .ok_or_else(|| damaged("fulfillments.state"))?,
        generation: row.try_get("generation")?,
        seats: row.try_get("seats")?,
        holder: HolderRef { scope: row.try_get("scope")?, user: row.try_get("user_hash")? },
        host: from_json(&row.try_get::<String, _>("host")?)?,
        host_id: row.try_get("host_id")?,
        host_label: row.try_get("host_label")?,
        device_key: PublicKey(key.parse().map_err(|_| damaged("fulfillments.device_key"))?),
        op: op.parse().map_err(|_| damaged("fulfillments.op"))?,
        lease_until: row.try_get("lease_until")?,
        reach: row.try_get("reach")?,
        owed: row.try_get("owed")?,
        activated_at: row.try_get("activated_at")?,
        last_contact: row.try_get("last_contact")?,
    })
}

pub(crate) fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|_| damaged("a value that has no JSON"))
}

pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| damaged("JSON"))
}
