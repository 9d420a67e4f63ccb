//! No right without its seat. What the living processes of a host may use, by their own status, it
//! holds: as fulfillments that stand, or as seats that cool for it. Where the portal had no word of
//! the machine (Re-host, portal Return, a clone, a second store, a machine put back whole) older
//! copies may work on until their reach: in prompt mode their seats may have another user by then,
//! in strict mode they cool, and so have none.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::examine;
use crate::locked;
use crate::machine::{Place, Process};
use crate::world::World;

impl World {
    /// Seats that a place uses, as the worst of its processes has it.
    pub(crate) fn use_of(&self, place: Place, id: &str) -> i64 {
        let uses = |process: &Arc<Process>| {
            let status = process.client()?.status(Some(id)).ok()?;
            status.usable.then_some(i64::from(status.seats))
        };
        let live = self.machine(place.machine).live_at(place);
        live.iter().filter_map(uses).max().unwrap_or(0)
    }

    /// What a place uses, as far as a restored portal can know of it: a record may be newer than what
    /// the portal has of it, and until its machine is heard of, only what the portal has is promised.
    fn known_use_of(self: &Arc<Self>, place: Place, id: &str) -> i64 {
        let used = self.use_of(place, id);
        if used == 0 || !locked(&self.judge).restored {
            return used;
        }
        let store = examine(self, place);
        let entry = store.as_ref().and_then(|store| store.entries.iter().find(|e| e.id == id));
        let Some(record) = entry.and_then(|entry| entry.record.as_ref()) else { return 0 };
        let judge = locked(&self.judge);
        let mut live = judge.books.live.iter();
        match live.find(|held| held.fulfillment == record.fulfillment_id) {
            None => 0,
            Some(_) if !self.plan.is_strict() && record.epoch < judge.books.epoch => 0,
            Some(held) => used.min(held.seats),
        }
    }

    /// Judges the use of every activation ID.
    pub(crate) fn judge_seats(self: &Arc<Self>) {
        let ids: Vec<String> = locked(&self.judge).books.ids.keys().cloned().collect();
        for id in ids {
            let mut uses: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
            for place in self.places() {
                let used = self.known_use_of(place, &id);
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

    /// Seats that are checked out at an honest place are seats that its records give. Where people
    /// ended a record, or time, its users work on until they look; so they do where a restored portal
    /// tells a machine that another store has the license (docs/adr/portal-0001), which ends it too.
    pub(crate) fn judge_seats_in_use(self: &Arc<Self>) {
        let policy = &self.plan.policy;
        if policy.expires_at != 0 || policy.terms.reclaim || locked(&self.judge).restored {
            return;
        }
        for place in self.places() {
            let host = self.host_of(place.machine);
            let judge = locked(&self.judge);
            let ended = judge
                .accounts
                .iter()
                .any(|((owner, _), account)| *owner == host && account.excused.is_some());
            let honest = !judge.is_tampered(place) && !judge.is_disturbed(host);
            drop(judge);
            if !ended && honest {
                self.judge_checked_out(place);
            }
        }
    }

    fn judge_checked_out(self: &Arc<Self>, place: Place) {
        let live = self.machine(place.machine).live_at(place);
        let out =
            live.iter().flat_map(|p| locked(&p.seats).iter().map(|s| s.1).collect::<Vec<_>>());
        let out: u32 = out.sum();
        if out == 0 {
            return;
        }
        let given: u32 = examine(self, place)
            .map_or(0, |store| store.entries.iter().map(|entry| entry.concurrent_seats()).sum());
        if out > given {
            self.accuse("no seat in use without its record", || {
                format!("{place}: {out} seats are checked out, its records give {given}")
            });
        }
    }
}
