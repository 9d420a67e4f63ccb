//! The page, as a browser without scripts uses it.

mod support;

use lm_portal::{Kind, NewEntitlement, PolicyChange, Portal, PortalOptions, Role, Running};
use support::{Response, activate, http, open, post};

/// Fields of a form, as a browser encodes them.
fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs: Vec<_> =
        fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&").into_bytes()
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

struct Browser {
    url: String,
    cookie: String,
}

impl Browser {
    fn signed_in(url: &str, user: &str, password: &str) -> Self {
        let body = form(&[("user", user), ("password", password)]);
        let response = http(url, "POST", "/sign-in", &[FORM], &body);
        assert_eq!(response.status, 303, "{}", response.text());
        let cookie = response.header("set-cookie").unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { url: url.to_owned(), cookie }
    }

    fn get(&self, path: &str) -> Response {
        http(&self.url, "GET", path, &[("Cookie", &self.cookie)], b"")
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        http(&self.url, "POST", path, &[("Cookie", &self.cookie), FORM], &form(fields))
    }

    /// The session's token, as it stands in the forms.
    fn csrf(&self) -> String {
        let page = self.get("/activation-ids").text();
        page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }
}

struct Desk {
    portal: Portal,
    running: Running,
    browser: Browser,
    nl: String,
    cc: String,
    _directory: tempfile::TempDir,
}

/// A portal with one NL and one CC activation ID, both active on a machine, and somebody signed in.
fn desk() -> Desk {
    let directory = tempfile::tempdir().unwrap();
    let (portal, _) = open(directory.path());
    let running = portal.serve().unwrap();
    let new = NewEntitlement::new("ortho", &[("raster", None)], 6);
    let entitlement = portal.create_entitlement(&new).unwrap();
    let id = |kind, seats| {
        portal.generate(&entitlement, kind, seats, 1).unwrap().remove(0).activation_id
    };
    let (nl, cc) = (id(Kind::Nl, 1), id(Kind::Cc, 5));
    post(running.url(), &portal.trust_root(), &activate(1, &nl, 1));
    post(running.url(), &portal.trust_root(), &activate(2, &cc, 3));
    let first = portal.first_administrator().unwrap();
    let browser = Browser::signed_in(running.url(), &first.user, &first.password);
    Desk { portal, running, browser, nl, cc, _directory: directory }
}

#[test]
fn nobody_sees_anything_before_signing_in_and_a_wrong_password_is_throttled() {
    let desk = desk();
    let url = desk.running.url();
    for path in ["/activation-ids", "/history", "/entitlements"] {
        let response = http(url, "GET", path, &[("Cookie", "lm-session=guess")], b"");
        assert_eq!((response.status, response.header("location")), (303, Some("/sign-in")));
    }
    for (attempt, user) in ["admin", "nobody"].into_iter().cycle().take(11).enumerate() {
        let body = form(&[("user", user), ("password", "wrong")]);
        let response = http(url, "POST", "/sign-in", &[FORM], &body);
        assert_eq!(response.status, if attempt < 10 { 403 } else { 429 }, "attempt {attempt}");
    }
    assert_eq!(desk.browser.get("/activation-ids").status, 200, "who is in stays in");
}

fn sign_in(url: &str, from: &str, user: &str, password: &str) -> u16 {
    let body = form(&[("user", user), ("password", password)]);
    http(url, "POST", "/sign-in", &[FORM, ("X-Forwarded-For", from)], &body).status
}

#[test]
fn guesses_made_at_once_are_counted_before_any_is_checked() {
    let desk = desk();
    let url = desk.running.url();
    let checked = std::thread::scope(|scope| {
        let guesses: Vec<_> =
            (0..60).map(|_| scope.spawn(|| sign_in(url, "", "admin", "wrong"))).collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).filter(|&s| s == 403).count()
    });
    assert_eq!(checked, 10);
}

