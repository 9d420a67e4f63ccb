//! The least portal: it signs what a client asks for, by a clock that a test moves. For tests whose
//! matter is the client's time and not the portal's books.

use std::sync::Arc;

use lm::ports::{HttpRequest, HttpResponse, Transport};
use lm_protocol::envelope::sign;
use lm_protocol::{
    Answer, Bytes32, Feature, Keyset, KeysetKey, KeysetStatus, Kind, Operation, Post, Record,
    Reply, Request, SigningKey, Terms, TimeStatement, TrustRoot, Verdict,
};

const VENDOR: &str = "Terra";

/// What every grant says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grant {
    pub expires_at: i64,
    pub lease: i64,
    pub grace: i64,
}

/// The portal; its time is what `now` says.
pub struct Signer {
    pub grant: Grant,
    pub now: Arc<dyn Fn() -> i64 + Send + Sync>,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32]).expect("a key")
}

pub fn trust_root() -> String {
    let keys = vec![key(1).public()];
    TrustRoot { vendor: VENDOR.to_owned(), keys, salt: Bytes32([3; 32]) }.to_string()
}

impl Signer {
    fn record(&self, request: &Request, time: i64) -> Record {
        let Grant { expires_at, lease, grace } = self.grant;
        let until = |length| if lease == 0 { 0 } else { time + length };
        Record {
            vendor: VENDOR.to_owned(),
            product: request.product.clone(),
            activation_id: request.activation_id,
            fulfillment_id: "F-1".to_owned(),
            generation: request.about().map_or(1, |(_, generation)| generation + 1),
            op: request.op,
            epoch: 1,
            kind: Kind::Nl,
            seats: 1,
            features: vec![Feature { name: "ortho".to_owned(), limit: None }],
            holder: request.holder.clone(),
            host: request.host.clone(),
            device_key: request.device_key,
            issued_at: time,
            starts_at: 0,
            expires_at,
            lease_until: until(lease),
            grace_until: until(lease + grace),
            apply_by: time + 86_400,
            terms: Terms { lease, grace, ..Terms::default() },
        }
    }
}

impl Transport for Signer {
    fn post(&self, request: &HttpRequest<'_>) -> lm::Result<HttpResponse> {
        let post = Post::parse(request.body).expect("a post");
        let asked = Request::open(&post.request).expect("a request");
        let time = (self.now)();
        let record = self.record(&asked, time);
        let returns = matches!(asked.operation, Operation::Return { .. });
        let verdict = if returns {
            Verdict::Returned
        } else {
            Verdict::Granted { record: sign(&record, &[&key(2)]).expect("a record") }
        };
        let answer = Answer {
            vendor: VENDOR.to_owned(),
            product: asked.product.clone(),
            op: asked.op,
            nonce: asked.nonce,
            activation_id: asked.activation_id,
            host_id: asked.host.host_id(),
            fulfillment_id: Some(record.fulfillment_id.clone()),
            generation: record.generation,
            time,
            epoch: 1,
            store_generation: asked.store.generation,
            verdict,
        };
        let vendor = VENDOR.to_owned();
        let online = KeysetKey {
            key: key(2).public(),
            status: KeysetStatus::Active,
            valid_from: 0,
            valid_until: i64::MAX,
        };
        let keyset =
            Keyset { vendor: vendor.clone(), version: 1, issued_at: 0, keys: vec![online] };
        let statement = TimeStatement { vendor, nonce: post.time_nonce, time };
        let reply = Reply {
            answer: sign(&answer, &[&key(2)]).expect("an answer"),
            keyset: sign(&keyset, &[&key(1)]).expect("a keyset"),
            time: sign(&statement, &[&key(2)]).expect("a statement"),
        };
        let body = reply.to_bytes().expect("a reply");
        Ok(HttpResponse { status: 200, body, retry_after: None })
    }
}
