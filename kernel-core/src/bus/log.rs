//! The log: a ring of variable-length records, oldest first.
//!
//! A position is a count of words that only grows (and wraps around); its place in the ring is its low bits. A
//! record lies in one piece: where it has no room before the ring's end, a filler goes there first.
//!
//! ```text
//! word 0   payload's bytes (24 bits), topic's bytes (8 bits; 0: a filler of as many words as the payload says)
//!      1   the source's slot and life, hops (6 bits), what kind of cause (2 bits)
//!      2   the cause: the low half of an event's sequence number, or a call's identity
//!      3   words back to the event that was the cause; 0 for none
//!      4.. time, sequence number, receivers
//!      ..  the topic, filled up to a word; the payload, filled up to a word
//! ```

use bytemuck::{cast, cast_slice, cast_slice_mut};

use crate::id::{CallId, Cause, PluginId, PluginSet, SET_WORDS};
use crate::mem::Usage;
use crate::time::{Instant, TIME_WORDS};

/// A sequence number: wraps around on a chip.
#[cfg(feature = "large")]
pub(crate) type Seq = u64;
#[cfg(not(feature = "large"))]
pub(crate) type Seq = u32;

/// A sequence number as users see it.
#[allow(
    clippy::unnecessary_cast,
    reason = "it is 32 bits without the feature `large`"
)]
pub(crate) const fn wide(seq: Seq) -> u64 {
    seq as u64
}

const TIME: usize = 4;
const SEQ: usize = TIME + TIME_WORDS;
const SET: usize = SEQ + size_of::<Seq>() / 4;
const TEXT: usize = SET + SET_WORDS;

/// The longest payload that a record can describe.
const MAX_PAYLOAD: usize = (1 << 24) - 1;
/// The most hops that a record can describe.
pub(crate) const MAX_HOPS: u8 = 63;

/// Where a record begins.
pub(crate) type Position = u32;

/// True when `a` comes before `b`; they are less than half the circle apart.
pub(crate) fn is_before(a: Position, b: Position) -> bool {
    b.wrapping_sub(a).wrapping_sub(1) < Position::MAX >> 1
}

/// What a record says besides its receivers, topic and payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) seq: Seq,
    pub(crate) time: Instant,
    pub(crate) source: PluginId,
    pub(crate) cause: Cause,
    pub(crate) hops: u8,
    pub(crate) topic: u8,
    pub(crate) payload: u32,
}

/// What led to a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    kind: Kind,
    /// How many events are behind it.
    pub(crate) hops: u8,
    /// The low half of an event's sequence number, or a call's identity.
    id: u32,
    /// Where the event is that was the cause.
    pub(crate) at: Position,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Nothing,
    Event,
    Call,
}

impl Origin {
    pub(crate) const NONE: Origin = Origin {
        kind: Kind::Nothing,
        hops: 0,
        id: 0,
        at: 0,
    };

    /// The event at this position.
    pub(crate) const fn event(head: &Head, at: Position) -> Origin {
        Origin {
            kind: Kind::Event,
            hops: head.hops.wrapping_add(1),
            id: wide(head.seq) as u32,
            at,
        }
    }

    /// A call with so many events behind it.
    pub(crate) const fn call(id: CallId, hops: u8) -> Origin {
        Origin {
            kind: Kind::Call,
            hops,
            id: id.to_bits(),
            at: 0,
        }
    }

    /// The call, if it is one.
    pub(crate) const fn as_call(&self) -> Option<CallId> {
        match self.kind {
            Kind::Call => Some(CallId::from_bits(self.id)),
            _ => None,
        }
    }

    #[cfg(feature = "large")]
    pub(crate) const fn is_event(&self) -> bool {
        matches!(self.kind, Kind::Event)
    }
}

/// A record to be written.
#[derive(Clone, Copy)]
pub(crate) struct NewRecord<'a> {
    pub(crate) source: PluginId,
    pub(crate) origin: Origin,
    pub(crate) topic: [&'a [u8]; 2],
    pub(crate) payload: &'a [&'a [u8]],
}

