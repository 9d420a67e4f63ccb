//! Policy: what the vendor sells under which conditions. An entitlement takes its product's, unless it
//! says otherwise when it is made; from then on it has its own, which can be changed.

use lm_protocol::Terms;
use lm_protocol::limits::is_name;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::{About, Act};
use crate::dates::length;
use crate::error::{Error, Result, damaged};
pub use crate::ledger::activation::OwnerRelease;
use crate::ledger::fulfillment::{from_json, json as json_of};

/// A policy. Times are seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Length of a lease; 0: none.
    pub lease: i64,
    /// Length of grace after it; 0 where there is no lease.
    pub grace: i64,
    /// How far a machine's clock may stand behind.
    pub clock_tolerance: i64,
    /// Seats that are freed without the machine's word cool until its reach.
    pub strict: bool,
    /// A lease that has long been over frees its seat.
    pub reclaim: bool,
    /// Whether virtual machines may hold it.
    pub virtual_machines: bool,
    /// Whether containers may hold it.
    pub containers: bool,
    /// Whether it may be activated by files.
    pub offline: bool,
    /// Whether a refusal for want of seats says who holds them.
    pub tell_holders: bool,
    /// Who may re-host beside those who sign in.
    pub owner_release: OwnerRelease,
    /// Client returns of one activation ID in a period; `None`: no limit.
    pub return_limit: Option<u32>,
    /// Re-hosts of one activation ID in a period; `None`: no limit.
    pub rehost_limit: Option<u32>,
    /// Repairs of one activation ID in a period; `None`: no limit.
    pub repair_limit: Option<u32>,
    /// The period of these limits.
    pub limit_period: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self::new(Terms::default())
    }
}

impl Policy {
    /// What travels in records, and no limits.
    #[must_use]
    pub const fn new(terms: Terms) -> Self {
        Self {
            lease: terms.lease,
            grace: terms.grace,
            clock_tolerance: terms.clock_tolerance,
            strict: terms.strict,
            reclaim: terms.reclaim,
            virtual_machines: terms.virtual_machines,
            containers: terms.containers,
            offline: terms.offline,
            tell_holders: true,
            owner_release: OwnerRelease::Token,
            return_limit: None,
            rehost_limit: None,
            repair_limit: None,
            limit_period: 365 * 86_400,
        }
    }

    /// What travels in records.
    #[must_use]
    pub const fn terms(&self) -> Terms {
        Terms {
            lease: self.lease,
            grace: self.grace,
            clock_tolerance: self.clock_tolerance,
            strict: self.strict,
            reclaim: self.reclaim,
            virtual_machines: self.virtual_machines,
            containers: self.containers,
            offline: self.offline,
        }
    }

    /// In a few words, for a row of a list: `7 days + 3 days, prompt`.
    #[must_use]
    pub fn brief(&self) -> String {
        let mode = if self.strict { "strict" } else { "prompt" };
        match self.lease {
            0 => format!("no lease, {mode}"),
            lease => format!("{} + {}, {mode}", length(lease), length(self.grace)),
        }
    }

    /// Refuses what makes no sense.
    pub fn check(&self) -> Result<()> {
        let times = [self.lease, self.grace, self.clock_tolerance];
        let wrong = if times.iter().any(|time| *time < 0) || self.limit_period < 1 {
            "times are not negative"
        } else if self.strict && self.lease == 0 {
            "strict mode needs a lease: without one a copy's reach has no bound"
        } else if self.lease == 0 && self.reclaim {
            "reclaim needs a lease"
        } else if self.owner_release == OwnerRelease::Id && self.rehost_limit.is_none() {
            "release by the bare activation ID needs a limit of re-hosts"
        } else {
            return Ok(());
        };
        Err(Error::Invalid(wrong.to_owned()))
    }
}

/// What is said of a policy; the rest stays as it is. A limit that is said may be said to be none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// Seconds; 0: none.
    pub lease: Option<i64>,
    /// Seconds.
    pub grace: Option<i64>,
    /// Seconds.
    pub clock_tolerance: Option<i64>,
    /// Strict mode; else prompt.
    pub strict: Option<bool>,
    /// A lease that has long been over frees its seat.
    pub reclaim: Option<bool>,
    /// Virtual machines.
    pub virtual_machines: Option<bool>,
    /// Containers.
    pub containers: Option<bool>,
    /// Activation by files.
    pub offline: Option<bool>,
    /// Whether a refusal says who holds the seats.
    pub tell_holders: Option<bool>,
    /// Who may re-host.
    pub owner_release: Option<OwnerRelease>,
    /// Client returns in a period.
    pub return_limit: Option<Option<u32>>,
    /// Re-hosts in a period.
    pub rehost_limit: Option<Option<u32>>,
    /// Repairs in a period.
    pub repair_limit: Option<Option<u32>>,
    /// Seconds.
    pub limit_period: Option<i64>,
}

