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
