//! U3: no seat is left, and the owner frees one whose machine is gone.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use common::{Machine, Vendor, unknown_id};
use lm_portal::{Kind, OwnerRelease, PolicyChange, TlsFiles, TokenScope};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;

fn ok() -> (i32, String) {
    (0, "LM_OK".to_owned())
}

/// A token of the owner's, in a file.
fn token(vendor: &Vendor, folder: &Path) -> String {
    let text = vendor.portal.create_token("owner", TokenScope::Rehost, "").expect("a token");
    let file = folder.join("owner.token");
    std::fs::write(&file, format!("{text}\n")).expect("a file for the token");
    file.to_str().expect("UTF-8").to_owned()
}

/// An activation ID of one seat that a machine holds, which is gone, and another machine.
fn exhausted(vendor: &Vendor) -> (String, Machine, Machine) {
    let id = vendor.sells(Kind::Nl, 1);
    let (gone, other) = (vendor.machine("desk-1"), vendor.machine("desk-2"));
    assert_eq!(gone.result(&["activate", &id]), ok());
    (id, gone, other)
}

#[test]
fn u03_an_exhausted_id_says_who_holds_it_and_the_owner_releases_one() {
    let vendor = Vendor::new();
    let (id, gone, other) = exhausted(&vendor);
    let (code, rows) = other.json(&["activate", &id]);
    assert_eq!((code, &rows[0]["result"]), (1, &json!("LM_ERR_NO_SEATS")));
    let holder = &rows[0]["detail"]["holders"][0];
    let host = holder["host_id"].as_str().expect("a host ID").to_owned();
    assert_eq!((&holder["host_label"], &holder["seats"]), (&json!("desk-1"), &json!(1)));
    assert!(holder["last_contact"].as_i64() > Some(0));
    let run = other.run(&["activate", &id]);
    assert!(run.stderr.contains(&format!("1 held by desk-1 ({host}), last contact")), "{run:?}");
    let command = format!("lm-administrator release {id} --host HOSTID --token FILE");
    assert!(run.stderr.contains(&command), "{run:?}");

    let token = token(&vendor, other.folder());
    let run = other.run(&["release", &id, "--host", &host, "--token", &token]);
    assert_eq!(run.code, 0, "{run:?}");
    let said = format!("{id}: Released 1 seat from desk-1 ({host}); 1 can be activated now.");
    assert!(run.stdout.starts_with(&said), "{run:?}");
    assert_eq!(other.result(&["activate", &id]), ok());
    assert_eq!((vendor.seats(&id), gone.state(&id).as_str()), ((1, 0), "ACTIVE"));
    assert_eq!(gone.result(&["refresh", &id]), (1, "LM_ERR_OBSOLETE".to_owned()), "R30");
    let history = vendor.portal.history(Some(&id), 20).expect("a history");
    let row = history.iter().find(|row| row.action == "re-host").expect("audited");
    assert_eq!((row.actor.as_str(), row.origin.as_str()), ("token owner", "api"));
    let again = other.result(&["release", &id, "--host", &host, "--token", &token]);
    assert_eq!(again, (1, "LM_ERR_NOT_FOUND".to_owned()), "it holds none");
}

#[test]
fn u03_by_the_bare_id_where_policy_says_so_and_within_the_limit() {
    let vendor = Vendor::new();
    let (id, gone, other) = exhausted(&vendor);
    let host = gone.json(&["host-id"]).1["host_id"].as_str().expect("an ID").to_owned();
    let release = ["release", &id, "--host", &host];
    let (code, rows) = other.json(&release);
    assert_eq!((code, &rows[0]["result"]), (1, &json!("LM_ERR_NOT_ALLOWED")));
    assert!(rows[0]["hint"].as_str().expect("a hint").contains("--token FILE"), "{rows}");
    vendor.policy(
        &id,
        &PolicyChange {
            owner_release: Some(OwnerRelease::Id),
            rehost_limit: Some(Some(1)),
            ..PolicyChange::default()
        },
    );
    let run = other.run(&["activate", &id]);
    assert!(run.stderr.contains(&format!("release {id} --host HOSTID\n")), "{run:?}");
    assert_eq!(other.result(&release), ok());
    assert_eq!(other.result(&["activate", &id]), ok());
    let own = other.json(&["host-id"]).1["host_id"].as_str().expect("an ID").to_owned();
    let refused = gone.result(&["release", &id, "--host", &own]);
    assert_eq!(refused, (1, "LM_ERR_REHOST_LIMIT".to_owned()));
    assert_eq!(other.state(&id), "ACTIVE");
}

