//! The wire between the machines and the portal: it loses, repeats, reorders, and hands over what it
//! should not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use lm::ports::{HttpRequest, HttpResponse};
use lm::{Code, Error};
use lm_protocol::{Answer, Id, Post, Record, Reply, Request, Verdict, file};

use crate::fault::Fault;
use crate::history::Happened;
use crate::locked;
use crate::machine::{Place, Process};
use crate::peek;
use crate::portal::{End, Hand};
use crate::world::{Point, World};

/// How many messages are kept on their way.
const KEPT: usize = 48;

/// A request that was sent: it may arrive now, later, again, or never.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) place: Place,
    pub(crate) host: usize,
    pub(crate) request: Request,
    body: Vec<u8>,
    nonce: Id,
}

/// A reply that the portal gave.
#[derive(Clone, Debug)]
pub(crate) struct Replied {
    place: Place,
    body: Vec<u8>,
    keyset: String,
    answer: Answer,
    record: Option<Record>,
}

/// What is on its way.
#[derive(Default)]
pub(crate) struct Wire {
    sent: VecDeque<Sent>,
    replied: VecDeque<Replied>,
    /// When the portal first answered an operation, by what its clock should have said.
    answered: BTreeMap<Id, i64>,
}

/// What becomes of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Through,
    RequestLost,
    ReplyLost,
    Twice,
    AfterOthers,
    Busy,
    Garbage,
    OldReply,
    OthersReply,
}

impl Fate {
    fn roll(world: &World) -> Self {
        match world.below(100) {
            0..15 => Self::RequestLost,
            15..30 => Self::ReplyLost,
            30..50 => Self::Twice,
            50..60 => Self::AfterOthers,
            60..62 => Self::Busy,
            62..64 => Self::Garbage,
            64..66 => Self::OldReply,
            66..68 => Self::OthersReply,
            _ => Self::Through,
        }
    }
}

fn keep<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() == KEPT {
        queue.pop_front();
    }
    queue.push_back(item);
}

impl World {
    /// The one POST of a client.
    pub(crate) fn post(
        self: &Arc<Self>,
        process: &Arc<Process>,
        request: &HttpRequest<'_>,
    ) -> lm::Result<HttpResponse> {
        let sent = self.sending(process, request.body)?;
        process.leave();
        self.at(process, Point::Sends);
        let answered = match request.cancel.check() {
            Ok(()) if self.is_calm() => self.carry(&sent, Fate::Through),
            Ok(()) => self.carry(&sent, Fate::roll(self)),
            Err(_) => Err(Fate::RequestLost),
        };
        self.at(process, Point::Received);
        process.enter();
        // A host's own transport ends its exchange when the call is cancelled, or comes too late.
        if request.cancel.is_cancelled() && (answered.is_err() || self.percent(50)) {
            return Err(Error::from_code(Code::Cancelled));
        }
        self.handed_over(process, &sent, answered)
    }

    fn sending(self: &Arc<Self>, process: &Process, body: &[u8]) -> lm::Result<Sent> {
        let post = Post::parse(body).map_err(|_| Error::from_code(Code::Internal))?;
        let request = peek::payload(&post.request);
        let Some(request) = request else { return Err(Error::from_code(Code::Internal)) };
        let (place, nonce) = (process.place, post.time_nonce);
        // A copied store asks in the name of the machine that it comes from.
        let host = locked(&self.judge).host(&request).unwrap_or(self.host_of(place.machine));
        let sent = Sent { place, host, request, body: body.to_vec(), nonce };
        keep(&mut locked(&self.wire).sent, sent.clone());
        self.judge_sending(process, &sent);
        let request = || Box::new(sent.request.clone());
        self.note(|| Happened::Sent { place, request: request() });
        self.note_store(place);
        Ok(sent)
    }

