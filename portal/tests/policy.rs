//! Policy on the command line: said at first, by product, and changed later.

#![cfg(unix)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use lm_protocol::{Evidence, Operation, Record, Refusal, Unverified, Verdict};
use serde_json::{Value, json};
use support::{binary, key, open, post, request};

fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(binary()).arg("--data").arg(data).args(arguments).output().unwrap()
}

fn json_of(data: &Path, arguments: &str) -> Value {
    let words: Vec<_> = arguments.split(' ').collect();
    let output = run(data, &[&words[..], &["--json"]].concat());
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text_of(data: &Path, arguments: &str) -> String {
    let output = run(data, &arguments.split(' ').collect::<Vec<_>>());
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

const CREATE: &str = "entitlement create --product ortho --feature raster --quantity 5";

fn created(data: &Path, more: &str) -> String {
    let made = json_of(data, &format!("{CREATE}{more}"));
    made["entitlement_id"].as_str().unwrap().to_owned()
}

#[test]
fn each_policy_is_said_shown_and_changed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let day = 86_400;
    let id = created(data, "");
    let shown = json_of(data, &format!("entitlement show {id}"));
    let at_first = json!({ "lease": 7 * day, "grace": 3 * day, "clock_tolerance": day,
        "strict": false, "reclaim": false, "virtual_machines": true, "containers": true,
        "offline": true, "tell_holders": true, "owner_release": "token", "return_limit": null,
        "rehost_limit": null, "repair_limit": null, "limit_period": 365 * day });
    for (name, value) in at_first.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    let said = " --lease 30 --grace 5 --clock-tolerance 2 --mode strict --reclaim yes \
        --virtual-machines no --containers no --offline no --tell-holders no --owner-release id \
        --return-limit 4 --rehost-limit 2 --repair-limit 1 --limit-period 30";
    let expected = json!({ "lease": 30 * day, "grace": 5 * day, "clock_tolerance": 7200,
        "strict": true, "reclaim": true, "virtual_machines": false, "containers": false,
        "offline": false, "tell_holders": false, "owner_release": "id", "return_limit": 4,
        "rehost_limit": 2, "repair_limit": 1, "limit_period": 30 * day });
    let other = created(data, said);
    let changed = json_of(data, &format!("entitlement set {id}{said}"));
    for view in [&json_of(data, &format!("entitlement show {other}")), &changed] {
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&view[name], value, "{name}");
        }
    }
    let text = text_of(data, &format!("entitlement show {id}"));
    for line in [
        "lease             30 days",
        "clock tolerance   2 hours",
        "mode              strict",
        "owner release     id",
        "re-host limit     2 in 30 days",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(text_of(data, "entitlement list").contains("30 days + 5 days, strict"));
    // Audited, with what was and what is.
    let history = json_of(data, "history --check");
    let row = &history[0];
    assert_eq!((&row["action"], &row["entitlement_id"]), (&json!("set policy"), &json!(id)));
    assert_eq!(row["detail"]["lease"], json!({ "from": 7 * day, "to": 30 * day }));
    // Lifted again.
    let lifted = json_of(data, &format!("entitlement set {id} --return-limit none --lease 8"));
    assert_eq!((&lifted["return_limit"], &lifted["lease"]), (&Value::Null, &json!(8 * day)));
    assert_eq!(lifted["rehost_limit"], 2, "what is not said stays");
}

#[test]
fn what_makes_no_sense_is_wrong_usage_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let id = created(data, "");
    let before = json_of(data, &format!("entitlement show {id}"));
    for (said, sentence) in [
        ("--lease none --mode strict", "strict mode needs a lease"),
        ("--lease none --reclaim yes", "reclaim needs a lease"),
        ("--owner-release id", "needs a limit of re-hosts"),
        ("--lease 0", "days from 1"),
        ("--mode lax", "possible values: prompt, strict"),
        ("--return-limit some", "a number, or none"),
    ] {
        let words = format!("entitlement set {id} {said}");
        let output = run(data, &words.split(' ').collect::<Vec<_>>());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && text.contains(sentence), "{said}: {text}");
    }
    assert_eq!(json_of(data, &format!("entitlement show {id}")), before);
    assert!(text_of(data, "entitlement set E-0 --lease 3").contains("no entitlement"));
}

#[test]
fn an_entitlement_takes_its_products_policy_unless_it_says_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let before = created(data, "");
    let set = json_of(data, "product set ortho --lease 14 --mode strict --return-limit 3");
    assert_eq!((&set["product"], &set["return_limit"]), (&json!("ortho"), &json!(3)));
    let (own, other) = (created(data, ""), created(data, " --mode prompt --return-limit none"));
    let shown = |id: &str| {
        let view = json_of(data, &format!("entitlement show {id}"));
        (
            view["lease"].as_i64().unwrap() / 86_400,
            view["strict"] == true,
            view["return_limit"].clone(),
        )
    };
    assert_eq!(shown(&own), (14, true, json!(3)));
    assert_eq!(shown(&other), (14, false, Value::Null));
    assert_eq!(shown(&before), (7, false, Value::Null), "what was sold stays as it was sold");
    let list = json_of(data, "product list");
    assert_eq!((list.as_array().unwrap().len(), &list[0]["product"]), (1, &json!("ortho")));
    assert_eq!(json_of(data, "product show viewer")["lease"], 7 * 86_400);
    assert_eq!(json_of(data, "history")[2]["action"], "set product's policy");
    assert!(text_of(data, "product show ortho").contains("lease             14 days"));
}

/// Changed policy is in the next record, and judges the next contact.
#[test]
fn a_machine_is_given_the_new_policy_at_its_next_contact() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let (portal, _) = open(data);
    let running = portal.serve().unwrap();
    let entitlement = created(data, "");
    let generated = json_of(
        data,
        &format!("activation-id generate --entitlement {entitlement} --kind nl --seats 1"),
    );
    let id = generated[0]["activation_id"].as_str().unwrap();
    let root = portal.trust_root();
    let send = |asked: &lm_protocol::Request| {
        let envelope = lm_protocol::envelope::sign(asked, &[&key(1)]).unwrap();
        post(running.url(), &root, &envelope).verdict
    };
    let record = |verdict: &Verdict| match verdict {
        Verdict::Granted { record } => {
            (Unverified::<Record>::parse(record).unwrap().verify_named().unwrap(), record.clone())
        }
        other => panic!("{other:?}"),
    };
    let (first, text) = record(&send(&request(1, id, Operation::Activate { seats: 1 })));
    assert_eq!(first.terms.lease, 7 * 86_400);
    json_of(
        data,
        &format!("entitlement set {entitlement} --lease 2 --mode strict --containers no"),
    );
    let refresh = |number, text: String, generation| {
        let fulfillment_id = first.fulfillment_id.clone();
        let mut asked = request(1, id, Operation::Refresh { fulfillment_id, generation });
        (asked.op, asked.record) = (support::id(number), Some(text));
        asked
    };
    let (second, text) = record(&send(&refresh(100, text, 1)));
    assert_eq!((second.terms.lease, second.terms.strict), (2 * 86_400, true));
    assert_eq!(second.lease_until, second.issued_at + 2 * 86_400);
    let mut contained = refresh(101, text, 2);
    contained.host = Evidence { machine: lm_protocol::MachineKind::Container, ..contained.host };
    let refused = send(&contained);
    assert!(
        matches!(refused, Verdict::Denied { refusal: Refusal::HostRefused, .. }),
        "{refused:?}"
    );
}
