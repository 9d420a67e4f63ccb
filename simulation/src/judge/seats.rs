//! No right without its seat. What the living processes of a host may use, by their own status, it
//! holds: as fulfillments that stand, or as seats that cool for it. Where the portal had no word of
//! the machine (Re-host, portal Return, a clone, a second store, a machine put back whole) older
//! copies may work on until their reach: in prompt mode their seats may have another user by then,
//! in strict mode they cool, and so have none.

use std::collections::BTreeMap;

use crate::locked;
use crate::machine::Place;
use crate::world::World;

impl World {
    /// Seats that a place uses, as the worst of its processes has it.
    pub(crate) fn use_of(&self, place: Place, id: &str) -> i64 {
        let uses = |process: &std::sync::Arc<crate::machine::Process>| {
            let status = process.client()?.status(Some(id)).ok()?;
            status.usable.then_some(i64::from(status.seats))
        };
        let live = self.machine(place.machine).live_at(place);
        live.iter().filter_map(uses).max().unwrap_or(0)
    }

    /// Judges the use of every activation ID.
    pub(crate) fn judge_seats(&self) {
        let ids: Vec<String> = locked(&self.judge).books.ids.keys().cloned().collect();
        for id in ids {
            let mut uses: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
            for place in self.places() {
                let used = self.use_of(place, &id);
                if used > 0 {
                    uses.entry(self.host_of(place.machine)).or_default().push(used);
                }
            }
            for (host, uses) in uses {
                self.judge_host(host, &id, &uses);
            }
        }
    }

    fn judge_host(&self, host: usize, id: &str, uses: &[i64]) {
        let judge = locked(&self.judge);
        let account = judge.accounts.get(&(host, id.to_owned())).copied().unwrap_or_default();
        let copies = account.excused.is_some_and(|until| self.portal_time() <= until);
        if copies && !self.plan.is_strict() {
            return;
        }
        let used = if copies { uses.iter().max().copied() } else { Some(uses.iter().sum()) };
        let used = used.unwrap_or(0);
        let is_own = |fulfillment: &str| judge.owner(fulfillment) == Some(host);
        let held =
            judge.books.live.iter().filter(|held| held.id == id && is_own(&held.fulfillment));
        let cooling = judge.books.cooling.iter().filter(|c| c.id == id && is_own(&c.fulfillment));
        let backed: i64 =
            held.map(|h| h.seats).sum::<i64>() + cooling.map(|c| c.seats).sum::<i64>();
        if used > backed {
            self.accuse("no right without its seat", || {
                format!("host {host} uses {used} of {id} and holds {backed}")
            });
        }
    }
}
