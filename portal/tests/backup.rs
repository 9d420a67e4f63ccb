//! Backup and restore, as an operator uses them.

#![cfg(unix)]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use lm_portal::{Kind, NewEntitlement, Portal, PortalOptions};
use lm_protocol::Verdict;
use serde_json::Value;
use support::{activate, binary, http, open, post};

fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(binary()).arg("--data").arg(data).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn id_of(portal: &Portal) -> String {
    let new = NewEntitlement::new("ortho", &[("raster", None)], 2);
    let entitlement = portal.create_entitlement(&new).unwrap();
    portal.generate(&entitlement, Kind::Nl, 2, 1).unwrap().remove(0).activation_id
}

#[test]
fn a_backup_is_kept_while_the_portal_serves_and_put_back_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let (data, kept) = (directory.path().join("data"), directory.path().join("kept"));
    let (portal, _) = open(&data);
    let running = portal.serve().unwrap();
    let (url, root) = (running.url().to_owned(), portal.trust_root());
    let id = id_of(&portal);
    assert!(matches!(post(&url, &root, &activate(1, &id, 1)).verdict, Verdict::Granted { .. }));
    let file = kept.to_str().unwrap();
    let backup = run(&data, &["backup", file]);
    assert!(backup.status.success(), "{}", said(&backup));
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600, "it holds the keys");
    let again = run(&data, &["backup", file]);
    assert!(again.status.code() == Some(1) && said(&again).contains("is there already"));

    portal.rehost(&id, None).unwrap();
    let password = portal.add_user("anna", lm_portal::Role::Administrator).unwrap();
    let form = format!("user=anna&password={password}");
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let signed_in = http(&url, "POST", "/sign-in", &[kind], form.as_bytes());
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(http(&url, "GET", "/activation-ids", &[("Cookie", &cookie)], b"").status, 200);

    let restored = run(&data, &["restore", file]);
    let text = said(&restored);
    assert!(restored.status.success(), "{text}");
    for told in ["The portal is restored as of", "re-host", "set user", "library", &id] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert_eq!(portal.show(&id).unwrap().fulfilled, 1, "as it was");
    assert_eq!(http(&url, "GET", "/activation-ids", &[("Cookie", &cookie)], b"").status, 303);
    assert!(matches!(post(&url, &root, &activate(2, &id, 1)).verdict, Verdict::Granted { .. }));
    assert_eq!(portal.history_break().unwrap(), None);
    let left: Vec<_> = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("restore"))
        .collect();
    assert_eq!(left, [""; 0], "nothing is left of it");
}

#[test]
fn a_lost_portal_is_made_again_from_its_backup() {
    let directory = tempfile::tempdir().unwrap();
    let (data, new) = (directory.path().join("data"), directory.path().join("new"));
    let kept = directory.path().join("kept");
    let (portal, _) = open(&data);
    let (id, root) = (id_of(&portal), portal.trust_root());
    portal.backup(&kept).unwrap();
    drop(portal);
    let restored = run(&new, &["restore", kept.to_str().unwrap(), "--json"]);
    assert!(restored.status.success(), "{}", said(&restored));
    let told: Value = serde_json::from_slice(&restored.stdout).unwrap();
    assert_eq!((&told["forgotten"], &told["backup_at"]), (&Value::Null, &support::NOW.into()));
    let portal = Portal::open(PortalOptions::in_directory(&new)).unwrap();
    assert_eq!(portal.trust_root(), root);
    assert!(portal.show(&id).is_ok());
    let text = said(&run(&new, &["restore", kept.to_str().unwrap()]));
    assert!(
        text.contains("To be repeated") || text.contains("Nothing is to be repeated"),
        "{text}"
    );
}

#[test]
fn a_backup_serves_nobody_until_it_is_restored() {
    let directory = tempfile::tempdir().unwrap();
    let (data, by_hand) = (directory.path().join("data"), directory.path().join("by-hand"));
    let (portal, _) = open(&data);
    let id = id_of(&portal);
    std::fs::create_dir(&by_hand).unwrap();
    portal.backup(&by_hand.join("portal.db")).unwrap();
    let refused = run(&by_hand, &["activation-id", "show", &id]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("is a backup of 2027-"), "{}", said(&refused));
    assert!(run(&by_hand, &["restore", "--in-place"]).status.success());
    assert!(run(&by_hand, &["activation-id", "show", &id]).status.success());
}

#[test]
fn what_is_no_backup_of_this_portal_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (data, fresh) = (directory.path().join("data"), directory.path().join("fresh"));
    let (portal, _) = open(&data);
    let id = id_of(&portal);
    let (text, other) = (directory.path().join("text"), directory.path().join("other"));
    std::fs::write(&text, "a letter, and no database").unwrap();
    open(&directory.path().join("another portal")).0.backup(&other).unwrap();
    for (file, sentence) in [
        (text.to_str().unwrap(), "is no backup of a portal"),
        (directory.path().join("absent").to_str().unwrap(), "No such file"),
    ] {
        for data in [&data, &fresh] {
            let refused = run(data, &["restore", file]);
            assert_eq!(refused.status.code(), Some(1));
            assert!(said(&refused).contains(sentence), "{}", said(&refused));
        }
    }
    assert!(!fresh.exists(), "no portal is made by the way");
    let refused = run(&data, &["restore", other.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("backup of another portal"), "{}", said(&refused));
    assert!(portal.show(&id).is_ok());
    for wrong in [&["restore"][..], &["restore", "x", "--in-place"]] {
        assert_eq!(run(&data, wrong).status.code(), Some(2), "{wrong:?}");
    }
}
