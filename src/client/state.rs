//! What trusted storage holds for a client: a section of JSON, and small ones beside it. New facts go
//! into sections of their own, so that a build of today leaves them as they are.

use lm_protocol::{ActivationId, Id, ObsoleteReason, Operation, SigningKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result};
use crate::policy::{BootNote, Marks};
use crate::storage::Contents;

/// The section's tag.
const SECTION: u32 = 1;
/// The tag of the boot note's.
const BOOT_SECTION: u32 = 2;
/// The tag of the settled operations'.
const SETTLED_SECTION: u32 = 3;
/// Bytes of one of them: the operation, then the result, little-endian.
const SETTLED_LEN: usize = 20;
/// How many settled operations and returned records are remembered.
const REMEMBERED: usize = 64;

/// The state of all licenses of one product on this machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// The newest keyset seen, as the root signed it.
    pub(super) keyset: Option<String>,
    /// The portal's epoch, as last seen.
    pub(super) epoch: Option<u64>,
    /// The time marks.
    pub(super) marks: Marks,
    /// When they were written, by the boot clock. A section of its own.
    #[serde(skip)]
    pub(super) boot: Option<BootNote>,
    /// When the portal may be asked again.
    pub(super) backoff: Option<Backoff>,
    /// The records and what is pending, in no order.
    pub(super) entries: Vec<Entry>,
    /// Operations whose answer was applied, the newest last. A section of its own, as bytes: they are
    /// many, and each look reads all. Stores were made that have them here.
    #[serde(serialize_with = "none")]
    pub(super) settled: Vec<Settled>,
}

/// One activation ID on this machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) activation_id: ActivationId,
    /// The record as the portal signed it; `None` while its first activate is pending.
    pub(super) record: Option<String>,
    /// Signs the requests about it.
    pub(super) device_key: Seed,
    /// Brought back from an older store, or said to be by the portal.
    pub(super) restored: bool,
    /// The portal said that the fulfillment is gone.
    pub(super) orphaned: Option<ObsoleteReason>,
    /// The grant came after its last day.
    pub(super) too_late: bool,
    /// The operation whose answer is not known.
    pub(super) pending: Option<Pending>,
    pub(super) activated_at: i64,
    pub(super) contacted_at: i64,
}

/// An intent, durable before its message is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pending {
    pub(super) op: Id,
    pub(super) operation: Operation,
    /// The signed request: every try sends these bytes.
    pub(super) request: String,
    /// The record's device key if the answer takes the fresh key.
    pub(super) fresh_key: Option<Seed>,
    /// The refresh, repair or more seats whose place a return took: asked again if that is denied.
    pub(super) displaced: Option<Box<Pending>>,
    /// It was found in a restored store: its answer may have been applied, and its seat given back,
    /// since. So its grant does not heal: only that of an operation made afterwards does.
    pub(super) restored: bool,
    /// Its request was given out in a file, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<FileNote>,
}

/// What is to be known of a request file once its response comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileNote {
    /// When it was made, by the wall clock.
    pub(super) made_at: i64,
    /// The low time mark of then.
    pub(super) low: i64,
    /// Binds the time statement that the response is to bring; `None`: it brings none.
    pub(super) time_nonce: Option<Id>,
}

/// An operation whose answer was applied, so that another process that waits for it knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settled {
    pub(super) op: Id,
    /// 0, or the number of an error code.
    pub(super) result: i32,
}

/// Patience after a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Backoff {
    /// Failures in a row.
    pub(super) failures: u32,
    /// Unix seconds.
    pub(super) until: i64,
    /// The last failure's code.
    pub(super) code: i32,
    /// Until when a person's wish is held back too, since the portal itself asked for it; 0: not.
    pub(super) person_until: i64,
}

/// The seed of a device key, wiped when dropped, never printed.
#[derive(Clone)]
pub(super) struct Seed(Zeroizing<[u8; 32]>);

impl State {
    /// Reads the section; a store without one holds nothing.
    pub(super) fn decode(contents: &Contents) -> Result<Self> {
        let Some(bytes) = contents.get(SECTION) else { return Ok(Self::default()) };
        let mut state: Self = serde_json::from_slice(bytes).map_err(|_| {
            Error::new(Code::StorageDamaged, "Trusted storage opens but holds no licenses of ours.")
        })?;
        // What can't be read of it says nothing.
        let note = contents.get(BOOT_SECTION);
        state.boot = note.and_then(|bytes| serde_json::from_slice(bytes).ok());
        if let Some(bytes) = contents.get(SETTLED_SECTION) {
            let (all, _) = bytes.as_chunks::<SETTLED_LEN>();
            state.settled.splice(0..0, all.iter().map(Settled::of_bytes));
        }
        Ok(state)
    }

    /// How many bytes the sections take.
    pub(super) fn encoded_len(&self) -> Result<usize> {
        let mut contents = Contents::default();
        self.encode(&mut contents)?;
        Ok(contents.iter().map(|(_, bytes)| bytes.len()).sum())
    }

