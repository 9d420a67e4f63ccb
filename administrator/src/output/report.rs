//! A report on health, as people read it.

use std::io;

use comfy_table::{Attribute, Cell, Color, Table};
use lm::log::Level;
use lm::{Finding, Topic};
use serde_json::Value;

use super::people::{line, plain, table, text};

/// A row a finding, what to do below it, and the factors of a host with their points.
pub(super) fn findings(findings: &[Finding]) -> io::Result<()> {
    let mut table = table();
    for finding in findings {
        row(&mut table, level(finding.level), finding.topic.word(), &sentence(finding));
        if !finding.hint.is_empty() {
            row(&mut table, Cell::new(""), "", &format!("-> {}", finding.hint));
        }
        for factor in factors(finding) {
            row(&mut table, Cell::new(""), "", &factor);
        }
    }
    line(&text(&table))?;
    line(&format!("\n{}", verdict(findings)))
}

fn row(table: &mut Table, level: Cell, topic: &str, text: &str) {
    table.add_row(vec![level, Cell::new(topic), Cell::new(text)]);
}

fn level(level: Level) -> Cell {
    match level {
        Level::Error => Cell::new("BROKEN").fg(Color::Red).add_attribute(Attribute::Bold),
        Level::Warn => Cell::new("warning").fg(Color::Yellow),
        Level::Info | Level::Debug => Cell::new("ok").fg(Color::Green),
    }
}

/// Whose license or machine it is, what was found, and the code for whoever is asked for help.
fn sentence(finding: &Finding) -> String {
    let mut sentence = plain(&finding.text);
    if matches!(finding.topic, Topic::License | Topic::Host) {
        sentence = format!("{}: {sentence}", plain(&finding.subject));
    }
    match finding.code {
        Some(code) => format!("{sentence} ({})", code.name()),
        None => sentence,
    }
}

/// `machine_id  40 points  81d83eee  differs`: hashes, cut short; nothing raw is known here.
fn factors(finding: &Finding) -> Vec<String> {
    let factors = finding.detail["factors"].as_array();
    factors.into_iter().flatten().map(factor).collect()
}

fn factor(factor: &Value) -> String {
    let word = |name: &str| factor[name].as_str().unwrap_or_default().to_owned();
    let hashes = factor["values"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let hashes: Vec<_> = hashes.map(|hash| hash.get(..8).unwrap_or(hash)).collect();
    let now = match factor["equal"].as_bool() {
        Some(true) => "  agrees",
        Some(false) if factor["now"].as_array().is_some_and(Vec::is_empty) => "  not shown today",
        Some(false) => "  differs today",
        None => "",
    };
    let points = factor["weight"].as_u64().unwrap_or_default();
    format!("   {:<13}{points:>4} points  {}{now}", word("kind"), hashes.join(" "))
}

fn verdict(findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    match (count(Level::Error), count(Level::Warn)) {
        (0, 0) => "All is well.".to_owned(),
        (0, 1) => "It works; one warning.".to_owned(),
        (0, warnings) => format!("It works; {warnings} warnings."),
        (1, _) => "One thing is broken.".to_owned(),
        (broken, _) => format!("{broken} things are broken."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_factor_is_told_by_its_points_and_never_raw() {
        let hash = "81d83eee62b32b19fb84f1c40c897c3f";
        let shown = |equal: Option<bool>, now: Value| {
            let equal = equal.map_or(Value::Null, Value::from);
            factor(
                &json!({ "kind": "disk", "weight": 30, "values": [hash], "equal": equal, "now": now }),
            )
        };
        assert_eq!(shown(None, Value::Null), "   disk           30 points  81d83eee");
        assert!(shown(Some(true), json!([hash])).ends_with("agrees"));
        assert!(shown(Some(false), json!([])).ends_with("not shown today"));
        assert!(shown(Some(false), json!(["00"])).ends_with("differs today"));
    }
}
