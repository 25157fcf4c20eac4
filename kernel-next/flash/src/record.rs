//! Records: what they look like on the flash, how they are written, and what they say.
//!
//! ```text
//! byte 0     what to do, as in the requests of kernel-next
//!      1     bytes of the namespace
//!      2     bytes of the key
//!      3     0
//!      4, 5  bytes of the value
//!      6, 7  half of the CRC of the six bytes before
//!      ..    the namespace, the key, the value; up to the next whole word
//!      ..    the CRC of all that, in words of its own
//! ```
//!
//! The head is written first and the CRC last, each with a write of its own. So a record that was cut has a head and no
//! CRC, or no whole head and nothing after it; anything else is damage.

use embedded_storage::nor_flash::NorFlash;
use kernel_next::storage::{BatchOp, StorageOp, StorageRequest};

use crate::Trouble;
use crate::nor::{CHUNK, Crc, Nor, Span, Text};

pub(crate) const HEAD: u32 = 8;

pub(crate) const SET: u8 = StorageOp::Set as u8;
pub(crate) const DELETE: u8 = StorageOp::Delete as u8;
pub(crate) const CLEAR: u8 = StorageOp::ClearNamespace as u8;
pub(crate) const BATCH: u8 = StorageOp::Batch as u8;

/// Bytes of an operation's head within a batch.
pub(crate) const OP_HEAD: u32 = 6;

/// A record whose head was read.
pub(crate) struct Record {
    pub(crate) op: u8,
    pub(crate) namespace: Span,
    pub(crate) key: Span,
    pub(crate) value: Span,
    /// What the CRC is of.
    pub(crate) body: Span,
    pub(crate) crc: Span,
    /// Where the next record begins.
    pub(crate) next: u32,
}

/// One change of one value, or the deletion of a whole namespace.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// [`SET`], [`DELETE`] or [`CLEAR`].
    pub(crate) op: u8,
    pub(crate) namespace: Span,
    pub(crate) key: Span,
    pub(crate) value: Span,
    /// It is a part of a batch.
    pub(crate) batched: bool,
}

/// Walks over the entries of a log.
#[derive(Clone, Copy)]
pub(crate) struct Cursor {
    /// The next record.
    at: u32,
    end: u32,
    namespace: Span,
    /// What is left of a batch.
    batch: Span,
    /// Damaged records are passed over.
    pub(crate) salvaging: bool,
}

impl Cursor {
    pub(crate) fn new(at: u32, end: u32) -> Self {
        Cursor {
            at,
            end,
            namespace: Span::NONE,
            batch: Span::NONE,
            salvaging: false,
        }
    }
}

impl<F: NorFlash> Nor<F> {
    /// The bytes that a record of a body of this length takes.
    pub(crate) fn size(texts: u32) -> u32 {
        Self::whole_words(HEAD + texts) + Self::whole_words(4)
    }

    /// The record at `at`, which ends at `end` or before; `None` when there is no sound head.
    pub(crate) fn record(&mut self, at: u32, end: u32) -> Result<Option<Record>, Trouble> {
        let mut head = [0; HEAD as usize];
        if end.saturating_sub(at) < HEAD {
            return Ok(None);
        }
        self.copy(Span { at, len: HEAD }, &mut head)?;
        let [op, namespace, key, zero, low, high, check_low, check_high] = head;
        let check = Crc::of(&[op, namespace, key, zero, low, high]) as u16;
        let value = u16::from_le_bytes([low, high]) as u32;
        let texts = namespace as u32 + key as u32 + value;
        let next = at + Self::size(texts);
        let sound = check == u16::from_le_bytes([check_low, check_high])
            && matches!(op, SET | DELETE | CLEAR | BATCH)
            && next <= end;
        let span = |skip: u32, len: u32| Span { at: at + skip, len };
        Ok(sound.then(|| Record {
            op,
            namespace: span(HEAD, namespace as u32),
            key: span(HEAD + namespace as u32, key as u32),
            value: span(HEAD + texts - value, value),
            body: span(0, HEAD + texts),
            crc: span(Self::whole_words(HEAD + texts), 4),
            next,
        }))
    }

    /// The CRC that the record should have, and the one that it has.
    pub(crate) fn checksums(&mut self, record: &Record) -> Result<(u32, u32), Trouble> {
        let mut stored = [0; 4];
        self.copy(record.crc, &mut stored)?;
        Ok((self.crc(record.body)?, u32::from_le_bytes(stored)))
    }