    fn carry(self: &Arc<Self>, sent: &Sent, fate: Fate) -> Result<Vec<u8>, Fate> {
        self.tell(|| format!("  {}: {} → {fate:?}", sent.place, peek::ask(&sent.request)));
        match fate {
            Fate::Through => self.deliver(sent).ok_or(Fate::ReplyLost),
            Fate::ReplyLost => {
                self.deliver(sent);
                Err(fate)
            }
            Fate::Twice => {
                let first = self.deliver(sent);
                let second = self.deliver(sent);
                if self.percent(50) { first.or(second) } else { second.or(first) }
                    .ok_or(Fate::ReplyLost)
            }
            Fate::AfterOthers => {
                self.late_delivery();
                self.deliver(sent).ok_or(Fate::ReplyLost)
            }
            Fate::OldReply | Fate::OthersReply => {
                let of_this = fate == Fate::OldReply;
                let wire = locked(&self.wire);
                let mut fitting =
                    wire.replied.iter().filter(|reply| (reply.place == sent.place) == of_this);
                fitting.next_back().map(|reply| reply.body.clone()).ok_or(fate)
            }
            Fate::RequestLost | Fate::Busy | Fate::Garbage => Err(fate),
        }
    }

    fn handed_over(
        &self,
        process: &Process,
        sent: &Sent,
        answered: Result<Vec<u8>, Fate>,
    ) -> lm::Result<HttpResponse> {
        let response = |status, body| HttpResponse { status, body, retry_after: None };
        match answered {
            Ok(body) => {
                let body = self.forged(sent).unwrap_or(body);
                self.judge_answer(process, sent, &body);
                Ok(response(200, body))
            }
            Err(Fate::Busy) => {
                Ok(HttpResponse { retry_after: Some(5), ..response(503, Vec::new()) })
            }
            Err(Fate::Garbage | Fate::OldReply | Fate::OthersReply) => {
                Ok(response(200, b"<html>Please sign in</html>".to_vec()))
            }
            Err(_) => {
                let waited = self.below(30_000);
                self.pass(i64::try_from(waited).unwrap_or(0));
                let codes = [Code::Network, Code::Timeout, Code::Dns, Code::Tls, Code::Proxy];
                let code = codes.get(self.below(codes.len())).copied();
                Err(Error::from_code(code.unwrap_or(Code::Network)))
            }
        }
    }

    /// Some request that was sent arrives: for the first time, or again.
    pub(crate) fn late_delivery(self: &Arc<Self>) {
        let count = locked(&self.wire).sent.len();
        let nth = self.below(count.max(1));
        let Some(sent) = locked(&self.wire).sent.get(nth).cloned() else { return };
        self.tell(|| format!("  late: {} of {}", peek::ask(&sent.request), sent.place));
        self.deliver(&sent);
    }

    /// A request arrives at the portal. `None`: no reply comes.
    pub(crate) fn deliver(self: &Arc<Self>, sent: &Sent) -> Option<Vec<u8>> {
        let (end, now) = (self.portal_end(), self.portal_now());
        let replied = self.portal.reply(now, self.portal_dice(), &sent.body, (end, self.hand()));
        self.pass(2);
        match replied {
            Ok(reply) => {
                let answer: Answer = peek::payload(&reply.answer)?;
                self.tell(|| format!("  portal: {}", peek::verdict(&answer)));
                let body = self.keep_reply(sent, &reply, &answer);
                self.judge_answered(now, sent.host, &sent.request, &answer);
                body
            }
            Err(error) => {
                self.tell(|| format!("  portal: no answer, {error}"));
                if end == End::Commit && !error.is_conflict() {
                    self.accuse("portal", || {
                        format!(
                            "{} of {} is no request: {error}",
                            peek::ask(&sent.request),
                            sent.place
                        )
                    });
                }
                None
            }
        }
    }

    /// The portal answers a request file. `None`: it died, or nothing in it could be answered.
    pub(crate) fn answer_file(self: &Arc<Self>, place: Place, requests: &[u8]) -> Option<Vec<u8>> {
        let (mut answered, mut keyset) = (Vec::new(), String::new());
        for entry in file::read_requests(requests).ok()? {
            let end = self.portal_end();
            let (now, dice) = (self.portal_now(), self.portal_dice());
            match self.portal.reply_in_file(now, dice, &entry, end) {
                Ok((request, answer, time, keys)) => {
                    self.answered_in_file((now, place), &request, &answer);
                    (answered, keyset) = ([answered, vec![(request, answer, time)]].concat(), keys);
                }
                Err(_) if end != End::Commit => return None,
                Err(error) if error.is_conflict() => return None,
                Err(error) => self.accuse("portal", || format!("a file of {place}: {error}")),
            }
        }
        self.portal.response_file(&keyset, &answered).ok()
    }