#[test]
fn strangers_close_their_own_address_never_a_name_and_a_success_costs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let options = PortalOptions::in_directory(directory.path());
    let portal = Portal::open(PortalOptions { behind_proxy: true, ..options }).unwrap();
    let running = portal.serve().unwrap();
    let first = portal.first_administrator().unwrap();
    for stranger in 0..55 {
        let from = format!("198.51.100.{stranger}");
        assert_eq!(sign_in(running.url(), &from, "admin", "wrong"), 403);
    }
    for _ in 0..12 {
        let status = sign_in(running.url(), "203.0.113.1", &first.user, &first.password);
        assert_eq!(status, 303);
    }
}

#[test]
fn a_search_that_no_id_or_label_can_match_is_refused_with_a_sentence() {
    let desk = desk();
    let longest = "x".repeat(128);
    assert_eq!(desk.browser.get(&format!("/activation-ids?search={longest}")).status, 200);
    for longer in [129, 60_000] {
        let search = "x".repeat(longer);
        let response = desk.browser.get(&format!("/activation-ids?search={search}"));
        assert_eq!(response.status, 400);
        assert!(response.text().contains("at most 128 characters"), "{}", response.text());
    }
}

#[test]
fn the_list_shows_seats_machines_and_the_actions_line() {
    let desk = desk();
    let response = desk.browser.get("/activation-ids");
    let page = response.text();
    for text in [
        &desk.nl,
        &desk.cc,
        "3 fulfilled, 0 cooling, 2 available of 5",
        "desk &#60;2&#62;",
        "<caption>",
        "scope=\"col\"",
        "Return is for concurrent (CC) activation IDs only.",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(page.contains("<button type=\"button\" disabled"), "NL's Return is greyed");
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for (name, value) in [("x-frame-options", "DENY"), ("x-content-type-options", "nosniff")] {
        assert_eq!(response.header(name), Some(value));
    }
    assert!(!page.contains("<script") && !page.contains("style="));
    let found = desk.browser.get("/activation-ids?search=desk").text();
    assert!(found.contains(&desk.nl) && found.contains(&desk.cc));
    let found = desk.browser.get(&format!("/activation-ids?search={}", &desk.nl[..9])).text();
    assert!(found.contains(&desk.nl) && !found.contains(&desk.cc));
}

#[test]
fn r20_r32_r33_return_is_refused_on_nl_and_on_cc_says_first_what_it_will_do() {
    let desk = desk();
    let (nl, cc) = (format!("/activation-ids/{}", desk.nl), format!("/activation-ids/{}", desk.cc));
    let csrf = desk.browser.csrf();
    let refused = desk.browser.post(&format!("{nl}/return"), &[("csrf", &csrf)]);
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("concurrent (CC)"), "{}", refused.text());
    assert_eq!(desk.portal.show(&desk.nl).unwrap().fulfilled, 1);

    let asks = desk.browser.get(&format!("{cc}/return")).text();
    for text in ["Inactive for good", "it may work", "UTC", "better first step", "desk &#60;2&#62;"]
    {
        assert!(asks.contains(text), "{text} in {asks}");
    }
    assert_eq!(desk.portal.show(&desk.cc).unwrap().status, "active", "it only asks");
    let done = desk.browser.post(&format!("{cc}/return"), &[("csrf", &csrf)]);
    assert_eq!(done.status, 303, "{}", done.text());
    assert_eq!(desk.portal.show(&desk.cc).unwrap().status, "inactive");
    assert!(!desk.browser.get("/activation-ids").text().contains(&desk.cc));
    assert!(desk.browser.get("/activation-ids?all=1").text().contains(&desk.cc));
    let history = desk.browser.get(&format!("{cc}/history")).text();
    assert!(history.contains("portal return") && history.contains("admin"), "{history}");
}

#[test]
fn a_form_without_its_sessions_token_changes_nothing() {
    let desk = desk();
    let path = format!("/activation-ids/{}/return", desk.cc);
    for fields in [&[][..], &[("csrf", "guess")]] {
        assert_eq!(desk.browser.post(&path, fields).status, 403);
    }
    let csrf = desk.browser.csrf();
    let stranger = http(desk.running.url(), "POST", &path, &[FORM], &form(&[("csrf", &csrf)]));
    assert_eq!(stranger.header("location"), Some("/sign-in"));
    assert_eq!(desk.portal.show(&desk.cc).unwrap().status, "active");
    let elsewhere = [FORM, ("Origin", "https://evil.example")];
    let body = form(&[("user", "admin"), ("password", "x")]);
    assert_eq!(http(desk.running.url(), "POST", "/sign-in", &elsewhere, &body).status, 403);
}

