//! What is compiled into the host application: whom it trusts.
//!
//! One line of ASCII, so that it fits a C literal: `lm1:<base64url of JSON>:<check>`. The check is
//! the first eight hexadecimal digits of the SHA-256 of what stands before it: it finds a line cut
//! in copying and is no protection.

use serde::{Deserialize, Serialize};

use crate::encoding::{Bytes32, from_base64_url, to_base64_url, to_hex};
use crate::error::{Error, Result};
use crate::keys::PublicKey;
use crate::limits::{KEYS_MAX, is_vendor};

/// The vendor's name, root keys and hash salt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRoot {
    /// Fixed for ever; survives a rotation of the root.
    pub vendor: String,
    /// Keys that may sign a keyset.
    pub keys: Vec<PublicKey>,
    /// Under which host factors are hashed. Not a secret.
    pub salt: Bytes32,
}

impl TrustRoot {
    /// Reads the line. White space around it is passed over.
    pub fn parse(text: &str) -> Result<Self> {
        let (body, check) = text.trim().rsplit_once(':').ok_or(Error::Malformed)?;
        if checksum(body) != check {
            return Err(Error::Malformed);
        }
        let encoded = body.strip_prefix("lm1:").ok_or(Error::Version)?;
        let root: Self =
            serde_json::from_slice(&from_base64_url(encoded)?).map_err(|_| Error::Malformed)?;
        let sound = is_vendor(&root.vendor) && (1..=KEYS_MAX).contains(&root.keys.len());
        if sound { Ok(root) } else { Err(Error::Malformed) }
    }
}

impl std::fmt::Display for TrustRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| std::fmt::Error)?;
        let body = format!("lm1:{}", to_base64_url(&json));
        write!(f, "{body}:{}", checksum(&body))
    }
}

fn checksum(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    to_hex(digest.as_ref()).chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;

    #[test]
    fn one_line_of_ascii_that_comes_back_and_is_not_cut_unnoticed() {
        let root = TrustRoot {
            vendor: "Géomatique SA".to_owned(),
            keys: vec![SigningKey::from_seed([1; 32]).unwrap().public()],
            salt: Bytes32([2; 32]),
        };
        let line = root.to_string();
        assert!(line.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\'));
        assert_eq!(TrustRoot::parse(&format!(" {line}\n")), Ok(root));
        for cut in 0..line.len() {
            assert!(TrustRoot::parse(&line[..cut]).is_err());
        }
    }
}
