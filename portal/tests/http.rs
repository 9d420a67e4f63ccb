//! The client protocol over real HTTP.

mod support;

use lm_portal::{Kind, NewEntitlement, Portal};
use lm_protocol::envelope::sign;
use lm_protocol::exchange::{PATH, POST_TYPE};
use lm_protocol::{ActivationId, Operation, Post, Refusal, Verdict};
use support::{Response, activate, http, id, key, open, post, request};

const KIND: [(&str, &str); 1] = [("Content-Type", POST_TYPE)];

#[test]
fn a_request_is_answered_and_a_stop_lets_the_port_be_taken_again() {
    let directory = tempfile::tempdir().unwrap();
    let (portal, _) = open(directory.path());
    let running = portal.serve().unwrap();
    let address = running.address();
    let new = NewEntitlement::new("ortho", &[("raster", None)], 1);
    let entitlement = portal.create_entitlement(&new).unwrap();
    let id = portal.generate(&entitlement, Kind::Nl, 1, 1).unwrap().remove(0).activation_id;
    let asked = activate(1, &id, 1);
    let answer = post(running.url(), &portal.trust_root(), &asked);
    assert!(matches!(answer.verdict, Verdict::Granted { .. }), "{answer:?}");
    running.stop().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());

    let running = portal.serve_at(address).unwrap();
    let again = post(running.url(), &portal.trust_root(), &asked);
    assert_eq!(again, answer, "the stored answer");
    assert_eq!(http(running.url(), "GET", "/healthz", &[], b"").status, 200);
    running.stop().unwrap();
}

#[test]
fn what_is_no_request_is_an_error_of_http_with_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let (portal, _) = open(directory.path());
    let running = portal.serve().unwrap();
    let url = running.url();
    let changed = {
        let asked = activate(1, &ActivationId::from_random([1; 10]).to_string(), 1);
        let body = serde_json::json!({ "request": asked.replacen("payload\":\"e", "payload\":\"f", 1),
            "time_nonce": "00".repeat(16) });
        body.to_string()
    };
    for (body, status) in [
        (b"<html>".to_vec(), 400),
        (br#"{"request":"","time_nonce":"00"}"#.to_vec(), 400),
        (changed.into_bytes(), 400),
        (vec![b' '; 81 * 1024], 413),
    ] {
        let response = http(url, "POST", PATH, &KIND, &body);
        assert_eq!(response.status, status, "{}", response.text());
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        let problem: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().len() > 10);
    }
    assert_eq!(http(url, "POST", PATH, &[("Content-Type", "text/plain")], b"{}").status, 415);
    assert_eq!(http(url, "GET", PATH, &[], b"").status, 405);
    assert_eq!(http(url, "GET", "/nothing", &[], b"").status, 404);
}

#[test]
fn only_failures_of_an_address_are_counted_and_they_pass() {
    let directory = tempfile::tempdir().unwrap();
    let (portal, clock) = open(directory.path());
    let running = portal.serve().unwrap();
    let unknown = ActivationId::from_random([1; 10]).to_string();
    for number in 0..100 {
        let answer = post(running.url(), &portal.trust_root(), &activate(number, &unknown, 1));
        assert!(matches!(answer.verdict, Verdict::Denied { refusal: Refusal::IdUnknown, .. }));
    }
    let response = http(running.url(), "POST", PATH, &KIND, b"{}");
    assert_eq!(response.status, 429);
    let wait: i64 = response.header("retry-after").unwrap().parse().unwrap();
    clock.0.fetch_add(wait, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(http(running.url(), "POST", PATH, &KIND, b"{}").status, 400);
}

#[test]
fn what_is_no_request_counts_against_its_address_and_a_holder_is_never_hindered() {
    let directory = tempfile::tempdir().unwrap();
    let (portal, _) = open(directory.path());
    let running = portal.serve().unwrap();
    let (url, root) = (running.url(), portal.trust_root());
    let id = full(&portal);
    let asked = activate(1, &id, 1);
    let granted = post(url, &root, &asked);
    for attempt in 0..=100 {
        let response = http(url, "POST", PATH, &KIND, b"<html>");
        assert_eq!(response.status, if attempt < 100 { 400 } else { 429 }, "attempt {attempt}");
    }
    assert_eq!(raw(url, &activate(2, &id, 1)).status, 429);
    assert_eq!(post(url, &root, &asked), granted, "whoever holds it shares the address");
}

#[test]
fn refusals_of_one_id_are_counted_for_those_who_hold_nothing_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let (portal, clock) = open(directory.path());
    let running = portal.serve().unwrap();
    let (url, root) = (running.url(), portal.trust_root());
    let id = full(&portal);
    post(url, &root, &activate(1, &id, 1));
    let mut holder = request(
        2,
        &id,
        Operation::MoreSeats {
            seats: 2,
            fulfillment_id: portal.show(&id).unwrap().fulfillments.remove(0).fulfillment_id,
            generation: 1,
        },
    );
    (holder.device_key, holder.host) =
        (key(1).public(), request(1, &id, holder.operation.clone()).host);
    for number in 1000..1300 {
        let answer = post(url, &root, &activate(number, &id, 1));
        assert!(matches!(answer.verdict, Verdict::Denied { refusal: Refusal::NoSeats, .. }));
    }
    let closed = raw(url, &activate(1300, &id, 1));
    assert_eq!(closed.status, 429, "{}", closed.text());
    let answer = post(url, &root, &sign(&holder, &[&key(1)]).unwrap());
    assert!(matches!(answer.verdict, Verdict::Stale), "answered, whatever the answer: {answer:?}");
    let wait: i64 = closed.header("retry-after").unwrap().parse().unwrap();
    clock.0.fetch_add(wait, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(raw(url, &activate(1300, &id, 1)).status, 200);
}

/// An activation ID of one seat.
fn full(portal: &Portal) -> String {
    let new = NewEntitlement::new("ortho", &[("raster", None)], 1);
    let entitlement = portal.create_entitlement(&new).unwrap();
    portal.generate(&entitlement, Kind::Nl, 1, 1).unwrap().remove(0).activation_id
}

fn raw(url: &str, envelope: &str) -> Response {
    let body = Post { request: envelope.to_owned(), time_nonce: id(7) }.to_bytes().unwrap();
    http(url, "POST", PATH, &KIND, &body)
}

#[test]
fn r41_sixty_four_racers_never_exceed_the_seats() {
    const SEATS: u32 = 7;
    let directory = tempfile::tempdir().unwrap();
    let (portal, _) = open(directory.path());
    let running = portal.serve().unwrap();
    let new = NewEntitlement::new("ortho", &[("raster", None)], SEATS);
    let entitlement = portal.create_entitlement(&new).unwrap();
    let id = portal.generate(&entitlement, Kind::Nl, SEATS, 1).unwrap().remove(0).activation_id;
    let (url, root) = (running.url(), portal.trust_root());
    let granted = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..64)
            .map(|number| {
                let (id, root) = (&id, &root);
                scope.spawn(move || post(url, root, &activate(number, id, 1)).verdict)
            })
            .collect();
        let verdicts = racers.into_iter().map(|racer| racer.join().unwrap());
        verdicts
            .filter(|verdict| match verdict {
                Verdict::Granted { .. } => true,
                Verdict::Denied { refusal: Refusal::NoSeats, .. } => false,
                other => panic!("{other:?}"),
            })
            .count()
    });
    assert_eq!(granted, 7);
    let view = portal.show(&id).unwrap();
    assert_eq!((view.fulfilled, view.available, view.fulfillments.len()), (7, 0, 7));
}
