//! One run of a runtime: whether it is still the same one, and where its stream goes on.

use std::time::{Duration, Instant};

use link_dial::Greeting;

use super::asking::POLL;
use super::{Session, WINDOW};
use crate::facts::Metrics;
use crate::io::loss::Sequence;
use crate::io::requests::Outgoing;

/// What is known of one run of a runtime, from its start to its end.
#[derive(Clone, Copy, Debug)]
pub(in crate::io) struct Run {
    pub(super) sequence: Sequence,
    clock: Clock,
}

/// Its clock, as it was last heard of.
#[derive(Clone, Copy, Debug)]
struct Clock {
    now: u64,
    heard: Instant,
    epoch: Option<u64>,
}

impl From<&Greeting> for Clock {
    fn from(greeting: &Greeting) -> Clock {
        Clock {
            now: greeting.now,
            heard: greeting.heard,
            epoch: greeting.epoch,
        }
    }
}

impl Clock {
    /// What it shows now.
    fn present(&self) -> u64 {
        let passed = u64::try_from(self.heard.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.now.saturating_add(passed)
    }

    /// True when `later` is the same clock, still going: a runtime that began anew has another zero.
    fn goes_on_as(&self, later: &Clock) -> bool {
        if let (Some(one), Some(two)) = (self.epoch, later.epoch) {
            return one.abs_diff(two) < 50_000 && later.now >= self.now;
        }
        let passed = later.heard.duration_since(self.heard);
        let told = Duration::from_micros(later.now.saturating_sub(self.now));
        // A board's clock, and an emulator's all the more, may be far off.
        later.now >= self.now && passed.abs_diff(told) < Duration::from_secs(2).max(passed / 4)
    }
}

impl Session<'_> {
    /// What the runtime's clock shows now.
    pub(super) fn present(&self) -> u64 {
        Clock::from(&self.greeting).present()
    }

    /// Finds out whether this is the run of before, and where its stream goes on; true when it is another.
    pub(super) fn begin_run(&mut self, metrics: &Metrics) -> bool {
        let clock = Clock::from(&self.greeting);
        let before = self.run.take();
        let same =
            before.filter(|run| run.clock.goes_on_as(&clock) && run.sequence.next() <= metrics.next_seq);
        let restarted = before.is_some() && same.is_none();
        let mut sequence = match same {
            Some(run) => run.sequence,
            // It has been seen before, so that all of the new run is of interest.
            None if restarted => Sequence::starting_at(1),
            None if self.live.past => {
                self.finding_past = true;
                Sequence::starting_at(1)
            }
            None => Sequence::starting_at(metrics.next_seq),
        };
        sequence.resumed(metrics.next_seq);
        *self.run = Some(Run { sequence, clock });
        restarted
    }

    /// Watches from the record that is due.
    pub(super) fn begin_watch(&mut self) {
        let Some(run) = self.run.as_ref() else { return };
        let since = run.sequence.next();
        let id = self.number();
        self.watch = Some(id);
        self.owed = 0;
        let _ = self.out.send(Outgoing::Watch {
            id,
            since,
            credit: WINDOW,
        });
    }

    /// A stream that stands still while the runtime goes on lost its last events, or its credit, on the
    /// line.
    pub(super) fn check_stream(&mut self, metrics: &Metrics) {
        let Some(run) = self.run.as_mut() else { return };
        run.clock = Clock::from(&self.greeting);
        if !self.may_watch {
            return;
        }
        let due = run.sequence.next();
        match self.checked {
            Some((at, reached, then)) if due == then && due < reached => {
                if at.elapsed() >= POLL {
                    self.checked = None;
                    self.begin_watch();
                }
            }
            _ => self.checked = Some((Instant::now(), metrics.next_seq, due)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_tells_whether_the_runtime_began_anew() {
        let begun = Instant::now();
        let clock = |heard: u64, now: f64, epoch: Option<u64>| Clock {
            now: (now * 1e6) as u64,
            heard: begun + Duration::from_secs(heard),
            epoch,
        };
        let with_epoch = clock(0, 100.0, Some(7_000_000));
        assert!(with_epoch.goes_on_as(&clock(60, 160.0, Some(7_000_000))));
        // Started anew a minute later: its zero is another.
        assert!(!with_epoch.goes_on_as(&clock(60, 161.0, Some(6_000_000))));
        assert!(!with_epoch.goes_on_as(&clock(60, 5.0, Some(67_000_000))));
        let board = clock(0, 100.0, None);
        assert!(board.goes_on_as(&clock(60, 160.0, None)));
        // An emulator that is too slow, and one that catches up.
        assert!(board.goes_on_as(&clock(60, 146.0, None)));
        assert!(board.goes_on_as(&clock(1, 102.5, None)));
        // Reset: it goes back, or is behind where it must be by now.
        assert!(!board.goes_on_as(&clock(60, 3.0, None)));
        assert!(!board.goes_on_as(&clock(600, 110.0, None)));
    }
}