    /// Writes the sections.
    pub(super) fn encode(&self, contents: &mut Contents) -> Result<()> {
        let bytes = serde_json::to_vec(self)
            .map_err(|_| Error::new(Code::Internal, "The state cannot be written."))?;
        contents.set(SECTION, bytes);
        let settled = self.settled.iter().flat_map(Settled::bytes).collect();
        contents.set(SETTLED_SECTION, settled);
        if let Some(note) = &self.boot {
            let bytes = serde_json::to_vec(note)
                .map_err(|_| Error::new(Code::Internal, "The boot note cannot be written."))?;
            contents.set(BOOT_SECTION, bytes);
        }
        Ok(())
    }

    pub(super) fn entry(&self, id: ActivationId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.activation_id == id)
    }

    pub(super) fn entry_mut(&mut self, id: ActivationId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.activation_id == id)
    }

    pub(super) fn remove(&mut self, id: ActivationId) {
        self.entries.retain(|entry| entry.activation_id != id);
    }

    /// Every record found is marked, and every operation: only an accepted refresh, re-attach or
    /// repair that is made afterwards clears it.
    pub(super) fn mark_restored(&mut self) {
        for entry in &mut self.entries {
            entry.restored = entry.record.is_some();
            let mut found = entry.pending.as_mut();
            while let Some(pending) = found {
                pending.restored = true;
                found = pending.displaced.as_deref_mut();
            }
        }
    }

    pub(super) fn settle(&mut self, op: Id, result: i32) {
        self.settled.push(Settled { op, result });
        let surplus = self.settled.len().saturating_sub(REMEMBERED);
        self.settled.drain(..surplus);
    }

    pub(super) fn settled(&self, op: Id) -> Option<i32> {
        self.settled.iter().find(|settled| settled.op == op).map(|settled| settled.result)
    }
}

fn none<S: Serializer>(_: &[Settled], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq([(); 0])
}

impl Settled {
    fn bytes(&self) -> [u8; SETTLED_LEN] {
        let mut bytes = [0; SETTLED_LEN];
        let (op, result) = bytes.split_at_mut(16);
        op.copy_from_slice(&self.op.0);
        result.copy_from_slice(&self.result.to_le_bytes());
        bytes
    }

    fn of_bytes(bytes: &[u8; SETTLED_LEN]) -> Self {
        let [op @ .., r0, r1, r2, r3] = *bytes;
        Self { op: Id(op), result: i32::from_le_bytes([r0, r1, r2, r3]) }
    }
}

impl Seed {
    pub(super) fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn key(&self) -> Result<SigningKey> {
        SigningKey::from_seed(*self.0)
            .map_err(|_| Error::new(Code::Internal, "A device key cannot be used."))
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed")
    }
}

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(lm_protocol::encoding::to_base64(&*self.0));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = lm_protocol::encoding::from_base64(&text).map_err(serde::de::Error::custom)?;
        let bytes = Zeroizing::new(bytes);
        let array: [u8; 32] = bytes
            .as_slice()
            .try_into()
            .map_err(|_| serde::de::Error::custom("a seed is 32 bytes"))?;
        Ok(Self::new(array))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_comes_back_and_shows_no_key() {
        let mut state = State::default();
        state.entries.push(Entry {
            activation_id: ActivationId::from_random([1; 10]),
            record: None,
            device_key: Seed::new([7; 32]),
            restored: false,
            orphaned: Some(ObsoleteReason::Rehosted),
            too_late: false,
            pending: None,
            activated_at: 1,
            contacted_at: 2,
        });
        let mut contents = Contents::default();
        state.encode(&mut contents).unwrap();
        let back = State::decode(&contents).unwrap();
        assert_eq!(back.entries[0].device_key.0, state.entries[0].device_key.0);
        assert_eq!(back.entries[0].orphaned, Some(ObsoleteReason::Rehosted));
        assert!(format!("{back:?}").contains("device_key: Seed,"));
        contents.set(SECTION, b"{".to_vec());
        assert_eq!(State::decode(&contents).unwrap_err().code(), Code::StorageDamaged);
    }

    #[test]
    fn a_store_that_has_its_settled_operations_in_the_json_keeps_them() {
        let mut contents = Contents::default();
        State::default().encode(&mut contents).unwrap();
        let text = String::from_utf8(contents.get(SECTION).unwrap().to_vec()).unwrap();
        let one = format!(r#""settled":[{{"op":"{}","result":5}}]"#, "0a".repeat(16));
        let text = text.replace(r#""settled":[]"#, &one);
        contents.set(SECTION, text.into_bytes());
        let state = State::decode(&contents).unwrap();
        assert_eq!(state.settled(Id([0x0a; 16])), Some(5));
        state.encode(&mut contents).unwrap();
        let again = State::decode(&contents).unwrap();
        assert_eq!(again.settled, state.settled, "taken over once");
    }

    #[test]
    fn only_the_newest_settled_operations_are_remembered() {
        let mut state = State::default();
        for n in 0..100 {
            state.settle(Id([n; 16]), i32::from(n));
        }
        assert_eq!(state.settled(Id([99; 16])), Some(99));
        state.settle(Id([7; 16]), -1);
        let mut contents = Contents::default();
        state.encode(&mut contents).unwrap();
        let back = State::decode(&contents).unwrap();
        assert_eq!(back.settled, state.settled);
        assert_eq!(state.settled(Id([0; 16])), None);
        assert_eq!(state.settled.len(), REMEMBERED);
    }
}
