//! What the portal answers. An answer is stored once for each operation, refusals included, and
//! bound to its request in every way that there is.

use serde::{Deserialize, Serialize};

use crate::activation_id::ActivationId;
use crate::encoding::Id;
use crate::envelope::Message;
use crate::error::{Error, Result};
use crate::keyset::Signed;
use crate::limits::{ANSWER_MAX, DETAIL_MAX, RECORD_MAX, is_name, is_vendor};
use crate::record::is_fulfillment_id;
use crate::request::Request;

/// One answer, signed by an online key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Whose portal.
    pub vendor: String,
    /// The request's product.
    pub product: String,
    /// The request's operation.
    pub op: Id,
    /// The request's nonce.
    pub nonce: Id,
    /// The request's activation ID.
    pub activation_id: ActivationId,
    /// The request's host ID.
    pub host_id: String,
    /// The fulfillment that this is about, where there is one.
    pub fulfillment_id: Option<String>,
    /// Its generation from here on; 0 where there is no fulfillment.
    pub generation: u64,
    /// When it was signed, Unix seconds.
    pub time: i64,
    /// The portal's epoch.
    pub epoch: u64,
    /// The highest generation that the portal has seen of the request's store. Only the client
    /// compares, with what it holds when the answer comes.
    pub store_generation: u64,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// Rights: the new record, as its own signed envelope. Also after a return of some seats.
    Granted {
        /// The record.
        record: String,
    },
    /// All seats are back; the fulfillment is gone.
    Returned,
    /// The activate is undone, or will never be granted.
    Abandoned,
    /// Refused, for ever under this operation; nothing was changed.
    Denied {
        /// Why.
        refusal: Refusal,
        /// Before when asking again is pointless, Unix seconds; 0: at will.
        retry_at: i64,
        /// Empty, or JSON: who holds the seats, where policy allows.
        detail: String,
    },
    /// The request names an older generation; nothing was changed.
    Stale,
    /// The fulfillment is gone.
    Obsolete {
        /// Why.
        reason: ObsoleteReason,
    },
}

/// Why the portal refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No such activation ID.
    IdUnknown,
    /// Retired for good.
    IdInactive,
    /// No seats are left.
    NoSeats,
    /// Another product's.
    WrongProduct,
    /// Other than one seat of an NL license.
    WrongKind,
    /// The term is over.
    Expired,
    /// The term has not begun.
    NotYetValid,
    /// This kind of machine is not allowed.
    HostRefused,
    /// Not the machine that it was issued to.
    HostMismatch,
    /// Too many returns in this period.
    ReturnLimit,
    /// Too many re-hosts in this period.
    RehostLimit,
    /// Too many repairs in this period.
    RepairLimit,
    /// Not by files.
    OfflineRefused,
    /// The activate was abandoned.
    Abandoned,
    /// The portal was restored and does not know what this rests on.
    PortalRestored,
    /// More seats are to be returned than are held.
    TooManySeats,
}

/// Why a fulfillment is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObsoleteReason {
    /// The portal's Return retired the activation ID.
    Retired,
    /// The portal re-hosted it.
    Rehosted,
    /// The machine returned or abandoned it.
    Returned,
    /// Its lease was over and policy reclaimed it.
    Reclaimed,
    /// Another store of the same holder has it now.
    HeldElsewhere,
}

impl Answer {
    /// Whether this answers that request: operation, nonce, vendor, product, activation ID and
    /// host are its own, and so is the fulfillment where the request names one.
    pub fn must_answer(&self, request: &Request) -> Result<()> {
        let same = self.op == request.op
            && self.nonce == request.nonce
            && self.vendor == request.vendor
            && self.product == request.product
            && self.activation_id == request.activation_id
            && self.host_id == request.host.host_id()
            && request.about().is_none_or(|(id, _)| {
                self.fulfillment_id.as_deref().is_none_or(|named| named == id)
            });
        if same { Ok(()) } else { Err(Error::Mismatch) }
    }
}

