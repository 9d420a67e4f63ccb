//! Request files in, response files out: by the command line, over REST, and on the page.

mod support;

use std::path::Path;
use std::process::{Command, Output};

use lm_portal::{Kind, NewEntitlement, Portal, PortalOptions, Role};
use lm_protocol::file::{self, Answers};
use lm_protocol::{
    ActivationId, Answer, Id, Keyring, Refusal, Request, TimeStatement, TrustRoot, Verdict,
};
use support::{Response, activate, http, open, request};

const REST: &str = "/api/v1/offline/answer";

fn file_of(requests: &[String]) -> Vec<u8> {
    let opened: Vec<_> = requests.iter().map(|text| Request::open(text).unwrap()).collect();
    let asked: Vec<_> = opened.iter().map(|request| (request, None)).collect();
    file::write_requests(&asked).unwrap().into_bytes()
}

fn id(portal: &Portal, seats: u32) -> String {
    let new = NewEntitlement::new("ortho", &[("raster", None)], seats);
    let entitlement = portal.create_entitlement(&new).unwrap();
    portal.generate(&entitlement, Kind::Cc, seats, 1).unwrap().remove(0).activation_id
}

/// The verdicts of a response file, all of it verified.
fn verdicts(portal: &Portal, response: &[u8]) -> Vec<Verdict> {
    let blocks: Vec<Answers> = file::read_answers(response).unwrap();
    let [block] = blocks.as_slice() else { panic!("one block") };
    let mut keyring = Keyring::new(TrustRoot::parse(&portal.trust_root()).unwrap());
    keyring.learn(&block.keyset).unwrap();
    let answers = block.answers.iter();
    answers.map(|entry| keyring.verify::<Answer>(&entry.answer).unwrap().verdict.clone()).collect()
}

fn problem(response: &Response) -> String {
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    let problem: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    problem["detail"].as_str().unwrap().to_owned()
}

#[test]
fn r71_over_rest_a_file_of_many_is_answered_and_answered_again_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let (portal, clock) = open(directory.path());
    let running = portal.serve().unwrap();
    let id = id(&portal, 5);
    let requests: Vec<_> = (1..=4).map(|number| activate(number, &id, 2)).collect();
    let body = file_of(&requests);
    let response = http(running.url(), "POST", REST, &[], &body);
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(response.header("content-disposition").unwrap().starts_with("attachment"));
    let told = verdicts(&portal, &response.body);
    let granted = told.iter().filter(|it| matches!(it, Verdict::Granted { .. })).count();
    assert_eq!((told.len(), granted, portal.show(&id).unwrap().fulfilled), (4, 2, 4));
    clock.0.fetch_add(86_400, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(http(running.url(), "POST", REST, &[], &body).body, response.body);
    let history = portal.history(Some(&id), 50).unwrap();
    assert!(history.iter().any(|row| row.action == "activate" && row.origin == "file"));
}

/// The portal's time comes only where it is asked for.
#[test]
fn a_time_statement_is_bound_to_the_nonce_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let (portal, clock) = open(directory.path());
    let id = id(&portal, 5);
    let opened = Request::open(&activate(1, &id, 1)).unwrap();
    let asked = file::write_requests(&[(&opened, Some(Id([7; 16])))]).unwrap();
    let answered = portal.answer_file(asked.as_bytes()).unwrap();
    let blocks = file::read_answers(answered.response.as_bytes()).unwrap();
    let mut keyring = Keyring::new(TrustRoot::parse(&portal.trust_root()).unwrap());
    keyring.learn(&blocks[0].keyset).unwrap();
    let time = blocks[0].answers[0].time.as_deref().unwrap();
    let statement = keyring.verify::<TimeStatement>(time).unwrap();
    let now = clock.0.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((statement.nonce, statement.time), (Id([7; 16]), now));
    let without = portal.answer_file(&file_of(&[activate(1, &id, 1)])).unwrap();
    let blocks = file::read_answers(without.response.as_bytes()).unwrap();
    assert_eq!(blocks[0].answers[0].time, None);
}

/// What cannot be answered is left out and said so; the others are served.
#[test]
fn r74_what_is_no_request_is_left_out_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let (portal, _) = open(directory.path());
    let id = id(&portal, 5);
    let mut of_other_vendor = request(2, &id, lm_protocol::Operation::Activate { seats: 1 });
    of_other_vendor.vendor = "another".to_owned();
    let keys = [&support::key(2)];
    let of_other_vendor = lm_protocol::envelope::sign(&of_other_vendor, &keys).unwrap();
    let answered =
        portal.answer_file(&file_of(&[activate(1, &id, 1), of_other_vendor.clone()])).unwrap();
    assert_eq!(verdicts(&portal, answered.response.as_bytes()).len(), 1);
    let results: Vec<_> = answered.entries.iter().map(|entry| entry.result).collect();
    assert_eq!(results, ["granted", "unanswered"]);
    assert!(answered.response.contains("Not answered: ortho: activate 1 seat"), "{answered:?}");
    // An operation's ID with other contents.
    let reused = portal.answer_file(&file_of(&[activate(1, &id, 2)])).unwrap_err();
    assert!(reused.to_string().contains("used before, for another request"), "{reused}");
    assert!(portal.answer_file(&file_of(&[of_other_vendor])).is_err());
    assert_eq!(portal.show(&id).unwrap().fulfilled, 1);
}

