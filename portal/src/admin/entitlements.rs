//! Entitlements: what was bought.

use lm_protocol::limits::{FEATURES_MAX, SEATS_MAX, is_name};
use lm_protocol::{Feature, Terms};
use serde::Serialize;
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::policy::{self, OwnerRelease, Policy};
use super::{About, Act};
use crate::error::{Error, Result, damaged};
use crate::ledger::fulfillment;
use crate::ports::new_id;

pub(super) const PRODUCT_NAME: &str =
    "a product's name has 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'";

/// What is to be sold.
#[derive(Clone, Debug)]
pub struct NewEntitlement {
    /// Of which product.
    pub product: String,
    /// What may be used.
    pub features: Vec<Feature>,
    /// Seats in all, over its activation IDs.
    pub quantity: u32,
    /// First second of the term, Unix; 0: it has begun.
    pub starts_at: i64,
    /// Last second of the term, Unix; 0: no end.
    pub expires_at: i64,
    /// The policy that travels in records.
    pub terms: Terms,
    /// Whether a refusal for want of seats says who holds them.
    pub tell_holders: bool,
    /// Client returns of one activation ID in a period; `None`: no limit.
    pub return_limit: Option<u32>,
    /// Re-hosts of one activation ID in a period; `None`: no limit.
    pub rehost_limit: Option<u32>,
    /// Repairs of one activation ID in a period; `None`: no limit.
    pub repair_limit: Option<u32>,
    /// The period, in seconds.
    pub limit_period: i64,
    /// Who may re-host beside those who sign in.
    pub owner_release: OwnerRelease,
}

impl NewEntitlement {
    /// Of a product with features (name, limit), with the default policy and no end.
    #[must_use]
    pub fn new(product: &str, features: &[(&str, Option<i64>)], quantity: u32) -> Self {
        Self::under(&Policy::default(), product, features, quantity)
    }

    /// As [`NewEntitlement::new`], under a policy.
    #[must_use]
    pub fn under(
        policy: &Policy,
        product: &str,
        features: &[(&str, Option<i64>)],
        quantity: u32,
    ) -> Self {
        Self {
            product: product.to_owned(),
            features: features
                .iter()
                .map(|(name, limit)| Feature { name: (*name).to_owned(), limit: *limit })
                .collect(),
            quantity,
            starts_at: 0,
            expires_at: 0,
            terms: policy.terms(),
            tell_holders: policy.tell_holders,
            return_limit: policy.return_limit,
            rehost_limit: policy.rehost_limit,
            repair_limit: policy.repair_limit,
            limit_period: policy.limit_period,
            owner_release: policy.owner_release,
        }
    }

    fn policy(&self) -> Policy {
        Policy {
            tell_holders: self.tell_holders,
            owner_release: self.owner_release,
            return_limit: self.return_limit,
            rehost_limit: self.rehost_limit,
            repair_limit: self.repair_limit,
            limit_period: self.limit_period,
            ..Policy::new(self.terms.clone())
        }
    }

    fn check(&self) -> Result<()> {
        let unique: std::collections::BTreeSet<_> =
            self.features.iter().map(|feature| feature.name.as_str()).collect();
        let wrong = if !is_name(&self.product) {
            PRODUCT_NAME
        } else if !(1..=FEATURES_MAX).contains(&self.features.len()) {
            "an entitlement has 1 to 128 features"
        } else if !self.features.iter().all(|feature| is_name(&feature.name)) {
            "a feature's name has 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'"
        } else if unique.len() != self.features.len() {
            "a feature is named twice"
        } else if self.features.iter().any(|feature| feature.limit.is_some_and(|limit| limit < 0)) {
            "a feature's limit is not negative"
        } else if !(1..=SEATS_MAX).contains(&self.quantity) {
            "a quantity is from 1 to 1000000"
        } else if self.starts_at < 0 || self.expires_at < 0 {
            "times are not negative"
        } else if self.expires_at != 0 && self.expires_at <= self.starts_at {
            "the term ends before it begins"
        } else {
            return self.policy().check();
        };
        Err(Error::Invalid(wrong.to_owned()))
    }
}

/// An entitlement as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct EntitlementView {
    /// Its ID.
    pub entitlement_id: String,
    /// Of which product.
    pub product: String,
    /// What may be used: `name` or `name=limit`.
    pub features: Vec<String>,
    /// Seats in all.
    pub quantity: i64,
    /// Seats that its activation IDs hold.
    pub issued: i64,
    /// Seats from which new activation IDs can be generated.
    pub available: i64,
    /// First second of the term; 0: it has begun.
    pub starts_at: i64,
    /// Last second of the term; 0: no end.
    pub expires_at: i64,
    /// Its policy.
    #[serde(flatten)]
    pub policy: Policy,
}

/// Makes an entitlement and gives its ID.
pub async fn create(act: &mut Act<'_>, new: &NewEntitlement) -> Result<String> {
    new.check()?;
    let id = new_id(act.random, "E")?;
    // The columns of the policy are written below, by the one statement that writes them.
    sqlx::query(
        "INSERT INTO entitlements (entitlement_id, product, features, quantity, issued, starts_at,
            expires_at, lease, grace, clock_tolerance, strict, reclaim, virtual_machines,
            containers, offline, tell_holders, limit_period, created_at)
         VALUES ($1, $2, $3, $4, 0, $5, $6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, $7)",
    )
    .bind(id.as_str())
    .bind(new.product.as_str())
    .bind(fulfillment::json(&new.features)?)
    .bind(i64::from(new.quantity))
    .bind(new.starts_at)
    .bind(new.expires_at)
    .bind(act.now)
    .execute(&mut *act.db)
    .await?;
    policy::write(act.db, &id, &new.policy()).await?;
    let detail = json!({ "product": new.product, "quantity": new.quantity });
    act.tell("create entitlement", About { entitlement_id: &id, ..About::default() }, detail)
        .await?;
    Ok(id)
}

/// All entitlements, the newest first.
pub async fn list(db: &mut AnyConnection) -> Result<Vec<EntitlementView>> {
    let rows = sqlx::query("SELECT * FROM entitlements ORDER BY created_at DESC, entitlement_id")
        .fetch_all(db)
        .await?;
    rows.iter().map(view).collect()
}

/// One entitlement.
pub async fn show(db: &mut AnyConnection, id: &str) -> Result<EntitlementView> {
    let row = sqlx::query("SELECT * FROM entitlements WHERE entitlement_id = $1")
        .bind(id.to_owned())
        .fetch_optional(db)
        .await?;
    view(&row.ok_or_else(|| unknown(id))?)
}

pub(crate) fn unknown(id: &str) -> Error {
    Error::NotFound(format!("this portal has no entitlement \"{id}\""))
}

fn view(row: &AnyRow) -> Result<EntitlementView> {
    let features: String = row.try_get("features")?;
    let features: Vec<Feature> =
        serde_json::from_str(&features).map_err(|_| damaged("entitlements.features"))?;
    let (quantity, issued): (i64, i64) = (row.try_get("quantity")?, row.try_get("issued")?);
    Ok(EntitlementView {
        entitlement_id: row.try_get("entitlement_id")?,
        product: row.try_get("product")?,
        features: features
            .into_iter()
            .map(|feature| match feature.limit {
                Some(limit) => format!("{}={limit}", feature.name),
                None => feature.name,
            })
            .collect(),
        quantity,
        issued,
        available: quantity - issued,
        starts_at: row.try_get("starts_at")?,
        expires_at: row.try_get("expires_at")?,
        policy: policy::read(row)?,
    })
}
