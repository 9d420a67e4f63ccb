//! U3: the owner releases a machine's seat over REST, by a token or, where policy says so, by the bare
//! activation ID.

mod support;

use lm_portal::{
    Kind, NewEntitlement, OwnerRelease, Policy, PolicyChange, Portal, Running, TokenScope,
};
use lm_protocol::{ActivationId, Refusal, Verdict};
use serde_json::{Value, json};
use support::{Response, TestClock, activate, http, open, post};

struct Desk {
    portal: Portal,
    running: Running,
    clock: TestClock,
    entitlement: String,
    id: String,
    _directory: tempfile::TempDir,
}

/// A portal with a CC activation ID of two seats, both on machines, under this policy.
fn desk(change: &PolicyChange) -> Desk {
    let directory = tempfile::tempdir().unwrap();
    let (portal, clock) = open(directory.path());
    let running = portal.serve().unwrap();
    let policy = change.over(&Policy::default());
    let new = NewEntitlement::under(&policy, "ortho", &[("raster", None)], 2);
    let entitlement = portal.create_entitlement(&new).unwrap();
    let id = portal.generate(&entitlement, Kind::Cc, 2, 1).unwrap().remove(0).activation_id;
    for number in [1, 2] {
        let answer = post(running.url(), &portal.trust_root(), &activate(number, &id, 1));
        assert!(matches!(answer.verdict, Verdict::Granted { .. }));
    }
    Desk { portal, running, clock, entitlement, id, _directory: directory }
}

impl Desk {
    fn ask(&self, id: &str, token: Option<&str>, body: &str) -> Response {
        let path = format!("/api/v1/activation-ids/{id}/rehost");
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(bearer.iter().map(|bearer| ("Authorization", bearer.as_str())));
        http(self.running.url(), "POST", &path, &headers, body.as_bytes())
    }

    fn release(&self, token: Option<&str>, host: &str) -> Response {
        self.ask(&self.id, token, &json!({ "host": host }).to_string())
    }

    /// Who holds a seat, as the refusal tells whoever wants one.
    fn holders(&self, number: u16) -> Value {
        let asked = activate(number, &self.id, 1);
        match post(self.running.url(), &self.portal.trust_root(), &asked).verdict {
            Verdict::Denied { refusal: Refusal::NoSeats, detail, .. } => {
                serde_json::from_str(&detail).unwrap_or_default()
            }
            other => panic!("{other:?}"),
        }
    }
}

