//! The shutdown of a file system, as its own tests use it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;

/// `EXT4_IOC_SHUTDOWN`: `_IOR('X', 125, u32)`.
const SHUTDOWN: libc::c_ulong = 0x8004_587D;
/// Not even the journal is written out.
const NO_FLUSH: u32 = 2;

/// From here on nothing reaches the disk below this mount.
pub(crate) fn shut_down(mount: &Path) -> io::Result<()> {
    let (root, how) = (File::open(mount)?, NO_FLUSH);
    // SAFETY: a descriptor that `root` keeps open; the kernel reads one number that outlives the call.
    match unsafe { libc::ioctl(root.as_raw_fd(), SHUTDOWN as _, &raw const how) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
