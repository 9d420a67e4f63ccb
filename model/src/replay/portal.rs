//! The portal's side: each transaction is done again by the model.

use super::Replay;
use super::names::{from_host, shown_as_of};
use crate::portal;
use crate::setting::{Bounds, Setting};
use crate::state::{
    Answer, Ask, Fid, Fulfillment, Host, Known, Portal, Record, Refusal, Request, Time, Verdict,
    Way, World,
};

/// The portal's books of one activation ID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Rises when a backup is restored.
    pub epoch: u8,
    /// Active; else retired for good.
    pub active: bool,
    /// Seats that machines hold.
    pub fulfilled: u8,
    /// Seats that cool.
    pub cooling: u8,
    /// Seats over the quantity.
    pub excess: u8,
    /// Seats that went back to the entitlement.
    pub given_back: u8,
    /// No fulfillment that a restored portal takes in reaches less far.
    pub floor: Time,
    /// What stands, in order.
    pub held: Vec<Held>,
    /// What cools, in order.
    pub cools: Vec<Cools>,
}

/// A fulfillment that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Which.
    pub fid: Fid,
    /// Its generation.
    pub generation: u8,
    /// Its seats.
    pub seats: u8,
    /// Until when a copy may work; [`crate::state::NEVER`]: without end.
    pub reach: Time,
}

/// Seats that cool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cools {
    /// Free after this.
    pub until: Time,
    /// How many.
    pub seats: u8,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// It.
    pub request: Request,
    /// Other hosts that its evidence is like, without being strictly the same.
    pub like: Vec<Host>,
}

/// What people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Something else at the portal.
    Other,
    /// Return: retired for good.
    Retire,
    /// Re-host.
    Rehost(Fid),
    /// The portal is backed up.
    BackUp,
    /// The backup is taken into use.
    Restore,
}

/// Counts of limits that are not reached.
const FAR: u8 = 100;

impl Replay {
    /// The portal has answered a request, for the first time or again.
    ///
    /// # Errors
    /// What the model would have done, where it wouldn't have done this.
    pub fn answered(
        &mut self,
        now: Time,
        asked: &Asked,
        verdict: Verdict,
        books: &Books,
    ) -> Result<(), String> {
        let mut others = Vec::new();
        let is_new = self.world.portal.known(asked.request.op).is_none();
        for (request, way) in possible(asked) {
            let bounds = self.bounds_for(verdict);
            let set = Setting { without: None, bounds: &bounds, cover: None };
            let mut world = self.at(now);
            let answer = portal::receive(&set, &mut world, &request, way);
            if same(answer.verdict, verdict, is_new) && has_books(&world, books) {
                self.as_issued(&mut world, asked, &request);
                return self.adopt(world, Answer { verdict, ..answer }, books);
            }
            let other = format!("{:?} with {:?}", answer.verdict, of(&world));
            if !others.contains(&other) {
                others.push(other);
            }
        }
        Err(format!(
            "{:?} is answered {verdict:?} with {books:?}; the model allows {}",
            asked.request,
            others.join(", or ")
        ))
    }

    /// People have done something at the portal, or something about another activation ID.
    ///
    /// # Errors
    /// What the model would have done, where it wouldn't have done this.
    pub fn acted(&mut self, now: Time, act: Act, books: &Books) -> Result<(), String> {
        let set = Setting { without: None, bounds: &self.bounds, cover: None };
        let mut others = Vec::new();
        for settles in [false, true] {
            let mut world = self.world.clone();
            world.now = now;
            if settles {
                portal::settle(&set, &mut world);
            }
            match act {
                Act::Other => {}
                Act::Retire => _ = portal::retire(&set, &mut world),
                Act::Rehost(fid) => _ = portal::rehost(&set, &mut world, fid),
                Act::BackUp => portal::back_up(&mut world),
                Act::Restore => portal::restore(&set, &mut world),
            }
            if has_books(&world, books) {
                self.world = world;
                self.adopt_dates(books);
                return Ok(());
            }
            others.push(format!("{:?}", of(&world)));
        }
        Err(format!("{act:?} leads to {books:?}; the model allows {}", others.join(", or ")))
    }

    /// The bounds in which this answer may be given: what limits count is told by it.
    fn bounds_for(&self, verdict: Verdict) -> Bounds {
        let reached = |limit| if verdict == Verdict::Denied(limit) { 0 } else { FAR };
        Bounds {
            repair_limit: reached(Refusal::RepairLimit),
            return_limit: reached(Refusal::ReturnLimit),
            files_refused: verdict == Verdict::Denied(Refusal::Policy),
            ..self.bounds.clone()
        }
    }

    fn at(&self, now: Time) -> World {
        let mut world = self.world.clone();
        world.now = now;
        (world.portal.repairs, world.portal.returns) = (0, 0);
        world
    }

    /// A record that was looked at as if it were this host's is its own host's all the same, and so are
    /// its seats that cool from now on.
    fn as_issued(&self, world: &mut World, asked: &Asked, tried: &Request) {
        let (Some(record), Some(shown)) = (asked.request.record, tried.record) else { return };
        if record.host == shown.host {
            return;
        }
        let before = &self.world.portal;
        let portal = &mut world.portal;
        let was_there = |held: &Fulfillment| before.find(held.fid).is_some();
        for held in portal.fulfillments.iter_mut().filter(|held| held.fid == record.fid) {
            if !was_there(held) {
                held.host = record.host;
            }
        }
        for cooling in portal.coolings.iter_mut().filter(|it| !before.coolings.contains(it)) {
            if cooling.host == shown.host {
                cooling.host = record.host;
            }
        }
    }

