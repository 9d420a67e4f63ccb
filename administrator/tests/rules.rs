//! The numbered rules that the person at the machine meets, end to end: the Administrator over
//! HTTP against a real portal.

mod common;

use common::{Vendor, unknown_id};
use lm_portal::Kind;
use serde_json::json;

fn ok() -> (i32, String) {
    (0, "LM_OK".to_owned())
}

#[test]
fn a_license_is_activated_listed_refreshed_and_returned() {
    let vendor = Vendor::new();
    let (id, machine) = (vendor.sells(Kind::Cc, 5), vendor.machine("desk-1"));
    assert_eq!(machine.result(&["activate", &id, "--seats", "3"]), ok());

    let (_, rows) = machine.json(&["list"]);
    let (_, best) = machine.json(&["status"]);
    for row in [&rows[0], &best] {
        assert_eq!(row["activation_id"], json!(id));
        assert_eq!((&row["state"], &row["usable"]), (&json!("ACTIVE"), &json!(1)));
        assert_eq!((&row["kind"], &row["seats"]), (&json!("cc"), &json!(3)));
        assert!(row["lease_until"].as_i64() > Some(0));
    }
    assert_eq!((&rows[0]["features"], &rows[0]["generation"]), (&json!("ortho raster"), &json!(1)));
    let held = &vendor.show(&id).fulfillments[0];
    assert_eq!(rows[0]["fulfillment_id"], json!(held.fulfillment_id));
    assert_eq!(held.host_label, "desk-1");
    assert_eq!(machine.json(&["host-id"]).1["host_id"], json!(held.host_id));

    let people = machine.run(&["list"]).stdout;
    assert!(people.contains(&id) && people.contains("ortho raster"), "{people}");
    assert!(!people.contains('\u{1b}'), "no colors where there is no terminal");

    assert_eq!(machine.result(&["refresh"]), ok());
    assert_eq!(machine.json(&["list"]).1[0]["generation"], json!(2));
    assert_eq!(machine.result(&["remove", &id]), (1, "LM_ERR_NOT_ALLOWED".to_owned()));
    assert_eq!(machine.result(&["return", &id]), ok());
    assert_eq!((machine.state(&id).as_str(), vendor.seats(&id)), ("ABSENT", (0, 5)));
}

#[test]
fn r04_all_seats_in_use_is_refused_and_says_who_holds_them() {
    let vendor = Vendor::new();
    let id = vendor.sells(Kind::Nl, 1);
    let (one, other) = (vendor.machine("desk-1"), vendor.machine("desk-2"));
    assert_eq!(one.result(&["activate", &id]), ok());
    assert_eq!(other.result(&["activate", &id]), (1, "LM_ERR_NO_SEATS".to_owned()));
    let run = other.run(&["activate", &id]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("1 held by") && run.stderr.contains("desk-1"), "{run:?}");
    assert_eq!((other.state(&id).as_str(), vendor.seats(&id)), ("ABSENT", (1, 0)));
}

#[test]
fn r07_a_return_that_does_not_get_through_is_pending_and_resumes() {
    let mut vendor = Vendor::new();
    let (id, machine) = (vendor.sells(Kind::Nl, 1), vendor.machine("desk-1"));
    assert_eq!(machine.result(&["activate", &id]), ok());
    vendor.stop();
    assert_eq!(machine.result(&["return", &id]), (3, "LM_ERR_NETWORK".to_owned()));
    assert_eq!(machine.state(&id), "PENDING_RETURN");
    vendor.start();
    let (code, rows) = machine.json(&["resume"]);
    assert_eq!((code, &rows[0]["result"]), (0, &json!("LM_OK")));
    assert_eq!(rows[0]["message"], "It is finished: this machine holds no seat of it any more.");
    assert_eq!((machine.state(&id).as_str(), vendor.seats(&id)), ("ABSENT", (0, 1)));
}