    /// Writes a record at `at`: where the next one begins.
    pub(crate) fn put(&mut self, at: u32, op: u8, texts: [Text<'_>; 3]) -> Result<u32, Trouble> {
        let [namespace, key, value] = texts;
        let [low, high, ..] = value.len().to_le_bytes();
        let head = [op, namespace.len() as u8, key.len() as u8, 0, low, high];
        let [check_low, check_high, ..] = Crc::of(&head).to_le_bytes();
        let check = [check_low, check_high];

        let mut piece = [0xff; CHUNK];
        let (mut at, mut len, mut crc) = (at, 0, Crc::NEW);
        let mut room = Self::whole_words(HEAD) as usize;
        for text in [Text::Memory(&head), Text::Memory(&check), namespace, key, value] {
            for n in 0..text.len() {
                let byte = self.get(0, text, n)?;
                crc.push(byte);
                if let Some(to) = piece.get_mut(len) {
                    *to = byte;
                }
                len += 1;
                if len == room {
                    at = self.put_piece(at, &mut piece, len)?;
                    (len, room) = (0, CHUNK);
                }
            }
        }
        at = self.put_piece(at, &mut piece, len)?;
        if let Some(to) = piece.first_chunk_mut() {
            *to = crc.value().to_le_bytes();
        }
        self.put_piece(at, &mut piece, 4)
    }

    /// Writes the first bytes of the piece, up to a whole word, and makes it blank: where the next piece begins.
    pub(crate) fn put_piece(&mut self, at: u32, piece: &mut [u8; CHUNK], len: usize) -> Result<u32, Trouble> {
        let len = Self::whole_words(len as u32);
        if len > 0 {
            self.write(at, piece.get(..len as usize).ok_or(Trouble::Failed)?)?;
        }
        piece.fill(0xff);
        Ok(at + len)
    }

    /// The next entry.
    pub(crate) fn next(&mut self, cursor: &mut Cursor) -> Result<Option<Entry>, Trouble> {
        loop {
            if cursor.batch.len > 0 {
                return self.next_of_batch(cursor).map(Some);
            }
            if cursor.at >= cursor.end {
                return Ok(None);
            }
            let record = match self.record(cursor.at, cursor.end)? {
                Some(record) if !cursor.salvaging => record,
                Some(record) if is_equal(self.checksums(&record)?) => record,
                _ if cursor.salvaging => {
                    cursor.at += Self::WORD;
                    continue;
                }
                _ => return Err(Trouble::Corrupt),
            };
            cursor.at = record.next;
            if record.op == BATCH {
                (cursor.namespace, cursor.batch) = (record.namespace, record.value);
                continue;
            }
            return Ok(Some(Entry {
                op: record.op,
                namespace: record.namespace,
                key: record.key,
                value: record.value,
                batched: false,
            }));
        }
    }

    fn next_of_batch(&mut self, cursor: &mut Cursor) -> Result<Entry, Trouble> {
        let mut head = [0; OP_HEAD as usize];
        let (at, rest) = cursor.batch.split(OP_HEAD).ok_or(Trouble::Corrupt)?;
        self.copy(at, &mut head)?;
        let [op, key, len @ ..] = head;
        let (key, rest) = rest.split(key as u32).ok_or(Trouble::Corrupt)?;
        let (value, rest) = rest.split(u32::from_le_bytes(len)).ok_or(Trouble::Corrupt)?;
        cursor.batch = rest;
        Ok(Entry {
            op: if op == 1 { SET } else { DELETE },
            namespace: cursor.namespace,
            key,
            value,
            batched: true,
        })
    }

    /// True when the request changes what the entry set.
    pub(crate) fn replaces(&mut self, request: &StorageRequest<'_>, entry: &Entry) -> Result<bool, Trouble> {
        if !self.same(
            Text::Memory(request.namespace.as_bytes()),
            Text::Flash(entry.namespace),
        )? {
            return Ok(false);
        }
        match request.op {
            StorageOp::ClearNamespace => Ok(true),
            StorageOp::Batch => {
                for op in request.batch() {
                    let (BatchOp::Set(key, _) | BatchOp::Delete(key)) = op;
                    if self.same(Text::Memory(key.as_bytes()), Text::Flash(entry.key))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => self.same(Text::Memory(request.key.as_bytes()), Text::Flash(entry.key)),
        }
    }

    /// True when the entry, behind which `after` stands, set a value that is still there.
    pub(crate) fn is_live(&mut self, entry: &Entry, mut after: Cursor) -> Result<bool, Trouble> {
        if entry.op != SET {
            return Ok(false);
        }
        while let Some(later) = self.next(&mut after)? {
            if self.same(Text::Flash(entry.namespace), Text::Flash(later.namespace))?
                && (later.op == CLEAR || self.same(Text::Flash(entry.key), Text::Flash(later.key))?)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Entry {
    /// The bytes of a record that sets this value alone.
    pub(crate) fn size<F: NorFlash>(&self) -> u32 {
        Nor::<F>::size(self.namespace.len + self.key.len + self.value.len)
    }
}

pub(crate) fn is_equal((computed, stored): (u32, u32)) -> bool {
    computed == stored
}
