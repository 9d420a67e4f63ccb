//! How bytes are written in text: base64 for what is long, hexadecimal for IDs.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// Base64 with padding, as envelopes use it.
#[must_use]
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of base64 with padding.
pub fn from_base64(text: &str) -> Result<Vec<u8>> {
    STANDARD.decode(text).map_err(|_| Error::Malformed)
}

/// Base64 for URLs and C literals, without padding.
#[must_use]
pub fn to_base64_url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of base64 for URLs.
pub fn from_base64_url(text: &str) -> Result<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Malformed)
}

/// Lower-case hexadecimal.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|nibble| DIGITS.get(usize::from(nibble)))
        .collect()
}

/// The bytes of lower-case hexadecimal; upper case is refused, so that each value has one text.
pub fn from_hex<const N: usize>(text: &str) -> Result<[u8; N]> {
    // Without a branch a digit: a store has many of these.
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let nibble = |byte: u8| (byte & 15) + 9 * (byte >> 6);
    let (pairs, rest) = text.as_bytes().as_chunks();
    let mut bytes = [0; N];
    let mut sound = pairs.len() == N && rest.is_empty();
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        sound &= is_digit(*high) & is_digit(*low);
        *byte = nibble(*high) << 4 | nibble(*low);
    }
    if sound { Ok(bytes) } else { Err(Error::Malformed) }
}

/// Reads what is written as text, without a copy of the text.
pub(crate) fn from_text<'de, T, D>(deserializer: D) -> std::result::Result<T, D::Error>
where
    T: FromStr<Err = Error>,
    D: Deserializer<'de>,
{
    struct Text<T>(PhantomData<T>);
    impl<T: FromStr<Err = Error>> Visitor<'_> for Text<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text(PhantomData))
}

/// 128 bits: an operation, a nonce, a store, one value of a factor. In text: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 16]);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl FromStr for Id {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        from_hex(text).map(Self)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// 32 bytes: a public key, a salt. In text: base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes32(pub [u8; 32]);

impl fmt::Display for Bytes32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_base64(&self.0))
    }
}

impl FromStr for Bytes32 {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let bytes = from_base64(text)?;
        Ok(Self(bytes.try_into().map_err(|_| Error::Malformed)?))
    }
}

impl Serialize for Bytes32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bytes32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_text_only() {
        let id = Id([0x0a; 16]);
        assert_eq!(id.to_string(), "0a".repeat(16));
        assert_eq!("0a".repeat(16).parse(), Ok(id));
        for bad in ["0A".repeat(16), "0a".repeat(15), "0a".repeat(17), "zz".repeat(16)] {
            assert_eq!(bad.parse::<Id>(), Err(Error::Malformed), "{bad}");
        }
    }
}
