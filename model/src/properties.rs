//! The promise, as properties of every state.

use crate::client;
use crate::drain;
use crate::setting::Setting;
use crate::state::{Fulfillment, Host, PlaceIndex, Record, World};

/// A property: its name, and what is wrong where it doesn't hold.
pub type Check = fn(&Setting<'_>, &World) -> Result<(), String>;

/// All properties, the cheapest first.
pub const PROPERTIES: [(&str, Check); 7] = [
    ("ledger", ledger),
    ("no wrong step", no_fault),
    ("no right without its seat", seats_have_one_user),
    ("no right from an untrue answer", no_untrue_right),
    ("nothing that has ended begins to work", nothing_begins_late),
    ("an honest store is trusted", honest_stores_are_trusted),
    ("everything drains", drain::drains),
];

/// The first that doesn't hold, and why.
#[must_use]
pub fn first_broken(set: &Setting<'_>, world: &World) -> Option<(&'static str, String)> {
    PROPERTIES.iter().find_map(|(name, check)| check(set, world).err().map(|why| (*name, why)))
}

/// Fulfilled + cooling + available = quantity + excess, always, and each column is the sum of what
/// it stands for.
fn ledger(set: &Setting<'_>, world: &World) -> Result<(), String> {
    let portal = &world.portal;
    let held = portal.fulfillments.iter().filter(|held| held.gone.is_none());
    let fulfilled: u8 = held.map(|held| held.seats).sum();
    let cooling: u8 = portal.coolings.iter().map(|cooling| cooling.seats).sum();
    let used = portal.fulfilled + portal.cooling + portal.given_back;
    let all = set.bounds.quantity + portal.excess;
    if (fulfilled, cooling) != (portal.fulfilled, portal.cooling) {
        return Err(format!(
            "{} fulfilled and {} cooling are counted, {fulfilled} and {cooling} are there",
            portal.fulfilled, portal.cooling
        ));
    }
    if used > all || (!portal.active && used != all) {
        return Err(format!("{used} seats of {all} are in the books"));
    }
    if portal.repairs > set.bounds.repair_limit {
        return Err("more repairs than the limit allows".to_owned());
    }
    Ok(())
}

fn no_fault(_: &Setting<'_>, world: &World) -> Result<(), String> {
    let back = |held: &&Fulfillment| held.gone.is_none() && world.ghost.ended.contains(&held.fid);
    if let Some(held) = world.portal.fulfillments.iter().find(back) {
        return Err(format!("{} has back what the portal had ended", crate::text::host(held.host)));
    }
    world.ghost.fault.map_or(Ok(()), |fault| Err(fault.to_owned()))
}

/// What a host uses and what it holds.
struct Account {
    /// Seats of its fulfillments, and those that cool for it.
    backed: u8,
    /// All copies together.
    sum: u8,
    /// The copies of one holder counted once.
    most: u8,
}

fn account(set: &Setting<'_>, world: &World, host: Host) -> Account {
    let portal = &world.portal;
    let held = portal.fulfillments.iter().filter(|f| f.host == host && f.gone.is_none());
    let cooling = portal.coolings.iter().filter(|c| c.host == host);
    let backed = held.map(|f| f.seats).sum::<u8>() + cooling.map(|c| c.seats).sum::<u8>();
    let places = (0..world.places.len()).filter(|at| user_of(world, *at) == Some(host));
    let uses: Vec<u8> = places.map(|at| known_use(set, world, at)).collect();
    Account { backed, sum: uses.iter().sum(), most: uses.into_iter().max().unwrap_or(0) }
}

/// Whose seats a place uses: those of the host that its record was issued to, or its own.
fn user_of(world: &World, at: PlaceIndex) -> Option<Host> {
    let place = &world.places[at];
    Some(place.record().map_or(place.host, |record| record.host))
}

/// What a place uses, as far as a restored portal can know of it.
fn known_use(set: &Setting<'_>, world: &World, at: PlaceIndex) -> u8 {
    let used = client::in_use(set, world, at);
    match world.places[at].record() {
        Some(record) if world.ghost.portal_restored => used.min(known_seats(set, world, record)),
        _ => used,
    }
}

/// After a restored backup a record may be newer than what the portal has of it: until its machine
/// is heard of, only what the portal has is promised.
fn known_seats(set: &Setting<'_>, world: &World, record: &Record) -> u8 {
    let found = world.portal.find(record.fid).map(|at| &world.portal.fulfillments[at]);
    match found {
        None => 0,
        Some(_) if !set.bounds.strict && record.epoch < world.portal.epoch => 0,
        Some(held) => held.seats,
    }
}

/// Client return: what a machine uses, it holds. Without its word (Re-host, portal Return, a clone,
/// the holder's other store, a machine rolled back) copies may work on until the reach: in prompt
/// mode the seat may have another user by then, in strict mode it cools, and so has none.
fn seats_have_one_user(set: &Setting<'_>, world: &World) -> Result<(), String> {
    for host in 0..set.bounds.hosts() {
        let name = Host::try_from(host).unwrap_or(Host::MAX);
        let account = account(set, world, name);
        let excused = !set.bounds.strict && world.now < world.ghost.excused[host];
        let copies = world.now < world.ghost.excused[host];
        let used = if copies { account.most } else { account.sum };
        if used > account.backed && !excused {
            return Err(format!(
                "{} uses {used} and holds {}",
                crate::text::host(name),
                account.backed
            ));
        }
    }
    Ok(())
}

fn no_untrue_right(set: &Setting<'_>, world: &World) -> Result<(), String> {
    for (at, place) in world.places.iter().enumerate() {
        if place.record().is_some_and(|record| record.untrue) && client::usable(set, world, at) > 0
        {
            let name = crate::text::place(world, at);
            return Err(format!(
                "{name} works by a grant that was no longer true when it was given"
            ));
        }
    }
    Ok(())
}

/// A copy that works without its fulfillment began in time.
fn nothing_begins_late(set: &Setting<'_>, world: &World) -> Result<(), String> {
    for (at, place) in world.places.iter().enumerate() {
        let (Some(entry), Some(record)) = (place.entry(), place.record()) else { continue };
        let held = world.portal.find(record.fid).map(|at| &world.portal.fulfillments[at]);
        let gone = held.filter(|held| held.gone.is_some());
        let late = gone
            .is_some_and(|held| entry.began > held.gone_at.saturating_add(set.bounds.apply_within));
        if late && client::usable(set, world, at) > 0 {
            let name = crate::text::place(world, at);
            return Err(format!("{name} began to work long after its fulfillment had ended"));
        }
    }
    Ok(())
}

/// A store that nobody restored, copied or rolled back is never said to be.
fn honest_stores_are_trusted(_: &Setting<'_>, world: &World) -> Result<(), String> {
    for (at, place) in world.places.iter().enumerate() {
        let tampered = world.ghost.tampered & (1 << at) != 0;
        let accused = place.is_broken() || place.entry().is_some_and(|entry| entry.restored);
        if accused && !tampered {
            let name = crate::text::place(world, at);
            return Err(format!(
                "{name} was never restored or copied, but its store is distrusted"
            ));
        }
    }
    Ok(())
}
