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
        .wrapping_add(divide::<1000>(span.subsec_nanos()) as u64)
}

/// `number / BY`, for one of the divisors 10, 125 and 1000: the smallest chips have no division, and its
/// library function is larger than the multiplication that every kernel has.
pub(crate) const fn divide<const BY: u32>(number: u32) -> u32 {
    const { assert!(BY == 10 || BY == 125 || BY == 1000, "for these it was checked") };
    // 2^35 by the divisor, rounded up: exact for every `number`, as its error times it is below 2^35.
    let (factor, shift) = match BY {
        10 => (0xcccc_cccd, 35),
        125 => (0x1062_4dd3, 35),
        _ => (0x1062_4dd3, 38),
    };
    ((number as u64).wrapping_mul(factor) >> shift) as u32
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn division_by_multiplication_is_division() {
        let mut number = 1u32;
        for _ in 0..100_000 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            for number in [number, number >> 12, u32::MAX - (number >> 20)] {
                assert_eq!(divide::<10>(number), number / 10);
                assert_eq!(divide::<125>(number), number / 125);
                assert_eq!(divide::<1000>(number), number / 1000);
            }
        }
        for near in 0..2000 {
            assert_eq!(divide::<1000>(u32::MAX - near), (u32::MAX - near) / 1000);
        }
    }
}
