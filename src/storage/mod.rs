//! Trusted storage: one small store of a vendor's product, safe against crashes, tamper-evident,
//! shared by processes and threads.
//!
//! A directory holds `lock`, two complete images `a` and `b` and, for checkouts, `slots`; an anchor
//! stands in another tree. An image is a list of sections that mean nothing here: the layers above
//! know of licenses. [`Storage::read`] takes no lock; [`Storage::change`] is the one way to write.
//!
//! | file | what it does |
//! |---|---|
//! | `place` | which directory, which anchor, which permissions |
//! | `image`, `contents`, `seal` | the bytes of an image, its key and who keeps that |
//! | `platform`, `tpm` | the platform's own key store: it vouches for a store, and counts |
//! | `anchor` | the file that exposes a restored store |
//! | `read`, `judge`, `standing` | bytes → state |
//! | `lock`, `commit` | the one way to write |
//! | `access` | what this user may do here |
//! | `slots`, `holder` | seats in use, and who holds them |
//! | `memory` | the file port of a store that ends with its client |
//! | `safety` | owner, mode, links, network file systems; errors as sentences |
//! | `os_unix`, `bytes_unix`, `remote_unix`, `space_unix`, `places_unix`, `tpm_unix` | the file port of Unix systems, and where their stores are |
//! | `os_windows`, `dpapi_windows`, `registry_windows`, `remote_windows`, `space_windows`, `user_windows`, `places_windows` | those of Windows |
//! | `rights`, `registry` | what those of Windows read and write, as bytes; pure |

mod access;
mod anchor;
#[cfg(unix)]
mod bytes_unix;
mod commit;
mod contents;
#[cfg(windows)]
mod dpapi_windows;
mod holder;
mod image;
mod judge;
mod lock;
mod memory;
#[cfg(unix)]
mod os_unix;
#[cfg(windows)]
mod os_windows;
mod place;
#[cfg(unix)]
mod places_unix;
#[cfg(windows)]
mod places_windows;
mod platform;
mod read;
#[cfg(any(windows, test))]
mod registry;
#[cfg(windows)]
mod registry_windows;
#[cfg(unix)]
mod remote_unix;
#[cfg(windows)]
mod remote_windows;
#[cfg(any(windows, test))]
mod rights;
mod safety;
mod seal;
mod slots;
#[cfg(unix)]
mod space_unix;
#[cfg(windows)]
mod space_windows;
mod standing;
#[cfg(unix)]
mod tpm;
#[cfg(target_os = "linux")]
mod tpm_unix;
#[cfg(windows)]
mod user_windows;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use contents::Contents;
pub use holder::Holder;
pub use image::CONTENTS_MAX;
pub use lock::Wait;
pub use memory::MemoryFiles;
#[cfg(unix)]
pub use os_unix::SystemFiles;
#[cfg(windows)]
pub use os_windows::SystemFiles;
pub use place::{Place, Scope};
pub use platform::SealerKind;
pub use seal::{Sealer, SoftwareSealer};
pub use slots::{RANGE_LEN, Slots, Take, bytes_of};
pub use standing::{FOREIGN_HINT, Look, Note, Reading, Standing, State};

use crate::error::{Code, Error, Result};
use crate::ports::{Clock, Files, Ports, Random};
use platform::{Platform, PlatformSealer};

/// One store. Holds no lock and no open file between calls. Threads: any, several at once; any
/// number of these, in any number of processes, may work on one store.
pub struct Storage {
    core: Core,
}

/// What becomes of the contents that a change has edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// They are committed.
    Write,
    /// They are committed at a generation above this one, which an anchor outside of the machine
    /// has seen.
    WriteAbove(u64),
    /// They are committed, and nothing but time marks has changed in them: the platform's counter,
    /// which bears only so many writings, isn't raised for each of these.
    WriteMarks,
    /// They are dropped; nothing is written.
    Keep,
}

struct Core {
    paths: place::Paths,
    files: Arc<dyn Files>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    sealer: Box<dyn Sealer>,
    platform: Platform,
    /// The disk twice failed to keep a change.
    turned_read_only: AtomicBool,
}

impl Storage {
    /// The store of this place, whether it is there or not. Makes nothing and opens no file of it.
    ///
    /// Errors: [`Code::InvalidArgument`] for a name or a path that can't be used,
    /// [`Code::StorageIo`] where the default place is asked for and the user has no home.
    pub fn new(place: &Place, ports: &Ports) -> Result<Self> {
        let ports = match place.scope {
            Scope::Memory => {
                &Ports { files: Arc::new(MemoryFiles::new(ports.files.user())), ..ports.clone() }
            }
            Scope::User | Scope::Machine => ports,
        };
        let paths = place::Paths::of(place, ports.files.as_ref())?;
        let sealer = SoftwareSealer::new(&place.vendor, &place.product)?;
        let platform = platform_sealer(place, &paths, ports);
        Ok(Self::with(paths, Box::new(sealer), platform, ports))
    }

    fn with(
        paths: place::Paths,
        sealer: Box<dyn Sealer>,
        platform: Option<Box<dyn PlatformSealer>>,
        ports: &Ports,
    ) -> Self {
        Self {
            core: Core {
                paths,
                platform: Platform::new(platform, ports.clock.clone()),
                files: ports.files.clone(),
                clock: ports.clock.clone(),
                random: ports.random.clone(),
                sealer,
                turned_read_only: AtomicBool::new(false),
            },
        }
    }

