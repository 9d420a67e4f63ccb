//! Files on their way: every cut, every changed line, and what mail and editors make of text.

use proptest::prelude::*;

use super::*;
use crate::activation_id::ActivationId;
use crate::answer::{Refusal, Verdict};
use crate::envelope::{Unverified, sign};
use crate::evidence::{Evidence, Factor, FactorKind, MachineKind};
use crate::keys::SigningKey;
use crate::request::{Holder, Operation, Scope, StoreRef};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32]).unwrap()
}

fn request(number: u8, label: &str) -> Verified<Request> {
    let factor = Factor { kind: FactorKind::MachineId, values: vec![Id([number; 16])] };
    let request = Request {
        vendor: "vendor".to_owned(),
        product: "ortho-studio".to_owned(),
        op: Id([number; 16]),
        nonce: Id([2; 16]),
        activation_id: ActivationId::from_random([3; 10]),
        operation: Operation::Activate { seats: 1 },
        holder: Holder { scope: Scope::Machine, user: None },
        host: Evidence { machine: MachineKind::Physical, factors: vec![factor] },
        host_label: label.to_owned(),
        store: StoreRef { id: Id([5; 16]), generation: 6 },
        epoch: None,
        record: None,
        unanswered: None,
        device_key: key(number).public(),
        fresh_key: None,
        client: "lm 0.1.0".to_owned(),
    };
    Request::open(&sign(&request, &[&key(number)]).unwrap()).unwrap()
}

fn one() -> String {
    write_requests(&[(&request(1, "field-1"), None)]).unwrap()
}

fn entry_of(number: u8, label: &str) -> RequestEntry {
    RequestEntry { request: request(number, label).text().to_owned(), time_nonce: None }
}

fn answer(request: &Request) -> Verified<Answer> {
    let verdict = Verdict::Denied { refusal: Refusal::NoSeats, retry_at: 0, detail: String::new() };
    let answer = Answer {
        vendor: "vendor".to_owned(),
        product: request.product.clone(),
        op: request.op,
        nonce: request.nonce,
        activation_id: request.activation_id,
        host_id: request.host.host_id(),
        fulfillment_id: None,
        generation: 0,
        time: 1,
        epoch: 1,
        store_generation: 6,
        verdict,
    };
    let text = sign(&answer, &[&key(9)]).unwrap();
    Unverified::<Answer>::parse(&text).unwrap().verify(&[key(9).public()]).unwrap()
}

fn response() -> String {
    let asked = request(1, "field-1");
    write_answers("a keyset", &[(&asked, &answer(&asked), Some("a time"))], &[]).unwrap()
}

#[test]
fn a_person_is_told_what_it_is_of_whom_and_what_to_do() {
    let text = one();
    assert!(
        text.starts_with(
            "lm license request to be answered by the licensing portal: ortho-studio: activate 1 \
             seat of ..."
        ),
        "{text}"
    );
    assert!(text.contains("on field-1 (H-") && text.contains("lm-portal offline answer"), "{text}");
    assert!(text.lines().all(|line| line.len() < 160), "{text}");
    let batch = write_requests(&[
        (&request(1, "field-1"), None),
        (&request(2, "field-2"), None),
        (&request(3, "field-3"), None),
        (&request(4, ""), Some(Id([1; 16]))),
        (&request(5, "field-1"), None),
    ])
    .unwrap();
    let first = batch.lines().next().unwrap();
    assert!(first.ends_with("5 requests of field-1, field-2, field-3 and 1 more"), "{first}");
    assert_eq!(batch.matches("activate 1 seat of").count(), 5);
    let text = response();
    assert!(text.starts_with("lm license response to be applied on the machine: "), "{text}");
    assert!(text.contains("refused (no seats)"), "{text}");
}

#[test]
fn what_was_written_is_read() {
    assert_eq!(read_requests(one().as_bytes()).unwrap(), [entry_of(1, "field-1")]);
    let asked = request(1, "field-1");
    let expected = Answers {
        keyset: "a keyset".to_owned(),
        answers: vec![AnswerEntry {
            answer: answer(&asked).text().to_owned(),
            time: Some("a time".to_owned()),
        }],
    };
    assert_eq!(read_answers(response().as_bytes()).unwrap(), [expected]);
    assert_eq!(one(), one(), "the same bytes each time");
}

