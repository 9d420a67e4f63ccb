//! The fair future. Faults are off, clocks are right, every message arrives: everyone finishes what is
//! pending, works, and returns what it has. Then no seat is held by nobody, nothing cools for ever,
//! the books are empty, and everyone can activate again.

use std::collections::BTreeSet;
use std::sync::Arc;

use lm::{Client, Code, State, trust};
use lm_portal::ledger::{activation, history, seats};

use crate::events::calls::open_at;
use crate::events::end;
use crate::judge::examine;
use crate::locked;
use crate::machine::{Place, Process};
use crate::plan::{DAY, HOUR, MINUTE};
use crate::world::World;

/// More rounds than anyone needs.
const ROUNDS: usize = 6;
/// Longer than any reach, and than the period of any limit.
const LONG: i64 = 40 * DAY * 1000;

impl World {
    /// Drains the world and judges what is left.
    pub(crate) fn drain(self: &Arc<Self>) {
        self.tell(|| "everything heals".to_owned());
        self.calm_down();
        self.set_portal_ahead(0);
        let mut opened = Vec::new();
        for machine in &self.machines {
            machine.kill_all();
            locked(&machine.clocks).ahead = 0;
        }
        for place in self.places() {
            opened.extend(open_at(self, place));
        }
        self.settle_down(&opened);
        // A routine refresh keeps to the back-off.
        self.pass(2 * HOUR * 1000);
        self.honest_ones_work(&opened);
        self.everyone_returns(&opened);
        self.people_end_the_rest();
        self.all_is_free();
        self.everyone_can_activate(&opened);
        self.history_is_whole();
    }

    fn drained_call(
        self: &Arc<Self>,
        process: &Arc<Process>,
        call: impl FnOnce(&Client) -> lm::Result<()>,
    ) -> Result<(), Code> {
        let before = self.before_call(process);
        let result = self.call(process, call).unwrap_or(Ok(()));
        self.tell(|| {
            let code = result.as_ref().err().map_or("OK", |error| error.code().name());
            format!(" {}: {code}", process.place)
        });
        self.judge_result(process, &result);
        self.judge_granted(process, before);
        result.map_err(|error| error.code())
    }

    fn is_quiet(self: &Arc<Self>, place: Place) -> bool {
        examine(self, place)
            .is_none_or(|store| store.entries.iter().all(|entry| entry.pending.is_none()))
    }

    /// Everybody finishes what is pending, and mends what can be mended.
    fn settle_down(self: &Arc<Self>, opened: &[Arc<Process>]) {
        for round in 0..ROUNDS {
            // A portal that asked for patience has had it.
            self.pass(2 * MINUTE * 1000);
            for process in opened {
                self.heal(process, round);
            }
            if opened.iter().all(|process| self.is_quiet(process.place)) && round > 0 {
                return;
            }
        }
        self.accuse("everything drains", || "somebody never comes to rest".to_owned());
    }

    fn heal(self: &Arc<Self>, process: &Arc<Process>, round: usize) {
        if !self.is_quiet(process.place) {
            // What is refused is told; it is no longer pending all the same.
            let _ = self.drained_call(process, Client::resume);
        }
        let rows = self.call(process, Client::list).and_then(Result::ok).unwrap_or_default();
        for row in rows {
            let id = &row.activation_id;
            let foreign = row.status.trust & trust::HOST == 0;
            if row.status.state == State::Orphaned || foreign {
                if self.drained_call(process, |client| client.remove(id)).is_err() && round > 1 {
                    self.accuse("everything drains", || format!("{row:?} can't be removed"));
                }
            } else if row.status.state == State::Untrusted && round == 0 {
                let seats = row.status.seats.max(1);
                // Past the limit of repairs it is refused: then people end it.
                let _ = match self.percent(50) {
                    true => self.drained_call(process, |client| client.activate(id, seats)),
                    false => self.drained_call(process, |client| client.repair(id)),
                };
            }
        }
    }

    fn honest(&self, place: Place) -> bool {
        let judge = locked(&self.judge);
        !judge.is_tampered(place) && !judge.is_disturbed(self.host_of(place.machine))
    }

    /// An honest machine's license is renewed and works, unless people ended it or its term is over.
    fn honest_ones_work(self: &Arc<Self>, opened: &[Arc<Process>]) {
        for process in opened.iter().filter(|process| self.honest(process.place)) {
            let rows = self.call(process, Client::list).and_then(Result::ok).unwrap_or_default();
            for row in rows {
                let id = &row.activation_id;
                match self.drained_call(process, |client| client.refresh(Some(id))) {
                    Ok(()) | Err(Code::Obsolete | Code::Expired) => {}
                    Err(Code::HeldElsewhere) if locked(&self.judge).restored => {
                        self.activates_again(process, id, row.status.seats);
                    }
                    Err(code) => self.accuse("everything drains", || {
                        format!("{} can't refresh {id}: {}", process.place, code.name())
                    }),
                }
            }
        }
    }

