//! What this process last saw of the store, and when it looks again.
//!
//! At most once in [`LOOK_EVERY`] one caller of a status looks: it compares the heads of the files
//! and, if they changed, reads the store, verifies it and publishes it. Nobody waits for it.

use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lm_protocol::{ActivationId, Keyring, Kind, Record, Verified};

use super::Client;
use super::checkout::Candidate;
use super::entry;
use super::in_use::InUse;
use super::list::RecordInfo;
use super::published::{Key, Table};
use super::state::{Entry, State};
use crate::error::{Code, Error, Result};
use crate::limits::{LOCK_WAIT, LOOK_EVERY};
use crate::log::Level;
use crate::machine;
use crate::mutex::Mutex;
use crate::policy::{Facts, Marks, Now, Status, better, evaluate, store_status};
use crate::ports::Ports;
use crate::storage::{self, Look, Reading};

/// What was last seen, and when the next look is due.
pub(super) struct Sight {
    /// Milliseconds of the monotonic clock.
    due: AtomicU64,
    seen: Mutex<Seen>,
}

/// The store as last read, its records verified.
pub(super) struct Seen {
    look: Option<Look>,
    /// Why the store itself cannot answer.
    cause: Option<Code>,
    state: State,
    /// Beside the entries of `state`.
    records: Vec<Option<Verified<Record>>>,
    in_use: InUse,
    keyring: Option<Keyring>,
    count: Count,
    answers: Vec<Status>,
}

/// The time marks as read, and since when this process counts on from them.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub(super) marks: Marks,
    since: Duration,
}

