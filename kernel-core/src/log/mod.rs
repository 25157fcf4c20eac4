//! The log: a ring of variable-length records, oldest first, addressed by sequence number.
//!
//! A record is whole words and lies in one piece, so that it is copied at the speed of the machine
//! and read where it is: one that has no room before the ring's end begins at its start, as in a
//! [bip buffer](https://ferrous-systems.com/blog/lock-free-ring-buffer/). The sequence number is not
//! stored: it follows from the position of the oldest record.

mod record;
mod set;

use bytemuck::must_cast_slice_mut;

use record::{HEADER, MAX_PAYLOAD, begin, lengths, words};
pub(crate) use record::{Head, Header, Reading, places, split};
use set::bit;
pub(crate) use set::each;
pub use set::{MAX_PLUGINS, PluginSet};

use crate::id::Cause;
use crate::table::Usage;
/// "The ring has not turned."
const NO_EDGE: usize = usize::MAX;

/// Where a record starts: its sequence number and its place in the ring, in words.
///
/// The place of a record still to come is a guess: [`Log::find`] puts it right once it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Position {
    pub(crate) seq: u64,
    pub(crate) offset: u32,
}

/// The ring.
pub(crate) struct Log {
    words: &'static mut [u32],
    /// The place of the oldest record.
    tail: usize,
    /// The place of the next record.
    head: usize,
    /// Where the ring turned: the end of the last record before its start is used again.
    edge: usize,
    tail_seq: u64,
    next_seq: u64,
    /// Words of a record's receiver set.
    set: usize,
    high_water: usize,
}

impl Log {
    pub(crate) fn new(words: &'static mut [u32], plugins: usize) -> Self {
        Log {
            words,
            tail: 0,
            head: 0,
            edge: NO_EDGE,
            tail_seq: 1,
            next_seq: 1,
            set: plugins.min(MAX_PLUGINS).div_ceil(32),
            high_water: 0,
        }
    }

    /// How many words a record takes; `None` when it does not fit at all.
    pub(crate) fn size(&self, topic: usize, payload: usize) -> Option<usize> {
        if payload > MAX_PAYLOAD {
            return None;
        }
        let size = self
            .fixed()
            .wrapping_add(words(topic))
            .wrapping_add(words(payload));
        (size <= self.words.len()).then_some(size)
    }