#[test]
fn r74_over_rest_what_is_no_request_file_says_which() {
    let directory = tempfile::tempdir().unwrap();
    let (portal, _) = open(directory.path());
    let running = portal.serve().unwrap();
    let id = id(&portal, 5);
    let good = file_of(&[activate(1, &id, 1)]);
    let response = portal.answer_file(&good).unwrap().response.into_bytes();
    let text = String::from_utf8(good.clone()).unwrap();
    let later = text.replace("REQUEST 1", "REQUEST 2").into_bytes();
    for (body, status, detail) in [
        (b" ".to_vec(), 400, "the file is empty"),
        (b"<html>".to_vec(), 400, "is no license file"),
        (good[..good.len() / 2].to_vec(), 400, "cut off"),
        (text.replace("CHECK ", "CHECK 0").into_bytes(), 400, "damaged"),
        (response, 400, "goes the other way"),
        (later, 400, "of a version"),
        (vec![0; file::max(file::Kind::Request) + 1], 413, "larger than a license message"),
    ] {
        let answered = http(running.url(), "POST", REST, &[], &body);
        assert_eq!(answered.status, status, "{}", answered.text());
        assert!(problem(&answered).contains(detail), "{}", answered.text());
    }
    assert_eq!(http(running.url(), "GET", REST, &[], b"").status, 405);
}

#[test]
fn over_rest_failures_are_counted_as_those_of_the_protocol_are() {
    let directory = tempfile::tempdir().unwrap();
    let (portal, clock) = open(directory.path());
    let running = portal.serve().unwrap();
    let unknown = ActivationId::from_random([1; 10]).to_string();
    let requests: Vec<_> = (0..60).map(|number| activate(number, &unknown, 1)).collect();
    let body = file_of(&requests);
    let first = http(running.url(), "POST", REST, &[], &body);
    let told = verdicts(&portal, &first.body);
    assert!(
        told.iter().all(|it| matches!(it, Verdict::Denied { refusal: Refusal::IdUnknown, .. }))
    );
    let second = http(running.url(), "POST", REST, &[], &body);
    assert_eq!(second.status, 429, "closed in the middle of it");
    let wait: i64 = second.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(http(running.url(), "POST", REST, &[], b"<html>").status, 429);
    clock.0.fetch_add(wait, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(http(running.url(), "POST", REST, &[], b"<html>").status, 400);
}

fn run(data: &Path, words: &[&str]) -> Output {
    Command::new(support::binary()).arg("--data").arg(data).args(words).output().unwrap()
}

#[test]
fn by_the_command_line_one_file_in_one_file_out() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let options = PortalOptions::in_directory(&data);
    let portal =
        Portal::open(PortalOptions { vendor: Some("vendor".to_owned()), ..options }).unwrap();
    let id = id(&portal, 2);
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (asked, answered) = (path("request.txt"), path("response.txt"));
    std::fs::write(&asked, file_of(&[activate(1, &id, 2), activate(2, &id, 1)])).unwrap();
    let answer = |words: &[&str]| run(&data, &[&["offline", "answer"], words].concat());

    let output = answer(&[&asked, "-o", &answered]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("desk <1>") && said.contains("denied") && said.contains("no seats"),
        "{said}"
    );
    let response = std::fs::read(&answered).unwrap();
    assert_eq!(verdicts(&portal, &response).len(), 2);

    let output = answer(&[&asked, "-o", &answered, "--json"]);
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&rows[0]["result"], &rows[0]["host_label"]),
        (&"granted".into(), &"desk <1>".into())
    );
    assert_eq!((&rows[1]["result"], &rows[1]["reason"]), (&"denied".into(), &"no_seats".into()));
    assert_eq!(rows[0]["activation_id"], id);
    assert_eq!(std::fs::read(&answered).unwrap(), response, "identical");

    for (words, code, why) in [
        (&[asked.as_str(), "-o", &asked][..], 2, "would replace the request"),
        (&[&answered, "-o", &path("x")], 1, "goes the other way"),
        (&[&path("nowhere"), "-o", &path("x")], 1, "nowhere"),
        (&[&asked, "-o", &path("no/such/folder")], 1, "no/such/folder"),
        (&[&asked], 2, "--output"),
    ] {
        let output = answer(words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(why), "{words:?}: {said}");
    }
    assert!(!Path::new(&path("x")).exists(), "nothing is written for nothing");
    let names = std::fs::read_dir(directory.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains(".tmp")), "{names:?}");
}

