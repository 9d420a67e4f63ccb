//! The pretended portal: it knows what tests have told it, grants every other activation ID at will,
//! and keeps the protocol's promises, so that the client believes it for the right reasons.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use lm_protocol::envelope::sign;
use lm_protocol::{
    ActivationId, Answer, Evidence, Feature, Id, Keyset, KeysetKey, KeysetStatus, Kind,
    ObsoleteReason, Operation, Record, Refusal, Request, SigningKey, Terms, TrustRoot, Verdict,
};

use crate::error::Result;

const DAY: i64 = 86_400;
/// The portal's epoch: it was never restored.
const EPOCH: u64 = 1;
/// Nobody but this kit believes these keys.
const ROOT: [u8; 32] = [0x74; 32];
const ONLINE: [u8; 32] = [0x6b; 32];
const STRANGER: [u8; 32] = [0x73; 32];

/// What the portal knows and holds.
#[derive(Default)]
pub(crate) struct Portal {
    offers: BTreeMap<ActivationId, Offer>,
    held: BTreeMap<ActivationId, Held>,
    /// The answer to each operation: asked again, it says the same.
    answers: BTreeMap<Id, Answer>,
    /// The highest generation seen of each store.
    stores: BTreeMap<Id, u64>,
    fulfillments: u64,
}

/// What an activation ID grants.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) kind: Kind,
    pub(super) features: Vec<Feature>,
    pub(super) starts_at: i64,
    pub(super) expires_at: i64,
    /// Whether its records have a lease: a week, and three days of grace.
    pub(super) leased: bool,
}

/// A fulfillment.
#[derive(Clone, Debug)]
struct Held {
    fulfillment_id: String,
    generation: u64,
    seats: u32,
    host: Evidence,
}

/// Dates of one record that a test wants, whatever the offer says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dates {
    pub(super) lease_until: i64,
    pub(super) grace_until: i64,
    /// The answer comes after its last day.
    pub(super) too_late: bool,
}

/// How one answer is to be, beside what the portal thinks itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum How {
    /// As it thinks.
    #[default]
    Honest,
    /// All that is asked is granted: the kit is bringing a record into a state.
    Kit(Dates),
    /// Nothing is granted.
    Verdict(Refused),
    /// Granted, too late.
    TooLate,
}

/// Answers that grant nothing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    Denied(Refusal),
    Stale,
    Obsolete(ObsoleteReason),
}

/// The trust root of this portal, for a vendor whose real one this is.
pub(crate) fn trust_root(given: &TrustRoot) -> TrustRoot {
    let keys = SigningKey::from_seed(ROOT).map(|key| vec![key.public()]).unwrap_or_default();
    TrustRoot { keys, ..given.clone() }
}

pub(super) fn online_key() -> Result<SigningKey> {
    Ok(SigningKey::from_seed(ONLINE)?)
}

/// A key that no keyset names.
pub(super) fn strange_key() -> Result<SigningKey> {
    Ok(SigningKey::from_seed(STRANGER)?)
}

/// The keyset's envelope.
pub(super) fn keyset(vendor: &str) -> Result<String> {
    let key = KeysetKey {
        key: online_key()?.public(),
        status: KeysetStatus::Active,
        valid_from: 0,
        valid_until: i64::MAX,
    };
    let keyset = Keyset { vendor: vendor.to_owned(), version: 1, issued_at: 0, keys: vec![key] };
    Ok(sign(&keyset, &[&SigningKey::from_seed(ROOT)?])?)
}

impl Offer {
    /// For an ID that no test has told the portal of.
    fn at_will(request: &Request, seats: u32) -> Self {
        Self {
            kind: if seats == 1 { Kind::Nl } else { Kind::Cc },
            features: vec![Feature { name: request.product.clone(), limit: None }],
            starts_at: 0,
            expires_at: 0,
            leased: false,
        }
    }
}

impl Portal {
    /// What the ID grants from now on.
    pub(super) fn offer(&mut self, id: ActivationId, offer: Offer) {
        self.offers.insert(id, offer);
    }

    /// The portal has taken it back, whatever the machine still holds.
    pub(super) fn forget(&mut self, id: ActivationId) {
        self.held.remove(&id);
    }

