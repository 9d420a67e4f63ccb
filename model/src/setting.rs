//! What is fixed during a run: the rules in force, the bounds, and what the run has touched.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::events::Event;
use crate::named::named;
use crate::rules::Rule;
use crate::state::{Host, NEVER, Time};

named! {
    /// What may happen only so often in a run.
    Budget {
        Save => "backups of a store",
        Restore => "restored stores",
        Rollback => "whole machines rolled back",
        Loss => "lost stores",
        Copy => "stores copied to another place",
        Clone => "cloned machines",
        Rehost => "Re-hosts",
        Retire => "portal Returns",
        Backup => "backups of the portal",
        PortalRestore => "restored portals",
        Hears => "contacts of other licenses of the store",
        Shorten => "leases shortened by policy",
        Forge => "forged messages",
        Crash => "crashes of the machine's processes",
        Checkout => "checkouts",
        File => "response files",
        GiveUp => "calls that are given up",
        PortalClock => "times that the portal's clock is set back",
    }
}

/// How many budgets there are.
pub const BUDGETS: usize = Budget::COUNT;

/// The bounds of a run. What is not bounded here is bounded by nothing: messages are lost,
/// repeated and reordered without count.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Its name.
    pub name: &'static str,
    /// The evidence of each place.
    pub places: &'static [Host],
    /// Seats of the activation ID.
    pub quantity: u8,
    /// Strict mode; else prompt.
    pub strict: bool,
    /// Length of a lease; 0: none.
    pub lease: Time,
    /// Grace after it.
    pub grace: Time,
    /// Clock tolerance.
    pub tolerance: Time,
    /// How long a grant waits to be applied.
    pub apply_within: Time,
    /// When the run ends.
    pub end: Time,
    /// Operations that a place may make.
    pub ops: u16,
    /// The most seats that a machine asks for.
    pub most: u8,
    /// Store, anchors and message are steps of their own; else a call does all three.
    pub fine: bool,
    /// Another process of the machine works by a table of its own.
    pub tables: bool,
    /// Repairs that the portal allows.
    pub repair_limit: u8,
    /// Returns that the portal allows.
    pub return_limit: u8,
    /// A lease that is over for good frees its seat.
    pub reclaim: bool,
    /// Policy gives no rights by files.
    pub files_refused: bool,
    /// As the library does it: a return finishes a re-attach first, which may then take a new
    /// fulfillment where its own is gone, else a return takes its place, and it may not. And a
    /// repair, or an orphan's refresh, is asked in any state: it is the portal that judges.
    pub as_the_library: bool,
    /// Budgets, for what is not in the list: 0.
    pub budgets: &'static [(Budget, u8)],
}

impl Bounds {
    /// The smallest world that does something: one machine, one seat, prompt, a lease of one.
    pub const BASE: Self = Self {
        name: "base",
        places: &[0],
        quantity: 1,
        strict: false,
        lease: 1,
        grace: 0,
        tolerance: 0,
        apply_within: 1,
        end: 0,
        ops: 2,
        most: 1,
        fine: false,
        tables: false,
        repair_limit: 1,
        return_limit: 8,
        reclaim: false,
        files_refused: false,
        as_the_library: false,
        budgets: &[],
    };

    /// How often something may happen.
    #[must_use]
    pub fn budget(&self, budget: Budget) -> u8 {
        self.budgets.iter().find(|(named, _)| *named == budget).map_or(0, |(_, most)| *most)
    }
    /// The end of grace of a lease of this length that begins now.
    #[must_use]
    pub fn until(&self, now: Time, lease: Time) -> Time {
        if lease == 0 { NEVER } else { now + lease + self.grace }
    }
    /// The reach of a lease: its end of grace and the clock tolerance.
    #[must_use]
    pub fn reach(&self, until: Time) -> Time {
        until.saturating_add(self.tolerance)
    }
    /// How many hosts there are.
    #[must_use]
    pub fn hosts(&self) -> usize {
        self.places.iter().copied().max().map_or(0, |host| usize::from(host) + 1)
    }
}

/// Counts of what a run has touched.
#[derive(Debug)]
pub struct Cover([AtomicU64; Event::COUNT]);

impl Default for Cover {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; Event::COUNT])
    }
}

impl Cover {
    /// Counts one.
    pub fn hit(&self, event: Event) {
        if let Some(count) = self.0.get(event.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    /// How often.
    #[must_use]
    pub fn count(&self, event: Event) -> u64 {
        self.0.get(event.index()).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// Rules, bounds and counts, as the steps see them.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The rule that is left out.
    pub without: Option<Rule>,
    /// The bounds.
    pub bounds: &'a Bounds,
    /// Where it is counted; nowhere while a future is only tried out.
    pub cover: Option<&'a Cover>,
}

impl Setting<'_> {
    /// Whether a rule is in force.
    #[must_use]
    pub fn has(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }
    /// Counts one.
    pub fn hit(&self, event: Event) {
        if let Some(cover) = self.cover {
            cover.hit(event);
        }
    }
}
