//! The binary, as scripts use it, beside a `serve` on the same database.

#![cfg(unix)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use lm_protocol::{Refusal, Verdict};
use serde_json::{Value, json};
use support::{binary, http, id, key, post, request};

fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(binary()).arg("--data").arg(data).args(arguments).output().unwrap()
}

fn json_of(data: &Path, arguments: &[&str]) -> Value {
    let output = run(data, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a refused command says, and its exit code.
fn refused(data: &Path, arguments: &[&str]) -> (i32, String) {
    let output = run(data, arguments);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(binary())
            .args(["serve", "--vendor", "vendor", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on ").expect(&line).trim_end().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Self { child, url }
    }

    /// Asks it to stop and gives what it said on standard error.
    fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Of a test that failed; one that was stopped is gone already.
        let _ = self.child.kill();
    }
}

fn activate(url: &str, trust_root: &str, number: u16, activation_id: &str, seats: u32) -> Verdict {
    let asked = request(number, activation_id, lm_protocol::Operation::Activate { seats });
    assert_eq!(asked.op, id(number));
    let envelope = lm_protocol::envelope::sign(&asked, &[&key(number)]).unwrap();
    post(url, trust_root, &envelope).verdict
}

#[test]
fn the_whole_life_of_activation_ids_beside_a_running_server() {
    let directory = tempfile::tempdir().unwrap();
    let data = &directory.path().join("data");
    let serving = Serving::start(data);
    let mode = std::os::unix::fs::MetadataExt::mode(&data.join("portal.db").metadata().unwrap());
    assert_eq!(mode & 0o777, 0o600, "the database holds the keys");
    let root = String::from_utf8(run(data, &["trust-root"]).stdout).unwrap();
    assert_eq!(json_of(data, &["trust-root"]), json!({ "trust_root": root.trim_end() }));

    let create = ["entitlement", "create", "--product", "ortho", "--feature", "raster"];
    let more = ["--feature", "points=500", "--quantity", "6", "--expires", "2040-12-31"];
    let entitlement = json_of(data, &[&create[..], &more[..]].concat());
    let entitlement = entitlement["entitlement_id"].as_str().unwrap();
    let generate = ["activation-id", "generate", "--entitlement", entitlement];
    let nl = json_of(data, &[&generate[..], &["--kind", "nl", "--seats", "1"]].concat());
    let nl_id = nl[0]["activation_id"].as_str().unwrap();
    assert_eq!(nl, json!([{ "activation_id": nl_id, "kind": "nl", "seats": 1 }]));
    let cc = json_of(data, &[&generate[..], &["--kind", "cc", "--seats", "5"]].concat());
    let cc_id = cc[0]["activation_id"].as_str().unwrap();

    // Issued never exceeds the quantity.
    let (code, said) = refused(data, &[&generate[..], &["--kind", "nl", "--seats", "1"]].concat());
    assert_eq!(code, 1);
    assert!(said.contains("has 0 of 6 seats left"), "{said}");

    assert!(matches!(activate(&serving.url, &root, 1, nl_id, 1), Verdict::Granted { .. }));
    assert!(matches!(activate(&serving.url, &root, 2, cc_id, 3), Verdict::Granted { .. }));
    let shown = json_of(data, &["activation-id", "show", cc_id]);
    for (name, value) in [("seats", 5), ("fulfilled", 3), ("cooling", 0), ("available", 2)] {
        assert_eq!(shown[name], value, "{name}");
    }
    assert_eq!(
        (&shown["kind"], &shown["status"], &shown["excess"]),
        (&json!("cc"), &json!("active"), &json!(0))
    );
    let held = &shown["fulfillments"][0];
    assert_eq!(
        (&held["seats"], &held["generation"], &held["host_label"]),
        (&json!(3), &json!(1), &json!("desk <2>"))
    );
    for time in ["lease_until", "last_contact"] {
        assert!(held[time].as_i64().unwrap() > 1_700_000_000, "{time}");
    }

    // R20: Return is for CC only, and changes nothing.
    let before = json_of(data, &["activation-id", "show", nl_id]);
    let (code, said) = refused(data, &["activation-id", "return", nl_id]);
    assert_eq!(code, 1);
    assert!(said.contains("concurrent (CC)") && said.contains("Re-host"), "{said}");
    assert_eq!(json_of(data, &["activation-id", "show", nl_id]), before);

    // R32, R33: it warns, names the better first step, and says until when the machine may work.
    let output = run(data, &["activation-id", "return", cc_id, "--json"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("it may work until 20") && said.contains("the better first step"),
        "{said}"
    );
    let returned: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&returned["status"], &returned["available"]), (&json!("inactive"), &json!(0)));

    // R21, R22, R28: off the list, final, and its seats in another quantity.
    let listed = json_of(data, &["activation-id", "list"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(json_of(data, &["activation-id", "list", "--all"]).as_array().unwrap().len(), 2);
    let denied = activate(&serving.url, &root, 3, cc_id, 1);
    assert!(matches!(denied, Verdict::Denied { refusal: Refusal::IdInactive, .. }), "{denied:?}");
    let shares = ["--kind", "cc", "--seats", "2", "--count", "2"];
    let shares = json_of(data, &[&generate[..], &shares[..]].concat());
    assert_eq!(shares.as_array().unwrap().len(), 2);
    let split = shares[0]["activation_id"].as_str().unwrap();
    let parts = json_of(data, &["activation-id", "split", split, "--seats", "1,1"]);
    assert_eq!(parts.as_array().unwrap().len(), 2);
    assert_eq!(json_of(data, &["entitlement", "list"])[0]["issued"], 5);

    // R29, R31: Re-host keeps the ID.
    let rehosted = json_of(data, &["activation-id", "rehost", nl_id]);
    assert_eq!((&rehosted["status"], &rehosted["available"]), (&json!("active"), &json!(1)));
    assert!(matches!(activate(&serving.url, &root, 4, nl_id, 1), Verdict::Granted { .. }));
    // R12, R31: limits, and an administrator's word beyond them.
    json_of(data, &["entitlement", "set", entitlement, "--rehost-limit", "1"]);
    let (code, said) = refused(data, &["activation-id", "rehost", nl_id]);
    assert!(code == 1 && said.contains("activation-id allow"), "{said}");
    let allow = ["activation-id", "allow", nl_id];
    let allowed = json_of(data, &[&allow[..], &["--rehosts", "2"]].concat());
    assert_eq!(
        (&allowed["limits"][0]["what"], &allowed["limits"][0]["allowed"]),
        (&json!("rehost"), &json!(2))
    );
    assert_eq!(refused(data, &allow).0, 2);
    assert_eq!(refused(data, &["activation-id", "acknowledge", nl_id]).0, 1, "no flag");

    let history = json_of(data, &["history", "--activation-id", nl_id, "--check"]);
    let actions: Vec<_> =
        history.as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["allow", "activate", "re-host", "activate", "generate"]);
    assert_eq!(history[0]["detail"], json!({ "what": "rehost", "count": 2, "remaining": 2 }));
    assert_eq!(history[2]["origin"], "command line");

    let said = serving.stop();
    assert!(said.contains("Sign in to its page as \"admin\""), "{said}");
}

/// Runs a command on a terminal, at which somebody types `answer`.
fn on_a_terminal(data: &Path, command: &str, answer: &str) -> (bool, String) {
    let line = format!("{} --data {} {command}", binary().display(), data.display());
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{answer}").unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn r31_on_a_terminal_rehost_asks_first() {
    let directory = tempfile::tempdir().unwrap();
    let (data, serving) = (directory.path(), Serving::start(directory.path()));
    let root = String::from_utf8(run(data, &["trust-root"]).stdout).unwrap();
    let create =
        ["entitlement", "create", "--product", "ortho", "--feature", "f", "--quantity", "1"];
    let entitlement = json_of(data, &create)["entitlement_id"].as_str().unwrap().to_owned();
    let generate = ["activation-id", "generate", "--kind", "nl", "--seats", "1", "--entitlement"];
    let made = json_of(data, &[&generate[..], &[&entitlement]].concat());
    let id = made[0]["activation_id"].as_str().unwrap();
    activate(&serving.url, root.trim_end(), 1, id, 1);

    let command = format!("activation-id rehost {id}");
    let available = || json_of(data, &["activation-id", "show", id])["available"].clone();
    let (done, said) = on_a_terminal(data, &command, "n");
    assert!(
        !done && said.contains("Go on? [y/N]") && said.contains("nothing was changed"),
        "{said}"
    );
    assert!(said.contains("is the better first step"), "{said}");
    assert_eq!(available(), 0);
    let (done, said) = on_a_terminal(data, &command, "y");
    assert!(done, "{said}");
    assert_eq!(available(), 1);
    serving.stop();
}

#[test]
fn wrong_usage_and_what_is_not_there_have_their_own_exit_codes() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    assert_eq!(refused(data, &["activation-id", "list"]).0, 1, "no portal is made by the way");
    assert!(!data.join("portal.db").exists());
    run(data, &["trust-root"]);
    for (arguments, code, sentence) in [
        (&["frobnicate"][..], 2, "unrecognized"),
        (
            &["entitlement", "create", "--product", "a b", "--feature", "x", "--quantity", "1"],
            2,
            "product",
        ),
        (
            &[
                "entitlement",
                "create",
                "--product",
                "a",
                "--feature",
                "x",
                "--quantity",
                "1",
                "--expires",
                "soon",
            ],
            2,
            "no date",
        ),
        (&["entitlement", "show", "E-0"], 1, "no entitlement"),
        (&["activation-id", "show", "hello"], 1, "no activation ID"),
        (&["activation-id", "show", "04106-1050R-3GG28-A4XZJ"], 1, "activation ID"),
    ] {
        let (got, said) = refused(data, arguments);
        assert_eq!(got, code, "{arguments:?}: {said}");
        assert!(said.contains(sentence), "{arguments:?}: {said}");
    }
}

#[test]
fn people_are_told_what_show_means_and_help_teaches() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let create = ["entitlement", "create", "--product", "ortho", "--feature", "raster"];
    let id = run(data, &[&create[..], &["--quantity", "2", "--lease", "none"]].concat());
    let entitlement = String::from_utf8(id.stdout).unwrap();
    let generate = ["activation-id", "generate", "--entitlement", entitlement.trim_end()];
    let new = run(data, &[&generate[..], &["--kind", "nl", "--seats", "2"]].concat());
    let id = String::from_utf8(new.stdout).unwrap();
    let shown = run(data, &["activation-id", "show", id.trim_end()]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("2 seats: 0 fulfilled, 0 cooling, 2 available"), "{text}");
    let help = String::from_utf8(run(data, &["--help"]).stdout).unwrap();
    for word in ["Examples:", "trust-root", "Exit codes: 0 done"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    let password = json_of(data, &["user", "add", "anna"]);
    assert_eq!(password["password"].as_str().unwrap().len(), 23);
    assert_eq!(refused(data, &["user", "add", "anna"]).0, 1);
}

#[test]
fn a_portal_that_serves_answers_its_health() {
    let directory = tempfile::tempdir().unwrap();
    let serving = Serving::start(directory.path());
    assert_eq!(http(&serving.url, "GET", "/healthz", &[], b"").text(), "ok\n");
    serving.stop();
}

/// Who has read where it listens may ask it to stop: it never just dies.
#[test]
fn a_portal_that_is_asked_to_stop_at_once_stops_as_ever() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..12 {
        Serving::start(directory.path()).stop();
    }
}

