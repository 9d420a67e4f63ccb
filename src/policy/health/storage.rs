//! The store, its images and anchors, rights and free space.

use serde_json::json;

use super::{Finding, Topic};
use crate::error::{Code, Error};
use crate::limits::IMAGE_MAX;
use crate::log::Level;
use crate::policy::{NextStep, store_status};
use crate::storage::{FOREIGN_HINT, Note, Reading, SealerKind, State};

/// What this user may do where the store lies.
#[derive(Debug)]
pub struct Access {
    /// The store's directory.
    pub directory: String,
    /// There is none: the store ends with its client.
    pub in_memory: bool,
    /// Why this user may not change the store.
    pub closed: Option<Error>,
    /// Bytes free there; `None`: the system doesn't tell.
    pub free: Option<u64>,
}

/// A change writes two images at their longest, an anchor and a directory's entries.
const NEEDED: u64 = 2 * IMAGE_MAX as u64 + 64 * 1024;
/// Below this a disk is nearly full, whoever fills it.
const COMFORTABLE: u64 = 16 * NEEDED;

/// A store that could not be read at all.
#[must_use]
pub fn closed(error: &Error) -> Finding {
    Finding::failed(Topic::Storage, error).next(NextStep::ContactVendor)
}

/// What a reading of the store tells, and what this user may do with it.
#[must_use]
pub fn store(reading: &Reading, access: &Access) -> Vec<Finding> {
    if access.in_memory {
        let text = "Trusted storage is in memory only: its licenses end here with the application.";
        return vec![Finding::good(Topic::Storage, text)];
    }
    let mut findings = vec![standing(reading, &access.directory)];
    let notes = reading.notes.iter().filter(|note| **note != Note::Foreign);
    findings.extend(notes.map(note));
    let has_image = matches!(reading.standing.state, State::Sound | State::Restored);
    let quiet = |topic| findings.iter().all(|finding| finding.topic != topic);
    let mut good = Vec::new();
    if has_image && quiet(Topic::Image) {
        good.push(Finding::good(Topic::Image, "Both images are whole and level."));
    }
    // A restored store is what an anchor, or the images' own files, disagree with.
    if reading.standing.state == State::Sound && quiet(Topic::Anchor) {
        good.push(Finding::good(Topic::Anchor, "The anchors agree with the store."));
    }
    if has_image {
        good.push(sealer(reading.sealer));
    }
    findings.append(&mut good);
    // Of a store that isn't there yet, opening its files tells nothing; nor of another product's.
    let told = reading.standing.state != State::Absent && !reading.notes.contains(&Note::Foreign);
    if told || access.closed.is_some() {
        findings.push(permission(access));
    }
    findings.extend(access.free.map(|free| space(free, &access.directory)));
    findings
}

fn standing(reading: &Reading, directory: &str) -> Finding {
    let standing = &reading.standing;
    let found = match standing.state {
        State::Sound => {
            let text = format!("Trusted storage in {directory} is sound.");
            Finding::good(Topic::Storage, text)
        }
        // Activating, which makes or heals a store otherwise, would be refused.
        State::Absent | State::Missing | State::Damaged
            if reading.notes.contains(&Note::Foreign) =>
        {
            let refusal =
                Error::new(Code::StorageUnsafe, Note::Foreign.to_string()).with_hint(FOREIGN_HINT);
            Finding::failed(Topic::Storage, &refusal).next(NextStep::ContactVendor)
        }
        State::Absent => {
            let text = format!(
                "There is no trusted storage in {directory} yet; the first activation makes it."
            );
            Finding::good(Topic::Storage, text).next(NextStep::Activate)
        }
        State::Restored => bad(Code::Restored).next(NextStep::Repair),
        State::Missing => bad(Code::StorageMissing),
        State::Damaged => bad(Code::StorageDamaged),
        State::Newer => bad(Code::StorageNewer),
    };
    found.about(directory).detail(json!({
        "generation": standing.generation,
        "highest_anchor": standing.highest_anchor,
    }))
}

fn bad(code: Code) -> Finding {
    let next = store_status(code).next_step;
    Finding::failed(Topic::Storage, &Error::from_code(code)).next(next)
}

