//! Each rule, left out alone, is missed: a promise breaks within a few steps. The way to it is kept
//! as documentation, and is the one that the model finds today.

use std::collections::BTreeSet;
use std::path::PathBuf;

use lm_model::mutants;
use lm_model::rules::Rule;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("traces")
}

#[test]
fn every_rule_is_missed() {
    const { assert!(Rule::COUNT >= 14) };
    for rule in Rule::ALL {
        let found = mutants::explore(*rule);
        assert!(found.broken.is_some(), "nothing breaks without {rule:?}: {}", rule.text());
        let file = folder().join(mutants::file_name(*rule)).with_extension("md");
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(
            kept,
            mutants::trace(*rule, &found),
            "{} is not today's: cargo run -p lm-model -- traces",
            file.display()
        );
    }
}

#[test]
fn every_trace_is_of_a_rule() {
    let rules: BTreeSet<String> =
        Rule::ALL.iter().map(|rule| format!("{}.md", mutants::file_name(*rule))).collect();
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, rules);
}

#[test]
fn the_documentation_shows_every_rule_and_its_trace() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    let text = std::fs::read_to_string(file).unwrap();
    for rule in Rule::ALL {
        let row = format!(
            "| {} | [{name}](../model/traces/{name}.md) |",
            rule.text(),
            name = mutants::file_name(*rule)
        );
        assert!(text.contains(&row), "docs/protocol.md lacks or differs: {row}");
    }
}
