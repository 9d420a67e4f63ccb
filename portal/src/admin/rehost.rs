//! Re-host: frees an activation from the portal's side when the machine is gone. The activation ID
//! stays; the old fulfillment is obsolete.

use lm_protocol::ActivationId;
use serde_json::json;

use super::{About, Act};
use crate::error::{Error, Result};
use crate::ledger::fulfillment::{self, Fulfillment, State};
use crate::ledger::limits::{self, Tally};
use crate::ledger::release;

/// Re-hosts one machine's activation: by its host ID or fulfillment ID, or `None` where only one
/// machine holds the ID. Gives the fulfillment that it ended.
pub async fn rehost(
    act: &mut Act<'_>,
    id: ActivationId,
    host: Option<&str>,
) -> Result<Fulfillment> {
    let activation = act.lock(id).await?;
    let live = fulfillment::live(act.db, id).await?;
    let held = pick(id, live, host)?;
    if let Some(until) =
        limits::exhausted_until(act.db, &activation, Tally::Rehost, act.now).await?
    {
        let when = if until == 0 {
            "none are allowed".to_owned()
        } else {
            format!("again from {}", crate::dates::date_time(until))
        };
        let sentence = format!(
            "{id} has reached its limit of re-hosts; the next is allowed: {when}. An administrator can \
             allow one more (activation-id allow)"
        );
        return Err(Error::LimitReached { sentence, again_at: until });
    }
    let (db, random, now) = (&mut *act.db, act.random, act.now);
    release::without_the_machine(db, random, &activation, &held, State::Rehosted, now).await?;
    let beyond = limits::count(act.db, act.random, id, Tally::Rehost, act.now).await?;
    let about = About {
        activation_id: Some(id),
        entitlement_id: &activation.entitlement.id,
        fulfillment_id: &held.id,
        host_id: &held.host_id,
    };
    let detail = json!({ "seats": held.seats, "host_label": held.host_label, "reach": held.reach,
        "cooling": activation.entitlement.terms.strict, "by_allowance": beyond });
    act.tell("re-host", about, detail).await?;
    Ok(held)
}

/// The one fulfillment that is meant.
pub fn pick(id: ActivationId, live: Vec<Fulfillment>, host: Option<&str>) -> Result<Fulfillment> {
    let names = |held: &Fulfillment, host: &str| held.host_id == host || held.id == host;
    let mut meant: Vec<_> =
        live.into_iter().filter(|held| host.is_none_or(|host| names(held, host))).collect();
    match (meant.len(), host) {
        (1, _) => Ok(meant.remove(0)),
        (0, None) => Err(Error::Refused(format!("no machine holds activation ID {id}"))),
        (0, Some(host)) => Err(Error::NotFound(format!("{host} does not hold activation ID {id}"))),
        (count, None) => Err(Error::Refused(format!(
            "{count} machines hold activation ID {id}: say which one with its host ID"
        ))),
        (count, Some(host)) => Err(Error::Refused(format!(
            "{host} holds activation ID {id} {count} times, for several users: say which one with \
             its fulfillment ID"
        ))),
    }
}
