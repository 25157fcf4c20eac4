//! One caller: how much it may say, and what of the ring it has.

use std::collections::VecDeque;

use kernel_core::Instant;

use crate::level::LogLevel;
use crate::types::SourceStats;

/// What one entry costs, in the bucket's unit: so many microseconds refill `per_second` of it.
const ENTRY: u64 = 1_000_000;

/// How much each caller may say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) per_second: u64,
    pub(crate) burst: u64,
}

/// An entry in the ring.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) id: u64,
    pub(crate) level: LogLevel,
    pub(crate) plugin: String,
    /// The entry as JSON.
    pub(crate) text: String,
}

/// Memory of a line beside its texts.
const BESIDE: usize = 96;

impl Line {
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.plugin.len() + BESIDE
    }
}

/// A caller.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) lines: VecDeque<Line>,
    pub(crate) bytes: usize,
    /// What is left in the bucket, and since when.
    left: u64,
    since: Instant,
    pub(crate) logged: u64,
    pub(crate) limited: u64,
    pub(crate) evicted: u64,
    /// Of the limited, those that no entry has said yet.
    unsaid: u64,
}

impl Source {
    pub(crate) fn new(rates: Rates, now: Instant) -> Self {
        Source {
            lines: VecDeque::new(),
            bytes: 0,
            left: rates.burst * ENTRY,
            since: now,
            logged: 0,
            limited: 0,
            evicted: 0,
            unsaid: 0,
        }
    }

    /// Whether it may say one more entry; how many were left out before it.
    pub(crate) fn admit(&mut self, rates: Rates, now: Instant) -> Option<u64> {
        let micros = now.since(self.since).as_micros();
        let more = u64::try_from(micros)
            .unwrap_or(u64::MAX)
            .saturating_mul(rates.per_second);
        self.left = self.left.saturating_add(more).min(rates.burst * ENTRY);
        self.since = now;
        match self.left.checked_sub(ENTRY) {
            Some(left) => {
                self.left = left;
                self.logged += 1;
                Some(std::mem::take(&mut self.unsaid))
            }
            None => {
                self.limited += 1;
                self.unsaid += 1;
                None
            }
        }
    }

    pub(crate) fn last_heard(&self) -> Instant {
        self.since
    }

    pub(crate) fn push(&mut self, line: Line) {
        self.bytes += line.bytes();
        self.lines.push_back(line);
    }

    /// Takes its oldest entry out; its bytes.
    pub(crate) fn evict(&mut self) -> usize {
        let bytes = self.lines.pop_front().map_or(0, |line| line.bytes());
        self.bytes -= bytes;
        self.evicted += u64::from(bytes > 0);
        bytes
    }

    pub(crate) fn stats(&self, source: &str) -> SourceStats {
        SourceStats {
            source: source.to_owned(),
            entries: self.lines.len() as u64,
            logged: self.logged,
            limited: self.limited,
            evicted: self.evicted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_so_many_a_second() {
        let rates = Rates {
            per_second: 10,
            burst: 5,
        };
        let at = |millis: u64| Instant::from_micros(1_000_000 + millis * 1000);
        let mut source = Source::new(rates, at(0));
        let mut said = |millis: u64, tries: u32| {
            (0..tries)
                .filter(|_| source.admit(rates, at(millis)).is_some())
                .count()
        };
        assert_eq!(said(0, 100), 5);
        assert_eq!(said(99, 100), 0);
        assert_eq!(said(100, 100), 1);
        assert_eq!(said(1_100, 100), 5);
        assert_eq!(said(100_000, 3), 3);
    }
}