fn sealer(kind: SealerKind) -> Finding {
    let text = match kind {
        SealerKind::Software => "Trusted storage is wrapped by the library alone.",
        SealerKind::Tpm => "A TPM 2.0 sealed trusted storage and counts its changes.",
        SealerKind::Dpapi => "Windows' data protection sealed trusted storage.",
    };
    Finding::good(Topic::Sealer, text).detail(json!({ "sealer": kind.word() }))
}

/// What hinders nothing yet.
fn note(note: &Note) -> Finding {
    let (topic, hint) = match note {
        Note::ImageBehind(_) => {
            // What a killed writer leaves: the next change mends it, and nothing is at risk.
            return Finding::good(Topic::Image, note.to_string());
        }
        Note::AnchorBehind => return Finding::good(Topic::Anchor, note.to_string()),
        Note::CounterBehind => return Finding::good(Topic::Sealer, note.to_string()),
        Note::Foreign => (Topic::Storage, FOREIGN_HINT),
        Note::SealerUnreachable => (
            Topic::Sealer,
            "If this user should reach the TPM, add it to the group of /dev/tpmrm0, tss as a rule. \
             If it is gone for good, nothing is lost: the licenses go on without it.",
        ),
        Note::CounterAhead => {
            let found = Finding::new(Topic::Sealer, Level::Error, note.to_string());
            return found.code(Code::Restored).next(NextStep::Repair).hint(
                "It was put back to an earlier state, with its anchor: repair its licenses.",
            );
        }
        Note::SealedElsewhere => (
            Topic::Sealer,
            "Don't copy trusted storage: activate instead. A refresh seals it here.",
        ),
        Note::CounterMissing => (Topic::Sealer, "A refresh makes it again."),
        Note::ImageDamaged(_) | Note::ImageMissing(_) => {
            (Topic::Image, "Look at the disk; a refresh writes both images again.")
        }
        Note::ImageCopied => (Topic::Image, "Don't copy trusted storage: activate instead."),
        Note::AnchorMissing | Note::AnchorDamaged => {
            (Topic::Anchor, "Leave the anchor file where it is; a refresh makes it again.")
        }
        Note::AnchorUnavailable => {
            (Topic::Anchor, "Give this user a home directory in the account database.")
        }
        Note::IdentityUnknown => {
            (Topic::Anchor, "Put trusted storage on a file system such as ext4, xfs or NTFS.")
        }
    };
    Finding::new(topic, Level::Warn, note.to_string()).hint(hint)
}

fn permission(access: &Access) -> Finding {
    match &access.closed {
        None => {
            let text = "This user may change the licenses of this storage.";
            Finding::good(Topic::Permission, text)
        }
        Some(error) => Finding {
            level: Level::Warn,
            text: format!("The license works, and can't be changed here: {}", error.message()),
            ..Finding::failed(Topic::Permission, error)
        },
    }
    .about(access.directory.as_str())
}

