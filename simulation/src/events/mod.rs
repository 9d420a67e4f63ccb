//! What may happen. An event is one function and one row of [`EVENTS`]: to add one, write both.

pub(crate) mod calls;
mod files;
mod mishaps;
mod people;
mod seats;
mod time;

use std::sync::Arc;

pub(crate) use files::Carried;
pub(crate) use mishaps::Kept;
pub(crate) use people::end;

use crate::history::Happened;
use crate::locked;
use crate::machine::Process;
use crate::world::{Point, World};

/// An event.
struct Event {
    /// Its name, for the history and the counts.
    name: &'static str,
    /// How often it happens beside the others.
    weight: u64,
    /// Which of a seed's inclinations it belongs to.
    of: Of,
    /// Whether it may happen while a call waits for the network.
    meanwhile: bool,
    /// What happens.
    happen: fn(&Arc<World>),
}

/// What a seed may be inclined to, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Everyday,
    Mishap,
    People,
    /// Backups of the portal that are restored.
    Restore,
    /// Clocks that go further than honest ones.
    BadClock,
}

const fn event(name: &'static str, weight: u64, of: Of, happen: fn(&Arc<World>)) -> Event {
    let meanwhile = matches!(of, Of::Everyday | Of::People);
    Event { name, weight, of, meanwhile, happen }
}

const EVENTS: [Event; 45] = [
    event("open", 80, Of::Everyday, calls::open),
    event("exit", 40, Of::Everyday, calls::exit),
    event("activate", 95, Of::Everyday, calls::activate),
    event("more seats", 45, Of::Everyday, calls::more_seats),
    event("return all", 60, Of::Everyday, calls::return_all),
    event("return some", 45, Of::Everyday, calls::return_some),
    event("refresh", 50, Of::Everyday, calls::refresh),
    event("refresh all", 20, Of::Everyday, calls::refresh_all),
    event("resume", 50, Of::Everyday, calls::resume),
    event("repair", 20, Of::Everyday, calls::repair),
    event("cancel", 25, Of::Everyday, calls::cancel),
    event("remove", 20, Of::Everyday, calls::remove),
    event("checkout", 50, Of::Everyday, seats::checkout),
    event("checkin", 40, Of::Everyday, seats::checkin),
    event("request file", 35, Of::Everyday, files::request),
    event("file answered", 30, Of::Everyday, files::answered),
    event("response applied", 30, Of::Everyday, files::applied),
    event("status", 130, Of::Everyday, calls::status),
    event("list", 50, Of::Everyday, calls::list),
    event("late delivery", 60, Of::Everyday, people::late_delivery),
    event("a moment passes", 120, Of::Everyday, time::moment),
    event("minutes pass", 30, Of::Everyday, time::minutes),
    event("hours pass", 30, Of::Everyday, time::hours),
    event("days pass", 10, Of::Everyday, time::days),
    event("the machine sleeps", 10, Of::Everyday, time::sleep),
    event("a wall clock wanders", 20, Of::Everyday, time::wall_wanders),
    event("the portal's clock wanders", 10, Of::Everyday, time::portal_wanders),
    event("a network card is replaced", 6, Of::Everyday, mishaps::new_card),
    event("portal Return", 20, Of::People, people::portal_return),
    event("Re-host", 30, Of::People, people::rehost),
    event("generate", 12, Of::People, people::generate),
    event("split", 12, Of::People, people::split),
    event("beyond a limit", 12, Of::People, people::allow),
    event("policy changes", 10, Of::People, people::policy),
    event("the portal is backed up", 40, Of::Restore, people::back_up),
    event("the portal is restored", 20, Of::Restore, people::restore),
    event("a wall clock is set wrong", 30, Of::BadClock, time::wall_set),
    event("a store is saved", 80, Of::Mishap, mishaps::save),
    event("a store is restored", 30, Of::Mishap, mishaps::restore),
    event("a whole machine is put back", 20, Of::Mishap, mishaps::put_back),
    event("a store is lost", 15, Of::Mishap, mishaps::lose),
    event("a store is copied", 20, Of::Mishap, mishaps::copy),
    event("a machine is cloned", 15, Of::Mishap, mishaps::clone_machine),
    event("the hardware is replaced", 6, Of::Mishap, mishaps::new_hardware),
    event("the second store is opened", 30, Of::Mishap, calls::open_second),
];

/// How much a seed is inclined to what isn't everyday: a factor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inclined {
    pub(crate) mishaps: u64,
    pub(crate) people: u64,
    pub(crate) restores: u64,
    pub(crate) bad_clocks: u64,
}

impl Inclined {
    const fn factor(self, of: Of) -> u64 {
        match of {
            Of::Everyday => 4,
            Of::Mishap => self.mishaps,
            Of::People => self.people,
            Of::Restore => self.restores,
            Of::BadClock => self.bad_clocks,
        }
    }
}

/// All names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    EVENTS.iter().map(|event| event.name)
}

/// One event, by chance.
pub(crate) fn happen(world: &Arc<World>) {
    pick(world, |_| true);
}

/// Others come first, while a process is in the middle of a call.
pub(crate) fn meanwhile(world: &Arc<World>, process: &Process, point: Point) {
    match point {
        Point::Sends | Point::Received => pick(world, |event| event.meanwhile),
        // The lock may be held here: most only look, some wait for it.
        _ => calls::by_another(world, process),
    }
}

fn pick(world: &Arc<World>, may: impl Fn(&Event) -> bool) {
    let weight = |event: &Event| {
        if may(event) { event.weight * world.plan.inclined.factor(event.of) } else { 0 }
    };
    let mut roll = world.dice(|dice| dice.below(EVENTS.iter().map(weight).sum()));
    for event in &EVENTS {
        if roll < weight(event) {
            world.tell(|| format!("{}. {}", world.event(), event.name));
            world.note(|| Happened::Event {
                number: world.event(),
                name: event.name,
                is_mishap: event.of == Of::Mishap,
            });
            locked(&world.cover).event(event.name);
            return (event.happen)(world);
        }
        roll -= weight(event);
    }
}
