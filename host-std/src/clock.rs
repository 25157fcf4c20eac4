//! The kernel's clock on this platform: microseconds since the process first looked.
//!
//! The system's monotonic clock does not advance while the machine sleeps, and nobody can set it. The
//! wall time of its zero is kept, so that moments on it can be shown to people.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// The zero: a moment on the system's monotonic clock, in microseconds, and the wall time it was then.
#[derive(Debug)]
struct Zero {
    monotonic: u64,
    wall: SystemTime,
}

fn zero() -> &'static Zero {
    static ZERO: OnceLock<Zero> = OnceLock::new();
    ZERO.get_or_init(|| Zero {
        monotonic: monotonic(),
        wall: SystemTime::now(),
    })
}

/// Microseconds since the clock's zero: a [`Clock`](kernel_core::Clock).
pub fn now() -> u64 {
    monotonic().saturating_sub(zero().monotonic)
}

// Not `std::time::Instant`, whose differences cost a fifth more: every event and every handler asks.
fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (now.tv_sec as u64, now.tv_nsec as u64);
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}

/// The moment `micros` of the clock as the standard library knows it, or the present one where that is
/// over; `None` when it is too far away.
pub fn instant(micros: u64) -> Option<std::time::Instant> {
    let left = Duration::from_micros(micros.saturating_sub(now()));
    std::time::Instant::now().checked_add(left)
}

/// The wall time at the moment `micros` of the clock, as it was reckoned when the clock began.
pub fn wall_time(micros: u64) -> SystemTime {
    let wall = zero().wall;
    wall.checked_add(Duration::from_micros(micros)).unwrap_or(wall)
}

/// The wall time of the clock's zero, in microseconds since the Unix epoch.
pub fn zero_unix_micros() -> u64 {
    let since = zero().wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_translate_both_ways() {
        let before = SystemTime::now();
        let at = now();
        let apart = wall_time(at).duration_since(before).unwrap_or_default();
        assert!(apart < Duration::from_secs(5), "{apart:?}");
        assert!(instant(at).is_some_and(|at| at <= std::time::Instant::now()));
        let ahead = instant(at + 60_000_000).map(|at| at.duration_since(std::time::Instant::now()));
        assert!(
            ahead.is_some_and(|ahead| ahead <= Duration::from_secs(60)),
            "{ahead:?}"
        );
        assert!(
            ahead.is_some_and(|ahead| ahead >= Duration::from_secs(55)),
            "{ahead:?}"
        );
        assert!(zero_unix_micros() > 1_600_000_000_000_000);
    }
}
