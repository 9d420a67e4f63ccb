//! What scripts and people rely on, without a portal: usage, settings, shapes, exit codes, help.

mod common;

use common::{Machine, PRODUCT, Run, administrator, lone_trust_root, unknown_id};
use serde_json::json;

fn machine(portal: Option<&str>, identity: &str) -> Machine {
    Machine::new(&lone_trust_root(), portal, identity)
}

/// Nobody listens there.
fn closed_port() -> String {
    // No test has this one: a port that was let go may be another's by now.
    "http://127.81.7.9:9".to_owned()
}

#[test]
fn wrong_usage_exits_with_2_and_says_why_on_standard_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("lm.conf");
    std::fs::write(&config, "portel = https://licenses.example.com\n").expect("a file");
    let config = config.to_str().expect("UTF-8");
    let root = lone_trust_root();
    for (words, why) in [
        (vec![], "Usage: lm-administrator"),
        (vec!["activte"], "unrecognized subcommand"),
        (vec!["activate"], "<ID>"),
        (vec!["return"], "<ID>"),
        (vec!["activate", "X", "--seats", "0"], "--seats"),
        (vec!["list", "--scope", "everyone"], "possible values"),
        (vec!["list", "--trust-root", &root], "--product is missing"),
        (vec!["list", "--product", PRODUCT], "--trust-root is missing"),
        (vec!["list", "--config", "/nowhere/lm.conf"], "/nowhere/lm.conf can't be read"),
        (vec!["list", "--config", config], "unknown field `portel`"),
    ] {
        let run = Run::of(administrator().args(&words));
        assert_eq!(run.code, 2, "{words:?}: {run:?}");
        assert!(run.stdout.is_empty(), "{words:?}: {run:?}");
        assert!(run.stderr.contains(why), "{words:?}: {run:?}");
    }
}

#[test]
fn an_empty_store_is_an_answer_and_makes_no_store() {
    let machine = machine(None, "empty");
    let absent = |id: &str| {
        json!({
            "activation_id": id, "state": "ABSENT", "usable": 0, "kind": "", "trust": 7,
            "seats": 0, "seats_in_use": 0, "next_step": "ACTIVATE", "cause": "LM_OK",
            "expires_at": 0, "lease_until": 0, "grace_until": 0,
            "text": "This machine holds no such license. Activate one."
        })
    };
    let id = unknown_id();
    assert_eq!(machine.json(&["status"]), (0, absent("")));
    assert_eq!(machine.json(&["status", &id]), (0, absent(&id)));
    assert_eq!(machine.json(&["list"]), (0, json!([])));
    assert_eq!(machine.json(&["refresh"]), (0, json!([])));
    assert_eq!(machine.json(&["resume"]), (0, json!([])));
    assert_eq!(machine.run(&["list"]).stdout, "This machine holds no license of orthomap.\n");
    assert!(!machine.storage().exists());
}

#[test]
fn what_is_not_here_is_not_found() {
    let machine = machine(None, "not here");
    let id = unknown_id();
    for command in ["return", "refresh", "remove"] {
        assert_eq!(machine.result(&[command, &id]), (1, "LM_ERR_NOT_FOUND".to_owned()));
    }
    let run = machine.run(&["return", &id]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("holds no license with that activation ID"), "{run:?}");
}

#[test]
fn r43_a_malformed_id_is_refused_offline() {
    let machine = machine(None, "typo");
    for command in ["activate", "return", "refresh", "remove"] {
        let (code, document) = machine.json(&[command, "7F3KM-Q0W2E-XT9VB-00000"]);
        assert_eq!(code, 1);
        assert_eq!(
            document,
            json!([{
                "activation_id": "7F3KM-Q0W2E-XT9VB-00000",
                "result": "LM_ERR_ID_MALFORMED",
                "message": "This is not an activation ID: its check characters do not fit.",
                "hint": "Compare it with the one you were sent, character by character.",
            }])
        );
    }
    let (code, document) = machine.json(&["status", "7F3KM-Q0W2E-XT9VB-00000"]);
    assert_eq!((code, &document["result"]), (1, &json!("LM_ERR_ID_MALFORMED")));
    assert!(!machine.storage().exists());
}

#[test]
fn no_portal_is_an_error_of_its_own() {
    let machine = machine(None, "no portal");
    assert_eq!(machine.result(&["activate", &unknown_id()]), (1, "LM_ERR_NO_PORTAL".to_owned()));
}

