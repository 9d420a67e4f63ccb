//! Response files: this machine's part is found, verified as an answer over the network is, and applied.

use lm_protocol::file::{self, AnswerEntry, Fault};
use lm_protocol::{
    ActivationId, Answer, Id, Keyring, Operation, Request, TimeStatement, Verdict, Verified,
};

use super::exchange::{Answered, Freshness, bound, masked};
use super::state::{Pending, State};
use super::store::Draft;
use super::{Client, entry};
use crate::error::{Code, Error, Result};
use crate::log::Level;
use crate::policy::{DRIFT, Now, date, evaluate};

/// What became of one license by a response file.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Which license.
    pub activation_id: String,
    /// Done, or what the portal decided instead, or why the answer was not taken.
    pub result: Result<()>,
}

/// How far an answer may be ahead of this machine's clock where no license says so, in seconds; and
/// behind its request.
const DAY: i64 = 86_400;

/// One answer of a file, its signature verified.
struct Part<'a> {
    keyring: usize,
    answer: Verified<Answer>,
    entry: &'a AnswerEntry,
}

pub(super) fn apply(client: &Client, response: &[u8]) -> Result<Vec<Applied>> {
    let blocks = file::read_answers(response).map_err(not_accepted)?;
    let state = client.state_here()?;
    let (mut keyrings, mut parts, mut first_bad) = (Vec::new(), Vec::new(), None);
    for block in &blocks {
        let keyring = match client.keyring_with(&block.keyset) {
            Ok(keyring) => keyring,
            Err(error) => {
                first_bad.get_or_insert(error);
                continue;
            }
        };
        for entry in &block.answers {
            match keyring.verify::<Answer>(&entry.answer) {
                Ok(answer) => parts.push(Part { keyring: keyrings.len(), answer, entry }),
                Err(error) => {
                    first_bad.get_or_insert(error.into());
                }
            }
        }
        keyrings.push(keyring);
    }
    // Of several answers to one request the latest tells the truth of today.
    parts.sort_by_key(|part| std::cmp::Reverse(part.answer.time));
    let applied = own(client, &state, &keyrings, &parts);
    if applied.is_empty() { Err(explain(client, &state, &parts, first_bad)) } else { Ok(applied) }
}

