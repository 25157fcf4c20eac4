//! JSON as the kernel sees it: bytes checked once, then moved.
//!
//! [`Json`] is a borrowed text known to be valid; [`Writer`] builds one in a buffer; [`to_json`],
//! [`Json::decode`] and [`Json::str_value`] are the thin typed layer, which costs flash only where
//! it is used. Nothing here allocates, recurses over the text while checking it, or panics.
//!
//! ```
//! use kernel_core::json::{Json, Writer, to_json};
//!
//! // By hand, the smallest way.
//! let mut buf = [0; 64];
//! let mut writer = Writer::new(&mut buf);
//! writer.begin_object().key("on").bool(true).key("level").u64(80).end_object();
//! let light = writer.finish().ok_or("the buffer is too small")?;
//! assert_eq!(light.as_str(), r#"{"on":true,"level":80}"#);
//!
//! // With serde.
//! let pair: (bool, u8) = Json::parse("[true, 80]")?.decode()?;
//! let mut buf = [0; 64];
//! assert_eq!(to_json(&pair, &mut buf)?.as_bytes(), b"[true,80]");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Why serde has its own encoder and decoder here: `serde-json-core` 0.7 panics when it serializes
//! a `char`, an `i128`, a tuple variant or a failing value, and when it deserializes a map with
//! numeric keys; it writes numeric keys and byte strings as invalid JSON; and it hands out strings
//! with their escapes left in, or with a buffer refuses the surrogate pairs that other languages
//! write for every emoji. A kernel that answers for its plugins can afford none of these, and over
//! bytes already checked the decoder is small.

mod decode;
mod encode;
mod writer;

pub use decode::{DecodeError, SCRATCH};
pub use encode::{EncodeError, to_json};
pub use writer::Writer;
pub(crate) use writer::decimal;

use core::error::Error;
use core::fmt;

/// The deepest nesting of objects and arrays that [`Json`] accepts.
///
/// So a recursive reader of a [`Json`] needs a bounded stack.
pub const MAX_DEPTH: u32 = u32::BITS;

/// Borrowed bytes known to be one valid JSON text.
///
/// The text follows RFC 8259, with white space around it allowed. Beyond that its strings are
/// valid UTF-8, their `\u` escapes hold no lone surrogate, so every reader can decode them, and it
/// nests at most [`MAX_DEPTH`] deep. Numbers are checked for grammar, not for range; names in an
/// object may repeat. Equality compares bytes, so `[1]` differs from `[ 1 ]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a [u8]);

// `is_empty` would be false always.
#[expect(clippy::len_without_is_empty)]
impl<'a> Json<'a> {
    /// The text `null`.
    pub const NULL: Json<'static> = Json(b"null");

