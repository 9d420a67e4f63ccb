//! Threads of the host that are cancelled.

/// Runs `body` with `pthread_cancel` held off until it is over. A cancelled thread would unwind from
/// any system call that waits, through frames of Rust, which ends the process; so it ends in the
/// host's own code. A host that wants a call to end has `lm_cancel`.
pub fn uncancelled<T>(body: impl FnOnce() -> T) -> T {
    let _held_off = HeldOff::new();
    body()
}

/// Android knows no cancellation.
#[cfg(target_os = "android")]
struct HeldOff;

#[cfg(target_os = "android")]
impl HeldOff {
    fn new() -> Self {
        Self
    }
}

/// Restores what the thread had when it is dropped.
#[cfg(not(target_os = "android"))]
struct HeldOff(libc::c_int);

#[cfg(not(target_os = "android"))]
impl HeldOff {
    fn new() -> Self {
        let mut before = 0;
        // SAFETY: the pointer is to a local that outlives the call.
        unsafe { pthread_setcancelstate(DISABLE, &mut before) };
        Self(before)
    }
}

#[cfg(not(target_os = "android"))]
impl Drop for HeldOff {
    fn drop(&mut self) {
        let mut held_off = 0;
        // SAFETY: gives back what the same thread had; the pointer is to a local.
        unsafe { pthread_setcancelstate(self.0, &mut held_off) };
    }
}

#[cfg(target_vendor = "apple")]
const DISABLE: libc::c_int = 0;
#[cfg(not(any(target_vendor = "apple", target_os = "android")))]
const DISABLE: libc::c_int = 1;

#[cfg(not(target_os = "android"))]
unsafe extern "C" {
    fn pthread_setcancelstate(state: libc::c_int, before: *mut libc::c_int) -> libc::c_int;
}
