//! The log in one half of the flash, and how it moves to the other.
//!
//! Each half begins with its mark: a magic number, how often the log has moved, and their CRC. The mark is written
//! last, after all records were copied, and makes the half the log's; then the other half is erased. So there is always
//! one marked half that is whole, and but for an interruption the other one is blank.

use embedded_storage::nor_flash::NorFlash;
use kernel_next::storage::{BatchOp, StorageOp, StorageRequest};

use crate::Trouble;
use crate::nor::{CHUNK, Crc, Nor, Span, Text};
use crate::record::{BATCH, Cursor, HEAD, OP_HEAD, SET, is_equal};

const MAGIC: [u8; 4] = *b"CRf1";
const MARK: usize = 12;

/// Where the log is.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    /// The half that it is in.
    start: u32,
    half: u32,
    other: u32,
    /// How often it has moved.
    moves: u32,
    /// Where the next record goes.
    end: u32,
    /// At least the room that the log takes when it moves.
    charged: u32,
}

fn mark(moves: u32) -> [u8; MARK] {
    let mut mark = [0; MARK];
    let [a, b, c, d] = MAGIC;
    let [e, f, g, h] = moves.to_le_bytes();
    let crc = Crc::of(&[a, b, c, d, e, f, g, h]).to_le_bytes();
    for (to, byte) in mark
        .iter_mut()
        .zip([a, b, c, d, e, f, g, h].into_iter().chain(crc))
    {
        *to = byte;
    }
    mark
}

impl Log {
    /// A walk over all entries.
    pub(crate) fn cursor<F: NorFlash>(&self) -> Cursor {
        Cursor::new(self.first::<F>(), self.end)
    }

    /// Where its first record is.
    fn first<F: NorFlash>(&self) -> u32 {
        self.start + Nor::<F>::whole_words(MARK as u32)
    }

    /// Where the half ends.
    fn limit(&self) -> u32 {
        self.start + self.half
    }

    /// The room for records.
    pub(crate) fn room<F: NorFlash>(&self) -> u32 {
        self.half - Nor::<F>::whole_words(MARK as u32)
    }
}

impl<F: NorFlash> Nor<F> {
    /// Finds the log in the two halves from `start`, and repairs what an interruption left.
    pub(crate) fn load(&mut self, start: u32, half: u32) -> Result<Log, Trouble> {
        let mut log = self.choose(start, half)?.ok_or(Trouble::Corrupt)?;
        self.clear(log.other, log.other + half)?;
        let torn = self.find_end(&mut log)?;
        log.charged = self.charge(&log)?;
        if torn { self.move_log(&log, None) } else { Ok(log) }
    }

    /// The half with the newest mark; `None` when none is marked and they are not blank.
    fn choose(&mut self, start: u32, half: u32) -> Result<Option<Log>, Trouble> {
        let (first, second) = (self.moves(start)?, self.moves(start + half)?);
        let (in_second, moves) = match (first, second) {
            (Some(first), Some(second)) if (second.wrapping_sub(first) as i32) < 0 => (false, first),
            (_, Some(second)) => (true, second),
            (Some(first), None) => (false, first),
            (None, None) => {
                if !self.is_new(start, half)? {
                    return Ok(None);
                }
                self.clear(start, start + half)?;
                self.put_mark(start, 0)?;
                (false, 0)
            }
        };
        let (start, other) = match in_second {
            true => (start + half, start),
            false => (start, start + half),
        };
        Ok(Some(Log {
            start,
            half,
            other,
            moves,
            end: start,
            charged: 0,
        }))
    }

    fn moves(&mut self, start: u32) -> Result<Option<u32>, Trouble> {
        let found = self.mark(start)?;
        let [_, _, _, _, moves @ .., _, _, _, _] = found;
        let moves = u32::from_le_bytes(moves);
        Ok((found == mark(moves)).then_some(moves))
    }

