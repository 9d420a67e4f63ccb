//! No honest machine is accused; and where the portal has granted, the machine may work.

use std::sync::Arc;

use lm::{Code, State, Status};

use super::examine;
use crate::locked;
use crate::machine::{Place, Process};
use crate::plan::{MINUTE, PRODUCT};
use crate::world::World;

/// What was so when a call began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    calls: u64,
    acts: u64,
}

/// How far an honest clock is off, in milliseconds.
pub(crate) const HONEST: i64 = 20 * MINUTE * 1000;

/// In which state a record is, for the counts.
pub(crate) fn state_label(process: &Process, id: &str) -> String {
    let status = process.client().and_then(|client| client.status(Some(id)).ok());
    let Some(Status { state, cause, .. }) = status else { return "?".to_owned() };
    match (state, cause) {
        (State::Expired | State::Untrusted, Some(cause)) => {
            format!("{} {}", state.name(), cause.name().trim_start_matches("LM_ERR_"))
        }
        _ => state.name().to_owned(),
    }
}

impl World {
    /// What no honest store is ever said to be.
    fn is_accusation(code: Code) -> bool {
        matches!(
            code,
            Code::Restored
                | Code::Stale
                | Code::Signature
                | Code::StorageDamaged
                | Code::StorageMissing
                | Code::StorageNewer
                | Code::StorageUnsafe
                | Code::StorageIo
        )
    }

    fn is_honest(&self, place: Place) -> bool {
        let judge = locked(&self.judge);
        !judge.is_tampered(place) && !judge.is_disturbed(self.host_of(place.machine))
    }

    /// Judges the status of every license in every living process.
    pub(crate) fn judge_trust(&self) {
        let ids: Vec<String> = locked(&self.judge).books.ids.keys().cloned().collect();
        for process in self.live() {
            if !self.is_honest(process.place) {
                continue;
            }
            let Some(client) = process.client() else { continue };
            for id in &ids {
                let Ok(status) = client.status(Some(id)) else { continue };
                if status.state == State::Untrusted {
                    self.judge_distrust(process.place, &status);
                }
            }
        }
    }

    fn judge_distrust(&self, place: Place, status: &Status) {
        let by_clock = status.cause == Some(Code::Clock);
        if by_clock && !locked(&self.judge).is_steady(place.machine) {
            return;
        }
        self.accuse("an honest store is trusted", || {
            format!("{place} is told {:?}", status.cause.map(Code::name))
        });
    }

    pub(crate) fn before_call(&self, process: &Process) -> Before {
        *locked(&process.granted) = None;
        let mut judge = locked(&self.judge);
        Before { calls: judge.called(process.place), acts: judge.acts }
    }

    /// Judges what a call came to.
    pub(crate) fn judge_result(&self, process: &Process, result: &lm::Result<()>) {
        let Err(error) = result else { return };
        let code = error.code();
        let internal = matches!(code, Code::Internal | Code::InvalidArgument);
        if internal && error.message() != HOLDS_FEWER {
            self.accuse("no wrong step", || format!("{}: {error}", code.name()));
        }
        if Self::is_accusation(code) && self.is_honest(process.place) {
            self.accuse("an honest store is trusted", || {
                format!("{} is told {}", process.place, code.name())
            });
        }
    }

    /// After a call that was granted something and that nobody disturbed, the machine may work.
    pub(crate) fn judge_granted(self: &Arc<Self>, process: &Process, before: Before) {
        let Some(id) = locked(&process.granted).take() else { return };
        let place = process.place;
        {
            let judge = locked(&self.judge);
            let alone = judge.calls.get(&place) == Some(&before.calls) && judge.acts == before.acts;
            if !alone || !judge.is_steady(place.machine) {
                return;
            }
        }
        let pending = examine(self, place).is_none_or(|store| {
            store.entries.iter().any(|entry| entry.id == id && entry.pending.is_some())
        });
        let Some(status) = process.client().and_then(|client| client.status(Some(&id)).ok()) else {
            return;
        };
        let works = status.usable || pending || may_be(&status);
        if !works && self.is_honest(place) {
            self.accuse("what is granted works", || {
                format!("{place} was granted {PRODUCT} {id} and is {status:?}")
            });
        }
    }
}

/// What the caller itself is to blame for.
const HOLDS_FEWER: &str = "This machine holds fewer seats of the license than are to be returned.";

/// States that a grant can honestly leave a license in: its term.
fn may_be(status: &Status) -> bool {
    match status.state {
        State::NotYetValid => true,
        State::Expired => status.cause == Some(Code::Expired),
        _ => false,
    }
}
