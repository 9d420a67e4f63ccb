//! An entry of the store → what a judgment needs: its record verified again, its facts.

use lm_protocol::{Evidence, Keyring, Operation, Record, Verified};

use super::state::{Entry, Pending};
use crate::policy::{Facts, Outstanding, PendingKind};

/// Verifies an entry's record and that it is of this product and activation ID. `None`: there is
/// none, or its signature does not stand.
pub(super) fn verify(keyring: &Keyring, product: &str, entry: &Entry) -> Option<Verified<Record>> {
    let record = keyring.verify::<Record>(entry.record.as_ref()?).ok()?;
    (record.product == product && record.activation_id == entry.activation_id).then_some(record)
}

/// The facts of an entry, its record verified before.
pub(super) fn facts(entry: &Entry, record: Option<&Record>, host: &Evidence) -> Facts {
    let pending = pending_kind(entry.pending.as_ref());
    let unsigned = Facts {
        has_record: entry.record.is_some(),
        pending,
        restore_trusted: !entry.restored,
        orphaned: entry.orphaned.is_some(),
        held_elsewhere: entry.orphaned == Some(lm_protocol::ObsoleteReason::HeldElsewhere),
        too_late: entry.too_late,
        ..Facts::default()
    };
    let Some(record) = record else { return unsigned };
    Facts {
        signature_trusted: true,
        host_trusted: record.host.matches(host),
        kind: Some(record.kind),
        seats: seats_left(record, entry.pending.as_ref()),
        starts_at: record.starts_at,
        expires_at: record.expires_at,
        lease_until: record.lease_until,
        grace_until: record.grace_until,
        clock_tolerance: record.terms.clock_tolerance,
        ..unsigned
    }
}

/// What is outstanding, as the rules see it.
pub(super) fn outstanding(entry: Option<&Entry>) -> Option<Outstanding> {
    let pending = entry?.pending.as_ref()?;
    Some(match pending.operation {
        Operation::Activate { .. } => Outstanding::Activate,
        Operation::MoreSeats { .. } => Outstanding::MoreSeats,
        Operation::Abandon { .. } => Outstanding::Abandon,
        Operation::Return { .. } => Outstanding::Return,
        Operation::Refresh { .. } => Outstanding::Refresh,
    })
}

fn pending_kind(pending: Option<&Pending>) -> PendingKind {
    match pending.map(|pending| &pending.operation) {
        Some(Operation::Activate { .. }) => PendingKind::Activation,
        Some(Operation::Abandon { .. }) => PendingKind::Abandon,
        Some(Operation::Return { seats: 0, .. }) => PendingKind::ReturnAll,
        Some(Operation::Return { .. }) => PendingKind::ReturnSome,
        Some(Operation::MoreSeats { .. } | Operation::Refresh { .. }) | None => PendingKind::None,
    }
}

/// Seats on their way back are out of use from the intent on.
fn seats_left(record: &Record, pending: Option<&Pending>) -> u32 {
    match pending.map(|pending| &pending.operation) {
        Some(Operation::Return { seats: 0, .. }) => 0,
        Some(Operation::Return { seats, .. }) => record.seats.saturating_sub(*seats),
        _ => record.seats,
    }
}

/// `ortho raster`: the features' names.
pub(super) fn features_text(record: &Record) -> String {
    record.features.iter().map(|feature| feature.name.as_str()).collect::<Vec<_>>().join(" ")
}
