//! Makes `$OUT_DIR/lm.h` of `src/ffi` and tells the linker what the shared library is. Writes
//! nothing in the tree: `include/lm.h` is renewed by `include/renew`, and `tests/header.rs` compares.

// Cargo speaks to a build script through the environment; the ban is the library's.
#![allow(clippy::disallowed_methods)]

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Counts incompatible changes of the ABI; it has nothing to do with the version.
const ABI: u32 = 0;
/// Columns of the header.
const PAGE: usize = 100;

fn main() {
    for watched in ["build.rs", "cbindgen.toml", "src/ffi"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR"));
    fs::write(out.join("lm.h"), header()).expect("OUT_DIR can be written");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        let soname = format!("-soname,liblm.so.{ABI}");
        for argument in [&soname, "-z,nodelete", "-Bsymbolic", "-z,relro,-z,now"] {
            println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
        }
    }
}

fn header() -> String {
    let config = cbindgen::Config::from_file("cbindgen.toml").expect("cbindgen.toml is sound");
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(Path::new("src/ffi/mod.rs"))
        .generate()
        .expect("src/ffi is what cbindgen can read");
    let mut text = Vec::new();
    bindings.write(&mut text);
    laid_out(&String::from_utf8(text).expect("a header is text"))
}

/// Draws a line above each section, which a `§` in a doc comment's first line opens, and brings a
/// comment of one line to what it speaks of: behind a constant, above a field.
fn laid_out(raw: &str) -> String {
    let mut out = String::new();
    let mut lines = raw.lines().peekable();
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        if line.trim_start() != "/**" {
            push(&mut out, &declared(line));
            continue;
        }
        let mut comment: Vec<&str> =
            lines.by_ref().take_while(|line| line.trim_start() != "*/").collect();
        if let Some(title) = comment.first().and_then(|line| line.strip_prefix(" * § ")) {
            let rule = "-".repeat((PAGE - 12).saturating_sub(title.len()));
            push(&mut out, &format!("\n/* ---- {title} {rule} */\n"));
            comment.remove(0);
        }
        match (comment.as_slice(), lines.peek().and_then(|next| next.strip_prefix("#define "))) {
            ([only], Some(define)) => {
                let (name, value) = define.split_once(' ').expect("a constant has a value");
                push(&mut out, &format!("#define {name:<27} {value:>3}  /**< {} */", said(only)));
                lines.next();
                // The blank line after it: constants of a section stand together.
                lines.next_if(|line| line.is_empty());
            }
            ([only], None) => {
                push(&mut out, &format!("{:indent$}/** {} */", "", said(only)));
            }
            _ => {
                if indent == 0 && !out.ends_with("\n\n") {
                    push(&mut out, "");
                }
                push(&mut out, line);
                comment.iter().for_each(|line| push(&mut out, line));
                push(&mut out, &format!("{:indent$} */", ""));
            }
        }
    }
    while out.contains("\n\n\n") {
        out = out.replace("\n\n\n", "\n\n");
    }
    out
}

/// A declaration as a C programmer writes it: types by their typedef, no line longer than the page.
fn declared(line: &str) -> String {
    if line.starts_with("typedef struct ") || line.starts_with(" *") {
        return line.to_owned();
    }
    let line = line.replace("struct lm_", "lm_");
    let arguments = line.rfind('(').map_or(0, |at| at + 1);
    let mut out = String::new();
    let mut column = 0;
    for part in line.split_inclusive(", ") {
        if column + part.trim_end().len() > PAGE {
            out.truncate(out.trim_end().len());
            out.push_str(&format!("\n{:arguments$}", ""));
            column = arguments;
        }
        out.push_str(part);
        column += part.len();
    }
    out
}

fn said(line: &str) -> &str {
    line.trim_start().trim_start_matches("* ")
}

fn push(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}
