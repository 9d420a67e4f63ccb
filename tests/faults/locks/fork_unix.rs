//! A child by `fork` alone, which shares every open file, and signals.

use std::io;

/// Seconds that a child lives at most.
const LONGEST: u32 = 300;

/// A child that does nothing; it is killed, and waited for, when this is dropped.
pub(crate) struct Idle(libc::pid_t);

impl Idle {
    pub(crate) fn fork() -> Self {
        // SAFETY: the child calls only what is safe after a fork beside other threads.
        match unsafe { libc::fork() } {
            -1 => panic!("fork: {}", io::Error::last_os_error()),
            0 => {
                // Not for ever, where whoever forked it is killed.
                // SAFETY: takes a number; its signal ends the process.
                unsafe { libc::alarm(LONGEST) };
                loop {
                    // SAFETY: takes nothing, waits for a signal.
                    unsafe { libc::pause() };
                }
            }
            child => Self(child),
        }
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        send(self.0, libc::SIGKILL);
        // SAFETY: a child of this process; no status is asked for.
        unsafe { libc::waitpid(self.0, std::ptr::null_mut(), 0) };
    }
}

pub(crate) fn stop(process: u32) {
    let process = process as libc::pid_t;
    send(process, libc::SIGSTOP);
    // Stopped it is only once the system says so.
    let mut status = 0;
    // SAFETY: a child of this process, a place for its status.
    let told = unsafe { libc::waitpid(process, &raw mut status, libc::WUNTRACED) };
    assert!(told == process && libc::WIFSTOPPED(status), "{told}, {status:#x}");
}

pub(crate) fn go_on(process: u32) {
    send(process as libc::pid_t, libc::SIGCONT);
}

fn send(process: libc::pid_t, signal: libc::c_int) {
    // SAFETY: a child of this process that was not waited for yet.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0, "{}", io::Error::last_os_error());
}
