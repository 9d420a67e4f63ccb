//! What the tests of the whole portal share: HTTP by hand, and a machine by hand.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lm_portal::ports::Clock;
use lm_portal::{Portal, PortalOptions};
use lm_protocol::envelope::sign;
use lm_protocol::{
    Answer, Evidence, Factor, FactorKind, Holder, Id, Keyring, MachineKind, Operation, Post,
    Record, Reply, Request, Scope, SigningKey, StoreRef, TimeStatement, TrustRoot, Verdict,
};

pub(crate) const NOW: i64 = 1_800_000_000;

/// A clock that a test moves.
#[derive(Clone)]
pub(crate) struct TestClock(pub(crate) Arc<AtomicI64>);

impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(crate) fn open(directory: &Path) -> (Portal, TestClock) {
    let clock = TestClock(Arc::new(AtomicI64::new(NOW)));
    let options = PortalOptions {
        vendor: Some("vendor".to_owned()),
        clock: Arc::new(clock.clone()),
        ..PortalOptions::in_directory(directory)
    };
    (Portal::open(options).unwrap(), clock)
}

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// One HTTP request over a connection of its own.
pub(crate) fn http(
    url: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let authority = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    response(&bytes)
}

fn response(bytes: &[u8]) -> Response {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a response's head");
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Response { status, headers, body: bytes[end + 4..].to_vec() }
}

/// Posts an envelope as the library does and verifies all that comes back.
pub(crate) fn post(url: &str, trust_root: &str, envelope: &str) -> Answer {
    let time_nonce = Id([0xAB; 16]);
    let body = Post { request: envelope.to_owned(), time_nonce }.to_bytes().unwrap();
    let kind = [("Content-Type", lm_protocol::exchange::POST_TYPE)];
    let response = http(url, "POST", lm_protocol::exchange::PATH, &kind, &body);
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("content-type"), Some(lm_protocol::exchange::REPLY_TYPE));
    let reply = Reply::parse(&response.body).unwrap();
    let mut keyring = Keyring::new(TrustRoot::parse(trust_root).unwrap());
    keyring.learn(&reply.keyset).unwrap();
    let time = keyring.verify::<TimeStatement>(&reply.time).unwrap();
    assert_eq!(time.nonce, time_nonce);
    let answer = keyring.verify::<Answer>(&reply.answer).unwrap();
    answer.must_answer(&Request::open(envelope).unwrap()).unwrap();
    if let Verdict::Granted { record } = &answer.verdict {
        keyring.verify::<Record>(record).unwrap();
    }
    answer.into_inner()
}

/// A machine's request to activate, under the operation `number`.
pub(crate) fn activate(number: u16, activation_id: &str, seats: u32) -> String {
    sign(&request(number, activation_id, Operation::Activate { seats }), &[&key(number)]).unwrap()
}

pub(crate) fn key(number: u16) -> SigningKey {
    let mut seed = [0; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_seed(seed).unwrap()
}

pub(crate) fn id(number: u16) -> Id {
    Id(u128::from(number).to_be_bytes())
}

pub(crate) fn request(number: u16, activation_id: &str, operation: Operation) -> Request {
    let factor = Factor { kind: FactorKind::MachineId, values: vec![id(number)] };
    Request {
        vendor: "vendor".to_owned(),
        product: "ortho".to_owned(),
        op: id(number),
        nonce: id(number),
        activation_id: activation_id.parse().unwrap(),
        operation,
        holder: Holder { scope: Scope::Machine, user: None },
        host: Evidence { machine: MachineKind::Physical, factors: vec![factor] },
        host_label: format!("desk <{number}>"),
        store: StoreRef { id: id(number), generation: 1 },
        epoch: None,
        record: None,
        unanswered: None,
        device_key: key(number).public(),
        fresh_key: None,
        client: "lm test".to_owned(),
    }
}

/// The binary that Cargo built for these tests.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_lm-portal"))
}
