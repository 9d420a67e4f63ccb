//! Whether a message about a record may speak for it: the fulfillment stands, the device key is
//! its own, the generation is current, and the signed record of that generation comes with it
//! (rule 7).

use lm_protocol::{ObsoleteReason, Refusal, Verdict};
use serde_json::json;

use super::activation::Activation;
use super::case::{Case, Outcome};
use super::epoch;
use super::fulfillment::{self, Fulfillment, HolderRef};
use crate::error::Result;

/// What a message about a record meets.
pub(super) enum Standing {
    /// The fulfillment stands and the message speaks for it.
    Current {
        /// The fulfillment.
        fulfillment: Box<Fulfillment>,
        /// Whether the host is, by its evidence, the one that it was issued to.
        same_host: bool,
    },
    /// It doesn't; nothing was changed.
    Not(Outcome),
}

/// Judges a message about a record, up to the host evidence, which each message treats in its own way.
pub(super) async fn judge(case: &mut Case<'_>, activation: &Activation) -> Result<Standing> {
    let fulfillment = match find(case, activation).await? {
        Ok(fulfillment) => fulfillment,
        Err(outcome) => return Ok(Standing::Not(outcome)),
    };
    let same_host = is_from_its_host(case, &fulfillment);
    if speaks_for(case, &fulfillment) {
        return Ok(Standing::Current { fulfillment: Box::new(fulfillment), same_host });
    }
    let (_, generation) = case.request.about().unwrap_or_default();
    let detail = json!({ "asked": ask(case), "named": generation,
        "carried": case.record.map(|record| record.generation),
        "current": fulfillment.generation, "same_host": same_host });
    let generation = i64::try_from(generation).unwrap_or(i64::MAX);
    let what = if is_current(case, &fulfillment, generation) {
        "record that does not stand"
    } else if generation > fulfillment.generation && carries_what_it_names(case) {
        // Signed by this portal, and forgotten: it was put back without `restore`, say.
        "newer than this portal knows"
    } else {
        "clone or restored copy"
    };
    case.tell(what, Some(&fulfillment.id), true, detail).await?;
    Ok(Standing::Not(Outcome::of(&fulfillment, Verdict::Stale)))
}

/// The fulfillment that a message names, where it stands and the message's key may speak about it; else
/// the answer.
pub(super) async fn find(
    case: &mut Case<'_>,
    activation: &Activation,
) -> Result<std::result::Result<Fulfillment, Outcome>> {
    let not = |outcome| Ok(Err(outcome));
    if activation.entitlement.product != case.request.product {
        return not(Outcome::denied(Refusal::WrongProduct));
    }
    let Some((id, _)) = case.request.about() else {
        return not(Outcome::denied(Refusal::HostMismatch));
    };
    let Some(fulfillment) = own(case, activation, id).await? else {
        return not(not_found(case, activation).await?);
    };
    if let Some(outcome) = wrong_key(case, &fulfillment).await? {
        return not(outcome);
    }
    if let Some(reason) = fulfillment.state.gone() {
        fulfillment::contact(case.db, &fulfillment.id, case.now).await?;
        return not(Outcome::obsolete(&fulfillment, reason));
    }
    Ok(Ok(fulfillment))
}

/// Whether the holder asks, on the host that it was issued to by its evidence.
pub(super) fn is_from_its_host(case: &Case<'_>, fulfillment: &Fulfillment) -> bool {
    HolderRef::of(case.request) == fulfillment.holder
        && fulfillment.host.matches(&case.request.host)
}

/// Whether a message names the current generation and carries the record of it.
pub(super) fn speaks_for(case: &Case<'_>, fulfillment: &Fulfillment) -> bool {
    let (_, generation) = case.request.about().unwrap_or_default();
    let generation = i64::try_from(generation).unwrap_or(i64::MAX);
    is_current(case, fulfillment, generation) && carries_what_it_names(case)
}

/// Current: the portal's generation, or the one before while the operation that made the portal's
/// is still unanswered for the client.
pub(super) fn is_current(case: &Case<'_>, fulfillment: &Fulfillment, generation: i64) -> bool {
    generation == fulfillment.generation
        || (generation.checked_add(1) == Some(fulfillment.generation)
            && case.request.unanswered == Some(fulfillment.op))
}

/// Whether the message carries the very record that it names, as the portal signed it: the
/// generation that it claims is one that it was given. Else it is answered "stale", which ends the
/// operation for the client and leads it to a repair, where its host has to match strictly.
fn carries_what_it_names(case: &Case<'_>) -> bool {
    case.record.is_some_and(|record| {
        case.request.about() == Some((record.fulfillment_id.as_str(), record.generation))
    })
}

async fn own(
    case: &mut Case<'_>,
    activation: &Activation,
    id: &str,
) -> Result<Option<Fulfillment>> {
    let found = fulfillment::find(case.db, id).await?;
    Ok(found.filter(|fulfillment| fulfillment.activation_id == activation.id))
}

/// A fulfillment that this portal doesn't know, and that was not taken in: its holder has another by
/// now, or the activation ID is retired. Else it is refused, as is whatever this portal never signed.
async fn not_found(case: &mut Case<'_>, activation: &Activation) -> Result<Outcome> {
    let named = case.request.about().unwrap_or_default();
    case.tell("unknown fulfillment", Some(named.0), true, json!({ "asked": ask(case) })).await?;
    Ok(if epoch::own(case, activation).await?.is_some() {
        Outcome::unknown_gone(named, ObsoleteReason::HeldElsewhere)
    } else if activation.active {
        Outcome::denied(Refusal::HostMismatch)
    } else {
        Outcome::unknown_gone(named, ObsoleteReason::Retired)
    })
}

/// A key that a re-attach replaced is told so; a key that was never the record's is refused.
async fn wrong_key(case: &mut Case<'_>, fulfillment: &Fulfillment) -> Result<Option<Outcome>> {
    let key = case.request.device_key;
    if key == fulfillment.device_key {
        return Ok(None);
    }
    if fulfillment::is_replaced(case.db, &fulfillment.id, key).await? {
        return Ok(Some(Outcome::obsolete(fulfillment, ObsoleteReason::HeldElsewhere)));
    }
    if fulfillment.state.gone().is_some() && was_given_since(case, fulfillment) {
        return Ok(None);
    }
    case.tell("foreign device key", Some(&fulfillment.id), true, json!({ "asked": ask(case) }))
        .await?;
    Ok(Some(Outcome::denied(Refusal::HostMismatch)))
}

/// Whether the record that the message carries, as this portal signed it, gives the fulfillment to its
/// key at a later generation than is known: after the backup that was restored.
fn was_given_since(case: &Case<'_>, fulfillment: &Fulfillment) -> bool {
    case.record.is_some_and(|record| {
        record.fulfillment_id == fulfillment.id
            && record.device_key == case.request.device_key
            && i64::try_from(record.generation).is_ok_and(|given| given > fulfillment.generation)
    })
}

fn ask(case: &Case<'_>) -> &'static str {
    super::ops::ask(&case.request.operation)
}
