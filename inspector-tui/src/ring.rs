//! The events that are kept: a ring bounded by bytes, with the gaps in their places.
//!
//! One arena holds head and payload of each row, oldest first; an index holds where each row
//! starts. Both are allocated once, so that the ring takes what it was given and no more: it is
//! full when the arena, the index, or the table of names is, and then the oldest rows go. Topics,
//! sources and sets of receivers are kept once each, as long as a row uses them.
//!
//! A row has a number that never changes and is never used again; the numbers of the rows that are
//! here are without gaps.

mod intern;
mod record;

use std::collections::VecDeque;

use kernel_link::Slots;

use crate::facts::{Cause, Event, Item, LostAt};
use intern::{Names, Sets};
use record::{HEAD, Head, Kind};

/// The bytes a ring has unless told otherwise.
pub const DEFAULT_BYTES: usize = 64 * 1024 * 1024;
/// The fewest bytes a ring can have.
pub const MIN_BYTES: usize = 256 * 1024;
/// The most bytes a ring can have: its index counts in 32 bits.
pub const MAX_BYTES: usize = 2 * 1024 * 1024 * 1024;

/// The number of a row.
pub type RowId = u64;

/// A row as it is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Row<'a> {
    /// An event.
    Event(EventRow<'a>),
    /// Events are missing here.
    Lost {
        /// The first one missing.
        from: u64,
        /// How many.
        count: u64,
        /// Where they were lost.
        at: LostAt,
    },
    /// The runtime was started anew here: sequence numbers and its clock begin again.
    Restarted,
}

impl<'a> Row<'a> {
    /// The event, when it is one.
    pub fn event(self) -> Option<EventRow<'a>> {
        match self {
            Row::Event(event) => Some(event),
            Row::Lost { .. } | Row::Restarted => None,
        }
    }
}

/// An event as it is read from the ring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventRow<'a> {
    /// Its place in the total order of its run.
    pub seq: u64,
    /// When it was published, in microseconds on the target's clock.
    pub time: u64,
    /// Who published it.
    pub source: &'a str,
    /// The topic.
    pub topic: &'a str,
    /// What led to it.
    pub cause: Cause,
    /// Who got it, by plugin slot.
    pub receivers: Slots,
    /// The payload: a JSON text.
    pub payload: &'a [u8],
    /// How long the payload was, where it was too long to be kept whole.
    pub cut_from: Option<u64>,
    /// What stands for the topic, the source and the receivers while this row is here.
    pub names: NameIds,
}

/// What stands for an event's names: equal for equal names. Another name may get the number of one
/// that is gone; then the generation differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameIds {
    /// The topic and its generation.
    pub topic: (u32, u32),
    /// The source and its generation.
    pub source: (u32, u32),
    /// The receivers and their generation.
    pub receivers: (u32, u32),
}

/// The ring.
#[derive(Debug)]
pub struct Ring {
    arena: Box<[u8]>,
    /// Where the rows start, at their number modulo the length.
    index: Box<[u32]>,
    first: RowId,
    end: RowId,
    /// Where the next row goes.
    write: usize,
    names: Names,
    sets: Sets,
    names_limit: usize,
    /// The first rows of the runs, oldest first; the one before all of these needs none.
    runs: VecDeque<RowId>,
    evicted: u64,
}

impl Ring {
    /// A ring of `bytes` in all: at least [`MIN_BYTES`] and at most [`MAX_BYTES`].
    pub fn new(bytes: usize) -> Self {
        let bytes = bytes.clamp(MIN_BYTES, MAX_BYTES);
        // An eighth is for names. The index has an entry for each row of the shortest kind.
        let names_limit = bytes / 8;
        let rows = (bytes - names_limit) / (HEAD + 4);
        Ring {
            arena: vec![0; rows * HEAD].into_boxed_slice(),
            index: vec![0; rows].into_boxed_slice(),
            first: 0,
            end: 0,
            write: 0,
            names: Names::default(),
            sets: Sets::default(),
            names_limit,
            runs: VecDeque::new(),
            evicted: 0,
        }
    }