/// Nothing of a file that was cut is used.
#[test]
fn a_file_that_was_cut_anywhere_is_none() {
    let text = one();
    let whole = text.trim_end().len();
    let mut kinds = std::collections::BTreeMap::new();
    for end in 0..whole {
        let fault = read_requests(&text.as_bytes()[..end]).unwrap_err();
        *kinds.entry(format!("{fault:?}")).or_insert(0) += 1;
    }
    let names: Vec<_> = kinds.keys().map(String::as_str).collect();
    // Without its first letters it is nobody's, in the middle of the last line damaged.
    assert_eq!(names, ["Cut", "Damaged", "Empty", "NotOurs"], "{kinds:?}");
    assert!(kinds["Cut"] > 1000 && kinds["NotOurs"] < 20, "{kinds:?}");
    for begin in 1..whole {
        let read = read_requests(&text.as_bytes()[begin..]);
        assert!(read.is_err() || read.unwrap() == [entry_of(1, "field-1")], "from byte {begin}");
    }
}

/// A changed line of the block is found; one of the lines for people changes nothing.
#[test]
fn every_changed_line_is_found_or_means_nothing() {
    let text = one();
    let lines: Vec<&str> = text.lines().collect();
    let begin = lines.iter().position(|line| line.starts_with("BEGIN")).unwrap();
    let mut refused = 0;
    for (at, line) in lines.iter().enumerate() {
        let changes = [
            String::new(),
            line.chars().rev().collect(),
            format!("{line}A"),
            line.replacen(|c: char| c.is_ascii_alphanumeric(), "_", 1),
            line.to_lowercase(),
            format!("{line}\n{line}"),
        ];
        for change in changes {
            let mut changed = lines.clone();
            changed[at] = &change;
            let read = read_requests(changed.join("\n").as_bytes());
            match read {
                Ok(entries) => {
                    assert_eq!(entries, [entry_of(1, "field-1")]);
                    assert!(
                        at < begin || change == *line || at + 1 == lines.len(),
                        "{at}: {change}"
                    );
                }
                Err(_) => {
                    assert!(at >= begin, "line {at} is for people: {change}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn every_changed_letter_of_the_block_is_found() {
    let text = one();
    let begin = text.find("BEGIN").unwrap();
    for at in begin..text.trim_end().len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        if bytes[at] == text.as_bytes()[at] {
            continue;
        }
        assert!(read_requests(&bytes).is_err(), "byte {at}");
    }
}

#[test]
fn mail_and_editors_do_no_harm() {
    let text = one();
    let utf16 = |unit: fn(u16) -> [u8; 2], mark: bool| {
        let mark = mark.then_some(0xFEFF);
        mark.into_iter().chain(text.encode_utf16()).flat_map(unit).collect::<Vec<u8>>()
    };
    let lines = |change: fn(&str) -> String| {
        text.lines().map(|line| change(line) + "\n").collect::<String>().into_bytes()
    };
    let latin1 = {
        let head = b"Gr\xFC\xDFe aus dem B\xFCro\n".to_vec();
        [head, text.clone().into_bytes()].concat()
    };
    for (journey, file) in [
        ("CRLF", text.replace('\n', "\r\n").into_bytes()),
        ("CR", text.replace('\n', "\r").into_bytes()),
        ("a byte order mark", format!("\u{FEFF}{text}").into_bytes()),
        ("UTF-16 little endian", utf16(u16::to_le_bytes, true)),
        ("UTF-16 big endian", utf16(u16::to_be_bytes, true)),
        ("UTF-16 without a mark", utf16(u16::to_le_bytes, false)),
        ("UTF-16 the other way without a mark", utf16(u16::to_be_bytes, false)),
        ("quoted", lines(|line| format!("> {line}"))),
        ("quoted twice", lines(|line| format!(">>{line}"))),
        (
            "quoted and wrapped",
            lines(|line| match line.split_at(line.len() / 2) {
                _ if line.contains(' ') => format!("> {line}"),
                (first, second) => format!("> > {first}\n> {second}"),
            }),
        ),
        ("indented", lines(|line| format!("\t  {line}"))),
        ("trailing blanks", lines(|line| format!("{line} \u{A0} "))),
        ("empty lines between", lines(|line| format!("{line}\n\n"))),
        ("one line", text.replace('\n', " ").into_bytes()),
        (
            "a mail around it",
            format!("Dear all,\nplease answer this.\n\n{text}\n-- \nBob\n").into_bytes(),
        ),
        ("other bytes before it", latin1),
        ("without the lines for people", text.as_bytes()[text.find("BEGIN").unwrap()..].to_vec()),
        ("no line end at the end", text.trim_end().as_bytes().to_vec()),
        ("zeros after it", [text.as_bytes(), &[0; 512]].concat()),
    ] {
        assert_eq!(read_requests(&file), Ok(vec![entry_of(1, "field-1")]), "{journey}");
    }
}

#[test]
fn files_may_be_joined_and_a_quoted_request_below_a_response_is_passed_over() {
    let joined = format!("{}{}", one(), write_requests(&[(&request(2, "two"), None)]).unwrap());
    assert_eq!(
        read_requests(joined.as_bytes()).unwrap(),
        [entry_of(1, "field-1"), entry_of(2, "two")]
    );
    let quoted: String = one().lines().map(|line| format!("> {line}\n")).collect();
    let mail = format!("{}\nOn Monday field-1 wrote:\n{quoted}", response());
    assert_eq!(read_answers(mail.as_bytes()).unwrap().len(), 1);
    let cut = format!("{}\n{}", response(), &quoted[..quoted.len() - 80]);
    assert_eq!(read_answers(cut.as_bytes()).unwrap().len(), 1);
    // Cut within the first of two: neither is used.
    let cut = joined.replacen("END LM LICENSE REQUEST", "", 1);
    assert!(read_requests(cut.as_bytes()).is_err());
}

#[test]
fn what_is_no_such_file_says_which() {
    let later = one().replace("LICENSE REQUEST 1", "LICENSE REQUEST 2");
    let begin = one().find("BEGIN").unwrap();
    let without_begin = one().replace("BEGIN LM LICENSE REQUEST 1", "");
    for (file, fault) in [
        (&b""[..], Fault::Empty),
        (b" \r\n\t\xEF\xBB\xBF", Fault::Empty),
        (b"<!doctype html><title>Sign in</title>", Fault::NotOurs),
        (&[0; 4096], Fault::NotOurs),
        (&[0xFF, 0xD8, 0xFF, 0xE0, 0, 16, b'J', b'F', b'I', b'F'], Fault::NotOurs),
        (&one().as_bytes()[..begin], Fault::Damaged),
        (without_begin.as_bytes(), Fault::Damaged),
        (response().as_bytes(), Fault::OtherWay),
        (later.as_bytes(), Fault::Version),
        (&vec![b'\n'; REQUEST_FILE_MAX + 1], Fault::TooLarge),
    ] {
        let head = String::from_utf8_lossy(&file[..file.len().min(60)]);
        assert_eq!(read_requests(file), Err(fault), "{head}");
    }
    assert_eq!(read_answers(one().as_bytes()), Err(Fault::OtherWay));
    let asked = request(1, "field-1");
    let many = vec![(&asked, None); FILE_ENTRIES_MAX + 1];
    assert_eq!(write_requests(&many), Err(Fault::TooMany));
    assert_eq!(write_requests(&[]), Err(Fault::Empty));
    let joined = write_requests(&many[1..]).unwrap() + &one();
    assert_eq!(read_requests(joined.as_bytes()), Err(Fault::TooMany));
}

/// Whatever a machine calls itself, its label opens no block and closes none.
#[test]
fn a_label_is_no_mark() {
    for label in ["BEGIN LM LICENSE REQUEST 1", "x END LM LICENSE REQUEST 1 CHECK 00000000"] {
        let text = write_requests(&[(&request(7, label), None)]).unwrap();
        assert_eq!(read_requests(text.as_bytes()).unwrap(), [entry_of(7, label)]);
    }
}

#[test]
fn an_entry_with_unknown_fields_is_refused() {
    let content = serde_json::json!({ "requests": [{ "request": "x", "more": 1 }] });
    let text = armor::write(Kind::Request, "head", &serde_json::to_vec(&content).unwrap());
    assert_eq!(read_requests(text.as_bytes()), Err(Fault::Damaged));
}

proptest! {
    /// Whatever comes in is refused or read, and never ends the process.
    #[test]
    fn any_bytes_are_no_file(bytes: Vec<u8>) {
        prop_assert!(read_requests(&bytes).is_err());
        prop_assert!(read_answers(&bytes).is_err());
    }

    /// Some bytes put somewhere in place of others: the same requests, or none.
    #[test]
    fn an_edited_file_is_the_same_or_none(at in 0usize..2000, gone in 0usize..200, put: Vec<u8>) {
        let mut file = one().into_bytes();
        let at = at.min(file.len());
        let end = (at + gone).min(file.len());
        file.splice(at..end, put);
        if let Ok(entries) = read_requests(&file) {
            prop_assert_eq!(entries, [entry_of(1, "field-1")]);
        }
    }

    /// Words set apart, joined by other white space, or quoted.
    #[test]
    fn white_space_counts_for_nothing(gaps in proptest::collection::vec("[ \n][ \t\r\n>]{0,3}", 80)) {
        let mut gaps = gaps.iter().cycle();
        let words = one();
        let file: String = words
            .split_whitespace()
            .map(|word| format!("{word}{}", gaps.next().unwrap()))
            .collect();
        prop_assert_eq!(read_requests(file.as_bytes()).unwrap(), [entry_of(1, "field-1")]);
    }
}