#[test]
fn u03_in_strict_mode_it_says_until_when_the_seat_cools() {
    let vendor = Vendor::new();
    let id = vendor.sells(Kind::Nl, 1);
    vendor.policy(&id, &PolicyChange { strict: Some(true), ..PolicyChange::default() });
    let (gone, other) = (vendor.machine("desk-1"), vendor.machine("desk-2"));
    assert_eq!(gone.result(&["activate", &id]), ok());
    let host = vendor.show(&id).fulfillments.remove(0).host_id;
    let token = token(&vendor, other.folder());
    let run = other.run(&["release", &id, "--host", &host, "--token", &token]);
    assert!(run.code == 0 && run.stdout.contains("they cool until 2"), "{run:?}");
    let refused = other.run(&["activate", &id]);
    assert!(refused.stderr.contains("a seat cools until 2"), "{refused:?}");
}

#[test]
fn a_token_comes_from_a_file_or_standard_input_and_is_never_told() {
    let vendor = Vendor::new();
    let (id, _gone, other) = exhausted(&vendor);
    let host = vendor.show(&id).fulfillments.remove(0).host_id;
    let folder = other.folder().to_owned();
    let release = |token: &str| other.run(&["release", &id, "--host", &host, "--token", token]);
    std::fs::write(folder.join("empty"), "\n").unwrap();
    std::fs::write(folder.join("wrong"), "lmt_a-guess-that-is-none\n").unwrap();
    for (file, code, said) in [
        ("absent", 2, "can't be read"),
        ("empty", 2, "there is no token in"),
        ("wrong", 1, "LM_ERR_NOT_ALLOWED"),
        ("-", 2, "there is no token in -"),
    ] {
        let path = if file == "-" { PathBuf::from("-") } else { folder.join(file) };
        let run = release(path.to_str().unwrap());
        assert!(run.code == code && run.stderr.contains(said), "{file}: {run:?}");
        assert!(!run.stderr.contains("guess"), "{run:?}");
    }
    assert_eq!(vendor.seats(&id), (1, 0));
    let text = std::fs::read_to_string(token(&vendor, &folder)).unwrap();
    let mut child = common::administrator()
        .args(["release", &id, "--host", &host, "--token", "-", "--product", common::PRODUCT])
        .args(["--trust-root", &other.trust_root, "--portal", vendor.url(), "--storage"])
        .arg(other.storage())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(vendor.seats(&id), (0, 1));
}

#[test]
fn what_cannot_be_asked_has_its_own_code() {
    let mut vendor = Vendor::new();
    let (id, _gone, other) = exhausted(&vendor);
    let token = token(&vendor, other.folder());
    let release = |id: &str| other.result(&["release", id, "--host", "H-1", "--token", &token]);
    assert_eq!(release("hello"), (1, "LM_ERR_ID_MALFORMED".to_owned()));
    assert_eq!(release(&unknown_id()), (1, "LM_ERR_NOT_FOUND".to_owned()));
    vendor.stop();
    assert_eq!(release(&id), (1, "LM_ERR_NETWORK".to_owned()), "nothing is pending");
    let alone = Machine::new(&other.trust_root, None, "desk-3");
    let refused = alone.result(&["release", &id, "--host", "H-1", "--token", &token]);
    assert_eq!(refused, (1, "LM_ERR_NO_PORTAL".to_owned()));
}

/// Answers one connection with these bytes, and gives what came.
fn answering(answer: &'static str) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            exchange(stream.unwrap(), answer, &sender);
        }
    });
    (address, receiver)
}

