//! What a host shows of itself: hashes of weighted factors, never a raw value. Evidence, and no
//! secret.
//!
//! Two judgments are made of it, the same on the machine and on the portal:
//!
//! * [`Evidence::matches`]: still the machine that this was issued to? A weighted majority of what
//!   was known then must be there now; absent is not equal. Ordinary changes keep it, two at once too.
//! * [`Evidence::matches_strictly`]: certainly the same machine, for a re-attach that cannot show
//!   its record? Every strong factor that both sides know is equal, and there is one.
//!
//! Why the weights are what they are, `docs/host-identity.md` says; the tables of honest changes and
//! of copies that hold them are in `src/machine/tests`.

use serde::{Deserialize, Serialize};

use crate::encoding::Id;
use crate::limits::{FACTOR_VALUES_MAX, FACTORS_MAX};

/// The factors, and what kind of machine it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// What kind of machine says so.
    pub machine: MachineKind,
    /// At most one entry a kind, sorted by kind.
    pub factors: Vec<Factor>,
}

/// What kind of machine a host is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineKind {
    /// No sign of anything else.
    #[default]
    Physical,
    /// A virtual machine.
    Virtual,
    /// A container.
    Container,
    /// The host application names its own identity.
    Given,
}

/// One factor: its kind and the salted hashes of its values, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// Which factor.
    pub kind: FactorKind,
    /// One hash a value: several for network cards and disks.
    pub values: Vec<Id>,
}

/// The kinds of factor. Their weights are fixed with the protocol's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    /// The host application's own identity, or that of a container's volume. Stands alone.
    Identity,
    /// The operating system's machine ID.
    MachineId,
    /// The firmware's system UUID; of a machine for rent its provider's ID of it, too.
    SystemUuid,
    /// The board's serial number.
    BoardSerial,
    /// Disks, by their serial numbers.
    Disk,
    /// Network cards, by their makers' addresses.
    Network,
    /// Processor model.
    Processor,
    /// What a hypervisor draws anew when a virtual machine is copied or put back.
    VmGeneration,
}

impl FactorKind {
    /// Every kind, in order.
    pub const ALL: [Self; 8] = [
        Self::Identity,
        Self::MachineId,
        Self::SystemUuid,
        Self::BoardSerial,
        Self::Disk,
        Self::Network,
        Self::Processor,
        Self::VmGeneration,
    ];

    /// How much a factor counts. The machine ID little: it is the one that is copied with a disk.
    #[must_use]
    pub const fn weight(self) -> u32 {
        match self {
            Self::Identity => 100,
            Self::Disk => 70,
            Self::SystemUuid => 60,
            Self::Network => 45,
            Self::BoardSerial => 30,
            Self::MachineId => 20,
            Self::Processor | Self::VmGeneration => 10,
        }
    }

    /// How much it counts against a machine that no longer shows it. What the firmware says
    /// vanishes whole, without any part being replaced: by an update of the firmware, a kernel
    /// that doesn't show it. So it counts half.
    #[must_use]
    pub const fn weight_missing(self) -> u32 {
        match self {
            Self::SystemUuid | Self::BoardSerial | Self::VmGeneration => self.weight() / 2,
            _ => self.weight(),
        }
    }

    /// Whether it names one machine in the world.
    #[must_use]
    pub const fn is_strong(self) -> bool {
        matches!(self, Self::Identity | Self::MachineId | Self::SystemUuid | Self::BoardSerial)
    }

    /// Its name, as messages and people have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::MachineId => "machine_id",
            Self::SystemUuid => "system_uuid",
            Self::BoardSerial => "board_serial",
            Self::Disk => "disk",
            Self::Network => "network",
            Self::Processor => "processor",
            Self::VmGeneration => "vm_generation",
        }
    }
}

/// What became of a factor that was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// At least one of the values known then is there.
    Equal,
    /// Other values are there.
    Different,
    /// No value is there.
    Missing,
}

/// How much of what was known is there now, in weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// What is equal.
    pub equal: u32,
    /// What was known; of a factor that is missing, what that counts.
    pub known: u32,
}

impl Score {
    /// A majority: more than half.
    #[must_use]
    pub const fn is_match(self) -> bool {
        self.equal * 2 > self.known
    }
}