    pub(super) fn answer(&mut self, request: &Request, time: i64, how: How) -> Result<Answer> {
        let seen = self.stores.entry(request.store.id).or_default();
        *seen = request.store.generation.max(*seen);
        if let Some(answer) = self.answers.get(&request.op) {
            return Ok(answer.clone());
        }
        let verdict = self.verdict(request, time, how)?;
        let about = self.held.get(&request.activation_id);
        let about = about.filter(|_| !matches!(verdict, Verdict::Obsolete { .. }));
        let named = request.about().map(|(id, generation)| (id.to_owned(), generation));
        let held = about.map(|held| (held.fulfillment_id.clone(), held.generation));
        let about = if granted(&verdict) { held } else { named.or(held) };
        let answer = Answer {
            vendor: request.vendor.clone(),
            product: request.product.clone(),
            op: request.op,
            nonce: request.nonce,
            activation_id: request.activation_id,
            host_id: request.host.host_id(),
            generation: about.as_ref().map_or(0, |(_, generation)| *generation),
            fulfillment_id: about.map(|(id, _)| id),
            time,
            epoch: EPOCH,
            store_generation: self.stores.get(&request.store.id).copied().unwrap_or(0),
            verdict,
        };
        self.answers.insert(request.op, answer.clone());
        Ok(answer)
    }

    fn verdict(&mut self, request: &Request, time: i64, how: How) -> Result<Verdict> {
        let id = request.activation_id;
        if let How::Verdict(refused) = how {
            if let Refused::Obsolete(_) = refused {
                self.held.remove(&id);
            }
            if let (Refused::Stale, Some(held)) = (refused, self.held.get_mut(&id)) {
                held.generation += 1;
            }
            return Ok(refused.into());
        }
        match request.operation {
            Operation::Activate { seats } => {
                let held = self.held.get(&id).map_or(0, |held| held.seats);
                self.take(request, (seats.max(held), true), time, how)
            }
            Operation::MoreSeats { seats, .. } => self.of_held(request, time, how, |_| seats),
            Operation::Refresh { .. } => self.of_held(request, time, how, |held| held.seats),
            Operation::Repair { .. } => self.repaired(request, time, how),
            Operation::Abandon { .. } => {
                self.held.remove(&id);
                Ok(Verdict::Abandoned)
            }
            Operation::Return { seats, .. } => self.returned(request, seats, time, how),
        }
    }

    /// What asks about a fulfillment: it must be the one that is held, as far as it has come.
    fn of_held(
        &mut self,
        request: &Request,
        time: i64,
        how: How,
        seats: impl FnOnce(&Held) -> u32,
    ) -> Result<Verdict> {
        match self.check(request) {
            Err(verdict) => Ok(verdict),
            Ok(held) => {
                let seats = seats(held);
                self.take(request, (seats, false), time, how)
            }
        }
    }

    fn check(&self, request: &Request) -> Result<&Held, Verdict> {
        let named = request.about();
        let held = self.held.get(&request.activation_id);
        let held = held.filter(|held| named.is_some_and(|(id, _)| id == held.fulfillment_id));
        let Some(held) = held else {
            return Err(Refused::Obsolete(ObsoleteReason::Rehosted).into());
        };
        if !held.host.matches(&request.host) {
            return Err(Refused::Denied(Refusal::HostMismatch).into());
        }
        if named.is_some_and(|(_, generation)| generation != held.generation) {
            return Err(Verdict::Stale);
        }
        Ok(held)
    }

    /// On the machine that it was issued to, however old the copy.
    fn repaired(&mut self, request: &Request, time: i64, how: How) -> Result<Verdict> {
        match self.check(request) {
            Err(verdict @ (Verdict::Denied { .. } | Verdict::Obsolete { .. })) => Ok(verdict),
            _ => {
                let held = self.held.get(&request.activation_id).map_or(1, |held| held.seats);
                self.take(request, (held, false), time, how)
            }
        }
    }

