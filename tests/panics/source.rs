//! The text of `src/ffi`: its exports, the guard in each, and how a statement is planted there.
#![allow(unreachable_pub, reason = "the other files of the test use it")]

/// One `extern "C"` function that the library exports.
pub struct Export<'a> {
    pub name: &'a str,
    /// Where its body stands in the text, without the braces.
    body: std::ops::Range<usize>,
    text: &'a str,
}

/// What may stand around the guard: nothing that could panic.
const SHAPES: [&str; 7] = [
    "GUARD",
    "GUARD;",
    "let client = unsafe { lm_client::borrow(client) }; code_of(GUARD)",
    "let client = unsafe { lm_client::borrow(client) }; GUARD.unwrap_or(0)",
    "let client = unsafe { lm_client::borrow(client) }; let result = GUARD; \
     unsafe { finish(result, out_error) }",
    "let shared = client; let client = unsafe { lm_client::borrow(client) }; let result = GUARD; \
     unsafe { finish(result, out_error) }",
    "let result = GUARD; unsafe { finish(result, out_error) }",
];

/// The calls that catch a panic in the closure that is their last argument.
const GUARDS: [&str; 4] =
    ["lm_client::run(", "lm_client::check(", "Poison::default().run(", "guarded("];

pub fn exports(text: &str) -> Vec<Export<'_>> {
    let starts = text.match_indices("#[unsafe(no_mangle)]\n").map(|(at, _)| at);
    starts
        .map(|at| {
            let from = at + text[at..].find(" fn ").expect("an export is a function") + 4;
            let name = text[from..].split('(').next().expect("a function has a name");
            Export { name, body: body_after(text, from), text }
        })
        .collect()
}

impl Export<'_> {
    /// Whether all that it does is done inside a guard; else how it looks around it.
    pub fn is_guarded(&self) -> Result<(), String> {
        let body = &self.text[self.body.clone()];
        let around = match self.guard() {
            Some(guard) => {
                let (before, after) = (
                    &self.text[self.body.start..guard.start],
                    &self.text[guard.end..self.body.end],
                );
                one_line(&format!("{before}GUARD{after}"))
            }
            None => one_line(body),
        };
        if SHAPES.contains(&around.as_str()) { Ok(()) } else { Err(around) }
    }

    fn guard(&self) -> Option<std::ops::Range<usize>> {
        guard_in(self.text, &self.body)
    }

    /// Where a statement is to be planted: first in the guarded closure, in its absence first in
    /// the body.
    fn plant(&self) -> Plant {
        let place = self.name.to_owned();
        match self.guard() {
            Some(guard) => Plant { place, ..Plant::in_closure(self.text, &guard) },
            None => Plant { place, at: self.body.start, block_until: None },
        }
    }
}

/// A statement that is to be planted.
pub struct Plant {
    place: String,
    at: usize,
    /// The end of the expression that becomes a block with it.
    block_until: Option<usize>,
}

impl Plant {
    fn in_closure(text: &str, guard: &std::ops::Range<usize>) -> Self {
        let open =
            guard.start + text[guard.clone()].find('|').expect("a guard takes a closure") + 1;
        let at = open + text[open..].find('|').expect("a closure's parameters end") + 1;
        match text[at..].strip_prefix(" {") {
            Some(_) => Self { place: String::new(), at: at + 2, block_until: None },
            None => Self { place: String::new(), at, block_until: Some(guard.end - 1) },
        }
    }

    /// First in a function of this text; in its guard, where it has one.
    pub fn first_in(text: &str, function: &str, place: &str) -> Self {
        let from = text.find(&format!("fn {function}(")).expect("the function is there");
        let body = body_after(text, from);
        let plant = match guard_in(text, &body) {
            Some(guard) => Self::in_closure(text, &guard),
            None => Self { place: String::new(), at: body.start, block_until: None },
        };
        Self { place: place.to_owned(), ..plant }
    }
}

/// The text with a call of `planted(place)` in each export, and wherever else it is wanted.
pub fn planted(text: &str, more: Vec<Plant>) -> String {
    let mut plants: Vec<_> = exports(text).iter().map(Export::plant).chain(more).collect();
    plants.sort_by_key(|plant| plant.at);
    let mut out = text.to_owned();
    // From the end, so that what stands before stays where it is.
    for plant in plants.iter().rev() {
        let call = format!("crate::planted(\"{}\");", plant.place);
        match plant.block_until {
            None => out.insert_str(plant.at, &format!(" {call}")),
            Some(end) => {
                out.insert_str(end, " }");
                out.insert_str(plant.at, &format!(" {{ {call}"));
            }
        }
    }
    out
}

fn guard_in(text: &str, body: &std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
    let code = &text[body.clone()];
    let found = GUARDS.iter().filter_map(|guard| Some((code.find(guard)?, guard)));
    let (at, guard) = found.min()?;
    let open = body.start + at + guard.len() - 1;
    Some(body.start + at..closing(text, open) + 1)
}

fn body_after(text: &str, from: usize) -> std::ops::Range<usize> {
    let open = from + text[from..].find(" {\n").expect("a function has a body") + 1;
    open + 1..closing(text, open)
}

/// Where the bracket at `open` is closed; comments and texts are passed over.
fn closing(text: &str, open: usize) -> usize {
    let mut depth = 0;
    let mut at = open;
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'/', ..] => at += text[at..].find('\n').unwrap_or_default(),
            [b'"', ..] => at += 1 + text[at + 1..].find('"').expect("a text ends"),
            [b'(' | b'{' | b'[', ..] => depth += 1,
            [b')' | b'}' | b']', ..] => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
        at += 1;
    }
    panic!("nothing closes {:?}", text[open..].lines().next());
}

/// Code without its comments, on one line.
fn one_line(code: &str) -> String {
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}