/// The portal said no to what was pending: the answer arrived, and it is the reason.
#[test]
fn r07_a_pending_activation_that_is_refused_says_why() {
    let mut vendor = Vendor::new();
    let id = vendor.sells(Kind::Nl, 1);
    let (one, other) = (vendor.machine("desk-1"), vendor.machine("desk-2"));
    vendor.stop();
    assert_eq!(other.result(&["activate", &id]), (3, "LM_ERR_NETWORK".to_owned()));
    vendor.start();
    assert_eq!(one.result(&["activate", &id]), ok());
    assert_eq!(other.result(&["resume"]), (1, "LM_ERR_NO_SEATS".to_owned()));
    assert_eq!(other.state(&id), "ABSENT");
}

#[test]
fn r10_a_batch_reports_each_ids_own_outcome() {
    let vendor = Vendor::new();
    let machine = vendor.machine("desk-1");
    let (nl, cc) = (vendor.sells(Kind::Nl, 1), vendor.sells(Kind::Cc, 4));
    assert_eq!(machine.result(&["activate", &nl]), ok());
    assert_eq!(machine.result(&["activate", &cc, "--seats", "4"]), ok());

    let absent = unknown_id();
    let (code, rows) = machine.json(&["return", &nl, &absent, "no-id", &cc, "--yes"]);
    let each: Vec<_> = rows
        .as_array()
        .expect("an array")
        .iter()
        .map(|row| (row["activation_id"].as_str().unwrap(), row["result"].as_str().unwrap()))
        .collect();
    assert_eq!(
        each,
        [
            (nl.as_str(), "LM_OK"),
            (absent.as_str(), "LM_ERR_NOT_FOUND"),
            ("no-id", "LM_ERR_ID_MALFORMED"),
            (cc.as_str(), "LM_OK"),
        ]
    );
    assert_eq!(code, 1, "the worst of them");
    assert_eq!((vendor.seats(&nl), vendor.seats(&cc)), ((0, 1), (0, 4)));
    assert_eq!(machine.json(&["list"]), (0, json!([])));
}

#[test]
fn r10_people_read_each_outcome_and_the_reason_of_each_failure() {
    let vendor = Vendor::new();
    let (id, machine) = (vendor.sells(Kind::Nl, 1), vendor.machine("desk-1"));
    assert_eq!(machine.result(&["activate", &id]), ok());
    let absent = unknown_id();
    // Not on a terminal: it does not ask.
    let run = machine.run(&["return", &absent, &id]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with(&format!("{id}: The license is returned")), "{run:?}");
    assert!(run.stderr.starts_with(&format!("{absent}: This machine holds no")), "{run:?}");
    assert!(run.stderr.contains("LM_ERR_NOT_FOUND"), "{run:?}");
}

#[test]
fn r11_a_return_while_seats_are_in_use_is_refused_and_says_who_uses_them() {
    let vendor = Vendor::new();
    let (id, machine) = (vendor.sells(Kind::Cc, 3), vendor.machine("server"));
    assert_eq!(machine.result(&["activate", &id, "--seats", "3"]), ok());
    let mut host = lm::Options::new(common::PRODUCT, vendor.portal.trust_root());
    host.storage_dir = Some(machine.storage());
    host.host_identity = Some(machine.identity.clone());
    let host = lm::Client::open(host).expect("a client");
    let seat = host.checkout("ortho", 2).expect("seats");

    let (_, rows) = machine.json(&["list"]);
    assert_eq!((&rows[0]["seats"], &rows[0]["seats_in_use"]), (&json!(3), &json!(2)));
    assert_eq!(machine.json(&["status", &id]).1["seats_in_use"], json!(2));
    for command in ["list", "status"] {
        let run = machine.run(&[command]);
        assert!(run.stdout.contains("3 (2 in use)"), "{run:?}");
    }
    let (code, rows) = machine.json(&["return", &id]);
    assert_eq!((code, &rows[0]["result"]), (1, &json!("LM_ERR_IN_USE")));
    assert_eq!(rows[0]["detail"]["holders"][0]["pid"], json!(std::process::id()));
    let run = machine.run(&["return", &id, "--yes"]);
    assert!(run.code == 1 && run.stderr.contains("  2 in use by rules-"), "{run:?}");
    assert!(run.stderr.contains(&format!("process {}", std::process::id())), "{run:?}");
    assert_eq!(vendor.seats(&id), (3, 0));

    assert_eq!(machine.result(&["return", &id, "--seats", "1"]), ok());
    drop(seat);
    assert_eq!(machine.result(&["return", &id]), ok());
    assert_eq!(vendor.seats(&id), (0, 3));
}

