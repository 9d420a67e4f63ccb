//! Activate: this machine holds so many seats in total. The same holder re-attaches; another one
//! takes seats, if there are any.

use lm_protocol::{Kind, MachineKind, Refusal, Verdict};
use serde_json::json;

use super::activation::Activation;
use super::case::{Case, Outcome};
use super::fulfillment::{self, HolderRef};
use super::issue::{self, Grant};
use super::{reattach, seats};
use crate::error::Result;

/// How many holders a refusal names at most, so that it stays within its bounds.
const HOLDERS_TOLD: usize = 32;

pub(super) async fn activate(
    case: &mut Case<'_>,
    activation: &Activation,
    wanted: u32,
) -> Result<Outcome> {
    if let Some(refusal) = refused(case, activation, wanted) {
        return Ok(Outcome::denied(refusal));
    }
    if let Some(outcome) = reattach::reattach(case, activation, i64::from(wanted)).await? {
        return Ok(outcome);
    }
    let wanted = i64::from(wanted);
    let Some(reach_at_least) = take(case, activation, wanted).await? else {
        return no_seats(case, activation).await;
    };
    let grant = Grant { reach_at_least, ..Grant::fresh(case, activation, wanted) };
    let outcome = issue::first(case, activation, grant).await?;
    let id = outcome.about.as_ref().map(|(id, _)| id.clone());
    case.tell("activate", id.as_deref(), false, json!({ "seats": wanted })).await?;
    Ok(outcome)
}

/// What refuses an activate whatever the seats.
fn refused(case: &Case<'_>, activation: &Activation, wanted: u32) -> Option<Refusal> {
    let entitlement = &activation.entitlement;
    if entitlement.product != case.request.product {
        Some(Refusal::WrongProduct)
    } else if !activation.active {
        Some(Refusal::IdInactive)
    } else if activation.kind == Kind::Nl && wanted != 1 {
        Some(Refusal::WrongKind)
    } else {
        host_or_term(case, activation)
    }
}

/// Whether policy refuses this kind of machine, or the term is over. A term that has not begun
/// refuses nothing: its record is not yet valid.
pub(super) fn host_or_term(case: &Case<'_>, activation: &Activation) -> Option<Refusal> {
    let entitlement = &activation.entitlement;
    let allowed = match case.request.host.machine {
        MachineKind::Virtual => entitlement.terms.virtual_machines,
        MachineKind::Container => entitlement.terms.containers,
        MachineKind::Physical | MachineKind::Given => true,
    };
    if !allowed {
        Some(Refusal::HostRefused)
    } else if entitlement.expires_at != 0 && entitlement.expires_at < case.now {
        Some(Refusal::Expired)
    } else {
        None
    }
}

/// Takes seats: those that cool for this very holder first, then what is available; all or none.
/// Gives until when a copy may work that the cooling seats waited for; 0: none. `None`: not taken.
pub(super) async fn take(
    case: &mut Case<'_>,
    activation: &Activation,
    wanted: i64,
) -> Result<Option<i64>> {
    let holder = HolderRef::of(case.request);
    let host = &case.request.host;
    let own = seats::own_cooling(case.db, activation.id, &holder, host).await?;
    let own_taken = own.total().min(wanted);
    if wanted > own_taken && !seats::take(case.db, activation.id, wanted - own_taken).await? {
        return Ok(None);
    }
    seats::take_cooling(case.db, activation.id, &own, own_taken).await.map(Some)
}

/// The refusal for want of seats; it names the machines that hold them, where policy allows.
pub(super) async fn no_seats(case: &mut Case<'_>, activation: &Activation) -> Result<Outcome> {
    let mut detail = String::new();
    if activation.entitlement.tell_holders {
        let live = fulfillment::live(case.db, activation.id).await?;
        let holders: Vec<_> = live
            .iter()
            .take(HOLDERS_TOLD)
            .map(|holder| {
                json!({ "fulfillment_id": holder.id, "host_id": holder.host_id,
                    "host_label": holder.host_label, "seats": holder.seats,
                    "last_contact": holder.last_contact })
            })
            .collect();
        let cools_at = seats::cools_at(case.db, activation.id).await?;
        detail = json!({ "seats": activation.quantity, "holders": holders,
            "cools_at": cools_at, "owner_release": activation.entitlement.owner_release })
        .to_string();
    }
    case.tell("refused: no seats", None, false, json!({})).await?;
    let verdict = Verdict::Denied { refusal: Refusal::NoSeats, retry_at: 0, detail };
    Ok(Outcome { about: None, verdict })
}
