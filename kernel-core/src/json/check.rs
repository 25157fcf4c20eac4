//! Whether bytes are one JSON text: a scan in a single pass.

use core::error::Error;
use core::fmt;

use super::MAX_DEPTH;
use super::escape::unescape;

/// Why bytes are not one JSON text, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JsonError {
    fault: JsonFault,
    offset: usize,
}

/// What is wrong with bytes that are not one JSON text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum JsonFault {
    /// There is nothing but white space.
    Empty,
    /// The text ends before its value does.
    Truncated,
    /// The byte does not belong where it is.
    Unexpected,
    /// An object or array begins here that is nested more than [`MAX_DEPTH`] deep.
    TooDeep,
    /// A string is not valid UTF-8 from here on, or cut off within a character.
    BadUtf8,
    /// An escape is unknown, cut off, or half of a surrogate pair.
    BadEscape,
    /// A number has a leading zero here, or lacks a digit.
    BadNumber,
    /// Something follows the value.
    Trailing,
}

impl JsonError {
    /// What is wrong.
    pub const fn fault(&self) -> JsonFault {
        self.fault
    }

    /// At which byte, counted from the start; the end of a text that is empty or cut off.
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            JsonFault::Empty => return f.write_str("no JSON value"),
            JsonFault::Truncated => return f.write_str("the JSON text is cut off"),
            JsonFault::Unexpected => "unexpected byte",
            JsonFault::TooDeep => "nested too deep",
            JsonFault::BadUtf8 => "invalid UTF-8",
            JsonFault::BadEscape => "invalid escape",
            JsonFault::BadNumber => "invalid number",
            JsonFault::Trailing => "something follows the value",
        };
        write!(f, "{what} at byte {}", self.offset)
    }
}

impl Error for JsonError {}

/// `?` for a `const fn`.
macro_rules! attempt {
    ($result:expr) => {
        if let Err(error) = $result {
            return Err(error);
        }
    };
}

pub(crate) const fn check(bytes: &[u8]) -> Result<(), JsonError> {
    let mut scan = Scan {
        rest: bytes,
        not_utf8: None,
    };
    match scan.text() {
        Ok(()) => Ok(()),
        Err(fault) => Err(JsonError {
            fault,
            offset: bytes.len().wrapping_sub(scan.rest.len()),
        }),
    }
}

/// What is left to read.
struct Scan<'a> {
    rest: &'a [u8],
    /// How much was left where the first sequence begins that is not UTF-8; looked for at the first byte that is not
    /// ASCII.
    not_utf8: Option<usize>,
}

