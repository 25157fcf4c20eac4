//! The guard against a rule that triggers itself for ever.

/// The time for which runs are counted, and for which a rule that had too many has none, in milliseconds.
const MINUTE: u64 = 60_000;

/// How many runs a rule had lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    began: u64,
    count: u32,
    until: u64,
}

/// Whether a run may begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Go,
    /// No: it is one too many.
    TooMany,
    /// No: there were too many, until this time.
    Paused {
        until: u64,
    },
}

impl Guard {
    /// One more run wants to begin.
    pub(crate) fn ask(&mut self, now: u64, most: u32) -> Verdict {
        if now < self.until {
            return Verdict::Paused { until: self.until };
        }
        if now >= self.began + MINUTE {
            self.began = now;
            self.count = 0;
        }
        if self.count >= most {
            self.pause(now);
            return Verdict::TooMany;
        }
        self.count += 1;
        Verdict::Go
    }

    /// No runs for a minute.
    pub(crate) fn pause(&mut self, now: u64) {
        *self = Guard {
            until: now + MINUTE,
            ..Guard::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_in_a_minute_pauses_the_rule_for_a_minute() {
        let mut guard = Guard::default();
        for now in [0, 1, 59_999] {
            assert_eq!(guard.ask(now, 3), Verdict::Go);
        }
        assert_eq!(guard.ask(60_000, 3), Verdict::Go, "a new minute");
        for _ in 0..2 {
            assert_eq!(guard.ask(60_001, 3), Verdict::Go);
        }
        assert_eq!(guard.ask(70_000, 3), Verdict::TooMany);
        assert_eq!(guard.ask(129_999, 3), Verdict::Paused { until: 130_000 });
        assert_eq!(guard.ask(130_000, 3), Verdict::Go);
    }
}