    /// The bytes it has taken: arena, index and names.
    pub fn bytes(&self) -> usize {
        self.arena.len() + self.index.len() * 4 + self.names.bytes() + self.sets.bytes()
    }

    /// The bytes of it that rows fill.
    pub fn used(&self) -> usize {
        let rows = (self.end - self.first) as usize;
        let arena = match self.start_of(self.first) {
            None => 0,
            Some(start) if start < self.write => self.write - start,
            Some(start) => self.arena.len() - start + self.write,
        };
        arena + rows * 4 + self.names.bytes() + self.sets.bytes()
    }

    /// The oldest row that is here, or the next one when there is none.
    pub fn first(&self) -> RowId {
        self.first
    }

    /// The row after the newest.
    pub fn end(&self) -> RowId {
        self.end
    }

    /// How many rows are here.
    pub fn len(&self) -> usize {
        (self.end - self.first) as usize
    }

    /// True when there is no row.
    pub fn is_empty(&self) -> bool {
        self.first == self.end
    }

    /// How many rows had to go.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many different topics the rows have.
    pub fn topics(&self) -> usize {
        self.names.len()
    }

    /// Adds an item after the newest row.
    pub fn push(&mut self, item: &Item) -> RowId {
        match item {
            Item::Event(event) => self.push_event(event),
            Item::Lost { from, count, at } => {
                let kind = match at {
                    LostAt::Bus => Kind::LostBus,
                    LostAt::Link => Kind::LostLink,
                };
                self.put(&Head::mark(kind, *from, *count), &[])
            }
        }
    }

    /// Adds the mark of a new start of the runtime.
    pub fn push_restart(&mut self) -> RowId {
        let row = self.put(&Head::mark(Kind::Restart, 0, 0), &[]);
        self.runs.push_back(row);
        row
    }

    fn push_event(&mut self, event: &Event) -> RowId {
        while self.names.bytes() + self.sets.bytes() > self.names_limit && self.first < self.end {
            self.evict();
        }
        let keep = event.payload.len().min(self.arena.len() / 4);
        let (cause, kind) = match event.cause {
            Cause::None => (0, Kind::Event),
            Cause::Event(seq) => (seq, Kind::EventOfEvent),
            Cause::Call(call) => (u64::from(call), Kind::EventOfCall),
        };
        let head = Head {
            seq: event.seq,
            time: event.time,
            cause,
            len: u32::try_from(event.payload.len()).unwrap_or(u32::MAX),
            kept: keep as u32,
            topic: self.names.take(&event.topic),
            source: self.names.take(&event.source),
            receivers: self.sets.take(&event.receivers),
            kind,
        };
        let payload = event.payload.get(..keep).unwrap_or(&event.payload);
        self.put(&head, payload)
    }

    fn put(&mut self, head: &Head, payload: &[u8]) -> RowId {
        let size = HEAD + payload.len();
        if self.arena.len() - self.write < size {
            // A row does not wrap around the end, so that its payload can be lent out: what is left goes unused.
            while self.first < self.end && self.start_of(self.first).is_some_and(|start| start >= self.write)
            {
                self.evict();
            }
            self.write = 0;
        }
        let after = self.write + size;
        while self.first < self.end
            && (self.len() == self.index.len()
                || self
                    .start_of(self.first)
                    .is_some_and(|start| start >= self.write && start < after))
        {
            self.evict();
        }
        if let Some(room) = self.arena.get_mut(self.write..after) {
            let (front, back) = room.split_at_mut(HEAD);
            head.write(front);
            back.copy_from_slice(payload);
        }
        let row = self.end;
        let slot = (row % self.index.len() as u64) as usize;
        if let Some(entry) = self.index.get_mut(slot) {
            *entry = self.write as u32;
        }
        self.write = after;
        self.end += 1;
        row
    }

