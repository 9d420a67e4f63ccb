//! The portal's side of an exchange: what it would answer, and what becomes of that in other hands.
//!
//! Envelopes are made here a second time, by the format's description, since the protocol's own maker
//! signs nothing but what is well-formed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lm_protocol::file::{AnswerEntry, Answers};
use lm_protocol::{
    Answer, Feature, Id, Keyset, KeysetKey, KeysetStatus, Kind, Message, Operation, Post, Record,
    Reply, Request, Terms, TimeStatement, Verdict,
};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::input::Input;
use crate::world::{NOW, Signer, VENDOR, key};

/// How one of the four messages of a reply is made.
#[derive(Clone, Debug)]
pub enum Make {
    /// As the portal would.
    Right,
    /// As the portal would, but for these fields of its payload, a JSON object.
    Changed(Vec<u8>),
    /// Another payload, signed as it must be.
    Payload(Vec<u8>),
    /// Another envelope.
    Envelope(Vec<u8>),
    /// As the portal would, signed by a stranger.
    Forged,
}

impl Make {
    pub fn of(mode: u8, input: &mut Input<'_>) -> Self {
        match mode % 5 {
            1 => Self::Changed(input.piece().to_vec()),
            2 => Self::Payload(input.piece().to_vec()),
            3 => Self::Envelope(input.piece().to_vec()),
            4 => Self::Forged,
            _ => Self::Right,
        }
    }

    fn envelope<T: Message>(&self, right: &T, signer: Signer) -> String {
        let payload = serde_json::to_vec(right).expect("a message");
        match self {
            Self::Right => sealed(T::TYPE, &payload, signer),
            Self::Changed(fields) => sealed(T::TYPE, &changed(&payload, fields), signer),
            Self::Payload(payload) => sealed(T::TYPE, payload, signer),
            Self::Envelope(text) => String::from_utf8_lossy(text).into_owned(),
            Self::Forged => sealed(T::TYPE, &payload, Signer::Stranger),
        }
    }
}

/// An envelope over any payload.
pub fn sealed(kind: &str, payload: &[u8], signer: Signer) -> String {
    let key = key(signer);
    let mut signed = format!("LMv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    signed.extend_from_slice(payload);
    let (payload, signature) = (STANDARD.encode(payload), STANDARD.encode(key.sign(&signed)));
    format!(
        r#"{{"lm":1,"type":"{kind}","payload":"{payload}","signatures":[{{"key":"{}","signature":"{signature}"}}]}}"#,
        key.public()
    )
}

/// A response file around any bytes, by the format's description (protocol/src/file/armor.rs).
pub fn response_file(head: &str, bytes: &[u8]) -> String {
    let check = digest(&SHA256, bytes);
    let check: String = check.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let base64 = STANDARD.encode(bytes);
    format!(
        "{head}\n\nBEGIN LM LICENSE RESPONSE 1\n{base64}\nEND LM LICENSE RESPONSE 1 CHECK {check}\n"
    )
}

/// The object with the fields of another one in their place; where that is no object, the other.
pub fn changed(payload: &[u8], fields: &[u8]) -> Vec<u8> {
    match (serde_json::from_slice(payload), serde_json::from_slice(fields)) {
        (Ok(Value::Object(mut all)), Ok(Value::Object(fields))) => {
            all.extend(fields);
            serde_json::to_vec(&all).expect("an object")
        }
        _ => fields.to_vec(),
    }
}

/// A whole reply.
#[derive(Clone, Debug)]
pub struct Replied {
    pub keyset: Make,
    pub answer: Make,
    pub record: Make,
    pub time: Make,
}

impl Replied {
    pub const RIGHT: Self =
        Self { keyset: Make::Right, answer: Make::Right, record: Make::Right, time: Make::Right };

    /// Whether a stranger has signed any of it.
    pub fn is_forged(&self) -> bool {
        [&self.keyset, &self.answer, &self.record, &self.time]
            .iter()
            .any(|make| matches!(make, Make::Forged))
    }

    /// The body.
    pub fn body(&self, request: &Request, post: &Post) -> Vec<u8> {
        // Not by `to_bytes`, which refuses what is too long.
        serde_json::to_vec(&self.reply(request, post.time_nonce)).expect("a reply")
    }

    /// What a response file holds.
    pub fn answers(&self, request: &Request, time_nonce: Option<Id>) -> Vec<u8> {
        let reply = self.reply(request, time_nonce.unwrap_or(Id([0; 16])));
        let answer = AnswerEntry { answer: reply.answer, time: time_nonce.map(|_| reply.time) };
        let answers = Answers { keyset: reply.keyset, answers: vec![answer] };
        serde_json::to_vec(&answers).expect("answers")
    }

    fn reply(&self, request: &Request, time_nonce: Id) -> Reply {
        let record = self.record.envelope(&record(request), Signer::Portal);
        let answer = answer(request, record);
        let time = TimeStatement { vendor: VENDOR.to_owned(), nonce: time_nonce, time: NOW };
        Reply {
            answer: self.answer.envelope(&answer, Signer::Portal),
            keyset: self.keyset.envelope(&keyset(), Signer::Root),
            time: self.time.envelope(&time, Signer::Portal),
        }
    }
}

pub fn keyset() -> Keyset {
    Keyset {
        vendor: VENDOR.to_owned(),
        version: 2,
        issued_at: NOW - 1000,
        keys: vec![KeysetKey {
            key: key(Signer::Portal).public(),
            status: KeysetStatus::Active,
            // What a real portal signed on the day of the seeds is in time, too.
            valid_from: 0,
            valid_until: NOW + 100_000_000,
        }],
    }
}

/// The answer to a request, whatever it asks: granted, or all given back.
pub fn answer(request: &Request, record: String) -> Answer {
    let generation = request.about().map_or(0, |(_, generation)| generation) + 1;
    let verdict = match &request.operation {
        Operation::Return { seats: 0, .. } => Verdict::Returned,
        Operation::Abandon { .. } => Verdict::Abandoned,
        _ => Verdict::Granted { record },
    };
    Answer {
        vendor: VENDOR.to_owned(),
        product: request.product.clone(),
        op: request.op,
        nonce: request.nonce,
        activation_id: request.activation_id,
        host_id: request.host.host_id(),
        fulfillment_id: Some("F-1".to_owned()),
        generation,
        time: NOW,
        epoch: 3,
        store_generation: request.store.generation,
        verdict,
    }
}

/// The ends of terms in the seeds.
pub const EXPIRES_AT: [i64; 2] = [NOW + 5, 1_900_000_000];

/// The record that grants what a request asks for.
pub fn record(request: &Request) -> Record {
    let seats = match request.operation {
        Operation::Activate { seats } | Operation::MoreSeats { seats, .. } => seats,
        _ => 2,
    };
    let terms = Terms::default();
    Record {
        vendor: VENDOR.to_owned(),
        product: request.product.clone(),
        activation_id: request.activation_id,
        fulfillment_id: "F-1".to_owned(),
        generation: request.about().map_or(0, |(_, generation)| generation) + 1,
        op: request.op,
        epoch: 3,
        kind: Kind::Cc,
        seats,
        features: vec![
            Feature { name: "ortho".to_owned(), limit: None },
            Feature { name: "raster".to_owned(), limit: Some(4) },
        ],
        holder: request.holder.clone(),
        host: request.host.clone(),
        device_key: request.device_key,
        issued_at: NOW,
        starts_at: 0,
        expires_at: 0,
        lease_until: NOW + terms.lease,
        grace_until: NOW + terms.lease + terms.grace,
        apply_by: NOW + terms.lease,
        terms,
    }
}
