//! Client return: the machine has stopped using the seats, and gives all or some of them back.

use lm_protocol::{Refusal, Verdict};
use serde_json::json;

use super::activation::Activation;
use super::case::{Case, Outcome};
use super::fulfillment::{self, State};
use super::issue::{self, Grant};
use super::limits::{self, Tally};
use super::ops;
use super::release::Release;
use super::standing::{self, Standing};
use crate::error::Result;

pub(super) async fn return_(
    case: &mut Case<'_>,
    activation: &Activation,
    asked: u32,
) -> Result<Outcome> {
    let (held, same_host) = match standing::judge(case, activation).await? {
        Standing::Current { fulfillment, same_host } => (fulfillment, same_host),
        Standing::Not(outcome) => {
            // Only where a return is denied is the unanswered operation asked again.
            if !matches!(outcome.verdict, Verdict::Denied { .. }) {
                take_the_place_of_the_unanswered(case).await?;
            }
            return Ok(outcome);
        }
    };
    let seats = if asked == 0 { held.seats } else { i64::from(asked) };
    if seats > held.seats {
        return Ok(Outcome::denied(Refusal::TooManySeats));
    }
    let full = limits::exhausted_until(case.db, activation, Tally::Return, case.now).await?;
    if let Some(until) = full {
        case.tell("refused: return limit", Some(&held.id), false, json!({})).await?;
        return Ok(Outcome::denied_until(Refusal::ReturnLimit, until));
    }
    let all = seats == held.seats;
    let release = Release::of(activation, &held, same_host);
    // What is left of a record is never issued to a host that isn't its own.
    if !(all || same_host)
        || !release.carry_out(case.db, case.random, &held, seats, case.now).await?
    {
        case.tell("refused: another host", Some(&held.id), true, json!({})).await?;
        return Ok(Outcome::denied(Refusal::HostMismatch));
    }
    take_the_place_of_the_unanswered(case).await?;
    let beyond =
        limits::count(case.db, case.random, activation.id, Tally::Return, case.now).await?;
    let outcome = if all {
        fulfillment::close(case.db, &held, State::Returned, case.now).await?;
        fulfillment::contact(case.db, &held.id, case.now).await?;
        Outcome::of(&held, Verdict::Returned)
    } else {
        let grant = Grant::fresh(case, activation, held.seats - seats);
        issue::next(case, activation, &held, grant).await?
    };
    let detail = json!({ "seats": seats, "cooling": release.cools(&held, case.now),
        "by_allowance": beyond });
    case.tell("return", Some(&held.id), !same_host, detail).await?;
    Ok(outcome)
}

/// Rule 7: a return takes the place of the operation that is still unanswered. What the portal
/// has not seen of it must never come.
async fn take_the_place_of_the_unanswered(case: &mut Case<'_>) -> Result<()> {
    if let Some(unanswered) = case.request.unanswered
        && unanswered != case.request.op
        && ops::find(case.db, unanswered).await?.is_none()
    {
        ops::tombstone(case.db, case.now, unanswered, case.request.activation_id).await?;
    }
    Ok(())
}
