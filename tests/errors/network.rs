//! Everything that may happen on the way to the portal. A license that is here stays here and works;
//! one that is asked for is pending, and the next call that gets through has it.

use std::net::SocketAddr;

use crate::common::machine::{Machine, Settings};
use crate::common::server::{answering, dripping, http, nobody};
use crate::common::world::World;
use crate::page::{Row, compare};

/// Long enough to save and to connect, short enough to wait for.
const SHORT: u32 = 2_000;

type Case = (&'static str, Box<dyn Fn(&mut Settings)>);

fn at(address: SocketAddr) -> Box<dyn Fn(&mut Settings)> {
    Box::new(move |settings| settings.portal_url = Some(format!("http://{address}")))
}

fn slow(address: SocketAddr) -> Box<dyn Fn(&mut Settings)> {
    Box::new(move |settings| {
        settings.portal_url = Some(format!("http://{address}"));
        settings.timeout = SHORT;
    })
}

fn through(proxy: SocketAddr, timeout: u32) -> Box<dyn Fn(&mut Settings)> {
    Box::new(move |settings| {
        settings.proxy = Some(format!("http://{proxy}"));
        settings.timeout = timeout;
    })
}

fn portals() -> Vec<Case> {
    let html = b"<html>Please sign in to the guest network</html>";
    let away = "302 Found\r\nLocation: http://127.0.0.1:1/";
    vec![
        ("nobody listens there", at(nobody())),
        ("it closes the connection without an answer", at(answering(""))),
        (
            "the connection breaks in the middle",
            at(answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthe")),
        ),
        ("it never answers", slow(dripping(b"", b""))),
        (
            "its answer comes byte by byte, too slowly",
            slow(dripping(b"HTTP/1.1 200 OK\r\n\r\n", b".")),
        ),
        ("HTTP status 500", at(answering(http("500 Oh", b"")))),
        ("HTTP status 404", at(answering(http("404 Not Found", b"")))),
        ("a redirect elsewhere", at(answering(http(away, b"")))),
        ("a page to sign in", at(answering(http("200 OK", html)))),
        ("an empty answer", at(answering(http("200 OK", b"")))),
        ("noise instead of HTTP", at(answering(&b"\x15\x03\x01\x00\x02\x02\x0a"[..]))),
        ("more than an answer can have", at(answering(http("200 OK", &vec![b'['; 1 << 21])))),
        ("a head without end", at(dripping(b"HTTP/1.1 200 OK\r\n", &[b'x'; 4096]))),
        ("HTTP status 503", at(answering(http("503 Busy", b"")))),
        ("HTTP status 429", at(answering(http("429 Slowly\r\nRetry-After: 1", b"")))),
        (
            "the portal's name doesn't exist",
            Box::new(|settings| {
                settings.portal_url = Some("https://nonexistent.invalid".to_owned())
            }),
        ),
    ]
}

fn proxies() -> Vec<Case> {
    let wants = "407 Who?\r\nProxy-Authenticate: Basic";
    vec![
        ("a proxy that isn't there", through(nobody(), 0)),
        ("a proxy that wants a password", through(answering(http(wants, b"")), 0)),
        ("a proxy that refuses", through(answering(http("403 Forbidden", b"")), 0)),
        (
            "a proxy that can't reach the portal",
            through(answering(http("502 Bad Gateway", b"")), 0),
        ),
        ("a proxy that closes the connection", through(answering(""), 0)),
        ("a proxy that never answers", through(dripping(b"", b""), SHORT)),
        ("a proxy that is none", through(answering("220 mail.example.com ESMTP\r\n\r\n"), 0)),
        (
            "a proxy whose name doesn't exist",
            Box::new(|settings| {
                // To a portal on this machine nobody goes through a proxy elsewhere.
                settings.portal_url = Some("https://licenses.example.com".to_owned());
                settings.proxy = Some("http://nonexistent.invalid:3128".to_owned());
            }),
        ),
    ]
}

/// Refreshes a license under one fault, and sees that it stands and that the next call heals all.
fn row(world: &World, machine: &Machine, id: &str, (input, fault): &Case) -> Row {
    let faulty = machine.with(|settings| fault(settings));
    let outcome = faulty.refresh(Some(id));
    let status = faulty.status(Some(id));
    assert_eq!((status.usable, status.seats), (1, 1), "{input}");
    let url = faulty.settings.portal_url.clone().unwrap();
    let proxy = faulty.settings.proxy.clone().unwrap_or_default();
    let bare =
        |url: &str| url.split_once("://").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    let (real, portal, proxy) = (bare(world.url()), bare(&url), bare(&proxy));
    let state = faulty.state(id);
    heal(machine);
    let row = Row::new(input, outcome, &state);
    let mut changing = vec![(real.as_str(), "PORTAL"), (portal.as_str(), "PORTAL")];
    if !proxy.is_empty() {
        changing.insert(0, (proxy.as_str(), "PROXY"));
    }
    if [&portal, &proxy].iter().any(|name| name.contains("invalid")) {
        changing.clear();
    }
    row.without(&changing)
}

fn certificate() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    rcgen::CertificateParams::default().self_signed(&key).unwrap().pem()
}

/// Where the portal asked for patience, a person's wish waits too.
fn heal(machine: &Machine) {
    while let Err(failure) = machine.resume() {
        assert_eq!(failure.code, lm::ffi::LM_ERR_PORTAL_BUSY, "{failure:?}");
        std::thread::park_timeout(std::time::Duration::from_millis(100));
    }
}

#[test]
fn u05_each_way_that_the_portal_is_not_reached_is_told_apart_and_costs_nothing() {
    let world = World::new();
    let id = world.nl(1);
    // A machine may have no certificates at all; those who ask over TLS get one.
    let authority = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(authority.path(), certificate()).unwrap();
    let plain = world.machine("field-1");
    let machine = plain.with(|settings| settings.ca_file = Some(authority.path().to_owned()));
    machine.activate(&id, 1).unwrap();
    let cases = portals().into_iter().chain(proxies());
    let rows: Vec<_> = cases.map(|case| row(&world, &machine, &id, &case)).collect();
    let intro = "A refresh of a license that is active. It stays so and is usable in every line; the next call that gets \
                 through finishes what is pending.";
    compare("The way to the portal", intro, &rows);
    assert_eq!(world.seats(&id), (1, 0));
    machine.return_(&id, 0).unwrap();
    assert_eq!(world.seats(&id), (0, 1));
}
