//! The ledger: fulfilled + cooling + available = quantity + excess, each column the sum of what it
//! stands for, and an entitlement's issued seats those of its activation IDs.

use std::collections::BTreeMap;

use lm_portal::Result;
use serde::{Deserialize, Deserializer};
use sqlx::{AnyConnection, Row as _};

use crate::locked;
use crate::plan::PRODUCT;
use crate::world::World;

/// The portal's tables.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Books {
    /// By activation ID.
    #[serde(deserialize_with = "by_id")]
    pub ids: BTreeMap<String, IdRow>,
    /// The fulfillments that stand.
    pub live: Vec<HeldRow>,
    /// What cools.
    pub cooling: Vec<CoolingRow>,
    /// What was bought.
    pub entitlements: Vec<EntitlementRow>,
    flagged: Vec<Flagged>,
    /// The last row of the history that was looked at.
    #[serde(skip)]
    seen: i64,
    /// The portal's epoch.
    pub epoch: u64,
}

/// An activation ID.
#[derive(Clone, Debug, Deserialize)]
pub struct IdRow {
    /// The activation ID.
    pub id: String,
    /// Of what it is.
    pub entitlement: String,
    /// `nl` or `cc`.
    pub kind: String,
    /// `active` or `inactive`.
    pub status: String,
    /// Of which product.
    pub product: String,
    /// Seats.
    pub quantity: i64,
    /// Seats that machines hold.
    pub fulfilled: i64,
    /// Seats that cool.
    pub cooling: i64,
    /// Seats that went back to the entitlement.
    pub given_back: i64,
    /// Seats over the quantity, after a restore.
    pub excess: i64,
    /// Until when a record may work that a restored portal doesn't know; `None`: without end.
    pub floor: Option<i64>,
}

/// What was bought.
#[derive(Clone, Debug, Deserialize)]
pub struct EntitlementRow {
    /// The entitlement's ID.
    pub id: String,
    /// Seats.
    pub quantity: i64,
    /// Seats of its activation IDs.
    pub issued: i64,
}

fn by_id<'a, D: Deserializer<'a>>(rows: D) -> Result<BTreeMap<String, IdRow>, D::Error> {
    let rows = Vec::<IdRow>::deserialize(rows)?;
    Ok(rows.into_iter().map(|row| (row.id.clone(), row)).collect())
}

/// A fulfillment that stands.
#[derive(Clone, Debug, Deserialize)]
pub struct HeldRow {
    /// The fulfillment ID.
    pub fulfillment: String,
    /// The activation ID.
    pub id: String,
    /// Its generation.
    pub generation: i64,
    /// Seats.
    pub seats: i64,
    /// Until when a copy may work; `None`: without end.
    pub reach: Option<i64>,
}

/// Seats that cool.
#[derive(Clone, Debug, Deserialize)]
pub struct CoolingRow {
    /// The fulfillment ID.
    pub fulfillment: String,
    /// The activation ID.
    pub id: String,
    /// Seats.
    pub seats: i64,
    /// Until when.
    pub until: i64,
}

/// A row of the history that a person should look at.
#[derive(Clone, Debug, Deserialize)]
struct Flagged {
    seq: i64,
    action: String,
    host_id: String,
    id: String,
}

impl IdRow {
    pub(crate) fn is_cc(&self) -> bool {
        self.kind == "cc"
    }

    pub(crate) fn is_active(&self) -> bool {
        self.status == "active"
    }

    /// Of the product that the machines run.
    pub(crate) fn is_ours(&self) -> bool {
        self.product == PRODUCT
    }

    /// After a restored backup an ID that was generated since is made again: Inactive, with no seat.
    fn is_recreated(&self) -> bool {
        !self.is_active() && self.fulfilled + self.cooling + self.given_back + self.excess == 0
    }

    pub(crate) const fn available(&self) -> i64 {
        self.quantity + self.excess - self.fulfilled - self.cooling - self.given_back
    }
}