impl PolicyChange {
    /// The policy with what is said changed.
    #[must_use]
    pub fn over(&self, before: &Policy) -> Policy {
        let lease = self.lease.unwrap_or(before.lease);
        let had_none = before.lease == 0 && self.lease.is_some();
        let grace = if had_none { Terms::default().grace } else { before.grace };
        Policy {
            lease,
            grace: if lease == 0 { 0 } else { self.grace.unwrap_or(grace) },
            clock_tolerance: self.clock_tolerance.unwrap_or(before.clock_tolerance),
            strict: self.strict.unwrap_or(before.strict),
            reclaim: self.reclaim.unwrap_or(before.reclaim),
            virtual_machines: self.virtual_machines.unwrap_or(before.virtual_machines),
            containers: self.containers.unwrap_or(before.containers),
            offline: self.offline.unwrap_or(before.offline),
            tell_holders: self.tell_holders.unwrap_or(before.tell_holders),
            owner_release: self.owner_release.unwrap_or(before.owner_release),
            return_limit: self.return_limit.unwrap_or(before.return_limit),
            rehost_limit: self.rehost_limit.unwrap_or(before.rehost_limit),
            repair_limit: self.repair_limit.unwrap_or(before.repair_limit),
            limit_period: self.limit_period.unwrap_or(before.limit_period),
        }
    }
}

/// Changes an entitlement's policy. Machines are given it at their next contact.
pub async fn set(act: &mut Act<'_>, entitlement_id: &str, change: &PolicyChange) -> Result<Policy> {
    let before = super::entitlements::show(act.db, entitlement_id).await?.policy;
    let after = change.over(&before);
    after.check()?;
    write(act.db, entitlement_id, &after).await?;
    let about = About { entitlement_id, ..About::default() };
    act.tell("set policy", about, difference(&before, &after)).await?;
    Ok(after)
}

/// Changes what new entitlements of a product take. Those that there are keep their own.
pub async fn set_of_product(
    act: &mut Act<'_>,
    product: &str,
    change: &PolicyChange,
) -> Result<Policy> {
    if !is_name(product) {
        return Err(Error::Invalid(super::entitlements::PRODUCT_NAME.to_owned()));
    }
    let before = of_product(act.db, product).await?;
    let after = change.over(&before);
    after.check()?;
    sqlx::query(
        "INSERT INTO products (product, policy) VALUES ($1, $2)
         ON CONFLICT (product) DO UPDATE SET policy = excluded.policy",
    )
    .bind(product.to_owned())
    .bind(json_of(&after)?)
    .execute(&mut *act.db)
    .await?;
    let mut detail = difference(&before, &after);
    if let Value::Object(fields) = &mut detail {
        fields.insert("product".to_owned(), product.into());
    }
    act.tell("set product's policy", About::default(), detail).await?;
    Ok(after)
}

/// What new entitlements of a product take.
pub async fn of_product(db: &mut AnyConnection, product: &str) -> Result<Policy> {
    let row = sqlx::query("SELECT policy FROM products WHERE product = $1")
        .bind(product.to_owned())
        .fetch_optional(db)
        .await?;
    match row {
        Some(row) => from_json(&row.try_get::<String, _>("policy")?),
        None => Ok(Policy::default()),
    }
}

/// Products that have a policy of their own, by name.
pub async fn products(db: &mut AnyConnection) -> Result<Vec<(String, Policy)>> {
    let rows =
        sqlx::query("SELECT product, policy FROM products ORDER BY product").fetch_all(db).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("product")?, from_json(&row.try_get::<String, _>("policy")?)?)))
        .collect()
}