impl Scan<'_> {
    const fn text(&mut self) -> Result<(), JsonFault> {
        // One bit for each open container, the innermost lowest: 1 for an object, 0 for an array.
        let mut open: u32 = 0;
        let mut depth: u32 = 0;
        self.space();
        if self.rest.is_empty() {
            return Err(JsonFault::Empty);
        }
        loop {
            // Here a value is expected.
            let byte = self.space();
            if byte == b'{' || byte == b'[' {
                if depth == MAX_DEPTH {
                    return Err(JsonFault::TooDeep);
                }
                self.skip();
                depth = depth.wrapping_add(1);
                open = open << 1 | (byte == b'{') as u32;
                if self.space() != closing(open) {
                    attempt!(self.name_in(open));
                    continue;
                }
            } else {
                attempt!(self.scalar(byte));
            }
            // Here it is over, or something that is empty ends.
            loop {
                let byte = self.space();
                if depth == 0 {
                    return if self.rest.is_empty() {
                        Ok(())
                    } else {
                        Err(JsonFault::Trailing)
                    };
                }
                if byte == b',' {
                    self.skip();
                    attempt!(self.name_in(open));
                    break;
                }
                if byte != closing(open) {
                    return Err(self.wrong());
                }
                self.skip();
                open >>= 1;
                depth = depth.wrapping_sub(1);
            }
        }
    }

    /// The next byte; zero at the end, which is no part of JSON either.
    const fn peek(&self) -> u8 {
        match self.rest {
            [byte, ..] => *byte,
            [] => 0,
        }
    }

    const fn skip(&mut self) {
        if let [_, after @ ..] = self.rest {
            self.rest = after;
        }
    }

    /// The next byte that is not white space.
    const fn space(&mut self) -> u8 {
        while let b' ' | b'\n' | b'\r' | b'\t' = self.peek() {
            self.skip();
        }
        self.peek()
    }

    /// What is wrong with a byte that does not belong here.
    const fn wrong(&self) -> JsonFault {
        if self.rest.is_empty() {
            JsonFault::Truncated
        } else {
            JsonFault::Unexpected
        }
    }

    /// The name of the next value, when that is in an object.
    const fn name_in(&mut self, open: u32) -> Result<(), JsonFault> {
        if open & 1 == 0 {
            return Ok(());
        }
        if self.space() != b'"' {
            return Err(self.wrong());
        }
        attempt!(self.string());
        if self.space() != b':' {
            return Err(self.wrong());
        }
        self.skip();
        Ok(())
    }

    const fn scalar(&mut self, byte: u8) -> Result<(), JsonFault> {
        match byte {
            b'"' => self.string(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.wrong()),
        }
    }

    const fn word(&mut self, mut word: &[u8]) -> Result<(), JsonFault> {
        while let [expected, word_after @ ..] = word {
            match self.rest {
                [] => return Err(JsonFault::Truncated),
                [byte, after @ ..] if *byte == *expected => self.rest = after,
                _ => return Err(JsonFault::Unexpected),
            }
            word = word_after;
        }
        Ok(())
    }

    const fn number(&mut self) -> Result<(), JsonFault> {
        if let [b'-', after @ ..] = self.rest {
            self.rest = after;
        }
        match self.rest {
            [b'0', b'0'..=b'9', ..] => return Err(JsonFault::BadNumber),
            _ => attempt!(self.digits()),
        }
        if let [b'.', after @ ..] = self.rest {
            self.rest = after;
            attempt!(self.digits());
        }
        if let [b'e' | b'E', after @ ..] = self.rest {
            self.rest = after;
            if let [b'+' | b'-', after @ ..] = self.rest {
                self.rest = after;
            }
            attempt!(self.digits());
        }
        Ok(())
    }

    /// One digit or more.
    const fn digits(&mut self) -> Result<(), JsonFault> {
        match self.rest {
            [] => return Err(JsonFault::Truncated),
            [b'0'..=b'9', ..] => {}
            _ => return Err(JsonFault::BadNumber),
        }
        while let [b'0'..=b'9', after @ ..] = self.rest {
            self.rest = after;
        }
        Ok(())
    }

    /// A string, from its opening quote.
    const fn string(&mut self) -> Result<(), JsonFault> {
        if let [_, after @ ..] = self.rest {
            self.rest = after;
        }
        loop {
            // On a host payloads are long enough for eight bytes at a time to pay.
            #[cfg(target_pointer_width = "64")]
            while let Some((chunk, after)) = self.rest.split_first_chunk()
                && all_plain(*chunk)
            {
                self.rest = after;
            }
            match self.peek() {
                b'"' => {
                    self.skip();
                    return Ok(());
                }
                0..=0x1f => return Err(self.wrong()),
                b'\\' => match unescape(self.rest) {
                    Some((_, after)) => self.rest = after,
                    None => return Err(JsonFault::BadEscape),
                },
                0x20..=0x7f => self.skip(),
                _ => {
                    let not_utf8 = match self.not_utf8 {
                        Some(left) => left,
                        None => match core::str::from_utf8(self.rest) {
                            Ok(_) => 0,
                            Err(error) => self.rest.len().wrapping_sub(error.valid_up_to()),
                        },
                    };
                    self.not_utf8 = Some(not_utf8);
                    if self.rest.len() == not_utf8 {
                        return Err(JsonFault::BadUtf8);
                    }
                    self.skip();
                }
            }
        }
    }
}

/// What ends the innermost container.
const fn closing(open: u32) -> u8 {
    if open & 1 == 1 { b'}' } else { b']' }
}

/// Whether no byte needs a closer look: none is `"`, `\`, a control character, or not ASCII.
#[cfg(target_pointer_width = "64")]
const fn all_plain(chunk: [u8; 8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_ne_bytes(chunk);
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    // A byte below n borrows into its top bit. A borrow that spills into the next byte can only
    // make the answer `false` for no reason of that byte's own, and only after a true finding.
    let found =
        word | word.wrapping_sub(ONES * 0x20) | quote.wrapping_sub(ONES) | backslash.wrapping_sub(ONES);
    found & (ONES * 0x80) == 0
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn eight_plain_bytes_are_seen_as_plain() {
        for byte in 0..=255u8 {
            let special = !matches!(byte, b' '..=0x7f) || matches!(byte, b'"' | b'\\');
            for neighbour in *b" !#[]a~\x7f" {
                for at in 0..8 {
                    let mut chunk = [neighbour; 8];
                    chunk[at] = byte;
                    assert_eq!(all_plain(chunk), !special, "{byte:#x} by {neighbour:#x}");
                }
            }
        }
    }
}
