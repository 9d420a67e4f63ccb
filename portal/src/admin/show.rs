//! Activation IDs as they are shown: seats, machines, leases and reach.

use lm_protocol::ActivationId;
use serde::Serialize;
use sqlx::{AnyConnection, Row as _};

use super::allow::{self, LimitView};
use super::flags::{self, FlagView};
use super::{Act, unknown};
use crate::error::{Error, Result, damaged};
use crate::ledger::activation::{self, Activation, kind_text};
use crate::ledger::fulfillment::{self, Fulfillment};
use crate::ledger::seats::{self, Cooling};

/// An activation ID: seats with fulfilled + cooling + available = seats + excess while Active.
#[derive(Clone, Debug, Serialize)]
pub struct ActivationView {
    /// The code that is activated.
    pub activation_id: String,
    /// `nl` or `cc`.
    pub kind: &'static str,
    /// `active` or `inactive`.
    pub status: &'static str,
    /// Its seats, as generated.
    pub seats: i64,
    /// Seats that machines hold.
    pub fulfilled: i64,
    /// Seats that become free when the old machine's reach is over.
    pub cooling: i64,
    /// Seats that can be activated; of an Inactive ID none.
    pub available: i64,
    /// Seats above the quantity, after a restored backup.
    pub excess: i64,
    /// Of which entitlement.
    pub entitlement_id: String,
    /// Of which product.
    pub product: String,
    /// The machines that hold it.
    pub fulfillments: Vec<FulfillmentView>,
    /// Seats that cool, the first to be free first.
    pub cools: Vec<Cooling>,
    /// What a person should look at, the newest first, until it is acknowledged.
    pub flags: Vec<FlagView>,
    /// Limits as they stand; what has none isn't there.
    pub limits: Vec<LimitView>,
}

/// One machine's fulfillment. Times are Unix seconds.
#[derive(Clone, Debug, Serialize)]
pub struct FulfillmentView {
    /// Its ID.
    pub fulfillment_id: String,
    /// The machine.
    pub host_id: String,
    /// Its label; empty: none.
    pub host_label: String,
    /// Seats of this machine.
    pub seats: i64,
    /// How often the record was written anew.
    pub generation: i64,
    /// Until when rights hold without contact; 0: no lease.
    pub lease_until: i64,
    /// When the machine was last heard of.
    pub last_contact: i64,
    /// When it was first activated.
    pub activated_at: i64,
    /// Until when the machine may work if the portal can't reach it; none: unbounded.
    pub reach: Option<i64>,
}

impl FulfillmentView {
    pub(crate) fn of(held: Fulfillment) -> Self {
        Self {
            fulfillment_id: held.id,
            host_id: held.host_id,
            host_label: held.host_label,
            seats: held.seats,
            generation: held.generation,
            lease_until: held.lease_until,
            last_contact: held.last_contact,
            activated_at: held.activated_at,
            reach: held.reach,
        }
    }

    /// The machine as people read it.
    #[must_use]
    pub fn host(&self) -> String {
        machine(&self.host_id, &self.host_label)
    }
}

/// A machine as people read it.
pub(crate) fn machine(host_id: &str, label: &str) -> String {
    if label.is_empty() { host_id.to_owned() } else { format!("{label} ({host_id})") }
}

impl ActivationView {
    async fn of(db: &mut AnyConnection, activation: &Activation, now: i64) -> Result<Self> {
        let fulfillments = fulfillment::live(db, activation.id).await?;
        let cools = if activation.cooling == 0 {
            Vec::new()
        } else {
            seats::cooling(db, activation.id).await?
        };
        Ok(Self {
            activation_id: activation.id.to_string(),
            kind: kind_text(activation.kind),
            status: if activation.active { "active" } else { "inactive" },
            seats: activation.quantity,
            fulfilled: activation.fulfilled,
            cooling: activation.cooling,
            available: activation.available(),
            excess: activation.excess,
            entitlement_id: activation.entitlement.id.clone(),
            product: activation.entitlement.product.clone(),
            fulfillments: fulfillments.into_iter().map(FulfillmentView::of).collect(),
            cools,
            flags: flags::of(db, activation).await?,
            limits: allow::limits(db, activation, now).await?,
        })
    }

    /// Until when its seats cool, in words; empty: none do.
    #[must_use]
    pub fn cools_until(&self) -> String {
        match self.cools.as_slice() {
            [] => String::new(),
            [first, rest @ ..] => {
                let more = rest.iter().any(|other| other.until != first.until);
                let next = if more { "the first " } else { "" };
                format!("{next}until {}", crate::dates::date_time(first.until))
            }
        }
    }

