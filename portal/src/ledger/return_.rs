//! Client return: the machine has stopped using the seats, and gives all or some of them back.

use lm_protocol::{Refusal, Verdict};
use serde_json::json;
use sqlx::AnyConnection;

use super::activation::Activation;
use super::case::{Case, Outcome};
use super::fulfillment::{self, Fulfillment, State};
use super::issue::{self, Grant};
use super::limits::{self, Tally};
use super::standing::{self, Standing};
use super::{ops, seats};
use crate::error::Result;
use crate::ports::Random;

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
    limits::count(case.db, case.random, activation.id, Tally::Return, case.now).await?;
    let outcome = if all {
        fulfillment::close(case.db, &held, State::Returned, case.now).await?;
        fulfillment::contact(case.db, &held.id, case.now).await?;
        Outcome::of(&held, Verdict::Returned)
    } else {
        let grant = Grant::fresh(case, activation, held.seats - seats);
        issue::next(case, activation, &held, grant).await?
    };
    let detail = json!({ "seats": seats, "cooling": release == Release::Cool });
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

/// How seats leave a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// They are available at once.
    AtOnce,
    /// They cool until the record's reach.
    Cool,
}

impl Release {
    /// After the word of a machine: a host that isn't the record's proves nothing about the one
    /// that is, so the seats cool in either mode.
    pub(super) const fn of(activation: &Activation, held: &Fulfillment, same_host: bool) -> Self {
        let bounded_and_strict = activation.entitlement.terms.strict && held.reach.is_some();
        if bounded_and_strict || !same_host { Self::Cool } else { Self::AtOnce }
    }

    /// Moves the seats. `false`: they would have to cool without end, and nothing was changed.
    pub(crate) async fn carry_out(
        self,
        db: &mut AnyConnection,
        random: &dyn Random,
        held: &Fulfillment,
        seats: i64,
        now: i64,
    ) -> Result<bool> {
        match (self, held.reach) {
            (Self::AtOnce, _) => seats::free(db, held.activation_id, seats).await?,
            // In the second of its reach itself a copy may still work.
            (Self::Cool, Some(until)) if until < now => {
                seats::free(db, held.activation_id, seats).await?;
            }
            (Self::Cool, Some(until)) => seats::cool(db, random, held, seats, until).await?,
            (Self::Cool, None) => return Ok(false),
        }
        Ok(true)
    }
}
