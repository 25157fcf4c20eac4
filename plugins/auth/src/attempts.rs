//! Wrong attempts: how many there were lately, of each peer and of all together.

use std::collections::HashMap;
use std::time::Duration;

use kernel_core::Instant;

/// The most peers and users that are kept apart. While so many are being held back, those of others count together.
const MOST: usize = 1_024;

/// A limit as the time at which all attempts will have been paid for: each costs an interval, and so many intervals as
/// the limit is may be owed.
#[derive(Clone, Copy)]
struct Limit {
    interval: u64,
    most: u64,
}

impl Limit {
    fn per_minute(count: u32) -> Limit {
        let interval = Duration::from_secs(60).as_micros() as u64 / u64::from(count.max(1));
        Limit {
            interval,
            most: interval * u64::from(count.saturating_sub(1)),
        }
    }

    /// Whether there is no room for one more.
    fn is_used_up(self, paid: u64, now: u64) -> bool {
        paid.saturating_sub(now) > self.most
    }

    fn add(self, paid: u64, now: u64) -> u64 {
        paid.max(now) + self.interval
    }
}

/// The attempts of the last minute.
pub(crate) struct Attempts {
    each: Limit,
    all: Limit,
    paid: HashMap<String, u64>,
    paid_by_all: u64,
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts::new(1, 1)
    }
}

impl Attempts {
    /// So many a minute of each, and of all together.
    pub(crate) fn new(each: u32, all: u32) -> Attempts {
        Attempts {
            each: Limit::per_minute(each),
            all: Limit::per_minute(all),
            paid: HashMap::new(),
            paid_by_all: 0,
        }
    }

    /// Whether `who` is to wait.
    pub(crate) fn is_blocked(&self, who: &str, now: Instant) -> bool {
        let paid = self.paid.get(who);
        paid.is_some_and(|paid| self.each.is_used_up(*paid, now.as_micros()))
    }

    /// Whether there were too many of all together.
    pub(crate) fn are_too_many(&self, now: Instant) -> bool {
        self.all.is_used_up(self.paid_by_all, now.as_micros())
    }

    /// Counts an attempt of `who`, or of `who` as well as another name of it.
    pub(crate) fn add(&mut self, who: &[&str], now: Instant) {
        let now = now.as_micros();
        if !self.all.is_used_up(self.paid_by_all, now) {
            self.paid_by_all = self.all.add(self.paid_by_all, now);
        }
        for who in who {
            if self.paid.len() >= MOST {
                self.paid.retain(|_, paid| *paid > now);
            }
            if let Some(paid) = self.paid.get_mut(*who) {
                *paid = self.each.add(*paid, now);
            } else if self.paid.len() < MOST {
                self.paid.insert((*who).to_owned(), self.each.add(0, now));
            }
        }
    }

    /// Takes an attempt back that was right.
    pub(crate) fn take_back(&mut self, who: &[&str]) {
        self.paid_by_all = self.paid_by_all.saturating_sub(self.all.interval);
        for who in who {
            if let Some(paid) = self.paid.get_mut(*who) {
                *paid = paid.saturating_sub(self.each.interval);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u32) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    #[test]
    fn each_has_so_many_a_minute_and_others_do_not_notice() {
        let mut attempts = Attempts::new(10, 1_000);
        for _ in 0..10 {
            assert!(!attempts.is_blocked("a", at(100)));
            attempts.add(&["a"], at(100));
        }
        assert!(attempts.is_blocked("a", at(100)));
        assert!(!attempts.is_blocked("b", at(100)));
        assert!(attempts.is_blocked("a", at(105)));
        assert!(!attempts.is_blocked("a", at(106)));
        attempts.add(&["a"], at(106));
        assert!(attempts.is_blocked("a", at(111)));
        assert!(!attempts.is_blocked("a", at(200)));
    }

    #[test]
    fn what_was_right_is_taken_back() {
        let mut attempts = Attempts::new(2, 2);
        for _ in 0..50 {
            attempts.add(&["a", "b"], at(1));
            attempts.take_back(&["a", "b"]);
        }
        assert!(!attempts.is_blocked("a", at(1)));
        assert!(!attempts.are_too_many(at(1)));
    }

    #[test]
    fn many_peers_take_no_more_room_and_are_counted_together() {
        let mut attempts = Attempts::new(10, 100);
        for peer in 0..100_000 {
            attempts.add(&[&format!("peer {peer}")], at(1));
        }
        assert_eq!(attempts.paid.len(), MOST);
        assert!(attempts.are_too_many(at(1)));
        assert!(attempts.are_too_many(at(1)));
        // What they owe does not grow beyond a minute.
        assert!(!attempts.are_too_many(at(62)));
        attempts.add(&["late"], at(62));
        assert!(attempts.paid.contains_key("late"));
    }
}