/// Says what came before it answers: who has the answer can ask for that.
fn exchange(mut stream: TcpStream, answer: &str, said: &mpsc::Sender<String>) {
    let (mut came, mut part) = (String::new(), [0; 4096]);
    // What is left unread would break the connection.
    while !is_whole(&came) {
        match stream.read(&mut part) {
            Ok(read) if read > 0 => came.push_str(&String::from_utf8_lossy(&part[..read])),
            _ => break,
        }
    }
    let _ = said.send(came);
    let _ = stream.write_all(answer.as_bytes());
}

/// Whether head and body are there.
fn is_whole(came: &str) -> bool {
    let Some((head, body)) = came.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

/// A token goes to the portal that was named, and no further.
#[test]
fn a_redirect_is_no_answer_and_is_not_followed() {
    let (vendor, folder) = (Vendor::new(), tempfile::tempdir().unwrap());
    let token = token(&vendor, folder.path());
    let (elsewhere, reached) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for status in ["302 Found", "307 Temporary Redirect"] {
        let answer: &'static str = Box::leak(
            format!(
                "HTTP/1.1 {status}\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n"
            )
            .into_boxed_str(),
        );
        let (address, asked) = answering(answer);
        let machine =
            Machine::new(&vendor.portal.trust_root(), Some(&format!("http://{address}")), "desk-2");
        let refused =
            machine.result(&["release", &unknown_id(), "--host", "H-1", "--token", &token]);
        assert_eq!(refused, (1, "LM_ERR_HTTP".to_owned()), "{status}");
        assert!(asked.try_iter().any(|came| came.contains("uthorization: Bearer lmt_")));
    }
    assert_eq!(reached.try_iter().count(), 0);
}

/// A certificate for 127.0.0.1, and the authority that signed it.
fn certificates(folder: &Path) -> (TlsFiles, PathBuf) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let own = own.signed_by(&key, &authority).unwrap();
    let [chain, private, ca] = ["chain.pem", "key.pem", "ca.pem"].map(|name| folder.join(name));
    std::fs::write(&chain, own.pem()).unwrap();
    std::fs::write(&private, key.serialize_pem()).unwrap();
    std::fs::write(&ca, authority.pem()).unwrap();
    (TlsFiles { certificates: chain, key: private }, ca)
}

#[test]
fn over_tls_the_portal_is_known_by_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, ca) = certificates(folder.path());
    let vendor = Vendor::with(|_, options| options.tls = Some(tls));
    assert!(vendor.url().starts_with("https://127.0.0.1:"));
    let id = vendor.sells(Kind::Nl, 1);
    let machine = vendor.machine("desk-1");
    let token = token(&vendor, folder.path());
    let ca = ca.to_str().unwrap();
    assert_eq!(machine.result(&["activate", &id, "--ca-file", ca]), ok());
    let host = vendor.show(&id).fulfillments.remove(0).host_id;
    let release = ["release", &id, "--host", &host, "--token", &token];
    assert_eq!(machine.result(&release), (1, "LM_ERR_TLS".to_owned()), "nobody knows it");
    let no_certificate = [&release[..], &["--ca-file", &token]].concat();
    assert_eq!(machine.result(&no_certificate), (1, "LM_ERR_TLS".to_owned()));
    // Through a proxy where the settings name one: it sees the portal's name and nothing else.
    let (proxy, asked) = answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let through = format!("http://{proxy}");
    let refused = machine.result(&[&release[..], &["--ca-file", ca, "--proxy", &through]].concat());
    assert_eq!(refused, (1, "LM_ERR_PROXY".to_owned()));
    let came = asked.recv().unwrap();
    assert!(came.starts_with("CONNECT 127.0.0.1:") && !came.contains("lmt_"), "{came}");
    assert_eq!(vendor.seats(&id), (1, 0));
    assert_eq!(machine.result(&[&release[..], &["--ca-file", ca]].concat()), ok());
    assert_eq!(vendor.seats(&id), (0, 1));
}
