//! The mutants: the protocol without one rule. Each breaks a promise within a few steps, and the
//! shortest way there is kept in `traces/`.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::model::{Effort, Found, Protocol};
use crate::rules::Rule;
use crate::runs;
use crate::setting::{Bounds, Cover};
use crate::text;

/// The run in which a rule is missed.
#[must_use]
pub fn run(rule: Rule) -> &'static str {
    match rule {
        Rule::IntentFirst
        | Rule::StoredAnswer
        | Rule::UseStops
        | Rule::Tombstone
        | Rule::OnlyPending
        | Rule::SameBytes
        | Rule::Unanswered
        | Rule::OneOutstanding
        | Rule::StrictHost => "network",
        Rule::StoredDenial | Rule::ApplyBy | Rule::GrantOnlyWhileTrue => "unleased",
        Rule::AnchorsFirst | Rule::FreshnessWait => "fine",
        Rule::GenerationFence | Rule::RestoreBreak | Rule::MarkStays | Rule::MarkCoversPending => {
            "restore"
        }
        Rule::KeepsPending | Rule::FileStored | Rule::OwnPart => "files",
        Rule::FileKnown => "files-refused",
        Rule::FileWaits => "files-fine",
        Rule::OlderApplied => "files-older",
        Rule::PlaceTaken | Rule::OwnFulfillment => "late",
        Rule::FreeAtGeneration | Rule::RepairLimit | Rule::AbandonAtGeneration => "clone",
        Rule::KeyReplaced | Rule::HeldFirst => "stores",
        Rule::DeviceKey | Rule::DeniedGivesBack => "limits",
        Rule::EvidenceRefused | Rule::ForeignRest | Rule::ForeignCools | Rule::HostBound => "copy",
        Rule::StrictCools | Rule::ReachTolerance => "strict",
        Rule::ReachIsLatest => "shorter",
        Rule::TakenAgainReach => "taken-again",
        Rule::LockThenRead | Rule::HighBytes => "slots",
        Rule::ReclaimAtReach => "reclaim",
        Rule::NewEpoch
        | Rule::TakenIn
        | Rule::TakenInByRecord
        | Rule::GivesWay
        | Rule::Excess
        | Rule::LowersExcess
        | Rule::NoEpoch => "portal",
        Rule::OldEpoch | Rule::TakenInWhileStanding => "portal-one",
        Rule::ReachRaised => "portal-strict",
    }
}

/// The bounds of that run.
#[must_use]
pub fn bounds(rule: Rule) -> &'static Bounds {
    runs::find(run(rule)).unwrap_or(&runs::WHOLE[0])
}

/// Explores the protocol without a rule until a promise breaks.
#[must_use]
pub fn explore(rule: Rule) -> Found {
    Protocol::explore(bounds(rule), Some(rule), &Arc::new(Cover::default()), Effort::WHOLE)
}

/// `anchors-first`: the name of the rule's trace, without `.md`.
#[must_use]
pub fn file_name(rule: Rule) -> String {
    let mut name = String::new();
    for letter in format!("{rule:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The text of a rule's trace.
#[must_use]
pub fn trace(rule: Rule, found: &Found) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "# Without a rule\n\n> {}\n", rule.text());
    let _ = writeln!(text, "In a world of {}:\n", text::bounds(bounds(rule)));
    text.push_str(&found.numbered());
    let (property, why) = found.broken.clone().unwrap_or_default();
    let from_here = if property == "everything drains" {
        "Even if everything heals from here on, and everyone tries again: "
    } else {
        ""
    };
    let _ = writeln!(text, "\nBroken: *{property}*. {from_here}{why}.");
    text
}
