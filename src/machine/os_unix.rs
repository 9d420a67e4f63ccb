//! The clock of Unix systems.

use std::time::Duration;

use crate::ports::Clock;

/// The clocks of the running system. Keeps nothing. Threads: any.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

// The coarse clocks are read from memory that the kernel shares, without looking at the hardware:
// 6 ns, some milliseconds late. Only Linux has one that counts a suspended machine's sleep under
// this name; the monotonic clocks of the BSDs do so, macOS' too.
#[cfg(target_os = "linux")]
mod clocks {
    pub(super) const WALL: libc::clockid_t = libc::CLOCK_REALTIME_COARSE;
    pub(super) const MONOTONIC: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
    pub(super) const BOOT: libc::clockid_t = libc::CLOCK_BOOTTIME;
}
#[cfg(not(target_os = "linux"))]
mod clocks {
    pub(super) const WALL: libc::clockid_t = libc::CLOCK_REALTIME;
    pub(super) const MONOTONIC: libc::clockid_t = libc::CLOCK_MONOTONIC;
    pub(super) const BOOT: libc::clockid_t = libc::CLOCK_MONOTONIC;
}

impl Clock for SystemClock {
    #[allow(clippy::useless_conversion, reason = "seconds are not 64 bits wide everywhere")]
    fn wall(&self) -> i64 {
        i64::from(read(clocks::WALL, libc::CLOCK_REALTIME).tv_sec)
    }

    fn monotonic(&self) -> Duration {
        since(read(clocks::MONOTONIC, libc::CLOCK_MONOTONIC))
    }

    fn boot(&self) -> Duration {
        since(read(clocks::BOOT, libc::CLOCK_MONOTONIC))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock port")]
    fn sleep(&self, duration: Duration) {
        // Goes on sleeping after a signal, as nanosleep by itself doesn't.
        std::thread::sleep(duration);
    }
}

/// Reads a clock, or the one that every system has where this one isn't known.
#[inline(always)]
fn read(clock: libc::clockid_t, else_clock: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local that outlives the call.
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        // SAFETY: as above.
        unsafe { libc::clock_gettime(else_clock, &mut time) };
    }
    time
}

fn since(time: libc::timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_run_forward_and_the_wall_is_todays() {
        let clock = SystemClock;
        let (monotonic, boot) = (clock.monotonic(), clock.boot());
        clock.sleep(Duration::from_millis(20));
        assert!(clock.monotonic() > monotonic);
        assert!(clock.boot() >= boot + Duration::from_millis(20));
        assert!(clock.wall() > 1_750_000_000, "seconds since 1970, not another unit");
    }

    #[test]
    fn an_unknown_clock_falls_back_on_one_that_every_system_has() {
        assert!(read(-1, libc::CLOCK_REALTIME).tv_sec > 1_750_000_000);
    }
}
