//! Repair: trust again in a record whose store was put back from a backup or whose clock ran wild, on the
//! host that it was issued to. The same fulfillment, one generation up, no second seat.
//!
//! Free where the record is current: then nothing was put back. Else its store is an older copy, or a
//! cloned one: that needs a strict host match, counts against the repair limit, and is flagged. A
//! repair that is refused is refused for ever, and changes nothing.

use lm_protocol::Refusal;
use serde_json::json;

use super::activate::host_or_term;
use super::activation::Activation;
use super::case::{Case, Outcome};
use super::fulfillment::{Fulfillment, HolderRef};
use super::issue::{self, Grant};
use super::limits::{self, Tally};
use super::standing::{self, is_from_its_host, speaks_for};
use crate::error::Result;

pub(super) async fn repair(case: &mut Case<'_>, activation: &Activation) -> Result<Outcome> {
    let held = match standing::find(case, activation).await? {
        Ok(held) => held,
        Err(outcome) => return Ok(outcome),
    };
    if let Some(refusal) = host_or_term(case, activation) {
        return Ok(Outcome::denied(refusal));
    }
    let is_free = speaks_for(case, &held) && is_from_its_host(case, &held);
    let mut beyond = false;
    if !is_free {
        match counted(case, activation, &held).await? {
            Ok(by_allowance) => beyond = by_allowance,
            Err(refused) => return Ok(refused),
        }
    }
    let grant = Grant::fresh(case, activation, held.seats);
    let outcome = issue::next(case, activation, &held, grant).await?;
    let detail = json!({ "seats": held.seats, "counted": !is_free, "by_allowance": beyond,
        "store": case.request.store.id.to_string() });
    case.tell("repair", Some(&held.id), !is_free, detail).await?;
    Ok(outcome)
}

/// Counts a repair that isn't free, and says whether it was beyond the limit; or gives the refusal.
async fn counted(
    case: &mut Case<'_>,
    activation: &Activation,
    held: &Fulfillment,
) -> Result<std::result::Result<bool, Outcome>> {
    let same_host = HolderRef::of(case.request) == held.holder
        && held.host.matches_strictly(&case.request.host);
    if !same_host {
        case.tell("refused: another host", Some(&held.id), true, json!({ "asked": "repair" }))
            .await?;
        return Ok(Err(Outcome::denied(Refusal::HostMismatch)));
    }
    let full = limits::exhausted_until(case.db, activation, Tally::Repair, case.now).await?;
    if let Some(until) = full {
        case.tell("refused: repair limit", Some(&held.id), true, json!({})).await?;
        return Ok(Err(Outcome::denied_until(Refusal::RepairLimit, until)));
    }
    let beyond = limits::count(case.db, case.random, activation.id, Tally::Repair, case.now);
    Ok(Ok(beyond.await?))
}
