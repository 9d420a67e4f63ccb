//! Issuing rights: a new record, or the next generation of one, signed and kept verbatim.

use lm_protocol::envelope::sign;
use lm_protocol::{Evidence, PublicKey, Record, Verdict};

use super::activation::{Activation, Entitlement};
use super::case::{Case, Outcome};
use super::fulfillment::{self, Fulfillment, HolderRef};
use crate::error::{Result, damaged};
use crate::ports::new_id;

const DAY: i64 = 86_400;
/// How long a grant waits to be applied.
const APPLY_WITHIN: i64 = 30 * DAY;

/// A lease and its grace; 0: none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) until: i64,
    pub(super) grace_until: i64,
}

impl Lease {
    /// The lease that a contact at `now` gives, within the term.
    pub(super) fn given_at(now: i64, entitlement: &Entitlement) -> Self {
        let terms = &entitlement.terms;
        if terms.lease == 0 {
            return Self { until: 0, grace_until: 0 };
        }
        let end = if entitlement.expires_at == 0 { i64::MAX } else { entitlement.expires_at };
        let until = now.saturating_add(terms.lease).min(end);
        Self { until, grace_until: until.saturating_add(terms.grace).min(end) }
    }
}

/// What a record is to say.
pub(super) struct Grant {
    pub(super) seats: i64,
    pub(super) device_key: PublicKey,
    pub(super) host: Evidence,
    pub(super) lease: Lease,
    /// Until when an older copy may work that the portal knows of; 0: none.
    pub(super) reach_at_least: i64,
}

impl Grant {
    /// For the machine that asks, with a lease from now on.
    pub(super) fn fresh(case: &Case<'_>, activation: &Activation, seats: i64) -> Self {
        Self {
            seats,
            device_key: case.request.device_key,
            host: case.request.host.clone(),
            lease: Lease::given_at(case.now, &activation.entitlement),
            reach_at_least: 0,
        }
    }

    /// The reach of the fulfillment with this record: the record's, and no sooner than an older
    /// copy's. `None`: without bound.
    fn reach(&self, record: &Record) -> Option<i64> {
        record.reach().map(|reach| reach.max(self.reach_at_least))
    }
}

/// Issues a new fulfillment. Its seats have been taken by the caller, in this transaction.
pub(super) async fn first(
    case: &mut Case<'_>,
    activation: &Activation,
    grant: Grant,
) -> Result<Outcome> {
    let id = new_id(case.random, "F")?;
    let record = record(case, activation, &grant, (&id, 1))?;
    let text = sign(&record, &[&case.identity.online])?;
    let holder = HolderRef::of(case.request);
    sqlx::query(
        "INSERT INTO fulfillments (fulfillment_id, activation_id, state, generation, seats, scope,
            user_hash, host, host_id, host_label, device_key, op, previous_op, record, lease_until,
            grace_until, reach, owed, activated_at, last_contact)
         VALUES ($1, $2, 'live', 1, $3, $4, $5, $6, $7, $8, $9, $10, '', $11, $12, $13, $14, $15,
            $16, $16)",
    )
    .bind(id.as_str())
    .bind(activation.id.to_string())
    .bind(grant.seats)
    .bind(holder.scope)
    .bind(holder.user)
    .bind(fulfillment::json(&grant.host)?)
    .bind(grant.host.host_id())
    .bind(case.request.host_label.as_str())
    .bind(grant.device_key.to_string())
    .bind(case.request.op.to_string())
    .bind(text.as_str())
    .bind(grant.lease.until)
    .bind(grant.lease.grace_until)
    .bind(grant.reach(&record))
    .bind(grant.reach_at_least)
    .bind(case.now)
    .execute(&mut *case.db)
    .await?;
    Ok(Outcome { about: Some((id, 1)), verdict: Verdict::Granted { record: text } })
}

/// Issues the next generation of a fulfillment.
pub(super) async fn next(
    case: &mut Case<'_>,
    activation: &Activation,
    before: &Fulfillment,
    grant: Grant,
) -> Result<Outcome> {
    let generation = before.generation + 1;
    let record = record(case, activation, &grant, (&before.id, generation))?;
    let text = sign(&record, &[&case.identity.online])?;
    // The latest of all that was ever signed: what was without bound stays so.
    let reach = before.reach.zip(grant.reach(&record)).map(|(old, new)| old.max(new));
    let done = sqlx::query(
        "UPDATE fulfillments SET generation = $1, seats = $2, host = $3, host_id = $4,
            host_label = $5, device_key = $6, previous_op = op, op = $7, record = $8,
            lease_until = $9, grace_until = $10, reach = $11, last_contact = $12, owed = $15
         WHERE fulfillment_id = $13 AND state = 'live' AND generation = $14",
    )
    .bind(generation)
    .bind(grant.seats)
    .bind(fulfillment::json(&grant.host)?)
    .bind(grant.host.host_id())
    .bind(case.request.host_label.as_str())
    .bind(grant.device_key.to_string())
    .bind(case.request.op.to_string())
    .bind(text.as_str())
    .bind(grant.lease.until)
    .bind(grant.lease.grace_until)
    .bind(reach)
    .bind(case.now)
    .bind(before.id.as_str())
    .bind(before.generation)
    .bind(before.owed.max(grant.reach_at_least))
    .execute(&mut *case.db)
    .await?;
    if done.rows_affected() != 1 {
        return Err(damaged("a fulfillment moved under its lock"));
    }
    let about = Some((before.id.clone(), generation));
    Ok(Outcome { about, verdict: Verdict::Granted { record: text } })
}

fn record(
    case: &Case<'_>,
    activation: &Activation,
    grant: &Grant,
    (id, generation): (&str, i64),
) -> Result<Record> {
    let entitlement = &activation.entitlement;
    let end = [grant.lease.until, entitlement.expires_at].into_iter().filter(|end| *end > 0).min();
    let apply_by = case.now.saturating_add(APPLY_WITHIN).min(end.unwrap_or(i64::MAX));
    Ok(Record {
        vendor: case.identity.vendor.clone(),
        product: entitlement.product.clone(),
        activation_id: activation.id,
        fulfillment_id: id.to_owned(),
        generation: u64::try_from(generation).map_err(|_| damaged("a generation"))?,
        op: case.request.op,
        epoch: u64::try_from(case.identity.epoch).map_err(|_| damaged("the epoch"))?,
        kind: activation.kind,
        seats: u32::try_from(grant.seats).map_err(|_| damaged("seats"))?,
        features: entitlement.features.clone(),
        holder: case.request.holder.clone(),
        host: grant.host.clone(),
        device_key: grant.device_key,
        issued_at: case.now,
        starts_at: entitlement.starts_at,
        expires_at: entitlement.expires_at,
        lease_until: grant.lease.until,
        grace_until: grant.lease.grace_until,
        apply_by,
        terms: entitlement.terms.clone(),
    })
}
