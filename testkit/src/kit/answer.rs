//! The way to the pretended portal: a transport whose answers fail as tests order.
#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex};

use lm_protocol::envelope::sign;
use lm_protocol::{Answer, Id, ObsoleteReason, Post, Refusal, Reply, Request, TimeStatement};

use super::failures::Whose;
use super::locked;
use super::portal::{self, How, Portal, Refused};
use super::world::World;
use crate::error::{Code, Error, Result};
use crate::ports::{HttpRequest, HttpResponse, Step, Transport};

/// The host's.
pub(crate) struct HostsWay {
    pub(super) world: Arc<World>,
    pub(super) vendor: String,
}

/// The kit's own, by which it brings records into a state.
pub(super) struct KitsWay {
    pub(super) portal: Arc<Mutex<Portal>>,
    /// `None`: the message is lost.
    pub(super) how: Mutex<Option<How>>,
    /// By the portal's clock.
    pub(super) time: i64,
}

impl Transport for HostsWay {
    fn post(&self, request: &HttpRequest<'_>) -> Result<HttpResponse> {
        let failing = self.world.failures.take(Whose::Portal);
        request.progress.reached(how_far(failing));
        match failing {
            Some(Code::PortalBusy) => return Ok(response(503, Vec::new())),
            Some(Code::Http) => return Ok(response(502, b"<html>Bad gateway</html>".to_vec())),
            Some(code) if code.is_network() || matches!(code, Code::TooLarge | Code::Cancelled) => {
                return Err(Error::from_code(code));
            }
            _ => {}
        }
        let post = Post::parse(request.body)?;
        let time = self.world.clocks.of_portal();
        if post.request.is_empty() {
            // Asked who it is.
            let reply = self.greeting(post.time_nonce, time, failing)?;
            return Ok(response(200, reply.to_bytes()?));
        }
        let asked = Request::open(&post.request)?.into_inner();
        let how = match failing {
            Some(Code::TooLate) => How::TooLate,
            Some(code) => refused(code).map_or(How::Honest, How::Verdict),
            None => How::Honest,
        };
        let answer = locked(&self.world.portal).answer(&asked, time, how)?;
        let reply = spoiled(reply(&answer, post.time_nonce, time)?, &answer, failing)?;
        Ok(response(200, reply.to_bytes()?))
    }
}

impl Transport for KitsWay {
    fn post(&self, request: &HttpRequest<'_>) -> Result<HttpResponse> {
        // Not a network's failure: that would leave a back-off behind.
        let how = locked(&self.how).ok_or_else(|| Error::from_code(Code::Cancelled))?;
        let post = Post::parse(request.body)?;
        let asked = Request::open(&post.request)?.into_inner();
        let answer = locked(&self.portal).answer(&asked, self.time, how)?;
        Ok(response(200, reply(&answer, post.time_nonce, self.time)?.to_bytes()?))
    }
}

impl HostsWay {
    fn greeting(&self, nonce: Id, time: i64, failing: Option<Code>) -> Result<Reply> {
        let nonce = if failing == Some(Code::Mismatch) { Id([0; 16]) } else { nonce };
        let statement = TimeStatement { vendor: self.vendor.clone(), nonce, time };
        let key = match failing {
            Some(Code::Signature) => portal::strange_key()?,
            _ => portal::online_key()?,
        };
        let (answer, keyset) = (String::new(), portal::keyset(&self.vendor)?);
        Ok(Reply { answer, keyset, time: sign(&statement, &[&key])? })
    }
}

/// How far an exchange gets that ends so.
const fn how_far(failing: Option<Code>) -> Step {
    match failing {
        Some(Code::Dns | Code::Cancelled) => Step::Nothing,
        Some(Code::Network | Code::Proxy) => Step::Resolved,
        Some(Code::Tls) => Step::Connected,
        Some(Code::Timeout) => Step::Secured,
        _ => Step::Answered,
    }
}

fn response(status: u16, body: Vec<u8>) -> HttpResponse {
    HttpResponse { status, body, retry_after: None }
}

fn reply(answer: &Answer, nonce: Id, time: i64) -> Result<Reply> {
    let key = portal::online_key()?;
    let statement = TimeStatement { vendor: answer.vendor.clone(), nonce, time };
    Ok(Reply {
        answer: sign(answer, &[&key])?,
        keyset: portal::keyset(&answer.vendor)?,
        time: sign(&statement, &[&key])?,
    })
}

/// What a faulty reply looks like, for the codes that speak of one.
fn spoiled(right: Reply, answer: &Answer, code: Option<Code>) -> Result<Reply> {
    Ok(match code {
        Some(Code::Signature) => {
            Reply { answer: sign(answer, &[&portal::strange_key()?])?, ..right }
        }
        Some(Code::Malformed) => Reply { answer: "{}".to_owned(), ..right },
        Some(Code::Version) => {
            Reply { answer: right.answer.replacen("\"lm\":1", "\"lm\":2", 1), ..right }
        }
        // To another call.
        Some(Code::Mismatch) => {
            let other = reply(answer, Id([0; 16]), answer.time)?;
            Reply { time: other.time, ..right }
        }
        _ => right,
    })
}

pub(super) fn refused(code: Code) -> Option<Refused> {
    let refusal = match code {
        Code::IdUnknown => Refusal::IdUnknown,
        Code::IdInactive => Refusal::IdInactive,
        Code::NoSeats => Refusal::NoSeats,
        Code::WrongProduct => Refusal::WrongProduct,
        Code::WrongKind => Refusal::WrongKind,
        Code::Expired => Refusal::Expired,
        Code::NotYetValid => Refusal::NotYetValid,
        Code::HostRefused => Refusal::HostRefused,
        Code::HostMismatch => Refusal::HostMismatch,
        Code::ReturnLimit => Refusal::ReturnLimit,
        Code::RehostLimit => Refusal::RehostLimit,
        Code::RepairLimit => Refusal::RepairLimit,
        Code::OfflineRefused => Refusal::OfflineRefused,
        Code::Abandoned => Refusal::Abandoned,
        Code::Stale => return Some(Refused::Stale),
        Code::Obsolete => return Some(Refused::Obsolete(ObsoleteReason::Retired)),
        Code::HeldElsewhere => return Some(Refused::Obsolete(ObsoleteReason::HeldElsewhere)),
        _ => return None,
    };
    Some(Refused::Denied(refusal))
}