/// All of it as one row: each question to the database goes to a thread of its own and back.
const QUERY: &str = "SELECT json_object(
    'ids', (SELECT json_group_array(json_object('id', a.activation_id,
        'entitlement', a.entitlement_id, 'kind', a.kind, 'status', a.status,
        'quantity', a.quantity, 'fulfilled', a.fulfilled, 'cooling', a.cooling,
        'given_back', a.given_back, 'excess', a.excess, 'product', e.product,
        'floor', e.reach_floor))
        FROM activation_ids a JOIN entitlements e ON e.entitlement_id = a.entitlement_id),
    'live', (SELECT json_group_array(json_object('fulfillment', fulfillment_id,
        'id', activation_id, 'generation', generation, 'seats', seats, 'reach', reach))
        FROM fulfillments WHERE state = 'live'),
    'cooling', (SELECT json_group_array(json_object('fulfillment', fulfillment_id,
        'id', activation_id, 'seats', seats, 'until', until)) FROM cooling_seats),
    'entitlements', (SELECT json_group_array(json_object('id', entitlement_id,
        'quantity', quantity, 'issued', issued)) FROM entitlements),
    'flagged', (SELECT json_group_array(json_object('seq', seq, 'action', action,
        'host_id', host_id, 'id', activation_id))
        FROM (SELECT * FROM history WHERE seq > $1 AND flagged = 1 ORDER BY seq)),
    'epoch', (SELECT epoch FROM portal)) AS books";

impl Books {
    async fn read(db: &mut AnyConnection, seen: i64) -> Result<Self> {
        let row = sqlx::query(QUERY).bind(seen).fetch_one(db).await?;
        let text: String = row.try_get("books")?;
        let mut books: Self = serde_json::from_str(&text)
            .map_err(|error| lm_portal::Error::Damaged(error.to_string()))?;
        books.seen = books.flagged.iter().map(|row| row.seq).max().unwrap_or(seen);
        Ok(books)
    }

    /// What is wrong with it.
    fn wrong(&self) -> Option<String> {
        self.ids
            .iter()
            .find_map(|(id, row)| self.wrong_id(id, row))
            .or_else(|| self.entitlements.iter().find_map(|row| self.wrong_entitlement(row)))
    }

    fn wrong_id(&self, id: &str, row: &IdRow) -> Option<String> {
        let held: i64 = self.live.iter().filter(|held| held.id == id).map(|held| held.seats).sum();
        let cools: i64 = self.cooling.iter().filter(|c| c.id == id).map(|c| c.seats).sum();
        let wrong = held != row.fulfilled
            || cools != row.cooling
            || row.available() < 0
            || (!row.is_active() && row.available() != 0 && !row.is_recreated())
            || (row.is_active() && row.given_back != 0);
        wrong.then(|| format!("{id}: {row:?}, while machines hold {held} and {cools} cool"))
    }

    fn wrong_entitlement(&self, row: &EntitlementRow) -> Option<String> {
        let EntitlementRow { id, quantity, issued } = row;
        let of_ids: i64 = self
            .ids
            .values()
            .filter(|row| row.entitlement == *id)
            .map(|row| row.quantity - row.given_back)
            .sum();
        (*issued != of_ids || issued > quantity)
            .then(|| format!("{id}: {issued} of {quantity} issued, its IDs have {of_ids}"))
    }
}

impl World {
    /// Reads the portal's tables and judges them.
    pub(crate) fn judge_books(&self) {
        let seen = locked(&self.judge).books.seen;
        let books = self.portal.read(async |db| Books::read(db, seen).await);
        let books = match books {
            Ok(books) => books,
            Err(error) => return self.accuse("portal", || error.to_string()),
        };
        if let Some(wrong) = books.wrong() {
            self.accuse("ledger", || wrong);
        }
        let mut judge = locked(&self.judge);
        for flagged in &books.flagged {
            let Some(host) = judge.hosts.get(&flagged.host_id).copied() else { continue };
            // Past the limit of returns, an abandon isn't refused: a person is to look at it.
            let by_limit = flagged.action == "abandon" && self.plan.policy.returns.is_some();
            if !judge.is_disturbed(host) && !by_limit && !judge.restored {
                self.accuse("no false accusation", || {
                    format!("the portal flags {:?} of an honest host", flagged.action)
                });
            }
            if matches!(flagged.action.as_str(), "re-attach as repair" | "repair") {
                judge.repaired(host, &flagged.id);
            }
        }
        judge.books = books;
    }
}
