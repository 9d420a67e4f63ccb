//! What a machine asks of the portal. A request is signed once, kept, and sent again byte for
//! byte until it is answered.

use serde::{Deserialize, Serialize};

use crate::activation_id::ActivationId;
use crate::encoding::Id;
use crate::envelope::{Message, Unverified, Verified};
use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::keys::PublicKey;
use crate::limits::{REQUEST_MAX, SEATS_MAX, is_label, is_name, is_vendor};
use crate::record::is_fulfillment_id;

/// One request. Its signature is the device key's; an activate over a record carries a second one,
/// by the fresh key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The vendor that the client trusts.
    pub vendor: String,
    /// The product that asks.
    pub product: String,
    /// This operation: one stored answer for the life of the license.
    pub op: Id,
    /// Binds the answer.
    pub nonce: Id,
    /// The activation ID.
    pub activation_id: ActivationId,
    /// What is asked.
    pub operation: Operation,
    /// Who asks.
    pub holder: Holder,
    /// The host, as of now.
    pub host: Evidence,
    /// Shown beside the host ID; empty: none.
    pub host_label: String,
    /// The store that holds the intent.
    pub store: StoreRef,
    /// The portal's epoch that the client last saw; none yet: today's.
    pub epoch: Option<u64>,
    /// The record that this is about, as the portal signed it.
    pub record: Option<String>,
    /// The operation of this record that is still unanswered, where there is one.
    pub unanswered: Option<Id>,
    /// The key that signs.
    pub device_key: PublicKey,
    /// A second key, used if a re-attach isn't free.
    pub fresh_key: Option<PublicKey>,
    /// The library's version, for the history.
    pub client: String,
}

/// What is asked, with what only this asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Hold `seats` seats in total; a new fulfillment, or a re-attach.
    Activate {
        /// In total.
        seats: u32,
    },
    /// Hold `seats` seats in total, on a record that stands.
    MoreSeats {
        /// In total.
        seats: u32,
        /// The fulfillment.
        fulfillment_id: String,
        /// The record's generation.
        generation: u64,
    },
    /// Undo an activate whose answer is not known.
    Abandon {
        /// The activate.
        activate: Id,
    },
    /// Give seats back.
    Return {
        /// How many; 0: all.
        seats: u32,
        /// The fulfillment.
        fulfillment_id: String,
        /// The record's generation.
        generation: u64,
    },
    /// A new lease, today's terms.
    Refresh {
        /// The fulfillment.
        fulfillment_id: String,
        /// The record's generation.
        generation: u64,
    },
    /// Trust again in a record whose store was lost, restored or copied, on the same host.
    Repair {
        /// The fulfillment.
        fulfillment_id: String,
        /// The record's generation, perhaps an older one.
        generation: u64,
    },
}

/// Who holds a license: host, product and scope. Each holder takes its own seats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// All users of the machine, or one.
    pub scope: Scope,
    /// In user scope: the salted hash of the user's ID.
    pub user: Option<Id>,
}

/// Whose store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One user's.
    User,
    /// The machine's.
    Machine,
}

/// The store that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreRef {
    /// Its ID.
    pub id: Id,
    /// Its generation with the intent in it.
    pub generation: u64,
}

impl Request {
    /// The fulfillment and generation that this is about, for messages about a record that stands.
    #[must_use]
    pub fn about(&self) -> Option<(&str, u64)> {
        match &self.operation {
            Operation::Activate { .. } | Operation::Abandon { .. } => None,
            Operation::MoreSeats { fulfillment_id, generation, .. }
            | Operation::Return { fulfillment_id, generation, .. }
            | Operation::Refresh { fulfillment_id, generation }
            | Operation::Repair { fulfillment_id, generation } => {
                Some((fulfillment_id, *generation))
            }
        }
    }

    /// Reads and verifies a request: signed by the device key that it names, and by the fresh one
    /// where it names one. Whether that key may speak for a record is the ledger's to decide.
    pub fn open(envelope: &str) -> Result<Verified<Self>> {
        let request = Unverified::<Self>::parse(envelope)?.verify_named()?;
        let mut expected = vec![request.device_key];
        expected.extend(request.fresh_key);
        if request.signers() == expected { Ok(request) } else { Err(Error::Signature) }
    }
}

impl Message for Request {
    const TYPE: &'static str = "request";
    const MAX: usize = REQUEST_MAX;
    fn is_within_bounds(&self) -> bool {
        let operation = match &self.operation {
            Operation::Activate { seats } | Operation::MoreSeats { seats, .. } => {
                (1..=SEATS_MAX).contains(seats)
            }
            Operation::Return { seats, .. } => *seats <= SEATS_MAX,
            Operation::Abandon { activate } => *activate != self.op,
            Operation::Refresh { .. } | Operation::Repair { .. } => true,
        };
        operation
            && self.about().is_none_or(|(id, generation)| is_fulfillment_id(id) && generation > 0)
            && is_vendor(&self.vendor)
            && is_name(&self.product)
            && self.host.is_within_bounds()
            && is_label(&self.host_label)
            && is_label(&self.client)
            && (self.holder.scope == Scope::User) == self.holder.user.is_some()
            && self.record.as_ref().is_none_or(|record| record.len() <= crate::limits::RECORD_MAX)
    }
}
