//! Release by the owner: whoever has a token, or the bare activation ID where policy says so, re-hosts
//! a machine without signing in.

use lm_protocol::ActivationId;
use serde::Serialize;

use super::Act;
use super::rehost::rehost;
use super::show::show;
use super::tokens::{TokenScope, TokenView};
use crate::error::{Error, Result};
use crate::ledger::activation::{Activation, OwnerRelease};

/// What became of it. Times are Unix seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Released {
    /// Of which activation ID.
    pub activation_id: String,
    /// What was ended.
    pub fulfillment_id: String,
    /// The machine.
    pub host_id: String,
    /// Its label; empty: none.
    pub host_label: String,
    /// How many seats.
    pub seats: i64,
    /// Until when they cool; 0: they are free.
    pub cools_until: i64,
    /// Until when the machine may work if the portal can't reach it; none: unbounded.
    pub reach: Option<i64>,
    /// Seats that can be activated now.
    pub available: i64,
}

/// Re-hosts one machine: by its host ID or fulfillment ID. `token`: `None` is by the bare ID.
pub(crate) async fn release(
    act: &mut Act<'_>,
    id: ActivationId,
    host: &str,
    token: Option<&TokenView>,
) -> Result<Released> {
    let activation = match (act.lock(id).await, token) {
        (Ok(activation), _) => activation,
        // Whoever has no token doesn't learn which IDs there are.
        (Err(Error::NotFound(_)), None) => return Err(Error::Unauthorized),
        (Err(error), _) => return Err(error),
    };
    may(&activation, token)?;
    let ended = rehost(act, id, Some(host)).await?;
    let now = show(act, id).await?;
    let own = now.cools.iter().filter(|cooling| cooling.fulfillment_id == ended.id);
    Ok(Released {
        activation_id: now.activation_id.clone(),
        cools_until: own.map(|cooling| cooling.until).max().unwrap_or(0),
        fulfillment_id: ended.id,
        host_id: ended.host_id,
        host_label: ended.host_label,
        seats: ended.seats,
        reach: ended.reach,
        available: now.available,
    })
}

fn may(activation: &Activation, token: Option<&TokenView>) -> Result<()> {
    let policy = activation.entitlement.owner_release;
    let Some(token) = token else {
        return if policy == OwnerRelease::Id { Ok(()) } else { Err(Error::Unauthorized) };
    };
    let TokenScope::Rehost = token.scope;
    if !token.entitlement_id.is_empty() && token.entitlement_id != activation.entitlement.id {
        Err(Error::Forbidden("this token is for another entitlement".to_owned()))
    } else if policy == OwnerRelease::No {
        Err(Error::Forbidden("policy lets no owner release this license".to_owned()))
    } else {
        Ok(())
    }
}
