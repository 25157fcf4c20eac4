//! The kernel's clock on this platform: microseconds since the process first looked.
//!
//! The system's monotonic clock, which Linux answers without a system call (vDSO). Crates that read the processor's
//! counter instead are some 20 ns faster a read; but they calibrate for up to 200 ms at the start, drift from the
//! system's clock, and stand still or jump when the machine has slept and the counter began anew.
//!
//! The clock does not advance while the machine sleeps, and nobody can set it. The wall time of an instant is worked
//! out when it is shown: a step of the system's clock shows at once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kernel_core::Instant;
use rustix::time::{ClockId, clock_gettime};

/// How many times as fast as the system's the clock is.
static RATE: AtomicU32 = AtomicU32::new(1);

/// Makes the clock, and the time of day that it shows, so many times as fast as the system's: for simulations. To be
/// set before the clock is looked at.
pub(crate) fn set_rate(times: u32) {
    RATE.store(times.max(1), Ordering::Relaxed);
}

/// How many times as fast as the system's it is.
pub(crate) fn rate() -> u32 {
    RATE.load(Ordering::Relaxed)
}

/// The time now: a [`Clock`](kernel_core::Clock).
pub fn now() -> Instant {
    static ZERO: OnceLock<u64> = OnceLock::new();
    let now = monotonic();
    let since = now.saturating_sub(*ZERO.get_or_init(|| now));
    Instant::from_micros(since.saturating_mul(rate().into()))
}

// Not `std::time::Instant`, whose differences cost a fifth more: every operation of the kernel asks.
fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (now.tv_sec as u64, now.tv_nsec as u64);
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}

/// The instant as the standard library knows it, or the present one where that is over; `None` when it is too far
/// away.
pub fn instant(at: Instant) -> Option<std::time::Instant> {
    std::time::Instant::now().checked_add(at.since(now()) / rate())
}

/// The wall time at the instant, by what the system's clock shows now.
pub fn wall_time(at: Instant) -> SystemTime {
    static BEGAN: OnceLock<(SystemTime, Instant)> = OnceLock::new();
    let present = || (SystemTime::now(), now());
    // The time of day of a faster clock goes away from the system's.
    let (wall, now) = match rate() {
        1 => present(),
        _ => *BEGAN.get_or_init(present),
    };
    let shown = match at.is_before(now) {
        true => wall.checked_sub(now.since(at)),
        false => wall.checked_add(at.since(now)),
    };
    shown.unwrap_or(wall)
}

/// The wall time of the clock's zero, in microseconds since the Unix epoch, by what the system's clock shows now.
pub fn zero_unix_micros() -> u64 {
    let zero = wall_time(Instant::default());
    let since = zero.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_translate_both_ways() {
        let before = SystemTime::now();
        let at = now();
        let apart = wall_time(at).duration_since(before).unwrap_or_default();
        assert!(apart < Duration::from_secs(5), "{apart:?}");
        assert!(instant(at).is_some_and(|at| at <= std::time::Instant::now()));
        let ahead = instant(at.after(Duration::from_secs(60)));
        let ahead = ahead.map(|ahead| ahead.duration_since(std::time::Instant::now()));
        assert!(
            ahead.is_some_and(|ahead| ahead <= Duration::from_secs(60) && ahead >= Duration::from_secs(55)),
            "{ahead:?}"
        );
        let ahead = wall_time(at.after(Duration::from_secs(3600)));
        assert!(
            ahead
                .duration_since(before)
                .is_ok_and(|by| by >= Duration::from_secs(3600))
        );
        assert!(zero_unix_micros() > 1_600_000_000_000_000);
    }
}
