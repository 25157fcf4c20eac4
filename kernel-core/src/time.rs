//! Monotonic time: microseconds since the platform's own zero, usually its boot.

use core::time::Duration;

/// A platform's monotonic clock: microseconds since a fixed moment, never going back.
///
/// It is called under the kernel lock, so it must return at once and must not call the kernel.
pub type Clock = fn() -> u64;

/// A moment on the monotonic clock, in microseconds.
///
/// ```
/// use core::time::Duration;
/// use kernel_core::Instant;
/// let start = Instant::from_micros(1_000);
/// assert_eq!(start.after(Duration::from_millis(2)).as_micros(), 3_000);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Instant(u64);

impl Instant {
    /// The moment that never comes: "no deadline".
    pub const NEVER: Instant = Instant(u64::MAX);

    /// The moment `micros` microseconds after the clock's zero.
    pub const fn from_micros(micros: u64) -> Self {
        Instant(micros)
    }

    /// Microseconds since the clock's zero.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The moment `span` later; one too far to be represented is [`Instant::NEVER`].
    pub fn after(self, span: Duration) -> Instant {
        Instant(self.0.saturating_add(micros(span)))
    }

    /// The time from `earlier` to this moment, zero when `earlier` is not earlier.
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// `span` in whole microseconds, saturating; in 64-bit arithmetic, which small chips can afford.
#[inline(never)]
pub(crate) fn micros(span: Duration) -> u64 {
    // 2^44 seconds are half a million years; a factor of 32 bits is cheap on 32-bit chips.
    const FOREVER: u64 = 1 << 44;
    let seconds = span.as_secs();
    if seconds >= FOREVER {
        return u64::MAX;
    }
    seconds
        .wrapping_mul(1_000_000)
        .wrapping_add(span.subsec_micros() as u64)
}