    /// Checks that `bytes` are one JSON text, in a single pass.
    ///
    /// # Errors
    ///
    /// The first fault and where it is, see [`JsonError`].
    ///
    /// ```
    /// use kernel_core::json::{Json, JsonError};
    ///
    /// assert!(Json::new(b"[1, 2.5e3, null]").is_ok());
    /// assert_eq!(Json::new(b"[1, 2"), Err(JsonError::Truncated));
    /// assert_eq!(Json::new(b"[1, x]"), Err(JsonError::Unexpected { offset: 4 }));
    /// ```
    pub const fn new(bytes: &'a [u8]) -> Result<Json<'a>, JsonError> {
        match check(bytes) {
            Ok(()) => Ok(Json(bytes)),
            Err(error) => Err(error),
        }
    }

    /// Checks that `text` is one JSON text; [`Json::new`] for a `&str`.
    ///
    /// For a literal, [`json_literal!`](crate::json_literal) does it while compiling.
    ///
    /// # Errors
    ///
    /// As [`Json::new`].
    pub const fn parse(text: &'a str) -> Result<Json<'a>, JsonError> {
        Json::new(text.as_bytes())
    }

    /// Takes bytes that were checked before, unchecked.
    ///
    /// With others nothing panics, but readers report errors or read nonsense.
    pub(crate) const fn trusted(bytes: &'a [u8]) -> Json<'a> {
        Json(bytes)
    }

    /// The bytes of the text.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text.
    ///
    /// Each call checks again that it is UTF-8, which takes time in proportion to its length.
    pub fn as_str(self) -> &'a str {
        core::str::from_utf8(self.0).unwrap_or_default()
    }

    /// The number of bytes, at least one.
    pub const fn len(self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({})", self.as_str())
    }
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A [`Json`](crate::json::Json) from a literal, checked while compiling.
///
/// A literal that is not JSON does not compile; nothing is left to run.
///
/// ```
/// use kernel_core::json::Json;
/// use kernel_core::json_literal;
///
/// const OFF: Json<'static> = json_literal!(r#"{"on": false}"#);
/// assert_eq!(OFF.len(), 13);
/// ```
///
/// ```compile_fail
/// let json = kernel_core::json_literal!("{on: false}");
/// ```
#[macro_export]
macro_rules! json_literal {
    ($text:expr) => {
        const {
            match $crate::json::Json::parse($text) {
                Ok(json) => json,
                Err(_) => panic!("not JSON"),
            }
        }
    };
}

/// Why bytes are not one JSON text. Offsets count bytes from the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum JsonError {
    /// There is nothing but white space.
    Empty,
    /// The text ends before its value does.
    Truncated,
    /// The byte does not belong where it is.
    Unexpected {
        /// Where the byte is.
        offset: usize,
    },
    /// An object or array is nested more than [`MAX_DEPTH`] deep.
    TooDeep {
        /// Where it begins.
        offset: usize,
    },
    /// A string is not valid UTF-8, or cut off within a character.
    BadUtf8 {
        /// Where the faulty sequence begins.
        offset: usize,
    },
    /// An escape is unknown, cut off, or half of a surrogate pair.
    BadEscape {
        /// Where its backslash is.
        offset: usize,
    },
    /// A number has a leading zero, or lacks a digit.
    BadNumber {
        /// Where the zero is, or the digit should be.
        offset: usize,
    },
    /// Something follows the value.
    Trailing {
        /// Where it begins.
        offset: usize,
    },
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, offset) = match *self {
            Self::Empty => return f.write_str("no JSON value"),
            Self::Truncated => return f.write_str("the JSON text is cut off"),
            Self::Unexpected { offset } => ("unexpected byte", offset),
            Self::TooDeep { offset } => ("nested too deep", offset),
            Self::BadUtf8 { offset } => ("invalid UTF-8", offset),
            Self::BadEscape { offset } => ("invalid escape", offset),
            Self::BadNumber { offset } => ("invalid number", offset),
            Self::Trailing { offset } => ("something follows the value", offset),
        };
        write!(f, "{what} at byte {offset}")
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

const fn check(bytes: &[u8]) -> Result<(), JsonError> {
    let mut scan = Scan { rest: bytes };
    let Err(fault) = scan.text() else {
        return Ok(());
    };
    let offset = bytes.len().wrapping_sub(scan.rest.len());
    Err(match fault {
        Fault::Empty => JsonError::Empty,
        Fault::Truncated => JsonError::Truncated,
        Fault::Unexpected => JsonError::Unexpected { offset },
        Fault::TooDeep => JsonError::TooDeep { offset },
        Fault::BadUtf8 => JsonError::BadUtf8 { offset },
        Fault::BadEscape => JsonError::BadEscape { offset },
        Fault::BadNumber => JsonError::BadNumber { offset },
        Fault::Trailing => JsonError::Trailing { offset },
    })
}

/// A [`JsonError`] without its offset: where the scan stands. It fits a register.
#[derive(Clone, Copy)]
enum Fault {
    Empty,
    Truncated,
    Unexpected,
    TooDeep,
    BadUtf8,
    BadEscape,
    BadNumber,
    Trailing,
}

/// What may come next.
#[derive(Clone, Copy)]
enum Next {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    Colon,
    /// A comma or the end of what is open.
    CommaOrEnd,
}

/// What is left to read.
struct Scan<'a> {
    rest: &'a [u8],
}

impl Scan<'_> {
    const fn text(&mut self) -> Result<(), Fault> {
        // One bit for each open container, the innermost lowest: 1 for an object, 0 for an array.
        let mut open: u32 = 0;
        let mut depth: u32 = 0;
        let mut next = Next::Value;
        loop {
            let [byte, after @ ..] = self.rest else {
                return match next {
                    Next::CommaOrEnd if depth == 0 => Ok(()),
                    Next::Value if depth == 0 => Err(Fault::Empty),
                    _ => Err(Fault::Truncated),
                };
            };
            let object = open & 1 == 1;
            match (next, byte) {
                (_, b' ' | b'\n' | b'\r' | b'\t') => self.rest = after,
                (Next::CommaOrEnd, _) if depth == 0 => return Err(Fault::Trailing),
                (Next::CommaOrEnd, b',') => {
                    self.rest = after;
                    next = if object { Next::Name } else { Next::Value };
                }
                (Next::CommaOrEnd | Next::NameOrEnd | Next::ValueOrEnd, b'}' | b']')
                    if object == (*byte == b'}') =>
                {
                    self.rest = after;
                    open >>= 1;
                    depth = depth.wrapping_sub(1);
                    next = Next::CommaOrEnd;
                }
                (Next::Name | Next::NameOrEnd, b'"') => {
                    attempt!(self.string());
                    next = Next::Colon;
                }
                (Next::Colon, b':') => {
                    self.rest = after;
                    next = Next::Value;
                }
                (Next::Value | Next::ValueOrEnd, b'{' | b'[') => {
                    if depth == MAX_DEPTH {
                        return Err(Fault::TooDeep);
                    }
                    self.rest = after;
                    depth = depth.wrapping_add(1);
                    let object = *byte == b'{';
                    open = open << 1 | object as u32;
                    next = if object { Next::NameOrEnd } else { Next::ValueOrEnd };
                }
                (Next::Value | Next::ValueOrEnd, _) => {
                    attempt!(match byte {
                        b'"' => self.string(),
                        b't' => self.word(b"true"),
                        b'f' => self.word(b"false"),
                        b'n' => self.word(b"null"),
                        b'-' | b'0'..=b'9' => self.number(),
                        _ => Err(Fault::Unexpected),
                    });
                    next = Next::CommaOrEnd;
                }
                _ => return Err(Fault::Unexpected),
            }
        }
    }