#[test]
fn the_keys_are_their_owners_only_wherever_the_database_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let widen = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let file = directory.path().join("by url.db");
    for _ in 0..2 {
        let url = format!("sqlite://{}?mode=rwc", file.display().to_string().replace(' ', "%20"));
        let made = Command::new(binary()).args(["trust-root", "--database", &url]).output();
        assert!(made.unwrap().status.success());
        assert_eq!(mode(&file), 0o600, "made so, and made so again");
        widen(&file, 0o644);
    }

    let data = directory.path().join("data");
    let said = |output: Output| String::from_utf8(output.stderr).unwrap();
    assert!(!said(run(&data, &["trust-root"])).contains("chmod"));
    widen(&data, 0o755);
    widen(&data.join("portal.db"), 0o640);
    assert!(said(run(&data, &["trust-root"])).contains("chmod 700"));
    assert_eq!(mode(&data.join("portal.db")), 0o600);
}

/// Text that stands twice: the README's commands and options are those that there are.
#[test]
fn the_readme_names_commands_and_options_that_there_are() {
    let directory = tempfile::tempdir().unwrap();
    let help = |words: &[&str]| {
        let output = run(directory.path(), &[words, &["--help"]].concat());
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let readme = include_str!("../README.md");
    let mut commands = 0;
    let block = readme.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    for line in block.replace("\\\n", " ").lines().filter(|line| line.starts_with("lm-portal")) {
        let line = line.split(" # ").next().unwrap().replace("--data portal ", "");
        let words: Vec<_> = line.split_whitespace().skip(1).collect();
        let is_word = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        let named: Vec<_> = words.iter().take(2).take_while(is_word).copied().collect();
        // A command of two words, or one with an argument.
        let two = ["entitlement", "activation-id", "product", "user", "token"];
        let count = if two.contains(&named[0]) { 2 } else { 1 };
        let text = help(&named[..count]);
        for option in words.iter().filter(|word| word.starts_with("--")) {
            assert!(text.contains(option), "{line}: {option}");
        }
        commands += 1;
    }
    assert!(commands >= 18, "{commands}");
    let (policy, said) = (readme.split("## Policy").nth(1).unwrap(), help(&["entitlement", "set"]));
    let table: Vec<_> = policy.lines().filter(|line| line.starts_with("| `--")).collect();
    let options = table.iter().flat_map(|line| line.split(['`', ' ', '|', '\\']));
    let options: Vec<_> = options.filter(|word| word.starts_with("--")).collect();
    assert_eq!(options.len(), 14);
    for option in options {
        assert!(said.contains(option), "{option}");
    }
}
