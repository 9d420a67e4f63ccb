//! What this machine shows of itself, and how much of it each license still finds.

use lm_protocol::evidence::{Evidence, Factor, FactorKind, MachineKind};
use serde_json::{Value, json};

use super::{Finding, Topic};
use crate::error::Code;
use crate::log::Level;
use crate::policy::NextStep;

/// The evidence of today, each factor with its weight, hashed.
#[must_use]
pub fn evidence(host: &Evidence, host_id: &str) -> Finding {
    let known: u32 = host.factors.iter().map(|factor| factor.kind.weight()).sum();
    let strong = host.factors.iter().any(|factor| factor.kind.is_strong());
    let (what, advice) = match host.machine {
        MachineKind::Physical => ("a physical machine", ""),
        MachineKind::Virtual => ("a virtual machine", ""),
        MachineKind::Container => (
            "a container",
            "Give the container an identity of its own: mount a file at /etc/lm/host-identity, or \
             let the application give one (host_identity).",
        ),
        MachineKind::Given => ("the application's own identity", ""),
    };
    let count = host.factors.len();
    let detail = json!({
        "machine": machine(host.machine),
        "known": known,
        "factors": host.factors.iter().map(factor).collect::<Vec<_>>(),
    });
    let has_identity = !host.values(FactorKind::Identity).is_empty();
    let found = if strong && (count > 1 || has_identity) {
        Finding::good(Topic::Host, format!("This is {what}, known by {}.", named(count)))
    } else {
        let text = format!("This is {what}, known by {} only.", named(count));
        let advice = if advice.is_empty() {
            "One change of the machine may end its licenses here; the application can give an \
             identity of its own (host_identity)."
        } else {
            advice
        };
        Finding::new(Topic::Host, Level::Warn, text).hint(advice)
    };
    found.about(host_id).detail(detail)
}

/// How much of what a license knows is there today.
#[must_use]
pub fn score(activation_id: &str, known: &Evidence, now: &Evidence) -> Finding {
    let score = known.score(now);
    let detail = json!({
        "equal": score.equal,
        "known": score.known,
        "factors": known.factors.iter().map(|one| compared(one, now)).collect::<Vec<_>>(),
    });
    let of = format!("{} of {}", score.equal, score.known);
    // The heaviest factor that still agrees, gone.
    let heaviest = known.factors.iter().filter(|one| agrees(one, now)).map(|one| one.kind.weight());
    let after = score.equal.saturating_sub(heaviest.max().unwrap_or(0));
    let found = if !known.matches(now) {
        let text = if known.contradicts(now) {
            "This virtual machine has another UUID than the license knows: it is a copy.".to_owned()
        } else {
            format!("Of what the license knows of its machine, {of} points are here.")
        };
        Finding::new(Topic::Host, Level::Error, text)
            .code(Code::HostChanged)
            .hint(Code::HostChanged.hint())
            .next(NextStep::Activate)
    } else if score.equal < score.known && after * 2 <= score.known {
        let text = format!(
            "This machine has changed: {of} points are as the license knows them, and one more \
             change may be too many."
        );
        Finding::new(Topic::Host, Level::Warn, text)
            .hint("Refresh the license: it then knows the machine as it is today.")
            .next(NextStep::Refresh)
    } else {
        let text = format!("This machine is the license's own: {of} points agree.");
        Finding::good(Topic::Host, text)
    };
    found.about(activation_id).detail(detail)
}

fn agrees(factor: &Factor, now: &Evidence) -> bool {
    let there = now.values(factor.kind);
    factor.values.iter().any(|value| there.contains(value))
}

fn compared(known: &Factor, now: &Evidence) -> Value {
    let mut row = factor(known);
    if let Some(row) = row.as_object_mut() {
        row.insert("equal".to_owned(), agrees(known, now).into());
        let there = now.values(known.kind).iter().map(ToString::to_string).collect::<Vec<_>>();
        row.insert("now".to_owned(), there.into());
    }
    row
}

