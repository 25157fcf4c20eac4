//! Monotonic time: instants, deadlines, and the tasks that wait for one.
//!
//! With the feature `large` an instant is 64 bits of microseconds. Without it, on a chip, it is 32 bits of
//! milliseconds that wrap around after 49 days: instants are compared by their distance, which is right as long
//! as that is below 24 days, and a longer span is cut to that.

#![allow(
    clippy::unnecessary_cast,
    reason = "what is 64 bits wide is 32 without the feature `large`"
)]

mod waits;

use core::time::Duration;

pub use waits::WaitSlot;
pub(crate) use waits::{On, Waits};

#[cfg(feature = "large")]
type Raw = u64;
#[cfg(not(feature = "large"))]
type Raw = u32;

/// Units in a millisecond, and microseconds in a unit.
const PER_MILLI: Raw = if cfg!(feature = "large") { 1_000 } else { 1 };
const MICROS: u64 = 1_000 / PER_MILLI as u64;

/// The longest span.
const LONGEST: Raw = Raw::MAX >> 1;

/// A platform's monotonic clock, which never goes back.
///
/// It is called under the kernel lock, so it must return at once and must not call the kernel.
pub type Clock = fn() -> Instant;

/// A point on the monotonic clock.
///
/// ```
/// use core::time::Duration;
/// use kernel_core::Instant;
/// let start = Instant::from_millis(1_000);
/// let end = start.after(Duration::from_millis(2));
/// assert_eq!(end.since(start), Duration::from_millis(2));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Instant(Raw);

impl Instant {
    /// `millis` milliseconds after the clock's zero; on a chip modulo 2^32.
    pub const fn from_millis(millis: u32) -> Self {
        Instant((millis as Raw).wrapping_mul(PER_MILLI))
    }

    /// `micros` microseconds after the clock's zero; a chip whose clock counts milliseconds spares the division.
    pub const fn from_micros(micros: u64) -> Self {
        Instant((micros / MICROS) as Raw)
    }

    /// Microseconds since the clock's zero.
    pub const fn as_micros(self) -> u64 {
        (self.0 as u64).wrapping_mul(MICROS)
    }

    /// Milliseconds since the clock's zero, modulo 2^32.
    pub const fn as_millis(self) -> u32 {
        (self.0 / PER_MILLI) as u32
    }

    /// The instant `span` later.
    pub const fn after(self, span: Duration) -> Instant {
        Instant(self.0.wrapping_add(raw(span)))
    }

    /// The instant a span later.
    pub const fn plus(self, span: Span) -> Instant {
        Instant(self.0.wrapping_add(span.0))
    }

    /// The deadline a span later.
    #[cfg_attr(not(feature = "large"), inline(never))]
    pub(crate) const fn due(self, span: Span) -> Deadline {
        Deadline::at(self.plus(span))
    }

    /// The time from `earlier` to this instant, zero when `earlier` is later.
    pub const fn since(self, earlier: Instant) -> Duration {
        self.span_since(earlier).as_duration()
    }

    /// Whole milliseconds from `earlier` to this instant, rounded up; zero when `earlier` is later.
    pub const fn millis_since(self, earlier: Instant) -> u32 {
        self.span_since(earlier).as_millis()
    }

    const fn span_since(self, earlier: Instant) -> Span {
        match self.0.wrapping_sub(earlier.0) {
            span @ ..=LONGEST => Span(span),
            _ => Span::NONE,
        }
    }

    /// True when `other` is later than this instant.
    pub const fn is_before(self, other: Instant) -> bool {
        other.0.wrapping_sub(self.0).wrapping_sub(1) < LONGEST
    }

    /// The raw number in words, as a record of the log keeps it.
    pub(crate) fn words(self) -> [u32; TIME_WORDS] {
        bytemuck::cast(self.0)
    }

    pub(crate) fn from_words(words: [u32; TIME_WORDS]) -> Self {
        Instant(bytemuck::cast(words))
    }
}

/// Words of an instant.
pub(crate) const TIME_WORDS: usize = size_of::<Raw>() / 4;

/// A span in the clock's unit, rounded up, cut to the longest.
const fn raw(span: Duration) -> Raw {
    const SECOND: Raw = 1_000 * PER_MILLI;
    const MOST: u64 = (LONGEST / SECOND - 1) as u64;
    let seconds = if span.as_secs() < MOST {
        span.as_secs()
    } else {
        MOST
    };
    #[cfg(feature = "large")]
    let rest = span.subsec_nanos().div_ceil(1_000);
    #[cfg(not(feature = "large"))]
    let rest = millis(span.subsec_nanos());
    (seconds as Raw).wrapping_mul(SECOND).wrapping_add(rest as Raw)
}