fn document(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

/// Status, and what the problem says.
fn problem(response: &Response) -> (u16, String) {
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    let problem = document(response);
    assert_eq!(problem["status"], response.status);
    (response.status, problem["detail"].as_str().unwrap().to_owned())
}

fn token(desk: &Desk, name: &str, entitlement: &str) -> String {
    desk.portal.create_token(name, TokenScope::Rehost, entitlement).unwrap()
}

#[test]
fn u03_an_exhausted_id_says_who_holds_it_and_a_token_releases_one() {
    let desk = desk(&PolicyChange::default());
    let told = desk.holders(10);
    assert_eq!(
        (told["holders"].as_array().unwrap().len(), &told["owner_release"]),
        (2, &json!("token"))
    );
    let host = told["holders"][0]["host_id"].as_str().unwrap();
    let token = token(&desk, "desk", "");
    let released = desk.release(Some(&token), host);
    assert_eq!(released.status, 200, "{}", released.text());
    let told = document(&released);
    assert_eq!((&told["host_id"], &told["seats"]), (&json!(host), &json!(1)));
    assert_eq!((&told["available"], &told["cools_until"]), (&json!(1), &json!(0)));
    assert_eq!(released.header("cache-control"), Some("no-store"));
    let answer = post(desk.running.url(), &desk.portal.trust_root(), &activate(11, &desk.id, 1));
    assert!(matches!(answer.verdict, Verdict::Granted { .. }), "the freed seat");
    let row = desk.portal.history(Some(&desk.id), 10).unwrap();
    let row = row.iter().find(|row| row.action == "re-host").unwrap();
    assert_eq!((row.actor.as_str(), row.origin.as_str()), ("token desk", "api"));
    assert_eq!(problem(&desk.release(Some(&token), host)).0, 404, "once");
}

#[test]
fn u03_what_policy_hides_is_not_told() {
    let desk = desk(&PolicyChange { tell_holders: Some(false), ..PolicyChange::default() });
    assert_eq!(desk.holders(10), Value::Null);
}

#[test]
fn a_token_is_good_for_what_it_was_made_for_until_it_is_revoked() {
    let desk = desk(&PolicyChange::default());
    let host = desk.portal.show(&desk.id).unwrap().fulfillments.remove(0).host_id;
    let new = NewEntitlement::new("ortho", &[("raster", None)], 1);
    let other = desk.portal.create_entitlement(&new).unwrap();
    let (own, foreign) = (token(&desk, "own", &desk.entitlement), token(&desk, "foreign", &other));
    assert!(own.starts_with("lmt_") && own.len() > 40);
    assert_eq!(problem(&desk.release(Some(&foreign), &host)).0, 403);
    let unknown = ActivationId::from_random([1; 10]).to_string();
    let body = json!({ "host": host }).to_string();
    assert_eq!(problem(&desk.ask(&unknown, Some(&own), &body)).0, 404);
    for wrong in ["", "lmt_guess", &own.to_uppercase(), &own[..own.len() - 1]] {
        let refused = desk.release(Some(wrong), &host);
        assert_eq!(problem(&refused).0, 401, "{wrong}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    desk.portal.revoke_token("own").unwrap();
    assert_eq!(problem(&desk.release(Some(&own), &host)).0, 401);
    assert!(desk.portal.revoke_token("own").is_err(), "once");
    assert!(desk.portal.create_token("own", TokenScope::Rehost, "").is_err(), "a name is for ever");
    assert!(desk.portal.create_token("new", TokenScope::Rehost, "E-0").is_err());
    assert_eq!(desk.portal.show(&desk.id).unwrap().fulfilled, 2, "nothing was changed");
    let actions: Vec<_> =
        desk.portal.history(None, 4).unwrap().into_iter().map(|row| row.action).collect();
    assert_eq!(actions[..3], ["revoke token", "create token", "create token"]);
    // What is kept of a token doesn't tell it.
    let listed = serde_json::to_string(&desk.portal.tokens().unwrap()).unwrap();
    assert!(!listed.contains(&own[4..20]) && listed.contains("\"name\":\"own\""), "{listed}");
}

#[test]
fn u03_the_bare_id_releases_only_where_policy_says_so_and_within_the_limit() {
    let by_token = desk(&PolicyChange::default());
    let host = by_token.portal.show(&by_token.id).unwrap().fulfillments.remove(0).host_id;
    // Whoever has no token does not learn which IDs there are.
    let known = problem(&by_token.release(None, &host));
    let unknown = ActivationId::from_random([1; 10]).to_string();
    let body = json!({ "host": host }).to_string();
    assert_eq!(problem(&by_token.ask(&unknown, None, &body)), known);
    assert_eq!(known.0, 401);

    let desk = desk(&PolicyChange {
        owner_release: Some(OwnerRelease::Id),
        rehost_limit: Some(Some(1)),
        ..PolicyChange::default()
    });
    let held = desk.portal.show(&desk.id).unwrap().fulfillments;
    let released = desk.release(None, &held[0].fulfillment_id);
    assert_eq!(released.status, 200, "{}", released.text());
    let row = desk.portal.history(Some(&desk.id), 1).unwrap().remove(0);
    assert_eq!(
        (row.action.as_str(), row.actor.as_str(), row.origin.as_str()),
        ("re-host", "bare activation ID from 127.0.0.1", "api")
    );
    let refused = desk.release(None, &held[1].host_id);
    assert_eq!(problem(&refused).0, 409);
    let told = document(&refused);
    assert_eq!(told["code"], "LM_ERR_REHOST_LIMIT");
    assert_eq!(told["again_at"], support::NOW + 365 * 86_400);
    assert_eq!(desk.portal.show(&desk.id).unwrap().fulfilled, 1);
}

#[test]
fn policy_may_let_no_owner_release() {
    let desk =
        desk(&PolicyChange { owner_release: Some(OwnerRelease::No), ..PolicyChange::default() });
    let host = desk.portal.show(&desk.id).unwrap().fulfillments.remove(0).host_id;
    let token = token(&desk, "desk", "");
    assert_eq!(problem(&desk.release(Some(&token), &host)).0, 403);
    assert_eq!(problem(&desk.release(None, &host)).0, 401);
}

#[test]
fn in_strict_mode_the_answer_says_until_when_the_seat_cools() {
    let desk = desk(&PolicyChange { strict: Some(true), ..PolicyChange::default() });
    let held = desk.portal.show(&desk.id).unwrap().fulfillments.remove(0);
    let released = desk.release(Some(&token(&desk, "desk", "")), &held.host_id);
    let told = document(&released);
    assert_eq!((&told["available"], &told["cools_until"]), (&json!(0), &json!(held.reach)));
    assert_eq!(told["cools_until"], told["reach"]);
}

#[test]
fn what_is_no_request_has_its_own_status() {
    let desk = desk(&PolicyChange::default());
    let token = token(&desk, "desk", "");
    for (body, status) in [
        ("", 400),
        ("{}", 400),
        (r#"{"host":"H-1","yes":true}"#, 400),
        (r#"{"host":7}"#, 400),
        (r#"{"host":"H-1"}"#, 404),
        (&" ".repeat(5000), 413),
    ] {
        assert_eq!(problem(&desk.ask(&desk.id, Some(&token), body)).0, status, "{body:.20}");
    }
    let malformed = desk.ask("7F3KM-Q0W2E-XT9VB-4HJN9", Some(&token), r#"{"host":"H-1"}"#);
    assert_eq!(problem(&malformed).0, 400);
    assert_eq!(document(&malformed)["code"], "LM_ERR_ID_MALFORMED");
    let path = format!("/api/v1/activation-ids/{}/rehost", desk.id);
    let url = desk.running.url();
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(problem(&http(url, "POST", &path, &form, b"host=H-1")).0, 415);
    assert_eq!(http(url, "GET", &path, &[], b"").status, 405);
}

#[test]
fn guesses_are_counted_by_address_and_so_is_all_that_is_done_by_bare_ids() {
    let desk = desk(&PolicyChange::default());
    let host = desk.portal.show(&desk.id).unwrap().fulfillments.remove(0).host_id;
    let good = token(&desk, "desk", "");
    for attempt in 0..10 {
        assert_eq!(desk.release(None, &host).status, 401, "attempt {attempt}");
    }
    let closed = desk.release(None, &host);
    assert_eq!(problem(&closed).0, 429);
    assert!(closed.header("retry-after").unwrap().parse::<i64>().unwrap() > 0);
    for attempt in 0..20 {
        assert_eq!(desk.release(Some("lmt_guess"), &host).status, 401, "attempt {attempt}");
    }
    let closed = desk.release(Some(&good), &host);
    assert_eq!(closed.status, 429, "thirty failures close the address");
    let wait: i64 = closed.header("retry-after").unwrap().parse().unwrap();
    desk.clock.0.fetch_add(wait, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(desk.release(Some(&good), &host).status, 200);
}

#[cfg(unix)]
#[test]
fn tokens_are_made_listed_and_revoked_on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let run = |words: &str| {
        let output = std::process::Command::new(support::binary())
            .arg("--data")
            .arg(directory.path())
            .args(words.split(' '))
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    run("trust-root");
    let (code, made) = run("token create --name ci --scope rehost --json");
    assert_eq!(code, 0);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert!(made["name"] == "ci" && made["token"].as_str().unwrap().starts_with("lmt_"), "{made}");
    assert!(run("token create --name desk").1.starts_with("lmt_"));
    assert_eq!(run("token create --name ci").0, 1);
    assert_eq!(run("token create --name x --scope everything").0, 2);
    assert_eq!(run("token revoke ci").0, 0);
    assert_eq!(run("token revoke ci").0, 1);
    let listed: Value = serde_json::from_str(&run("token list --json").1).unwrap();
    assert!(
        listed[0]["revoked_at"].as_i64().unwrap() > 0 && listed[1]["revoked_at"] == 0,
        "{listed}"
    );
    let table = run("token list").1;
    assert!(table.contains("desk   rehost  all"), "{table}");
}
