//! The online keys, signed by the root, so that they rotate without a new build of any host.

use serde::{Deserialize, Serialize};

use crate::envelope::{Message, Unverified, Verified};
use crate::error::{Error, Result};
use crate::keys::PublicKey;
use crate::limits::{KEYS_MAX, KEYSET_MAX, is_vendor};
use crate::trust_root::TrustRoot;

/// A root-signed list of online keys. Its version only ever rises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyset {
    /// Whose keys.
    pub vendor: String,
    /// Rises with every keyset.
    pub version: u64,
    /// When it was signed, Unix seconds.
    pub issued_at: i64,
    /// The keys, retired and revoked ones included.
    pub keys: Vec<KeysetKey>,
}

/// One online key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysetKey {
    /// The key.
    pub key: PublicKey,
    /// What it may do today.
    pub status: KeysetStatus,
    /// First second of its validity.
    pub valid_from: i64,
    /// Last second of its validity.
    pub valid_until: i64,
}

/// What an online key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeysetStatus {
    /// Signs.
    Active,
    /// Signs no more; what it signed while valid still stands.
    VerifyOnly,
    /// Nothing that it signed stands.
    Revoked,
}

impl Message for Keyset {
    const TYPE: &'static str = "keyset";
    const MAX: usize = KEYSET_MAX;
    fn is_within_bounds(&self) -> bool {
        is_vendor(&self.vendor)
            && (1..=KEYS_MAX).contains(&self.keys.len())
            && self.keys.iter().all(|key| key.valid_from <= key.valid_until)
    }
}

/// A message of the portal's online key: it says whose it is and when it was signed.
pub trait Signed: Message {
    /// The vendor.
    fn vendor(&self) -> &str;
    /// When it was signed, Unix seconds, by the portal's clock.
    fn signed_at(&self) -> i64;
}

/// Whom to believe: a trust root and the newest keyset that it signed.
#[derive(Clone, Debug)]
pub struct Keyring {
    root: TrustRoot,
    keyset: Option<Verified<Keyset>>,
}

impl Keyring {
    /// A keyring that knows only the root.
    #[must_use]
    pub const fn new(root: TrustRoot) -> Self {
        Self { root, keyset: None }
    }

    /// The root.
    #[must_use]
    pub const fn root(&self) -> &TrustRoot {
        &self.root
    }

    /// The newest keyset's envelope, to keep it.
    #[must_use]
    pub fn keyset_text(&self) -> Option<&str> {
        self.keyset.as_ref().map(Verified::text)
    }

    /// The newest keyset's version; 0 where none is known.
    #[must_use]
    pub fn keyset_version(&self) -> u64 {
        self.keyset.as_ref().map_or(0, |keyset| keyset.version)
    }

    /// Takes a keyset in, where the root signed it for this vendor and it is newer than the one
    /// known. Says whether it was taken; an older one is passed over, not an error.
    pub fn learn(&mut self, envelope: &str) -> Result<bool> {
        if self.keyset_text() == Some(envelope) {
            return Ok(false);
        }
        let keyset = Unverified::<Keyset>::parse(envelope)?.verify(&self.root.keys)?;
        if keyset.vendor != self.root.vendor {
            return Err(Error::Mismatch);
        }
        let newer = keyset.version > self.keyset_version();
        if newer {
            self.keyset = Some(keyset);
        }
        Ok(newer)
    }

    /// Verifies a message of the portal: signed by an online key that was valid when it signed,
    /// that the root has not revoked, and for this vendor.
    pub fn verify<T: Signed>(&self, envelope: &str) -> Result<Verified<T>> {
        let keys = self.keyset.as_ref().map_or(&[][..], |keyset| &keyset.keys);
        let standing: Vec<_> =
            keys.iter().filter(|key| key.status != KeysetStatus::Revoked).collect();
        let may_sign: Vec<_> = standing.iter().map(|key| key.key).collect();
        let message = Unverified::<T>::parse(envelope)?.verify(&may_sign)?;
        let at = message.signed_at();
        let in_time = standing.iter().any(|key| {
            message.signers().contains(&key.key) && (key.valid_from..=key.valid_until).contains(&at)
        });
        if !in_time {
            return Err(Error::Signature);
        }
        if message.vendor() != self.root.vendor {
            return Err(Error::Mismatch);
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::{Bytes32, Id};
    use crate::envelope::sign;
    use crate::keys::SigningKey;
    use crate::time_statement::TimeStatement;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed([seed; 32]).unwrap()
    }

    fn keyring() -> Keyring {
        Keyring::new(TrustRoot {
            vendor: "vendor".to_owned(),
            keys: vec![key(1).public()],
            salt: Bytes32([0; 32]),
        })
    }

    fn keyset(version: u64, status: KeysetStatus, root: u8) -> String {
        let entry = KeysetKey { key: key(7).public(), status, valid_from: 100, valid_until: 200 };
        let keyset =
            Keyset { vendor: "vendor".to_owned(), version, issued_at: 100, keys: vec![entry] };
        sign(&keyset, &[&key(root)]).unwrap()
    }

    fn statement(time: i64, signer: u8, vendor: &str) -> String {
        let statement = TimeStatement { vendor: vendor.to_owned(), nonce: Id([3; 16]), time };
        sign(&statement, &[&key(signer)]).unwrap()
    }

    #[test]
    fn only_keys_of_the_newest_root_signed_keyset_speak() {
        let mut ring = keyring();
        let good = statement(150, 7, "vendor");
        assert_eq!(ring.verify::<TimeStatement>(&good).unwrap_err(), Error::Signature);
        assert_eq!(ring.learn(&keyset(1, KeysetStatus::Active, 2)), Err(Error::Signature));
        assert_eq!(ring.learn(&keyset(2, KeysetStatus::Active, 1)), Ok(true));
        assert!(ring.verify::<TimeStatement>(&good).is_ok());
        for (bad, cause) in [
            (statement(99, 7, "vendor"), Error::Signature),
            (statement(201, 7, "vendor"), Error::Signature),
            (statement(150, 8, "vendor"), Error::Signature),
            (statement(150, 7, "another"), Error::Mismatch),
        ] {
            assert_eq!(ring.verify::<TimeStatement>(&bad).unwrap_err(), cause);
        }
    }

    #[test]
    fn a_retired_key_still_proves_a_revoked_one_does_not_and_versions_only_rise() {
        let mut ring = keyring();
        let good = statement(150, 7, "vendor");
        ring.learn(&keyset(2, KeysetStatus::VerifyOnly, 1)).unwrap();
        assert!(ring.verify::<TimeStatement>(&good).is_ok());
        assert_eq!(ring.learn(&keyset(3, KeysetStatus::Revoked, 1)), Ok(true));
        assert_eq!(ring.verify::<TimeStatement>(&good).unwrap_err(), Error::Signature);
        assert_eq!(ring.learn(&keyset(2, KeysetStatus::VerifyOnly, 1)), Ok(false));
        assert_eq!(ring.verify::<TimeStatement>(&good).unwrap_err(), Error::Signature);
    }
}
