//! How much this user may still write where a path lies.

use std::io;
use std::mem::MaybeUninit;
use std::path::Path;

use super::os_unix::c_path;

pub(super) fn free(path: &Path) -> io::Result<u64> {
    let path = c_path(path)?;
    let mut found = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: a NUL-terminated path and a place for the answer, both alive during the call.
    if unsafe { libc::statvfs(path.as_ptr(), found.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a C structure of integers, for which all zeros are valid, filled in by the call.
    let found = unsafe { found.assume_init() };
    // The types differ by system.
    #[allow(clippy::unnecessary_cast)]
    let (blocks, size) = (found.f_bavail as u64, found.f_frsize as u64);
    Ok(blocks.saturating_mul(size))
}
