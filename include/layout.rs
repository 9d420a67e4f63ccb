//! How the headers are laid out; the build scripts of the library and of the test kit have it.

/// Columns of a header.
const PAGE: usize = 100;

/// Draws a line above each section, which a `§` in a doc comment's first line opens, and brings a
/// comment of one line to what it speaks of: behind a constant, above a field.
pub(crate) fn laid_out(raw: &str) -> String {
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
