//! `docs/errors.md`: one section a test, so that they run side by side.
#![allow(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test says what it leaves out"
)]

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use lm::Code;

use crate::common::machine::{Failure, Outcome};

/// One thing that went wrong.
pub(crate) struct Row {
    input: String,
    told: Told,
}

enum Told {
    /// What the call said, and in which state the license is afterwards.
    Failure(Failure, String),
    /// Nothing is wrong with it: the page says so.
    Fine(String),
    /// It can't be made on this machine by this user: the page's own line stands.
    NotHere(&'static str),
}

impl Row {
    /// `afterwards`: what became of the license; never "lost".
    pub(crate) fn new(input: &str, outcome: Outcome, afterwards: &str) -> Self {
        let failure = outcome.err();
        let failure = failure.unwrap_or_else(|| panic!("{input}: nothing went wrong"));
        Self { input: input.to_owned(), told: Told::Failure(failure, afterwards.to_owned()) }
    }

    /// A call that gives a code alone: the code's own sentence stands for it.
    pub(crate) fn of_code(input: &str, code: i32) -> Self {
        let code = Code::from_number(code).unwrap_or_else(|| panic!("{input}: {code}"));
        let failure = Failure {
            code: code.number(),
            message: code.message().to_owned(),
            hint: code.hint().to_owned(),
            detail: String::new(),
        };
        Self { input: input.to_owned(), told: Told::Failure(failure, String::new()) }
    }

    /// What looks like a fault and is none.
    pub(crate) fn fine(input: &str, afterwards: &str) -> Self {
        Self { input: input.to_owned(), told: Told::Fine(afterwards.to_owned()) }
    }

    pub(crate) fn not_here(input: &str, reason: &'static str) -> Self {
        Self { input: input.to_owned(), told: Told::NotHere(reason) }
    }

    /// Leaves out what differs between two runs.
    pub(crate) fn without(mut self, changing: &[(&str, &str)]) -> Self {
        if let Told::Failure(failure, _) = &mut self.told {
            for (from, to) in changing {
                failure.message = failure.message.replace(from, to);
                failure.hint = failure.hint.replace(from, to);
            }
        }
        self
    }

    /// Leaves out the dates.
    pub(crate) fn without_dates(mut self) -> Self {
        if let Told::Failure(failure, _) = &mut self.told {
            let is_date = |word: &str| word.len() == 10 && word.as_bytes()[4] == b'-';
            let message = failure.message.clone();
            for day in message.split(' ').filter(|word| is_date(word)) {
                let from = message.split_once(day).unwrap().1;
                // `2027-01-31 17:05 UTC`
                let date = format!("{day}{}", &from[.." 17:05 UTC".len()]);
                failure.message = failure.message.replace(&date, "DATE");
            }
        }
        self
    }

    /// The line of the page, or why there is none.
    fn line(&self) -> Result<String, &'static str> {
        match &self.told {
            Told::Failure(failure, afterwards) => Ok(self.cells(failure, afterwards)),
            Told::Fine(afterwards) => Ok(format!("| {} | LM_OK | | | {afterwards} |", self.input)),
            Told::NotHere(reason) => Err(reason),
        }
    }

    fn cells(&self, failure: &Failure, afterwards: &str) -> String {
        let Failure { code, message, hint, .. } = failure;
        let code = Code::from_number(*code).unwrap_or_else(|| panic!("{}: {code}", self.input));
        for (what, text) in [("sentence", message), ("hint", hint)] {
            let input = &self.input;
            assert!(text.ends_with('.'), "{input}: the {what} is no sentence: {text:?}");
            assert!(!text.contains(['|', '\n']), "{input}: {text:?}");
        }
        format!("| {} | {} | {message} | {hint} | {afterwards} |", self.input, code.name())
    }
}

/// Compares a section of the page with what was just seen.
pub(crate) fn compare(title: &str, intro: &str, rows: &[Row]) {
    assert!(!rows.is_empty(), "{title}: nothing was tried");
    let mut page = Page::open();
    let old = page.section(title).unwrap_or_default();
    let mut new = format!("{intro}\n\n{}\n|---|---|---|---|---|\n", HEAD.trim());
    for row in rows {
        let line = row.line().unwrap_or_else(|reason| {
            eprintln!("not shown here: {}: {reason}", row.input);
            let begin = format!("| {} | ", row.input);
            let kept = old.lines().find(|line| line.starts_with(&begin));
            kept.unwrap_or_else(|| panic!("{}: renew the page as root", row.input)).to_owned()
        });
        new.push_str(&line);
        new.push('\n');
    }
    page.settle(title, &old, &new);
}

const HEAD: &str = "| what happens | code | sentence | hint | afterwards |";

/// The committed page, held so that sections are renewed one after another.
struct Page {
    file: File,
    text: String,
    renew: bool,
}

impl Page {
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md")
    }

    fn open() -> Self {
        let renew = std::env::var_os("RENEW_ERRORS").is_some();
        let mut file = OpenOptions::new().read(true).write(renew).open(Self::path()).unwrap();
        if renew {
            file.lock().unwrap();
        }
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        Self { file, text, renew }
    }

    /// What stands under a heading.
    fn section(&self, title: &str) -> Option<String> {
        let (_, rest) = self.text.split_once(&format!("\n## {title}\n\n"))?;
        Some(rest.split("\n## ").next()?.trim_end().to_owned() + "\n")
    }

    fn settle(&mut self, title: &str, old: &str, new: &str) {
        if old == new {
            return;
        }
        if !self.renew {
            let differs = new.lines().find(|line| !old.lines().any(|l| l == *line));
            let differs = differs.unwrap_or("a line that is gone");
            panic!("docs/errors.md, {title}: renew it by docs/renew-errors. First new:\n{differs}");
        }
        let heading = format!("\n## {title}\n\n");
        let text = if old.is_empty() {
            format!("{}\n{heading}{new}", self.text.trim_end())
        } else {
            self.text.replace(&format!("{heading}{old}"), &format!("{heading}{new}"))
        };
        self.file.set_len(0).unwrap();
        self.file.rewind().unwrap();
        self.file.write_all(text.as_bytes()).unwrap();
    }
}

#[test]
fn every_code_is_on_the_page_with_its_sentence_and_its_hint() {
    let mut page = Page::open();
    let old = page.section("Every code").unwrap_or_default();
    let mut new = "| number | code | sentence | hint |\n|---|---|---|---|\n".to_owned();
    for code in Code::ALL {
        let (number, name) = (code.number(), code.name());
        new.push_str(&format!("| {number} | {name} | {} | {} |\n", code.message(), code.hint()));
    }
    page.settle("Every code", &old, &new);
}

#[test]
#[should_panic(expected = "renew it by docs/renew-errors")]
fn a_line_that_differs_is_seen() {
    let mut page = Page { renew: false, ..Page::open() };
    let old = page.section("Refusals").unwrap();
    let new = old.replacen("LM_ERR_NO_SEATS", "LM_ERR_EXPIRED", 1);
    assert_ne!(old, new);
    page.settle("Refusals", &old, &new);
}
