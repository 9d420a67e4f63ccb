//! The signed envelope, the same bytes online and in a file.
//!
//! In the manner of DSSE: Ed25519 over a length-framed type string and the exact payload bytes
//!
//! ```text
//! LMv1 <length of type> <type> <length of payload> <payload>
//! ```
//!
//! verified before the payload is parsed, never serialized again. There is one algorithm and
//! nothing to negotiate. The key named beside a signature is a hint: what may sign is decided by
//! the verifier.

use std::ops::Deref;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::encoding::{from_base64, to_base64};
use crate::error::{Error, Result};
use crate::keys::{PublicKey, SigningKey};
use crate::limits::SIGNATURES_MAX;

/// A message that can be signed.
pub trait Message: Serialize + DeserializeOwned {
    /// The type string under the signature. No two messages share one.
    const TYPE: &'static str;
    /// The longest envelope of it, in bytes.
    const MAX: usize;
    /// Whether every field keeps its bounds.
    fn is_within_bounds(&self) -> bool;
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    lm: u32,
    r#type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    key: PublicKey,
    signature: String,
}

/// A message as it came: its envelope is well formed, nothing else is known of it.
#[derive(Clone, Debug)]
pub struct Unverified<T> {
    envelope: Envelope,
    message: std::marker::PhantomData<fn() -> T>,
}

/// A message whose signature was verified. Nothing but a verifier makes one.
#[derive(Clone, Debug)]
pub struct Verified<T> {
    message: T,
    text: String,
    keys: Vec<PublicKey>,
}

/// Signs a message with each of the keys; the first one is the one that counts where only one does.
pub fn sign<T: Message>(message: &T, keys: &[&SigningKey]) -> Result<String> {
    let payload = serde_json::to_vec(message).map_err(|_| Error::Malformed)?;
    let text = write(T::TYPE, &payload, keys)?;
    if text.len() > T::MAX || !message.is_within_bounds() {
        return Err(Error::TooLarge);
    }
    Ok(text)
}

// What does not depend on the message stands apart from what does: it is compiled once.

fn write(kind: &str, payload: &[u8], keys: &[&SigningKey]) -> Result<String> {
    let signed = framed(kind, payload);
    let wire = Wire {
        lm: crate::VERSION,
        r#type: kind.to_owned(),
        payload: to_base64(payload),
        signatures: keys
            .iter()
            .map(|key| Signature { key: key.public(), signature: to_base64(&key.sign(&signed)) })
            .collect(),
    };
    serde_json::to_string(&wire).map_err(|_| Error::Malformed)
}

fn read(kind: &str, max: usize, text: &str) -> Result<Envelope> {
    if text.len() > max {
        return Err(Error::TooLarge);
    }
    let wire: Wire =
        serde_json::from_slice(text.as_bytes()).map_err(|_| version_or_malformed(text))?;
    if wire.lm != crate::VERSION {
        return Err(Error::Version);
    }
    if wire.r#type != kind || !(1..=SIGNATURES_MAX).contains(&wire.signatures.len()) {
        return Err(Error::Malformed);
    }
    let signatures = wire
        .signatures
        .iter()
        .map(|signature| Ok((signature.key, from_base64(&signature.signature)?)))
        .collect::<Result<_>>()?;
    Ok(Envelope { text: text.to_owned(), payload: from_base64(&wire.payload)?, signatures })
}

