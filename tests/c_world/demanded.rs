//! The rows that `tests/c/every_export.c` must have, by the header alone: for each parameter of each
//! function, and each field of a structure that it reads, what can be wrong with one of its type.
#![allow(unreachable_pub, reason = "the other file of the test uses it")]

use std::collections::{BTreeMap, BTreeSet};

/// `export parameter kind`, as the program prints it.
pub type Rows = BTreeSet<String>;

const OBJECTS: [&str; 7] =
    ["lm_client", "lm_list", "lm_report", "lm_buffer", "lm_seat", "lm_error", "lm_http_response"];
/// Structures that the library fills in, by their out_ parameters.
const FILLED: [&str; 3] = ["lm_status_info*", "lm_record_info*", "lm_finding*"];
const TEXT: &[&str] = &["null", "empty", "longest", "unterminated", "not-utf8", "control"];
const STRUCTURE: &[&str] =
    &["null", "misaligned", "zero-size", "too-small", "too-large", "exact", "newer"];
const PLACE: &[&str] = &["null", "misaligned"];
const BUFFER: &[&str] = &["null", "short", "exact"];
const BYTES: &[&str] = &["null", "any-bytes"];
const UNSIGNED: &[&str] = &["zero", "huge"];
const SIGNED: &[&str] = &["zero", "huge", "negative"];
const NULL: &[&str] = &["null"];

pub fn demanded(header: &str) -> Rows {
    let code = without_comments(header);
    let structures = structures(&code);
    let mut rows = Rows::new();
    for (name, parameters) in functions(&code) {
        rows.insert(format!("{name} - forked"));
        for (of, parameter) in &parameters {
            for kind in kinds(of, parameter) {
                rows.insert(format!("{name} {parameter} {kind}"));
            }
            let read = of.strip_prefix("const ").and_then(|of| of.strip_suffix('*'));
            let fields = read.and_then(|of| structures.get(of));
            for (of, field) in fields.into_iter().flatten().filter(|field| field.1 != "struct_size")
            {
                for kind in kinds(of, field) {
                    rows.insert(format!("{name} {parameter}.{field} {kind}"));
                }
            }
        }
    }
    rows
}

/// What the header says of the longest texts, by the name of parameter or field.
pub fn bounds(header: &str) -> BTreeMap<String, usize> {
    let said = header.split("The bounds, in bytes without the NUL:").nth(1).expect("the bounds");
    let said = said.split('.').next().expect("they end");
    let words: Vec<_> = said.split([' ', '\n', '*', ',']).filter(|word| !word.is_empty()).collect();
    let pairs =
        words.windows(2).filter_map(|pair| Some((pair[0].to_owned(), pair[1].parse().ok()?)));
    pairs.collect()
}

/// What can be wrong with one of this type.
fn kinds(of: &str, name: &str) -> &'static [&'static str] {
    match of {
        "const char*" => TEXT,
        "char*" => BUFFER,
        "const uint8_t*" => BYTES,
        "uint32_t" | "size_t" => UNSIGNED,
        "int64_t" | "lm_result" => SIGNED,
        "void*" => NULL,
        function if function.ends_with("_fn") => NULL,
        place if name.starts_with("out_") && !FILLED.contains(&place) => PLACE,
        object if OBJECTS.contains(&object.trim_start_matches("const ").trim_end_matches('*')) => {
            NULL
        }
        structure if structure.ends_with('*') => STRUCTURE,
        other => panic!("nobody knows what can be wrong with {other} {name}: say it here"),
    }
}

type Parameters = Vec<(String, String)>;

fn functions(code: &str) -> Vec<(String, Parameters)> {
    let declarations = code.split("LM_API ").skip(1).filter(|rest| !rest.starts_with("__"));
    declarations
        .filter_map(|rest| {
            let (head, parameters) = rest.split_once(';')?.0.split_once('(')?;
            let name = head.rsplit([' ', '*']).next()?.to_owned();
            let parameters = parameters.trim_end_matches(')').split(',');
            Some((name, parameters.filter_map(declared).collect()))
        })
        .filter(|(name, _)| name.starts_with("lm_"))
        .collect()
}

fn structures(code: &str) -> BTreeMap<String, Parameters> {
    let definitions = code.split("typedef struct ").skip(1);
    definitions
        .filter_map(|rest| {
            let (name, body) = rest.split_once('}')?.0.split_once('{')?;
            let fields = body.split(';').filter_map(declared).collect();
            Some((name.trim().to_owned(), fields))
        })
        .collect()
}

/// `const char *name` → (`const char*`, `name`).
fn declared(text: &str) -> Option<(String, String)> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let at = text.rfind([' ', '*'])? + 1;
    Some((text[..at].replace(" *", "*").trim().to_owned(), text[at..].to_owned()))
}

fn without_comments(header: &str) -> String {
    let mut code = String::new();
    let mut rest = header;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    code + rest
}
