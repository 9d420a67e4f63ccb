//! Split: one activation ID becomes several, as long as nothing of it is fulfilled or cooling.

use lm_protocol::ActivationId;
use serde_json::json;

use super::generate::{Generated, insert};
use super::{About, Act};
use crate::error::{Error, Result};

/// Splits an activation ID into several whose seats come to its quantity. It becomes Inactive.
pub async fn split(act: &mut Act<'_>, id: ActivationId, parts: &[u32]) -> Result<Vec<Generated>> {
    let activation = act.lock(id).await?;
    let sum: i64 = parts.iter().map(|part| i64::from(*part)).sum();
    if !activation.active {
        return Err(Error::Refused(format!("activation ID {id} is Inactive")));
    }
    if parts.len() < 2 || parts.contains(&0) || sum != activation.quantity {
        return Err(Error::Invalid(format!(
            "the parts must be at least two, none of them 0, and come to {}",
            activation.quantity
        )));
    }
    if activation.fulfilled > 0 || activation.cooling > 0 {
        return Err(Error::Refused(format!(
            "{} seats of {id} are fulfilled and {} are cooling: it can be split only once all are \
             available",
            activation.fulfilled, activation.cooling
        )));
    }
    let done = sqlx::query(
        "UPDATE activation_ids SET status = 'inactive', retired_at = $1, given_back = quantity
         WHERE activation_id = $2 AND status = 'active' AND fulfilled = 0 AND cooling = 0
            AND excess = 0",
    )
    .bind(act.now)
    .bind(id.to_string())
    .execute(&mut *act.db)
    .await?;
    if done.rows_affected() != 1 {
        return Err(Error::Refused(format!("{id} has seats above its quantity")));
    }
    // The entitlement's issued seats stay as they are: they only change their activation ID.
    let mut generated = Vec::new();
    for part in parts {
        generated.push(insert(act, &activation.entitlement.id, activation.kind, *part).await?);
    }
    let about = About {
        activation_id: Some(id),
        entitlement_id: &activation.entitlement.id,
        ..About::default()
    };
    let into: Vec<_> = generated.iter().map(|new| new.activation_id.clone()).collect();
    act.tell("split", about, json!({ "into": into })).await?;
    Ok(generated)
}
