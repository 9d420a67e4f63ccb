//! The model beside the real thing: a seed's history is done again by the checked model of the
//! protocol, step by step. A step that the model doesn't allow breaks the seed.

mod convert;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lm_model::replay::{Act as Done, Asked, Books as ModelBooks, Cools, Held, Replay, Seen, Terms};
use lm_model::state::Answer as ModelAnswer;
use lm_protocol::{Answer, Request};

use crate::history::{Act, Happened};
use crate::judge::{Books, Entry, IdRow};
use crate::locked;
use crate::machine::Place;
use crate::plan;
use crate::world::World;
use convert::{Names, date, small};

/// The name of this check.
pub(crate) const CHECK: &str = "the model allows it";

/// What a step that isn't allowed is told as.
type Step = Result<(), String>;

/// Holds the history of a seed against the model.
pub(crate) fn judge(world: &World) {
    if world.order.replay == plan::Replay::No {
        return;
    }
    let history = std::mem::take(&mut *locked(&world.history));
    let refused = refused(&history, &world.plan.policy.terms);
    *locked(&world.history) = history;
    if let Some((event, why)) = refused {
        world.accuse_of(event, CHECK, why);
    }
}

/// The first step that the model doesn't allow: during which event, and why.
fn refused(history: &[Happened], terms: &lm_protocol::Terms) -> Option<(u64, String)> {
    let mut replaying =
        Replaying { strict: terms.strict, reclaim: terms.reclaim, ..Replaying::default() };
    history.iter().find_map(|happened| {
        let step = replaying.step(happened);
        step.err().map(|why| (replaying.event, why))
    })
}

/// A history that is being replayed.
#[derive(Default)]
struct Replaying {
    strict: bool,
    reclaim: bool,
    event: u64,
    names: Names,
    /// Each activation ID by itself.
    ids: BTreeMap<String, Replay>,
    /// Activation IDs that a restored portal has forgotten; made again, they have other seats.
    forgotten: BTreeSet<String>,
    /// How often stores and machines were touched behind the library's back: all, and of each machine.
    touched: (u64, BTreeMap<usize, u64>),
    looked: BTreeMap<Place, Looked>,
}

/// A place, when it was last looked at.
#[derive(Default)]
struct Looked {
    /// How often all stores, and this machine's, had been touched.
    touched: (u64, u64),
    held: Arc<Vec<Entry>>,
}

impl Replaying {
    fn step(&mut self, happened: &Happened) -> Step {
        match happened {
            Happened::Event { number, is_mishap, .. } => {
                self.event = *number;
                self.touched.0 += u64::from(*is_mishap);
                Ok(())
            }
            Happened::PowerLost { machine } => {
                *self.touched.1.entry(*machine).or_default() += 1;
                Ok(())
            }
            Happened::Sent { place, request } => {
                let sent = self.names.request(request);
                if let Some(id) = self.ids.get_mut(&request.activation_id.to_string()) {
                    id.sent(number(*place), sent);
                }
                Ok(())
            }
            Happened::Answered { now, request, answer, ledger, .. } => {
                self.answered(*now, request, answer, ledger)
            }
            Happened::Acted { now, act, ledger } => self.acted(*now, act, ledger),
            Happened::Received { place, answer } => {
                self.received(*place, answer);
                Ok(())
            }
            Happened::Store { place, entries, .. } => self.store(*place, entries),
        }
    }

    fn answered(&mut self, now: i64, request: &Request, answer: &Answer, ledger: &Books) -> Step {
        self.names.epoch(ledger.epoch);
        let id = request.activation_id.to_string();
        let like = self.names.like(&request.host);
        let asked = Asked { request: self.names.request(request), like };
        let verdict = self.names.verdict(answer, Some(&asked.request));
        let books = |names: &mut Names| books_of(names, ledger, &id);
        if let (Some(replay), Some(verdict), Some(books)) =
            (self.ids.get_mut(&id), verdict, books(&mut self.names))
        {
            replay.answered(date(now), &asked, verdict, &books).map_err(|why| of(&id, why))?;
        }
        self.others(now, ledger, &id)
    }

    /// What isn't about an activation ID leaves it as it is.
    fn others(&mut self, now: i64, ledger: &Books, but: &str) -> Step {
        for (id, replay) in self.ids.iter_mut().filter(|(id, _)| *id != but) {
            let Some(books) = books_of(&mut self.names, ledger, id) else { continue };
            replay.acted(date(now), Done::Other, &books).map_err(|why| of(id, why))?;
        }
        Ok(())
    }

