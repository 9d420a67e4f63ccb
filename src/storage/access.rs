//! What this user may do where the store lies: for a report, before it is needed.
#![forbid(unsafe_code)]

use super::{Core, Storage};
use crate::error::Result;
use crate::ports::OpenHow;

impl Storage {
    /// Whether this user may change the store that stands here, found by opening its files to write.
    /// Writes and makes nothing; what isn't there is no error.
    ///
    /// Errors: those of [`Storage::change`] that opening tells.
    pub fn check_may_change(&self) -> Result<()> {
        self.core.check_may_change()
    }

    /// Bytes that this user may still write where the store lies or is to lie; `None`: the system
    /// doesn't tell.
    #[must_use]
    pub fn free_space(&self) -> Option<u64> {
        self.core.files.free_space(&self.core.paths.dir).ok()
    }
}

impl Core {
    fn check_may_change(&self) -> Result<()> {
        let Some(directory) = self.directory_stat()? else {
            return Ok(());
        };
        let [a, b] = &self.paths.images;
        let mut missing = false;
        for path in [&self.paths.lock, a, b] {
            missing |= self.open(path, OpenHow::Write)?.is_none();
        }
        if missing { self.check_may_create(&directory) } else { Ok(()) }
    }
}