fn factor(factor: &Factor) -> Value {
    json!({
        "kind": word(factor.kind),
        "weight": factor.kind.weight(),
        "values": factor.values.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn named(count: usize) -> String {
    if count == 1 { "one factor".to_owned() } else { format!("{count} factors") }
}

/// As the messages write it.
fn word(kind: FactorKind) -> Value {
    serde_json::to_value(kind).unwrap_or_default()
}

fn machine(kind: MachineKind) -> Value {
    serde_json::to_value(kind).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use FactorKind::{BoardSerial, Disk, MachineId, Network, Processor, SystemUuid};
    use lm_protocol::Id;

    fn host(factors: &[(FactorKind, u8)]) -> Evidence {
        let factors = factors
            .iter()
            .map(|(kind, value)| Factor { kind: *kind, values: vec![Id([*value; 16])] })
            .collect();
        Evidence { machine: MachineKind::Physical, factors }
    }

    const DESK: [(FactorKind, u8); 6] = [
        (MachineId, 1),
        (SystemUuid, 2),
        (BoardSerial, 3),
        (Disk, 4),
        (Network, 5),
        (Processor, 6),
    ];

    #[test]
    fn u17_a_machine_that_drifts_is_told_before_one_more_change_is_too_many() {
        let known = host(&DESK);
        let changed = |kinds: &[FactorKind]| {
            let now: Vec<_> = DESK
                .iter()
                .map(|(kind, value)| (*kind, if kinds.contains(kind) { 99 } else { *value }))
                .collect();
            let found = score("ID", &known, &host(&now));
            (found.level, found.next_step)
        };
        let rows: [(&[FactorKind], Level, NextStep); 4] = [
            (&[], Level::Info, NextStep::None),
            (&[Network], Level::Info, NextStep::None),
            (&[MachineId, Network], Level::Warn, NextStep::Refresh),
            (&[MachineId, SystemUuid, Network], Level::Error, NextStep::Activate),
        ];
        for (kinds, level, next) in rows {
            assert_eq!(changed(kinds), (level, next), "{kinds:?}");
        }
    }

    #[test]
    fn r50_a_cloned_virtual_machine_is_told_whatever_its_score() {
        let of = |uuid| {
            let mut host = host(&[(MachineId, 1), (SystemUuid, uuid), (Disk, 4), (Network, 5)]);
            host.machine = MachineKind::Virtual;
            host
        };
        let found = score("ID", &of(2), &of(3));
        assert_eq!((found.level, found.code), (Level::Error, Some(Code::HostChanged)));
        assert!(found.text.contains("copy"), "{}", found.text);
    }

    #[test]
    fn u02_a_machine_that_shows_little_is_told_what_to_do() {
        let weak = evidence(&host(&[(Network, 1), (Processor, 2)]), "H-1");
        assert_eq!(weak.level, Level::Warn);
        let mut boxed = host(&[(MachineId, 1)]);
        boxed.machine = MachineKind::Container;
        let mut mounted = host(&[(FactorKind::Identity, 1)]);
        mounted.machine = MachineKind::Container;
        assert_eq!(evidence(&mounted, "H-1").level, Level::Info);
        let found = evidence(&boxed, "H-1");
        assert_eq!(found.level, Level::Warn);
        assert!(found.hint.contains("host_identity"));
        assert_eq!(evidence(&host(&DESK), "H-1").level, Level::Info);
    }

    #[test]
    fn r85_a_report_shows_hashes_only() {
        let found = score("ID", &host(&DESK), &host(&DESK));
        let factors = found.detail["factors"].as_array().unwrap();
        assert_eq!(factors.len(), 6);
        assert_eq!(factors[0]["kind"], "machine_id");
        assert_eq!(factors[0]["values"][0], "01".repeat(16));
        assert_eq!(factors[0]["equal"], true);
    }
}
