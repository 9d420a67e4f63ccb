//! The record locks of POSIX on a whole file: what trusted storage must not use.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

pub fn try_lock(file: &File, shared: bool) -> io::Result<bool> {
    match set(file, if shared { libc::F_RDLCK } else { libc::F_WRLCK }) {
        Ok(()) => Ok(true),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(e) => Err(e),
    }
}

pub fn unlock(file: &File) -> io::Result<()> {
    set(file, libc::F_UNLCK)
}

fn set(file: &File, kind: impl TryInto<libc::c_short>) -> io::Result<()> {
    // SAFETY: a C structure of integers, for which all zeros are valid: the whole file.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind.try_into().unwrap_or_default();
    // SAFETY: a descriptor that `file` keeps open; the structure outlives the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
