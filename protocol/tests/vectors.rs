//! The published test vectors, made by an independent program (`tests/vectors/make.py`): read and
//! verified, and, since Ed25519 signs deterministically, made again to the byte.

use std::collections::BTreeSet;
use std::path::PathBuf;

use lm_protocol::encoding::from_hex;
use lm_protocol::envelope::{Message, sign};
use lm_protocol::evidence::{FactorKind, hash_user, hash_value};
use lm_protocol::file::{self, AnswerEntry, RequestEntry};
use lm_protocol::{
    ActivationId, Answer, Bytes32, Error, Evidence, Id, Keyring, Keyset, Post, Record, Refusal,
    Reply, Request, SigningKey, TimeStatement, TrustRoot, Unverified, Verdict, Verified,
};
use serde::Deserialize;

fn text(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn json<T: serde::de::DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    r#type: String,
    payload: String,
    seeds: Vec<String>,
    envelope: String,
    /// Of an answer: the name of its request.
    #[serde(default)]
    answers: String,
}

impl Vector {
    /// Reads the payload, and makes payload and envelope again.
    fn message<T: Message>(&self) -> T {
        let name = &self.name;
        assert_eq!(self.r#type, T::TYPE, "{name}");
        let message: T =
            serde_json::from_str(&self.payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(serde_json::to_string(&message).unwrap(), self.payload, "{name}");
        let keys: Vec<_> = self.seeds.iter().map(|seed| key(seed)).collect();
        let signed = sign(&message, &keys.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(signed, self.envelope, "{name}");
        message
    }
}

fn key(seed: &str) -> SigningKey {
    SigningKey::from_seed(from_hex(seed).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct Names {
    trust_root: Root,
    activation_ids: Vec<IdVector>,
    factors: Vec<FactorVector>,
    host: HostVector,
}

#[derive(Deserialize)]
struct Root {
    vendor: String,
    root_seed: String,
    salt: String,
    line: String,
}

#[derive(Deserialize)]
struct IdVector {
    random: String,
    text: String,
}

#[derive(Deserialize)]
struct FactorVector {
    kind: String,
    raw: String,
    hash: String,
}

#[derive(Deserialize)]
struct HostVector {
    evidence: Evidence,
    host_id: String,
}

fn keyring() -> Keyring {
    let names: Names = json("names.json");
    let mut keyring = Keyring::new(TrustRoot::parse(&names.trust_root.line).unwrap());
    let keyset: Vec<Vector> = json("keyset.json");
    assert_eq!(keyring.learn(&keyset[0].envelope), Ok(true));
    keyring
}

fn requests() -> Vec<(Vector, Verified<Request>)> {
    let vectors: Vec<Vector> = json("requests.json");
    let open = |vector: Vector| {
        let request = Request::open(&vector.envelope).unwrap();
        (vector, request)
    };
    vectors.into_iter().map(open).collect()
}

#[test]
fn trust_root_activation_ids_factors_and_host_id() {
    let names: Names = json("names.json");
    let root = TrustRoot {
        vendor: names.trust_root.vendor,
        keys: vec![key(&names.trust_root.root_seed).public()],
        salt: Bytes32(from_hex(&names.trust_root.salt).unwrap()),
    };
    assert_eq!(root.to_string(), names.trust_root.line);
    assert_eq!(TrustRoot::parse(&names.trust_root.line).as_ref(), Ok(&root));
    for id in names.activation_ids {
        let random = from_hex(&id.random).unwrap();
        assert_eq!(ActivationId::from_random(random).to_string(), id.text);
        assert_eq!(ActivationId::parse(&id.text), Ok(ActivationId::from_random(random)));
    }
    for factor in names.factors {
        let hash = match factor.kind.as_str() {
            "user" => hash_user(&root.salt.0, &factor.raw),
            kind => {
                let kind: FactorKind = serde_json::from_value(kind.into()).unwrap();
                hash_value(&root.salt.0, kind, &factor.raw)
            }
        };
        assert_eq!(hash.to_string(), factor.hash, "{}", factor.raw);
    }
    assert_eq!(names.host.evidence.host_id(), names.host.host_id);
}

#[test]
fn keyset_record_and_time() {
    let keyset: Vec<Vector> = json("keyset.json");
    assert_eq!(keyset[0].message::<Keyset>().version, 3);
    let (keyring, record) = (keyring(), json::<Vec<Vector>>("record.json").remove(0));
    assert_eq!(*keyring.verify::<Record>(&record.envelope).unwrap(), record.message());
    let time = json::<Vec<Vector>>("time.json").remove(0);
    assert_eq!(*keyring.verify::<TimeStatement>(&time.envelope).unwrap(), time.message());
}

#[test]
fn every_request() {
    let mut kinds = BTreeSet::new();
    for (vector, request) in requests() {
        assert_eq!(*request, vector.message(), "{}", vector.name);
        if let Some(record) = &request.record {
            keyring().verify::<Record>(record).unwrap();
        }
        let operation = serde_json::to_value(&request.operation).unwrap();
        kinds.extend(operation.as_object().unwrap().keys().cloned());
    }
    let all = ["abandon", "activate", "more_seats", "refresh", "repair", "return"];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

#[test]
fn every_answer_with_its_request() {
    let (keyring, requests) = (keyring(), requests());
    let (mut verdicts, mut refusals) = (BTreeSet::new(), BTreeSet::new());
    for vector in json::<Vec<Vector>>("answers.json") {
        let answer = keyring.verify::<Answer>(&vector.envelope).unwrap();
        assert_eq!(*answer, vector.message(), "{}", vector.name);
        for (asked, request) in &requests {
            let is_its_own = asked.name == vector.answers;
            assert_eq!(answer.must_answer(request).is_ok(), is_its_own, "{}", vector.name);
        }
        match &answer.verdict {
            Verdict::Granted { record } => {
                let record = keyring.verify::<Record>(record).unwrap();
                assert_eq!((record.op, record.generation), (answer.op, answer.generation));
            }
            Verdict::Denied { refusal, .. } => {
                refusals.insert(*refusal as usize);
            }
            _ => {}
        }
        verdicts.insert(match answer.verdict {
            Verdict::Granted { .. } => 1,
            Verdict::Returned => 2,
            Verdict::Abandoned => 3,
            Verdict::Denied { .. } => 4,
            Verdict::Stale => 5,
            Verdict::Obsolete { .. } => 6,
        });
    }
    assert_eq!(verdicts.len(), 6);
    assert_eq!(refusals.len(), Refusal::TooManySeats as usize + 1, "each refusal");
}

#[test]
fn post_and_reply() {
    #[derive(Deserialize)]
    struct Exchange {
        post: String,
        reply: String,
    }
    let exchange: Exchange = json("exchange.json");
    let post = Post::parse(exchange.post.as_bytes()).unwrap();
    assert_eq!(post.to_bytes().unwrap(), exchange.post.as_bytes());
    let reply = Reply::parse(exchange.reply.as_bytes()).unwrap();
    assert_eq!(reply.to_bytes().unwrap(), exchange.reply.as_bytes());
    let time = keyring().verify::<TimeStatement>(&reply.time).unwrap();
    assert_eq!(time.nonce, post.time_nonce);
    let answer = keyring().verify::<Answer>(&reply.answer).unwrap();
    answer.must_answer(&Request::open(&post.request).unwrap()).unwrap();
}

#[test]
fn a_request_file() {
    let requests = requests();
    let of = |name: &str| &requests.iter().find(|(vector, _)| vector.name == name).unwrap().1;
    let nonce = Some(Id([0xEE; 16]));
    let asked = [(of("activate"), None), (of("return of all"), None), (of("repair"), nonce)];
    let text = text("request-file.txt");
    assert_eq!(file::write_requests(&asked).unwrap(), text);
    let entries = asked.map(|(request, time_nonce)| RequestEntry {
        request: request.text().to_owned(),
        time_nonce,
    });
    assert_eq!(file::read_requests(text.as_bytes()).unwrap(), entries);
}

#[test]
fn a_response_file() {
    let (keyring, requests, text) = (keyring(), requests(), text("response-file.txt"));
    let blocks = file::read_answers(text.as_bytes()).unwrap();
    let [block] = blocks.as_slice() else { panic!("one block") };
    assert_eq!(Some(block.keyset.as_str()), keyring.keyset_text());
    let [AnswerEntry { answer, time: Some(time) }] = block.answers.as_slice() else {
        panic!("one answer with its time")
    };
    let answer = keyring.verify::<Answer>(answer).unwrap();
    let (_, request) = requests.iter().find(|(_, request)| request.op == answer.op).unwrap();
    answer.must_answer(request).unwrap();
    assert_eq!(keyring.verify::<TimeStatement>(time).unwrap().nonce, Id([0xEE; 16]));
    let answered = [(&**request, &answer, Some(time.as_str()))];
    assert_eq!(file::write_answers(&block.keyset, &answered, &[]).unwrap(), text);
}

#[test]
fn what_is_not_accepted() {
    #[derive(Deserialize)]
    struct Refused {
        name: String,
        error: String,
        envelope: String,
    }
    let keyring = keyring();
    for Refused { name, error, envelope } in json::<Vec<Refused>>("refused.json") {
        let expected = match error.as_str() {
            "signature" => Err(Error::Signature),
            "mismatch" => Err(Error::Mismatch),
            "version" => Err(Error::Version),
            "malformed" => Err(Error::Malformed),
            _ => Ok(()),
        };
        assert_eq!(keyring.verify::<TimeStatement>(&envelope).map(|_| ()), expected, "{name}");
    }
    assert!(Unverified::<TimeStatement>::parse("").is_err());
}
