//! The committed C header is the one that `src/ffi` gives, and reads as a specification.

/// As build.rs makes it.
const GENERATED: &str = include_str!(concat!(env!("OUT_DIR"), "/lm.h"));
/// As hosts get it.
const COMMITTED: &str = include_str!("../include/lm.h");

/// The first line in which they differ, or `None`.
fn difference(generated: &str, committed: &str) -> Option<String> {
    let mut ours = generated.lines();
    let mut theirs = committed.lines();
    for number in 1.. {
        match (ours.next(), theirs.next()) {
            (None, None) => break,
            (ours, theirs) if ours == theirs => {}
            (ours, theirs) => {
                return Some(format!(
                    "line {number}\n  src/ffi gives {ours:?}\n  lm.h has      {theirs:?}"
                ));
            }
        }
    }
    None
}

#[test]
fn the_committed_header_is_the_generated_one() {
    if let Some(difference) = difference(GENERATED, COMMITTED) {
        panic!("include/lm.h is not what src/ffi gives: {difference}\nRenew it: include/renew");
    }
}

#[test]
fn a_change_on_either_side_is_seen() {
    let number = COMMITTED.replacen("LM_ERR_BUSY                  26", "LM_ERR_BUSY 27", 1);
    let added = format!("{COMMITTED}\nint lm_stray(void);\n");
    let cut = &COMMITTED[..COMMITTED.len() / 2];
    for planted in [number.as_str(), &added, cut] {
        assert_ne!(planted, COMMITTED, "the change was not planted");
        assert!(
            difference(COMMITTED, planted).is_some() && difference(planted, COMMITTED).is_some()
        );
    }
    assert_eq!(difference(COMMITTED, COMMITTED), None);
}

#[test]
fn the_version_macros_are_those_of_cargo_toml() {
    let value = |name: &str| {
        let define = format!("#define LM_VERSION_{name} ");
        let line = COMMITTED.lines().find_map(|line| line.strip_prefix(&define));
        line.unwrap_or_else(|| panic!("no {define}")).trim_matches('"').to_owned()
    };
    assert_eq!(value("STRING"), env!("CARGO_PKG_VERSION"));
    let numbers = ["MAJOR", "MINOR", "PATCH"].map(value).join(".");
    assert_eq!(numbers, env!("CARGO_PKG_VERSION"));
}

/// What each item tells, in this order.
const ORDER: [&str; 5] = ["Returns ", "Ownership: ", "Threads: ", "Errors: ", "Since "];

/// A function of the header: its comment's lines, and its declaration.
fn functions() -> impl Iterator<Item = (Vec<&'static str>, &'static str)> {
    COMMITTED.split("\n/**\n").skip(1).filter_map(|item| {
        let (comment, rest) = item.split_once(" */\n")?;
        let declaration = rest.split_once(';')?.0;
        let lines = comment.lines().map(|line| line.trim_start_matches(" *").trim_start());
        declaration.starts_with("LM_API").then(|| (lines.collect(), declaration))
    })
}

#[test]
fn every_function_is_documented_in_the_same_order() {
    let mut count = 0;
    for (comment, declaration) in functions() {
        count += 1;
        let places: Vec<_> = comment
            .iter()
            .filter_map(|line| ORDER.iter().position(|label| line.starts_with(label)))
            .collect();
        assert!(places.is_sorted() && places.last() == Some(&4), "{declaration}: {comment:#?}");
        assert!(places.contains(&2), "{declaration} says nothing of threads");
        let (_, parameters) = declaration.split_once('(').unwrap();
        for parameter in parameters.trim_end_matches(')').split(',').skip(1) {
            let name = parameter.rsplit([' ', '*']).next().unwrap();
            let said = comment.iter().any(|line| {
                line.split_once(": ")
                    .is_some_and(|(names, _)| names.split(", ").any(|said| said == name))
            });
            assert!(said, "{declaration} says nothing of {name}");
        }
    }
    assert_eq!(count, COMMITTED.matches("\nLM_API ").count());
    assert!(count > 25, "only {count} functions were found");
}

#[test]
fn it_fits_the_page() {
    let long: Vec<_> = COMMITTED.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(long.is_empty(), "{long:#?}");
    assert!(!COMMITTED.contains('§'), "a mark for build.rs was left");
}