/// Writes an entitlement's policy.
pub(super) async fn write(
    db: &mut AnyConnection,
    entitlement_id: &str,
    policy: &Policy,
) -> Result<()> {
    sqlx::query(
        "UPDATE entitlements SET lease = $1, grace = $2, clock_tolerance = $3, strict = $4,
            reclaim = $5, virtual_machines = $6, containers = $7, offline = $8, tell_holders = $9,
            owner_release = $10, return_limit = $11, rehost_limit = $12, repair_limit = $13,
            limit_period = $14 WHERE entitlement_id = $15",
    )
    .bind(policy.lease)
    .bind(policy.grace)
    .bind(policy.clock_tolerance)
    .bind(i64::from(policy.strict))
    .bind(i64::from(policy.reclaim))
    .bind(i64::from(policy.virtual_machines))
    .bind(i64::from(policy.containers))
    .bind(i64::from(policy.offline))
    .bind(i64::from(policy.tell_holders))
    .bind(policy.owner_release.text())
    .bind(policy.return_limit.map(i64::from))
    .bind(policy.rehost_limit.map(i64::from))
    .bind(policy.repair_limit.map(i64::from))
    .bind(policy.limit_period)
    .bind(entitlement_id.to_owned())
    .execute(db)
    .await?;
    Ok(())
}

/// Reads an entitlement's policy.
pub(super) fn read(row: &AnyRow) -> Result<Policy> {
    let flag = |column| Ok::<_, Error>(row.try_get::<i64, _>(column)? != 0);
    let limit = |column| {
        let limit: Option<i64> = row.try_get(column)?;
        limit.map(u32::try_from).transpose().map_err(|_| damaged("entitlements: a limit"))
    };
    Ok(Policy {
        lease: row.try_get("lease")?,
        grace: row.try_get("grace")?,
        clock_tolerance: row.try_get("clock_tolerance")?,
        strict: flag("strict")?,
        reclaim: flag("reclaim")?,
        virtual_machines: flag("virtual_machines")?,
        containers: flag("containers")?,
        offline: flag("offline")?,
        tell_holders: flag("tell_holders")?,
        owner_release: OwnerRelease::parse(&row.try_get::<String, _>("owner_release")?)?,
        return_limit: limit("return_limit")?,
        rehost_limit: limit("rehost_limit")?,
        repair_limit: limit("repair_limit")?,
        limit_period: row.try_get("limit_period")?,
    })
}

/// What was changed, as the history keeps it: `{"lease": {"from": 604800, "to": 86400}}`.
fn difference(before: &Policy, after: &Policy) -> Value {
    let fields = |policy| match serde_json::to_value(policy) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let before = fields(before);
    let mut after = fields(after);
    after.retain(|name, value| before.get(name) != Some(value));
    let changed = after.into_iter().map(|(name, to)| {
        let from = before.get(&name).cloned().unwrap_or(Value::Null);
        (name, json!({ "from": from, "to": to }))
    });
    Value::Object(changed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_changed_and_the_rest_stays() {
        let before = Policy { rehost_limit: Some(3), ..Policy::default() };
        let change = PolicyChange {
            strict: Some(true),
            rehost_limit: Some(None),
            return_limit: Some(Some(2)),
            ..PolicyChange::default()
        };
        let after = change.over(&before);
        let expected =
            Policy { strict: true, return_limit: Some(2), rehost_limit: None, ..before.clone() };
        assert_eq!(after, expected);
        assert_eq!(
            difference(&before, &after),
            json!({ "strict": { "from": false, "to": true },
                "return_limit": { "from": null, "to": 2 },
                "rehost_limit": { "from": 3, "to": null } })
        );
        assert_eq!(PolicyChange::default().over(&before), before);
    }

    #[test]
    fn without_a_lease_there_is_no_grace_and_a_new_lease_has_the_usual_one() {
        let none = PolicyChange { lease: Some(0), ..PolicyChange::default() };
        let none = none.over(&Policy::default());
        assert_eq!((none.lease, none.grace), (0, 0));
        let again = PolicyChange { lease: Some(100), ..PolicyChange::default() }.over(&none);
        assert_eq!((again.lease, again.grace), (100, Terms::default().grace));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let wrong = [
            Policy { lease: 0, strict: true, ..Policy::default() },
            Policy { lease: 0, reclaim: true, ..Policy::default() },
            Policy { lease: -1, ..Policy::default() },
            Policy { limit_period: 0, ..Policy::default() },
            Policy { owner_release: OwnerRelease::Id, ..Policy::default() },
        ];
        for policy in wrong {
            assert!(matches!(policy.check(), Err(Error::Invalid(_))), "{policy:?}");
        }
        let by_id =
            Policy { owner_release: OwnerRelease::Id, rehost_limit: Some(2), ..Policy::default() };
        assert!(by_id.check().is_ok());
    }
}
