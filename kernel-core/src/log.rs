//! The log: a ring of variable-length records, oldest first, addressed by sequence number.
//!
//! ```text
//!  word    0: payload bytes | topic bytes << 24      3..: time, 2 words
//!          1: source slot | life << 8 | kind << 24     5: receivers, 1 word for 32 plugins
//!          2: cause                                    then the topic, then the payload
//! ```
//!
//! A record is whole words and lies in one piece, so that it is copied at the speed of the machine
//! and read where it is: one that has no room before the ring's end begins at its start, as in a
//! [bip buffer](https://ferrous-systems.com/blog/lock-free-ring-buffer/). The sequence number is not
//! stored: it follows from the position of the oldest record.

use bytemuck::{must_cast_slice, must_cast_slice_mut};

use crate::copy::copy;
use crate::id::{CallId, Cause, PluginId};
use crate::table::Usage;

/// The most plugins a kernel can have: the width of a record's receiver set.
pub const MAX_PLUGINS: usize = 128;

/// Words of a record's fixed part, its receivers apart.
const HEADER: usize = 5;

/// The largest payload, whatever the log's size: its length has 24 bits.
const MAX_PAYLOAD: usize = (1 << 24) - 1;

/// "The ring has not turned."
const NO_EDGE: usize = usize::MAX;

/// A set of plugins, by slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "link", derive(serde::Serialize, serde::Deserialize))]
pub struct PluginSet([u32; MAX_PLUGINS / 32]);

impl PluginSet {
    /// True when the plugin in slot `index` is in the set.
    pub fn contains(&self, index: usize) -> bool {
        self.0.get(index / 32).is_some_and(|word| word & bit(index) != 0)
    }

    /// How many plugins are in the set.
    pub fn len(&self) -> usize {
        self.0
            .iter()
            .fold(0usize, |n, word| n.wrapping_add(word.count_ones() as usize))
    }

    /// True when no plugin is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The slots in the set, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        let mut words = self.0;
        let mut at = 0usize;
        core::iter::from_fn(move || {
            while let Some(word) = words.get_mut(at) {
                if *word == 0 {
                    at = at.wrapping_add(1);
                    continue;
                }
                let low = word.trailing_zeros() as usize;
                *word &= word.wrapping_sub(1);
                return Some(at.wrapping_mul(32).wrapping_add(low));
            }
            None
        })
    }

    /// The set of which these are the first words.
    fn from_words(words: &[u32]) -> Self {
        let mut set = PluginSet::default();
        set.set_words(words);
        set
    }

    /// Sets the first words.
    pub(crate) fn set_words(&mut self, words: &[u32]) {
        match (words, &mut self.0) {
            // So it is on most chips.
            ([word], [first, ..]) => *first = *word,
            (words, set) => set.iter_mut().zip(words).for_each(|(to, from)| *to = *from),
        }
    }

    pub(crate) fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 32) {
            *word |= bit(index);
        }
    }
}

fn bit(index: usize) -> u32 {
    1u32.wrapping_shl(index as u32 % 32)
}

/// Where a record starts: its sequence number and its place in the ring, in words.
///
/// The place of a record still to come is a guess: [`Log::find`] puts it right once it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Position {
    pub(crate) seq: u64,
    pub(crate) offset: u32,
}

/// A record's fixed part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) payload: usize,
    pub(crate) topic: usize,
    pub(crate) source: PluginId,
    pub(crate) time: u64,
    pub(crate) cause: Cause,
}

/// A record's first words, as they lie in the ring.
///
/// (Not an array, which would be copied by a call to `memcpy`.)
#[derive(Clone, Copy)]
pub(crate) struct Head {
    lengths: u32,
    source: u32,
    cause: u32,
    time: (u32, u32),
}

impl Head {
    /// What they say of the record `seq`.
    pub(crate) fn header(&self, seq: u64) -> Header {
        let (topic, payload) = lengths(self.lengths);
        let [slot, life_low, life_high, kind] = self.source.to_le_bytes();
        Header {
            payload,
            topic,
            source: PluginId {
                index: slot,
                life: u16::from_le_bytes([life_low, life_high]),
            },
            time: (self.time.1 as u64) << 32 | self.time.0 as u64,
            cause: match kind {
                1 => Cause::Event(seq.saturating_sub(self.cause as u64)),
                2 => Cause::Call(CallId::from_bits(self.cause)),
                _ => Cause::None,
            },
        }
    }
}

/// A record's texts.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'a> {
    words: &'a [u32],
    topic: usize,
    payload: usize,
}

