//! Rates of the last minute, in buckets of a second.

use std::time::{Duration, Instant};

/// How many seconds are kept.
pub const SECONDS: usize = 60;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Events that came over the link.
    Received,
    /// Events published, by the runtime's own count.
    Published,
    /// Events lost, on the bus or on the link.
    Lost,
    /// Calls that ended.
    Calls,
    /// Calls that ended without a reply.
    CallErrors,
    /// Events that subscribers lost because they were too slow.
    Dropped,
}

const MEASURES: usize = 6;

/// The counts of the last [`SECONDS`] seconds, and of the one that is not over.
#[derive(Clone, Debug)]
pub struct Series {
    began: Instant,
    /// The second that is not over, since `began`.
    second: u64,
    /// How many whole seconds have been counted.
    full: usize,
    counts: [[u64; SECONDS + 1]; MEASURES],
}

impl Series {
    /// Nothing counted, from `now` on.
    pub fn new(now: Instant) -> Self {
        Series {
            began: now,
            second: 0,
            full: 0,
            counts: [[0; SECONDS + 1]; MEASURES],
        }
    }

    /// Ends the seconds that are over; true when there was one.
    pub fn advance(&mut self, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.began).as_secs();
        let over = second.saturating_sub(self.second);
        for step in 1..=over.min(SECONDS as u64 + 1) {
            let at = slot(second - over.min(SECONDS as u64 + 1) + step);
            for counts in &mut self.counts {
                if let Some(count) = counts.get_mut(at) {
                    *count = 0;
                }
            }
        }
        self.second = self.second.max(second);
        self.full = self.full.saturating_add(over as usize).min(SECONDS);
        over > 0
    }

    /// Counts `count` more in the second that is not over.
    pub fn add(&mut self, measure: Measure, count: u64) {
        if let Some(bucket) = self
            .counts
            .get_mut(measure as usize)
            .and_then(|counts| counts.get_mut(slot(self.second)))
        {
            *bucket = bucket.saturating_add(count);
        }
    }

    /// The counts of the whole seconds, oldest first; zero from before the beginning.
    pub fn history(&self, measure: Measure) -> [u64; SECONDS] {
        let mut history = [0; SECONDS];
        for (age, count) in (1..=SECONDS as u64).rev().zip(&mut history) {
            *count = self
                .second
                .checked_sub(age)
                .and_then(|second| self.counts.get(measure as usize)?.get(slot(second)))
                .copied()
                .unwrap_or(0);
        }
        history
    }

    /// The count of the last whole second.
    pub fn rate(&self, measure: Measure) -> u64 {
        self.history(measure).last().copied().unwrap_or(0)
    }

    /// How many whole seconds were counted, up to [`SECONDS`].
    pub fn seconds(&self) -> usize {
        self.full
    }

    /// When the present second is over.
    pub fn next(&self) -> Instant {
        self.began + Duration::from_secs(self.second + 1)
    }
}

fn slot(second: u64) -> usize {
    (second % (SECONDS as u64 + 1)) as usize
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// As if every second were kept.
        #[test]
        fn each_count_is_in_its_second(steps in prop::collection::vec((0u64..40_000, 0u64..9), 1..60)) {
            let start = Instant::now();
            let mut series = Series::new(start);
            let (mut millis, mut seconds) = (0, vec![0u64]);
            for (pause, count) in steps {
                millis += pause;
                let advanced = series.advance(start + Duration::from_millis(millis));
                prop_assert_eq!(advanced, millis / 1000 >= seconds.len() as u64);
                seconds.resize((millis / 1000) as usize + 1, 0);
                series.add(Measure::Calls, count);
                *seconds.last_mut().unwrap() += count;
                let whole = &seconds[..seconds.len() - 1];
                let kept = &whole[whole.len().saturating_sub(SECONDS)..];
                let mut expected = vec![0; SECONDS - kept.len()];
                expected.extend(kept);
                prop_assert_eq!(series.history(Measure::Calls).to_vec(), expected);
                prop_assert_eq!(series.rate(Measure::Calls), whole.last().copied().unwrap_or(0));
                prop_assert_eq!(series.seconds(), kept.len());
                prop_assert_eq!(series.history(Measure::Lost), [0; SECONDS]);
                prop_assert_eq!(series.next(), start + Duration::from_secs(millis / 1000 + 1));
            }
        }
    }
}