    const fn word(&mut self, mut word: &[u8]) -> Result<(), Fault> {
        while let [expected, word_after @ ..] = word {
            match self.rest {
                [] => return Err(Fault::Truncated),
                [byte, after @ ..] if *byte == *expected => self.rest = after,
                _ => return Err(Fault::Unexpected),
            }
            word = word_after;
        }
        Ok(())
    }

    const fn number(&mut self) -> Result<(), Fault> {
        if let [b'-', after @ ..] = self.rest {
            self.rest = after;
        }
        match self.rest {
            [b'0', b'0'..=b'9', ..] => return Err(Fault::BadNumber),
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
    const fn digits(&mut self) -> Result<(), Fault> {
        match self.rest {
            [] => return Err(Fault::Truncated),
            [b'0'..=b'9', ..] => {}
            _ => return Err(Fault::BadNumber),
        }
        while let [b'0'..=b'9', after @ ..] = self.rest {
            self.rest = after;
        }
        Ok(())
    }

    /// A string, from its opening quote.
    const fn string(&mut self) -> Result<(), Fault> {
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
            let (fault, after) = match self.rest {
                [] => return Err(Fault::Truncated),
                [b'"', after @ ..] => {
                    self.rest = after;
                    return Ok(());
                }
                [0..=0x1f, ..] => return Err(Fault::Unexpected),
                [b'\\', ..] => match unescape(self.rest) {
                    Some((_, after)) => (Fault::BadEscape, Some(after)),
                    None => (Fault::BadEscape, None),
                },
                [..=0x7f, after @ ..] => (Fault::Unexpected, Some(after)),
                _ => (Fault::BadUtf8, skip_multi_byte(self.rest)),
            };
            match after {
                Some(after) => self.rest = after,
                None => return Err(fault),
            }
        }
    }
}

/// What follows the character of two to four bytes that `text` begins with.
const fn skip_multi_byte(text: &[u8]) -> Option<&[u8]> {
    let [first, second, after @ ..] = text else {
        return None;
    };
    // The second byte excludes overlong forms, surrogates, and what is above U+10FFFF.
    let (more, low, high) = match first {
        0xc2..=0xdf => (0, 0x80, 0xbf),
        0xe0 => (1, 0xa0, 0xbf),
        0xed => (1, 0x80, 0x9f),
        0xe1..=0xef => (1, 0x80, 0xbf),
        0xf0 => (2, 0x90, 0xbf),
        0xf1..=0xf3 => (2, 0x80, 0xbf),
        0xf4 => (2, 0x80, 0x8f),
        _ => return None,
    };
    if *second < low || *second > high {
        return None;
    }
    match (more, after) {
        (0, after) => Some(after),
        (1, [0x80..=0xbf, after @ ..]) => Some(after),
        (2, [0x80..=0xbf, 0x80..=0xbf, after @ ..]) => Some(after),
        _ => None,
    }
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

/// Reads the escape that `text` begins with: the character, and what follows.
const fn unescape(text: &[u8]) -> Option<(char, &[u8])> {
    let [b'\\', kind, after @ ..] = text else {
        return None;
    };
    let char = match kind {
        b'"' | b'\\' | b'/' => *kind as char,
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unescape_code(after),
        _ => return None,
    };
    Some((char, after))
}

/// Reads the digits of a `\u` escape, and the second escape of a surrogate pair.
const fn unescape_code(text: &[u8]) -> Option<(char, &[u8])> {
    let [a, b, c, d, after @ ..] = text else {
        return None;
    };
    let first = hex([*a, *b, *c, *d]);
    let (code, after) = match (first, after) {
        (0xd800..=0xdbff, [b'\\', b'u', a, b, c, d, after @ ..]) => {
            let second = hex([*a, *b, *c, *d]);
            if second & !0x3ff != 0xdc00 {
                return None;
            }
            (0x1_0000 + ((first & 0x3ff) << 10 | second & 0x3ff), after)
        }
        (..=0xffff, after) => (first, after),
        _ => return None,
    };
    match char::from_u32(code) {
        Some(char) => Some((char, after)),
        None => None,
    }
}

/// The value of four hexadecimal digits; more than 0xffff if one of them is not.
const fn hex(digits: [u8; 4]) -> u32 {
    let mut rest: &[u8] = &digits;
    let mut code = 0;
    while let [digit, after @ ..] = rest {
        let value = match *digit {
            digit @ b'0'..=b'9' => digit.wrapping_sub(b'0') as u32,
            digit @ (b'a'..=b'f' | b'A'..=b'F') => (digit as u32 & 0x0f).wrapping_add(9),
            _ => 0x1_0000,
        };
        code = code << 4 | value;
        rest = after;
    }
    code
}

#[cfg(test)]
mod tests {
    use std::prelude::rust_2024::*;

    extern crate std;

    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
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

    #[test]
    fn readers_survive_bytes_that_were_never_checked() {
        for bytes in [
            &b""[..],
            b"\"",
            b"\"\\",
            b"\"\\u12",
            b"\"\xff\"",
            b"[",
            b"{\"a",
            b"{\"a\"",
            b"{\"a\":",
            b"[1,",
            b"nul",
            b"-",
            b"1,2",
        ] {
            let json = Json::trusted(bytes);
            let mut buf = [0; 8];
            assert!(json.str_value(&mut buf).is_err(), "{bytes:?}");
            assert!(json.decode::<&str>().is_err(), "{bytes:?}");
            assert!(json.decode::<(u8, u8)>().is_err(), "{bytes:?}");
            assert!(json.decode::<std::string::String>().is_err(), "{bytes:?}");
            let _ = json.decode::<Option<bool>>();
            let _ = json.decode::<serde::de::IgnoredAny>();
            let _ = json.as_str();
        }
    }
}