#[test]
fn an_unreachable_portal_leaves_the_activation_visibly_pending() {
    let machine = machine(Some(&closed_port()), "alone");
    let id = unknown_id();
    assert_eq!(machine.result(&["activate", &id]), (3, "LM_ERR_NETWORK".to_owned()));
    assert_eq!(machine.state(&id), "PENDING_ACTIVATION");
    assert_eq!(machine.result(&["resume"]), (3, "LM_ERR_NETWORK".to_owned()));

    let (code, rows) = machine.json(&["list"]);
    assert_eq!(code, 0);
    let expected = json!([{
        "activation_id": id, "state": "PENDING_ACTIVATION", "usable": 0, "kind": "", "trust": 7,
        "seats": 0, "seats_in_use": 0, "next_step": "RESUME", "cause": "LM_OK",
        "expires_at": 0, "lease_until": 0, "grace_until": 0,
        "text": "An activation is under way: the portal's answer has not arrived. \
                 Resume to finish it; nothing is lost.",
        "fulfillment_id": "", "features": "", "generation": 0,
        "activated_at": 0, "contacted_at": 0
    }]);
    assert_eq!(rows, expected);

    let run = machine.run(&["activate", &id]);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""));
    assert!(run.stderr.contains("`lm-administrator resume` finishes it"), "{run:?}");
}

#[test]
fn settings_come_from_a_file_and_the_command_line_goes_before_it() {
    let machine = machine(None, "configured");
    let root = machine.folder().join("vendor.root");
    std::fs::write(&root, format!("{}\n", machine.trust_root)).expect("a file");
    let config = machine.folder().join("lm.conf");
    let text = format!(
        "# settings of {PRODUCT}\nproduct = {PRODUCT}\ntrust-root = vendor.root\n\
         storage = store\nhost-identity = somebody else\n"
    );
    std::fs::write(&config, text).expect("a file");
    let host = |identity: &[&str]| {
        let run =
            Run::of(administrator().arg("host-id").arg("--config").arg(&config).args(identity));
        assert_eq!(run.code, 0, "{run:?}");
        run.stdout
    };
    let own = machine.run(&["host-id"]).stdout;
    assert_eq!(host(&["--host-identity", "configured"]), own);
    assert_ne!(host(&[]), own);
    assert_eq!(machine.json(&["host-id"]), (0, json!({ "host_id": own.trim_end() })));
}

#[test]
fn options_may_stand_anywhere() {
    let machine = machine(None, "anywhere");
    let root = machine.trust_root.as_str();
    let storage = machine.storage();
    let before = Run::of(
        administrator()
            .args(["--json", "--product", PRODUCT, "--trust-root", root, "--storage"])
            .arg(&storage)
            .arg("list"),
    );
    let after = machine.run(&["list", "--json"]);
    assert_eq!((before.code, before.stdout), (after.code, after.stdout));
}

#[test]
fn a_trust_root_that_is_none_is_refused_by_the_library() {
    let words = ["list", "--product", PRODUCT, "--trust-root", "/nowhere/root", "--json"];
    let run = Run::of(administrator().args(words));
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("LM_ERR_TRUST_ROOT"), "{run:?}");
    assert!(run.stdout.contains("There is no file /nowhere/root"), "{run:?}");
}

#[test]
fn help_teaches_each_command_by_an_example() {
    let commands = [
        "list",
        "status",
        "activate",
        "return",
        "refresh",
        "repair",
        "remove",
        "resume",
        "request",
        "apply",
        "host-id",
        "completions",
        "man",
    ];
    for command in commands {
        let run = Run::of(administrator().args([command, "--help"]));
        assert_eq!(run.code, 0, "{run:?}");
        assert!(run.stdout.contains("Example"), "{command} has none");
    }
    let returns = Run::of(administrator().args(["return", "--help"])).stdout;
    for word in ["two ways to return", "node-locked (NL)", "concurrent", "Re-host", "orphaned"] {
        assert!(returns.contains(word), "{word:?}");
    }
    let man = Run::of(administrator().arg("man")).stdout;
    let completions = Run::of(administrator().args(["completions", "bash"])).stdout;
    for command in commands {
        assert!(man.contains(&format!("COMMAND {}", command.to_uppercase())), "{command}");
        assert!(completions.contains(command), "{command}");
    }
}