/// Nanoseconds, less than a second, in milliseconds, rounded up. (Chips have no division.)
#[cfg(not(feature = "large"))]
const fn millis(mut nanos: u32) -> u32 {
    const MILLI: u32 = 1_000_000;
    let (mut millis, mut step) = (0u32, 512u32);
    while step > 0 {
        if nanos >= MILLI.wrapping_mul(step) {
            nanos = nanos.wrapping_sub(MILLI.wrapping_mul(step));
            millis = millis.wrapping_add(step);
        }
        step >>= 1;
    }
    if nanos > 0 { millis.wrapping_add(1) } else { millis }
}

/// A span in the clock's unit, rounded up and cut to the longest; zero for none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span(Raw);

impl Span {
    /// No span.
    pub const NONE: Span = Span(0);

    /// The span of this duration.
    pub const fn of(duration: Duration) -> Span {
        Span(raw(duration))
    }

    /// So many milliseconds.
    pub const fn from_millis(millis: u32) -> Span {
        let raw = (millis as Raw).wrapping_mul(PER_MILLI);
        Span(if raw < LONGEST { raw } else { LONGEST })
    }

    /// Whole milliseconds, rounded up.
    pub const fn as_millis(self) -> u32 {
        self.0.div_ceil(PER_MILLI) as u32
    }

    /// As a duration.
    pub const fn as_duration(self) -> Duration {
        match cfg!(feature = "large") {
            true => Duration::from_micros(Instant(self.0).as_micros()),
            false => Duration::from_millis(self.as_millis() as u64),
        }
    }

    /// True for [`Span::NONE`].
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// A deadline, or none: zero bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Deadline(Raw);

impl Deadline {
    pub(crate) const NONE: Deadline = Deadline(0);

    /// At this instant; an instant of zero bits is taken as the next one.
    pub(crate) const fn at(instant: Instant) -> Deadline {
        Deadline(if instant.0 == 0 { 1 } else { instant.0 })
    }

    pub(crate) const fn instant(self) -> Option<Instant> {
        match self.0 {
            0 => None,
            raw => Some(Instant(raw)),
        }
    }

    /// True when there is one, and it is not after `now`.
    pub(crate) const fn is_due(self, now: Instant) -> bool {
        self.0 != 0 && now.0.wrapping_sub(self.0) <= LONGEST
    }

    /// How long it is until then, from `now`; none for no deadline.
    pub(crate) const fn span_from(self, now: Instant) -> Span {
        match self.0 {
            0 => Span::NONE,
            due if Instant(due).is_before(now) => Span(1),
            due => Span(due.wrapping_sub(now.0)),
        }
    }

    /// The one that comes first.
    #[cfg_attr(not(feature = "large"), inline(never))]
    pub(crate) const fn first(self, other: Deadline) -> Deadline {
        if self.0 == 0 || (other.0 != 0 && Instant(other.0).is_before(Instant(self.0))) {
            other
        } else {
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_compared_by_their_distance_also_around_the_wrap() {
        let before = Instant(Raw::MAX.wrapping_sub(2_000_000));
        let span = Duration::from_secs(3);
        let after = before.after(span).after(span);
        assert!(before.is_before(after) && !after.is_before(before));
        assert!(!before.is_before(before));
        assert_eq!(after.since(before), span + span);
        assert_eq!(before.since(after), Duration::ZERO);
        let due = Deadline::at(after);
        assert!(!due.is_due(before) && due.is_due(after));
        assert!(due.is_due(after.after(Duration::from_millis(1))));
        assert_eq!(due.first(Deadline::at(before)), Deadline::at(before));
        assert_eq!(Deadline::NONE.first(due), due);
        assert_eq!(due.first(Deadline::NONE), due);
        assert!(!Deadline::NONE.is_due(after));
    }

    #[test]
    fn a_span_too_long_is_cut_and_a_short_one_is_rounded_up() {
        assert!(raw(Duration::MAX) <= LONGEST);
        assert!(raw(Duration::from_nanos(1)) == 1);
        let now = Instant(77);
        assert!(now.is_before(now.after(Duration::MAX)));
    }

    #[cfg(not(feature = "large"))]
    #[test]
    fn nanoseconds_become_milliseconds_as_a_division_would_have_it() {
        for nanos in
            (0..1_000_000_000)
                .step_by(999_983)
                .chain([1, 999_999, 1_000_000, 1_000_001, 999_999_999])
        {
            assert_eq!(millis(nanos), nanos.div_ceil(1_000_000));
        }
    }

    #[test]
    fn an_instant_survives_its_words() {
        let instant = Instant(Raw::MAX - 5);
        assert_eq!(Instant::from_words(instant.words()), instant);
    }
}
