//! Which start of the machine this is.
#![forbid(unsafe_code)]

use lm_protocol::Id;
use ring::digest::{SHA256, digest};

use crate::ports::Files;

/// What tells this start of the machine from every other; `None` where the system shows no such thing.
/// It never leaves the machine.
#[must_use]
pub fn boot_id(files: &dyn Files) -> Option<Id> {
    let text = shown(files)?;
    let text = text.trim_ascii();
    let hash = digest(&SHA256, text);
    let half = hash.as_ref().first_chunk::<16>()?;
    (!text.is_empty()).then_some(Id(*half))
}

/// Linux makes it anew at each start, and shows it in containers, too.
#[cfg(not(target_os = "macos"))]
fn shown(files: &dyn Files) -> Option<Vec<u8>> {
    const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
    const BOOT_ID_MAX: usize = 256;
    files.read(std::path::Path::new(BOOT_ID), BOOT_ID_MAX).ok()
}

/// No file of macOS holds it.
#[cfg(target_os = "macos")]
fn shown(_: &dyn Files) -> Option<Vec<u8>> {
    super::os_macos::boot_session().map(String::into_bytes)
}
