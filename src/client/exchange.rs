//! One pending operation: sent, its answer verified, applied. Between commits no lock is held.

use std::time::Duration;

use lm_protocol::exchange::{PATH, POST_TYPE};
use lm_protocol::{
    ActivationId, Answer, Keyring, Operation, Post, Record, Reply, Request, TimeStatement, Verdict,
    Verified, limits,
};

use super::Client;
use super::anew::forgotten;
use super::apply::{Outcome, apply, commit_of};
use super::state::Pending;
use super::store::Draft;
use crate::cancel::Token;
use crate::error::{Code, Error, Result};
use crate::limits::STATUS_AGE;
use crate::log::Level;
use crate::ports::{HttpRequest, HttpResponse, Progress};
use crate::storage::Commit;

/// A reply, everything in it verified and bound to the request.
pub(super) struct Answered {
    pub(super) request: Verified<Request>,
    pub(super) answer: Verified<Answer>,
    /// The record of a grant.
    pub(super) record: Option<Verified<Record>>,
    /// The newest keyset.
    pub(super) keyring: Keyring,
    /// The portal's time for this call.
    pub(super) time: i64,
    /// How far that time may be believed.
    pub(super) freshness: Freshness,
    /// It came in a file.
    pub(super) by_file: bool,
}

/// How far the portal's time in an answer may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// A statement for this call, which came within its timeout by the boot clock: no suspended
    /// machine held it back.
    Fresh,
    /// Signed; it may have waited on its way.
    Signed,
    /// A statement in a response file, and the low time mark of when it was asked for.
    Late { low_then: i64 },
    /// In a response file, and somewhat ahead of this machine's clock: it raises the high mark only.
    Ahead,
    /// In a response file, and far ahead of this machine's clock: nothing is taken of it.
    Doubted,
}

/// One call of the host: who wants it, until when (by the monotonic clock) it may take, and whether
/// another thread has ended it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) wish: Wish,
    pub(super) until: Duration,
    pub(super) cancel: Token,
}

/// By how much a call may outlast its timeout without a suspension: connecting and verifying.
const DRIFT: Duration = Duration::from_secs(10);

/// Whether a person asked for this, or a program's routine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Asks at once, save where the portal itself asked for patience.
    Person,
    /// Honors the back-off.
    Routine,
}

impl Client {
    /// Sends a pending operation and applies its answer. What the portal decided is the outcome; an
    /// error means that it isn't known, and the operation stays pending.
    pub(super) fn settle(
        &self,
        id: ActivationId,
        pending: &Pending,
        call: &Call,
    ) -> Result<Outcome> {
        call.cancel.check()?;
        self.check_backoff(call.wish)?;
        if let Operation::Return { .. } = pending.operation {
            // The seats are out of use in every process before the portal frees them.
            self.ports.clock.sleep(STATUS_AGE);
            call.cancel.check()?;
        }
        self.line(Level::Debug, || format!("{}: asking the portal ({}).", masked(id), pending.op));
        let asked_at = self.ports.clock.boot();
        let response = match self.post(&pending.request, call, &Progress::default()) {
            Ok(response) => response,
            Err(error) => return Err(self.note_failure(error)),
        };
        let mut answered = self
            .verify(pending, &response)
            .map_err(|error| self.note_failure(hinted_for_the_network(error)))?;
        let took = self.ports.clock.boot().saturating_sub(asked_at);
        if took > self.timeout.saturating_add(DRIFT) {
            answered.freshness = Freshness::Signed;
        }
        let outcome = self.change(|draft| self.accept(draft, &answered))?;
        self.line(Level::Info, || match &outcome.result {
            Ok(()) => format!("{}: done.", masked(id)),
            Err(error) => format!("{}: {error}", masked(id)),
        });
        Ok(outcome)
    }

    /// Applies an answer, however it came.
    pub(super) fn accept(
        &self,
        draft: &mut Draft<'_>,
        answered: &Answered,
    ) -> Result<(Outcome, Commit)> {
        let (commit, forgotten) = (commit_of(draft, answered), forgotten(draft, answered));
        let outcome = apply(draft, answered);
        if let Some(entry) = forgotten {
            self.ask_anew(draft, entry)?;
        }
        Ok((outcome, commit))
    }

