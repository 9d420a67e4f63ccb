//! R80, R85 and what crosses processes and clients.

use std::path::Path;
use std::sync::{Arc, Mutex};

use lm::ffi::*;
use lm::ports::{HttpRequest, HttpResponse, Transport};
use lm_protocol::TrustRoot;

use crate::common::hosts::Host;
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

/// What a signed request says.
fn payload(envelope: &str) -> String {
    let envelope: serde_json::Value = serde_json::from_str(envelope).unwrap();
    let payload = envelope["payload"].as_str().unwrap();
    String::from_utf8(lm_protocol::encoding::from_base64(payload).unwrap()).unwrap()
}

#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Transport for Recorder {
    fn post(&self, request: &HttpRequest<'_>) -> lm::Result<HttpResponse> {
        let post = lm_protocol::Post::parse(request.body).unwrap();
        self.0.lock().unwrap().push(payload(&post.request));
        Err(lm::Error::from_code(lm::Code::Network))
    }
}

/// Numbers and names that a machine of this kind shows: none of them may leave it. Shorter ones could
/// come up by chance inside a random key.
fn raw_values(kind: &str) -> Vec<String> {
    const NAMING: [&str; 9] = [
        "machine-id",
        "product_uuid",
        "board_serial",
        "serial",
        "serial-number",
        "wwid",
        "address",
        "perm_hwaddr",
        "hostname",
    ];
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/hosts/{kind}.txt"));
    let tree = std::fs::read_to_string(file).unwrap();
    let shown = tree.lines().filter_map(|line| line.trim_start_matches("! ").split_once(" = "));
    let naming =
        shown.filter(|(path, _)| NAMING.iter().any(|name| path.ends_with(&format!("/{name}"))));
    let values =
        naming.map(|(_, value)| value.trim_end_matches("\\n").trim_end_matches("\\0").trim());
    values.filter(|value| value.len() >= 6).map(str::to_lowercase).collect()
}

/// On every kind of machine, by every kind of message, over the network and as a file.
#[test]
fn r85_requests_carry_hashed_identity_only() {
    let world = World::new();
    let given = "serial-4711-of-this-host";
    let kinds =
        ["desktop", "laptop", "server", "vm", "container", "board"].map(|kind| (kind, None));
    for (kind, identity) in kinds.into_iter().chain([("desktop", Some(given))]) {
        let (host, folder) = (Host::of_kind(kind), tempfile::tempdir().unwrap());
        let recorder = Arc::new(Recorder::default());
        let mut options = lm::Options::new(PRODUCT, world.portal.trust_root());
        options.portal_url = Some("http://127.0.0.1:9".to_owned());
        options.storage_dir = Some(folder.path().join("store"));
        options.host_identity = identity.map(str::to_owned);
        options.transport = Some(recorder.clone());
        let client = host.open(options);
        let ids = [(); 3].map(|()| world.nl(1));
        let mut sent = Vec::new();
        for id in &ids {
            let file = client.request_activation(id, 1).unwrap();
            client.apply_response(&world.answer(&file)).unwrap();
            let requests = lm_protocol::file::read_requests(&file).unwrap();
            sent.extend(requests.iter().map(|entry| payload(&entry.request)));
        }
        let failed = [
            client.refresh(Some(&ids[0])),
            client.repair(&ids[1]),
            client.return_(&ids[2], 0),
            client.activate(&world.nl(1), 1),
        ];
        assert!(failed.iter().flatten().next().is_none(), "{failed:?}");
        sent.append(&mut recorder.0.lock().unwrap());
        for operation in ["activate", "refresh", "repair", "return"] {
            let operation = format!("\"operation\":{{\"{operation}\"");
            assert!(
                sent.iter().any(|request| request.contains(&operation)),
                "{operation}: {sent:?}"
            );
        }
        assert!(sent.iter().all(|request| request.contains("\"host\":{\"machine\":")), "{sent:?}");
        let mut raw = raw_values(kind);
        raw.extend(identity.map(str::to_owned));
        assert!(raw.len() >= 3, "{kind} shows {raw:?}");
        for (request, value) in sent.iter().flat_map(|sent| raw.iter().map(move |raw| (sent, raw)))
        {
            assert!(!request.to_lowercase().contains(value.as_str()), "{value} in {request}");
        }
        std::fs::remove_file(client.anchor_path().unwrap()).unwrap();
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
fn r86_two_products_in_one_process_do_not_disturb_each_other() {
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