/// With too little memory to hold it.
#[cfg(unix)]
#[test]
fn r74_a_gigabyte_of_zeros_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    drop(open(&data));
    let zeros = directory.path().join("zeros");
    std::fs::File::create(&zeros).unwrap().set_len(1 << 30).unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 700000; exec \"$0\" \"$@\""])
        .arg(support::binary())
        .arg("--data")
        .arg(&data)
        .args(["offline", "answer", "-o"])
        .arg(directory.path().join("response"))
        .arg(&zeros)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("larger than a license file can be"), "{said}");
}

/// A form as a browser sends it.
fn upload(url: &str, cookie: &str, fields: &[(&str, Option<&str>, &[u8])]) -> Response {
    let mut body = Vec::new();
    for (name, file, content) in fields {
        body.extend(b"--border\r\nContent-Disposition: form-data; name=\"");
        body.extend(name.bytes());
        body.extend(b"\"");
        if let Some(file) = file {
            body.extend(format!("; filename=\"{file}\"\r\nContent-Type: text/plain").bytes());
        }
        body.extend(b"\r\n\r\n");
        body.extend_from_slice(content);
        body.extend(b"\r\n");
    }
    body.extend(b"--border--\r\n");
    let kind = ("Content-Type", "multipart/form-data; boundary=border");
    http(url, "POST", "/offline", &[("Cookie", cookie), kind], &body)
}

/// The cookie and the token of somebody who is signed in.
fn sign_in(url: &str, user: &str, password: &str) -> (String, String) {
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = format!("user={user}&password={password}");
    let response = http(url, "POST", "/sign-in", &kind, body.as_bytes());
    let cookie = response.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let page = http(url, "GET", "/offline", &[("Cookie", &cookie)], b"").text();
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
    (cookie, csrf.split('"').next().unwrap().to_owned())
}

#[test]
fn on_the_page_a_file_is_dropped_and_the_response_downloads() {
    let directory = tempfile::tempdir().unwrap();
    let (portal, _) = open(directory.path());
    let running = portal.serve().unwrap();
    let url = running.url();
    let id = id(&portal, 5);
    assert_eq!(http(url, "GET", "/offline", &[], b"").header("location"), Some("/sign-in"));
    let first = portal.first_administrator().unwrap();
    let (cookie, csrf) = sign_in(url, &first.user, &first.password);
    let page = http(url, "GET", "/offline", &[("Cookie", &cookie)], b"").text();
    for text in ["enctype=\"multipart/form-data\"", "<label for=\"file\">", "<label for=\"text\">"]
    {
        assert!(page.contains(text), "{page}");
    }
    assert!(!page.contains("<script"), "works without");

    let file = file_of(&[activate(1, &id, 2)]);
    let csrf = csrf.as_bytes();
    let dropped = upload(
        url,
        &cookie,
        &[("csrf", None, csrf), ("file", Some("r.txt"), &file), ("text", None, b"")],
    );
    assert_eq!(dropped.status, 200, "{}", dropped.text());
    assert_eq!(
        dropped.header("content-disposition"),
        Some("attachment; filename=\"lm-response.txt\"")
    );
    assert_eq!(verdicts(&portal, &dropped.body).len(), 1);
    let pasted = upload(
        url,
        &cookie,
        &[("csrf", None, csrf), ("file", Some(""), b""), ("text", None, &file)],
    );
    assert_eq!(pasted.body, dropped.body);
    assert_eq!(portal.show(&id).unwrap().fulfilled, 2);

    for (content, sentence) in [
        (&b"<html>"[..], "The file is no license file"),
        (b"", "The file is empty."),
        (&file[..file.len() / 2], "The license file is cut off"),
        (&vec![b'A'; 5 << 20], "The file is larger than a license file can be."),
    ] {
        let refused = upload(url, &cookie, &[("csrf", None, csrf), ("file", Some("x"), content)]);
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert!(refused.text().contains(sentence), "{sentence}: {}", refused.text());
    }
}

#[test]
fn on_the_page_nobody_answers_files_without_its_token_and_a_viewer_never() {
    let directory = tempfile::tempdir().unwrap();
    let (portal, _) = open(directory.path());
    let running = portal.serve().unwrap();
    let url = running.url();
    let id = id(&portal, 5);
    let file = file_of(&[activate(1, &id, 2)]);
    let first = portal.first_administrator().unwrap();
    let (cookie, _) = sign_in(url, &first.user, &first.password);
    for fields in [
        &[("file", Some("r.txt"), &file[..])][..],
        &[("csrf", None, b"guess"), ("file", Some("r.txt"), &file)],
    ] {
        assert_eq!(upload(url, &cookie, fields).status, 403);
    }
    let password = portal.add_user("vera", Role::Viewer).unwrap();
    let (viewer, csrf) = sign_in(url, "vera", &password);
    let fields = [("csrf", None, csrf.as_bytes()), ("file", Some("r.txt"), &file[..])];
    assert_eq!(upload(url, &viewer, &fields).status, 403);
    assert_eq!(upload(url, "lm-session=guess", &fields).header("location"), Some("/sign-in"));
    assert_eq!(portal.show(&id).unwrap().fulfilled, 0);
}
