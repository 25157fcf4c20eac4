//! A record: its fixed part, its receivers, its texts.
//!
//! ```text
//!  word    0: payload bytes | topic bytes << 24      3..: time, 2 words
//!          1: source slot | life << 8 | kind << 24     5: receivers, 1 word for 32 plugins
//!          2: cause                                    then the topic, then the payload
//! ```

use bytemuck::must_cast_slice;

use super::{PluginSet, Position};
use crate::copy::copy;
use crate::id::{CallId, Cause, PluginId};

/// Words of a record's fixed part, its receivers apart.
pub(super) const HEADER: usize = 5;

/// The largest payload, whatever the log's size: its length has 24 bits.
pub(super) const MAX_PAYLOAD: usize = (1 << 24) - 1;

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

impl<'a> Reading<'a> {
    /// Reads the record at `at` of a ring, whose receivers take `set` words.
    #[inline(always)]
    pub(super) fn of(ring: &'a [u32], at: Position, set: usize) -> Option<Self> {
        let (fixed, rest) = ring.get(at.offset as usize..)?.split_first_chunk()?;
        let (receivers, rest) = rest.split_at_checked(set)?;
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

/// Writes what comes before a record's texts; gives the place of those.
pub(super) fn begin<'r>(
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

/// The bytes of the topic and of the payload, from a record's first word.
pub(super) fn lengths(word: u32) -> (usize, usize) {
    (word.wrapping_shr(24) as usize, word as usize & MAX_PAYLOAD)
}

/// The words that hold so many bytes.
pub(super) fn words(bytes: usize) -> usize {
    bytes.div_ceil(4)
}
