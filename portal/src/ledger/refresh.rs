//! Refresh: one generation up, a new lease, today's terms and evidence.

use lm_protocol::Refusal;
use serde_json::json;

use super::activate::host_or_term;
use super::activation::Activation;
use super::case::{Case, Outcome};
use super::issue::{self, Grant};
use super::standing::{self, Standing};
use crate::error::Result;

pub(super) async fn refresh(case: &mut Case<'_>, activation: &Activation) -> Result<Outcome> {
    let (fulfillment, same_host) = match standing::judge(case, activation).await? {
        Standing::Current { fulfillment, same_host } => (fulfillment, same_host),
        Standing::Not(outcome) => return Ok(outcome),
    };
    if !same_host {
        case.tell("refused: another host", Some(&fulfillment.id), true, json!({})).await?;
        return Ok(Outcome::denied(Refusal::HostMismatch));
    }
    if let Some(refusal) = host_or_term(case, activation) {
        return Ok(Outcome::denied(refusal));
    }
    let grant = Grant::fresh(case, activation, fulfillment.seats);
    issue::next(case, activation, &fulfillment, grant).await
}
