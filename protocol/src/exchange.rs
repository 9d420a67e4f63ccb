//! The two bodies of the HTTP exchange, which carry envelopes and are not signed themselves.
//!
//! `POST <portal>/protocol/v1` with [`POST_TYPE`]; the reply is `200` with [`REPLY_TYPE`], for
//! refusals too. Any other status is not an answer: `429` and `503`, with `Retry-After`, ask for
//! patience; the rest is an error of HTTP.
//!
//! A post with an empty request asks who is there: the reply has an empty answer, the keyset and the
//! time. It shows that a machine reaches *its* portal, moves nothing and counts nowhere.

use serde::{Deserialize, Serialize};

use crate::encoding::Id;
use crate::error::{Error, Result};
use crate::limits::{POST_MAX, REPLY_MAX};

/// Where the portal listens, below its base address.
pub const PATH: &str = "/protocol/v1";
/// Media type of a [`Post`].
pub const POST_TYPE: &str = "application/vnd.lm.post+json";
/// Media type of a [`Reply`].
pub const REPLY_TYPE: &str = "application/vnd.lm.reply+json";

/// What the client posts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// The request's envelope, the same bytes at every try; empty: it asks who is there.
    pub request: String,
    /// Made anew for each try: binds the time statement.
    pub time_nonce: Id,
}

/// What the portal replies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The answer's envelope; perhaps a stored one. Empty where nothing was asked.
    pub answer: String,
    /// Today's keyset.
    pub keyset: String,
    /// The portal's time for this call.
    pub time: String,
}

impl Post {
    /// The body to send.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        bounded(serde_json::to_vec(self), POST_MAX)
    }

    /// Reads a body.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        parse(bytes, POST_MAX)
    }
}

impl Reply {
    /// The body to send.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        bounded(serde_json::to_vec(self), REPLY_MAX)
    }

    /// Reads a body.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        parse(bytes, REPLY_MAX)
    }
}

fn bounded(bytes: serde_json::Result<Vec<u8>>, max: usize) -> Result<Vec<u8>> {
    let bytes = bytes.map_err(|_| Error::Malformed)?;
    if bytes.len() <= max { Ok(bytes) } else { Err(Error::TooLarge) }
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T> {
    if bytes.len() > max {
        return Err(Error::TooLarge);
    }
    serde_json::from_slice(bytes).map_err(|_| Error::Malformed)
}
