//! Records: what they look like on the flash, how they are written, and how one goes through them.
//!
//! ```text
//! byte 0     what it does; with the top bit the group goes on with the next record
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
//! whole CRC, or no whole head and nothing after it; anything else is damage.

use embedded_storage::nor_flash::NorFlash;

use crate::nor::{CHUNK, Crc, Nor, Span, Text, Trouble};

pub(crate) const HEAD: u32 = 8;

pub(crate) const SET: u8 = 1;
pub(crate) const DELETE: u8 = 2;
/// All values of the namespace are deleted.
pub(crate) const CLEAR: u8 = 3;
/// The first record of a half: the log is here. Its value is how often the log has moved.
pub(crate) const MARK: u8 = 0x4d;
/// The group goes on: it counts only with its last record.
pub(crate) const MORE: u8 = 0x80;

/// A record whose head was read.
#[derive(Clone, Copy)]
pub(crate) struct Record {
    at: u32,
    /// Where the next record begins.
    pub(crate) next: u32,
    value: u16,
    pub(crate) op: u8,
    namespace: u8,
    key: u8,
}

impl Record {
    pub(crate) fn namespace(&self) -> Span {
        Span {
            at: self.at + HEAD,
            len: self.namespace as u32,
        }
    }

    pub(crate) fn key(&self) -> Span {
        Span {
            at: self.at + HEAD + self.namespace as u32,
            len: self.key as u32,
        }
    }

    pub(crate) fn value(&self) -> Span {
        Span {
            at: self.at + HEAD + self.namespace as u32 + self.key as u32,
            len: self.value as u32,
        }
    }
}

impl<F: NorFlash> Nor<F> {
    /// The bytes that a record of texts of this length takes.
    pub(crate) const fn size(texts: u32) -> u32 {
        Self::whole_words(HEAD + texts) + Self::whole_words(4)
    }

    /// The record at `at`, which ends at `end` or before; `None` when there is no sound head.
    #[inline(never)]
    pub(crate) fn record(&mut self, at: u32, end: u32) -> Option<Record> {
        let mut head = [0; HEAD as usize];
        if end.saturating_sub(at) < HEAD {
            return None;
        }
        self.copy(at, &mut head);
        let (bytes, check) = head.split_at(6);
        let [low, high, ..] = Crc::of(bytes).to_le_bytes();
        let [op, namespace, key, _, value @ .., _, _] = head;
        let value = u16::from_le_bytes(value);
        let next = at + Self::size(namespace as u32 + key as u32 + value as u32);
        let known = matches!(op & !MORE, SET | DELETE | CLEAR | MARK);
        (known && check == [low, high] && next <= end).then_some(Record {
            at,
            next,
            value,
            op,
            namespace,
            key,
        })
    }

    /// The CRC that the record should have, and the one that it has.
    #[inline(never)]
    pub(crate) fn checksums(&mut self, record: &Record) -> (u32, u32) {
        let mut stored = [0; 4];
        self.copy(record.next - Self::whole_words(4), &mut stored);
        let body = self.crc(record.at, record.value().at + record.value as u32);
        (body, u32::from_le_bytes(stored))
    }

    pub(crate) fn is_intact(&mut self, record: &Record) -> bool {
        let (computed, stored) = self.checksums(record);
        computed == stored
    }

    /// Writes a record at `at`: where the next one begins.
    #[inline(never)]
    pub(crate) fn put(&mut self, at: u32, op: u8, [namespace, key, value]: [Text<'_>; 3]) -> u32 {
        let [low, high, ..] = value.len().to_le_bytes();
        let mut head = [op, namespace.len() as u8, key.len() as u8, 0, low, high, 0, 0];
        let (bytes, check) = head.split_at_mut(6);
        let [check_low, check_high, ..] = Crc::of(bytes).to_le_bytes();
        check.copy_from_slice(&[check_low, check_high]);

        let mut piece = Piece {
            at,
            len: 0,
            room: Self::whole_words(HEAD) as usize,
            bytes: [0xff; CHUNK],
        };
        let mut crc = Crc::NEW;
        for text in [Text::Memory(&head), namespace, key, value] {
            for n in 0..text.len() {
                let byte = self.get(0, text, n);
                crc.push(byte);
                self.push(&mut piece, byte);
            }
        }
        self.flush(&mut piece);
        for byte in crc.value().to_le_bytes() {
            self.push(&mut piece, byte);
        }
        self.flush(&mut piece);
        piece.at
    }

    #[inline(never)]
    fn push(&mut self, piece: &mut Piece, byte: u8) {
        if let Some(to) = piece.bytes.get_mut(piece.len) {
            *to = byte;
        }
        piece.len += 1;
        if piece.len == piece.room {
            self.flush(piece);
        }
    }

    /// Writes the piece, up to a whole word.
    #[inline(never)]
    fn flush(&mut self, piece: &mut Piece) {
        let len = Self::whole_words(piece.len as u32);
        if let Some(bytes) = piece.bytes.get(..len as usize)
            && len > 0
        {
            self.write(piece.at, bytes);
        }
        *piece = Piece {
            at: piece.at + len,
            len: 0,
            room: CHUNK,
            bytes: [0xff; CHUNK],
        };
    }

    /// The record at `at`, which is moved behind it. Where there should be one and is none, that is corrupt.
    #[inline(never)]
    pub(crate) fn next(&mut self, at: &mut u32, end: u32) -> Option<Record> {
        if *at >= end {
            return None;
        }
        let record = self.record(*at, end);
        match record {
            Some(record) => *at = record.next,
            None => self.fail(Trouble::Corrupt),
        }
        record
    }

    /// True when the record set a value that is still there where the log ends.
    #[inline(never)]
    pub(crate) fn is_live(&mut self, record: &Record, end: u32) -> bool {
        let mut at = record.next;
        if record.op & !MORE != SET {
            return false;
        }
        while let Some(later) = self.next(&mut at, end) {
            if self.same(Text::Flash(record.namespace()), later.namespace())
                && (later.op & !MORE == CLEAR || self.same(Text::Flash(record.key()), later.key()))
            {
                return false;
            }
        }
        true
    }
}

/// What is written next.
struct Piece {
    at: u32,
    len: usize,
    room: usize,
    bytes: [u8; CHUNK],
}