    fn adopt(&mut self, world: World, answer: Answer, books: &Books) -> Result<(), String> {
        for held in &books.held {
            let before = self.world.portal.find(held.fid);
            let before = before.map_or(0, |at| self.world.portal.fulfillments[at].reach);
            let signed = match answer.verdict {
                Verdict::Granted(record) if record.fid == held.fid => record.until,
                _ => 0,
            };
            if held.reach < before.max(signed) {
                return Err(format!("{held:?} reaches less far than what was signed for it"));
            }
        }
        self.world = world;
        self.adopt_dates(books);
        if let Verdict::Granted(record) = answer.verdict {
            let portal = &mut self.world.portal;
            portal.remember(Known { op: answer.op, verdict: Some(answer.verdict), older: false });
            let made = |held: &&mut Fulfillment| {
                held.fid == record.fid && held.generation == record.generation
            };
            portal.fulfillments.iter_mut().filter(made).for_each(|held| held.host = record.host);
        }
        self.given.insert((answer.op, answer.verdict));
        Ok(())
    }

    /// Dates are the real clock's and its policy's: they are taken from the real books.
    fn adopt_dates(&mut self, books: &Books) {
        let portal = &mut self.world.portal;
        for held in &books.held {
            if let Some(at) = portal.find(held.fid) {
                portal.fulfillments[at].reach = held.reach;
            }
        }
        let (model, real) = (cooling_of(portal), by_date(&books.cools));
        for cooling in &mut portal.coolings {
            let at = model.iter().position(|date| date.until == cooling.until);
            if let Some(date) = at.and_then(|at| real.get(at)) {
                cooling.until = date.until;
            }
        }
        portal.coolings.sort_unstable();
        portal.floor = books.floor;
    }
}

/// The ways in which a request may be looked at.
fn possible(asked: &Asked) -> Vec<(Request, Way)> {
    let request = asked.request;
    let hosts = std::iter::once(request.host).chain(asked.like.iter().copied());
    let mut possible = Vec::new();
    for host in hosts {
        let from = from_host(request, host);
        possible.push((from, Way::Online));
        if request.record.is_some_and(|record| record.host != host) {
            possible.push((shown_as_of(from, host), Way::Online));
        }
        // What policy refuses, whatever it is, it refuses as it does rights by a file.
        possible.push((from, Way::File));
        let takes_none = matches!(request.ask, Ask::Return(_) | Ask::Abandon(_) | Ask::Repair);
        if takes_none {
            possible.push((Request { ask: Ask::Refresh, ..from }, Way::File));
        }
    }
    possible
}

/// Whether the model's verdict is the real one, save for which of hosts that are alike a record names, and
/// for the dates of a record that is signed now: policy and term give them.
fn same(model: Verdict, real: Verdict, is_new: bool) -> bool {
    let (Verdict::Granted(one), Verdict::Granted(other)) = (model, real) else {
        return model == real;
    };
    let (until, apply_by) =
        if is_new { (other.until, other.apply_by) } else { (one.until, one.apply_by) };
    Record { host: other.host, until, apply_by, ..one } == other
}

/// What cools, the seats of one date together: which of them are taken again first is nobody's rule.
fn by_date(cools: &[Cools]) -> Vec<Cools> {
    let mut dates: Vec<Cools> = Vec::new();
    for cooling in cools {
        match dates.iter_mut().find(|date| date.until == cooling.until) {
            Some(date) => date.seats += cooling.seats,
            None => dates.push(*cooling),
        }
    }
    dates.sort_unstable();
    dates
}

fn cooling_of(portal: &Portal) -> Vec<Cools> {
    let coolings = portal.coolings.iter();
    let cools = coolings.map(|cooling| Cools { until: cooling.until, seats: cooling.seats });
    by_date(&cools.collect::<Vec<_>>())
}

fn of(world: &World) -> Books {
    let portal = &world.portal;
    let stands = portal.fulfillments.iter().filter(|held| held.gone.is_none());
    let mut held: Vec<_> = stands
        .map(|held| Held {
            fid: held.fid,
            generation: held.generation,
            seats: held.seats,
            reach: held.reach,
        })
        .collect();
    held.sort_unstable();
    let cools = cooling_of(portal);
    Books {
        epoch: portal.epoch,
        active: portal.active,
        fulfilled: portal.fulfilled,
        cooling: portal.cooling,
        excess: portal.excess,
        given_back: portal.given_back,
        floor: portal.floor,
        held,
        cools,
    }
}

/// Whether the model's books are these. A reach is looked at elsewhere; seats may cool for longer than
/// the model knows, since a restored portal's policy says how far its machines may reach.
fn has_books(world: &World, books: &Books) -> bool {
    let (model, real) = (of(world), by_date(&books.cools));
    let undated = |books: &Books| Books {
        held: books.held.iter().map(|held| Held { reach: 0, ..*held }).collect(),
        cools: Vec::new(),
        floor: 0,
        ..books.clone()
    };
    let cools =
        |(model, real): (&Cools, &Cools)| model.seats == real.seats && model.until <= real.until;
    undated(&model) == undated(books)
        && model.cools.len() == real.len()
        && model.cools.iter().zip(&real).all(cools)
}
