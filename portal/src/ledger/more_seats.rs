//! More seats on a record that stands: the difference, one generation up. Denied changes nothing.

use lm_protocol::{Kind, Refusal};
use serde_json::json;

use super::activate::{host_or_term, no_seats, take};
use super::activation::Activation;
use super::case::{Case, Outcome};
use super::issue::{self, Grant};
use super::standing::{self, Standing};
use crate::error::Result;

pub(super) async fn more_seats(
    case: &mut Case<'_>,
    activation: &Activation,
    wanted: u32,
) -> Result<Outcome> {
    let (fulfillment, same_host) = match standing::judge(case, activation).await? {
        Standing::Current { fulfillment, same_host } => (fulfillment, same_host),
        Standing::Not(outcome) => return Ok(outcome),
    };
    if !same_host {
        return Ok(Outcome::denied(Refusal::HostMismatch));
    }
    if activation.kind == Kind::Nl && wanted != 1 {
        return Ok(Outcome::denied(Refusal::WrongKind));
    }
    if let Some(refusal) = host_or_term(case, activation) {
        return Ok(Outcome::denied(refusal));
    }
    let more = i64::from(wanted) - fulfillment.seats;
    let Some(reach_at_least) = take(case, activation, more.max(0)).await? else {
        return no_seats(case, activation).await;
    };
    let seats = fulfillment.seats.max(i64::from(wanted));
    let grant = Grant { reach_at_least, ..Grant::fresh(case, activation, seats) };
    let outcome = issue::next(case, activation, &fulfillment, grant).await?;
    case.tell("more seats", Some(&fulfillment.id), false, json!({ "seats": seats })).await?;
    Ok(outcome)
}
