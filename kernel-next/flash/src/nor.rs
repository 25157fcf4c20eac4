//! The flash as bytes: read through two lines of cache, written by whole words, checked for being blank.

use core::cmp::Ordering;

use embedded_storage::nor_flash::NorFlash;

use crate::Trouble;

/// Bytes read at a time, and the most that are written at a time.
pub(crate) const CHUNK: usize = 32;

/// Bytes on the flash.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) at: u32,
    pub(crate) len: u32,
}

impl Span {
    /// None.
    pub(crate) const NONE: Span = Span { at: 0, len: 0 };

    /// The first `len` bytes, and the rest; `None` when there are fewer.
    pub(crate) fn split(self, len: u32) -> Option<(Span, Span)> {
        let rest = self.len.checked_sub(len)?;
        let after = self.at + len;
        Some((Span { at: self.at, len }, Span { at: after, len: rest }))
    }
}

/// Bytes in memory or on the flash.
#[derive(Clone, Copy)]
pub(crate) enum Text<'a> {
    Memory(&'a [u8]),
    Flash(Span),
}

impl Text<'_> {
    pub(crate) fn len(self) -> u32 {
        match self {
            Text::Memory(bytes) => bytes.len() as u32,
            Text::Flash(span) => span.len,
        }
    }
}

/// A part of the flash as it was read; `at` is beyond any flash while it holds nothing.
struct Line {
    at: u32,
    bytes: [u8; CHUNK],
}

const EMPTY: Line = Line {
    at: u32::MAX,
    bytes: [0; CHUNK],
};

pub(crate) struct Nor<F> {
    pub(crate) flash: F,
    /// One for each of two texts that are compared.
    lines: [Line; 2],
}

impl<F: NorFlash> Nor<F> {
    /// The unit of writing.
    pub(crate) const WORD: u32 = {
        assert!(
            CHUNK.is_multiple_of(F::WRITE_SIZE)
                && CHUNK.is_multiple_of(F::READ_SIZE)
                && F::ERASE_SIZE.is_multiple_of(CHUNK),
            "words that are read and written divide 32 bytes, and pages are multiples of it"
        );
        F::WRITE_SIZE as u32
    };

    pub(crate) fn new(flash: F) -> Self {
        Nor {
            flash,
            lines: [EMPTY; 2],
        }
    }

    /// The next multiple of a word.
    pub(crate) fn whole_words(len: u32) -> u32 {
        len.next_multiple_of(Self::WORD)
    }

    fn forget(&mut self) {
        for line in &mut self.lines {
            line.at = u32::MAX;
        }
    }

    #[inline(never)]
    fn byte(&mut self, line: usize, at: u32) -> Result<u8, Trouble> {
        let Nor { flash, lines } = self;
        let line = lines.get_mut(line).ok_or(Trouble::Failed)?;
        let within = at % CHUNK as u32;
        let start = at - within;
        if line.at != start {
            line.at = u32::MAX;
            flash.read(start, &mut line.bytes).map_err(|_| Trouble::Failed)?;
            line.at = start;
        }
        line.bytes.get(within as usize).copied().ok_or(Trouble::Failed)
    }

    /// Byte `n` of a text, read through this line.
    pub(crate) fn get(&mut self, line: usize, text: Text<'_>, n: u32) -> Result<u8, Trouble> {
        match text {
            Text::Memory(bytes) => bytes.get(n as usize).copied().ok_or(Trouble::Corrupt),
            Text::Flash(span) => self.byte(line, span.at + n),
        }
    }

    /// Copies what is on the flash to `to`, as much as there is room for.
    pub(crate) fn copy(&mut self, span: Span, to: &mut [u8]) -> Result<(), Trouble> {
        for (n, to) in (0..span.len).zip(to) {
            *to = self.byte(0, span.at + n)?;
        }
        Ok(())
    }

    pub(crate) fn compare(&mut self, a: Text<'_>, b: Text<'_>) -> Result<Ordering, Trouble> {
        for n in 0..a.len().min(b.len()) {
            let order = self.get(0, a, n)?.cmp(&self.get(1, b, n)?);
            if order.is_ne() {
                return Ok(order);
            }
        }
        Ok(a.len().cmp(&b.len()))
    }

    pub(crate) fn same(&mut self, a: Text<'_>, b: Text<'_>) -> Result<bool, Trouble> {
        Ok(a.len() == b.len() && self.compare(a, b)?.is_eq())
    }

    pub(crate) fn is_blank(&mut self, from: u32, to: u32) -> Result<bool, Trouble> {
        for at in from..to {
            if self.byte(0, at)? != 0xff {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The CRC-32 of these bytes.
    pub(crate) fn crc(&mut self, span: Span) -> Result<u32, Trouble> {
        let mut crc = Crc::NEW;
        for n in 0..span.len {
            crc.push(self.byte(0, span.at + n)?);
        }
        Ok(crc.value())
    }

    /// Erases what is not blank.
    pub(crate) fn clear(&mut self, from: u32, to: u32) -> Result<(), Trouble> {
        if self.is_blank(from, to)? {
            return Ok(());
        }
        self.forget();
        self.flash.erase(from, to).map_err(|_| Trouble::Failed)
    }

    /// Writes whole words to where it is blank.
    #[inline(never)]
    pub(crate) fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Trouble> {
        self.forget();
        self.flash.write(at, bytes).map_err(|_| Trouble::Failed)
    }
}

/// A CRC-32 (that of Ethernet and zip files), four bits at a time.
#[derive(Clone, Copy)]
pub(crate) struct Crc(u32);

impl Crc {
    pub(crate) const NEW: Crc = Crc(!0);

    pub(crate) fn push(&mut self, byte: u8) {
        /// What four bits do.
        const TABLE: [u32; 16] = [
            0x0000_0000,
            0x1db7_1064,
            0x3b6e_20c8,
            0x26d9_30ac,
            0x76dc_4190,
            0x6b6b_51f4,
            0x4db2_6158,
            0x5005_713c,
            0xedb8_8320,
            0xf00f_9344,
            0xd6d6_a3e8,
            0xcb61_b38c,
            0x9b64_c2b0,
            0x86d3_d2d4,
            0xa00a_e278,
            0xbdbd_f21c,
        ];
        self.0 ^= byte as u32;
        for _ in 0..2 {
            let entry = TABLE.get((self.0 & 15) as usize).copied().unwrap_or_default();
            self.0 = (self.0 >> 4) ^ entry;
        }
    }

    pub(crate) fn of(bytes: &[u8]) -> u32 {
        let mut crc = Crc::NEW;
        for byte in bytes {
            crc.push(*byte);
        }
        crc.value()
    }

    pub(crate) fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Crc;

    #[test]
    fn it_is_the_crc_of_its_catalogue() {
        assert_eq!(Crc::of(b"123456789"), 0xcbf4_3926);
        assert_eq!(Crc::of(b""), 0);
    }
}