    /// A backup has what the holder returned before it activated anew: the restored portal holds to that,
    /// and an activate, which counts as a repair, takes it over.
    fn activates_again(self: &Arc<Self>, process: &Arc<Process>, id: &str, seats: u32) {
        let host = self.host_of(process.place.machine);
        let held = {
            let judge = locked(&self.judge);
            let mut live = judge.books.live.iter();
            live.any(|held| held.id == id && judge.owner(&held.fulfillment) == Some(host))
        };
        let again = self.drained_call(process, |client| client.activate(id, seats.max(1)));
        let refused = matches!(again, Err(Code::RepairLimit | Code::NoSeats | Code::Expired));
        if !held || !(again.is_ok() || refused) {
            self.accuse("everything drains", || {
                format!("{} is told another store holds {id}: {held}, {again:?}", process.place)
            });
        }
    }

    fn everyone_returns(self: &Arc<Self>, opened: &[Arc<Process>]) {
        let places: Vec<_> = opened.iter().map(|process| process.place).collect();
        for (process, place) in opened.iter().zip(places) {
            let rows = self.call(process, Client::list).and_then(Result::ok).unwrap_or_default();
            for row in rows {
                let id = &row.activation_id;
                let mut returned = self.drained_call(process, |client| client.return_(id, 0));
                if returned == Err(Code::ReturnLimit) {
                    self.pass(LONG);
                    returned = self.drained_call(process, |client| client.return_(id, 0));
                }
                let here = process.client().and_then(|client| client.status(Some(id)).ok());
                let gone = here.is_some_and(|status| status.state == State::Absent);
                if self.honest(place) && !(returned.is_ok() && gone) {
                    self.accuse("everything drains", || {
                        format!("{place} can't return {id}: {returned:?}")
                    });
                }
            }
        }
    }

    /// What is left belongs to stores that are gone: people end it.
    fn people_end_the_rest(self: &Arc<Self>) {
        let live = locked(&self.judge).books.live.clone();
        for held in live {
            let owner = locked(&self.judge).owner(&held.fulfillment);
            let judge = locked(&self.judge);
            let excused = judge.restored || owner.is_some_and(|host| judge.is_disturbed(host));
            drop(judge);
            if !excused {
                self.accuse("everything drains", || format!("{held:?} is held by nobody"));
            }
            if end(self, &held.id, &held.fulfillment).is_none() {
                self.pass(LONG);
                end(self, &held.id, &held.fulfillment);
            }
        }
    }

    /// After the reach of all that was ever signed, each seat is free again.
    fn all_is_free(self: &Arc<Self>) {
        self.pass(LONG);
        let ids: Vec<String> = locked(&self.judge).books.ids.keys().cloned().collect();
        let now = self.portal_now();
        let settled = self.portal.tables(async |db| {
            for id in &ids {
                let Ok(id) = id.parse() else { continue };
                if let Some(locked) = activation::lock(db, id).await? {
                    seats::settle(db, &locked, now).await?;
                }
            }
            Ok(())
        });
        if let Err(error) = settled {
            self.accuse("portal", || error.to_string());
        }
        self.judge_portal(None);
        for (id, row) in &locked(&self.judge).books.ids {
            if row.fulfilled + row.cooling + row.excess > 0 {
                self.accuse("everything drains", || {
                    format!("when all have returned, {id}: {row:?}")
                });
            }
        }
    }

    fn everyone_can_activate(self: &Arc<Self>, opened: &[Arc<Process>]) {
        if self.plan.policy.expires_at != 0 {
            return;
        }
        let mut hosts = BTreeSet::new();
        for process in opened.iter().filter(|process| process.place.directory == 0) {
            // A clone is its original's host: it would only take over what that has just activated.
            if !hosts.insert(self.host_of(process.place.machine)) {
                continue;
            }
            let id = {
                let judge = locked(&self.judge);
                let free = |row: &&super::books::IdRow| row.is_active() && row.available() > 0;
                let found = judge.books.ids.iter().find(|(_, row)| free(row) && row.is_ours());
                found.map(|(id, _)| id.clone())
            };
            let Some(id) = id else { return };
            let done = self.drained_call(process, |client| client.activate(&id, 1));
            let status = process.client().and_then(|client| client.status(Some(&id)).ok());
            let refused =
                done == Err(Code::HostRefused) && !self.plan.policy.terms.virtual_machines;
            if !refused && !status.is_some_and(|status| status.usable) {
                self.accuse("everything drains", || {
                    format!("{} can't activate {id}: {done:?}, {status:?}", process.place)
                });
            }
        }
    }

    fn history_is_whole(&self) {
        // Each row's hash is a step of its own: one seed in eight pays for it.
        if !self.order.seed.is_multiple_of(8) {
            return;
        }
        match self.portal.tables(async |db| history::first_break(db).await) {
            Ok(None) => {}
            Ok(Some(row)) => self.accuse("ledger", || format!("the history breaks at row {row}")),
            Err(error) => self.accuse("portal", || error.to_string()),
        }
    }
}
