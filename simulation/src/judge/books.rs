//! The ledger: fulfilled + cooling + available = quantity + excess, each column the sum of what it
//! stands for, and an entitlement's issued seats those of its activation IDs.

use std::collections::BTreeMap;

use lm_portal::Result;
use sqlx::{AnyConnection, Row as _};

use crate::locked;
use crate::plan::PRODUCT;
use crate::world::World;

/// The portal's tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    pub(crate) ids: BTreeMap<String, IdRow>,
    pub(crate) live: Vec<HeldRow>,
    pub(crate) cooling: Vec<CoolingRow>,
    entitlements: BTreeMap<String, (i64, i64)>,
    flagged: Vec<Flagged>,
    seen: i64,
    /// The portal's epoch.
    pub(crate) epoch: u64,
}

/// An activation ID.
#[derive(Clone, Debug)]
pub(crate) struct IdRow {
    pub(crate) entitlement: String,
    pub(crate) is_cc: bool,
    pub(crate) is_active: bool,
    pub(crate) quantity: i64,
    pub(crate) fulfilled: i64,
    pub(crate) cooling: i64,
    pub(crate) given_back: i64,
    pub(crate) excess: i64,
    /// Of the product that the machines run.
    pub(crate) is_ours: bool,
}

/// A fulfillment that stands.
#[derive(Clone, Debug)]
pub(crate) struct HeldRow {
    pub(crate) fulfillment: String,
    pub(crate) id: String,
    pub(crate) generation: i64,
    pub(crate) seats: i64,
}

/// Seats that cool.
#[derive(Clone, Debug)]
pub(crate) struct CoolingRow {
    pub(crate) fulfillment: String,
    pub(crate) id: String,
    pub(crate) seats: i64,
}

/// A row of the history that a person should look at.
#[derive(Clone, Debug)]
struct Flagged {
    action: String,
    host_id: String,
    id: String,
}

impl IdRow {
    /// After a restored backup an ID that was generated since is made again: Inactive, with no seat.
    const fn is_recreated(&self) -> bool {
        !self.is_active && self.fulfilled + self.cooling + self.given_back + self.excess == 0
    }

    pub(crate) const fn available(&self) -> i64 {
        self.quantity + self.excess - self.fulfilled - self.cooling - self.given_back
    }
}

impl Books {
    async fn read(db: &mut AnyConnection, seen: i64) -> Result<Self> {
        let mut books = Self { seen, ..Self::default() };
        let rows = sqlx::query(
            "SELECT a.activation_id, a.entitlement_id, a.kind, a.status, a.quantity, a.fulfilled,
                a.cooling, a.given_back, a.excess, e.product
             FROM activation_ids a JOIN entitlements e ON e.entitlement_id = a.entitlement_id",
        );
        for row in rows.fetch_all(&mut *db).await? {
            let text = |name| row.try_get::<String, _>(name);
            let id = IdRow {
                entitlement: text("entitlement_id")?,
                is_cc: text("kind")? == "cc",
                is_active: text("status")? == "active",
                quantity: row.try_get("quantity")?,
                fulfilled: row.try_get("fulfilled")?,
                cooling: row.try_get("cooling")?,
                given_back: row.try_get("given_back")?,
                excess: row.try_get("excess")?,
                is_ours: text("product")? == PRODUCT,
            };
            books.ids.insert(text("activation_id")?, id);
        }
        let rows = sqlx::query(
            "SELECT fulfillment_id, activation_id, generation, seats FROM fulfillments
             WHERE state = 'live'",
        );
        for row in rows.fetch_all(&mut *db).await? {
            books.live.push(HeldRow {
                fulfillment: row.try_get("fulfillment_id")?,
                id: row.try_get("activation_id")?,
                generation: row.try_get("generation")?,
                seats: row.try_get("seats")?,
            });
        }
        books.read_rest(db).await?;
        Ok(books)
    }

    async fn read_rest(&mut self, db: &mut AnyConnection) -> Result<()> {
        let rows = sqlx::query("SELECT fulfillment_id, activation_id, seats FROM cooling_seats");
        for row in rows.fetch_all(&mut *db).await? {
            self.cooling.push(CoolingRow {
                fulfillment: row.try_get("fulfillment_id")?,
                id: row.try_get("activation_id")?,
                seats: row.try_get("seats")?,
            });
        }
        let row = sqlx::query("SELECT epoch FROM portal").fetch_one(&mut *db).await?;
        self.epoch = u64::try_from(row.try_get::<i64, _>("epoch")?).unwrap_or_default();
        let rows = sqlx::query("SELECT entitlement_id, quantity, issued FROM entitlements");
        for row in rows.fetch_all(&mut *db).await? {
            let seats = (row.try_get("quantity")?, row.try_get("issued")?);
            self.entitlements.insert(row.try_get("entitlement_id")?, seats);
        }
        let rows = sqlx::query(
            "SELECT seq, action, host_id, activation_id FROM history
             WHERE seq > $1 AND flagged = 1 ORDER BY seq",
        );
        for row in rows.bind(self.seen).fetch_all(&mut *db).await? {
            self.seen = row.try_get("seq")?;
            self.flagged.push(Flagged {
                action: row.try_get("action")?,
                host_id: row.try_get("host_id")?,
                id: row.try_get("activation_id")?,
            });
        }
        Ok(())
    }

    /// What is wrong with it.
    fn wrong(&self) -> Option<String> {
        self.ids
            .iter()
            .find_map(|(id, row)| self.wrong_id(id, row))
            .or_else(|| self.entitlements.keys().find_map(|id| self.wrong_entitlement(id)))
    }

    fn wrong_id(&self, id: &str, row: &IdRow) -> Option<String> {
        let held: i64 = self.live.iter().filter(|held| held.id == id).map(|held| held.seats).sum();
        let cools: i64 = self.cooling.iter().filter(|c| c.id == id).map(|c| c.seats).sum();
        let wrong = held != row.fulfilled
            || cools != row.cooling
            || row.available() < 0
            || (!row.is_active && row.available() != 0 && !row.is_recreated())
            || (row.is_active && row.given_back != 0);
        wrong.then(|| format!("{id}: {row:?}, while machines hold {held} and {cools} cool"))
    }

    fn wrong_entitlement(&self, id: &str) -> Option<String> {
        let (quantity, issued) = self.entitlements.get(id).copied()?;
        let of_ids: i64 = self
            .ids
            .values()
            .filter(|row| row.entitlement == id)
            .map(|row| row.quantity - row.given_back)
            .sum();
        (issued != of_ids || issued > quantity)
            .then(|| format!("{id}: {issued} of {quantity} issued, its IDs have {of_ids}"))
    }
}

impl World {
    /// Reads the portal's tables and judges them.
    pub(crate) fn judge_books(&self) {
        let seen = locked(&self.judge).books.seen;
        let books = self.portal.tables(async |db| Books::read(db, seen).await);
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
