//! Abandon: an activate whose answer is not known is undone, or will never be granted.

use lm_protocol::{Id, Refusal, Verdict};
use serde_json::json;

use super::activation::Activation;
use super::case::{Case, Outcome};
use super::fulfillment::{self, Fulfillment, HolderRef, State};
use super::limits::{self, Tally};
use super::ops::{self, Known};
use super::release::Release;
use crate::error::{Error, Result};

/// `activation` is `None` where the ID isn't known: even then a late activate must be refused.
pub(super) async fn abandon(
    case: &mut Case<'_>,
    activation: Option<&Activation>,
    activate: Id,
) -> Result<Outcome> {
    let Some(known) = ops::find(case.db, activate).await? else {
        ops::tombstone(case.db, case.now, activate, case.request.activation_id).await?;
        return Ok(done(None));
    };
    if known.is_tombstone() {
        return Ok(done(None));
    }
    if known.ask != "activate" || known.activation_id != case.request.activation_id.to_string() {
        return Err(Error::NotAnActivate);
    }
    let granted = match activation {
        Some(activation) if known.verdict == "granted" => {
            granted(case, &known).await?.map(|granted| (activation, granted))
        }
        _ => None,
    };
    let Some((activation, granted)) = granted else {
        // Refused, or granted and moved on since: the grant is never given again (rule 2).
        return Ok(done(None));
    };
    if !known.was_signed_by(case.request.device_key)
        && case.request.device_key != granted.device_key
    {
        case.tell("foreign device key", Some(&granted.id), true, json!({ "asked": "abandon" }))
            .await?;
        return Ok(Outcome::denied(Refusal::HostMismatch));
    }
    free(case, activation, &granted).await
}

/// The fulfillment that the activate gave, while it stands as that answer gave it.
async fn granted(case: &mut Case<'_>, known: &Known) -> Result<Option<Fulfillment>> {
    let found = fulfillment::find(case.db, &known.fulfillment_id).await?;
    Ok(found.filter(|fulfillment| {
        fulfillment.state == State::Live && fulfillment.generation == known.generation
    }))
}

async fn free(
    case: &mut Case<'_>,
    activation: &Activation,
    granted: &Fulfillment,
) -> Result<Outcome> {
    let same_host =
        HolderRef::of(case.request) == granted.holder && granted.host.matches(&case.request.host);
    let release = Release::of(activation, granted, same_host);
    let seats = granted.seats;
    if !release.carry_out(case.db, case.random, granted, seats, case.now).await? {
        case.tell("refused: another host", Some(&granted.id), true, json!({})).await?;
        return Ok(Outcome::denied(Refusal::HostMismatch));
    }
    // The seats are back as after a return, so it counts as one: else activate and abandon, over and
    // over, would move a license about past its limit. But it is never refused for that: an honest
    // client abandons after a crash, can't go back to a grant that it never saw, and would ask for
    // ever while the seats are stranded. Past the limit a person is to look at it instead.
    // What was allowed beyond the limit is kept for a return.
    let limit = limits::reached_until(case.db, activation, Tally::Return, case.now).await?;
    limits::note(case.db, case.random, activation.id, Tally::Return, case.now).await?;
    fulfillment::close(case.db, granted, State::Returned, case.now).await?;
    let detail = json!({ "seats": seats, "cooling": release.cools(granted, case.now),
        "past_return_limit": limit.is_some() });
    case.tell("abandon", Some(&granted.id), !same_host || limit.is_some(), detail).await?;
    Ok(done(Some(granted)))
}

fn done(freed: Option<&Fulfillment>) -> Outcome {
    match freed {
        Some(fulfillment) => Outcome::of(fulfillment, Verdict::Abandoned),
        None => Outcome { about: None, verdict: Verdict::Abandoned },
    }
}
