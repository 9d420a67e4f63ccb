//! A portal that lies: its answers are signed as a real portal's are, and one thing about each is
//! wrong. The client takes none of them; the same request, answered honestly, is granted.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use lm_protocol::envelope::sign;
use lm_protocol::record::Terms;
use lm_protocol::{
    ActivationId, Answer, Bytes32, Feature, Id, Keyset, KeysetKey, KeysetStatus, Kind, Operation,
    Post, Record, Reply, Request, SigningKey, TimeStatement, TrustRoot, Verdict,
};

use crate::common::machine::Machine;
use crate::common::server::{http, read_request, serve};
use crate::page::{Row, compare};

const NOW: i64 = 1_800_000_000;
const VENDOR: &str = "Terra";

/// One answer before it is signed, and by whom each part will be.
pub(crate) struct Draft {
    answer: Answer,
    record: Record,
    keyset: Keyset,
    time: TimeStatement,
    root: SigningKey,
    /// Signs answer, record and time.
    online: [SigningKey; 3],
    /// Changes the reply after all is signed.
    after: fn(&mut Reply),
}

pub(crate) type Lie = fn(&mut Draft);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32]).unwrap()
}

const ROOT: u8 = 1;
const ONLINE: u8 = 7;
const OLD: u8 = 8;

pub(crate) fn trust_root() -> String {
    let root = TrustRoot {
        vendor: VENDOR.to_owned(),
        keys: vec![key(ROOT).public()],
        salt: Bytes32([2; 32]),
    };
    root.to_string()
}

fn keyset(version: u64, keys: &[(u8, KeysetStatus)]) -> Keyset {
    let keys = keys.iter().map(|(seed, status)| KeysetKey {
        key: key(*seed).public(),
        status: *status,
        valid_from: 0,
        valid_until: 2 * NOW,
    });
    Keyset { vendor: VENDOR.to_owned(), version, issued_at: NOW, keys: keys.collect() }
}

/// What an honest portal says to a request.
fn honest(request: &Request, time_nonce: Id) -> Draft {
    let Operation::Activate { seats } = request.operation else { panic!("an activation") };
    let record = Record {
        vendor: VENDOR.to_owned(),
        product: request.product.clone(),
        activation_id: request.activation_id,
        fulfillment_id: "F-1".to_owned(),
        generation: 1,
        op: request.op,
        epoch: 1,
        kind: Kind::Nl,
        seats,
        features: vec![Feature { name: "ortho".to_owned(), limit: None }],
        holder: request.holder.clone(),
        host: request.host.clone(),
        device_key: request.device_key,
        issued_at: NOW,
        starts_at: 0,
        expires_at: 0,
        lease_until: 0,
        grace_until: 0,
        apply_by: NOW + 86_400,
        terms: Terms { lease: 0, grace: 0, ..Terms::default() },
    };
    let answer = Answer {
        vendor: VENDOR.to_owned(),
        product: request.product.clone(),
        op: request.op,
        nonce: request.nonce,
        activation_id: request.activation_id,
        host_id: request.host.host_id(),
        fulfillment_id: Some("F-1".to_owned()),
        generation: 1,
        time: NOW,
        epoch: 1,
        store_generation: request.store.generation,
        verdict: Verdict::Stale,
    };
    Draft {
        answer,
        record,
        keyset: keyset(2, &[(ONLINE, KeysetStatus::Active), (OLD, KeysetStatus::Revoked)]),
        time: TimeStatement { vendor: VENDOR.to_owned(), nonce: time_nonce, time: NOW },
        root: key(ROOT),
        online: [key(ONLINE), key(ONLINE), key(ONLINE)],
        after: |_| (),
    }
}

/// The same for a request that came in a file.
pub(crate) fn reply(request: &Request, lie: Lie) -> Reply {
    let mut draft = honest(request, Id([0; 16]));
    lie(&mut draft);
    draft.reply()
}

impl Draft {
    pub(crate) fn sign_answer_by(&mut self, seed: u8) {
        self.online[0] = key(seed);
    }

    pub(crate) fn sign_keyset_by(&mut self, seed: u8) {
        self.root = key(seed);
    }

    pub(crate) fn answer_another_nonce(&mut self) {
        self.answer.nonce = Id([9; 16]);
    }

    pub(crate) fn name_another_key(&mut self) {
        self.record.device_key = key(97).public();
    }

    fn signed(self) -> Vec<u8> {
        self.reply().to_bytes().unwrap()
    }

    fn reply(mut self) -> Reply {
        let [by_answer, by_record, by_time] = &self.online;
        let record = sign(&self.record, &[by_record]).unwrap();
        self.answer.verdict = Verdict::Granted { record };
        let mut reply = Reply {
            answer: sign(&self.answer, &[by_answer]).unwrap(),
            keyset: sign(&self.keyset, &[&self.root]).unwrap(),
            time: sign(&self.time, &[by_time]).unwrap(),
        };
        (self.after)(&mut reply);
        reply
    }
}

