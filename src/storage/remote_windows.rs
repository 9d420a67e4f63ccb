//! Whether a path lies on a network file system, where neither locks nor syncs can be relied on.

use std::io::{self, ErrorKind};
use std::path::{Component, Path, Prefix};

use windows_sys::Win32::Storage::FileSystem::GetDriveTypeW;
use windows_sys::Win32::System::WindowsProgramming::DRIVE_REMOTE;

/// A share by its name, a drive that stands for one, or a link to either.
pub(super) fn is_remote(path: &Path) -> io::Result<bool> {
    // A share's server isn't asked for what its name says already.
    if let Some(known) = by_prefix(path)? {
        return Ok(known);
    }
    // A link, and a drive that stands for a share, show where they lead.
    by_prefix(&std::fs::canonicalize(path)?).map(|known| known.unwrap_or(false))
}

/// `None`: it lies on a drive of this machine, as far as its name tells.
fn by_prefix(path: &Path) -> io::Result<Option<bool>> {
    let Some(Component::Prefix(prefix)) = path.components().next() else {
        return Err(ErrorKind::InvalidInput.into());
    };
    match prefix.kind() {
        Prefix::UNC(..) | Prefix::VerbatimUNC(..) => Ok(Some(true)),
        Prefix::Disk(letter) | Prefix::VerbatimDisk(letter) => {
            let root = [u16::from(letter), u16::from(b':'), u16::from(b'\\'), 0];
            // SAFETY: a NUL-terminated path, alive during the call.
            let kind = unsafe { GetDriveTypeW(root.as_ptr()) };
            Ok((kind == DRIVE_REMOTE).then_some(true))
        }
        _ => Err(ErrorKind::InvalidInput.into()),
    }
}