    fn mark(&mut self, at: u32) -> Result<[u8; MARK], Trouble> {
        let mut found = [0; MARK];
        self.copy(Span { at, len: MARK as u32 }, &mut found)?;
        Ok(found)
    }

    /// True when there is nothing, or at most a part of the very first mark.
    fn is_new(&mut self, start: u32, half: u32) -> Result<bool, Trouble> {
        let found = self.mark(start)?;
        let part = found
            .iter()
            .zip(mark(0))
            .all(|(found, whole)| *found & whole == whole);
        Ok(part && self.is_blank(start + MARK as u32, start + 2 * half)?)
    }

    fn put_mark(&mut self, start: u32, moves: u32) -> Result<(), Trouble> {
        let mut piece = [0xff; CHUNK];
        for (to, byte) in piece.iter_mut().zip(mark(moves)) {
            *to = byte;
        }
        self.put_piece(start, &mut piece, MARK)?;
        match self.moves(start)? {
            Some(found) if found == moves => Ok(()),
            _ => Err(Trouble::Failed),
        }
    }

    /// Checks all records, and finds where the next one goes: true when the last one was cut.
    fn find_end(&mut self, log: &mut Log) -> Result<bool, Trouble> {
        let limit = log.limit();
        log.end = log.first::<F>();
        while let Some(record) = self.record(log.end, limit)? {
            let (computed, stored) = self.checksums(&record)?;
            if computed == stored {
                log.end = record.next;
            } else if stored & computed == computed && self.is_blank(record.next, limit)? {
                // Bits of its CRC were not written any more.
                return Ok(true);
            } else {
                return Err(Trouble::Corrupt);
            }
        }
        let after = limit.min(log.end + Self::whole_words(HEAD));
        if !self.is_blank(after, limit)? {
            return Err(Trouble::Corrupt);
        }
        Ok(!self.is_blank(log.end, after)?)
    }

    /// The room that all records take when they are written one for each value; batches as they are, besides.
    fn charge(&mut self, log: &Log) -> Result<u32, Trouble> {
        let mut charged = log.end - log.start;
        let mut cursor = log.cursor::<F>();
        while let Some(entry) = self.next(&mut cursor)? {
            if entry.op == SET && entry.batched {
                charged += entry.size::<F>();
            }
        }
        Ok(charged)
    }

    /// Checks all records of the log again.
    pub(crate) fn verify_all(&mut self, log: &Log) -> Result<(), Trouble> {
        self.verify(log.first::<F>(), log.end)
    }

    fn verify(&mut self, from: u32, end: u32) -> Result<(), Trouble> {
        let mut at = from;
        while at < end {
            let record = self.record(at, end)?.ok_or(Trouble::Corrupt)?;
            if !is_equal(self.checksums(&record)?) {
                return Err(Trouble::Corrupt);
            }
            at = record.next;
        }
        Ok(())
    }

    /// Adds a change, by its record, or by moving the log when there is no room for that.
    pub(crate) fn change(&mut self, log: &Log, request: &StorageRequest<'_>) -> Result<Log, Trouble> {
        let (charge, most) = (Self::charge_of(request)?, log.room::<F>());
        if charge > most {
            return Err(Trouble::TooLarge(most));
        }
        if charge > log.half - log.charged {
            return self.move_log(log, Some(request));
        }
        let end = self.put(log.end, request.op as u8, texts(request))?;
        // What cannot be read back was not stored.
        self.verify(log.end, end).map_err(|_| Trouble::Failed)?;
        Ok(Log {
            end,
            charged: log.charged + charge,
            ..*log
        })
    }

