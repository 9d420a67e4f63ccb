//! What a machine shows stays, from release to release: each license of each host hangs on it.
//!
//! `tests/vectors/hosts.json` is made by a program that shares no code with this library, once for
//! each release that shows more. What was published is never changed: a later release that shows
//! another value beside it adds vectors of its own, and must still match these.

use std::collections::BTreeMap;

use super::kinds::{SIGHTS, all};
use super::*;

const SINCE_0_1: &str = include_str!("../../../tests/vectors/hosts.json");

#[derive(serde::Deserialize)]
struct Vector {
    evidence: Evidence,
    host_id: String,
}

#[test]
fn stable_across_versions_for_each_kind_of_machine() {
    let salt: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let vectors: BTreeMap<String, BTreeMap<String, Vector>> =
        serde_json::from_str(SINCE_0_1).unwrap();
    for (name, host) in all() {
        for (sight, title) in SIGHTS.into_iter().zip(["root", "everyone"]) {
            let vector = &vectors[name][title];
            let shown = look(&host, &salt, None, sight).unwrap();
            assert!(vector.evidence.matches_strictly(&shown), "{name}, {title}: licenses break");
            assert_eq!(shown.host_id(), vector.host_id, "{name}, {title}");
            assert_eq!(shown, vector.evidence, "{name}, {title}: a new release shows more?");
        }
    }
}