#[test]
fn r29_r31_rehost_is_confirmed_and_keeps_the_id_and_a_viewer_may_not() {
    let desk = desk();
    let fulfillment = desk.portal.show(&desk.nl).unwrap().fulfillments.remove(0).fulfillment_id;
    let path = format!("/activation-ids/{}/rehost", desk.nl);
    let asks = desk.browser.get(&format!("{path}?fulfillment={fulfillment}")).text();
    assert!(asks.contains("The activation ID stays"), "{asks}");

    let password = desk.portal.add_user("vera", Role::Viewer).unwrap();
    let viewer = Browser::signed_in(desk.running.url(), "vera", &password);
    let csrf = [viewer.csrf(), desk.browser.csrf()];
    let fields = |csrf| [("csrf", csrf), ("fulfillment", fulfillment.as_str())];
    assert_eq!(viewer.post(&path, &fields(&csrf[0])).status, 403);
    assert_eq!(desk.portal.show(&desk.nl).unwrap().fulfilled, 1);

    assert_eq!(desk.browser.post(&path, &fields(&csrf[1])).status, 303);
    let view = desk.portal.show(&desk.nl).unwrap();
    assert_eq!((view.status, view.fulfilled, view.available), ("active", 0, 1));
    assert_eq!(desk.browser.post(&path, &fields(&csrf[1])).status, 404, "once");
}

#[test]
fn r28_generate_shares_out_what_is_left_and_never_more() {
    let desk = desk();
    desk.portal.portal_return(&desk.cc).unwrap();
    let entitlement = desk.portal.show(&desk.cc).unwrap().entitlement_id;
    let path = format!("/entitlements/{entitlement}/generate");
    assert!(desk.browser.get(&path).text().contains("5 are left"));
    let csrf = desk.browser.csrf();
    let ask = |seats: &str, count: &str| {
        let fields = [("csrf", csrf.as_str()), ("kind", "cc"), ("seats", seats), ("count", count)];
        desk.browser.post(&path, &fields)
    };
    let refused = ask("3", "2");
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("5 of 6 seats left"), "{}", refused.text());
    assert_eq!(ask("2", "2").status, 303);
    assert_eq!(desk.portal.entitlement(&entitlement).unwrap().issued, 5);
}

#[test]
fn signing_out_ends_the_session() {
    let desk = desk();
    let csrf = desk.browser.csrf();
    assert_eq!(desk.browser.post("/sign-out", &[("csrf", &csrf)]).status, 303);
    assert_eq!(desk.browser.get("/activation-ids").header("location"), Some("/sign-in"));
}

#[test]
fn r12_what_is_allowed_beyond_a_limit_is_said_beside_the_id_and_a_viewer_may_not() {
    let desk = desk();
    let (path, other) =
        (format!("/activation-ids/{}", desk.nl), format!("/activation-ids/{}", desk.cc));
    assert!(!desk.browser.get(&path).text().contains("Allow beyond the limit"), "it has no limit");
    let entitlement = desk.portal.show(&desk.nl).unwrap().entitlement_id;
    let change = PolicyChange { rehost_limit: Some(Some(0)), ..PolicyChange::default() };
    desk.portal.set_policy(&entitlement, &change).unwrap();
    let page = desk.browser.get(&path).text();
    assert!(page.contains("0 of 0 re-hosts, no more are allowed"), "{page}");

    let password = desk.portal.add_user("vera", Role::Viewer).unwrap();
    let viewer = Browser::signed_in(desk.running.url(), "vera", &password);
    assert!(!viewer.get(&path).text().contains("Allow beyond"));
    let csrf = [viewer.csrf(), desk.browser.csrf()];
    let fields = |csrf| [("csrf", csrf), ("what", "rehost"), ("count", "2")];
    assert_eq!(viewer.post(&format!("{path}/allow"), &fields(&csrf[0])).status, 403);
    let fulfillment = desk.portal.show(&desk.nl).unwrap().fulfillments.remove(0).fulfillment_id;
    let rehost = [("csrf", csrf[1].as_str()), ("fulfillment", fulfillment.as_str())];
    assert_eq!(desk.browser.post(&format!("{path}/rehost"), &rehost).status, 409);
    assert_eq!(desk.browser.post(&format!("{path}/allow"), &fields("guess")).status, 403);
    assert_eq!(desk.browser.post(&format!("{path}/allow"), &fields(&csrf[1])).status, 303);
    assert!(desk.browser.get(&path).text().contains("2 more allowed by an administrator"));
    assert_eq!(desk.browser.post(&format!("{path}/rehost"), &rehost).status, 303);
    assert!(desk.browser.get(&path).text().contains("1 more allowed by an administrator"));
    let wrong = [("csrf", csrf[1].as_str()), ("what", "return"), ("count", "1")];
    assert_eq!(desk.browser.post(&format!("{other}/allow"), &wrong).status, 409);
    let history = desk.browser.get(&format!("{path}/history")).text();
    assert!(history.contains("<td>allow</td>") && history.contains("admin"), "{history}");
}

