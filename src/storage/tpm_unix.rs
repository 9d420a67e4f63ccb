//! The TPM of a Linux machine: the kernel's resource manager, which gives each open device objects
//! of its own. Open to root and to the group that the distribution chose, `tss` as a rule.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use super::tpm::wire::RESPONSE_MAX;
use crate::ports::Tpm;

const DEVICE: &str = "/dev/tpmrm0";

struct Device(File);

pub(super) fn open() -> io::Result<Box<dyn Tpm>> {
    open_at(Path::new(DEVICE))
}

fn open_at(path: &Path) -> io::Result<Box<dyn Tpm>> {
    let mut options = OpenOptions::new();
    // O_NONBLOCK: since Linux 4.20 the kernel then works aside, and a chip that hangs is not waited
    // for; older kernels wait within the writing.
    options.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = super::os_unix::above_stdio(options.open(path)?)?;
    if !file.metadata()?.file_type().is_char_device() {
        return Err(ErrorKind::InvalidInput.into());
    }
    Ok(Box::new(Device(file)))
}

impl Tpm for Device {
    fn exchange(&mut self, command: &[u8], within: Duration) -> io::Result<Vec<u8>> {
        self.0.write_all(command)?;
        wait(&self.0, within)?;
        let mut answer = vec![0; RESPONSE_MAX];
        // The device gives an answer whole.
        let len = self.0.read(&mut answer)?;
        answer.truncate(len);
        Ok(answer)
    }
}

fn wait(file: &File, within: Duration) -> io::Result<()> {
    let mut polled = libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let timeout = libc::c_int::try_from(within.as_millis()).unwrap_or(libc::c_int::MAX);
    loop {
        // SAFETY: one structure that lives through the call, of a descriptor that `file` keeps open.
        match unsafe { libc::poll(&raw mut polled, 1, timeout) } {
            0 => return Err(ErrorKind::TimedOut.into()),
            1 => return Ok(()),
            _ => {}
        }
        let error = io::Error::last_os_error();
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_device_is_refused_and_one_that_never_answers_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tpmrm0");
        let kind = |path: &Path| open_at(path).err().map(|e| e.kind());
        assert_eq!(kind(&path), Some(ErrorKind::NotFound));
        std::fs::write(&path, b"").unwrap();
        assert_eq!(kind(&path), Some(ErrorKind::InvalidInput));
        assert!(open_at(Path::new("/dev/null")).is_ok());

        let (silent, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let silent = File::from(std::os::fd::OwnedFd::from(silent));
        let error = Device(silent).exchange(b"command", Duration::from_millis(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
