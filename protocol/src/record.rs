//! The fulfillment record: the rights issued to one machine for one activation ID, signed by the
//! portal. It is kept verbatim and verified again whenever it is read.

use serde::{Deserialize, Serialize};

use crate::activation_id::ActivationId;
use crate::encoding::Id;
use crate::envelope::Message;
use crate::evidence::Evidence;
use crate::keys::PublicKey;
use crate::keyset::Signed;
use crate::limits::{FEATURES_MAX, FULFILLMENT_ID_MAX, RECORD_MAX, SEATS_MAX, is_name, is_vendor};
use crate::request::Holder;

/// Rights of one machine. Times are Unix seconds; 0 is "none".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Whose license.
    pub vendor: String,
    /// Of which product.
    pub product: String,
    /// The activation ID.
    pub activation_id: ActivationId,
    /// The fulfillment, and how often it was written anew.
    pub fulfillment_id: String,
    /// Rises by one with every change that the portal makes of it.
    pub generation: u64,
    /// The operation that this is the answer to.
    pub op: Id,
    /// The portal's epoch when it signed.
    pub epoch: u64,
    /// NL or CC.
    pub kind: Kind,
    /// Seats of this machine.
    pub seats: u32,
    /// What may be used.
    pub features: Vec<Feature>,
    /// Who holds it.
    pub holder: Holder,
    /// The host that it was issued to, as of this generation.
    pub host: Evidence,
    /// The key that signs requests about it.
    pub device_key: PublicKey,
    /// When the portal signed it.
    pub issued_at: i64,
    /// First second of the term.
    pub starts_at: i64,
    /// Last second of the term; 0: no end.
    pub expires_at: i64,
    /// Until when the rights hold without contact; 0: no lease.
    pub lease_until: i64,
    /// End of grace; 0 where there is no lease. Never before `lease_until`.
    pub grace_until: i64,
    /// Applied later than this, the record gives no right.
    pub apply_by: i64,
    /// The vendor's policy.
    pub terms: Terms,
}

/// How a license is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Node-locked: one seat a machine; only a client return gives it back.
    Nl,
    /// Concurrent: seats that a machine shares out; the portal may take them back.
    Cc,
}

/// A feature and its limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// `[A-Za-z0-9._-]`.
    pub name: String,
    /// What the vendor makes of it; none: no limit. Never negative.
    pub limit: Option<i64>,
}

/// The policy that travels in a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Length of a lease in seconds; 0: none.
    pub lease: i64,
    /// Length of grace after it, in seconds.
    pub grace: i64,
    /// How far the clock may stand behind, in seconds.
    pub clock_tolerance: i64,
    /// A seat freed without the machine's word cools until its reach.
    pub strict: bool,
    /// A lease that ended long enough ago frees its seat by itself.
    pub reclaim: bool,
    /// Whether virtual machines may hold it.
    pub virtual_machines: bool,
    /// Whether containers may hold it.
    pub containers: bool,
    /// Whether it may be activated by files.
    pub offline: bool,
}

impl Default for Terms {
    fn default() -> Self {
        const DAY: i64 = 86_400;
        Self {
            lease: 7 * DAY,
            grace: 3 * DAY,
            clock_tolerance: DAY,
            strict: false,
            reclaim: false,
            virtual_machines: true,
            containers: true,
            offline: true,
        }
    }
}

impl Record {
    /// Until when a copy of this record may work that the portal cannot reach: the end of grace
    /// and the clock tolerance. `None`: without bound.
    #[must_use]
    pub fn reach(&self) -> Option<i64> {
        let until = match (self.lease_until, self.expires_at) {
            (0, 0) => return None,
            (0, end) => end,
            (_, 0) => self.grace_until,
            (_, end) => self.grace_until.min(end),
        };
        Some(until.saturating_add(self.terms.clock_tolerance))
    }
}

impl Message for Record {
    const TYPE: &'static str = "record";
    const MAX: usize = RECORD_MAX;
    fn is_within_bounds(&self) -> bool {
        let times = [
            self.issued_at,
            self.starts_at,
            self.expires_at,
            self.lease_until,
            self.grace_until,
            self.apply_by,
            self.terms.lease,
            self.terms.grace,
            self.terms.clock_tolerance,
        ];
        is_vendor(&self.vendor)
            && is_name(&self.product)
            && is_fulfillment_id(&self.fulfillment_id)
            && self.generation > 0
            && (1..=SEATS_MAX).contains(&self.seats)
            && (self.kind == Kind::Cc || self.seats == 1)
            && (1..=FEATURES_MAX).contains(&self.features.len())
            && self.features.iter().all(|feature| {
                is_name(&feature.name) && feature.limit.is_none_or(|limit| limit >= 0)
            })
            && self.host.is_within_bounds()
            && times.iter().all(|time| *time >= 0)
            && self.grace_until >= self.lease_until
            && (self.lease_until > 0 || !self.terms.strict)
    }
}

impl Signed for Record {
    fn vendor(&self) -> &str {
        &self.vendor
    }
    fn signed_at(&self) -> i64 {
        self.issued_at
    }
}

/// Whether the text can be a fulfillment ID.
#[must_use]
pub fn is_fulfillment_id(text: &str) -> bool {
    (1..=FULFILLMENT_ID_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
