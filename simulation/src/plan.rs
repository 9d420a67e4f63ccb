//! What the world of a seed is like: its policy, its machines, how unkind it is.

use lm_portal::{Kind, NewEntitlement};
use lm_protocol::Terms;

use crate::dice::Dice;
use crate::events::Inclined;
use crate::fault::Fault;

/// The product that the machines run.
pub(crate) const PRODUCT: &str = "ortho";
/// The feature of node-locked licenses.
pub(crate) const NODE_LOCKED: &str = "raster";
/// The feature of concurrent ones.
pub(crate) const CONCURRENT: &str = "points";
/// When every seed begins, Unix seconds.
pub(crate) const BEGIN: i64 = 1_800_000_000;

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 86_400;

/// How a seed is run.
#[derive(Clone, Debug)]
pub struct Order {
    /// The seed.
    pub seed: u64,
    /// How many events.
    pub events: u64,
    /// What is planted; `None`: nothing.
    pub fault: Option<Fault>,
    /// Events that are left out.
    pub without: Vec<u64>,
    /// Whether the history is told in words.
    pub told: bool,
    /// Whether it is held against the model.
    pub replay: Replay,
}

/// Whether a seed's history is held against the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    /// No.
    #[default]
    No,
    /// Beside the judgment.
    Beside,
    /// In place of it.
    Alone,
}

/// What the dice have made of a seed before its first event.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) machines: Vec<MachinePlan>,
    pub(crate) policy: Policy,
    pub(crate) inclined: Inclined,
}

/// One machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MachinePlan {
    /// Which hardware: two machines with one number are clones.
    pub(crate) hardware: u32,
    pub(crate) is_virtual: bool,
    /// It is nobody's until another machine is cloned to it.
    pub(crate) is_clone: bool,
    /// Directories in which the product keeps stores here.
    pub(crate) places: usize,
}

/// What the vendor has set.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) terms: Terms,
    pub(crate) starts_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) returns: Option<u32>,
    pub(crate) rehosts: Option<u32>,
    pub(crate) repairs: Option<u32>,
    pub(crate) period: i64,
    /// Seats of the node-locked and the concurrent activation ID.
    pub(crate) nl: u32,
    pub(crate) cc: u32,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let dice = &mut Dice::of(seed, 0, 0);
        let twin = dice.percent(20);
        let second = dice.percent(25);
        let machines = (0..if twin { 4 } else { 3 })
            .map(|number| MachinePlan {
                hardware: if number == 3 { 0 } else { number },
                is_virtual: number == 2,
                is_clone: number == 3,
                places: if number == 1 && second { 2 } else { 1 },
            })
            .collect();
        let inclined = Inclined {
            mishaps: [0, 0, 1, 2][dice.index(4).unwrap_or(0)],
            restores: [0, 0, 0, 0, 2][dice.index(5).unwrap_or(0)],
            people: [0, 2, 4][dice.index(3).unwrap_or(0)],
            bad_clocks: [0, 0, 2][dice.index(3).unwrap_or(0)],
        };
        Self { machines, policy: Policy::of(dice), inclined }
    }

    pub(crate) const fn is_strict(&self) -> bool {
        self.policy.terms.strict
    }
}

impl Policy {
    fn of(dice: &mut Dice) -> Self {
        let strict = dice.percent(40);
        let lease = match dice.below(8) {
            0 if !strict => 0,
            0..=2 => 2 * HOUR,
            3..=4 => DAY,
            _ => 7 * DAY,
        };
        let grace = [0, HOUR, 3 * DAY].get(dice.index(3).unwrap_or(0)).copied().unwrap_or(0);
        let terms = Terms {
            lease,
            grace: if lease == 0 { 0 } else { grace },
            clock_tolerance: if dice.percent(70) { DAY } else { 2 * HOUR },
            strict,
            reclaim: lease > 0 && dice.percent(15),
            virtual_machines: !dice.percent(5),
            offline: !dice.percent(10),
            ..Terms::default()
        };
        Self {
            terms,
            starts_at: if dice.percent(6) { BEGIN + 2 * DAY } else { 0 },
            expires_at: if dice.percent(25) { BEGIN + 20 * DAY } else { 0 },
            returns: dice.percent(15).then_some(3),
            rehosts: dice.percent(15).then_some(1),
            repairs: dice.percent(30).then(|| u32::from(dice.percent(60))),
            period: 10 * DAY,
            nl: 2,
            cc: u32::try_from(dice.between(3, 6)).unwrap_or(3),
        }
    }

    /// An entitlement of this policy.
    pub(crate) fn entitlement(&self, product: &str, (kind, seats): (Kind, u32)) -> NewEntitlement {
        let feature = if kind == Kind::Cc { CONCURRENT } else { NODE_LOCKED };
        NewEntitlement {
            starts_at: self.starts_at,
            expires_at: self.expires_at,
            terms: self.terms.clone(),
            return_limit: self.returns,
            rehost_limit: self.rehosts,
            repair_limit: self.repairs,
            limit_period: self.period,
            ..NewEntitlement::new(product, &[(feature, None)], seats)
        }
    }
}