    fn answered_in_file(
        self: &Arc<Self>,
        (now, place): (i64, Place),
        request: &Request,
        answer: &str,
    ) {
        let Some(answer) = peek::payload::<Answer>(answer) else { return };
        self.tell(|| format!("  file: {} → {}", peek::ask(request), peek::verdict(&answer)));
        let host = locked(&self.judge).host(request).unwrap_or(self.host_of(place.machine));
        locked(&self.wire).answered.entry(answer.op).or_insert(self.portal_time());
        self.judge_answered(now, host, request, &answer);
    }

    fn keep_reply(&self, sent: &Sent, reply: &Reply, answer: &Answer) -> Option<Vec<u8>> {
        let body = reply.to_bytes().ok()?;
        let record = match &answer.verdict {
            Verdict::Granted { record } => peek::payload(record),
            _ => None,
        };
        let replied = Replied {
            place: sent.place,
            body: body.clone(),
            keyset: reply.keyset.clone(),
            answer: answer.clone(),
            record,
        };
        let mut wire = locked(&self.wire);
        wire.answered.entry(answer.op).or_insert(self.portal_time());
        keep(&mut wire.replied, replied);
        Some(body)
    }

    /// What a planted fault does in the portal's transaction.
    fn hand(&self) -> Option<Hand> {
        match self.fault() {
            Some(Fault::AnswerNotStored) if self.percent(20) => {
                Some(|request| vec![format!("DELETE FROM operations WHERE op = '{}'", request.op)])
            }
            Some(Fault::CooledAtOnce) => Some(|_| {
                vec![
                    "UPDATE activation_ids SET cooling = 0".to_owned(),
                    "DELETE FROM cooling_seats".to_owned(),
                ]
            }),
            Some(Fault::CreditedTwice) => Some(|request| match request.operation {
                lm_protocol::Operation::Return { .. } => {
                    let id = request.activation_id;
                    let one_less = "UPDATE activation_ids SET fulfilled = fulfilled - 1";
                    vec![format!("{one_less} WHERE activation_id = '{id}' AND fulfilled > 0")]
                }
                _ => Vec::new(),
            }),
            _ => None,
        }
    }

    /// With the portal's key in hand: another answer, made to look like this one's.
    fn forged(&self, sent: &Sent) -> Option<Vec<u8>> {
        let wanted = match self.fault() {
            Some(Fault::OtherAnswerAccepted) => |reply: &Replied, sent: &Sent| {
                reply.answer.op != sent.request.op
                    && matches!(reply.answer.verdict, Verdict::Denied { .. })
            },
            Some(Fault::OtherMachinesReply) => |reply: &Replied, sent: &Sent| {
                reply.place != sent.place
                    && reply.record.is_some()
                    && reply.answer.activation_id == sent.request.activation_id
            },
            _ => return None,
        };
        if !self.percent(25) {
            return None;
        }
        let replied = {
            let wire = locked(&self.wire);
            wire.replied.iter().rev().find(|reply| wanted(reply, sent)).cloned()?
        };
        let (answer, record) = rebound(replied.clone(), &sent.request);
        let forged =
            self.portal.forge((answer, record), (replied.keyset, self.portal_now(), sent.nonce));
        self.tell(|| "  (the wire passes another answer off as this one's)".to_owned());
        forged.ok()?.to_bytes().ok()
    }
}

fn rebound(replied: Replied, request: &Request) -> (Answer, Option<Record>) {
    let Replied { mut answer, mut record, .. } = replied;
    answer.op = request.op;
    answer.nonce = request.nonce;
    answer.activation_id = request.activation_id;
    answer.host_id = request.host.host_id();
    answer.product = request.product.clone();
    if let Some((id, _)) = request.about() {
        answer.fulfillment_id = answer.fulfillment_id.map(|_| id.to_owned());
    }
    if let Some(record) = &mut record {
        record.op = request.op;
        record.host = request.host.clone();
        record.holder = request.holder.clone();
        record.device_key = request.device_key;
        record.product = request.product.clone();
        if let Some(id) = &answer.fulfillment_id {
            record.fulfillment_id.clone_from(id);
        }
        answer.generation = record.generation;
    }
    (answer, record)
}

impl Wire {
    /// When the portal first answered an operation.
    pub(crate) fn first_answered(&self, op: Id) -> Option<i64> {
        self.answered.get(&op).copied()
    }
}
