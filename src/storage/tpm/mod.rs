//! A TPM 2.0 as a store's sealer and counter.
//!
//! Few commands, written to the device by ourselves: no library of the TSS is loaded. No password
//! and no policy guards the seal, since whoever may open the store may unseal: it says *which chip*
//! sealed, and that can't be copied. It is made in the endorsement hierarchy: what was sealed before
//! a TPM was cleared opens no more, but the key of that hierarchy comes out the same again, so one
//! that was cleared is told from another one. The counter is an NV index of the owner's. Its password
//! follows from the store's master key, so that no other user raises it.
//!
//! What an image holds of it: the SHA-256 of that key's public part, then the sealed object.
#![forbid(unsafe_code)]

pub(super) mod wire;

use std::sync::Arc;
use std::time::Duration;

use ring::digest::{SHA256, digest};
use ring::hmac;

use super::platform::{Counter, PlatformSealer, Seal, SealerKind, Word};
use crate::ports::{Clock, Files, Tpm};
use crate::secret::Secret;
use wire::{Bytes, Refusal};

/// How long it is asked about a store, and how long the seal of a new one may take: a chip of its
/// own on a slow bus needs some 100 ms for each command of the seal.
const ASK_WITHIN: Duration = Duration::from_secs(1);
const SEAL_WITHIN: Duration = Duration::from_secs(3);

/// How far a counter is raised at once: each step writes to the chip.
const STEPS_MAX: u32 = 4;

/// The first of the NV indices that are the owner's ("Registry of Reserved TPM 2.0 Handles and
/// Localities"), and how many there are.
const INDICES: u32 = 0x0180_0000;
const INDEX_BITS: u32 = 0x003F_FFFF;

pub(super) struct TpmSealer {
    files: Arc<dyn Files>,
    clock: Arc<dyn Clock>,
    pub(super) index: u32,
}

/// Why nothing came of it.
enum Failed {
    /// The device isn't there, is closed to this user, or doesn't answer in time.
    Device,
    Refused(Refusal),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl TpmSealer {
    /// For the store that `place` names: one index a store, found again after it is gone.
    pub(super) fn new(place: &[u8], files: Arc<dyn Files>, clock: Arc<dyn Clock>) -> Self {
        let hash = digest(&SHA256, place);
        let number = hash.as_ref().first_chunk().map_or(0, |head| u32::from_be_bytes(*head));
        Self { files, clock, index: INDICES + (number & INDEX_BITS) }
    }

    fn session(&self, within: Duration) -> Result<Session<'_>, Failed> {
        let tpm = self.files.tpm().map_err(|_| Failed::Device)?;
        let until = self.clock.monotonic().saturating_add(within);
        Ok(Session { tpm, clock: self.clock.as_ref(), until })
    }

    fn make(&self, master: &Secret, id: [u8; 16]) -> Result<(Vec<u8>, u64), Failed> {
        let mut session = self.session(SEAL_WITHIN)?;
        let sealed = session.with_key(|session, key, chip| {
            let command = wire::create(key, master.expose());
            let object = wire::created(&session.send(&command)?)?;
            Ok([chip, &object].concat())
        })?;
        let password = password(master, &id);
        session.define(self.index, &password)?;
        Ok((sealed, session.raise(self.index, &password, 0)?))
    }

    fn counter(&self, seal: &Seal, master: &Secret) -> Result<Option<u64>, Failed> {
        let Some(counter) = &seal.counter else {
            return Ok(None);
        };
        let password = password(master, &counter.id);
        self.session(ASK_WITHIN)?.counter(self.index, &password).map(Some)
    }

    /// Whether this chip made the seal.
    fn is_ours(&self, seal: &Seal, master: &Secret) -> Result<bool, Failed> {
        let unsealed = self.session(ASK_WITHIN)?.with_key(|session, key, chip| {
            let Some(object) = seal.sealed.expose().strip_prefix(chip) else {
                return Ok(Bytes::default());
            };
            let object = session.send(&wire::load(key, object))?;
            let object = wire::handle(&object)?;
            let unsealed = session.send(&wire::unseal(object));
            session.flush(object);
            Ok(wire::unsealed(&unsealed?)?)
        });
        match unsealed {
            Ok(unsealed) => Ok(unsealed.as_slice() == master.expose()),
            // The same chip: it was cleared since.
            Err(Failed::Refused(wire::NOT_OF_THIS_TPM)) => Ok(true),
            Err(failed) => Err(failed),
        }
    }
}