    fn evict(&mut self) {
        if let Some((head, _)) = self.record(self.first)
            && head.kind.is_event()
        {
            self.names.give_back(head.topic);
            self.names.give_back(head.source);
            self.sets.give_back(head.receivers);
        }
        if self.runs.front() == Some(&self.first) {
            self.runs.pop_front();
        }
        self.first += 1;
        self.evicted += 1;
    }

    fn start_of(&self, row: RowId) -> Option<usize> {
        if row < self.first || row >= self.end {
            return None;
        }
        let slot = (row % self.index.len() as u64) as usize;
        self.index.get(slot).map(|start| *start as usize)
    }

    fn record(&self, row: RowId) -> Option<(Head, &[u8])> {
        let (head, rest) = self.arena.get(self.start_of(row)?..)?.split_at_checked(HEAD)?;
        let head = Head::read(head)?;
        Some((head, rest.get(..head.kept as usize)?))
    }

    /// A row.
    pub fn get(&self, row: RowId) -> Option<Row<'_>> {
        let (head, payload) = self.record(row)?;
        let cause = match head.kind {
            Kind::LostBus | Kind::LostLink => {
                return Some(Row::Lost {
                    from: head.seq,
                    count: head.time,
                    at: if head.kind == Kind::LostBus {
                        LostAt::Bus
                    } else {
                        LostAt::Link
                    },
                });
            }
            Kind::Restart => return Some(Row::Restarted),
            Kind::Event => Cause::None,
            Kind::EventOfEvent => Cause::Event(head.cause),
            Kind::EventOfCall => Cause::Call(head.cause as u32),
        };
        Some(Row::Event(EventRow {
            seq: head.seq,
            time: head.time,
            source: self.names.text(head.source),
            topic: self.names.text(head.topic),
            cause,
            receivers: self.sets.get(head.receivers),
            payload,
            cut_from: (head.kept < head.len).then_some(u64::from(head.len)),
            names: NameIds {
                topic: (head.topic, self.names.generation(head.topic)),
                source: (head.source, self.names.generation(head.source)),
                receivers: (head.receivers, self.sets.generation(head.receivers)),
            },
        }))
    }

    /// Where the run that `row` belongs to begins and ends, as far as it is here.
    pub fn run_of(&self, row: RowId) -> (RowId, RowId) {
        let at = self.runs.partition_point(|start| *start <= row);
        let begin = at.checked_sub(1).and_then(|at| self.runs.get(at)).copied();
        let end = self.runs.get(at).copied();
        (
            begin.unwrap_or(self.first).max(self.first),
            end.unwrap_or(self.end),
        )
    }

    /// The row of the event with this sequence number, or of the gap it is missing in, in the run
    /// that `near` belongs to.
    pub fn find(&self, near: RowId, seq: u64) -> Option<RowId> {
        let (begin, end) = self.run_of(near);
        let (mut low, mut high) = (begin, end);
        // The first row that begins after `seq`; the one before it is the one, or there is none.
        while low < high {
            let middle = low + (high - low) / 2;
            if self.seq_of(middle) <= seq {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let row = low.checked_sub(1).filter(|row| *row >= begin)?;
        let found = match self.get(row)? {
            Row::Event(event) => event.seq == seq,
            Row::Lost { from, count, .. } => seq >= from && seq - from < count,
            Row::Restarted => false,
        };
        found.then_some(row)
    }

    /// The row of the event with this sequence number in the newest run.
    pub fn newest(&self, seq: u64) -> Option<RowId> {
        self.find(self.end.saturating_sub(1), seq)
    }

    /// What a row is sorted by in its run.
    fn seq_of(&self, row: RowId) -> u64 {
        self.record(row).map_or(0, |(head, _)| head.seq)
    }
}

#[cfg(test)]
mod tests;
