//! The monotonic clock, and the time of day, which may be set while rules run.

use kernel_core::Instant;

/// Milliseconds of an hour: a step of the time of day of less than this is followed, a larger one begins anew.
pub(crate) const HOUR: i64 = 3_600_000;

/// Milliseconds since the plugin started, which never wrap around, and the time of day that goes with them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    last: Instant,
    micros: u64,
    /// The time of day when the plugin started, by what is known now.
    zero_unix_ms: Option<i64>,
}

impl Clock {
    pub(crate) fn begin(now: Instant) -> Clock {
        Clock {
            last: now,
            ..Clock::default()
        }
    }

    /// Looks at the clock: milliseconds since the beginning. On a chip at least once in 24 days.
    pub(crate) fn look(&mut self, now: Instant) -> u64 {
        self.micros += now.since(self.last).as_micros() as u64;
        self.last = now;
        self.ms()
    }

    /// What it was at the last look.
    pub(crate) fn ms(&self) -> u64 {
        self.micros / 1_000
    }

    /// Milliseconds since the Unix epoch, at the last look.
    pub(crate) fn unix_ms(&self) -> Option<i64> {
        Some(self.zero_unix_ms? + self.ms() as i64)
    }

    /// When it will be this time of day, in milliseconds since the beginning; 0 for the past.
    pub(crate) fn when(&self, unix_ms: i64) -> Option<u64> {
        Some(u64::try_from(unix_ms - self.zero_unix_ms?).unwrap_or(0))
    }

    /// The time of day is this from now on; true where that is a step that nothing planned before outlives.
    pub(crate) fn set(&mut self, unix_ms: Option<i64>) -> bool {
        let before = self.unix_ms();
        self.zero_unix_ms = unix_ms.map(|unix_ms| unix_ms - self.ms() as i64);
        match (before, unix_ms) {
            (Some(before), Some(now)) => (now - before).abs() >= HOUR,
            (None, None) => false,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_less_than_an_hour_is_followed() {
        let at = |millis| Instant::from_millis(millis);
        let mut clock = Clock::begin(at(5_000));
        assert_eq!((clock.look(at(5_250)), clock.unix_ms()), (250, None));
        assert!(clock.set(Some(1_000_000_000)), "it was not known before");
        assert_eq!(clock.look(at(6_250)), 1_250);
        assert_eq!(clock.unix_ms(), Some(1_000_001_000));
        assert_eq!(clock.when(1_000_002_000), Some(2_250));
        assert!(!clock.set(Some(1_000_001_000 + HOUR - 1)));
        assert!(!clock.set(Some(1_000_001_000)));
        assert!(clock.set(Some(1_000_001_000 - HOUR)));
        assert!(clock.set(None));
        assert_eq!(clock.when(5), None);
    }
}
