//! Who keeps the master key of a store.
#![forbid(unsafe_code)]

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

use crate::error::{Code, Error, Result};
use crate::ports::Random;
use crate::secret::Secret;

/// Bytes of a master key.
pub(super) const MASTER_LEN: usize = 32;

/// Wraps the master key of a store, so that only who may open the store unwraps it: a platform's
/// key store where there is one, else [`SoftwareSealer`]. Threads: any.
pub trait Sealer: Send + Sync {
    /// The number under which an image names this way of sealing. Fixed for ever.
    fn kind(&self) -> u16;
    /// The master key, wrapped: at most 1024 bytes.
    fn wrap(&self, master: &Secret, random: &dyn Random) -> Result<Secret>;
    /// The master key again, or `None` where this isn't what [`Self::wrap`] made.
    fn unwrap(&self, wrapped: &[u8]) -> Option<Secret>;
}

/// Wraps the master key under the names of vendor and product.
///
/// An obstacle and not a secret: who reads this file can compute the wrapping key. It keeps another
/// product's build and a curious editor out, no more. What can't be forged are the signed records
/// inside; against copies and rollbacks stand the anchors, the host evidence and the portal.
pub struct SoftwareSealer {
    key: LessSafeKey,
}

impl SoftwareSealer {
    /// The sealer of one vendor's product.
    pub fn new(vendor: &str, product: &str) -> Result<Self> {
        let key = derive(b"lm storage wrap 1", &framed(&[vendor, product]), &[])?;
        Ok(Self { key })
    }
}

impl Sealer for SoftwareSealer {
    fn kind(&self) -> u16 {
        1
    }

    fn wrap(&self, master: &Secret, random: &dyn Random) -> Result<Secret> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce)?;
        let mut sealed = master.expose().to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::empty(),
                &mut sealed,
            )
            .map_err(|_| Error::from_code(Code::Internal))?;
        sealed.splice(0..0, nonce);
        Ok(Secret::new(sealed))
    }

    fn unwrap(&self, wrapped: &[u8]) -> Option<Secret> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut buffer = zeroize::Zeroizing::new(sealed.to_vec());
        let master = self.key.open_in_place(nonce, Aad::empty(), &mut buffer);
        let master = master.ok().filter(|master| master.len() == MASTER_LEN)?;
        Some(Secret::new(master.to_vec()))
    }
}

/// A key for one purpose, by HKDF-SHA-256.
pub(super) fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Result<LessSafeKey> {
    let secret = Salt::new(HKDF_SHA256, salt).extract(secret);
    secret
        .expand(info, &AES_256_GCM)
        .map(|okm| LessSafeKey::new(UnboundKey::from(okm)))
        .map_err(|_| Error::from_code(Code::Internal))
}

/// Texts one after the other, each after its length: no two lists have the same bytes.
pub(super) fn framed(texts: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for text in texts {
        out.extend_from_slice(&(text.len() as u64).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out
}
