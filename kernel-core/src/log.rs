//! The byte log: a ring of variable-length records, oldest first, addressed by sequence number.
//!
//! ```text
//!  record   payload len  topic len  cause kind  source  time  cause  receivers      topic  payload
//!  bytes         4           1          1         3      8      4    plugins / 8      n       m
//! ```
//!
//! Numbers are little-endian. A record may wrap around the ring's end, so that no byte is unused.
//! The sequence number is not stored: it follows from the position of the oldest record.

use crate::id::{CallId, Cause, PluginId};
use crate::table::Usage;

/// The most plugins a kernel can have: the width of a record's receiver set.
pub const MAX_PLUGINS: usize = 128;

const HEADER: usize = 21;

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

    pub(crate) fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 32) {
            *word |= bit(index);
        }
    }
}

fn bit(index: usize) -> u32 {
    1u32.wrapping_shl(index as u32 % 32)
}

/// Where a record starts: its sequence number and its place in the ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Position {
    pub(crate) seq: u64,
    pub(crate) offset: usize,
}

impl Position {
    pub(crate) const START: Position = Position { seq: 0, offset: 0 };
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

/// The ring.
pub(crate) struct Log {
    bytes: &'static mut [u8],
    tail: usize,
    tail_seq: u64,
    next_seq: u64,
    /// Bytes of a record's receiver set.
    set: usize,
    usage: Usage,
}

impl Log {
    pub(crate) fn new(bytes: &'static mut [u8], plugins: usize) -> Self {
        let usage = Usage {
            capacity: bytes.len(),
            ..Usage::default()
        };
        let set = plugins.min(MAX_PLUGINS).div_ceil(8);
        Log {
            bytes,
            tail: 0,
            tail_seq: 1,
            next_seq: 1,
            set,
            usage,
        }
    }

    /// How many bytes a record takes.
    pub(crate) fn size(&self, topic: usize, payload: usize) -> usize {
        HEADER
            .saturating_add(self.set)
            .saturating_add(topic)
            .saturating_add(payload)
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// The sequence number the next record gets.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Where the oldest record is, or the next one will be.
    pub(crate) fn oldest(&self) -> Position {
        Position {
            seq: self.tail_seq,
            offset: self.tail,
        }
    }

    /// Where the next record will be.
    pub(crate) fn end(&self) -> Position {
        Position {
            seq: self.next_seq,
            offset: self.wrap(self.tail.wrapping_add(self.usage.used)),
        }
    }

    /// True when `at` is a record that is still here.
    pub(crate) fn holds(&self, at: Position) -> bool {
        at.seq >= self.tail_seq && at.seq < self.next_seq
    }

    /// True when `bytes` more fit without dropping the oldest record.
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        self.usage.capacity.saturating_sub(self.usage.used) >= bytes
    }

    /// The record after the one at `at`.
    pub(crate) fn after(&self, at: Position, header: &Header) -> Position {
        let size = self.size(header.topic, header.payload);
        Position {
            seq: at.seq.wrapping_add(1),
            offset: self.wrap(at.offset.wrapping_add(size)),
        }
    }

    pub(crate) fn header(&self, at: Position) -> Header {
        let mut raw = [0u8; HEADER];
        self.read(at.offset, &mut raw);
        let [
            p0,
            p1,
            p2,
            p3,
            topic,
            kind,
            s0,
            s1,
            s2,
            t0,
            t1,
            t2,
            t3,
            t4,
            t5,
            t6,
            t7,
            c0,
            c1,
            c2,
            c3,
        ] = raw;
        let cause = u32::from_le_bytes([c0, c1, c2, c3]);
        Header {
            payload: u32::from_le_bytes([p0, p1, p2, p3]) as usize,
            topic: topic as usize,
            source: PluginId::from_bytes([s0, s1, s2]),
            time: u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
            cause: match kind {
                1 => Cause::Event(at.seq.saturating_sub(cause as u64)),
                2 => Cause::Call(CallId::from_bits(cause)),
                _ => Cause::None,
            },
        }
    }

    pub(crate) fn receivers(&self, at: Position) -> PluginSet {
        let mut raw = [0u8; MAX_PLUGINS / 8];
        if let Some(raw) = raw.get_mut(..self.set) {
            self.read(self.wrap(at.offset.wrapping_add(HEADER)), raw);
        }
        let mut set = PluginSet::default();
        for (word, four) in set.0.iter_mut().zip(raw.chunks_exact(4)) {
            *word = four.iter().rev().fold(0, |word, byte| word << 8 | *byte as u32);
        }
        set
    }

    /// True when the plugin in slot `index` is a receiver of the record at `at`.
    pub(crate) fn is_receiver(&self, at: Position, index: usize) -> bool {
        let offset = self.wrap(at.offset.wrapping_add(HEADER).wrapping_add(index / 8));
        let byte = self.bytes.get(offset).copied().unwrap_or(0);
        index / 8 < self.set && byte & (1u8 << (index % 8)) != 0
    }

    /// Copies the record's topic and payload into `to`, topic first; `None` when they do not fit.
    pub(crate) fn copy<'a>(
        &self,
        at: Position,
        header: &Header,
        to: &'a mut [u8],
    ) -> Option<(&'a [u8], &'a [u8])> {
        let to = to.get_mut(..header.topic.wrapping_add(header.payload))?;
        self.read(
            self.wrap(at.offset.wrapping_add(HEADER).wrapping_add(self.set)),
            to,
        );
        to.split_at_checked(header.topic)
    }