#[test]
fn r13_some_of_the_seats_of_a_cc_record_can_be_returned() {
    let vendor = Vendor::new();
    let (id, machine) = (vendor.sells(Kind::Cc, 5), vendor.machine("server"));
    assert_eq!(machine.result(&["activate", &id, "--seats", "5"]), ok());
    assert_eq!(machine.result(&["return", &id, "--seats", "2"]), ok());
    let (_, status) = machine.json(&["status", &id]);
    assert_eq!((&status["state"], &status["seats"]), (&json!("ACTIVE"), &json!(3)));
    assert_eq!(vendor.seats(&id), (3, 2));
    let (code, result) = machine.result(&["return", &id, "--seats", "4"]);
    assert_eq!((code, result.as_str()), (1, "LM_ERR_INVALID_ARGUMENT"));
    assert_eq!(vendor.seats(&id), (3, 2));
}

#[test]
fn r26_removing_an_orphan_works_offline_and_credits_nothing() {
    let mut vendor = Vendor::new();
    let (id, other) = (vendor.sells(Kind::Cc, 2), vendor.sells(Kind::Nl, 1));
    let machine = vendor.machine("desk-1");
    assert_eq!(machine.result(&["activate", &id, "--seats", "2"]), ok());
    assert_eq!(machine.result(&["activate", &other]), ok());
    vendor.portal.portal_return(&id).expect("a return on the portal");
    assert_eq!(machine.result(&["refresh", &id]), (1, "LM_ERR_OBSOLETE".to_owned()));
    assert_eq!(machine.state(&id), "ORPHANED");
    let before = vendor.show(&id);

    vendor.stop();
    assert_eq!(machine.result(&["remove", &id]), ok());
    assert_eq!(machine.state(&id), "ABSENT");
    assert_eq!(machine.state(&other), "ACTIVE", "no other record is disturbed");

    let after = vendor.show(&id);
    assert_eq!(after.status, "inactive");
    assert_eq!((before.fulfilled, before.available), (after.fulfilled, after.available));
    assert_eq!(vendor.seats(&other), (1, 0));
}

#[test]
fn r27_returning_an_orphan_is_done_and_credits_nothing() {
    let vendor = Vendor::new();
    let (id, machine) = (vendor.sells(Kind::Cc, 2), vendor.machine("desk-1"));
    assert_eq!(machine.result(&["activate", &id, "--seats", "2"]), ok());
    vendor.portal.portal_return(&id).expect("a return on the portal");
    let before = vendor.show(&id);
    assert_eq!(machine.result(&["refresh"]), (1, "LM_ERR_OBSOLETE".to_owned()));

    let (code, rows) = machine.json(&["return", &id]);
    assert_eq!((code, &rows[0]["result"]), (0, &json!("LM_OK")));
    let message = rows[0]["message"].as_str().expect("a sentence");
    assert!(message.contains("orphaned entry is cleaned up"), "{message}");
    assert_eq!(machine.state(&id), "ABSENT");
    let after = vendor.show(&id);
    assert_eq!((before.fulfilled, before.available), (after.fulfilled, after.available));
}

#[test]
fn r43_an_unknown_id_is_refused_by_the_portal() {
    let vendor = Vendor::new();
    let machine = vendor.machine("desk-1");
    let id = unknown_id();
    assert_eq!(machine.result(&["activate", &id]), (1, "LM_ERR_ID_UNKNOWN".to_owned()));
    assert_eq!(machine.state(&id), "ABSENT");
}

#[test]
fn r80_the_administrators_own_trust_root_decides_nothing_for_a_host() {
    let (vendor, forger) = (Vendor::new(), Vendor::new());
    let id = forger.sells(Kind::Nl, 1);
    // Whoever runs a portal of his own can make the Administrator believe it …
    let machine = forger.machine("desk-1");
    assert_eq!(machine.result(&["activate", &id]), ok());
    // … but a host verifies with the trust root that it was built with.
    let mut host = lm::Options::new(common::PRODUCT, vendor.portal.trust_root());
    host.storage_dir = Some(machine.storage());
    host.host_identity = Some(machine.identity.clone());
    let status = lm::Client::open(host).and_then(|client| client.status(Some(&id)));
    assert!(status.is_ok_and(|status| !status.usable));
}