    /// The newest row of its history that is flagged; 0: none that isn't acknowledged.
    #[must_use]
    pub fn flagged_up_to(&self) -> i64 {
        self.flags.iter().map(|flag| flag.seq).max().unwrap_or(0)
    }

    /// The length of its bar: all its seats, and never nothing.
    #[must_use]
    pub fn bar_length(&self) -> i64 {
        (self.seats + self.excess).max(1)
    }

    /// Whether the portal's Return is possible, by kind.
    #[must_use]
    pub fn is_cc(&self) -> bool {
        self.kind == "cc"
    }

    /// Whether it can be activated.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == "active"
    }
}

/// One activation ID, settled as of now.
pub async fn show(act: &mut Act<'_>, id: ActivationId) -> Result<ActivationView> {
    let activation = act.lock(id).await?;
    ActivationView::of(act.db, &activation, act.now).await
}

/// Which activation IDs a list holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    /// Inactive ones too.
    pub all: bool,
    /// Only of this entitlement; empty: of all.
    pub entitlement_id: &'a str,
    /// Only those whose ID or a holder's host ID or label contains this, of at most 128
    /// characters; empty: all.
    pub search: &'a str,
    /// How many to pass over.
    pub offset: i64,
    /// How many at most.
    pub limit: i64,
}

/// Activation IDs, the newest first, as of now.
pub async fn list(act: &mut Act<'_>, page: Page<'_>) -> Result<Vec<ActivationView>> {
    let search = pattern(page.search)?;
    settle_due(act.db, act.now).await?;
    let rows = sqlx::query(
        "SELECT activation_id FROM activation_ids
         WHERE ($1 = 1 OR status = 'active') AND ($2 = '' OR entitlement_id = $2)
            AND ($3 = '' OR activation_id LIKE $3 OR EXISTS (SELECT 1 FROM fulfillments f
                WHERE f.activation_id = activation_ids.activation_id AND f.state = 'live'
                    AND (LOWER(f.host_id) LIKE LOWER($3) OR LOWER(f.host_label) LIKE LOWER($3))))
         ORDER BY created_at DESC, activation_id LIMIT $4 OFFSET $5",
    )
    .bind(i64::from(page.all))
    .bind(page.entitlement_id.to_owned())
    .bind(search)
    .bind(page.limit)
    .bind(page.offset)
    .fetch_all(&mut *act.db)
    .await?;
    let mut views = Vec::new();
    for row in rows {
        let id = id_of(&row.try_get::<String, _>("activation_id")?)?;
        let activation = activation::read(act.db, id).await?.ok_or_else(|| unknown(id))?;
        views.push(ActivationView::of(act.db, &activation, act.now).await?);
    }
    Ok(views)
}

/// Settles every ID for which something is due.
async fn settle_due(db: &mut AnyConnection, now: i64) -> Result<()> {
    let due = sqlx::query(
        "SELECT activation_id FROM cooling_seats WHERE until < $1
         UNION SELECT f.activation_id FROM fulfillments f
            JOIN activation_ids a ON a.activation_id = f.activation_id
            JOIN entitlements e ON e.entitlement_id = a.entitlement_id
            WHERE f.state = 'live' AND e.reclaim = 1 AND f.reach < $1
         ORDER BY activation_id",
    )
    .bind(now)
    .fetch_all(&mut *db)
    .await?;
    for row in due {
        let id = id_of(&row.try_get::<String, _>("activation_id")?)?;
        if let Some(activation) = activation::lock(db, id).await? {
            seats::settle(db, &activation, now).await?;
        }
    }
    Ok(())
}

/// A search as a LIKE pattern; what LIKE reads as a sign becomes any character.
fn pattern(search: &str) -> Result<String> {
    /// Longer than any ID or label, and far below what a database takes as a pattern.
    const LONGEST: usize = 128;
    let search = search.trim();
    if search.is_empty() {
        return Ok(String::new());
    }
    if search.chars().count() > LONGEST {
        return Err(Error::Invalid(format!("a search has at most {LONGEST} characters")));
    }
    Ok(format!("%{}%", search.replace(['%', '_', '\\'], "_").to_uppercase()))
}

fn id_of(text: &str) -> Result<ActivationId> {
    text.parse().map_err(|_| damaged("activation_ids.activation_id"))
}