    /// The room that a request is charged: its record, and for a batch one for each value besides.
    fn charge_of(request: &StorageRequest<'_>) -> Result<u32, Trouble> {
        let most = u16::MAX as usize;
        let small = request.namespace.len() <= u8::MAX as usize && request.key.len() <= u8::MAX as usize;
        if !small || request.value.len() > most {
            return Err(Trouble::TooLarge(most as u32));
        }
        let mut charge = Self::size(texts(request).iter().map(|text| text.len()).sum());
        if request.op == StorageOp::Batch {
            let mut read = 0;
            for op in request.batch() {
                let (key, value) = match op {
                    BatchOp::Set(key, value) => (key.len(), value.len()),
                    BatchOp::Delete(key) => (key.len(), 0),
                };
                read += OP_HEAD as usize + key + value;
                if matches!(op, BatchOp::Set(..)) {
                    charge += Self::size((request.namespace.len() + key + value) as u32);
                }
            }
            if read != request.value.len() {
                return Err(Trouble::Malformed);
            }
        }
        Ok(charge)
    }

    /// Copies all living values to the other half, and what the request adds, and makes it the log's.
    fn move_log(&mut self, log: &Log, request: Option<&StorageRequest<'_>>) -> Result<Log, Trouble> {
        self.moved(log, request, log.cursor::<F>())
    }

    /// Goes on with all records that are sound.
    pub(crate) fn salvage(&mut self, start: u32, half: u32) -> Result<Log, Trouble> {
        let chosen = self.choose(start, half)?;
        let in_second = chosen.is_none() && self.is_blank(start, start + half)?;
        let (here, other) = match in_second {
            true => (start + half, start),
            false => (start, start + half),
        };
        let log = chosen.unwrap_or(Log {
            start: here,
            half,
            other,
            moves: 0,
            end: here,
            charged: 0,
        });
        self.clear(log.other, log.other + half)?;
        let mut cursor = Cursor::new(log.first::<F>(), log.limit());
        cursor.salvaging = true;
        self.moved(&log, None, cursor)
    }

    fn moved(
        &mut self,
        log: &Log,
        request: Option<&StorageRequest<'_>>,
        all: Cursor,
    ) -> Result<Log, Trouble> {
        let mark = Self::whole_words(MARK as u32);
        let added = request.filter(|request| matches!(request.op as u8, SET | BATCH));
        let added_bytes = added.map_or(Ok(0), Self::charge_of)?;
        let charged = mark + added_bytes + self.each_living(all, request, None)?;
        if charged > log.half {
            return Err(Trouble::Full);
        }
        let first = log.other + mark;
        let mut end = first + self.each_living(all, request, Some(first))?;
        if let Some(request) = added {
            end = self.put(end, request.op as u8, texts(request))?;
        }
        self.verify(first, end).map_err(|_| Trouble::Failed)?;
        let moves = log.moves.wrapping_add(1);
        self.put_mark(log.other, moves)?;
        self.clear(log.start, log.limit())?;
        Ok(Log {
            start: log.other,
            half: log.half,
            other: log.start,
            moves,
            end,
            charged,
        })
    }

    /// The bytes of all values that are there, and stay when the request is carried out; copied to `to`.
    pub(crate) fn each_living(
        &mut self,
        mut cursor: Cursor,
        request: Option<&StorageRequest<'_>>,
        to: Option<u32>,
    ) -> Result<u32, Trouble> {
        let mut bytes = 0;
        while let Some(entry) = self.next(&mut cursor)? {
            let replaced = match request {
                Some(request) => self.replaces(request, &entry)?,
                None => false,
            };
            if replaced || !self.is_live(&entry, cursor)? {
                continue;
            }
            if let Some(to) = to {
                let texts = [entry.namespace, entry.key, entry.value].map(Text::Flash);
                self.put(to + bytes, SET, texts)?;
            }
            bytes += entry.size::<F>();
        }
        Ok(bytes)
    }
}

/// What the record of a request holds.
fn texts<'a>(request: &StorageRequest<'a>) -> [Text<'a>; 3] {
    let (key, value): (&[u8], &[u8]) = match request.op {
        StorageOp::Set => (request.key.as_bytes(), request.value),
        StorageOp::Batch => (&[], request.value),
        StorageOp::ClearNamespace => (&[], &[]),
        _ => (request.key.as_bytes(), &[]),
    };
    [request.namespace.as_bytes(), key, value].map(Text::Memory)
}