    /// The longest payload beside a topic of so many bytes.
    pub(crate) fn longest(&self, topic: usize) -> usize {
        let words = self
            .words
            .len()
            .saturating_sub(self.fixed().saturating_add(words(topic)));
        words.saturating_mul(4).min(MAX_PAYLOAD)
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            used: self.used().saturating_mul(4),
            high_water: self.high_water.saturating_mul(4),
            capacity: self.words.len().saturating_mul(4),
        }
    }

    /// The sequence number the next record gets.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Where the oldest record is, or the next one will be.
    pub(crate) fn oldest(&self) -> Position {
        Position {
            seq: self.tail_seq,
            offset: self.tail as u32,
        }
    }

    /// Where the next record will be.
    pub(crate) fn end(&self) -> Position {
        Position {
            seq: self.next_seq,
            offset: self.head as u32,
        }
    }

    /// True when `at` is a record that is still here.
    pub(crate) fn holds(&self, at: Position) -> bool {
        at.seq >= self.tail_seq && at.seq < self.next_seq
    }

    /// True when a record whose sequence number has this low half is here: they are fewer than 2^32.
    pub(crate) fn holds_low(&self, seq: u32) -> bool {
        let tail = self.tail_seq as u32;
        seq.wrapping_sub(tail) < (self.next_seq as u32).wrapping_sub(tail)
    }

    /// The record at `at`, in its right place; `None` when it is gone or still to come.
    pub(crate) fn find(&self, at: Position) -> Option<Position> {
        if !self.holds(at) {
            return None;
        }
        // A place that was guessed is wrong where the ring turned at it. Since then either the
        // edge is still there, or the record is the oldest: a younger one has its place for sure.
        let offset = if at.seq == self.tail_seq {
            self.tail as u32
        } else if at.offset as usize == self.edge {
            0
        } else {
            at.offset
        };
        Some(Position { seq: at.seq, offset })
    }

    /// The record at `at`, in its right place, or the oldest one when that is gone; `None` when it is
    /// still to come.
    pub(crate) fn find_or_oldest(&self, at: Position) -> Option<Position> {
        let here = if at.seq <= self.tail_seq {
            self.oldest()
        } else if at.offset as usize == self.edge {
            Position { offset: 0, ..at }
        } else {
            at
        };
        (here.seq < self.next_seq).then_some(here)
    }

    /// True when a record of this size has room once `oldest`, a record or the end, is the oldest.
    pub(crate) fn has_room(&self, size: usize, oldest: Position) -> bool {
        let at = if oldest.seq == self.tail_seq {
            self.tail
        } else {
            oldest.offset as usize
        };
        if oldest.seq >= self.next_seq {
            return true;
        }
        if self.edge != NO_EDGE && at >= self.head && at != self.edge {
            return at.wrapping_sub(self.head) >= size;
        }
        let at = if at == self.edge { 0 } else { at };
        self.words.len().wrapping_sub(self.head) >= size || at >= size
    }

    /// True when a record of this size has room without dropping the oldest one.
    pub(crate) fn fits(&self, size: usize) -> bool {
        match self.edge {
            NO_EDGE => self.words.len().wrapping_sub(self.head) >= size || self.tail >= size,
            _ => self.tail.wrapping_sub(self.head) >= size,
        }
    }

    /// Reads the record found at `at`.
    #[inline(always)]
    pub(crate) fn read(&self, at: Position) -> Option<Reading<'_>> {
        Reading::of(self.words, at, self.set)
    }

    /// The record after the one found at `at`, if it is here; else where it will be.
    pub(crate) fn after(&self, at: Position) -> Position {
        let (topic, payload) = lengths(self.words.get(at.offset as usize).copied().unwrap_or(0));
        let size = self
            .fixed()
            .wrapping_add(words(topic))
            .wrapping_add(words(payload));
        Position {
            seq: at.seq.wrapping_add(1),
            offset: at.offset.wrapping_add(size as u32),
        }
    }

    /// True when the plugin in slot `index` is a receiver of the record found at `at`.
    pub(crate) fn is_receiver(&self, at: Position, index: usize) -> bool {
        let start = (at.offset as usize).wrapping_add(HEADER);
        let word = self.words.get(start.wrapping_add(index / 32));
        index / 32 < self.set && word.is_some_and(|word| word & bit(index) != 0)
    }

    /// Drops the oldest record, when there is one.
    #[cfg(test)]
    fn evict(&mut self) {
        if self.tail_seq < self.next_seq {
            self.evict_before(self.after(self.oldest()));
        }
    }

    /// Drops the oldest record, which `next` is after.
    pub(crate) fn evict_before(&mut self, next: Position) {
        self.tail = next.offset as usize;
        self.tail_seq = next.seq;
        if self.tail == self.edge {
            self.tail = 0;
            self.edge = NO_EDGE;
        }
        if self.tail_seq == self.next_seq {
            self.tail = 0;
            self.head = 0;
        }
    }

    /// Begins a record of `size` words, for which there must be room; gives where it is, and the
    /// places its topic and its payload are to be copied to.
    pub(crate) fn append(
        &mut self,
        size: usize,
        header: &Header,
        receivers: &PluginSet,
    ) -> (Position, &mut [u8], &mut [u8]) {
        if self.edge == NO_EDGE && self.words.len().wrapping_sub(self.head) < size {
            self.edge = self.head;
            self.head = 0;
        }
        let at = self.end();
        let start = self.head;
        self.head = self.head.wrapping_add(size);
        self.next_seq = self.next_seq.wrapping_add(1);
        self.high_water = self.high_water.max(self.used());
        let (kind, cause) = match header.cause {
            Cause::Event(seq) => match u32::try_from(at.seq.wrapping_sub(seq)) {
                Ok(back) => (1, back),
                Err(_) => (0, 0),
            },
            Cause::Call(id) => (2, id.to_bits()),
            Cause::None => (0, 0),
        };
        let [life_low, life_high] = header.source.life.to_le_bytes();
        let fixed = [
            header.payload as u32 | (header.topic as u32).wrapping_shl(24),
            u32::from_le_bytes([header.source.index, life_low, life_high, kind]),
            cause,
            header.time as u32,
            (header.time >> 32) as u32,
        ];
        let record = self.words.get_mut(start..self.head);
        let texts = record.and_then(|record| begin(record, fixed, self.set, receivers));
        let texts = texts.and_then(|texts| places(must_cast_slice_mut(texts), header.topic, header.payload));
        let (topic, payload) = texts.unwrap_or_default();
        (at, topic, payload)
    }

    /// The first words of a receiver set, as a record has them.
    pub(crate) fn set_of<'s>(&self, receivers: &'s PluginSet) -> &'s [u32] {
        receivers.0.get(..self.set).unwrap_or(&receivers.0)
    }

    fn fixed(&self) -> usize {
        HEADER.wrapping_add(self.set)
    }

    fn used(&self) -> usize {
        match self.edge {
            NO_EDGE => self.head.wrapping_sub(self.tail),
            edge => edge.wrapping_sub(self.tail).wrapping_add(self.head),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::prelude::rust_2024::*;

    use super::*;
    use crate::id::PluginId;
    use std::collections::VecDeque;

    fn header(topic: &str, payload: &[u8], cause: Cause) -> Header {
        let source = PluginId { index: 3, life: 7 };
        Header {
            payload: payload.len(),
            topic: topic.len(),
            source,
            time: 42,
            cause,
        }
    }

    #[test]
    fn half_of_its_number_tells_a_record_that_is_here() {
        let mut log = Log::new(Box::leak(Box::new([0; 64])), 8);
        (log.tail_seq, log.next_seq) = (0xffff_fffe, 0x1_0000_0002);
        for seq in [0xffff_fffe, 0xffff_ffff, 0, 1] {
            assert!(log.holds_low(seq), "{seq}");
        }
        for seq in [2, 0x7fff_ffff, 0xffff_fffd] {
            assert!(!log.holds_low(seq), "{seq}");
        }
        log.tail_seq = log.next_seq;
        assert!(!log.holds_low(1) && !log.holds_low(2));
    }

    #[test]
    fn records_survive_wrapping_until_they_are_evicted() {
        let mut log = Log::new(Box::leak(Box::new([0u32; 65])), 10);
        let mut model: VecDeque<(u64, String, Vec<u8>)> = VecDeque::new();
        for n in 0..500u64 {
            let topic = "t".repeat(1 + (n % 13) as usize);
            let payload = vec![n as u8; (n * 7 % 41) as usize];
            let head = header(&topic, &payload, Cause::Event(n / 2));
            let size = log.size(topic.len(), payload.len()).unwrap();
            while !log.fits(size) {
                log.evict();
                model.pop_front();
            }
            let mut set = PluginSet::default();
            set.insert((n % 10) as usize);
            let guess = log.end();
            let (at, to_topic, to_payload) = log.append(size, &head, &set);
            to_topic.copy_from_slice(topic.as_bytes());
            to_payload.copy_from_slice(&payload);
            assert_eq!(log.find(guess), Some(at));
            model.push_back((at.seq, topic, payload));
            let mut at = log.oldest();
            for (seq, topic, payload) in &model {
                let here = log.find(at).unwrap();
                let found = log.read(here).unwrap();
                let head = found.header();
                assert_eq!(here.seq, *seq);
                let texts = found.texts;
                assert_eq!((texts.topic(), texts.payload()), (topic.as_bytes(), &payload[..]));
                at = here;
                assert_eq!(head.cause, Cause::Event((seq - 1) / 2));
                assert_eq!((head.source, head.time), (PluginId { index: 3, life: 7 }, 42));
                assert_eq!(
                    found.receivers().iter().collect::<Vec<_>>(),
                    [((seq - 1) % 10) as usize]
                );
                assert!(log.is_receiver(at, ((seq - 1) % 10) as usize));
                assert!(!log.is_receiver(at, (seq % 10) as usize));
                assert_eq!(log.after(at), found.after());
                at = log.after(at);
            }
            assert_eq!(at, log.end());
        }
        assert!(model.len() > 2, "the ring holds several records");
    }
}