impl NewRecord<'_> {
    pub(crate) fn topic_len(&self) -> usize {
        self.topic[0].len().wrapping_add(self.topic[1].len())
    }

    pub(crate) fn payload_len(&self) -> usize {
        self.payload
            .iter()
            .fold(0usize, |sum, piece| sum.saturating_add(piece.len()))
    }
}

/// A record where it is.
pub(crate) struct Record<'l> {
    pub(crate) head: Head,
    pub(crate) receivers: PluginSet,
    /// The topic, filled up to a word, and the payload.
    pub(crate) text: &'l [u8],
}

impl<'l> Record<'l> {
    #[cfg(any(test, feature = "large"))]
    pub(crate) fn topic(&self) -> &'l [u8] {
        self.text.get(..self.head.topic as usize).unwrap_or(&[])
    }
}

/// The bytes of a text that is filled up to a word.
pub(crate) const fn padded(len: usize) -> usize {
    len.wrapping_add(3) & !3
}

pub(crate) struct Log {
    words: &'static mut [u32],
    head: Position,
    tail: Position,
    next_seq: Seq,
    tail_seq: Seq,
    high_water: u32,
}

impl Log {
    pub(crate) fn new(words: &'static mut [u32]) -> Self {
        // The largest power of two.
        let size = match words.len() {
            0 => 0,
            len => 1usize.wrapping_shl(len.ilog2()),
        };
        Log {
            words: words.get_mut(..size).unwrap_or_default(),
            head: 0,
            tail: 0,
            next_seq: 1,
            tail_seq: 1,
            high_water: 0,
        }
    }

