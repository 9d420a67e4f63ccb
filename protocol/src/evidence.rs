//! What a host shows of itself: hashes of weighted factors, never a raw value. Evidence, and no
//! secret.
//!
//! Two judgments are made of it, the same on the machine and on the portal:
//!
//! * [`Evidence::matches`]: still the machine that this was issued to? A weighted majority of what
//!   was known then must be there now; absent is not equal. One ordinary change keeps it.
//! * [`Evidence::matches_strictly`]: certainly the same machine, for a re-attach that cannot show
//!   its record? Every strong factor that both sides know is equal, and there is one.

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
    /// The host application's own identity. Given alone.
    Identity,
    /// The operating system's machine ID.
    MachineId,
    /// The firmware's system UUID.
    SystemUuid,
    /// The board's serial number.
    BoardSerial,
    /// Disks, by their serial numbers.
    Disk,
    /// Physical network cards, by their addresses.
    Network,
    /// Processor model.
    Processor,
}

impl FactorKind {
    /// How much a factor counts.
    #[must_use]
    pub const fn weight(self) -> u32 {
        match self {
            Self::Identity => 100,
            Self::MachineId | Self::SystemUuid => 40,
            Self::BoardSerial | Self::Disk => 30,
            Self::Network => 20,
            Self::Processor => 10,
        }
    }

    /// Whether it names one machine in the world.
    #[must_use]
    pub const fn is_strong(self) -> bool {
        matches!(self, Self::Identity | Self::MachineId | Self::SystemUuid | Self::BoardSerial)
    }
}

/// How much of what was known is there now, in weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// What is equal.
    pub equal: u32,
    /// What was known.
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

    /// The score of `now` against this, which was known when the license was issued. A factor
    /// with several values counts while at least one of those known then is there.
    #[must_use]
    pub fn score(&self, now: &Self) -> Score {
        let mut score = Score { equal: 0, known: 0 };
        for factor in &self.factors {
            let there = now.values(factor.kind);
            score.known += factor.kind.weight();
            if factor.values.iter().any(|value| there.contains(value)) {
                score.equal += factor.kind.weight();
            }
        }
        score
    }

    /// Whether `now` is still the machine of this evidence.
    #[must_use]
    pub fn matches(&self, now: &Self) -> bool {
        self.score(now).is_match()
    }

    /// Whether `now` is certainly the machine of this evidence: every strong factor that both know
    /// is equal, there is at least one, and the score agrees.
    #[must_use]
    pub fn matches_strictly(&self, now: &Self) -> bool {
        let mut both = self
            .factors
            .iter()
            .filter(|factor| factor.kind.is_strong() && !now.values(factor.kind).is_empty())
            .peekable();
        both.peek().is_some()
            && both.all(|factor| factor.values == now.values(factor.kind))
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
    let name = match kind {
        FactorKind::Identity => "identity",
        FactorKind::MachineId => "machine_id",
        FactorKind::SystemUuid => "system_uuid",
        FactorKind::BoardSerial => "board_serial",
        FactorKind::Disk => "disk",
        FactorKind::Network => "network",
        FactorKind::Processor => "processor",
    };
    salted(salt, name, raw)
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
