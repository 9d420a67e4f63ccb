//! Which of the next calls fail, and how.
#![forbid(unsafe_code)]

use std::sync::Mutex;

use super::locked;
use crate::error::Code;

/// What a test has ordered.
#[derive(Default)]
pub(crate) struct Failures(Mutex<Option<(Code, u32)>>);

/// Where a failure happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// On the way to the portal, or in its answer.
    Portal,
    /// Where the store is changed.
    Storage,
}

/// Where a call fails with this code, if it is one that can be ordered.
pub(crate) const fn whose(code: Code) -> Option<Whose> {
    match code {
        Code::Busy
        | Code::Permission
        | Code::StorageReadOnly
        | Code::StorageFull
        | Code::StorageIo => Some(Whose::Storage),
        Code::Cancelled
        | Code::Signature
        | Code::Malformed
        | Code::TooLarge
        | Code::Version
        | Code::Mismatch
        | Code::TooLate => Some(Whose::Portal),
        // A call asks a restored portal anew by itself: none fails with that code.
        Code::PortalRestored => None,
        code if matches!(code as i32, 70..=79 | 110..=129) => Some(Whose::Portal),
        _ => None,
    }
}

impl Failures {
    /// The next `times` fail; what was ordered before is forgotten.
    pub(crate) fn order(&self, code: Option<Code>, times: u32) {
        *locked(&self.0) = code.filter(|_| times > 0).map(|code| (code, times));
    }

    /// How this one fails, where it does.
    pub(crate) fn take(&self, whose_turn: Whose) -> Option<Code> {
        let mut ordered = locked(&self.0);
        let (code, times) = (*ordered)?;
        if whose(code) != Some(whose_turn) {
            return None;
        }
        *ordered = times.checked_sub(1).filter(|left| *left > 0).map(|left| (code, left));
        Some(code)
    }
}
