//! The log in one half of the flash, and how it moves to the other.
//!
//! Each half begins with a mark that tells how often the log has moved. It is written last, after all records were
//! copied, and makes the half the log's; then the other half is erased. So there is always one marked half that is
//! whole, and but for an interruption the other one is blank.

use embedded_storage::nor_flash::NorFlash;
use kernel_core::storage::{BatchOp, StorageOp, StorageRequest};

use crate::nor::{Nor, Span, Text, Trouble};
use crate::record::{CLEAR, DELETE, HEAD, MARK, MORE, Record, SET};

/// The two halves.
#[derive(Clone, Copy)]
pub(crate) struct Halves {
    pub(crate) start: u32,
    /// Bytes of each.
    pub(crate) size: u32,
}

impl Halves {
    fn second(self) -> u32 {
        self.start + self.size
    }

    /// Where the other half starts.
    fn other(self, half: u32) -> u32 {
        match half == self.start {
            true => self.second(),
            false => self.start,
        }
    }
}

/// Where the log is.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    /// The half's start.
    start: u32,
    /// Where its first record is.
    pub(crate) first: u32,
    /// Where the next record goes.
    pub(crate) end: u32,
    /// How often it has moved.
    moves: u32,
}

/// One change of a request: what it does, with which key and value.
type Change<'a> = (u8, &'a str, &'a [u8]);

/// The request's change of this number.
#[inline(never)]
fn change<'a>(request: &StorageRequest<'a>, n: usize) -> Option<Change<'a>> {
    match request.op {
        StorageOp::Batch => Some(match request.batch().nth(n)? {
            BatchOp::Set(key, value) => (SET, key, value.as_bytes()),
            BatchOp::Delete(key) => (DELETE, key, &[]),
        }),
        _ if n > 0 => None,
        StorageOp::Set => Some((SET, request.key, request.value)),
        StorageOp::Delete => Some((DELETE, request.key, &[])),
        _ => Some((CLEAR, "", &[])),
    }
}

impl<F: NorFlash> Nor<F> {
    /// Bytes of a half's mark.
    pub(crate) const MARK: u32 = Self::size(4);

    fn log(&self, start: u32, moves: u32) -> Log {
        let first = start + Self::MARK;
        Log {
            start,
            first,
            end: first,
            moves,
        }
    }

    /// Finds the log, and repairs what an interruption left.
    pub(crate) fn load(&mut self, halves: Halves) -> Option<Log> {
        self.trouble = None;
        let mut log = self.choose(halves)?;
        let other = halves.other(log.start);
        self.clear(other, other + halves.size);
        let limit = log.start + halves.size;
        if self.find_end(&mut log, limit) {
            self.move_to(halves, &mut log, None);
        }
        self.trouble.is_none().then_some(log)
    }

    /// The half with the newest mark; `None` when none is marked and they are not blank.
    fn choose(&mut self, halves: Halves) -> Option<Log> {
        let (first, second) = (
            self.moves(halves, halves.start),
            self.moves(halves, halves.second()),
        );
        match (first, second) {
            (Some(first), Some(second)) if (second.wrapping_sub(first) as i32) < 0 => {
                Some(self.log(halves.start, first))
            }
            (_, Some(second)) => Some(self.log(halves.second(), second)),
            (Some(first), None) => Some(self.log(halves.start, first)),
            // A part of a mark with nothing after it is the very first one, cut.
            (None, None) if self.is_blank(halves.start + Self::MARK, halves.second() + halves.size) => {
                self.clear(halves.start, halves.second());
                self.put_mark(halves, halves.start, 0);
                Some(self.log(halves.start, 0))
            }
            (None, None) => {
                self.fail(Trouble::Corrupt);
                None
            }
        }
    }

    /// What the mark of this half says.
    #[inline(never)]
    fn moves(&mut self, halves: Halves, start: u32) -> Option<u32> {
        let record = self.record(start, start + halves.size)?;
        let mut moves = [0; 4];
        self.copy(record.value().at, &mut moves);
        (record.op == MARK && self.is_intact(&record)).then_some(u32::from_le_bytes(moves))
    }

    fn put_mark(&mut self, halves: Halves, start: u32, moves: u32) {
        let bytes = moves.to_le_bytes();
        let texts = [&[], &[], &bytes[..]].map(Text::Memory);
        self.put(start, MARK, texts);
        if self.moves(halves, start) != Some(moves) {
            self.fail(Trouble::Failed);
        }
    }

    /// Where the sound groups end that begin at `at`, and where the sound records do.
    #[inline(never)]
    fn scan(&mut self, mut at: u32, limit: u32) -> (u32, u32) {
        let mut end = at;
        while let Some(record) = self.record(at, limit)
            && self.is_intact(&record)
        {
            at = record.next;
            if record.op & MORE == 0 {
                end = at;
            }
        }
        (end, at)
    }

    /// True when there are sound records from `at` to just `end`.
    pub(crate) fn is_sound(&mut self, at: u32, end: u32) -> bool {
        self.scan(at, end).0 == end
    }

    /// Checks all records, and finds where the next one goes: true when the last group was cut.
    fn find_end(&mut self, log: &mut Log, limit: u32) -> bool {
        let (end, stop) = self.scan(log.first, limit);
        log.end = end;
        // What a write that was cut may have reached.
        let reached = match self.record(stop, limit) {
            None => limit.min(stop + Self::whole_words(HEAD)),
            Some(record) => match self.checksums(&record) {
                // Bits of its CRC were not written any more.
                (computed, stored) if stored & computed == computed => record.next,
                _ => stop,
            },
        };
        if !self.is_blank(reached, limit) {
            self.fail(Trouble::Corrupt);
        }
        end != stop || !self.is_blank(stop, reached)
    }