#[test]
fn r53_flags_stand_on_the_list_and_the_page_until_they_are_acknowledged() {
    let desk = desk();
    let path = format!("/activation-ids/{}", desk.nl);
    let held = desk.portal.show(&desk.nl).unwrap().fulfillments.remove(0);
    let clone = |number| {
        let operation = lm_protocol::Operation::Refresh {
            fulfillment_id: held.fulfillment_id.clone(),
            generation: 9,
        };
        let mut asked = support::request(1, &desk.nl, operation);
        asked.op = support::id(number);
        let envelope = lm_protocol::envelope::sign(&asked, &[&support::key(1)]).unwrap();
        post(desk.running.url(), &desk.portal.trust_root(), &envelope);
    };
    clone(100);
    let badge = "<span class=\"badge alert\">clone or restored copy, 2027-01-15 08:00 UTC</span>";
    assert!(desk.browser.get("/activation-ids").text().contains(badge));
    let page = desk.browser.get(&path).text();
    assert!(page.contains("<strong>clone or restored copy</strong>, 2027-01-15"), "{page}");
    let seen = page.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    // What happened after the page was looked at is not acknowledged by it.
    clone(101);
    let csrf = desk.browser.csrf();
    let acknowledge = format!("{path}/acknowledge");
    let fields = |csrf| [("csrf", csrf), ("seen", seen)];
    assert_eq!(desk.browser.post(&acknowledge, &fields("guess")).status, 403);
    assert_eq!(desk.browser.post(&acknowledge, &fields(&csrf)).status, 303);
    assert!(desk.browser.get("/activation-ids").text().contains(badge));
    let fields = [("csrf", csrf.as_str()), ("seen", "999999")];
    assert_eq!(desk.browser.post(&acknowledge, &fields).status, 303);
    assert!(!desk.browser.get("/activation-ids").text().contains("badge alert"));
    assert!(!desk.browser.get(&path).text().contains("name=\"seen\""));
    assert_eq!(desk.browser.post(&acknowledge, &fields).status, 409, "nothing to acknowledge");
}

#[test]
fn seats_that_cool_say_until_when_and_for_whom() {
    let desk = desk();
    let entitlement = desk.portal.show(&desk.cc).unwrap().entitlement_id;
    let change = PolicyChange { strict: Some(true), ..PolicyChange::default() };
    desk.portal.set_policy(&entitlement, &change).unwrap();
    desk.portal.rehost(&desk.cc, None).unwrap();
    let until = "until 2027-01-26 08:00 UTC";
    let list = desk.browser.get("/activation-ids").text();
    assert!(list.contains(&format!("0 fulfilled, 3 cooling {until}, 2 available of 5")), "{list}");
    let page = desk.browser.get(&format!("/activation-ids/{}", desk.cc)).text();
    assert!(page.contains(&format!("3 seats cool {until}, for desk &#60;2&#62; (H-")), "{page}");
}