impl Message for Answer {
    const TYPE: &'static str = "answer";
    const MAX: usize = ANSWER_MAX;
    fn is_within_bounds(&self) -> bool {
        let verdict = match &self.verdict {
            Verdict::Granted { record } => {
                record.len() <= RECORD_MAX && self.fulfillment_id.is_some()
            }
            Verdict::Denied { detail, retry_at, .. } => {
                detail.len() <= DETAIL_MAX && *retry_at >= 0
            }
            _ => true,
        };
        verdict
            && is_vendor(&self.vendor)
            && is_name(&self.product)
            && self.host_id.len() <= 64
            && self.fulfillment_id.as_deref().is_none_or(is_fulfillment_id)
            && self.fulfillment_id.is_some() == (self.generation > 0)
    }
}

impl Signed for Answer {
    fn vendor(&self) -> &str {
        &self.vendor
    }
    fn signed_at(&self) -> i64 {
        self.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Bytes32;
    use crate::envelope::sign;
    use crate::evidence::Evidence;
    use crate::keys::{PublicKey, SigningKey};
    use crate::request::{Holder, Operation, Scope, StoreRef};

    fn request(device_key: PublicKey) -> Request {
        Request {
            vendor: "vendor".to_owned(),
            product: "ortho".to_owned(),
            op: Id([1; 16]),
            nonce: Id([2; 16]),
            activation_id: ActivationId::from_random([3; 10]),
            operation: Operation::Refresh { fulfillment_id: "F-1".to_owned(), generation: 4 },
            holder: Holder { scope: Scope::Machine, user: None },
            host: Evidence::default(),
            host_label: String::new(),
            store: StoreRef { id: Id([5; 16]), generation: 6 },
            epoch: Some(7),
            record: None,
            unanswered: None,
            device_key,
            fresh_key: None,
            client: "lm 0.1.0".to_owned(),
        }
    }

    fn answer(request: &Request) -> Answer {
        Answer {
            vendor: request.vendor.clone(),
            product: request.product.clone(),
            op: request.op,
            nonce: request.nonce,
            activation_id: request.activation_id,
            host_id: request.host.host_id(),
            fulfillment_id: Some("F-1".to_owned()),
            generation: 5,
            time: 1,
            epoch: 7,
            store_generation: 6,
            verdict: Verdict::Stale,
        }
    }

    #[test]
    fn an_answer_to_anything_else_is_a_mismatch() {
        let asked = request(PublicKey(Bytes32([0; 32])));
        assert_eq!(answer(&asked).must_answer(&asked), Ok(()));
        let changes: [fn(&mut Answer); 7] = [
            |a| a.op = Id([9; 16]),
            |a| a.nonce = Id([9; 16]),
            |a| a.vendor.push('x'),
            |a| a.product.push('x'),
            |a| a.activation_id = ActivationId::from_random([9; 10]),
            |a| a.host_id.push('x'),
            |a| a.fulfillment_id = Some("F-2".to_owned()),
        ];
        for change in changes {
            let mut other = answer(&asked);
            change(&mut other);
            assert_eq!(other.must_answer(&asked), Err(Error::Mismatch), "{other:?}");
        }
    }

    #[test]
    fn a_request_is_signed_by_the_keys_that_it_names_and_no_others() {
        let (device, fresh) =
            (SigningKey::from_seed([1; 32]).unwrap(), SigningKey::from_seed([2; 32]).unwrap());
        let mut asked = request(device.public());
        assert!(Request::open(&sign(&asked, &[&device]).unwrap()).is_ok());
        assert!(Request::open(&sign(&asked, &[&fresh]).unwrap()).is_err());
        asked.fresh_key = Some(fresh.public());
        assert!(Request::open(&sign(&asked, &[&device]).unwrap()).is_err());
        assert!(Request::open(&sign(&asked, &[&device, &fresh]).unwrap()).is_ok());
    }
}