    /// Whether it ends with this value: nothing of it is on a disk.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.core.paths.scope == Scope::Memory
    }

    /// The store's directory, absolute, links resolved; in memory one that no system has.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.core.paths.dir
    }

    /// The anchor file; `None` where the user has no home for it.
    #[must_use]
    pub fn anchor_path(&self) -> Option<&Path> {
        self.core.paths.anchor.as_deref()
    }

    /// Reads the store. Takes no lock save, without waiting, where three readings in a row were
    /// disturbed by writers; makes nothing; needs no right to write.
    ///
    /// Errors: [`Code::Busy`] (disturbed: what was known last still holds), [`Code::Permission`],
    /// [`Code::StorageUnsafe`], [`Code::StorageRemote`], [`Code::StorageIo`]. Missing, damaged and
    /// newer stores are no errors but states.
    pub fn read(&self) -> Result<Reading> {
        self.core.read(Duration::ZERO)
    }

    /// As [`Self::read`], but waits for the writers that disturb it.
    pub fn read_within(&self, wait: Duration) -> Result<Reading> {
        self.core.read(wait)
    }

    /// As [`Self::read_within`], unless the files look as they did: then `None`, and that reading
    /// still holds.
    pub fn read_if_changed(&self, known: &Look, wait: Duration) -> Result<Option<Reading>> {
        self.core.read_if_changed(known, wait)
    }

    /// The identity and the head of each file: some microseconds. As long as it equals the
    /// [`Reading::look`] of a reading, that reading still holds. Errors: as [`Self::read`].
    pub fn look(&self) -> Result<Look> {
        self.core.look()
    }

    /// Changes the store: takes the lock, waiting for it as `wait` says, reads, lets `change` edit
    /// the contents, and commits them if it says [`Commit::Write`]. On success they are durable and
    /// anchored. Makes the store where there is none; the directory and the empty lock file are
    /// made even where nothing is then written, so ask [`Self::read`] first where that matters.
    ///
    /// `change` runs under the lock: it must be quick and call nothing outside. Its own error
    /// leaves the store untouched and is returned. It sees in which state the store is:
    /// - Restored: it must mark every record; this commit heals the state.
    /// - Missing, Damaged: the contents are empty, and a Write makes a *new* store with a new ID at
    ///   highest anchor + 1 over what is left. So it says Keep unless a person wants that.
    ///
    /// An error after the contents were written (the disk failed, or no anchor could be raised)
    /// means that nothing may be sent on the strength of them; the store may show them or not.
    ///
    /// Errors: [`Code::Busy`] after `wait`, [`Code::Cancelled`], [`Code::StorageNewer`], [`Code::StorageReadOnly`],
    /// [`Code::StorageFull`], and those of [`Self::read`].
    pub fn change<T>(
        &self,
        wait: impl Into<Wait>,
        change: impl FnOnce(&Standing, &mut Contents) -> Result<(T, Commit)>,
    ) -> Result<T> {
        let core = &self.core;
        if core.turned_read_only.load(Ordering::Acquire) {
            let sentence = "Trusted storage is read-only since the disk failed to keep a change.";
            return Err(Error::new(Code::StorageReadOnly, sentence)
                .with_hint("Check the disk, then start the application again."));
        }
        core.prepare()?;
        let Some(lock) = core.lock(false, &wait.into())? else {
            return Err(Error::from_code(Code::Busy));
        };
        let result = core.change_locked(change);
        lock.release();
        result
    }
}

impl Core {
    /// The directory and the lock file, made where they aren't there.
    fn prepare(&self) -> Result<()> {
        self.check_local()?;
        if self.directory_stat()?.is_none() {
            let directory = &self.paths.dir;
            let made = self.files.make_dir(directory, self.paths.dir_mode());
            made.map_err(|e| self.io_error(directory, "made", &e))?;
        }
        self.ensure_empty_file(&self.paths.lock)
    }
}

impl Core {
    /// Syncs the names of the directories on the way to this one: a process that made them may have
    /// been killed before it did. One that may not be opened was not made by this user.
    fn sync_above(&self, directory: &Path) {
        for above in directory.ancestors().skip(1) {
            let _ = self.files.sync_dir(above);
        }
    }
}

/// A TPM serves stores in the scope's own place only: it has room for a dozen counters or two, and
/// directories that a host chooses come and go, with a test, with a container.
#[cfg(unix)]
fn platform_sealer(
    place: &Place,
    paths: &place::Paths,
    ports: &Ports,
) -> Option<Box<dyn PlatformSealer>> {
    let name = paths.anchor.as_ref()?.as_os_str().as_encoded_bytes();
    let own = place.dir.is_none();
    own.then(|| {
        let (files, clock) = (ports.files.clone(), ports.clock.clone());
        Box::new(tpm::TpmSealer::new(name, files, clock)) as Box<dyn PlatformSealer>
    })
}

#[cfg(windows)]
fn platform_sealer(_: &Place, _: &place::Paths, _: &Ports) -> Option<Box<dyn PlatformSealer>> {
    Some(Box::new(dpapi_windows::DpapiSealer))
}

/// A store ID: 128 random bits, not all zero.
fn new_id(random: &dyn Random) -> Result<[u8; 16]> {
    let mut id = [0; 16];
    while id == [0; 16] {
        random.fill(&mut id)?;
    }
    Ok(id)
}

#[cfg(all(test, unix))]
mod tests;

#[cfg(all(test, windows))]
mod tests_windows;