/// Serves answers with the lie of the day.
fn portal(lie: Arc<Mutex<Lie>>) -> SocketAddr {
    serve(move |mut stream| {
        let post = Post::parse(&read_request(&mut stream)).unwrap();
        let request = Request::open(&post.request).unwrap();
        let mut draft = honest(&request, post.time_nonce);
        (lie.lock().unwrap())(&mut draft);
        let _ = stream.write_all(&http("200 OK", &draft.signed()));
    })
}

const LIES: &[(&str, Lie)] = &[
    ("the answer is signed by a key that nobody named", |d| d.online[0] = key(99)),
    ("the record is signed by a key that nobody named", |d| d.online[1] = key(99)),
    ("the time is signed by a key that nobody named", |d| d.online[2] = key(99)),
    ("the keyset is signed by another root", |d| d.root = key(98)),
    ("the keyset is another vendor's", |d| d.keyset.vendor = "Aqua".to_owned()),
    ("the answer is signed by a key that was revoked", |d| d.online[0] = key(OLD)),
    ("the answer is signed after its key's time", |d| d.keyset.keys[0].valid_until = NOW - 1),
    ("one letter of the answer is another", |d| {
        d.after = |reply| reply.answer = damaged(&reply.answer)
    }),
    ("the answer is cut off", |d| d.after = |reply| reply.answer.truncate(200)),
    ("the answer is of a later version", |d| {
        d.after = |reply| reply.answer = reply.answer.replacen("\"lm\":1", "\"lm\":2", 1);
    }),
    ("the answer is another message", |d| d.after = |reply| reply.answer = reply.time.clone()),
    ("the answer is larger than any", |d| d.after = |reply| reply.answer = " ".repeat(100_000)),
    ("the answer is of another vendor", |d| d.answer.vendor = "Aqua".to_owned()),
    ("the answer is for another product", |d| d.answer.product = "viewer".to_owned()),
    ("the answer is for another request", |d| d.answer.op = Id([9; 16])),
    ("the answer is for an earlier try of its own making", |d| d.answer.nonce = Id([9; 16])),
    ("the answer is for another machine", |d| d.answer.host_id = "H-OTHER".to_owned()),
    ("the answer is for another activation ID", |d| {
        d.answer.activation_id = ActivationId::from_random([9; 10]);
    }),
    ("the record is for another product", |d| d.record.product = "viewer".to_owned()),
    ("the record is for another machine's key", |d| d.record.device_key = key(97).public()),
    ("the record is of another generation than the answer", |d| d.record.generation = 2),
    ("the time is of an earlier call", |d| d.time.nonce = Id([9; 16])),
];

/// Another letter in the middle of the signed text.
fn damaged(envelope: &str) -> String {
    let (before, rest) = envelope.split_at(envelope.find("\"payload\":\"").unwrap() + 60);
    let other = if rest.starts_with('A') { "B" } else { "A" };
    format!("{before}{other}{}", &rest[1..])
}

/// A keyset that is older than the one that the client knows isn't taken: a key that was revoked
/// meanwhile does not come back with it.
const OLD_KEYSET: (&str, Lie) = ("an old keyset, and a key that was revoked since", |d| {
    d.keyset = keyset(1, &[(OLD, KeysetStatus::Active)]);
    d.online = [key(OLD), key(OLD), key(OLD)];
});

#[test]
fn what_is_wrong_with_an_answer_is_told_apart_and_nothing_of_it_is_taken() {
    let lie = Arc::new(Mutex::new((|_| ()) as Lie));
    let address = portal(lie.clone());
    let url = format!("http://{address}");
    let say = |next: Lie| *lie.lock().unwrap() = next;
    let id = |number: u8| ActivationId::from_random([number; 10]).to_string();
    let mut rows = Vec::new();
    for (number, (input, wrong)) in (0..).zip(LIES) {
        let (machine, id) = (Machine::new(&trust_root(), Some(&url), "field-1"), id(number));
        say(*wrong);
        let outcome = machine.activate(&id, 1);
        rows.push(Row::new(input, outcome, &machine.state(&id)));
        assert_eq!(machine.status(None).usable, 0, "{input}");
        say(|_| ());
        machine.resume().unwrap_or_else(|e| panic!("{input}: {e:?}"));
        assert_eq!(machine.state(&id), "ACTIVE", "{input}");
    }
    let machine = Machine::new(&trust_root(), Some(&url), "field-1");
    machine.activate(&id(100), 1).unwrap();
    say(OLD_KEYSET.1);
    let outcome = machine.activate(&id(101), 1);
    rows.push(Row::new(OLD_KEYSET.0, outcome, &machine.state(&id(101))));
    assert_eq!(machine.state(&id(100)), "ACTIVE");
    let rows: Vec<_> =
        rows.into_iter().map(|row| row.without(&[(&address.to_string(), "PORTAL")])).collect();
    let intro = "An activation that a portal, or who pretends to be one, answers wrongly. It stays pending, and the same \
                 request, answered honestly, is granted.";
    compare("Answers", intro, &rows);
}
