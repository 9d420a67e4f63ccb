//! The store, changed: one closure over the state, committed or not.

use std::time::Duration;

use lm_protocol::{ActivationId, Keyring, Record, Verified};

use super::Client;
use super::entry;
use super::exchange::Call;
use super::state::State;
use crate::error::{Code, Error, Result};
use crate::limits::LOCK_WAIT;
use crate::log::Level;
use crate::policy::{BootNote, Facts, Now, Status, evaluate};
use crate::storage::{self, Commit, Slots, Standing, Wait};

/// The state under the store's lock.
pub(super) struct Draft<'a> {
    client: &'a Client,
    pub(super) state: State,
    pub(super) standing: Standing,
    pub(super) now: Now,
    keyring: Keyring,
    /// Seats that are out of use until the change is committed.
    pub(super) taken: Vec<Slots>,
}

impl Draft<'_> {
    /// The record of an entry, its signature verified.
    pub(super) fn record(&self, id: ActivationId) -> Option<Verified<Record>> {
        entry::verify(&self.keyring, &self.client.product, self.state.entry(id)?)
    }

    /// Whether there is a store: where there is none, only a person's wish makes one.
    pub(super) fn stands(&self) -> bool {
        matches!(self.standing.state, storage::State::Sound | storage::State::Restored)
    }

    /// The version of the newest keyset that this store has; 0: none.
    pub(super) fn keyset_version(&self) -> u64 {
        self.keyring.keyset_version()
    }

    /// Fulfillment and generation that a message about the record of an entry names.
    pub(super) fn about(&self, id: ActivationId) -> Result<(String, u64)> {
        let record = self.record(id).ok_or_else(|| Error::from_code(Code::Signature))?;
        Ok((record.fulfillment_id.clone(), record.generation))
    }

    /// `slots`, opened once more; `None`: it isn't there.
    pub(super) fn slots(&self) -> Result<Option<Slots>> {
        self.client.storage.slots()
    }

    /// Facts and status of an activation ID; of nothing, where it isn't here.
    pub(super) fn judge(&self, id: ActivationId) -> (Facts, Status) {
        let facts = self.state.entry(id).map_or_else(Facts::default, |entry| {
            entry::facts(entry, self.record(id).as_deref(), &self.client.holder, &self.client.host)
        });
        (facts, evaluate(&facts, &self.now))
    }
}

impl Client {
    /// Changes the store and publishes what it then holds. `change` is quick, sends nothing and
    /// calls nothing of the host's.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Draft<'_>) -> Result<(T, Commit)>,
    ) -> Result<T> {
        self.change_within(self.lock_wait(), change)
    }

    /// How long a call of the host waits for the store's lock.
    pub(super) fn lock_wait(&self) -> Duration {
        LOCK_WAIT.min(self.timeout)
    }

    /// As [`Self::change`], for a call that another thread may end while it waits its turn.
    pub(super) fn change_in<T>(
        &self,
        call: &Call,
        change: impl FnOnce(&mut Draft<'_>) -> Result<(T, Commit)>,
    ) -> Result<T> {
        let wait = Wait { at_most: self.lock_wait(), cancel: call.cancel.clone() };
        self.change_within(wait, change)
    }

    fn change_within<T>(
        &self,
        wait: impl Into<Wait>,
        change: impl FnOnce(&mut Draft<'_>) -> Result<(T, Commit)>,
    ) -> Result<T> {
        let (known, count) = self.seen_keys_and_count();
        let result = self.storage.change(wait, |standing, contents| {
            let mut state = State::decode(contents)?;
            if standing.state == storage::State::Restored {
                state.mark_restored();
            }
            let marks = count.taken_over(self.marks_of(&state), self.ports.clock.boot()).marks;
            let now = Now { wall: self.ports.clock.wall(), marks };
            let keyring = self.keyring(state.keyset.as_deref(), known.as_ref());
            let taken = Vec::new();
            let mut draft = Draft { client: self, state, standing: *standing, now, keyring, taken };
            draft.state.marks = marks.with_wall(now.wall);
            let (value, commit) = change(&mut draft)?;
            if commit != Commit::Keep {
                let (at, low) = (self.boot_seconds(), draft.state.marks.low);
                draft.state.boot = self.boot_id.map(|boot| BootNote { boot, at, low });
                draft.state.encode(contents)?;
            }
            Ok(((value, draft.taken), commit))
        });
        // Seats that were taken out of use are let go: the store says now which there are.
        let result = result.map(|(value, taken)| {
            drop(taken);
            value
        });
        // What another thread or process sees within a look, this one sees at once.
        if let Err(error) = self.look_now() {
            self.line(Level::Warn, || format!("Trusted storage cannot be read: {error}"));
        }
        result
    }

    /// Writes the time marks at open, where a store stands with something that they protect and
    /// they have risen noticeably, or the machine was started anew since. One that can't be written hinders nothing.
    pub(super) fn mark_time(&self) {
        const NOTICEABLE: i64 = 60;
        if !self.marks_have_risen(NOTICEABLE) {
            return;
        }
        let written = self.change_within(Duration::ZERO, |draft| {
            let sound = draft.standing.state == storage::State::Sound;
            Ok(((), if sound { Commit::WriteMarks } else { Commit::Keep }))
        });
        if let Err(error) = written {
            self.line(Level::Info, || format!("The time mark was not written: {error}"));
        }
    }
}
