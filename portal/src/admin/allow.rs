//! Limits of an activation ID as they stand, and what an administrator allows beyond them.

use lm_protocol::ActivationId;
use serde::Serialize;
use serde_json::json;
use sqlx::AnyConnection;

use super::{About, Act};
use crate::error::{Error, Result};
use crate::ledger::activation::Activation;
use crate::ledger::limits::{self, Tally};

/// A limit as it stands.
#[derive(Clone, Debug, Serialize)]
pub struct LimitView {
    /// `return`, `rehost` or `repair`.
    pub what: &'static str,
    /// How many in a period.
    pub limit: i64,
    /// How many there were in the period that ends now.
    pub used: i64,
    /// When the next is allowed again by itself; 0: never; none: now.
    pub again_at: Option<i64>,
    /// How many an administrator has allowed beyond it, not used yet.
    pub allowed: i64,
}

impl LimitView {
    /// What is limited, as people say it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.what {
            "return" => "returns",
            "rehost" => "re-hosts",
            _ => "repairs",
        }
    }

    /// How it stands, in a sentence's part.
    #[must_use]
    pub fn stands(&self) -> String {
        let again = match self.again_at {
            None => String::new(),
            Some(0) => ", no more are allowed".to_owned(),
            Some(at) => format!(", the next from {}", crate::dates::date_time(at)),
        };
        let allowed = match self.allowed {
            0 => String::new(),
            allowed => format!(", {allowed} more allowed by an administrator"),
        };
        format!("{} of {} {}{again}{allowed}", self.used, self.limit, self.name())
    }
}

/// The limits of an activation ID; what has none isn't there.
pub(crate) async fn limits(
    db: &mut AnyConnection,
    activation: &Activation,
    now: i64,
) -> Result<Vec<LimitView>> {
    let mut views = Vec::new();
    for what in Tally::ALL {
        let Some(limit) = what.limit(activation) else { continue };
        views.push(LimitView {
            what: what.text(),
            limit,
            used: limits::used(db, activation, what, now).await?,
            again_at: limits::reached_until(db, activation, what, now).await?,
            allowed: limits::allowed(db, activation.id, what).await?,
        });
    }
    Ok(views)
}

/// Allows `count` more of something beyond its limit, each for one use.
pub async fn allow(act: &mut Act<'_>, id: ActivationId, what: Tally, count: u32) -> Result<()> {
    let activation = act.lock(id).await?;
    if !activation.active {
        return Err(Error::Refused(format!("activation ID {id} is Inactive")));
    }
    if what.limit(&activation).is_none() {
        return Err(Error::Refused(format!("{id} has no limit of {}s", what.text())));
    }
    if !(1..=1000).contains(&count) {
        return Err(Error::Invalid("1 to 1000 are allowed at once".to_owned()));
    }
    limits::allow(act.db, id, what, count).await?;
    let remaining = limits::allowed(act.db, id, what).await?;
    let about = About {
        activation_id: Some(id),
        entitlement_id: &activation.entitlement.id,
        ..About::default()
    };
    let detail = json!({ "what": what.text(), "count": count, "remaining": remaining });
    act.tell("allow", about, detail).await
}
