//! An entry of the store → what a judgment needs: its record verified again, its facts.

use lm_protocol::{Evidence, Holder, Keyring, Operation, Record, Verified};

use super::state::{Entry, Pending};
use crate::policy::{Facts, Outstanding, PendingKind};

/// Verifies an entry's record and that it is of this product and activation ID. `None`: there is
/// none, or its signature does not stand.
pub(super) fn verify(keyring: &Keyring, product: &str, entry: &Entry) -> Option<Verified<Record>> {
    let record = keyring.verify::<Record>(entry.record.as_ref()?).ok()?;
    (record.product == product && record.activation_id == entry.activation_id).then_some(record)
}

/// The facts of an entry, its record verified before. Another user's record is as untrusted as
/// another machine's: each holder takes its own seats.
pub(super) fn facts(
    entry: &Entry,
    record: Option<&Record>,
    holder: &Holder,
    host: &Evidence,
) -> Facts {
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
        host_trusted: record.holder == *holder && record.host.matches(host),
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
        Operation::Repair { .. } => Outstanding::Repair,
    })
}

fn pending_kind(pending: Option<&Pending>) -> PendingKind {
    match pending.map(|pending| &pending.operation) {
        Some(Operation::Activate { .. }) => PendingKind::Activation,
        Some(Operation::Abandon { .. }) => PendingKind::Abandon,
        Some(Operation::Return { seats: 0, .. }) => PendingKind::ReturnAll,
        Some(Operation::Return { .. }) => PendingKind::ReturnSome,
        Some(
            Operation::MoreSeats { .. } | Operation::Refresh { .. } | Operation::Repair { .. },
        )
        | None => PendingKind::None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::state::Seed;
    use lm_protocol::{ActivationId, Bytes32, Id, Kind, PublicKey, Scope, Terms};

    fn holder(user: u8) -> Holder {
        Holder { scope: Scope::User, user: Some(Id([user; 16])) }
    }

    fn host() -> Evidence {
        let kind = lm_protocol::FactorKind::MachineId;
        let factor = lm_protocol::Factor { kind, values: vec![Id([1; 16])] };
        Evidence { machine: lm_protocol::MachineKind::Physical, factors: vec![factor] }
    }

    fn record() -> Record {
        Record {
            vendor: "vendor".to_owned(),
            product: "ortho".to_owned(),
            activation_id: ActivationId::from_random([1; 10]),
            fulfillment_id: "F-1".to_owned(),
            generation: 1,
            op: Id([2; 16]),
            epoch: 1,
            kind: Kind::Cc,
            seats: 5,
            features: Vec::new(),
            holder: holder(1),
            host: host(),
            device_key: PublicKey(Bytes32([0; 32])),
            issued_at: 1,
            starts_at: 0,
            expires_at: 0,
            lease_until: 0,
            grace_until: 0,
            apply_by: 0,
            terms: Terms::default(),
        }
    }

    fn entry(pending: Option<Operation>) -> Entry {
        Entry {
            activation_id: ActivationId::from_random([1; 10]),
            record: Some(String::new()),
            device_key: Seed::new([0; 32]),
            restored: false,
            orphaned: None,
            too_late: false,
            pending: pending.map(|operation| Pending {
                op: Id([3; 16]),
                operation,
                request: String::new(),
                fresh_key: None,
                displaced: None,
                restored: false,
                file: None,
            }),
            activated_at: 0,
            contacted_at: 0,
        }
    }

    /// One user's store, readable by others, serves nobody else.
    #[test]
    fn another_users_record_is_as_untrusted_as_another_machines() {
        let trusted = |user, host: &Evidence| {
            facts(&entry(None), Some(&record()), &holder(user), host).host_trusted
        };
        assert!(trusted(1, &host()));
        assert!(!trusted(2, &host()));
        assert!(!trusted(1, &Evidence::default()));
    }

    #[test]
    fn seats_on_their_way_back_are_out_of_use() {
        let giving_back = |seats| {
            let fulfillment_id = "F-1".to_owned();
            let pending = Operation::Return { seats, fulfillment_id, generation: 1 };
            let facts = facts(&entry(Some(pending)), Some(&record()), &holder(1), &host());
            (facts.pending, facts.seats)
        };
        assert_eq!(giving_back(2), (PendingKind::ReturnSome, 3));
        assert_eq!(giving_back(0), (PendingKind::ReturnAll, 0));
    }
}
