//! An activation ID and its entitlement, as the ledger's rules see them. Locking comes first: each
//! transaction about an ID raises its `turn` before it reads anything, and so has it alone at any
//! isolation level.

use lm_protocol::{ActivationId, Feature, Kind, Terms};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use crate::error::{Result, damaged};

/// An activation ID, locked by this transaction, with what its entitlement says today.
#[derive(Clone, Debug)]
pub struct Activation {
    /// The ID.
    pub id: ActivationId,
    /// NL or CC.
    pub kind: Kind,
    /// Active; else Inactive, for good.
    pub active: bool,
    /// Its seats, as generated.
    pub quantity: i64,
    /// Seats that machines hold.
    pub fulfilled: i64,
    /// Seats that were freed without the machine's word, until their time.
    pub cooling: i64,
    /// Seats that a retired ID gave back.
    pub given_back: i64,
    /// Seats above the quantity.
    pub excess: i64,
    /// Flagged rows of the history up to this one were acknowledged.
    pub acknowledged: i64,
    /// What was bought.
    pub entitlement: Entitlement,
}

/// What was bought.
#[derive(Clone, Debug)]
pub struct Entitlement {
    /// Its ID.
    pub id: String,
    /// Of which product.
    pub product: String,
    /// What may be used.
    pub features: Vec<Feature>,
    /// First second of the term.
    pub starts_at: i64,
    /// Last second of the term; 0: no end.
    pub expires_at: i64,
    /// The policy that travels in records.
    pub terms: Terms,
    /// Whether a refusal for want of seats says who holds them.
    pub tell_holders: bool,
    /// Who may re-host beside those who sign in.
    pub owner_release: OwnerRelease,
    /// How much may happen in a period.
    pub limits: Limits,
    /// Until when a record may work that was signed between a backup and its restore; 0: there was
    /// none; `None`: without bound.
    pub reach_floor: Option<i64>,
}

/// Who may re-host beside those who sign in to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnerRelease {
    /// Nobody.
    No,
    /// Whoever has a token for it.
    Token,
    /// Whoever has the activation ID, within the limit of re-hosts.
    Id,
}

impl OwnerRelease {
    /// Its text in the database, in JSON and on the command line.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Token => "token",
            Self::Id => "id",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        [Self::No, Self::Token, Self::Id]
            .into_iter()
            .find(|known| known.text() == text)
            .ok_or_else(|| damaged("entitlements.owner_release"))
    }
}

/// How much may happen to one activation ID in a period; `None`: no limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Client returns.
    pub returns: Option<i64>,
    /// Re-hosts.
    pub rehosts: Option<i64>,
    /// Repairs: re-attaches that are not free.
    pub repairs: Option<i64>,
    /// The period, in seconds.
    pub period: i64,
}

impl Activation {
    /// Seats that can be taken. An Inactive ID has none.
    #[must_use]
    pub const fn available(&self) -> i64 {
        let left = self.quantity + self.excess - self.fulfilled - self.cooling - self.given_back;
        if self.active { left } else { 0 }
    }
}

const SELECT: &str = "SELECT a.activation_id, a.kind, a.status, a.quantity, a.fulfilled, a.cooling,
        a.given_back, a.excess, a.acknowledged, e.entitlement_id, e.product, e.features, e.starts_at, e.expires_at,
        e.lease, e.grace, e.clock_tolerance, e.strict, e.reclaim, e.virtual_machines, e.containers,
        e.offline, e.tell_holders, e.return_limit, e.rehost_limit, e.repair_limit, e.limit_period,
        e.owner_release, e.reach_floor
     FROM activation_ids a JOIN entitlements e ON e.entitlement_id = a.entitlement_id
     WHERE a.activation_id = $1";

/// Locks an activation ID for this transaction. `None`: there is no such ID.
pub async fn lock(db: &mut AnyConnection, id: ActivationId) -> Result<Option<Activation>> {
    sqlx::query("UPDATE activation_ids SET turn = turn + 1 WHERE activation_id = $1")
        .bind(id.to_string())
        .execute(&mut *db)
        .await?;
    read(db, id).await
}

/// Reads an activation ID, which this transaction has locked before or doesn't write.
pub async fn read(db: &mut AnyConnection, id: ActivationId) -> Result<Option<Activation>> {
    let row = sqlx::query(SELECT).bind(id.to_string()).fetch_optional(db).await?;
    row.as_ref().map(activation).transpose()
}

fn activation(row: &AnyRow) -> Result<Activation> {
    let id: String = row.try_get("activation_id")?;
    Ok(Activation {
        id: id.parse().map_err(|_| damaged("activation_ids.activation_id"))?,
        kind: kind_of(&row.try_get::<String, _>("kind")?)?,
        active: row.try_get::<String, _>("status")? == "active",
        quantity: row.try_get("quantity")?,
        fulfilled: row.try_get("fulfilled")?,
        cooling: row.try_get("cooling")?,
        given_back: row.try_get("given_back")?,
        excess: row.try_get("excess")?,
        acknowledged: row.try_get("acknowledged")?,
        entitlement: entitlement(row)?,
    })
}

fn entitlement(row: &AnyRow) -> Result<Entitlement> {
    let features: String = row.try_get("features")?;
    Ok(Entitlement {
        id: row.try_get("entitlement_id")?,
        product: row.try_get("product")?,
        features: serde_json::from_str(&features).map_err(|_| damaged("entitlements.features"))?,
        starts_at: row.try_get("starts_at")?,
        expires_at: row.try_get("expires_at")?,
        terms: terms(row)?,
        tell_holders: flag(row, "tell_holders")?,
        owner_release: OwnerRelease::parse(&row.try_get::<String, _>("owner_release")?)?,
        limits: Limits {
            returns: row.try_get("return_limit")?,
            rehosts: row.try_get("rehost_limit")?,
            repairs: row.try_get("repair_limit")?,
            period: row.try_get("limit_period")?,
        },
        reach_floor: row.try_get("reach_floor")?,
    })
}

fn terms(row: &AnyRow) -> Result<Terms> {
    Ok(Terms {
        lease: row.try_get("lease")?,
        grace: row.try_get("grace")?,
        clock_tolerance: row.try_get("clock_tolerance")?,
        strict: flag(row, "strict")?,
        reclaim: flag(row, "reclaim")?,
        virtual_machines: flag(row, "virtual_machines")?,
        containers: flag(row, "containers")?,
        offline: flag(row, "offline")?,
    })
}

fn flag(row: &AnyRow, column: &str) -> Result<bool> {
    Ok(row.try_get::<i64, _>(column)? != 0)
}

/// The text of a kind in the database and in JSON.
#[must_use]
pub const fn kind_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Nl => "nl",
        Kind::Cc => "cc",
    }
}

pub(crate) fn kind_of(text: &str) -> Result<Kind> {
    match text {
        "nl" => Ok(Kind::Nl),
        "cc" => Ok(Kind::Cc),
        _ => Err(damaged("activation_ids.kind")),
    }
}