    /// Sends a request, an empty one to ask who is there. Gives the nonce of this call's time, and what
    /// came back.
    pub(super) fn post(
        &self,
        request: &str,
        call: &Call,
        progress: &Progress,
    ) -> Result<(lm_protocol::Id, HttpResponse)> {
        let Some(url) = &self.portal_url else { return Err(Error::from_code(Code::NoPortal)) };
        let timeout = call.until.saturating_sub(self.ports.clock.monotonic());
        if timeout.is_zero() {
            return Err(Error::from_code(Code::Timeout));
        }
        let time_nonce = self.new_id()?;
        let body = Post { request: request.to_owned(), time_nonce }.to_bytes()?;
        let response = self.transport.post(&HttpRequest {
            url: &format!("{}{PATH}", url.trim_end_matches('/')),
            content_type: POST_TYPE,
            body: &body,
            response_max: limits::REPLY_MAX,
            timeout,
            cancel: call.cancel.clone(),
            progress: progress.clone(),
        })?;
        match response.status {
            200 => Ok((time_nonce, response)),
            429 | 503 => Err(Error::from_code(Code::PortalBusy)
                .with_retry_at(self.retry_at(response.retry_after))),
            status => Err(not_the_portal(&format!("It has the HTTP status {status}."))),
        }
    }

    fn retry_at(&self, retry_after: Option<u32>) -> i64 {
        retry_after.map_or(0, |seconds| self.ports.clock.wall().saturating_add(i64::from(seconds)))
    }

    fn verify(
        &self,
        pending: &Pending,
        (time_nonce, response): &(lm_protocol::Id, HttpResponse),
    ) -> Result<Answered> {
        let reply = reply_of(response)?;
        let request = Request::open(&pending.request)?;
        let keyring = self.keyring_with(&reply.keyset)?;
        let answer = keyring.verify::<Answer>(&reply.answer)?;
        let record = bound(&keyring, &request, &answer)?;
        let statement = keyring.verify::<TimeStatement>(&reply.time)?;
        if statement.nonce != *time_nonce {
            return Err(Error::from_code(Code::Mismatch));
        }
        let (time, freshness) = (statement.time, Freshness::Fresh);
        Ok(Answered { request, answer, record, keyring, time, freshness, by_file: false })
    }

    /// The keys that are known, and those of a keyset that came.
    pub(super) fn keyring_with(&self, keyset: &str) -> Result<Keyring> {
        let (known, _) = self.seen_keys_and_count();
        let mut keyring = known.unwrap_or_else(|| Keyring::new(self.root.clone()));
        keyring.learn(keyset)?;
        Ok(keyring)
    }
}

/// What an HTTP answer must be.
pub(super) fn reply_of(response: &HttpResponse) -> Result<Reply> {
    Reply::parse(&response.body).map_err(|error| match error {
        lm_protocol::Error::TooLarge => Error::from_code(Code::TooLarge),
        _ => not_the_portal("It is no reply of the license protocol."),
    })
}

/// An answer must be the one to the request in every respect, however it came. Gives the record of a
/// grant.
pub(super) fn bound(
    keyring: &Keyring,
    request: &Request,
    answer: &Answer,
) -> Result<Option<Verified<Record>>> {
    answer.must_answer(request)?;
    match &answer.verdict {
        Verdict::Granted { record } => granted(keyring, request, answer, record).map(Some),
        _ => Ok(None),
    }
}

/// A granted record must be the one that was asked for, in every respect.
fn granted(
    keyring: &Keyring,
    request: &Request,
    answer: &Answer,
    text: &str,
) -> Result<Verified<Record>> {
    let record = keyring.verify::<Record>(text)?;
    let key =
        record.device_key == request.device_key || Some(record.device_key) == request.fresh_key;
    let same = key
        && record.product == request.product
        && record.activation_id == request.activation_id
        && record.op == request.op
        && record.holder == request.holder
        && record.host == request.host
        && Some(&record.fulfillment_id) == answer.fulfillment_id.as_ref()
        && record.generation == answer.generation;
    if same { Ok(record) } else { Err(Error::from_code(Code::Mismatch)) }
}

/// What is wrong with a message that came over the network is nothing that a person could mend in
/// it, as in a file.
pub(super) fn hinted_for_the_network(error: Error) -> Error {
    match error.code() {
        Code::Malformed | Code::TooLarge | Code::Mismatch => error.with_hint(
            "Try again; if it comes again, check the portal's address, or ask the vendor. Nothing \
             is lost.",
        ),
        _ => error,
    }
}

/// Who knows an activation ID can activate it: a log shows its end only.
pub(super) fn masked(id: ActivationId) -> String {
    let text = id.to_string();
    format!("…{}", text.get(text.len().saturating_sub(5)..).unwrap_or_default())
}

fn not_the_portal(why: &str) -> Error {
    Error::new(Code::Http, format!("{} {why}", Code::Http.message()))
}