    /// Carries out a request that changes something: by records, or by moving the log when there is no room for them.
    pub(crate) fn change(&mut self, halves: Halves, log: &mut Log, request: &StorageRequest<'_>) {
        let limit = log.start + halves.size;
        let room = limit - log.first;
        self.dry = true;
        let size = self.put_changes(0, request, room);
        self.dry = false;
        if self.trouble.is_some() {
            return;
        }
        if size > limit - log.end {
            return self.move_to(halves, log, Some(request));
        }
        let end = self.put_changes(log.end, request, room);
        // What cannot be read back was not stored.
        if !self.is_sound(log.end, end) {
            self.fail(Trouble::Failed);
        }
        log.end = end;
    }

    /// Writes what the request changes, as one group: where it ends. More than `room` is too large.
    #[inline(never)]
    fn put_changes(&mut self, at: u32, request: &StorageRequest<'_>, room: u32) -> u32 {
        let (mut end, mut n, mut read) = (at, 0, 0);
        while let Some((op, key, value)) = change(request, n) {
            n += 1;
            read += 6 + key.len() + value.len();
            let longest = request.namespace.len().max(key.len());
            if longest > u8::MAX as usize || value.len() > u16::MAX as usize {
                self.fail(Trouble::TooLarge);
                return at;
            }
            let more = if change(request, n).is_some() { MORE } else { 0 };
            let texts = [request.namespace.as_bytes(), key.as_bytes(), value].map(Text::Memory);
            end = self.put(end, op | more, texts);
            if end - at > room {
                self.fail(Trouble::TooLarge);
            }
        }
        if request.op == StorageOp::Batch && read != request.value.len() {
            self.fail(Trouble::Malformed);
        }
        end
    }

    /// Copies all living values to the other half, and what the request sets, and makes that half the log's.
    #[inline(never)]
    pub(crate) fn move_to(&mut self, halves: Halves, log: &mut Log, request: Option<&StorageRequest<'_>>) {
        let start = halves.other(log.start);
        let mut new = self.log(start, log.moves.wrapping_add(1));
        let limit = start + halves.size;
        // Deletions need no record there.
        let added = request.filter(|request| matches!(request.op, StorageOp::Set | StorageOp::Batch));
        for dry in [true, false] {
            self.dry = dry;
            new.end = self.copy_living(log, request, new.first);
            if let Some(request) = added {
                new.end = self.put_changes(new.end, request, u32::MAX);
            }
            if new.end > limit {
                self.dry = false;
                return self.fail(Trouble::Full);
            }
        }
        if !self.is_sound(new.first, new.end) {
            self.fail(Trouble::Failed);
        }
        self.put_mark(halves, start, new.moves);
        self.clear(log.start, log.start + halves.size);
        *log = new;
    }

    /// Copies all values that are there, and stay when the request is carried out, to `to`: where they end.
    #[inline(never)]
    pub(crate) fn copy_living(
        &mut self,
        log: &Log,
        request: Option<&StorageRequest<'_>>,
        mut to: u32,
    ) -> u32 {
        let mut at = log.first;
        while let Some(record) = self.next(&mut at, log.end) {
            let replaced = request.is_some_and(|request| self.replaces(request, &record));
            if !replaced && self.is_live(&record, log.end) {
                let texts = [record.namespace(), record.key(), record.value()].map(Text::Flash);
                to = self.put(to, SET, texts);
            }
        }
        to
    }

    /// True when the request changes what the record set.
    fn replaces(&mut self, request: &StorageRequest<'_>, record: &Record) -> bool {
        let mut n = 0;
        while let Some((op, key, _)) = change(request, n) {
            if self.is_named(record, request.namespace, (op != CLEAR).then_some(key)) {
                return true;
            }
            n += 1;
        }
        false
    }

    /// True when the record is about this namespace and key, if any.
    #[inline(never)]
    pub(crate) fn is_named(&mut self, record: &Record, namespace: &str, key: Option<&str>) -> bool {
        self.same(Text::Memory(namespace.as_bytes()), record.namespace())
            && key.is_none_or(|key| self.same(Text::Memory(key.as_bytes()), record.key()))
    }

    /// Makes a new log of all records that are sound.
    pub(crate) fn salvage(&mut self, halves: Halves) -> Option<Log> {
        self.trouble = None;
        let first_is_blank = self.is_blank(halves.start, halves.second());
        let old = match self.choose(halves) {
            Some(log) => log,
            None if first_is_blank => self.log(halves.second(), 0),
            None => self.log(halves.start, 0),
        };
        self.trouble = None;
        let limit = old.start + halves.size;
        let start = halves.other(old.start);
        self.clear(start, start + halves.size);
        let mut new = self.log(start, old.moves.wrapping_add(1));
        // All of them in their order, dead ones included; the next move sorts them out.
        let mut at = old.first;
        while at < limit {
            match self.record(at, limit) {
                Some(record) if self.is_intact(&record) => {
                    let texts = [record.namespace(), record.key(), record.value()].map(Text::Flash);
                    new.end = self.put(new.end, record.op & !MORE, texts);
                    at = record.next;
                }
                _ => at += Self::WORD,
            }
        }
        self.put_mark(halves, start, new.moves);
        self.clear(old.start, limit);
        self.trouble.is_none().then_some(new)
    }
}

impl Record {
    /// Its name in a list.
    pub(crate) fn name(&self, of_namespaces: bool) -> Span {
        match of_namespaces {
            true => self.namespace(),
            false => self.key(),
        }
    }
}