/// The story of the README, with `ID` and `DATE` for what differs from day to day.
#[test]
fn the_readme_tells_what_happens() {
    let vendor = Vendor::new();
    let (id, machine) = (vendor.sells(Kind::Nl, 1), vendor.machine("desk-1"));
    let readme = include_str!("../README.md");
    let story = readme.split("```console\n").nth(1).and_then(|rest| rest.split("```").next());
    let mut told = story.expect("a story").lines().peekable();
    let mut steps = 0;
    while let Some(line) = told.next() {
        let command = line.strip_prefix("$ lm-administrator --config orthomap.conf ");
        let command = command.expect("a command").replace("ID", &id);
        let run = machine.run(&command.split(' ').collect::<Vec<_>>());
        let shown = format!("{}{}", run.stdout, run.stderr).replace(&id, "ID");
        let mut expected = String::new();
        while let Some(line) = told.next_if(|line| !line.starts_with('$')) {
            expected.push_str(line);
            expected.push('\n');
        }
        assert_eq!(without_date(&shown), expected, "{command}");
        steps += 1;
    }
    assert_eq!(steps, 4);
}

/// `2027-01-31 17:05 UTC` as `DATE`.
fn without_date(text: &str) -> String {
    match (text.find("before 2"), text.find(" UTC")) {
        (Some(from), Some(to)) => format!("{}DATE{}", &text[..from + 7], &text[to + 4..]),
        _ => text.to_owned(),
    }
}

/// The report by which a person at the machine knows what is well, what soon won't be, and what to do.
#[test]
fn u17_doctor_tells_what_is_well_what_soon_will_not_be_and_what_is_broken() {
    let mut vendor = Vendor::new();
    let (id, machine) = (vendor.sells(Kind::Nl, 1), vendor.machine("desk-1"));
    assert_eq!(machine.result(&["activate", &id]), ok());
    let (code, found) = machine.json(&["doctor"]);
    assert_eq!(code, 0, "{found}");
    for topic in ["storage", "image", "anchor", "sealer", "host", "license", "clock", "portal.http"]
    {
        let of_topic = found.as_array().unwrap().iter().find(|one| one["topic"] == topic);
        let Some(one) = of_topic else { panic!("{topic} in {found}") };
        assert_eq!((&one["level"], &one["code"]), (&json!("INFO"), &json!("LM_OK")), "{one}");
    }
    let people = machine.run(&["doctor"]).stdout;
    assert!(people.ends_with("All is well.\n"), "{people}");
    let explained = |line: &str| line.contains("100 points") && line.trim_end().ends_with("agrees");
    assert!(people.lines().any(explained), "the score, factor by factor: {people}");
    assert!(!people.contains(&machine.identity), "by hashes only: {people}");

    // A disk that rots is a warning, with what to do; the license works.
    let image = machine.storage().join("b");
    let mut rotten = std::fs::read(&image).unwrap();
    rotten[200] ^= 1;
    std::fs::write(&image, rotten).unwrap();
    let run = machine.run(&["doctor", "--offline"]);
    assert!(run.code == 0 && run.stdout.ends_with("It works; one warning.\n"), "{run:?}");
    assert!(run.stdout.contains("warning") && run.stdout.contains("-> "), "{run:?}");

    // What is broken is the exit code's matter, too: here the way to the portal, and how far it goes.
    vendor.stop();
    let (code, found) = machine.json(&["doctor"]);
    let broken = found.as_array().unwrap().iter().rfind(|one| one["level"] == "ERROR");
    let Some(broken) = broken else { panic!("{found}") };
    assert_eq!((code, &broken["topic"]), (1, &json!("portal.connect")));
    assert_eq!(broken["code"], json!("LM_ERR_NETWORK"));
    assert_ne!(broken["hint"], json!(""));
    assert_eq!(machine.json(&["status", &id]).1["usable"], json!(1));
}
