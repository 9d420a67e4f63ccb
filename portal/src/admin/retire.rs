//! The portal's Return: only for CC. It retires the activation ID for good and gives its seats back
//! to the entitlement. It can't reach the machines.

use lm_protocol::{ActivationId, Kind};
use serde_json::json;

use super::{About, Act};
use crate::error::{Error, Result};
use crate::ledger::activation::Activation;
use crate::ledger::fulfillment::{self, State};
use crate::ledger::{release, seats};

/// Why Return is refused for NL, in words; the page shows them beside the disabled button.
pub const NL_REASON: &str = "Return is for concurrent (CC) activation IDs only. A node-locked (NL) \
    license is given back on its machine (Deactivate / Return); if the machine is gone, use Re-host.";

/// Retires a CC activation ID.
pub async fn retire(act: &mut Act<'_>, id: ActivationId) -> Result<()> {
    let activation = act.lock(id).await?;
    refused(&activation)?;
    let mut hosts = Vec::new();
    for held in fulfillment::live(act.db, id).await? {
        let (db, random, now) = (&mut *act.db, act.random, act.now);
        release::without_the_machine(db, random, &activation, &held, State::Retired, now).await?;
        hosts.push(json!({ "host_id": held.host_id, "seats": held.seats, "reach": held.reach }));
    }
    sqlx::query(
        "UPDATE activation_ids SET status = 'inactive', retired_at = $1 WHERE activation_id = $2",
    )
    .bind(act.now)
    .bind(id.to_string())
    .execute(&mut *act.db)
    .await?;
    seats::give_back(act.db, id).await?;
    let about = About {
        activation_id: Some(id),
        entitlement_id: &activation.entitlement.id,
        ..About::default()
    };
    act.tell("portal return", about, json!({ "machines": hosts })).await
}

fn refused(activation: &Activation) -> Result<()> {
    if activation.kind == Kind::Nl {
        Err(Error::Refused(NL_REASON.to_owned()))
    } else if activation.active {
        Ok(())
    } else {
        Err(Error::Refused(format!("activation ID {} is Inactive already", activation.id)))
    }
}