fn framed(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("LMv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// A well-formed envelope of some message.
#[derive(Clone, Debug)]
struct Envelope {
    text: String,
    payload: Vec<u8>,
    signatures: Vec<(PublicKey, Vec<u8>)>,
}

impl Envelope {
    /// Which of these keys has signed it. The keys that it names are tried first.
    fn signer(&self, kind: &str, may_sign: &[PublicKey]) -> Result<PublicKey> {
        let signed = framed(kind, &self.payload);
        let names = |key: &&PublicKey| self.signatures.iter().any(|(named, _)| named == *key);
        let named = may_sign.iter().filter(|key| names(key));
        let others = may_sign.iter().filter(|key| !names(key));
        let has_signed = |key: &&PublicKey| {
            self.signatures.iter().any(|(_, signature)| key.verifies(&signed, signature))
        };
        named.chain(others).find(has_signed).copied().ok_or(Error::Signature)
    }

    /// The keys that it names, each of which must have signed it.
    fn named(&self, kind: &str) -> Result<Vec<PublicKey>> {
        let signed = framed(kind, &self.payload);
        let signs = |(key, signature): &(PublicKey, Vec<u8>)| {
            if key.verifies(&signed, signature) { Ok(*key) } else { Err(Error::Signature) }
        };
        self.signatures.iter().map(signs).collect()
    }
}

impl<T: Message> Unverified<T> {
    /// Reads an envelope. Errors: too large, malformed (also: of another type), of another version.
    pub fn parse(text: &str) -> Result<Self> {
        let envelope = read(T::TYPE, T::MAX, text)?;
        Ok(Self { envelope, message: std::marker::PhantomData })
    }

    /// Verifies it against the keys that may sign it: one valid signature by one of them is
    /// needed. The key named in the envelope only decides which is tried first.
    pub fn verify(self, may_sign: &[PublicKey]) -> Result<Verified<T>> {
        let key = self.envelope.signer(T::TYPE, may_sign)?;
        self.open(vec![key])
    }

    /// Verifies that each signature is valid under the key named beside it. Whether these keys may
    /// speak is the caller's to decide, by [`Verified::signers`]: a request is signed by the
    /// device key that it names.
    pub fn verify_named(self) -> Result<Verified<T>> {
        let keys = self.envelope.named(T::TYPE)?;
        self.open(keys)
    }

    fn open(self, keys: Vec<PublicKey>) -> Result<Verified<T>> {
        let Envelope { text, payload, .. } = self.envelope;
        let message: T = serde_json::from_slice(&payload).map_err(|_| Error::Malformed)?;
        if !message.is_within_bounds() {
            return Err(Error::Malformed);
        }
        Ok(Verified { message, text, keys })
    }
}

/// An envelope of another version may have other fields: that is a version, not damage.
fn version_or_malformed(text: &str) -> Error {
    #[derive(Deserialize)]
    struct Loose {
        lm: u32,
    }
    match serde_json::from_slice::<Loose>(text.as_bytes()) {
        Ok(loose) if loose.lm != crate::VERSION => Error::Version,
        _ => Error::Malformed,
    }
}

impl<T> Verified<T> {
    /// The envelope, exactly as it came.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The keys whose signatures were verified, in the envelope's order.
    #[must_use]
    pub fn signers(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The message without its envelope.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.message
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        text: String,
    }

    impl Message for Note {
        const TYPE: &'static str = "note";
        const MAX: usize = 1024;
        fn is_within_bounds(&self) -> bool {
            self.text.len() < 100
        }
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Other {
        text: String,
    }

    impl Message for Other {
        const TYPE: &'static str = "other";
        const MAX: usize = 1024;
        fn is_within_bounds(&self) -> bool {
            true
        }
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed([seed; 32]).unwrap()
    }

    fn note() -> String {
        sign(&Note { text: "hello".to_owned() }, &[&key(1)]).unwrap()
    }

    #[test]
    fn only_a_key_that_may_sign_opens_it() {
        let unverified = Unverified::<Note>::parse(&note()).unwrap();
        let verified = unverified.clone().verify(&[key(2).public(), key(1).public()]).unwrap();
        assert_eq!(verified.text, note());
        assert_eq!(verified.signers(), [key(1).public()]);
        assert_eq!(unverified.clone().verify(&[key(2).public()]).unwrap_err(), Error::Signature);
        assert_eq!(unverified.verify(&[]).unwrap_err(), Error::Signature);
    }

    #[test]
    fn the_key_beside_a_signature_is_a_hint_only() {
        let named_wrongly =
            note().replace(&key(1).public().to_string(), &key(2).public().to_string());
        let unverified = Unverified::<Note>::parse(&named_wrongly).unwrap();
        assert!(unverified.clone().verify(&[key(1).public()]).is_ok());
        assert_eq!(unverified.verify_named().unwrap_err(), Error::Signature);
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let text = note();
        for at in 0..text.len() {
            for flip in [1u8, 2, 32] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= flip;
                let Ok(changed) = String::from_utf8(bytes) else {
                    continue;
                };
                let Ok(unverified) = Unverified::<Note>::parse(&changed) else {
                    continue;
                };
                if let Ok(verified) = unverified.verify(&[key(1).public()]) {
                    // What is left is the hint.
                    assert_eq!(verified.into_inner(), Note { text: "hello".to_owned() });
                    let start = text.find(&key(1).public().to_string()).unwrap();
                    assert!((start..start + 44).contains(&at), "byte {at} of {text}");
                }
            }
        }
    }

    #[test]
    fn a_type_a_version_and_a_length_are_told_apart() {
        assert_eq!(Unverified::<Other>::parse(&note()).unwrap_err(), Error::Malformed);
        let retyped = note().replace("\"note\"", "\"other\"");
        let unverified = Unverified::<Other>::parse(&retyped).unwrap();
        assert_eq!(unverified.verify(&[key(1).public()]).unwrap_err(), Error::Signature);
        assert_eq!(Unverified::<Note>::parse(r#"{"lm":2,"new":[]}"#).unwrap_err(), Error::Version);
        assert_eq!(Unverified::<Note>::parse("<html>").unwrap_err(), Error::Malformed);
        assert_eq!(Unverified::<Note>::parse(&" ".repeat(2000)).unwrap_err(), Error::TooLarge);
    }

    #[test]
    fn an_unknown_field_of_a_known_version_is_refused() {
        #[derive(Serialize, Deserialize)]
        struct Wide {
            text: String,
            more: u8,
        }
        impl Message for Wide {
            const TYPE: &'static str = "note";
            const MAX: usize = 1024;
            fn is_within_bounds(&self) -> bool {
                true
            }
        }
        let text = sign(&Wide { text: "hello".to_owned(), more: 1 }, &[&key(1)]).unwrap();
        let unverified = Unverified::<Note>::parse(&text).unwrap();
        assert_eq!(unverified.verify(&[key(1).public()]).unwrap_err(), Error::Malformed);
    }
}