/// Applies each answer to an operation that is pending here.
fn own(client: &Client, state: &State, keyrings: &[Keyring], parts: &[Part<'_>]) -> Vec<Applied> {
    let mut applied = Vec::new();
    for entry in &state.entries {
        let Some(pending) = &entry.pending else { continue };
        let Some(part) = parts.iter().find(|part| part.answer.op == pending.op) else { continue };
        let Some(keyring) = keyrings.get(part.keyring) else { continue };
        let id = entry.activation_id;
        let result = client.apply_part(id, pending, keyring, part).map_err(hinted_for_a_file);
        client.line(Level::Info, || match &result {
            Ok(()) => format!("{}: its response is applied.", masked(id)),
            Err(error) => format!("{}: {error}", masked(id)),
        });
        applied.push(Applied { activation_id: id.to_string(), result });
    }
    applied
}

impl Client {
    fn apply_part(
        &self,
        id: ActivationId,
        pending: &Pending,
        keyring: &Keyring,
        part: &Part<'_>,
    ) -> Result<()> {
        let request = Request::open(&pending.request)?;
        let record = bound(keyring, &request, &part.answer)?;
        let (time, freshness) = time(pending, keyring, part)?;
        let answered = Answered {
            request,
            answer: part.answer.clone(),
            record,
            keyring: keyring.clone(),
            time,
            freshness,
            by_file: true,
        };
        self.change(|draft| {
            let answered = dated(draft, answered)?;
            let (outcome, commit) = self.accept(draft, &answered)?;
            Ok((told(draft, id, pending, &answered, outcome.result), commit))
        })?
    }
}

/// The portal's time: as stated for this request where the file was to bring it, else the answer's. A
/// repair that was refused heals no clock: it costs nothing to be refused.
fn time(pending: &Pending, keyring: &Keyring, part: &Part<'_>) -> Result<(i64, Freshness)> {
    let granted = matches!(part.answer.verdict, Verdict::Granted { .. });
    let note = pending.file.filter(|_| granted);
    let asked = note.and_then(|note| Some((note.time_nonce?, note.low)));
    let (Some((nonce, low_then)), Some(text)) = (asked, &part.entry.time) else {
        return Ok((part.answer.time, Freshness::Signed));
    };
    let statement = keyring.verify::<TimeStatement>(text)?;
    if statement.nonce != nonce {
        return Err(Error::from_code(Code::Mismatch));
    }
    Ok((statement.time, Freshness::Late { low_then }))
}

/// An answer that is far ahead of this machine's clock proves one of the two wrong. Rights that end
/// are not taken then, and the time in no case: it would lock out what else is here.
fn dated(draft: &Draft<'_>, answered: Answered) -> Result<Answered> {
    let record = answered.record.as_ref();
    let tolerance = record.map_or(DAY, |record| record.terms.clock_tolerance);
    let ahead = answered.time.saturating_sub(draft.now.wall);
    if ahead <= tolerance {
        let signed = answered.freshness == Freshness::Signed;
        let freshness = if signed && ahead > DRIFT { Freshness::Ahead } else { answered.freshness };
        return Ok(Answered { freshness, ..answered });
    }
    if record.is_some_and(|record| record.expires_at != 0 || record.lease_until != 0) {
        let sentence = format!(
            "The response is dated {}, and this machine's clock shows {}.",
            date(answered.time),
            date(draft.now.wall)
        );
        return Err(Error::new(Code::Clock, sentence).with_hint(
            "Correct this machine's clock and apply the response again; nothing is lost. If the \
             clock is right, the licensing portal's was wrong: once that is corrected, make a return \
             request, then a new activation request.",
        ));
    }
    Ok(Answered { freshness: Freshness::Doubted, ..answered })
}

/// What a person with a file is told of the result.
fn told(
    draft: &Draft<'_>,
    id: ActivationId,
    pending: &Pending,
    answered: &Answered,
    result: Result<()>,
) -> Result<()> {
    let Err(error) = result else {
        let (facts, _) = draft.judge(id);
        let now = Now { wall: draft.now.wall, marks: draft.state.marks };
        return match evaluate(&facts, &now).cause {
            Some(Code::Clock) => Err(Error::from_code(Code::Clock).with_hint(
                "The license is here. Correct the clock; if it is right, make a repair request: its \
                 response brings the portal's time.",
            )),
            _ => Ok(()),
        };
    };
    if error.code() != Code::TooLate {
        return Err(error);
    }
    let apply_by = answered.record.as_ref().map_or(0, |record| record.apply_by);
    let made_at = pending.file.map_or(0, |note| note.made_at);
    let sentence = if answered.time.saturating_add(DAY) < made_at {
        format!(
            "The response is dated {}, before its request was made on {}: the licensing portal's \
             clock or this machine's was wrong. Its last day is over.",
            date(answered.time),
            date(made_at)
        )
    } else {
        format!("The response was to be applied by {}.", date(apply_by))
    };
    Err(Error::new(Code::TooLate, sentence))
}

/// Why nothing in the file is for what is pending here.
fn explain(client: &Client, state: &State, parts: &[Part<'_>], first_bad: Option<Error>) -> Error {
    let of_product = |part: &&Part<'_>| part.answer.product == client.product;
    let of_host = |part: &&Part<'_>| part.answer.host_id == client.host_id;
    let ours: Vec<_> = parts.iter().filter(of_product).filter(of_host).collect();
    if ours.iter().any(|part| was_applied(client, state, part.answer.op)) {
        return Error::new(Code::Replayed, "This response was applied before.")
            .with_hint("Nothing is left to do with it.");
    }
    if let Some(error) = ours.iter().find_map(|part| replaced(state, part.answer.op)) {
        return error;
    }
    if !ours.is_empty() {
        let sentence = "This response answers another request of this machine: an earlier one, or \
                        one that was made in another storage.";
        return Error::new(Code::Mismatch, sentence)
            .with_hint("Use the response to the last request that was made here.");
    }
    if let Some(error) = first_bad {
        return hinted_for_a_file(error);
    }
    if parts.iter().any(|part| of_product(&part)) {
        let sentence = format!(
            "This response is for another machine; the host ID of this one is {}.",
            client.host_id
        );
        return Error::new(Code::Mismatch, sentence)
            .with_hint("Apply it on the machine whose request it answers.");
    }
    let other = parts.first().map_or("", |part| part.answer.product.as_str());
    let sentence = format!("This response is for licenses of {other}, not of {}.", client.product);
    Error::new(Code::Mismatch, sentence)
        .with_hint("Apply it with the application that asked for it.")
}

fn was_applied(client: &Client, state: &State, op: Id) -> bool {
    let keyring = client.keyring(state.keyset.as_deref(), None);
    let of_record = |entry| entry::verify(&keyring, &client.product, entry).map(|it| it.op);
    state.settled(op).is_some() || state.entries.iter().any(|entry| of_record(entry) == Some(op))
}

/// Another operation has taken the place of the one that was answered.
fn replaced(state: &State, op: Id) -> Option<Error> {
    let pending = state.entries.iter().filter_map(|entry| entry.pending.as_ref());
    let by_return = pending
        .clone()
        .any(|pending| pending.displaced.as_ref().is_some_and(|displaced| displaced.op == op));
    let by_abandon = pending.into_iter().any(
        |pending| matches!(pending.operation, Operation::Abandon { activate } if activate == op),
    );
    let sentence = if by_return {
        "A return was asked for since, and takes the place of what this response answers."
    } else if by_abandon {
        "The activation that this response answers was given up on this machine since."
    } else {
        return None;
    };
    let hint = "Use the response to the return request.";
    Some(Error::new(Code::Mismatch, sentence).with_hint(hint))
}

/// More bytes than a response file can have.
#[cfg(feature = "capi")]
pub(crate) fn too_large() -> Error {
    not_accepted(Fault::TooLarge)
}

/// A file that is none of ours, or not whole.
fn not_accepted(fault: Fault) -> Error {
    const AGAIN: &str = "Copy or send it once more; the licensing portal issues it again.";
    const CHOOSE: &str = "Choose the response file that the licensing portal made.";
    let (code, sentence, hint) = match fault {
        Fault::Empty => (Code::Malformed, "The file is empty.", AGAIN),
        Fault::NotOurs => (
            Code::Malformed,
            "This is no license file: it has no line that reads BEGIN LM LICENSE RESPONSE.",
            CHOOSE,
        ),
        Fault::Cut => (Code::Malformed, "The response file is cut off: its end is missing.", AGAIN),
        Fault::Damaged => (Code::Malformed, "The response file was damaged on its way.", AGAIN),
        Fault::OtherWay => (
            Code::Mismatch,
            "This is a request file: it goes to the licensing portal.",
            "Apply the response file that the portal makes of it.",
        ),
        Fault::TooLarge => {
            (Code::TooLarge, "The file is larger than a response file can be.", CHOOSE)
        }
        Fault::TooMany => (
            Code::TooLarge,
            "The file holds more answers than a response file can.",
            "Apply the responses one after the other.",
        ),
        Fault::Version => (
            Code::Version,
            "The response file is of a version that this library does not know.",
            Code::Version.hint(),
        ),
    };
    Error::new(code, sentence).with_hint(hint)
}

/// What a person can do about an answer that came in a file.
fn hinted_for_a_file(error: Error) -> Error {
    match error.code() {
        Code::Signature => {
            Error::new(Code::Signature, "The response is not signed by this application's vendor.")
                .with_hint("It must come from the vendor's own licensing portal: ask who made it.")
        }
        Code::Malformed => Error::from_code(Code::Malformed)
            .with_hint("Ask the licensing portal to answer the request file again."),
        Code::TooLate => error.with_hint("Make a new activation request; it takes no second seat."),
        _ => error,
    }
}