impl<'a> Texts<'a> {
    pub(crate) fn topic(&self) -> &'a [u8] {
        let bytes: &[u8] = must_cast_slice(self.words);
        bytes.get(..self.topic).unwrap_or(&[])
    }

    pub(crate) fn payload(&self) -> &'a [u8] {
        let bytes: &[u8] = must_cast_slice(self.words);
        let start = words(self.topic).wrapping_mul(4);
        bytes.get(start..start.wrapping_add(self.payload)).unwrap_or(&[])
    }

    /// Copies both as they lie, so that they are to be found by [`split`]; `None` when `to` lacks room.
    pub(crate) fn copy(&self, to: &mut [u8]) -> Option<()> {
        let bytes: &[u8] = must_cast_slice(self.words);
        let len = words(self.topic).wrapping_mul(4).wrapping_add(self.payload);
        copy(to.get_mut(..len)?, bytes.get(..len)?);
        Some(())
    }
}

/// A record as it lies in the ring.
pub(crate) struct Reading<'a> {
    pub(crate) at: Position,
    fixed: &'a [u32; HEADER],
    /// A word for 32 plugins: see [`each`].
    pub(crate) receivers: &'a [u32],
    /// The topic, at the next word the payload.
    pub(crate) texts: Texts<'a>,
}

impl Reading<'_> {
    pub(crate) fn receivers(&self) -> PluginSet {
        PluginSet::from_words(self.receivers)
    }

    /// The record after it, if it is here; else where it will be.
    pub(crate) fn after(&self) -> Position {
        let size = HEADER
            .wrapping_add(self.receivers.len())
            .wrapping_add(self.texts.words.len());
        Position {
            seq: self.at.seq.wrapping_add(1),
            offset: self.at.offset.wrapping_add(size as u32),
        }
    }

    pub(crate) fn head(&self) -> Head {
        let [lengths, source, cause, time_low, time_high] = *self.fixed;
        Head {
            lengths,
            source,
            cause,
            time: (time_low, time_high),
        }
    }

    pub(crate) fn header(&self) -> Header {
        self.head().header(self.at.seq)
    }
}

/// Where two texts are to be copied to for [`split`] to find them.
pub(crate) fn places(buf: &mut [u8], first: usize, second: usize) -> Option<(&mut [u8], &mut [u8])> {
    let (one, two) = buf.split_at_mut_checked(words(first).wrapping_mul(4))?;
    Some((one.get_mut(..first)?, two.get_mut(..second)?))
}

/// Two texts that lie one behind the other, the second one at the begin of a word, and what follows.
pub(crate) fn split(buf: &mut [u8], first: usize, second: usize) -> (&[u8], &[u8], &mut [u8]) {
    let start = words(first).wrapping_mul(4);
    let Some((texts, rest)) = buf.split_at_mut_checked(start.wrapping_add(second)) else {
        return (&[], &[], &mut []);
    };
    let texts: &[u8] = texts;
    (
        texts.get(..first).unwrap_or(&[]),
        texts.get(start..).unwrap_or(&[]),
        rest,
    )
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
        let (fixed, rest) = self.words.get(at.offset as usize..)?.split_first_chunk()?;
        let (receivers, rest) = rest.split_at_checked(self.set)?;
        let (topic, payload) = lengths(fixed[0]);
        let len = words(topic).wrapping_add(words(payload));
        let texts = Texts {
            words: rest.get(..len)?,
            topic,
            payload,
        };
        Some(Reading {
            at,
            fixed,
            receivers,
            texts,
        })
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

/// Writes what comes before a record's texts; gives the place of those.
fn begin<'r>(
    record: &'r mut [u32],
    fixed: [u32; HEADER],
    set: usize,
    receivers: &PluginSet,
) -> Option<&'r mut [u32]> {
    let (to, rest) = record.split_first_chunk_mut()?;
    *to = fixed;
    let (set, texts) = rest.split_at_mut_checked(set)?;
    match (set, receivers.0) {
        ([set], [first, ..]) => *set = first,
        (set, receivers) => set.iter_mut().zip(receivers).for_each(|(to, from)| *to = from),
    }
    Some(texts)
}

/// Calls `f` for each plugin of a receiver set.
pub(crate) fn each(words: &[u32], mut f: impl FnMut(usize)) {
    let mut first = 0usize;
    for word in words {
        let mut word = *word;
        while word != 0 {
            f(first.wrapping_add(word.trailing_zeros() as usize));
            word &= word.wrapping_sub(1);
        }
        first = first.wrapping_add(32);
    }
}

/// The bytes of the topic and of the payload, from a record's first word.
fn lengths(word: u32) -> (usize, usize) {
    (word.wrapping_shr(24) as usize, word as usize & MAX_PAYLOAD)
}

/// The words that hold so many bytes.
fn words(bytes: usize) -> usize {
    bytes.div_ceil(4)
}

#[cfg(test)]
mod tests {
    use std::prelude::rust_2024::*;

    use super::*;
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
