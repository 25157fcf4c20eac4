//! Several periods from one interval.

use core::time::Duration;

use kernel_core::Instant;

/// When a plugin ticked last. A plugin whose methods have different periods has one, in the field `ticks`:
///
/// ```
/// # use plugin_kit::prelude::*;
/// #[derive(Default)]
/// struct Meter {
///     watts: u32,
///     ticks: Ticks,
/// }
///
/// #[plugin(name = "meter", version = "1.0.0")]
/// impl Meter {
///     #[every(seconds = 10)]
///     async fn measure(&mut self) -> Result<(), Error> {
///         self.watts += 1;
///         Ok(())
///     }
///
///     #[every(minutes = 1)]
///     async fn report(&mut self) -> Result<(), Error> {
///         self.watts = 0;
///         Ok(())
///     }
/// }
/// ```
///
/// The kernel ticks at the interval of which all periods are multiples. A tick that was late, or missed because the
/// plugin was busy, makes no period longer, and one call that is late is not made up for by two.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticks {
    began: Instant,
    last: Duration,
}

impl Ticks {
    /// The plugin is started.
    pub fn begin(&mut self, now: Instant) {
        *self = Ticks {
            began: now,
            last: Duration::ZERO,
        };
    }

    /// The plugin ticks.
    pub fn pass(&mut self, now: Instant) -> Passed {
        let to = now.since(self.began);
        let from = core::mem::replace(&mut self.last, to);
        Passed { from, to }
    }
}

/// The time between two ticks.
#[derive(Clone, Copy, Debug)]
pub struct Passed {
    from: Duration,
    to: Duration,
}

impl Passed {
    /// True when a multiple of `period` (1 ms or more) is in it.
    pub fn is_due(&self, period: Duration) -> bool {
        let count = |time: Duration| time.as_millis() / period.as_millis().max(1);
        count(self.to) > count(self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_multiple_is_due_once_however_late_the_ticks_are() {
        let at = |millis: u32| Instant::from_millis(5_000 + millis);
        let mut ticks = Ticks::default();
        ticks.begin(at(0));
        let (mut fast, mut slow) = (0, 0);
        for millis in [1_000, 2_300, 3_001, 7_900, 8_000, 9_999, 12_000] {
            let passed = ticks.pass(at(millis));
            fast += u32::from(passed.is_due(Duration::from_secs(1)));
            slow += u32::from(passed.is_due(Duration::from_secs(4)));
        }
        assert_eq!((fast, slow), (7, 3));
        ticks.begin(at(20_000));
        assert!(!ticks.pass(at(20_999)).is_due(Duration::from_secs(1)));
    }
}
