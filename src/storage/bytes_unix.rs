//! Locks on ranges of bytes that belong to the open file ("open file description" locks). The record
//! locks that POSIX knows belong to the process: any close of the file there would drop them.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;

pub(super) fn try_lock(file: &File, bytes: &Range<u64>, shared: bool) -> io::Result<bool> {
    match call(file, SET, &mut lock(kind(shared), bytes)?) {
        Ok(()) => Ok(true),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(e) => Err(e),
    }
}

pub(super) fn unlock(file: &File, bytes: &Range<u64>) -> io::Result<()> {
    call(file, SET, &mut lock(libc::F_UNLCK as _, bytes)?)
}

pub(super) fn locked(
    file: &File,
    bytes: &Range<u64>,
    shared: bool,
) -> io::Result<Option<Range<u64>>> {
    let mut found = lock(kind(shared), bytes)?;
    call(file, GET, &mut found)?;
    if found.l_type == libc::F_UNLCK as libc::c_short {
        return Ok(None);
    }
    let start = u64::try_from(found.l_start).unwrap_or(0);
    let end = match u64::try_from(found.l_len) {
        // To the end of all files.
        Ok(0) | Err(_) => u64::MAX,
        Ok(len) => start.saturating_add(len),
    };
    Ok(Some(start.max(bytes.start)..end.min(bytes.end)))
}

const fn kind(shared: bool) -> libc::c_short {
    if shared { libc::F_RDLCK as _ } else { libc::F_WRLCK as _ }
}

fn lock(kind: libc::c_short, bytes: &Range<u64>) -> io::Result<libc::flock> {
    let offset = |offset: u64| {
        libc::off_t::try_from(offset).map_err(|_| io::Error::from(ErrorKind::InvalidInput))
    };
    // A length of 0 would mean everything.
    let len = bytes.end.checked_sub(bytes.start).filter(|len| *len > 0);
    // SAFETY: a C structure of integers, for which all zeros are valid.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind;
    lock.l_whence = libc::SEEK_SET as _;
    lock.l_start = offset(bytes.start)?;
    lock.l_len = offset(len.ok_or(ErrorKind::InvalidInput)?)?;
    Ok(lock)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const SET: libc::c_int = libc::F_OFD_SETLK;
#[cfg(any(target_os = "linux", target_os = "android"))]
const GET: libc::c_int = libc::F_OFD_GETLK;

#[cfg(any(target_os = "linux", target_os = "android"))]
fn call(file: &File, command: libc::c_int, lock: &mut libc::flock) -> io::Result<()> {
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(file);
    // SAFETY: acts on a descriptor that `file` keeps open; the structure lives through the call.
    if unsafe { libc::fcntl(descriptor, command, std::ptr::from_mut(lock)) } == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        // A kernel that knows no such locks says that the argument is not valid.
        error if error.raw_os_error() == Some(libc::EINVAL) => Err(ErrorKind::Unsupported.into()),
        error => Err(error),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SET: libc::c_int = 0;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const GET: libc::c_int = 0;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn call(_: &File, _: libc::c_int, _: &mut libc::flock) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::*;

    #[test]
    fn a_lock_belongs_to_its_open_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("slots");
        File::create_new(&path).unwrap();
        let open = || File::options().read(true).write(true).open(&path).unwrap();
        let (one, other, asking) = (open(), open(), open());
        let far = 1 << 62;
        assert!(try_lock(&one, &(far..far + 3), false).unwrap());
        assert!(!try_lock(&other, &(far + 2..far + 9), false).unwrap(), "of the same process");
        assert!(try_lock(&other, &(far + 3..far + 9), false).unwrap());
        drop(open());
        let whole = 0..(1 << 63) - 1;
        let found = locked(&asking, &whole, true).unwrap().unwrap();
        assert!(found == (far..far + 3) || found == (far + 3..far + 9), "{found:?}");
        assert_eq!(locked(&asking, &(far + 1..far + 3), true).unwrap(), Some(far + 1..far + 3));
        assert_eq!(locked(&one, &(far..far + 3), false).unwrap(), None, "its own stands in no way");

        unlock(&one, &(far + 1..far + 2)).unwrap();
        assert_eq!(locked(&asking, &(far + 1..far + 2), false).unwrap(), None);
        drop(one);
        assert_eq!(locked(&asking, &(far..far + 3), false).unwrap(), None, "closed");

        assert!(try_lock(&asking, &(far..far + 2), true).unwrap());
        assert_eq!(locked(&other, &(far..far + 2), true).unwrap(), None, "shared");
        assert_eq!(locked(&other, &(far..far + 2), false).unwrap(), Some(far..far + 2));
        for senseless in [far..far, far + 1..far, 0..u64::MAX] {
            assert!(try_lock(&open(), &senseless, false).is_err());
        }
    }
}
