//! Request and response files: the same signed bytes as online, carried by hand.
//!
//! A request file holds the requests of one or many machines, each as its machine signed it; the
//! response file that the portal makes of it holds an answer for each, and the keyset, so that a
//! machine without any contact before needs nothing else. Each machine takes its own part. Files may
//! also be joined: one after the other in one file is a file.
//!
//! | file | what it does |
//! |---|---|
//! | `armor` | bytes as text that survives its journey, and back |
//! | `prose` | the lines for people above it |

mod armor;
mod prose;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::encoding::Id;
use crate::envelope::Verified;
use crate::limits::{FILE_ENTRIES_MAX, REQUEST_FILE_MAX, RESPONSE_FILE_MAX};
use crate::request::Request;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes to the portal.
    Request,
    /// Comes from it.
    Response,
}

/// Why a file is not accepted. Nothing of it is used then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing but white space, or no request or answer.
    #[error("the file is empty")]
    Empty,
    /// No mark of ours is in it.
    #[error("the file is no license file: it has no line \"BEGIN LM LICENSE …\"")]
    NotOurs,
    /// It begins and does not end.
    #[error("the license file is cut off: its end is missing")]
    Cut,
    /// Some of it is not as it was written.
    #[error("the license file was damaged on its way")]
    Damaged,
    /// A response where a request is due, or the other way round.
    #[error(
        "the license file goes the other way: requests go to the portal, responses to the machine"
    )]
    OtherWay,
    /// Larger than any such file.
    #[error("the file is larger than a license file can be")]
    TooLarge,
    /// More requests or answers than one file may hold.
    #[error("the license file holds more than {FILE_ENTRIES_MAX} requests or answers")]
    TooMany,
    /// Written by a newer version.
    #[error("the license file is of a version that this program does not know")]
    Version,
}

/// One machine's request in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestEntry {
    /// The request's envelope, as it would be sent.
    pub request: String,
    /// Where the answer is to bring the portal's time: binds the time statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_nonce: Option<Id>,
}

/// One answer in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerEntry {
    /// The answer's envelope; perhaps a stored one.
    pub answer: String,
    /// The portal's time, where the request has a nonce for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

/// The answers of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// The keyset of the day.
    pub keyset: String,
    /// One for each request.
    pub answers: Vec<AnswerEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Requests {
    requests: Vec<RequestEntry>,
}

/// A request, and the nonce of the time statement that its answer is to bring.
pub type Asked<'a> = (&'a Verified<Request>, Option<Id>);
/// An answer to a request, and the time statement beside it.
pub type Answered<'a> = (&'a Request, &'a Verified<Answer>, Option<&'a str>);

/// The text of a request file.
pub fn write_requests(asked: &[Asked<'_>]) -> Result<String, Fault> {
    let entry = |(request, time_nonce): &Asked<'_>| RequestEntry {
        request: request.text().to_owned(),
        time_nonce: *time_nonce,
    };
    let requests = Requests { requests: asked.iter().map(entry).collect() };
    let shown: Vec<&Request> = asked.iter().map(|(request, _)| &***request).collect();
    write(Kind::Request, &prose::of_requests(&shown), asked.len(), &requests)
}

/// The text of a response file. `left_out`: what was asked and could not be answered, a line each,
/// for people.
pub fn write_answers(
    keyset: &str,
    answered: &[Answered<'_>],
    left_out: &[String],
) -> Result<String, Fault> {
    let entry = |(_, answer, time): &Answered<'_>| AnswerEntry {
        answer: answer.text().to_owned(),
        time: time.map(str::to_owned),
    };
    let answers =
        Answers { keyset: keyset.to_owned(), answers: answered.iter().map(entry).collect() };
    let shown: Vec<(&Request, &Answer)> =
        answered.iter().map(|(request, answer, _)| (*request, &***answer)).collect();
    write(Kind::Response, &prose::of_answers(&shown, left_out), answered.len(), &answers)
}

/// The requests of a file.
pub fn read_requests(file: &[u8]) -> Result<Vec<RequestEntry>, Fault> {
    let blocks: Vec<Requests> = read(file, Kind::Request)?;
    let requests: Vec<_> = blocks.into_iter().flat_map(|block| block.requests).collect();
    count(requests.len()).map(|()| requests)
}

/// The answers of a file; of several, where responses were joined.
pub fn read_answers(file: &[u8]) -> Result<Vec<Answers>, Fault> {
    let blocks: Vec<Answers> = read(file, Kind::Response)?;
    count(blocks.iter().map(|block| block.answers.len()).sum()).map(|()| blocks)
}

/// What a request asks, as a line for people: `ortho-studio: activate 1 seat of ...4HJN8 on field-1
/// (H-…)`.
#[must_use]
pub fn describe(request: &Request) -> String {
    prose::asked(request)
}

/// The longest file of a kind, in bytes.
#[must_use]
pub const fn max(kind: Kind) -> usize {
    match kind {
        Kind::Request => REQUEST_FILE_MAX,
        Kind::Response => RESPONSE_FILE_MAX,
    }
}

fn write(
    kind: Kind,
    head: &str,
    entries: usize,
    content: &impl Serialize,
) -> Result<String, Fault> {
    count(entries)?;
    let bytes = serde_json::to_vec(content).map_err(|_| Fault::Damaged)?;
    let text = armor::write(kind, head, &bytes);
    if text.len() <= max(kind) { Ok(text) } else { Err(Fault::TooLarge) }
}

const fn count(entries: usize) -> Result<(), Fault> {
    match entries {
        0 => Err(Fault::Empty),
        1..=FILE_ENTRIES_MAX => Ok(()),
        _ => Err(Fault::TooMany),
    }
}

fn read<T: DeserializeOwned>(file: &[u8], kind: Kind) -> Result<Vec<T>, Fault> {
    if file.len() > max(kind) {
        return Err(Fault::TooLarge);
    }
    let blocks = armor::read(file, kind)?;
    blocks.iter().map(|bytes| serde_json::from_slice(bytes).map_err(|_| Fault::Damaged)).collect()
}

#[cfg(test)]
mod tests;
