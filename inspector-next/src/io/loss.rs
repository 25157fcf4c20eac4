//! What is missing from a stream of numbered events, and where it was lost.
//!
//! Every record of a runtime has the next number, and all of them are watched. So each number is either
//! received, or told by the runtime to be lost, or simply not there: then the link lost it.

use crate::facts::LostAt;

/// A gap: `count` records from `from` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The first one missing.
    pub(super) from: u64,
    /// How many are missing.
    pub(super) count: u64,
    /// Where they were lost.
    pub(super) at: LostAt,
}

/// What is to be made of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The gap before it, on the link, which nobody told of.
    pub(super) before: Option<Gap>,
    /// False for one that was there before.
    pub(super) new: bool,
}

/// What was seen of one run of a runtime.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence {
    /// The next number that is due.
    next: u64,
    /// Numbers below were published while nobody was connected.
    away: u64,
}

impl Sequence {
    /// The stream begins with the record `first`.
    pub(super) fn starting_at(first: u64) -> Self {
        Sequence { next: first, away: 0 }
    }

    /// The next number that is due: where a new watch goes on.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The connection is back; meanwhile the runtime came to `next_seq`.
    pub(super) fn resumed(&mut self, next_seq: u64) {
        self.away = self.away.max(next_seq);
    }

    /// The record `seq` came.
    pub(super) fn event(&mut self, seq: u64) -> Seen {
        let before = self.gap_before(seq);
        let new = seq >= self.next;
        if new {
            self.next = seq.saturating_add(1);
        }
        Seen { before, new }
    }

    /// The runtime tells of a gap; what is to be counted of it, in order.
    pub(super) fn told(&mut self, from: u64, count: u64, at: LostAt) -> impl Iterator<Item = Gap> + use<> {
        let before = self.gap_before(from);
        let start = from.max(self.next);
        let end = from.saturating_add(count).max(start);
        // The log moved on while there was nobody to send to: that is the link's loss.
        let split = match at {
            LostAt::Bus => self.away.clamp(start, end),
            LostAt::Link => start,
        };
        self.next = self.next.max(end);
        let gap = |from: u64, to: u64, at| {
            (to > from).then_some(Gap {
                from,
                count: to.saturating_sub(from),
                at,
            })
        };
        [before, gap(start, split, LostAt::Link), gap(split, end, at)]
            .into_iter()
            .flatten()
    }

    fn gap_before(&self, seq: u64) -> Option<Gap> {
        (seq > self.next).then(|| Gap {
            from: self.next,
            count: seq.saturating_sub(self.next),
            at: LostAt::Link,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sequence: &mut Sequence, from: u64, count: u64, at: LostAt) -> Vec<(u64, u64, LostAt)> {
        let gaps = sequence.told(from, count, at);
        gaps.map(|gap| (gap.from, gap.count, gap.at)).collect()
    }

    #[test]
    fn a_number_that_is_left_out_was_lost_on_the_link() {
        let mut sequence = Sequence::starting_at(5);
        assert_eq!(
            sequence.event(5),
            Seen {
                before: None,
                new: true
            }
        );
        let seen = sequence.event(9);
        assert_eq!(
            seen.before,
            Some(Gap {
                from: 6,
                count: 3,
                at: LostAt::Link
            })
        );
        assert_eq!(sequence.next(), 10);
    }

    #[test]
    fn what_came_before_is_not_counted_again() {
        let mut sequence = Sequence::starting_at(5);
        sequence.event(5);
        assert_eq!(
            sequence.event(5),
            Seen {
                before: None,
                new: false
            }
        );
        assert_eq!(told(&mut sequence, 3, 2, LostAt::Bus), []);
        assert_eq!(told(&mut sequence, 4, 4, LostAt::Bus), [(6, 2, LostAt::Bus)]);
        assert_eq!(sequence.next(), 8);
    }

    #[test]
    fn what_is_told_keeps_its_place() {
        let mut sequence = Sequence::starting_at(1);
        assert_eq!(told(&mut sequence, 1, 4, LostAt::Bus), [(1, 4, LostAt::Bus)]);
        assert_eq!(
            told(&mut sequence, 7, 1, LostAt::Link),
            [(5, 2, LostAt::Link), (7, 1, LostAt::Link)]
        );
        assert_eq!(sequence.next(), 8);
    }

    #[test]
    fn what_went_by_while_nobody_was_connected_is_the_links() {
        let mut sequence = Sequence::starting_at(1);
        sequence.event(1);
        sequence.resumed(100);
        assert_eq!(
            told(&mut sequence, 2, 118, LostAt::Bus),
            [(2, 98, LostAt::Link), (100, 20, LostAt::Bus)]
        );
        assert_eq!(told(&mut sequence, 120, 3, LostAt::Bus), [(120, 3, LostAt::Bus)]);
    }

    #[test]
    fn every_number_is_received_or_lost_whatever_happens() {
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        let mut next_random = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        for _ in 0..200 {
            let mut sequence = Sequence::starting_at(1);
            let (mut at, mut received, mut lost) = (1, 0, 0);
            for _ in 0..100 {
                match next_random(5) {
                    // Damaged on the way.
                    0 => at += next_random(7),
                    1 => {
                        let count = 1 + next_random(9);
                        let gaps = sequence.told(at, count, LostAt::Bus);
                        lost += gaps.map(|gap| gap.count).sum::<u64>();
                        at += count;
                    }
                    // The watch was begun again, a little before.
                    2 => {
                        at = sequence.next();
                        sequence.resumed(at + next_random(20));
                    }
                    _ => {
                        let seen = sequence.event(at);
                        lost += seen.before.map_or(0, |gap| gap.count);
                        received += u64::from(seen.new);
                        at += 1;
                    }
                }
            }
            assert_eq!(received + lost, sequence.next() - 1);
        }
    }
}
