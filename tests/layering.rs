//! A line of the library uses only what stands below it: no path of `src/` points up the layers,
//! imported or written out, `unsafe` stands only where it may, and no program is started (U1).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The modules of each layer, from the bottom. Those of one layer may not use one another, but for
/// the lowest, which is one.
const LAYERS: [&[&str]; 7] = [
    &["lm_protocol", "cancel", "error", "limits", "mutex", "secret", "log"],
    &["ports"],
    &["storage", "machine", "transport"],
    &["policy"],
    &["client"],
    &["open"],
    &["ffi"],
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

fn may_use(from: &str, to: &str) -> bool {
    match (layer(from), layer(to)) {
        (Some(own), Some(other)) => from == to || other < own || (own == 0 && other == 0),
        _ => false,
    }
}

/// Whether a file may have `unsafe` in it: the C ABI, and what calls the system.
fn may_be_unsafe(file: &str) -> bool {
    let os_file = ["_unix.rs", "_macos.rs", "_windows.rs"].iter().any(|end| file.ends_with(end));
    let os_module = LAYERS[2].iter().any(|module| file.starts_with(&format!("{module}/")));
    file.starts_with("ffi/") || (os_module && os_file)
}

/// Identifiers and punctuation of a source text; comments, strings and characters left out.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = comment_or_literal(rest);
        if skipped > 0 {
            rest = &rest[skipped..];
            continue;
        }
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let len = match word {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            word => word,
        };
        if !first.is_whitespace() {
            tokens.push(rest[..len].to_owned());
        }
        rest = &rest[len..];
    }
    tokens
}

/// How long the comment, string or character is that starts here; 0: none does.
fn comment_or_literal(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    let raw = text.trim_start_matches(['b', 'c']);
    let hashes = raw.strip_prefix('r').map(|rest| rest.len() - rest.trim_start_matches('#').len());
    if let Some(hashes) = hashes
        && raw[1 + hashes..].starts_with('"')
    {
        let start = text.len() - raw.len() + hashes + 2;
        let end = format!("\"{}", "#".repeat(hashes));
        return text[start..].find(&end).map_or(text.len(), |at| start + at + end.len());
    }
    if raw.starts_with('"') && text.len() - raw.len() <= 1 {
        return text.len() - raw.len() + quoted(raw, '"');
    }
    // A lifetime has no second quote where a character has it.
    let character = text.starts_with("'\\") || text.chars().nth(2) == Some('\'');
    if text.starts_with('\'') && character { quoted(text, '\'') } else { 0 }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = true;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// What the crate's root calls by a name of its own: name → module.
fn root_names(lib: &str) -> BTreeMap<String, String> {
    let tokens = tokens(lib);
    let mut names = BTreeMap::new();
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| *token == "use") {
        let module = tokens[at + 1].clone();
        for name in tokens[at + 2..].iter().take_while(|token| *token != ";") {
            names.insert(name.clone(), module.clone());
        }
    }
    names
}

