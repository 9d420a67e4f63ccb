//! What a place's trusted storage holds, read by the library's own storage and by nobody's process.

use std::sync::Arc;

use lm::storage::{self, Storage};
use lm_protocol::{Kind, Operation, Record};
use serde_json::Value;

use crate::locked;
use crate::machine::{Place, Process};
use crate::peek;
use crate::plan::PRODUCT;
use crate::portal::VENDOR;
use crate::ports::View;
use crate::world::World;

/// Where the library keeps the state of licenses in an image.
const SECTION: u32 = 1;

/// A store as it was last seen.
#[derive(Clone)]
pub(crate) struct Seen {
    ticks: i128,
    store: Arc<Store>,
}

/// A store.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) state: storage::State,
    pub(crate) entries: Arc<Vec<Entry>>,
}

/// An activation ID in a store.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The activation ID.
    pub id: String,
    /// Its record.
    pub record: Option<Record>,
    /// Whether it is an orphan.
    pub orphaned: bool,
    /// What is pending, and its operation's ID.
    pub pending: Option<(Operation, String)>,
    /// All of it, as the store has it.
    pub whole: Value,
}

impl Entry {
    /// Seats that may be checked out by it: not those on their way back.
    pub(crate) fn concurrent_seats(&self) -> u32 {
        let record = self.record.as_ref().filter(|record| record.kind == Kind::Cc);
        let seats = record.map_or(0, |record| record.seats);
        match self.pending.as_ref().map(|(operation, _)| operation) {
            Some(Operation::Return { seats: 0, .. }) => 0,
            Some(Operation::Return { seats: away, .. }) => seats.saturating_sub(*away),
            _ => seats,
        }
    }
}

/// Reads a place's store. `None`: it can't be read.
pub(crate) fn examine(world: &Arc<World>, place: Place) -> Option<Arc<Store>> {
    let ticks = locked(&world.machine(place.machine).disk).ticks();
    if let Some(seen) = locked(&world.judge).stores.get(&place).filter(|seen| seen.ticks == ticks) {
        return Some(Arc::clone(&seen.store));
    }
    let store = Arc::new(read(world, place)?);
    let seen = Seen { ticks, store: Arc::clone(&store) };
    locked(&world.judge).stores.insert(place, seen);
    Some(store)
}

fn read(world: &Arc<World>, place: Place) -> Option<Store> {
    let nobody = Arc::new(Process::new(0, place));
    let ports = View::watching(Arc::clone(world), nobody).ports();
    let at = storage::Place {
        vendor: VENDOR.to_owned(),
        product: PRODUCT.to_owned(),
        scope: storage::Scope::User,
        dir: Some(place.directory().to_owned()),
    };
    let reading = Storage::new(&at, &ports).ok()?.read().ok()?;
    let state = reading.contents.get(SECTION).and_then(|s| serde_json::from_slice(s).ok());
    let state: Value = state.unwrap_or_default();
    let entries = state.get("entries").and_then(Value::as_array);
    let entries = Arc::new(entries.into_iter().flatten().filter_map(entry).collect());
    Some(Store { state: reading.standing.state, entries })
}

fn entry(value: &Value) -> Option<Entry> {
    let text = |value: &Value| Some(value.as_str()?.to_owned());
    let pending = value.get("pending").filter(|pending| !pending.is_null()).and_then(|pending| {
        let operation = serde_json::from_value(pending.get("operation")?.clone()).ok()?;
        Some((operation, text(pending.get("op")?)?))
    });
    Some(Entry {
        id: text(value.get("activation_id")?)?,
        record: value.get("record").and_then(Value::as_str).and_then(peek::payload),
        orphaned: !value.get("orphaned")?.is_null(),
        pending,
        whole: value.clone(),
    })
}
