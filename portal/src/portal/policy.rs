//! Policy of entitlements and products.

use super::Portal;
use crate::admin::policy::{self, Policy, PolicyChange};
use crate::error::Result;

impl Portal {
    /// Changes an entitlement's policy, and gives it as it is now. Machines are given it at their
    /// next contact.
    pub fn set_policy(&self, entitlement_id: &str, change: &PolicyChange) -> Result<Policy> {
        self.act(async |act| policy::set(act, entitlement_id, change).await)
    }

    /// Changes what new entitlements of a product take, and gives it.
    pub fn set_product_policy(&self, product: &str, change: &PolicyChange) -> Result<Policy> {
        self.act(async |act| policy::set_of_product(act, product, change).await)
    }

    /// What new entitlements of a product take.
    pub fn product_policy(&self, product: &str) -> Result<Policy> {
        self.act(async |act| policy::of_product(act.db, product).await)
    }

    /// Products that have a policy of their own, by name.
    pub fn product_policies(&self) -> Result<Vec<(String, Policy)>> {
        self.act(async |act| policy::products(act.db).await)
    }
}