/// Reads one file and notes every path that leaves its module.
struct Reader<'a> {
    tokens: Vec<String>,
    /// The module that the file is, then the inline ones around the current token.
    module: Vec<String>,
    /// At which depth of braces each inline module began.
    inline: Vec<usize>,
    depth: usize,
    root: &'a BTreeMap<String, String>,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn read(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            at = self.step(at);
        }
    }

    fn token(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", String::as_str)
    }

    fn step(&mut self, at: usize) -> usize {
        let follows = at > 0 && self.token(at - 1) == "::";
        match self.token(at) {
            "mod" if self.token(at + 2) == "{" => {
                self.module.push(self.token(at + 1).to_owned());
                self.inline.push(self.depth);
                return at + 2;
            }
            "{" => self.depth += 1,
            "}" => {
                self.depth = self.depth.saturating_sub(1);
                if self.inline.last() == Some(&self.depth) {
                    self.inline.pop();
                    self.module.pop();
                }
            }
            "crate" if !follows && self.token(at + 1) == "::" => {
                return self.path(at + 2, 0);
            }
            // `use crate as anything` would hide what is used; `pub(crate)` uses nothing.
            "crate" if self.token(at + 1) != ")" => self.fault("the crate's root by another name"),
            "super" if !follows => return self.path(at, self.module.len()),
            "path" if self.token(at - 1) == "[" && self.token(at + 1) == "=" => {
                self.fault("a file that isn't where its module says");
            }
            "include" if self.token(at + 1) == "!" => self.fault("source text from elsewhere"),
            // What a machine is asks no shell and no program; what tests start is theirs.
            "Command" | "popen" | "execv" | "execve" | "execvp" | "posix_spawn"
                if !self.module.iter().any(|module| module == "tests") =>
            {
                self.fault("another program is started");
            }
            _ => {}
        }
        at + 1
    }

    /// A path, or a group of them, `level` modules below the root. Returns where reading goes on.
    fn path(&mut self, mut at: usize, mut level: usize) -> usize {
        while self.token(at) == "super" && level > 0 {
            level -= 1;
            if self.token(at + 1) != "::" {
                if level == 0 && self.token(at + 1) != ")" {
                    self.fault("the crate's root by another name");
                }
                return at + 1;
            }
            at += 2;
        }
        if self.token(at) == "{" {
            return self.group(at + 1, level);
        }
        if level == 0 {
            self.used(at);
        }
        at + 1
    }

    /// The members of a group, up to its closing brace.
    fn group(&mut self, mut at: usize, level: usize) -> usize {
        loop {
            match self.token(at) {
                "}" | "" => return at + 1,
                "," => at += 1,
                _ => {
                    at = self.path(at, level);
                    // The rest of this member: nothing in it leads out again.
                    let mut depth = 0;
                    while !matches!((self.token(at), depth), ("," | "}", 0) | ("", _)) {
                        match self.token(at) {
                            "{" => depth += 1,
                            "}" => depth -= 1,
                            _ => {}
                        }
                        at += 1;
                    }
                }
            }
        }
    }

    /// The token names something at the crate's root.
    fn used(&mut self, at: usize) {
        let name = self.token(at).to_owned();
        let module = self.root.get(&name).unwrap_or(&name).clone();
        let own = self.module[0].clone();
        if !may_use(&own, &module) {
            self.fault(&format!("{own} uses {module} ({name})"));
        }
    }

    fn fault(&mut self, what: &str) {
        self.faults.push(what.to_owned());
    }
}