impl Evidence {
    /// The hashes of one factor; empty where it isn't known.
    #[must_use]
    pub fn values(&self, kind: FactorKind) -> &[Id] {
        self.factors.iter().find(|factor| factor.kind == kind).map_or(&[], |factor| &factor.values)
    }

    /// What became of each factor that is known here, in order.
    pub fn changes(&self, now: &Self) -> impl Iterator<Item = (FactorKind, Change)> {
        self.factors.iter().map(|factor| {
            let there = now.values(factor.kind);
            let change = if there.is_empty() {
                Change::Missing
            } else if factor.values.iter().any(|value| there.contains(value)) {
                Change::Equal
            } else {
                Change::Different
            };
            (factor.kind, change)
        })
    }

    /// The score of `now` against this, which was known when the license was issued.
    #[must_use]
    pub fn score(&self, now: &Self) -> Score {
        let mut score = Score { equal: 0, known: 0 };
        for (kind, change) in self.changes(now) {
            match change {
                Change::Equal => {
                    score.equal += kind.weight();
                    score.known += kind.weight();
                }
                Change::Different => score.known += kind.weight(),
                Change::Missing => score.known += kind.weight_missing(),
            }
        }
        score
    }

    /// Whether `now` is certainly another machine, whatever the score: a virtual machine of another
    /// UUID. A copy of one can have all else of its original; nothing honest gives it a new UUID.
    #[must_use]
    pub fn contradicts(&self, now: &Self) -> bool {
        let is_virtual = [self.machine, now.machine].contains(&MachineKind::Virtual);
        is_virtual
            && self.changes(now).any(|change| change == (FactorKind::SystemUuid, Change::Different))
    }

    /// Whether `now` is still the machine of this evidence.
    #[must_use]
    pub fn matches(&self, now: &Self) -> bool {
        self.score(now).is_match() && !self.contradicts(now)
    }

    /// Whether `now` is certainly the machine of this evidence: every strong factor that both know
    /// is equal, there is at least one, and the score agrees.
    #[must_use]
    pub fn matches_strictly(&self, now: &Self) -> bool {
        let mut both = self
            .changes(now)
            .filter(|(kind, change)| kind.is_strong() && *change != Change::Missing)
            .peekable();
        both.peek().is_some()
            && both.all(|(_, change)| change == Change::Equal)
            && self.matches(now)
    }

    /// The host ID shown to people and kept by the portal: `H-` and twenty hexadecimal digits of
    /// the hash of the first factor known. It names, it proves nothing.
    #[must_use]
    pub fn host_id(&self) -> String {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(b"lm-host-id");
        if let Some(factor) = self.factors.iter().min_by_key(|factor| factor.kind) {
            for value in &factor.values {
                context.update(&value.0);
            }
        }
        let digits: String =
            crate::encoding::to_hex(context.finish().as_ref()).chars().take(20).collect();
        format!("H-{digits}")
    }

    pub(crate) fn is_within_bounds(&self) -> bool {
        self.factors.len() <= FACTORS_MAX
            && self.factors.is_sorted_by(|a, b| a.kind < b.kind)
            && self.factors.iter().all(|factor| {
                (1..=FACTOR_VALUES_MAX).contains(&factor.values.len())
                    && factor.values.is_sorted_by(|a, b| a < b)
            })
    }
}

/// The hash of a factor's raw value: HMAC-SHA-256 under the vendor's salt over the kind's name and
/// the value, cut to 128 bits.
#[must_use]
pub fn hash_value(salt: &[u8; 32], kind: FactorKind, raw: &str) -> Id {
    salted(salt, kind.name(), raw)
}

/// The hash of a user's ID on a machine, for a holder in user scope.
#[must_use]
pub fn hash_user(salt: &[u8; 32], raw: &str) -> Id {
    salted(salt, "user", raw)
}

