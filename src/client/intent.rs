//! An operation, made: its request is signed once, kept, and sent byte for byte until answered.

use lm_protocol::envelope::sign;
use lm_protocol::{ActivationId, Id, Operation, Request, SigningKey, StoreRef, limits};

use super::Client;
use super::state::{Entry, Pending, Seed};
use super::store::Draft;
use crate::error::{Code, Error, Result};
use crate::limits::RECORDS_MAX;
use crate::storage::CONTENTS_MAX;

/// What is left free for operations on the licenses that are here: a record and the requests about
/// it. A store without this room takes no further license, and can still refresh and return.
const RESERVE: usize = limits::RECORD_MAX + 3 * limits::REQUEST_MAX;

/// How a request goes to the portal first. Any request may go either way afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Sent.
    Online,
    /// In a file.
    File,
}

/// Who signs, and what is shown.
pub(super) enum Signing {
    /// A new device key; no record is shown.
    NewKey,
    /// The record's device key; the record is shown.
    Record,
    /// As `Record`, and a fresh key in case that the re-attach isn't free.
    RecordAndFreshKey,
}

impl Client {
    /// Makes the operation of an entry, which is made too where it isn't there. The caller commits
    /// the draft before anything is sent. Seats that it ends must not be in use: [`Code::InUse`].
    pub(super) fn intend(
        &self,
        draft: &mut Draft<'_>,
        id: ActivationId,
        operation: Operation,
        signing: &Signing,
        way: Way,
    ) -> Result<Pending> {
        if way == Way::Online && self.portal_url.is_none() {
            // What cannot be sent is not begun.
            return Err(Error::from_code(Code::NoPortal));
        }
        draft.take_out(id, &operation)?;
        self.intend_again(draft, id, operation, signing)
    }

    /// As [`Client::intend`], of an operation whose seats are out of use already.
    pub(super) fn intend_again(
        &self,
        draft: &mut Draft<'_>,
        id: ActivationId,
        operation: Operation,
        signing: &Signing,
    ) -> Result<Pending> {
        let pending = self.make_pending(draft, id, operation, signing)?;
        if draft.state.entry(id).is_none() {
            self.add_entry(draft, id, &pending)?;
        }
        if let Some(entry) = draft.state.entry_mut(id) {
            entry.pending = Some(pending.clone());
        }
        Ok(pending)
    }

    fn add_entry(&self, draft: &mut Draft<'_>, id: ActivationId, pending: &Pending) -> Result<()> {
        let room = CONTENTS_MAX.saturating_sub(draft.state.encoded_len()?);
        if draft.state.entries.len() >= RECORDS_MAX || room < RESERVE {
            let count = draft.state.entries.len();
            return Err(Error::new(
                Code::StorageFull,
                format!("Trusted storage holds {count} licenses and has no room for another."),
            )
            .with_hint("Return or remove licenses that are no longer used."));
        }
        let device_key = match &pending.fresh_key {
            Some(seed) => seed.clone(),
            None => self.new_seed()?,
        };
        draft.state.entries.push(Entry {
            activation_id: id,
            record: None,
            device_key,
            restored: false,
            orphaned: None,
            too_late: false,
            pending: None,
            activated_at: 0,
            contacted_at: 0,
        });
        Ok(())
    }

    fn make_pending(
        &self,
        draft: &Draft<'_>,
        id: ActivationId,
        operation: Operation,
        signing: &Signing,
    ) -> Result<Pending> {
        let entry = draft.state.entry(id);
        let standing = match signing {
            Signing::NewKey => None,
            Signing::Record | Signing::RecordAndFreshKey => entry,
        };
        let fresh_key = match signing {
            Signing::Record => None,
            Signing::NewKey | Signing::RecordAndFreshKey => Some(self.new_seed()?),
        };
        let fresh = fresh_key.as_ref().map(Seed::key).transpose()?;
        let device = standing.map(|entry| entry.device_key.key()).transpose()?;
        let mut keys: Vec<&SigningKey> = Vec::new();
        keys.extend(device.as_ref());
        keys.extend(fresh.as_ref());
        let Some(first) = keys.first() else {
            return Err(Error::new(Code::Internal, "A request has no key to be signed by."));
        };
        // A return takes the place of a refresh, a repair or more seats whose answer isn't known.
        let displaced = match operation {
            Operation::Return { .. } => entry.and_then(|entry| entry.pending.clone()).map(Box::new),
            _ => None,
        };
        let request = Request {
            vendor: self.root.vendor.clone(),
            product: self.product.clone(),
            op: self.new_id()?,
            nonce: self.new_id()?,
            activation_id: id,
            operation: operation.clone(),
            holder: self.holder.clone(),
            host: self.host.clone(),
            host_label: self.host_label.clone(),
            store: StoreRef {
                id: Id(draft.standing.next_store_id),
                generation: draft.standing.next_generation,
            },
            epoch: draft.state.epoch,
            record: standing.and_then(|entry| entry.record.clone()),
            unanswered: displaced.as_ref().map(|pending| pending.op),
            device_key: first.public(),
            fresh_key: keys.get(1).map(|key| key.public()),
            client: concat!("lm ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let op = request.op;
        let request = sign(&request, &keys)?;
        Ok(Pending { op, operation, request, fresh_key, displaced, restored: false, file: None })
    }

    fn new_seed(&self) -> Result<Seed> {
        let mut bytes = [0; 32];
        self.ports.random.fill(&mut bytes)?;
        Ok(Seed::new(bytes))
    }

    pub(super) fn new_id(&self) -> Result<Id> {
        let mut bytes = [0; 16];
        self.ports.random.fill(&mut bytes)?;
        Ok(Id(bytes))
    }
}
