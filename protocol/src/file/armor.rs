//! One message as text that survives mail, clipboards and USB sticks: base64 between two marks,
//! found whatever stands around it.
//!
//! ```text
//! BEGIN LM LICENSE REQUEST 1
//! eyJyZXF1ZXN0cyI6W3…
//! END LM LICENSE REQUEST 1 CHECK 0a1b2c3d
//! ```
//!
//! White space separates words and counts for nothing else, and so do a byte order mark and the `>`
//! by which mail quotes: lines may be wrapped anew, indented, joined or set apart, and end as they
//! like. The marks are words without dashes or brackets, since text programs make others of those.
//! The check is the first eight hexadecimal digits of the SHA-256 of the bytes: it tells damage from
//! forgery and is no protection.

use std::borrow::Cow;

use super::{Fault, Kind};
use crate::encoding::{from_base64, to_base64, to_hex};

/// Characters of base64 a line.
const WIDTH: usize = 64;
/// The version that this build writes and reads.
const VERSION: &str = "1";

/// The whole text: what a person reads first, an empty line, the block.
pub(super) fn write(kind: Kind, head: &str, bytes: &[u8]) -> String {
    let word = word_of(kind);
    let base64 = to_base64(bytes);
    let mut text = format!("{}\n\nBEGIN LM LICENSE {word} {VERSION}\n", head.trim_end());
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(WIDTH));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str(&format!("END LM LICENSE {word} {VERSION} CHECK {}\n", check(bytes)));
    text
}

/// The bytes of every block of a kind, in order; at least one. Blocks of the other kind are passed
/// over: a mail that brings a response often quotes the request below it.
pub(super) fn read(file: &[u8], kind: Kind) -> Result<Vec<Vec<u8>>, Fault> {
    let text = decoded(file);
    let mut words = Words { rest: &text };
    let (mut found, mut other) = (Vec::new(), false);
    loop {
        match words.mark("BEGIN") {
            Some(begin) => {
                let body = body(&mut words, &begin);
                if begin.kind == kind {
                    found.push(body?);
                } else {
                    other = true;
                }
            }
            None if words.next().is_none() => break,
            None => {}
        }
    }
    if !found.is_empty() {
        Ok(found)
    } else if other {
        Err(Fault::OtherWay)
    } else if Words::is_empty(&text) {
        Err(Fault::Empty)
    } else if names_us(&text) {
        Err(Fault::Damaged)
    } else {
        Err(Fault::NotOurs)
    }
}

/// What stands between a mark and its end.
fn body(words: &mut Words<'_>, begin: &Mark<'_>) -> Result<Vec<u8>, Fault> {
    if begin.version != VERSION {
        let is_number = begin.version.bytes().all(|byte| byte.is_ascii_digit());
        return Err(if is_number { Fault::Version } else { Fault::Damaged });
    }
    let mut base64 = String::new();
    loop {
        if let Some(end) = words.mark("END") {
            let check_of_file = words.after("CHECK");
            if end != *begin {
                return Err(Fault::Damaged);
            }
            let bytes = from_base64(&base64).map_err(|_| Fault::Damaged)?;
            let whole = check_of_file.is_some_and(|it| it.eq_ignore_ascii_case(&check(&bytes)));
            return if whole { Ok(bytes) } else { Err(Fault::Damaged) };
        }
        if words.clone().mark("BEGIN").is_some() {
            return Err(Fault::Cut);
        }
        base64.push_str(words.next().ok_or(Fault::Cut)?);
    }
}

/// Text as programs save it: UTF-8, or UTF-16 with a byte order mark or without. What cannot be
/// decoded stands for nothing: only a block's own letters count.
fn decoded(file: &[u8]) -> Cow<'_, str> {
    match file {
        [0xFF, 0xFE, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)),
        [first, 0, ..] if *first != 0 => Cow::Owned(utf16(file, u16::from_le_bytes)),
        [0, second, ..] if *second != 0 => Cow::Owned(utf16(file, u16::from_be_bytes)),
        _ => String::from_utf8_lossy(file),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| Some(unit(pair.try_into().ok()?)));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Whether a file without a mark that could be read was one of ours once.
fn names_us(text: &str) -> bool {
    let upper = ["LM LICENSE REQUEST", "LM LICENSE RESPONSE"];
    let first = text.trim_start_matches(is_blank);
    upper.iter().any(|mark| text.contains(mark))
        || ["lm license request", "lm license response"].iter().any(|it| first.starts_with(it))
}

const fn word_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Request => "REQUEST",
        Kind::Response => "RESPONSE",
    }
}

fn check(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    to_hex(digest.as_ref()).chars().take(8).collect()
}

fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{FEFF}' | '\u{200B}')
}

/// The words of a text that are still to be read.
#[derive(Clone)]
struct Words<'a> {
    rest: &'a str,
}

/// `BEGIN LM LICENSE <kind> <version>`, or `END …`.
#[derive(PartialEq, Eq)]
struct Mark<'a> {
    kind: Kind,
    version: &'a str,
}

impl<'a> Words<'a> {
    fn is_empty(text: &str) -> bool {
        Words { rest: text }.next().is_none()
    }

    /// Takes a mark where it stands next.
    fn mark(&mut self, verb: &str) -> Option<Mark<'a>> {
        let mut ahead = self.clone();
        let kind = ahead
            .after(verb)
            .filter(|word| *word == "LM")
            .and_then(|_| ahead.after("LICENSE"))
            .and_then(|word| {
                [Kind::Request, Kind::Response].into_iter().find(|k| word_of(*k) == word)
            })?;
        let version = ahead.next()?;
        *self = ahead;
        Some(Mark { kind, version })
    }

    /// The word after the next one, where that is this one.
    fn after(&mut self, word: &str) -> Option<&'a str> {
        if self.next()? == word { self.next() } else { None }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let no_word = |character: char| is_blank(character) || character == '>';
        let rest = self.rest.trim_start_matches(no_word);
        let end = rest.find(is_blank).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        if word.is_empty() { None } else { Some(word) }
    }
}
