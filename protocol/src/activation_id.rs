//! The code that is activated: 80 random bits and 20 check bits, in four groups of five
//! characters, such as `7F3KM-Q0W2E-XT9VB-4HJN8`.
//!
//! The alphabet is Crockford's base 32 (no I, L, O, U): what a person confuses reads the same, and
//! the check characters refuse a mistyped ID offline (one in a million slips through). The check
//! is the first 20 bits of the SHA-256 of `lm-activation-id` and the ten random bytes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::encoding::from_text;
use crate::error::{Error, Result};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTERS: usize = 20;
const RANDOM_BYTES: usize = 10;
const TEXT_LEN: usize = 23;

/// An activation ID whose check characters fit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivationId([u8; RANDOM_BYTES]);

impl ActivationId {
    /// The ID of ten random bytes.
    #[must_use]
    pub const fn from_random(bytes: [u8; RANDOM_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads what a person typed or pasted: any case, blanks of any kind, hyphens and dashes anywhere,
    /// O for 0, I and L for 1.
    /// Anything whose check characters don't fit is [`Error::Malformed`].
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > 64 {
            return Err(Error::Malformed);
        }
        let mut bits: u128 = 0;
        let mut count = 0;
        for character in text.chars().filter(|character| !is_separator(*character)) {
            let byte = u8::try_from(character).map_err(|_| Error::Malformed)?;
            let value = value_of(byte).ok_or(Error::Malformed)?;
            bits = bits << 5 | u128::from(value);
            count += 1;
            if count > CHARACTERS {
                return Err(Error::Malformed);
            }
        }
        let check = u32::try_from(bits & 0xF_FFFF).map_err(|_| Error::Malformed)?;
        let mut random = [0; RANDOM_BYTES];
        for (byte, shift) in random.iter_mut().rev().zip((20..).step_by(8)) {
            *byte = ((bits >> shift) & 0xFF) as u8;
        }
        let id = Self(random);
        if count == CHARACTERS && id.check() == check { Ok(id) } else { Err(Error::Malformed) }
    }

    fn check(self) -> u32 {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(b"lm-activation-id");
        context.update(&self.0);
        let digest = context.finish();
        digest.as_ref().iter().take(3).fold(0, |sum, byte| sum << 8 | u32::from(*byte)) >> 4
    }
}

/// A hyphen, what mail programs make of it, and any blank.
fn is_separator(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}') || character.is_whitespace()
}

fn value_of(character: u8) -> Option<u8> {
    let character = match character.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    let index = ALPHABET.iter().position(|known| *known == character)?;
    u8::try_from(index).ok()
}

impl fmt::Display for ActivationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bits = self.0.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte)) << 20
            | u128::from(self.check());
        let mut text = [b'-'; TEXT_LEN];
        let places = text.iter_mut().enumerate().rev().filter(|(index, _)| !is_hyphen(*index));
        for (_, character) in places {
            *character = ALPHABET.get((bits & 31) as usize).copied().unwrap_or(b'?');
            bits >>= 5;
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for ActivationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for ActivationId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl Serialize for ActivationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ActivationId {
    /// Messages carry the canonical text only.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text::<Canonical, D>(deserializer).map(|canonical| canonical.0)
    }
}

/// An ID in the one text that its `Display` gives.
struct Canonical(ActivationId);

impl std::str::FromStr for Canonical {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let is_canonical = |(index, character): (usize, u8)| {
            if is_hyphen(index) { character == b'-' } else { ALPHABET.contains(&character) }
        };
        if text.len() == TEXT_LEN && text.bytes().enumerate().all(is_canonical) {
            ActivationId::parse(text).map(Self)
        } else {
            Err(Error::Malformed)
        }
    }
}

/// Whether a hyphen stands at this place of the canonical text.
const fn is_hyphen(index: usize) -> bool {
    index % 6 == 5
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_person_types_is_read() {
        let id = ActivationId::from_random([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let text = id.to_string();
        assert_eq!(text.len(), 23);
        for typed in [
            text.to_lowercase(),
            text.replace('-', ""),
            format!("\t{}\u{a0}\n", text.replace('-', "\u{2013}")),
            text.replace('-', " ").replace('0', "O"),
        ] {
            assert_eq!(ActivationId::parse(&typed), Ok(id), "{typed}");
        }
        for bad in ["", "hello", &text[..22], &format!("{text}0")] {
            assert_eq!(ActivationId::parse(bad), Err(Error::Malformed), "{bad}");
        }
    }

    #[test]
    fn messages_carry_the_canonical_text_only() {
        let id = ActivationId::from_random([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let text = id.to_string();
        let read = |text: &str| serde_json::from_str::<ActivationId>(&format!("\"{text}\""));
        assert_eq!(read(&text).unwrap(), id);
        let moved = format!("{}-{}", &text[..4], text[4..].replacen('-', "", 1));
        for typed in [text.to_lowercase(), text.replace('-', ""), format!("{text}-"), moved] {
            assert_eq!(ActivationId::parse(&typed), Ok(id));
            assert!(read(&typed).is_err(), "{typed}");
        }
    }

    proptest! {
        #[test]
        fn text_comes_back_and_one_wrong_character_is_refused(
            bytes: [u8; 10], at in 0usize..20, other in 0usize..32,
        ) {
            let id = ActivationId::from_random(bytes);
            let text = id.to_string();
            prop_assert_eq!(ActivationId::parse(&text), Ok(id));
            let mut typed: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
            if typed[at] != ALPHABET[other] {
                typed[at] = ALPHABET[other];
                let typed = String::from_utf8(typed).unwrap();
                // 20 check bits: a false acceptance is a one-in-a-million draw of 256 cases.
                prop_assert_ne!(ActivationId::parse(&typed), Ok(id));
            }
        }
    }
}