impl PlatformSealer for TpmSealer {
    fn kind(&self) -> SealerKind {
        SealerKind::Tpm
    }

    fn seal(&self, master: &Secret, id: [u8; 16]) -> Option<(Vec<u8>, Option<u64>)> {
        let (sealed, value) = self.make(master, id).ok()?;
        Some((sealed, Some(value)))
    }

    /// The counter answers for the seal: only the chip that made it knows its password. The seal,
    /// which takes several times as long, is asked where the counter doesn't answer.
    fn ask(&self, seal: &Seal, master: &Secret) -> Word {
        match self.counter(seal, master) {
            Ok(value) => return Word::Stands(value),
            Err(Failed::Refused(refusal)) if means_gone(refusal) => {}
            Err(_) => return Word::Unreachable,
        }
        match self.is_ours(seal, master) {
            Ok(true) => Word::CounterGone,
            Ok(false) => Word::Other,
            Err(_) => Word::Unreachable,
        }
    }

    fn raise(&self, counter: &Counter, master: &Secret) -> Option<u64> {
        let password = password(master, &counter.id);
        self.session(ASK_WITHIN).ok()?.raise(self.index, &password, counter.value).ok()
    }
}

fn means_gone(refusal: Refusal) -> bool {
    [wire::NO_SUCH_HANDLE, wire::NEVER_RAISED].contains(&refusal)
        || wire::WRONG_PASSWORD.contains(&refusal)
}

fn password(master: &Secret, id: &[u8; 16]) -> Secret {
    let key = hmac::Key::new(hmac::HMAC_SHA256, master.expose());
    let mut text = b"lm tpm counter 1".to_vec();
    text.extend_from_slice(id);
    Secret::new(hmac::sign(&key, &text).as_ref().to_vec())
}

/// Some commands in a row on one open device. What is loaded is unloaded: a chip has room for three.
struct Session<'a> {
    tpm: Box<dyn Tpm>,
    clock: &'a dyn Clock,
    until: Duration,
}

impl Session<'_> {
    fn send(&mut self, command: &[u8]) -> Result<Bytes, Failed> {
        let left = self.until.saturating_sub(self.clock.monotonic());
        if left.is_zero() {
            return Err(Failed::Device);
        }
        let answer = self.tpm.exchange(command, left).map_err(|_| Failed::Device)?;
        Ok(Bytes::new(answer))
    }

    /// With the storage key loaded, and the hash by which the chip is known.
    fn with_key<T>(
        &mut self,
        work: impl FnOnce(&mut Self, u32, &[u8]) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let key = self.send(&wire::create_primary(wire::ENDORSEMENT))?;
        let (key, public) = wire::primary(&key)?;
        let chip = digest(&SHA256, public);
        let result = work(self, key, chip.as_ref());
        self.flush(key);
        result
    }

    /// A resource manager unloads by itself what is left when the device is closed.
    fn flush(&mut self, handle: u32) {
        let _ = self.send(&wire::flush_context(handle));
    }

    /// A new counter, in the place of one that a former store left behind.
    fn define(&mut self, index: u32, password: &Secret) -> Result<(), Failed> {
        match wire::is_our_kind(&self.send(&wire::nv_read_public(index))?) {
            Ok(true) => wire::done(&self.send(&wire::nv_undefine(index))?)?,
            // Another program's is left alone: it is in the way.
            Ok(false) => return Err(Failed::Device),
            Err(_) => {}
        }
        let command = wire::nv_define_counter(index, password.expose());
        Ok(wire::done(&self.send(&command)?)?)
    }

    fn counter(&mut self, index: u32, password: &Secret) -> Result<u64, Failed> {
        let command = wire::nv_read_counter(index, password.expose());
        Ok(wire::counter(&self.send(&command)?)?)
    }

    /// At least one step. A new counter begins above the highest that this chip ever had.
    fn raise(&mut self, index: u32, password: &Secret, to: u64) -> Result<u64, Failed> {
        let mut value = 0;
        for _ in 0..STEPS_MAX {
            let command = wire::nv_increment(index, password.expose());
            wire::done(&self.send(&command)?)?;
            value = self.counter(index, password)?;
            if value >= to {
                break;
            }
        }
        Ok(value)
    }
}
