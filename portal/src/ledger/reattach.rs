//! Re-attach: the same fulfillment, one generation up, no second seat.
//!
//! Free when signed by the fulfillment's device key and carrying its current generation, from a host
//! that its evidence still matches. Otherwise the store was lost, restored or cloned: that needs a
//! strict host match, counts against the repair limit, is flagged, and replaces the device key for
//! good.

use lm_protocol::{ObsoleteReason, Refusal};
use serde_json::json;

use super::activate::{no_seats, take};
use super::activation::Activation;
use super::case::{Case, Outcome};
use super::fulfillment::{self, Fulfillment, HolderRef};
use super::issue::{self, Grant};
use super::limits::{self, Tally};
use super::standing::is_current;
use crate::error::Result;

/// Re-attaches a holder that has a fulfillment of this ID. `None`: it has none.
pub(super) async fn reattach(
    case: &mut Case<'_>,
    activation: &Activation,
    wanted: i64,
) -> Result<Option<Outcome>> {
    let holder = HolderRef::of(case.request);
    let mut own = fulfillment::live(case.db, activation.id).await?;
    own.retain(|fulfillment| fulfillment.holder == holder);
    if let Some(free) = own.iter().find(|fulfillment| is_free(case, fulfillment)) {
        return freely(case, activation, free, wanted).await.map(Some);
    }
    own.retain(|fulfillment| fulfillment.host.matches_strictly(&case.request.host));
    // The one that the request names, where it names one; else the one heard of last.
    let named = case.record.map(|record| record.fulfillment_id.clone());
    own.sort_by_key(|fulfillment| named.as_deref() != Some(fulfillment.id.as_str()));
    match own.first() {
        Some(own) => as_repair(case, activation, own, wanted).await.map(Some),
        None => Ok(None),
    }
}

fn is_free(case: &Case<'_>, fulfillment: &Fulfillment) -> bool {
    case.request.device_key == fulfillment.device_key
        && fulfillment.host.matches(&case.request.host)
        && case.record.is_some_and(|record| {
            let generation = i64::try_from(record.generation).unwrap_or(i64::MAX);
            record.fulfillment_id == fulfillment.id && is_current(case, fulfillment, generation)
        })
}

async fn freely(
    case: &mut Case<'_>,
    activation: &Activation,
    own: &Fulfillment,
    wanted: i64,
) -> Result<Outcome> {
    let Some(reach_at_least) = take(case, activation, (wanted - own.seats).max(0)).await? else {
        return no_seats(case, activation).await;
    };
    let seats = wanted.max(own.seats);
    let grant = Grant { reach_at_least, ..Grant::fresh(case, activation, seats) };
    let outcome = issue::next(case, activation, own, grant).await?;
    case.tell("re-attach", Some(&own.id), false, json!({ "seats": seats })).await?;
    Ok(outcome)
}

async fn as_repair(
    case: &mut Case<'_>,
    activation: &Activation,
    own: &Fulfillment,
    wanted: i64,
) -> Result<Outcome> {
    let key = case.request.fresh_key.unwrap_or(case.request.device_key);
    if fulfillment::is_replaced(case.db, &own.id, key).await? {
        return Ok(Outcome::obsolete(own, ObsoleteReason::HeldElsewhere));
    }
    let full = limits::exhausted_until(case.db, activation, Tally::Repair, case.now).await?;
    if let Some(until) = full {
        case.tell("refused: repair limit", Some(&own.id), true, json!({})).await?;
        return Ok(Outcome::denied_until(Refusal::RepairLimit, until));
    }
    let Some(reach_at_least) = take(case, activation, (wanted - own.seats).max(0)).await? else {
        return no_seats(case, activation).await;
    };
    let beyond =
        limits::count(case.db, case.random, activation.id, Tally::Repair, case.now).await?;
    if key != own.device_key {
        fulfillment::replace_key(case.db, own, case.now).await?;
    }
    let seats = wanted.max(own.seats);
    let grant = Grant { device_key: key, reach_at_least, ..Grant::fresh(case, activation, seats) };
    let outcome = issue::next(case, activation, own, grant).await?;
    let detail = json!({ "seats": seats, "store": case.request.store.id.to_string(),
        "by_allowance": beyond });
    case.tell("re-attach as repair", Some(&own.id), true, detail).await?;
    Ok(outcome)
}