    /// Drops the oldest record.
    pub(crate) fn evict(&mut self) {
        if self.tail_seq == self.next_seq {
            return;
        }
        let header = self.header(self.oldest());
        let size = self.size(header.topic, header.payload);
        self.tail = self.wrap(self.tail.wrapping_add(size));
        self.tail_seq = self.tail_seq.wrapping_add(1);
        self.usage.used = self.usage.used.saturating_sub(size);
    }

    /// Starts a record, for which there must be room; its topic and payload follow by
    /// [`Log::push`], in pieces that add up to the header's lengths.
    pub(crate) fn append(&mut self, header: &Header, receivers: &PluginSet) -> Position {
        let at = self.end();
        let (kind, cause) = match header.cause {
            Cause::Event(seq) => match u32::try_from(at.seq.wrapping_sub(seq)) {
                Ok(back) => (1, back),
                Err(_) => (0, 0),
            },
            Cause::Call(id) => (2, id.to_bits()),
            Cause::None => (0, 0),
        };
        let [p0, p1, p2, p3] = (header.payload as u32).to_le_bytes();
        let [s0, s1, s2] = header.source.to_bytes();
        let [t0, t1, t2, t3, t4, t5, t6, t7] = header.time.to_le_bytes();
        let [c0, c1, c2, c3] = cause.to_le_bytes();
        let topic = header.topic as u8;
        self.push(&[
            p0, p1, p2, p3, topic, kind, s0, s1, s2, t0, t1, t2, t3, t4, t5, t6, t7, c0, c1, c2, c3,
        ]);
        let mut raw = [0u8; MAX_PLUGINS / 8];
        for (four, word) in raw.chunks_exact_mut(4).zip(receivers.0) {
            four.copy_from_slice(&word.to_le_bytes());
        }
        if let Some(raw) = raw.get(..self.set) {
            self.push(raw);
        }
        self.next_seq = self.next_seq.wrapping_add(1);
        at
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let offset = self.wrap(self.tail.wrapping_add(self.usage.used));
        let used = self.usage.used.wrapping_add(bytes.len());
        self.usage.set_used(used);
        if let Some(to) = self.bytes.get_mut(offset..offset.wrapping_add(bytes.len())) {
            to.copy_from_slice(bytes);
            return;
        }
        let first = bytes.len().min(self.bytes.len().saturating_sub(offset));
        if let Some((one, two)) = bytes.split_at_checked(first) {
            if let Some(to) = self.bytes.get_mut(offset..offset.wrapping_add(first)) {
                to.copy_from_slice(one);
            }
            if let Some(to) = self.bytes.get_mut(..two.len()) {
                to.copy_from_slice(two);
            }
        }
    }

    fn read(&self, offset: usize, to: &mut [u8]) {
        if let Some(from) = self.bytes.get(offset..offset.wrapping_add(to.len())) {
            to.copy_from_slice(from);
            return;
        }
        let first = to.len().min(self.bytes.len().saturating_sub(offset));
        if let Some((one, two)) = to.split_at_mut_checked(first) {
            if let Some(from) = self.bytes.get(offset..offset.wrapping_add(first)) {
                one.copy_from_slice(from);
            }
            if let Some(from) = self.bytes.get(..two.len()) {
                two.copy_from_slice(from);
            }
        }
    }

    fn wrap(&self, offset: usize) -> usize {
        if offset >= self.bytes.len() {
            offset.wrapping_sub(self.bytes.len())
        } else {
            offset
        }
    }
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
    fn records_survive_wrapping_until_they_are_evicted() {
        let mut log = Log::new(Box::leak(Box::new([0u8; 257])), 10);
        let mut model: VecDeque<(u64, String, Vec<u8>)> = VecDeque::new();
        for n in 0..500u64 {
            let topic = "t".repeat(1 + (n % 13) as usize);
            let payload = vec![n as u8; (n * 7 % 41) as usize];
            let head = header(&topic, &payload, Cause::Event(n / 2));
            let size = log.size(topic.len(), payload.len());
            while !log.fits(size) {
                log.evict();
                model.pop_front();
            }
            let mut set = PluginSet::default();
            set.insert((n % 10) as usize);
            let at = log.append(&head, &set);
            log.push(topic.as_bytes());
            log.push(&payload);
            model.push_back((at.seq, topic, payload));
            let mut at = log.oldest();
            for (seq, topic, payload) in &model {
                let head = log.header(at);
                let mut buf = [0u8; 64];
                assert_eq!(at.seq, *seq);
                assert_eq!(
                    log.copy(at, &head, &mut buf),
                    Some((topic.as_bytes(), &payload[..]))
                );
                assert_eq!(head.cause, Cause::Event((seq - 1) / 2));
                assert_eq!((head.source, head.time), (PluginId { index: 3, life: 7 }, 42));
                assert_eq!(
                    log.receivers(at).iter().collect::<Vec<_>>(),
                    [((seq - 1) % 10) as usize]
                );
                assert!(log.is_receiver(at, ((seq - 1) % 10) as usize));
                assert!(!log.is_receiver(at, (seq % 10) as usize));
                at = log.after(at, &head);
            }
            assert_eq!(at, log.end());
        }
        assert!(model.len() > 2, "the ring holds several records");
    }
}
