//! What the ABI promises, read from where it stands: the symbols of a shared library, the versions
//! in the header, the layout that a C compiler gives its structures.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// The symbols that a shared library exports, by name.
pub fn exported(library: &Path) -> Result<Vec<String>, String> {
    let text = output(Command::new("nm").args(["-D", "--defined-only", "-P"]).arg(library))?;
    let mut names: Vec<_> =
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

/// The header's functions and the version since which each is there.
pub fn declared(header: &str) -> BTreeMap<String, String> {
    let items = header.split("\n/**\n").skip(1);
    items
        .filter_map(|item| {
            let (comment, rest) = item.split_once(" */\n")?;
            let function = rest.strip_prefix("LM_API ")?.split_once('(')?.0;
            let name = function.rsplit([' ', '*']).next()?;
            let since = comment.rsplit_once("Since ")?.1.trim_end().trim_end_matches('.');
            Some((name.to_owned(), since.to_owned()))
        })
        .collect()
}

/// `exports.txt` as it has to be for a header.
pub fn exports_text(header: &str) -> String {
    declared(header).iter().fold(String::new(), |mut text, (name, since)| {
        let _ = writeln!(text, "{name} {since}");
        text
    })
}

/// `layout.txt` as a C compiler gives it for a header in this folder: the size of each structure,
/// then offset and size of each of its fields. `dir` takes the program that asks.
pub fn layout_text(header: &Path, dir: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(header).map_err(|e| format!("{}: {e}", header.display()))?;
    let (source, program) = (dir.join("layout.c"), dir.join("layout"));
    std::fs::write(&source, layout_program(header, &text)).map_err(|e| e.to_string())?;
    output(Command::new("cc").arg(&source).arg("-o").arg(&program))?;
    output(&mut Command::new(&program))
}

/// A C program that prints the layout of every structure that the header defines.
fn layout_program(header: &Path, text: &str) -> String {
    let mut program = format!(
        "#include <stdio.h>\n#include \"{}\"\n\
         #define S(s) printf(#s \" size %zu\\n\", sizeof(s))\n\
         #define F(s, f) printf(#s \".\" #f \" offset %zu size %zu\\n\", offsetof(s, f), \
         sizeof(((s *)0)->f))\nint main(void)\n{{\n",
        header.display()
    );
    for definition in text.split("\ntypedef struct ").skip(1) {
        let Some((name, body)) = definition.split_once(" {\n") else { continue };
        if name.contains(';') {
            continue;
        }
        let _ = writeln!(program, "    S({name});");
        let body = body.split_once("\n}").map_or(body, |(body, _)| body);
        for field in body.lines().filter_map(|line| line.strip_suffix(';')) {
            let field = field.rsplit([' ', '*']).next().unwrap_or_default();
            let _ = writeln!(program, "    F({name}, {field});");
        }
    }
    program.push_str("    return 0;\n}\n");
    program
}

/// What the promise has and what is there, where they differ; a line each.
pub fn differences(promised: &str, found: &str) -> Vec<String> {
    let missing = promised.lines().filter(|line| !found.lines().any(|other| other == *line));
    let added = found.lines().filter(|line| !promised.lines().any(|other| other == *line));
    missing
        .map(|line| format!("promised and gone: {line}"))
        .chain(added.map(|line| format!("there and not promised: {line}")))
        .collect()
}

pub fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr)))
    }
}
