//! The store's lock: `flock` on a file of its own, never a POSIX record lock, which any unrelated
//! close in the process would drop.
#![forbid(unsafe_code)]

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::Core;
use crate::cancel::Token;
use crate::error::{Code, Error, Result};
use crate::ports::{File, OpenHow};

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

/// How long a call waits for whoever else holds the lock.
#[derive(Clone, Debug, Default)]
pub struct Wait {
    /// At most so long.
    pub at_most: Duration,
    /// Or until it is cancelled.
    pub cancel: Token,
}

impl From<Duration> for Wait {
    fn from(at_most: Duration) -> Self {
        Self { at_most, ..Self::default() }
    }
}

/// A lock that is held. It is let go by [`Lock::release`]; dropping it only closes the file, which
/// lets it go as well unless a forked child shares it.
pub(super) struct Lock(Box<dyn File>);

impl Lock {
    pub(super) fn release(mut self) {
        // Nothing can be done about a failure, and the close that follows lets it go too.
        let _ = self.0.unlock();
    }
}

impl Core {
    /// Makes a file that holds nothing of ours, to be locked, where there is none.
    pub(super) fn ensure_empty_file(&self, path: &Path) -> Result<()> {
        match self.files.stat(path) {
            Ok(_) => return Ok(()),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(self.io_error(path, "examined", &e)),
        }
        if let Some(directory) = self.directory_stat()? {
            self.check_may_create(&directory)?;
        }
        let mode = self.paths.lock_mode();
        match self.create(path, mode) {
            Ok(_) => Ok(()),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(e) => Err(self.io_error(path, "made", &e)),
        }
    }

    /// Takes the lock, waiting politely. `None`: there is no lock file.
    ///
    /// Errors: [`Code::Busy`] once the wait is over, [`Code::Cancelled`].
    pub(super) fn lock(&self, shared: bool, wait: &Wait) -> Result<Option<Lock>> {
        let deadline = self.clock.monotonic().saturating_add(wait.at_most);
        let mut pause = FIRST_PAUSE;
        loop {
            let Some((mut file, stat)) = self.open(&self.paths.lock, OpenHow::Read)? else {
                return Ok(None);
            };
            loop {
                let taken = file.try_lock(shared);
                if taken.map_err(|e| self.io_error(&self.paths.lock, "locked", &e))? {
                    break;
                }
                let left = deadline.saturating_sub(self.clock.monotonic());
                if left.is_zero() {
                    return Err(Error::from_code(Code::Busy));
                }
                wait.cancel.check()?;
                self.clock.sleep(pause.min(left));
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            if self.is_at(&self.paths.lock, (stat.device, stat.inode))? {
                return Ok(Some(Lock(file)));
            }
        }
    }

    /// Whether this very file is still at its path: whoever cleared the directory away while we
    /// waited left us the lock of a file that nobody else can find.
    pub(super) fn is_at(&self, path: &Path, identity: (u64, u64)) -> Result<bool> {
        match self.files.stat(path) {
            Ok(found) => Ok((found.device, found.inode) == identity),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(self.io_error(path, "examined", &e)),
        }
    }
}