fn salted(salt: &[u8; 32], name: &str, raw: &str) -> Id {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, salt);
    let mut context = ring::hmac::Context::with_key(&key);
    context.update(name.as_bytes());
    context.update(&[0]);
    context.update(raw.as_bytes());
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    Id(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(factors: &[(FactorKind, &[u8])]) -> Evidence {
        let factors = factors
            .iter()
            .map(|(kind, values)| Factor {
                kind: *kind,
                values: values.iter().map(|value| Id([*value; 16])).collect(),
            })
            .collect();
        Evidence { machine: MachineKind::Physical, factors }
    }

    use FactorKind::{BoardSerial, Disk, MachineId, Network, Processor, SystemUuid};

    fn desk() -> Evidence {
        evidence(&[
            (MachineId, &[1]),
            (SystemUuid, &[2]),
            (BoardSerial, &[3]),
            (Disk, &[4, 5]),
            (Network, &[6, 7]),
            (Processor, &[8]),
        ])
    }

    #[test]
    fn one_ordinary_change_keeps_the_host_a_majority_breaks_it() {
        let change = |from: &Evidence, kind: FactorKind| {
            let mut to = from.clone();
            to.factors.retain(|factor| factor.kind != kind);
            to
        };
        for kind in [MachineId, SystemUuid, BoardSerial, Disk, Network, Processor] {
            assert!(desk().matches(&change(&desk(), kind)), "{kind:?} alone");
        }
        let other = evidence(&[
            (MachineId, &[1]),
            (SystemUuid, &[20]),
            (BoardSerial, &[30]),
            (Disk, &[40]),
            (Network, &[60]),
            (Processor, &[8]),
        ]);
        assert!(!desk().matches(&other), "a cloned disk in the same model of machine");
        assert!(!desk().matches(&Evidence::default()), "absent is not equal");
        assert!(!Evidence::default().matches(&desk()), "nothing known proves nothing");
    }

    /// The example of `docs/host-identity.md`.
    #[test]
    fn what_the_firmware_no_longer_says_counts_half() {
        let mut now = desk();
        now.factors.retain(|factor| ![SystemUuid, BoardSerial].contains(&factor.kind));
        now.factors[0].values = vec![Id([9; 16])];
        let score = desk().score(&now);
        assert_eq!(score, Score { equal: 70 + 45 + 10, known: 70 + 45 + 10 + 20 + 30 + 15 });
        assert!(score.is_match(), "its firmware updated, its system installed anew");
    }

    #[test]
    fn r50_a_virtual_machine_of_another_uuid_is_another_whatever_else_it_copied() {
        let original = Evidence { machine: MachineKind::Virtual, ..desk() };
        let mut copy = original.clone();
        copy.factors[1].values = vec![Id([99; 16])];
        assert!(original.score(&copy).is_match());
        assert!(!original.matches(&copy) && !original.matches_strictly(&copy));
        let mut board = desk();
        board.factors[1].values = vec![Id([99; 16])];
        assert!(desk().matches(&board), "a real machine's firmware may be set anew");
    }

    #[test]
    fn a_new_generation_of_a_virtual_machine_gains_nothing_and_breaks_nothing() {
        let with = |generation: u8| {
            let mut it = Evidence { machine: MachineKind::Virtual, ..desk() };
            let values = vec![Id([generation; 16])];
            it.factors.push(Factor { kind: FactorKind::VmGeneration, values });
            it
        };
        let silent = Evidence { machine: MachineKind::Virtual, ..desk() };
        let (same, changed) = (with(1).score(&with(1)), with(1).score(&with(2)));
        assert!(changed.equal < same.equal && changed.known == same.known);
        assert!(with(1).score(&silent).known < changed.known);
        // Put back to a snapshot: repair asks for a strict match.
        assert!(with(1).matches_strictly(&with(2)));
    }

    #[test]
    fn strict_asks_for_every_strong_factor_that_both_know() {
        let mut firmware_update = desk();
        firmware_update.factors.retain(|factor| factor.kind != SystemUuid);
        assert!(desk().matches_strictly(&firmware_update));
        let mut new_system = desk();
        new_system.factors[0].values = vec![Id([9; 16])];
        assert!(desk().matches(&new_system));
        assert!(!desk().matches_strictly(&new_system));
        let weak = evidence(&[(Network, &[6]), (Processor, &[8])]);
        assert!(!weak.matches_strictly(&weak), "no strong factor, no certainty");
    }

    #[test]
    fn r85_a_raw_value_is_hashed_under_the_vendors_salt() {
        let one = hash_value(&[1; 32], MachineId, "4c4c4544");
        assert_ne!(one, hash_value(&[2; 32], MachineId, "4c4c4544"));
        assert_ne!(one, hash_value(&[1; 32], SystemUuid, "4c4c4544"));
        // Stable across versions of the library, or every license would break.
        assert_eq!(one.to_string(), "81d83eee62b32b19fb84f1c40c897c3f");
    }
}
