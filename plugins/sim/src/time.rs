//! The time of day of the house.

use core::time::Duration;

/// Seconds of a day.
pub(crate) const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;

/// A second of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    /// Days since the Unix epoch.
    pub(crate) day: u64,
    /// Seconds since midnight, UTC.
    pub(crate) second: u64,
}

impl Time {
    /// The time so long after the Unix epoch.
    pub(crate) fn at(since_epoch: Duration) -> Time {
        Time {
            day: since_epoch.as_secs() / DAY,
            second: since_epoch.as_secs() % DAY,
        }
    }

    /// Saturday or Sunday.
    pub(crate) fn is_weekend(self) -> bool {
        // The first day was a Thursday.
        matches!((self.day + 4) % 7, 0 | 6)
    }

    /// Between two full hours of the day.
    pub(crate) fn is_within(self, from: u64, to: u64) -> bool {
        (from * HOUR..to * HOUR).contains(&self.second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_hours() {
        // 2026-01-03T18:30:00Z, a Saturday.
        let time = Time::at(Duration::from_secs(1_767_465_000));
        assert_eq!(time.second, 18 * HOUR + 1_800);
        assert!(time.is_weekend() && time.is_within(18, 19) && !time.is_within(19, 24));
        let friday = Time {
            day: time.day - 1,
            ..time
        };
        let monday = Time {
            day: time.day + 2,
            ..time
        };
        assert!(!friday.is_weekend() && !monday.is_weekend());
    }
}