    #[cfg(test)]
    pub(crate) fn begin_at(&mut self, position: Position, seq: Seq) {
        (self.head, self.tail) = (position, position);
        (self.next_seq, self.tail_seq) = (seq, seq);
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            used: self.used().wrapping_mul(4),
            high_water: self.high_water.wrapping_mul(4),
            capacity: (self.words.len() as u32).wrapping_mul(4),
        }
    }

    fn used(&self) -> u32 {
        self.head.wrapping_sub(self.tail)
    }

    /// The sequence number of the next record.
    pub(crate) fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// The sequence number of the oldest record, or of the next one when there is none.
    pub(crate) fn oldest_seq(&self) -> Seq {
        self.tail_seq
    }

    pub(crate) fn oldest(&self) -> Position {
        self.tail
    }

    /// Where the next record will be.
    pub(crate) fn end(&self) -> Position {
        self.head
    }

    /// True when there is a record, or a filler, at this position.
    pub(crate) fn holds(&self, at: Position) -> bool {
        at.wrapping_sub(self.tail) < self.used()
    }

    /// The words that a record takes; `None` when it does not fit at all.
    pub(crate) fn size(&self, topic: usize, payload: usize) -> Option<u32> {
        let size = TEXT
            .wrapping_add(padded(topic) / 4)
            .wrapping_add(payload.div_ceil(4));
        (payload <= MAX_PAYLOAD && size <= self.words.len()).then_some(size as u32)
    }

    /// The longest payload beside a topic of so many bytes.
    pub(crate) fn longest(&self, topic: usize) -> usize {
        let taken = TEXT.wrapping_add(padded(topic) / 4);
        self.words
            .len()
            .saturating_sub(taken)
            .saturating_mul(4)
            .min(MAX_PAYLOAD)
    }

    fn index(&self, at: Position) -> usize {
        at as usize & self.words.len().wrapping_sub(1)
    }

    /// Words of the filler that a record of this size needs before it.
    fn filler(&self, size: u32) -> u32 {
        let left = (self.words.len() as u32).wrapping_sub(self.index(self.head) as u32);
        if left < size { left } else { 0 }
    }

    /// True when a record of this size has room while `oldest` is the oldest.
    pub(crate) fn has_room(&self, size: u32, oldest: Position) -> bool {
        let needed = size.wrapping_add(self.filler(size));
        let used = self.head.wrapping_sub(oldest);
        used == 0 || used.wrapping_add(needed) <= self.words.len() as u32
    }

    /// What a record at this position has before its texts, and these.
    fn parts(&self, at: Position) -> Option<(&[u32; TEXT], &[u8])> {
        let words = self.words.get(self.index(at)..)?;
        let (fixed, text) = words.split_first_chunk()?;
        Some((fixed, cast_slice(text)))
    }

    /// The position after what is at this one.
    pub(crate) fn after(&self, at: Position) -> Position {
        let first = self.words.get(self.index(at)).copied().unwrap_or(0);
        let (payload, topic) = lengths(first);
        let size = match topic {
            // At least one word, so that a walk goes on whatever is there.
            0 => payload.max(1),
            _ => TEXT
                .wrapping_add(padded(topic) / 4)
                .wrapping_add(payload.div_ceil(4)),
        };
        at.wrapping_add(size as u32)
    }

    /// True when there is a filler at this position.
    pub(crate) fn is_filler(&self, at: Position) -> bool {
        self.words
            .get(self.index(at))
            .is_none_or(|first| lengths(*first).1 == 0)
    }

    /// Who gets the record at this position.
    pub(crate) fn receivers(&self, at: Position) -> PluginSet {
        let parts = self.parts(at);
        parts.map_or(PluginSet::EMPTY, |(fixed, _)| PluginSet(*chunk(fixed, SET)))
    }

    pub(crate) fn set_receivers(&mut self, at: Position, set: &PluginSet) {
        let start = self.index(at).wrapping_add(SET);
        if let Some(words) = self.words.get_mut(start..start.wrapping_add(SET_WORDS)) {
            words.copy_from_slice(&set.0);
        }
    }

    /// True when the plugin in slot `index` gets the record at this position.
    pub(crate) fn is_receiver(&self, at: Position, index: usize) -> bool {
        let word = self
            .words
            .get(self.index(at).wrapping_add(SET).wrapping_add(index / 32));
        word.is_some_and(|word| word.wrapping_shr(index as u32 % 32) & 1 != 0)
    }

    /// The record at this position, where there must be one.
    pub(crate) fn read(&self, at: Position) -> Option<Record<'_>> {
        let (fixed, text) = self.parts(at)?;
        let (payload, topic) = lengths(fixed[0]);
        let text = text.get(..padded(topic).wrapping_add(payload))?;
        let flags = fixed[1].wrapping_shr(24) as u8;
        let seq: Seq = cast(*chunk::<{ SET - SEQ }>(fixed, SEQ));
        let cause = match flags.wrapping_shr(6) {
            1 => {
                let back = (seq as u32).wrapping_sub(fixed[2]) as Seq;
                Cause::Event(wide(seq.wrapping_sub(back)))
            }
            2 => Cause::Call(CallId::from_bits(fixed[2])),
            _ => Cause::None,
        };
        Some(Record {
            head: Head {
                seq,
                time: Instant::from_words(*chunk(fixed, TIME)),
                source: PluginId::from_bits(fixed[1]),
                cause,
                hops: flags & MAX_HOPS,
                topic: topic as u8,
                payload: payload as u32,
            },
            receivers: PluginSet(*chunk(fixed, SET)),
            text,
        })
    }

    /// Where the event is that led to the record at this position, while that is here.
    #[cfg(feature = "large")]
    pub(crate) fn cause_of(&self, at: Position) -> Option<Position> {
        let back = self.parts(at)?.0[3];
        let cause = at.wrapping_sub(back);
        (back != 0 && self.holds(cause)).then_some(cause)
    }

    /// Who published the record at this position.
    #[cfg(feature = "large")]
    pub(crate) fn source(&self, at: Position) -> PluginId {
        PluginId::from_bits(self.parts(at).map_or(0, |(fixed, _)| fixed[1]))
    }

    /// The topic of the record at this position.
    pub(crate) fn topic(&self, at: Position) -> &[u8] {
        let topic = |(fixed, text): (&[u32; TEXT], _)| <[u8]>::get(text, ..lengths(fixed[0]).1);
        self.parts(at).and_then(topic).unwrap_or(&[])
    }

    /// True when the record at this position has this topic.
    pub(crate) fn has_topic(&self, at: Position, topic: &[&[u8]; 2]) -> bool {
        let rest = self.topic(at).strip_prefix(topic[0]);
        rest == Some(topic[1])
    }

    /// Drops the oldest record, or filler.
    pub(crate) fn drop_oldest(&mut self) {
        if self.used() == 0 {
            return;
        }
        if !self.is_filler(self.tail) {
            self.tail_seq = self.tail_seq.wrapping_add(1);
        }
        self.tail = self.after(self.tail);
    }

    /// Writes a record, for which there must be room; where it is.
    pub(crate) fn append(
        &mut self,
        record: &NewRecord<'_>,
        set: &PluginSet,
        size: u32,
        now: Instant,
    ) -> Position {
        let filler = self.filler(size);
        if self.used() == 0 {
            self.tail = self.head.wrapping_add(filler);
        } else if filler > 0 {
            let at = self.index(self.head);
            if let Some(word) = self.words.get_mut(at) {
                *word = filler;
            }
        }
        self.head = self.head.wrapping_add(filler);
        let (at, seq) = (self.head, self.next_seq);
        self.head = at.wrapping_add(size);
        self.next_seq = seq.wrapping_add(1);
        self.high_water = self.high_water.max(self.used());
        let (topic, payload) = (record.topic_len(), record.payload_len());
        let origin = &record.origin;
        let back = match origin.kind {
            Kind::Event => at.wrapping_sub(origin.at),
            _ => 0,
        };
        let flags = (origin.kind as u32).wrapping_shl(6) | origin.hops.min(MAX_HOPS) as u32;
        let start = self.index(at);
        let place = self.words.get_mut(start..).unwrap_or_default();
        let Some((fixed, text)) = place.split_first_chunk_mut::<TEXT>() else {
            return at;
        };
        fixed[0] = payload as u32 | (topic as u32).wrapping_shl(24);
        fixed[1] = record.source.to_bits() | flags.wrapping_shl(24);
        fixed[2] = origin.id;
        fixed[3] = back;
        if let Some(words) = fixed.get_mut(TIME..SEQ) {
            words.copy_from_slice(&now.words());
        }
        if let Some(words) = fixed.get_mut(SEQ..SET) {
            words.copy_from_slice(&cast::<Seq, [u32; SET - SEQ]>(seq));
        }
        if let Some(words) = fixed.get_mut(SET..) {
            words.copy_from_slice(&set.0);
        }
        let text: &mut [u8] = cast_slice_mut(text);
        let rest = put(text, record.topic[0]);
        put(rest, record.topic[1]);
        let mut rest = text.get_mut(padded(topic)..).unwrap_or_default();
        for piece in record.payload {
            rest = put(rest, piece);
        }
        at
    }
}

/// The words at a place before the texts.
fn chunk<const N: usize>(fixed: &[u32; TEXT], at: usize) -> &[u32; N] {
    let words = fixed.get(at..).and_then(<[u32]>::first_chunk);
    words.unwrap_or(&[0; N])
}

fn lengths(first: u32) -> (usize, usize) {
    (
        (first & MAX_PAYLOAD as u32) as usize,
        first.wrapping_shr(24) as usize,
    )
}

fn put<'t>(to: &'t mut [u8], from: &[u8]) -> &'t mut [u8] {
    match to.split_at_mut_checked(from.len()) {
        Some((here, rest)) => {
            here.copy_from_slice(from);
            rest
        }
        None => &mut [],
    }
}
