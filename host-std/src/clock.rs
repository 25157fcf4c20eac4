//! The kernel's clock on this platform: microseconds since the process first looked.
//!
//! The system's monotonic clock does not advance while the machine sleeps, and nobody can set it. The
//! wall time of its zero is kept, so that moments on it can be shown to people.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The zero: a moment on the system's monotonic clock, and the wall time it was then.
#[derive(Debug)]
struct Zero {
    monotonic: std::time::Instant,
    wall: SystemTime,
}

fn zero() -> &'static Zero {
    static ZERO: OnceLock<Zero> = OnceLock::new();
    ZERO.get_or_init(|| Zero {
        monotonic: std::time::Instant::now(),
        wall: SystemTime::now(),
    })
}

/// Microseconds since the clock's zero: a [`Clock`](kernel_core::Clock).
pub fn now() -> u64 {
    // Not `as_micros`: every event and every handler asks, and 128 bits cost more than the clock.
    let elapsed = zero().monotonic.elapsed();
    elapsed
        .as_secs()
        .saturating_mul(1_000_000)
        .saturating_add(elapsed.subsec_micros().into())
}

/// The moment `micros` of the clock as the system knows it; `None` when it is too far away.
pub fn instant(micros: u64) -> Option<std::time::Instant> {
    zero().monotonic.checked_add(Duration::from_micros(micros))
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
        assert!(zero_unix_micros() > 1_600_000_000_000_000);
    }
}
