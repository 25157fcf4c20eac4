//! The flash as bytes: read through two lines of cache, written by whole words, checked for being blank.
//!
//! What goes wrong is remembered in `trouble`, not returned: reading goes on with zeros then, and writing and erasing do
//! nothing any more. Whoever asked looks at it in the end.

use core::cmp::Ordering;

use embedded_storage::nor_flash::NorFlash;

/// Bytes read at a time, and the most that are written at a time.
pub(crate) const CHUNK: usize = 32;

/// Why something was not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// The flash did not do it.
    Failed,
    Corrupt,
    Full,
    /// It would not fit into an empty half.
    TooLarge,
    /// A batch that cannot be read.
    Malformed,
}

/// Bytes on the flash.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) at: u32,
    pub(crate) len: u32,
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
    pub(crate) trouble: Option<Trouble>,
    /// Nothing is written: only its room is found out.
    pub(crate) dry: bool,
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
            trouble: None,
            dry: false,
            lines: [EMPTY; 2],
        }
    }

    /// The next multiple of a word, which is a power of two.
    pub(crate) const fn whole_words(len: u32) -> u32 {
        (len + (Self::WORD - 1)) & !(Self::WORD - 1)
    }

    /// Remembers the first trouble.
    #[inline(never)]
    pub(crate) fn fail(&mut self, trouble: Trouble) {
        self.trouble.get_or_insert(trouble);
    }

    #[inline(never)]
    fn byte(&mut self, line: usize, at: u32) -> u8 {
        let Some(line) = self.lines.get_mut(line) else {
            return 0;
        };
        let within = at % CHUNK as u32;
        let start = at - within;
        if line.at != start {
            line.at = start;
            if self.flash.read(start, &mut line.bytes).is_err() {
                *line = EMPTY;
                self.fail(Trouble::Failed);
                return 0;
            }
        }
        line.bytes.get(within as usize).copied().unwrap_or_default()
    }

    /// Byte `n` of a text, read through this line.
    #[inline(never)]
    pub(crate) fn get(&mut self, line: usize, text: Text<'_>, n: u32) -> u8 {
        match text {
            Text::Memory(bytes) => bytes.get(n as usize).copied().unwrap_or_default(),
            Text::Flash(span) => self.byte(line, span.at + n),
        }
    }

    /// Copies what is on the flash from `at`.
    #[inline(never)]
    pub(crate) fn copy(&mut self, mut at: u32, to: &mut [u8]) {
        for to in to {
            *to = self.byte(0, at);
            at += 1;
        }
    }

    #[inline(never)]
    pub(crate) fn compare(&mut self, a: Text<'_>, b: Text<'_>) -> Ordering {
        for n in 0..a.len().min(b.len()) {
            let order = self.get(0, a, n).cmp(&self.get(1, b, n));
            if order.is_ne() {
                return order;
            }
        }
        a.len().cmp(&b.len())
    }

    #[inline(never)]
    pub(crate) fn same(&mut self, a: Text<'_>, b: Span) -> bool {
        a.len() == b.len && self.compare(a, Text::Flash(b)).is_eq()
    }

    #[inline(never)]
    pub(crate) fn is_blank(&mut self, from: u32, to: u32) -> bool {
        (from..to).all(|at| self.byte(0, at) == 0xff)
    }

    /// The CRC-32 of these bytes.
    pub(crate) fn crc(&mut self, from: u32, to: u32) -> u32 {
        let mut crc = Crc::NEW;
        for at in from..to {
            crc.push(self.byte(0, at));
        }
        crc.value()
    }

    /// Erases what is not blank.
    pub(crate) fn clear(&mut self, from: u32, to: u32) {
        if !self.is_blank(from, to) && self.may_change() && self.flash.erase(from, to).is_err() {
            self.fail(Trouble::Failed);
        }
    }

    /// Writes whole words to where it is blank.
    pub(crate) fn write(&mut self, at: u32, bytes: &[u8]) {
        if !self.dry && self.may_change() && self.flash.write(at, bytes).is_err() {
            self.fail(Trouble::Failed);
        }
    }

    /// True unless there is trouble; what was read is forgotten.
    #[inline(never)]
    fn may_change(&mut self) -> bool {
        for line in &mut self.lines {
            line.at = u32::MAX;
        }
        self.trouble.is_none()
    }
}

/// A CRC-32 (that of Ethernet and zip files), four bits at a time.
#[derive(Clone, Copy)]
pub(crate) struct Crc(u32);

impl Crc {
    pub(crate) const NEW: Crc = Crc(!0);

    #[inline(never)]
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
