//! R80, R85 and what crosses processes and clients.

use std::sync::{Arc, Mutex};

use lm::ffi::*;
use lm::ports::{HttpRequest, HttpResponse, Transport};
use lm_protocol::TrustRoot;

use crate::common::machine::PRODUCT;
use crate::common::world::World;

#[test]
fn r80_the_verification_key_is_built_in() {
    let (world, another) = (World::new(), World::new());
    let id = world.nl(1);
    // A host that trusts another vendor does not believe this portal.
    let foreign = world.machine("field-1").with(|settings| {
        settings.trust_root = another.portal.trust_root();
    });
    let refused = foreign.activate(&id, 1).unwrap_err();
    assert!([LM_ERR_SIGNATURE, LM_ERR_HTTP].contains(&refused.code), "{refused:?}");
    assert_eq!(foreign.status(Some(&id)).usable, 0);
    foreign.settings.remove_anchor();
}

/// Whoever runs a portal of his own under the vendor's name fills the store with his records; the
/// application verifies them again with its own root, and they give nothing.
#[test]
fn r80_what_another_root_signed_gives_no_rights() {
    let world = World::new();
    let forger = World::named(&TrustRoot::parse(&world.portal.trust_root()).unwrap().vendor);
    let id = forger.nl(1);
    let machine = forger.machine("field-1");
    machine.activate(&id, 1).unwrap();
    assert_eq!(machine.status(None).usable, 1, "by the forger's own root");
    let honest = machine.with(|settings| settings.trust_root = world.portal.trust_root());
    let status = honest.status(Some(&id));
    assert_eq!((status.usable, status.state), (0, LM_STATE_UNTRUSTED));
    assert_eq!(status.cause, LM_ERR_SIGNATURE);
    assert_eq!(honest.feature_status("ortho").err(), Some(LM_ERR_FEATURE));
}

#[test]
fn r81_status_needs_no_network() {
    let mut world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    world.stop();
    let offline = machine.with(|settings| settings.portal_url = None);
    assert_eq!(offline.status(Some(&id)).usable, 1);
    assert_eq!(offline.refresh(Some(&id)).unwrap_err().code, LM_ERR_NO_PORTAL);
    // What cannot be sent is not begun.
    assert_eq!(offline.return_(&id, 0).unwrap_err().code, LM_ERR_NO_PORTAL);
    assert_eq!(offline.state(&id), "ACTIVE");
    let other = world.nl(1);
    assert_eq!(offline.activate(&other, 1).unwrap_err().code, LM_ERR_NO_PORTAL);
    assert_eq!(offline.state(&other), "ABSENT");
}

#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Transport for Recorder {
    fn post(&self, request: &HttpRequest<'_>) -> lm::Result<HttpResponse> {
        let post = lm_protocol::Post::parse(request.body).unwrap();
        let envelope: serde_json::Value = serde_json::from_str(&post.request).unwrap();
        let payload = envelope["payload"].as_str().unwrap();
        let payload = lm_protocol::encoding::from_base64(payload).unwrap();
        self.0.lock().unwrap().push(String::from_utf8(payload).unwrap());
        Err(lm::Error::from_code(lm::Code::Network))
    }
}

/// A host name such as "vm" comes up by chance inside a random key; so short ones must stand alone.
fn shows(request: &str, secret: &str) -> bool {
    let goes_on = |letter: char| letter.is_ascii_alphanumeric() || "+/=".contains(letter);
    request.match_indices(secret).any(|(at, _)| {
        let (before, after) = (&request[..at], &request[at + secret.len()..]);
        secret.len() >= 8 || !(before.ends_with(goes_on) || after.starts_with(goes_on))
    })
}

#[test]
fn r85_requests_carry_hashed_identity_only() {
    assert!(shows("{\"x\":\"vm\"}", "vm") && !shows("{\"key\":\"avm+\"}", "vm"));
    assert!(shows("{\"x\":\"of vm.example\"}", "vm") && shows("a12345678b", "12345678"));
    let world = World::new();
    let storage = tempfile::tempdir().unwrap();
    let recorder = Arc::new(Recorder::default());
    let secrets = ["serial-4711-of-this-host", "/etc/machine-id", "/etc/hostname"].map(|secret| {
        std::fs::read_to_string(secret)
            .map_or_else(|_| secret.to_owned(), |text| text.trim().to_owned())
    });
    for identity in [None, Some(secrets[0].clone())] {
        let mut options = lm::Options::new(PRODUCT, world.portal.trust_root());
        options.portal_url = Some("http://127.0.0.1:9".to_owned());
        options.storage_dir =
            Some(storage.path().join(if identity.is_some() { "one" } else { "two" }));
        options.host_identity = identity;
        options.transport = Some(recorder.clone());
        let client = lm::Client::open(options).unwrap();
        client.activate(&world.nl(1), 1).unwrap_err();
        if let Some(anchor) = client.anchor_path() {
            std::fs::remove_file(anchor).unwrap();
        }
    }
    let requests = recorder.0.lock().unwrap();
    assert_eq!(requests.len(), 2);
    for (request, secret) in requests.iter().flat_map(|r| secrets.iter().map(move |s| (r, s))) {
        assert!(!secret.is_empty() && !shows(request, secret), "{secret} in {request}");
        assert!(request.contains("\"host\":{\"machine\":"), "{request}");
    }
}

#[test]
fn a_change_by_another_process_is_seen_and_counted() {
    let world = World::new();
    let id = world.nl(1);
    let machine = world.machine("field-1");
    machine.activate(&id, 1).unwrap();
    let watcher = machine.again();
    // SAFETY: a client that lives.
    let count = || unsafe { lm_change_count(watcher.client()) };
    let before = count();
    assert_eq!(watcher.state(&id), "ACTIVE");
    machine.return_(&id, 0).unwrap();
    let seen = (0..200).any(|_| {
        std::thread::park_timeout(std::time::Duration::from_millis(20));
        watcher.state(&id) == "ABSENT"
    });
    assert!(seen);
    assert!(count() > before);
}

#[test]
fn two_products_in_one_process_do_not_disturb_each_other() {
    let world = World::new();
    let entitlement = world.entitlement_with(1, |new| new.product = "viewer".to_owned());
    let (ortho, viewer) = (world.nl(1), world.id(&entitlement, lm_portal::Kind::Nl, 1));
    let machine = world.machine("field-1");
    let folder = tempfile::tempdir().unwrap();
    let other = machine.with(|settings| {
        settings.product = "viewer".to_owned();
        settings.storage = folder.path().join("store");
    });
    machine.activate(&ortho, 1).unwrap();
    other.activate(&viewer, 1).unwrap();
    assert_eq!(machine.state(&viewer), "ABSENT");
    machine.return_(&ortho, 0).unwrap();
    assert_eq!(other.state(&viewer), "ACTIVE");
    other.settings.remove_anchor();
}