/// What is wrong in one file of `src/`; its name is relative to that.
fn faults(file: &str, source: &str, root: &BTreeMap<String, String>) -> Vec<String> {
    let module = file.trim_end_matches(".rs").trim_end_matches("/mod");
    let mut reader = Reader {
        tokens: tokens(source),
        module: module.split('/').map(str::to_owned).collect(),
        inline: Vec::new(),
        depth: 0,
        root,
        faults: Vec::new(),
    };
    if layer(&reader.module[0]).is_none() {
        reader.fault("a module of no layer");
    }
    if reader.tokens.iter().any(|token| token == "unsafe") && !may_be_unsafe(file) {
        reader.fault("unsafe");
    }
    reader.read();
    reader.faults.into_iter().map(|fault| format!("src/{file}: {fault}")).collect()
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn no_path_points_up() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let root = root_names(&std::fs::read_to_string(src.join("lib.rs")).unwrap());
    assert_eq!(root.get("Client").map(String::as_str), Some("client"));
    let files = sources(&src);
    assert!(files.len() > 50, "only {} files were found", files.len());
    let mut found = Vec::new();
    for path in files {
        let file = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
        if file != "lib.rs" {
            found.extend(faults(&file, &std::fs::read_to_string(&path).unwrap(), &root));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_planted_path_up_is_seen() {
    let root = root_names("pub use client::{Client, Options};\npub use error::Code;");
    let planted = [
        ("policy/judge.rs", "use crate::client::Client;"),
        ("policy/judge.rs", "use crate::Client;"),
        ("policy/judge.rs", "fn f() { crate::storage::f(); crate::client::f() }"),
        ("policy/judge.rs", "fn f() { super::super::client::f() }"),
        ("policy/mod.rs", "fn f() { super::client::f() }"),
        ("policy/mod.rs", "use super::{storage, client};"),
        ("policy/judge.rs", "use crate::{error::{Code, Error}, client};"),
        ("policy/judge.rs", "use super::{facts::Facts, super::client};"),
        ("policy/judge.rs", "mod tests { fn f() { super::super::super::client::f() } }"),
        ("policy/judge.rs", "use crate as world;"),
        ("policy/judge.rs", "use super::super as world;"),
        ("policy/judge.rs", "use crate::*;"),
        ("policy/judge.rs", "include!(\"../client/mod.rs\");"),
        ("policy/judge.rs", "#[path = \"../client/mod.rs\"] mod client;"),
        ("policy/judge.rs", "const A: &str = \"// \"; use crate::client::B;"),
        ("policy/judge.rs", "const A: char = '\"'; use crate::client::B; const C: char = '\"';"),
        ("policy/judge.rs", "const A: &str = r#\"\"\"#; use crate::client::B;"),
        ("ports.rs", "use crate::storage::Place;"),
        ("error.rs", "use crate::ports::Clock;"),
        ("storage/read.rs", "use crate::machine::evidence;"),
        ("machine/mod.rs", "use crate::transport::Proxy;"),
        ("transport/mod.rs", "use super::storage::Place;"),
        ("client/mod.rs", "use crate::ffi::lm_client;"),
        ("policy/judge.rs", "fn f() { unsafe { g() } }"),
        ("storage/read.rs", "unsafe fn f() {}"),
        ("transport/connector.rs", "fn f() { unsafe { g() } }"),
        ("client/look_windows.rs", "fn f() { unsafe { g() } }"),
        ("telemetry/mod.rs", "fn f() {}"),
        ("machine/linux.rs", "fn f() { std::process::Command::new(\"dmidecode\"); }"),
        ("machine/os_unix.rs", "fn f() { unsafe { libc::execve(a, b, c) } }"),
    ];
    for (file, source) in planted {
        assert_ne!(faults(file, source, &root), [""; 0], "{file}: {source}");
    }
}

#[test]
fn what_is_allowed_is_not_taken_for_a_path_up() {
    let root = root_names("pub use client::{Client, Options};\npub use error::Code;");
    let sound = [
        ("policy/judge.rs", "use crate::error::{Code, Error}; use crate::storage::Place;"),
        ("policy/judge.rs", "use super::facts::Facts; pub(crate) fn f() {} pub(super) fn g() {}"),
        ("policy/judge.rs", "//! See [`crate::client::Client`].\n/* crate::client /* nested */ */"),
        ("policy/judge.rs", "const A: &str = \"crate::client\"; fn f<'a>(b: &'a str) {}"),
        ("policy/judge.rs", "mod tests { use super::*; use super::super::facts::Facts; }"),
        ("policy/judge.rs", "mod tests { use super::super::super::error::Code; }"),
        ("log.rs", "use crate::error::Code;"),
        ("ffi/client.rs", "use crate::client::Client; fn f() { unsafe { g() } }"),
        ("machine/fork_unix.rs", "fn f() { unsafe { g() } }"),
        ("transport/proxy_windows.rs", "fn f() { unsafe { g() } }"),
        ("storage/mod.rs", "#![forbid(unsafe_code)] mod place; pub use place::Place;"),
    ];
    for (file, source) in sound {
        assert_eq!(faults(file, source, &root), [""; 0], "{file}: {source}");
    }
}