fn space(free: u64, directory: &str) -> Finding {
    let size = size(free);
    let found = if free < NEEDED {
        let text = format!("The disk is full: {size} are free where trusted storage lies.");
        Finding::new(Topic::Space, Level::Error, text).code(Code::StorageFull)
    } else if free < COMFORTABLE {
        let text = format!("The disk is nearly full: {size} are free.");
        Finding::new(Topic::Space, Level::Warn, text)
    } else {
        return Finding::good(Topic::Space, format!("{size} are free where trusted storage lies."))
            .about(directory)
            .detail(json!({ "free_bytes": free }));
    };
    found
        .hint("Free some space there: a change of a license would fail, and lose nothing.")
        .about(directory)
        .detail(json!({ "free_bytes": free }))
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        mib @ 0..10_240 => format!("{mib} MiB"),
        mib => format!("{} GiB", mib >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Contents, Look, Standing};

    fn reading(state: State, notes: &[Note]) -> Reading {
        Reading {
            standing: Standing {
                state,
                store_id: [1; 16],
                generation: 7,
                highest_anchor: 7,
                next_store_id: [1; 16],
                next_generation: 8,
            },
            contents: Contents::default(),
            sealer: SealerKind::Tpm,
            notes: notes.to_vec(),
            look: Look::default(),
        }
    }

    #[test]
    fn where_another_products_store_stands_no_activation_is_advised() {
        for state in [State::Absent, State::Missing, State::Damaged] {
            let found = standing(&reading(state, &[Note::Foreign]), "/s");
            assert_eq!((found.code, found.level), (Some(Code::StorageUnsafe), Level::Error));
            assert_eq!(found.next_step, NextStep::ContactVendor, "{state:?}");
        }
    }

    fn access(free: u64) -> Access {
        Access { directory: "/s".to_owned(), in_memory: false, closed: None, free: Some(free) }
    }

    /// What is said of each state, at which level, and what comes next.
    #[test]
    fn u17_each_state_of_a_store_has_its_severity_and_next_step() {
        let rows = [
            (State::Sound, Level::Info, None, NextStep::None),
            (State::Absent, Level::Info, None, NextStep::Activate),
            (State::Restored, Level::Error, Some(Code::Restored), NextStep::Repair),
            (State::Missing, Level::Error, Some(Code::StorageMissing), NextStep::Activate),
            (State::Damaged, Level::Error, Some(Code::StorageDamaged), NextStep::Activate),
            (State::Newer, Level::Error, Some(Code::StorageNewer), NextStep::ContactVendor),
        ];
        for (state, level, code, next) in rows {
            let found = standing(&reading(state, &[]), "/s");
            assert_eq!(
                (found.level, found.code, found.next_step),
                (level, code, next),
                "{state:?}"
            );
            assert_eq!(level == Level::Error, !found.hint.is_empty(), "{state:?}");
        }
    }

    /// One of them has just said that the store is an older copy.
    #[test]
    fn u17_anchors_are_not_said_to_agree_with_a_restored_store() {
        let told = |state| {
            let found = store(&reading(state, &[]), &access(1 << 40));
            found.iter().any(|one| one.topic == Topic::Anchor)
        };
        assert!(told(State::Sound) && !told(State::Restored));
    }

    #[test]
    fn u17_what_is_about_to_break_is_told_before_it_does() {
        let levels = |notes: &[Note]| {
            let found = store(&reading(State::Sound, notes), &access(1 << 40));
            let of = |topic| found.iter().filter(move |one| one.topic == topic);
            [Topic::Image, Topic::Anchor]
                .map(|topic| of(topic).map(|one| one.level).collect::<Vec<_>>())
        };
        assert_eq!(levels(&[]), [vec![Level::Info], vec![Level::Info]]);
        let restored = store(&reading(State::Restored, &[Note::CounterAhead]), &access(1 << 40));
        assert!(restored.iter().all(|one| one.topic != Topic::Anchor), "they don't agree with it");
        assert_eq!(levels(&[Note::ImageDamaged('b')]), [vec![Level::Warn], vec![Level::Info]]);
        assert_eq!(levels(&[Note::AnchorMissing]), [vec![Level::Info], vec![Level::Warn]]);
        // A killed writer is nobody's fault.
        assert_eq!(
            levels(&[Note::ImageBehind('a'), Note::AnchorBehind]),
            [vec![Level::Info], vec![Level::Info]]
        );
    }

    #[test]
    fn u17_what_seals_a_store_is_told_and_a_tpm_that_is_gone_is_a_warning() {
        let found = |notes: &[Note]| {
            let found = store(&reading(State::Sound, notes), &access(1 << 40));
            let of_sealer = found.into_iter().filter(|one| one.topic == Topic::Sealer);
            of_sealer.map(|one| (one.level, one.detail)).collect::<Vec<_>>()
        };
        let told = (Level::Info, json!({ "sealer": "tpm" }));
        assert_eq!(found(&[]).last(), Some(&told));
        let noted = found(&[Note::SealerUnreachable]);
        assert_eq!((noted[0].0, noted.last()), (Level::Warn, Some(&told)));
    }

    #[test]
    fn u17_a_full_disk_and_a_missing_right_are_told_while_the_license_works() {
        let level = |free| space(free, "/s").level;
        assert_eq!([0, NEEDED, COMFORTABLE].map(level), [Level::Error, Level::Warn, Level::Info]);
        let closed = Some(Error::from_code(Code::Permission));
        let found = permission(&Access { closed, ..access(0) });
        assert_eq!((found.level, found.code), (Level::Warn, Some(Code::Permission)));
        assert!(!found.hint.is_empty());
    }
}
