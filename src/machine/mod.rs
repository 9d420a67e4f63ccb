//! Who this host is: its evidence, and what the system gives beside files: clock, randomness, user,
//! and the mark that tells a forked child from its parent.
//!
//! | file | what it does |
//! |---|---|
//! | `linux`, `linux_container`, `windows`, `macos` | where a system keeps a machine's factors |
//! | `factors`, `linux_text`, `smbios` | what a system says → values of factors, kind of machine; pure |
//! | `placeholder` | values that name no machine |
//! | `os_unix`, `os_windows`, `os_macos`, `random` | the clocks and the randomness of the system; what Windows and macOS tell by calls only |
//! | `boot` | which start of the machine this is |
//! | `process` | what this process is called |
//! | `thread_unix` | holds the cancellation of a thread off |
//! | `fork_unix`, `fork_windows` | is this a child of the process that opened the client? |
//!
//! Factors are read through the file port (on Windows, what isn't in the registry by calls of the
//! system; on macOS all of it by calls), never by running a program and never from an environment variable. How a raw value is put into its one form is part of the promise that a new version
//! keeps old licenses: `stable_across_versions` holds it.

mod boot;
mod factors;
#[cfg(unix)]
mod fork_unix;
#[cfg(windows)]
mod fork_windows;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod linux_container;
#[cfg(target_os = "linux")]
mod linux_text;
#[cfg(any(target_os = "macos", test))]
mod macos;
#[cfg(target_os = "macos")]
mod os_macos;
#[cfg(unix)]
mod os_unix;
#[cfg(windows)]
mod os_windows;
mod placeholder;
mod process;
mod random;
#[cfg(any(windows, test))]
mod smbios;
#[cfg(all(test, target_os = "linux"))]
mod tests;
#[cfg(unix)]
mod thread_unix;
#[cfg(any(windows, test))]
mod windows;

use std::collections::{BTreeMap, BTreeSet};

use lm_protocol::evidence::{Evidence, Factor, FactorKind, MachineKind, hash_value};
use lm_protocol::limits::FACTOR_VALUES_MAX;

pub use boot::boot_id;
#[cfg(unix)]
pub use fork_unix::ForkMark;
#[cfg(windows)]
pub use fork_windows::ForkMark;
#[cfg(unix)]
pub use os_unix::SystemClock;
#[cfg(windows)]
pub use os_windows::SystemClock;
pub use process::process;
pub use random::SystemRandom;
#[cfg(unix)]
pub use thread_unix::uncancelled;

/// Windows has no cancellation of threads that runs through their frames.
#[cfg(windows)]
pub fn uncancelled<T>(body: impl FnOnce() -> T) -> T {
    body()
}

use crate::error::{Code, Error, Result};
use crate::limits::HOST_IDENTITY_MAX;
use crate::ports::Files;

#[cfg(target_os = "linux")]
const HOW_TO_HELP: &str = "Give the machine an ID in /etc/machine-id, mount /etc/lm/host-identity \
                           into the container, or let the application give its own identity \
                           (host_identity).";
#[cfg(not(target_os = "linux"))]
const HOW_TO_HELP: &str = "Let the application give its own identity (host_identity).";

/// Through whose eyes a machine is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// All that the effective user may read.
    Own,
    /// What every user of the machine may read, whoever asks.
    Everyone,
}

/// What was found, before it is hashed. It never leaves this module.
#[derive(Debug)]
struct Raw {
    machine: MachineKind,
    values: Vec<(FactorKind, String)>,
}

/// The evidence of this host, hashed under the vendor's salt, for a store of the effective user.
///
/// `given` is the host application's own identity, taken as it is; it is then the only factor.
/// Else the factors are those of the machine that this user may read; one that isn't there, that
/// may not be read or that holds a placeholder is no error. Threads: any.
///
/// Errors: [`Code::InvalidArgument`] for an identity that is empty or too long,
/// [`Code::Unsupported`] where the machine shows nothing to know it by, [`Code::StorageIo`] where
/// the system failed while it was asked: leaving a factor out then would disown the license.
pub fn evidence(files: &dyn Files, salt: &[u8; 32], given: Option<&str>) -> Result<Evidence> {
    look(files, salt, given, Sight::Own)
}

/// The same for a store of all users: only factors that every user may read, so that root, who
/// activates, and a user, who works, see one and the same host.
///
/// Errors: as [`evidence`].
pub fn shared_evidence(
    files: &dyn Files,
    salt: &[u8; 32],
    given: Option<&str>,
) -> Result<Evidence> {
    look(files, salt, given, Sight::Everyone)
}

fn look(files: &dyn Files, salt: &[u8; 32], given: Option<&str>, sight: Sight) -> Result<Evidence> {
    let raw = match given {
        Some(identity) => identity_of(identity)?,
        None => machine_factors(files, sight)?,
    };
    if !raw.values.iter().any(|(kind, _)| names_a_machine(*kind)) {
        let sentence = "This machine shows nothing by which it could be known again: no machine \
                        ID, no serial number, no network card.";
        return Err(Error::new(Code::Unsupported, sentence).with_hint(HOW_TO_HELP));
    }
    Ok(hashed(raw, salt))
}

/// Whether a value of this kind tells one machine from others of its model, and stays.
const fn names_a_machine(kind: FactorKind) -> bool {
    !matches!(kind, FactorKind::Processor | FactorKind::VmGeneration)
}

fn identity_of(identity: &str) -> Result<Raw> {
    if identity.is_empty() || identity.len() > HOST_IDENTITY_MAX {
        let sentence = format!("host_identity must have 1 to {HOST_IDENTITY_MAX} bytes.");
        return Err(Error::new(Code::InvalidArgument, sentence));
    }
    let values = vec![(FactorKind::Identity, identity.to_owned())];
    Ok(Raw { machine: MachineKind::Given, values })
}

#[cfg(target_os = "linux")]
fn machine_factors(files: &dyn Files, sight: Sight) -> Result<Raw> {
    linux::read(files, sight)
}

/// Every user sees the same.
#[cfg(windows)]
fn machine_factors(files: &dyn Files, _: Sight) -> Result<Raw> {
    windows::read(files, &os_windows::shown()?)
}

/// As above.
#[cfg(target_os = "macos")]
fn machine_factors(_: &dyn Files, _: Sight) -> Result<Raw> {
    Ok(macos::read(&os_macos::shown()?))
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn machine_factors(_: &dyn Files, _: Sight) -> Result<Raw> {
    let sentence = "This version of the license library can't identify machines of this system.";
    Err(Error::new(Code::Unsupported, sentence).with_hint(HOW_TO_HELP))
}

/// Sorted and bounded as evidence must be. Of more values than fit, the same ones are kept each
/// time: those with the lowest hashes.
fn hashed(raw: Raw, salt: &[u8; 32]) -> Evidence {
    let mut factors = BTreeMap::<FactorKind, BTreeSet<_>>::new();
    for (kind, value) in &raw.values {
        factors.entry(*kind).or_default().insert(hash_value(salt, *kind, value));
    }
    let factors = factors
        .into_iter()
        .map(|(kind, values)| Factor {
            kind,
            values: values.into_iter().take(FACTOR_VALUES_MAX).collect(),
        })
        .collect();
    Evidence { machine: raw.machine, factors }
}