    fn acted(&mut self, now: i64, act: &Act, ledger: &Books) -> Step {
        self.names.epoch(ledger.epoch);
        if *act == Act::Restore {
            let gone = |id: &&String| !ledger.ids.contains_key(*id);
            self.forgotten.extend(self.ids.keys().filter(gone).cloned());
            self.ids.retain(|id, _| ledger.ids.contains_key(id));
        }
        for (id, replay) in &mut self.ids {
            let Some(books) = books_of(&mut self.names, ledger, id) else { continue };
            let done = match act {
                Act::Return(about) | Act::Split(about) if about == id => Done::Retire,
                Act::Rehost(about, fulfillment) if about == id => {
                    Done::Rehost(self.names.fulfillment(fulfillment))
                }
                Act::BackUp => Done::BackUp,
                Act::Restore => Done::Restore,
                _ => Done::Other,
            };
            replay.acted(date(now), done, &books).map_err(|why| of(id, why))?;
        }
        if matches!(act, Act::Founded | Act::Generate(_) | Act::Split(_)) {
            self.begin(ledger);
        }
        Ok(())
    }

    /// Activation IDs that were generated.
    fn begin(&mut self, ledger: &Books) {
        let epoch = self.names.epoch(ledger.epoch);
        for (id, row) in &ledger.ids {
            if row.is_ours() && !self.forgotten.contains(id) {
                let terms = Terms {
                    quantity: small(row.quantity),
                    strict: self.strict,
                    reclaim: self.reclaim,
                };
                self.ids.entry(id.clone()).or_insert_with(|| Replay::new(terms, epoch));
            }
        }
    }

    fn received(&mut self, place: Place, answer: &Answer) {
        let Some(verdict) = self.names.verdict(answer, None) else { return };
        let (op, epoch) = (self.names.op(answer.op), self.names.epoch(answer.epoch));
        if let Some(replay) = self.ids.get_mut(&answer.activation_id.to_string()) {
            replay.handed(number(place), ModelAnswer { op, verdict, epoch, older: false });
        }
    }

    fn store(&mut self, place: Place, entries: &Arc<Vec<Entry>>) -> Step {
        let of_machine = self.touched.1.get(&place.machine).copied().unwrap_or_default();
        let marks = (self.touched.0, of_machine);
        let now = Looked { touched: marks, held: Arc::clone(entries) };
        let before = self.looked.insert(place, now).unwrap_or_default();
        if Arc::ptr_eq(&before.held, entries) {
            // Nothing was written.
            return Ok(());
        }
        for (id, replay) in &mut self.ids {
            let here = entries.iter().find(|entry| entry.id == *id);
            let entry = here.and_then(|entry| self.names.entry(entry));
            let ends = replay.held(number(place)).is_some_and(|record| self.names.ends(record));
            let seen = Seen {
                entry,
                touched: before.touched != marks,
                // A license whose term is over, or whose machine is another now, may be removed.
                removable: ends || self.touched.0 > 0,
            };
            replay.seen(number(place), &seen).map_err(|why| format!("{place}: {}", of(id, why)))?;
        }
        Ok(())
    }
}

fn number(place: Place) -> usize {
    place.machine * 8 + place.directory
}

fn of(id: &str, why: String) -> String {
    format!("{id}: {why}")
}

/// The books of one activation ID, as the model has them. `None`: it isn't known.
fn books_of(names: &mut Names, ledger: &Books, id: &str) -> Option<ModelBooks> {
    let row: &IdRow = ledger.ids.get(id)?;
    let live = ledger.live.iter().filter(|held| held.id == id);
    let mut held: Vec<_> = live
        .map(|held| Held {
            fid: names.fulfillment(&held.fulfillment),
            generation: small(held.generation),
            seats: small(held.seats),
            reach: convert::end(held.reach),
        })
        .collect();
    held.sort_unstable();
    let cooling = ledger.cooling.iter().filter(|cooling| cooling.id == id);
    let mut cools: Vec<_> = cooling
        .map(|cooling| Cools { until: date(cooling.until), seats: small(cooling.seats) })
        .collect();
    cools.sort_unstable();
    Some(ModelBooks {
        epoch: names.epoch(ledger.epoch),
        active: row.is_active(),
        fulfilled: small(row.fulfilled),
        cooling: small(row.cooling),
        excess: small(row.excess),
        given_back: small(row.given_back),
        floor: convert::end(row.floor),
        held,
        cools,
    })
}