impl Sight {
    pub(super) fn new(ports: &Ports) -> Self {
        let count = Count { marks: Marks::default(), since: ports.clock.boot() };
        Self {
            due: AtomicU64::new(0),
            seen: Mutex::new(Seen {
                look: None,
                cause: None,
                state: State::default(),
                records: Vec::new(),
                in_use: InUse::default(),
                keyring: None,
                count,
                answers: Vec::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock()
    }

    /// Whether a look is due; the one caller that is told so looks.
    #[inline]
    fn claim(&self, monotonic: Duration) -> bool {
        let now = monotonic.as_secs() * 1000 + u64::from(monotonic.subsec_millis());
        let due = self.due.load(Ordering::Relaxed);
        now >= due && self.take(due, now)
    }

    #[cold]
    fn take(&self, due: u64, now: u64) -> bool {
        let next = now.saturating_add(LOOK_EVERY.as_millis() as u64);
        self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl Seen {
    /// Each entry with its facts.
    fn facts(&self, client: &Client) -> Vec<Facts> {
        let pairs = self.state.entries.iter().zip(&self.records).enumerate();
        pairs
            .map(|(number, (entry, record))| Facts {
                seats_in_use: self.in_use.of(number),
                ..entry::facts(entry, record.as_deref(), &client.holder, &client.host)
            })
            .collect()
    }

    /// Beside the entries: the IDs of those whose seats can be checked out.
    fn concurrent(&self) -> Vec<Option<ActivationId>> {
        let concurrent = |record: &Option<Verified<Record>>| {
            record.as_ref().filter(|record| record.kind == Kind::Cc).map(|r| r.activation_id)
        };
        self.records.iter().map(concurrent).collect()
    }

    fn table(&self, client: &Client, facts: &[Facts]) -> Table {
        let key = |id: ActivationId| Key::of(id.to_string().as_bytes()).unwrap_or_default();
        let ids = self.state.entries.iter().map(|entry| key(entry.activation_id));
        let features = self.records.iter().enumerate().flat_map(|(number, record)| {
            let features = record.iter().flat_map(|record| &record.features);
            features.map(move |feature| (feature.name.clone(), number, feature.limit))
        });
        Table {
            records: ids.zip(facts.iter().copied()).collect(),
            features: features.collect(),
            store_cause: self.cause,
            marks: self.count.now(client.ports.clock.boot()),
            counted_at: client.monotonic_seconds(),
        }
    }
}

impl Count {
    fn now(self, boot: Duration) -> Marks {
        let open_for = boot.saturating_sub(self.since).as_secs();
        self.marks.with_open_for(i64::try_from(open_for).unwrap_or(i64::MAX))
    }

    /// Takes over marks that were read. What this process has counted itself stands, unless the
    /// low mark went back: only a time statement does that.
    pub(super) fn taken_over(self, read: Marks, boot: Duration) -> Self {
        let counted = self.now(boot);
        let low = if read.low < self.marks.low { read.low } else { read.low.max(counted.low) };
        Self { marks: Marks { low, ..read }, since: boot }
    }
}

impl Client {
    /// Looks if a look is due. Never waits and never fails: what was seen last still holds.
    #[inline]
    pub(super) fn look_if_due(&self, monotonic: Duration) {
        if self.sight.claim(monotonic) {
            self.due_look();
        }
    }

    #[cold]
    fn due_look(&self) {
        machine::uncancelled(|| self.look_without_waiting());
    }

    fn look_without_waiting(&self) {
        let Some(mut seen) = self.sight.seen.try_lock() else {
            // Another call looks; the next status sees to it that it was late enough.
            self.sight.due.store(0, Ordering::Relaxed);
            return;
        };
        let result = self.look_into(&mut seen, Duration::ZERO);
        drop(seen);
        if let Err(error) = result
            && error.code() != Code::Busy
        {
            self.line(Level::Warn, || format!("Trusted storage cannot be read: {error}"));
        }
    }

    /// Looks now and waits for it.
    pub(super) fn look_now(&self) -> Result<()> {
        self.look_into(&mut self.sight.lock(), LOCK_WAIT)
    }

    /// The first look, at open: a store that may not be read is a failure here.
    pub(super) fn first_look(&self) -> Result<()> {
        self.sight.claim(self.ports.clock.monotonic());
        self.look_now()
    }

    fn look_into(&self, seen: &mut Seen, wait: Duration) -> Result<()> {
        let result = self.read_if_changed(seen, wait);
        match &result {
            Err(error) if error.code() != Code::Busy => {
                seen.cause = Some(error.code());
                seen.look = None;
            }
            _ => {}
        }
        let concurrent = seen.concurrent();
        self.count_in_use(&mut seen.in_use, &concurrent);
        self.publish(seen);
        result
    }

    fn read_if_changed(&self, seen: &mut Seen, wait: Duration) -> Result<()> {
        let reading = match &seen.look {
            Some(known) => self.storage.read_if_changed(known, wait)?,
            None => Some(self.storage.read_within(wait)?),
        };
        if let Some(reading) = reading {
            self.take_in(seen, reading);
        }
        Ok(())
    }

    fn take_in(&self, seen: &mut Seen, reading: Reading) {
        let (state, mut cause) = match State::decode(&reading.contents) {
            Ok(state) => (state, None),
            Err(error) => (State::default(), Some(error.code())),
        };
        cause = match reading.standing.state {
            storage::State::Missing => Some(Code::StorageMissing),
            storage::State::Damaged => Some(Code::StorageDamaged),
            storage::State::Newer => Some(Code::StorageNewer),
            storage::State::Absent | storage::State::Sound | storage::State::Restored => cause,
        };
        let keyring = self.keyring(state.keyset.as_deref(), seen.keyring.as_ref());
        let same_keys =
            seen.keyring.as_ref().is_some_and(|known| known.keyset_text() == keyring.keyset_text());
        let known = if same_keys { std::mem::take(&mut seen.records) } else { Vec::new() };
        seen.records =
            state.entries.iter().map(|entry| self.verified(&keyring, entry, &known)).collect();
        seen.in_use = InUse::default();
        seen.count = seen.count.taken_over(self.marks_of(&state), self.ports.clock.boot());
        seen.state = state;
        if reading.standing.state == storage::State::Restored {
            seen.state.mark_restored();
        }
        seen.keyring = Some(keyring);
        seen.cause = cause;
        seen.look = Some(reading.look);
    }

    /// A record is verified once in a process as long as the keys that speak are the same.
    fn verified(
        &self,
        keyring: &Keyring,
        entry: &Entry,
        known: &[Option<Verified<Record>>],
    ) -> Option<Verified<Record>> {
        let text = entry.record.as_deref()?;
        let known = known.iter().flatten().find(|record| record.text() == text);
        known.cloned().or_else(|| entry::verify(keyring, &self.product, entry))
    }

    /// A keyring with this keyset, which the root must have signed; the known one where it is it.
    pub(super) fn keyring(&self, keyset: Option<&str>, known: Option<&Keyring>) -> Keyring {
        if let Some(known) = known.filter(|known| known.keyset_text() == keyset) {
            return known.clone();
        }
        let mut keyring = Keyring::new(self.root.clone());
        // A keyset that the root did not sign teaches nothing: its records then don't verify.
        if let Some(keyset) = keyset {
            let _ = keyring.learn(keyset);
        }
        keyring
    }

    fn publish(&self, seen: &mut Seen) {
        let facts = if seen.cause.is_some() { Vec::new() } else { seen.facts(self) };
        let now = self.now_by(&seen.count);
        let answers: Vec<_> = facts.iter().map(|facts| evaluate(facts, &now)).collect();
        let table = if seen.cause.is_some() {
            Table { records: Vec::new(), features: Vec::new(), ..seen.table(self, &[]) }
        } else {
            seen.table(self, &facts)
        };
        let changed = self.published.publish(&table);
        if changed || answers != seen.answers {
            self.published.count_change();
        }
        seen.answers = answers;
    }

    fn now_by(&self, count: &Count) -> Now {
        Now { wall: self.ports.clock.wall(), marks: count.now(self.ports.clock.boot()) }
    }

    /// The keyring that was seen last, and since when this process counts time. A copy: the sight's
    /// lock is never asked for under the store's.
    pub(super) fn seen_keys_and_count(&self) -> (Option<Keyring>, Count) {
        let seen = self.sight.lock();
        (seen.keyring.clone(), seen.count)
    }

    /// The marks of a state, with what has passed since in this start of the machine.
    pub(super) fn marks_of(&self, state: &State) -> Marks {
        state.marks.with_boot(state.boot.as_ref(), self.boot_id, self.boot_seconds())
    }

    pub(super) fn boot_seconds(&self) -> i64 {
        i64::try_from(self.ports.clock.boot().as_secs()).unwrap_or(i64::MAX)
    }

    /// Whether there is something that the time marks protect, and they have risen by so many seconds
    /// since they were written, or were written in an earlier start of the machine.
    pub(super) fn marks_have_risen(&self, seconds: i64) -> bool {
        let seen = self.sight.lock();
        let (written, now) = (seen.state.marks, self.now_by(&seen.count));
        let note = seen.state.boot.as_ref();
        let other_boot = self.boot_id.is_some() && note.map(|note| note.boot) != self.boot_id;
        seen.cause.is_none()
            && !seen.state.entries.is_empty()
            && (other_boot
                || now.wall >= written.high.saturating_add(seconds)
                || now.marks.low >= written.low.saturating_add(seconds))
    }

    /// The activation IDs that are here now; why the store cannot answer, as an error.
    pub(super) fn ids_here(&self) -> Result<Vec<ActivationId>> {
        self.look_now()?;
        let seen = self.sight.lock();
        match seen.cause {
            Some(cause) => Err(Error::from_code(cause)),
            None => Ok(seen.state.entries.iter().map(|entry| entry.activation_id).collect()),
        }
    }

    /// The same, those that the portal has not answered about for longest first.
    pub(super) fn ids_by_contact(&self) -> Result<Vec<ActivationId>> {
        let mut entries = self.state_here()?.entries;
        entries.sort_by_key(|entry| entry.contacted_at);
        Ok(entries.into_iter().map(|entry| entry.activation_id).collect())
    }

    /// The state that is here now, records and all; why the store cannot answer, as an error.
    pub(super) fn state_here(&self) -> Result<State> {
        self.look_now()?;
        let seen = self.sight.lock();
        match seen.cause {
            Some(cause) => Err(Error::from_code(cause)),
            None => Ok(seen.state.clone()),
        }
    }

    /// [`Code::NotFound`], or why the store cannot answer, where the ID isn't here now.
    pub(super) fn must_be_here(&self, id: ActivationId) -> Result<()> {
        if self.ids_here()?.contains(&id) { Ok(()) } else { Err(Error::from_code(Code::NotFound)) }
    }

    /// The next look counts the seats in use, however long that takes.
    pub(super) fn count_anew(&self) {
        self.sight.lock().in_use.count_anew();
    }

    /// The records that have a feature, by what was seen last, the one that serves best first; why
    /// the store cannot answer, as an error.
    pub(super) fn records_with(&self, feature: &str) -> Result<Vec<Candidate>> {
        let seen = self.sight.lock();
        if let Some(cause) = seen.cause {
            return Err(Error::from_code(cause));
        }
        let now = self.now_by(&seen.count);
        let facts = seen.facts(self);
        let mut found: Vec<Candidate> = seen
            .records
            .iter()
            .zip(&facts)
            .filter_map(|(record, facts)| Some((record.as_ref()?, facts)))
            .filter(|(record, _)| record.features.iter().any(|known| known.name == feature))
            .map(|(record, facts)| (record.activation_id, *facts, evaluate(facts, &now)))
            .collect();
        found.sort_by(|one, other| {
            let serves =
                |a: &Candidate, b: &Candidate| better((&a.1, &a.2, a.0), (&b.1, &b.2, b.0));
            serves(other, one).cmp(&serves(one, other))
        });
        Ok(found)
    }

    /// The back-off that was seen last.
    pub(super) fn seen_backoff(&self) -> Option<super::state::Backoff> {
        self.sight.lock().state.backoff.clone()
    }

    pub(super) fn monotonic_seconds(&self) -> i64 {
        i64::try_from(self.ports.clock.monotonic().as_secs()).unwrap_or(i64::MAX)
    }

    /// The time of a judgment, by the marks that were seen last.
    pub(super) fn now_seen(&self) -> Now {
        self.now_by(&self.sight.lock().count)
    }

    /// What is made of each entry and its record, as last seen; nothing where the store itself cannot
    /// answer. `of` asks nothing of this client's sight.
    pub(super) fn with_seen<T>(&self, of: impl Fn(&Entry, Option<&Record>) -> T) -> Vec<T> {
        let seen = self.sight.lock();
        if seen.cause.is_some() {
            return Vec::new();
        }
        let pairs = seen.state.entries.iter().zip(&seen.records);
        pairs.map(|(entry, record)| of(entry, record.as_deref())).collect()
    }

    /// The rows of a list, by what was last seen.
    pub(super) fn rows(&self) -> Vec<RecordInfo> {
        let seen = self.sight.lock();
        let now = self.now_by(&seen.count);
        let facts = seen.facts(self);
        let entries = seen.state.entries.iter().zip(&seen.records).zip(&facts);
        let mut rows: Vec<_> = entries
            .map(|((entry, record), facts)| RecordInfo {
                activation_id: entry.activation_id.to_string(),
                fulfillment_id: record
                    .as_ref()
                    .map_or_else(String::new, |r| r.fulfillment_id.clone()),
                features: record.as_ref().map_or_else(String::new, |r| entry::features_text(r)),
                status: seen.cause.map_or_else(|| evaluate(facts, &now), store_status),
                activated_at: entry.activated_at,
                contacted_at: entry.contacted_at,
                generation: record.as_ref().map_or(0, |r| r.generation),
            })
            .collect();
        rows.sort_by(|one, other| one.activation_id.cmp(&other.activation_id));
        rows
    }
}