    fn returned(&mut self, request: &Request, seats: u32, time: i64, how: How) -> Result<Verdict> {
        let id = request.activation_id;
        let held = self.held.get(&id).map_or(0, |held| held.seats);
        if let (How::Honest, Err(verdict @ Verdict::Obsolete { .. })) = (how, self.check(request)) {
            return Ok(verdict);
        }
        if seats > held {
            return Ok(Refused::Denied(Refusal::TooManySeats).into());
        }
        if seats == 0 || seats == held {
            self.held.remove(&id);
            return Ok(Verdict::Returned);
        }
        self.take(request, (held - seats, false), time, how)
    }

    /// Grants so many seats in all; `anew`: under a new fulfillment where none is held by this host.
    fn take(
        &mut self,
        request: &Request,
        (seats, anew): (u32, bool),
        time: i64,
        how: How,
    ) -> Result<Verdict> {
        let id = request.activation_id;
        let offer = self.offers.entry(id).or_insert_with(|| Offer::at_will(request, seats)).clone();
        if offer.kind == Kind::Nl && seats != 1 {
            return Ok(Refused::Denied(Refusal::WrongKind).into());
        }
        let over = offer.expires_at != 0 && time > offer.expires_at;
        if over
            && !matches!(how, How::Kit(_))
            && !matches!(request.operation, Operation::Return { .. })
        {
            return Ok(Refused::Denied(Refusal::Expired).into());
        }
        let known = self.held.get(&id).filter(|held| held.host.matches(&request.host));
        let (fulfillment_id, generation) = match known {
            Some(held) => (held.fulfillment_id.clone(), held.generation + 1),
            None if anew => {
                self.fulfillments += 1;
                (format!("F-{}", self.fulfillments), 1)
            }
            None => return Ok(Refused::Obsolete(ObsoleteReason::Rehosted).into()),
        };
        let host = request.host.clone();
        let held = Held { fulfillment_id, generation, seats, host };
        let record = record(request, &offer, &held, time, how);
        let record = sign(&record, &[&online_key()?])?;
        self.held.insert(id, held);
        Ok(Verdict::Granted { record })
    }
}

fn granted(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Granted { .. })
}

fn record(request: &Request, offer: &Offer, held: &Held, time: i64, how: How) -> Record {
    let lease = if offer.leased { Terms::default().lease } else { 0 };
    let terms = Terms { lease, ..Terms::default() };
    let usual = |length: i64| if offer.leased { time.saturating_add(length) } else { 0 };
    let dates = match how {
        How::Kit(dates) => dates,
        _ => Dates {
            lease_until: usual(terms.lease),
            grace_until: usual(terms.lease + terms.grace),
            too_late: matches!(how, How::TooLate),
        },
    };
    Record {
        vendor: request.vendor.clone(),
        product: request.product.clone(),
        activation_id: request.activation_id,
        fulfillment_id: held.fulfillment_id.clone(),
        generation: held.generation,
        op: request.op,
        epoch: EPOCH,
        kind: offer.kind,
        seats: held.seats,
        features: offer.features.clone(),
        holder: request.holder.clone(),
        host: request.host.clone(),
        device_key: request.device_key,
        issued_at: time,
        starts_at: offer.starts_at,
        expires_at: offer.expires_at,
        lease_until: dates.lease_until,
        grace_until: dates.grace_until,
        apply_by: if dates.too_late { time - 1 } else { time + 30 * DAY },
        terms,
    }
}

impl From<Refused> for Verdict {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Denied(refusal) => {
                Self::Denied { refusal, retry_at: 0, detail: detail(refusal) }
            }
            Refused::Stale => Self::Stale,
            Refused::Obsolete(reason) => Self::Obsolete { reason },
        }
    }
}

/// As a real portal tells who holds the seats.
fn detail(refusal: Refusal) -> String {
    if refusal != Refusal::NoSeats {
        return String::new();
    }
    let holder = serde_json::json!({
        "fulfillment_id": "F-0", "host_id": "TESTKITHOST", "host_label": "another machine",
        "seats": 1, "last_contact": 0,
    });
    let detail = serde_json::json!({
        "seats": 1, "holders": [holder], "cools_at": null, "owner_release": false,
    });
    detail.to_string()
}
