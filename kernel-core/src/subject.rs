//! Topics, filters and plugin names: their grammar, matching, and the hashes that index them.
//!
//! A *topic* is dotted text such as `device.kitchen.state`. A *filter* is a topic in which whole
//! tokens may be wildcards: `*` stands for exactly one token, `>` for one or more remaining tokens
//! and comes last.
//!
//! | what | limit |
//! |---|---|
//! | bytes of a topic or filter | [`MAX_SUBJECT`] |
//! | tokens in it | [`MAX_TOKENS`] |
//! | a token | one or more bytes; any UTF-8 but `.`, ASCII white space, ASCII control and DEL |
//! | bytes of a plugin name | [`MAX_NAME`], of `a-z`, `0-9`, `_` and `-`, a letter first |
//!
//! ```
//! use kernel_core::subject::{check_filter, check_topic, matches};
//!
//! assert!(check_topic("device.kitchen.state").is_ok());
//! assert!(check_filter("device.*.state").is_ok());
//! assert!(matches("device.*.state", "device.kitchen.state"));
//! assert!(matches("device.>", "device.kitchen.state"));
//! assert!(!matches("device.>", "device"));
//! ```

use core::error::Error;
use core::fmt;

/// The most bytes that a topic or a filter may have.
pub const MAX_SUBJECT: usize = 128;

/// The most tokens that a topic or a filter may have.
pub const MAX_TOKENS: usize = 16;

/// The most bytes that a plugin name may have.
pub const MAX_NAME: usize = 32;

/// Why a topic, a filter or a name was refused. Offsets count bytes from the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SubjectError {
    /// The text is empty.
    Empty,
    /// The text has `len` bytes, more than `max`.
    TooLong {
        /// Bytes in the text.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The text has more than `max` tokens.
    TooManyTokens {
        /// Tokens allowed.
        max: usize,
    },
    /// The token that should start at byte `at` is empty.
    EmptyToken {
        /// Where the token should start.
        at: usize,
    },
    /// A topic has a wildcard, which only a filter may have.
    Wildcard {
        /// Where the wildcard is.
        at: usize,
    },
    /// A wildcard is part of a longer token, or `>` is not the last token.
    MisplacedWildcard {
        /// Where the wildcard is.
        at: usize,
    },
    /// A character is not allowed here.
    Character {
        /// Where the character is.
        at: usize,
    },
}

impl fmt::Display for SubjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::TooLong { len, max } => write!(f, "{len} bytes long, of at most {max}"),
            Self::TooManyTokens { max } => write!(f, "more than {max} tokens"),
            Self::EmptyToken { at } => write!(f, "empty token at byte {at}"),
            Self::Wildcard { at } => write!(f, "wildcard at byte {at}: wildcards are not allowed in a topic"),
            Self::MisplacedWildcard { at } => write!(
                f,
                "misplaced wildcard at byte {at}: `*` and `>` are whole tokens, and `>` is the last"
            ),
            Self::Character { at } => write!(f, "character not allowed at byte {at}"),
        }
    }
}

impl Error for SubjectError {}

/// Checks that `topic` can be published to.
///
/// # Errors
///
/// The first fault found, see [`SubjectError`]; a text that is too long is refused unread.
///
/// ```
/// use kernel_core::subject::{SubjectError, check_topic};
///
/// assert_eq!(check_topic("дом.кухня.свет"), Ok(()));
/// assert_eq!(check_topic("device.*"), Err(SubjectError::Wildcard { at: 7 }));
/// assert_eq!(check_topic("device..state"), Err(SubjectError::EmptyToken { at: 7 }));
/// ```
pub const fn check_topic(topic: &str) -> Result<(), SubjectError> {
    check(topic, false)
}

/// Checks that `filter` can be subscribed with.
///
/// # Errors
///
/// The first fault found, see [`SubjectError`]; a text that is too long is refused unread.
///
/// ```
/// use kernel_core::subject::{SubjectError, check_filter};
///
/// assert_eq!(check_filter("device.*.state"), Ok(()));
/// assert_eq!(check_filter(">"), Ok(()));
/// assert_eq!(check_filter("device.>.state"), Err(SubjectError::MisplacedWildcard { at: 7 }));
/// assert_eq!(check_filter("device.k*"), Err(SubjectError::MisplacedWildcard { at: 8 }));
/// ```
pub const fn check_filter(filter: &str) -> Result<(), SubjectError> {
    check(filter, true)
}

/// Checks that `name` can be the name of a plugin: one token of 1 to [`MAX_NAME`] bytes, of
/// `a-z`, `0-9`, `_` and `-`, starting with a letter.
///
/// # Errors
///
/// [`SubjectError::Empty`], [`SubjectError::TooLong`] or [`SubjectError::Character`].
///
/// ```
/// use kernel_core::subject::{SubjectError, check_name};
///
/// assert_eq!(check_name("light_2"), Ok(()));
/// assert_eq!(check_name("2light"), Err(SubjectError::Character { at: 0 }));
/// ```
pub const fn check_name(name: &str) -> Result<(), SubjectError> {
    if name.is_empty() {
        return Err(SubjectError::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(SubjectError::TooLong {
            len: name.len(),
            max: MAX_NAME,
        });
    }
    let mut rest = name.as_bytes();
    while let [byte, after @ ..] = rest {
        let at = name.len().wrapping_sub(rest.len());
        match byte {
            b'a'..=b'z' => {}
            b'0'..=b'9' | b'_' | b'-' if at > 0 => {}
            _ => return Err(SubjectError::Character { at }),
        }
        rest = after;
    }
    Ok(())
}

/// Whether `filter` matches `topic`.
///
/// Both are taken to be valid ([`check_filter`], [`check_topic`]); with others the answer means
/// nothing. It takes time in proportion to the shorter text, whatever the wildcards.
///
/// ```
/// use kernel_core::subject::matches;
///
/// assert!(matches("device.*.state", "device.kitchen.state"));
/// assert!(!matches("device.*", "device.kitchen.state"));
/// ```
pub const fn matches(filter: &str, topic: &str) -> bool {
    matches_bytes(filter.as_bytes(), topic.as_bytes())
}

/// [`matches`] on the texts' bytes.
pub(crate) const fn matches_bytes(mut filter: &[u8], mut topic: &[u8]) -> bool {
    if filter.is_empty() {
        return false;
    }
    // What both begin with, where words may be read at any address.
    if cfg!(not(all(target_arch = "arm", not(target_has_atomic = "ptr")))) {
        while let (Some((a, filter_after)), Some((b, topic_after))) =
            (filter.split_first_chunk(), topic.split_first_chunk())
            && u32::from_ne_bytes(*a) == u32::from_ne_bytes(*b)
        {
            filter = filter_after;
            topic = topic_after;
        }
    }
    // A valid filter has wildcards only at the start of a token, and a valid topic has none: so
    // both texts stand at the start of a token whenever the filter shows one.
    loop {
        match (filter, topic) {
            ([b'>', ..], _) => return !topic.is_empty(),
            ([b'*', after @ ..], [first, ..]) if *first != b'.' => {
                filter = after;
                while let [byte, after @ ..] = topic {
                    if *byte == b'.' {
                        break;
                    }
                    topic = after;
                }
            }
            ([a, filter_after @ ..], [b, topic_after @ ..]) if *a == *b => {
                filter = filter_after;
                topic = topic_after;
            }
            _ => return filter.is_empty() && topic.is_empty(),
        }
    }
}

/// A 32-bit hash of `bytes` whose low bits are good enough to index a table: four bytes a step,
/// after [FxHash](https://github.com/rust-lang/rustc-hash), with the high half folded into the low.
///
/// It does not withstand an attacker: whoever uses it must stay correct when all hashes are equal.
pub(crate) fn hash(bytes: &[u8]) -> u32 {
    let words = bytes.as_chunks().0;
    let state = words.iter().fold(bytes.len() as u32, |state, word| {
        stir(state, u32::from_le_bytes(*word))
    });
    // It may overlap the word before it; the last byte, which differs the most, comes lowest.
    let last = match bytes.last_chunk() {
        Some(last) => u32::from_be_bytes(*last),
        None => bytes
            .iter()
            .fold(0u32, |last, byte| last.wrapping_shl(8) | *byte as u32),
    };
    fold(stir(state, last))
}

const fn stir(state: u32, word: u32) -> u32 {
    (state.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9)
}

const fn fold(state: u32) -> u32 {
    state ^ (state >> 16)
}

const fn check(text: &str, filter: bool) -> Result<(), SubjectError> {
    let mut scanner = match Scanner::new(text.as_bytes(), filter) {
        Ok(scanner) => scanner,
        Err(fault) => return Err(fault),
    };
    loop {
        match scanner.next() {
            Err(fault) => return Err(fault),
            Ok(Token::None) => return Ok(()),
            Ok(_) => {}
        }
    }
}

/// A token of a topic or a filter.
pub(crate) enum Token<'a> {
    Literal(&'a [u8]),
    /// `*`
    One,
    /// `>`
    Rest,
    /// There was none left.
    None,
}

/// Reads a topic or a filter token by token, checking it on the way.
pub(crate) struct Scanner<'a> {
    rest: &'a [u8],
    len: usize,
    depth: u8,
    filter: bool,
}

impl<'a> Scanner<'a> {
    /// Reads a topic or, when it may have wildcards, a filter.
    pub(crate) const fn new(text: &'a [u8], filter: bool) -> Result<Self, SubjectError> {
        match text.len() {
            0 => Err(SubjectError::Empty),
            len @ 1..=MAX_SUBJECT => Ok(Self {
                rest: text,
                len,
                depth: 0,
                filter,
            }),
            len => Err(SubjectError::TooLong {
                len,
                max: MAX_SUBJECT,
            }),
        }
    }

    pub(crate) const fn next(&mut self) -> Result<Token<'a>, SubjectError> {
        if self.depth > 0 {
            // A token ends at a dot or at the end of the text.
            let [_, after @ ..] = self.rest else {
                return Ok(Token::None);
            };
            self.rest = after;
        }
        if self.depth as usize == MAX_TOKENS {
            return Err(SubjectError::TooManyTokens { max: MAX_TOKENS });
        }
        self.depth = self.depth.wrapping_add(1);

        let begin = self.rest;
        let mut wildcard = None;
        let mut rest = begin;
        while let [byte, after @ ..] = rest {
            if matches!(byte, 0..=b' ' | b'*' | b'.' | b'>' | 0x7f) {
                self.rest = rest;
                match byte {
                    b'.' => break,
                    b'*' | b'>' if self.filter => wildcard = Some((self.at(), *byte)),
                    b'*' | b'>' => return Err(SubjectError::Wildcard { at: self.at() }),
                    _ => return Err(SubjectError::Character { at: self.at() }),
                }
            }
            rest = after;
        }
        self.rest = rest;
        let len = begin.len().wrapping_sub(self.rest.len());
        match (wildcard, begin.split_at_checked(len)) {
            (None, Some((token @ [_, ..], _))) => Ok(Token::Literal(token)),
            (Some((_, b'*')), _) if len == 1 => Ok(Token::One),
            (Some((_, b'>')), _) if len == 1 && self.rest.is_empty() => Ok(Token::Rest),
            (Some((at, _)), _) => Err(SubjectError::MisplacedWildcard { at }),
            (None, _) => Err(SubjectError::EmptyToken { at: self.at() }),
        }
    }

    const fn at(&self) -> usize {
        self.len.wrapping_sub(self.rest.len())
    }
}

#[cfg(test)]
mod tests {
    use std::prelude::rust_2024::*;

    extern crate std;

    use super::*;

    #[test]
    fn low_bits_of_the_hash_spread() {
        let mut buckets = [0u32; 256];
        for room in 0..64 {
            for sensor in 0..64 {
                let topic = std::format!("device.room{room}.sensor{sensor}");
                buckets[(hash(topic.as_bytes()) & 255) as usize] += 1;
            }
        }
        let most = buckets.iter().max().copied().unwrap_or(0);
        assert!(most <= 40, "{most} of 4096 texts in one of 256 buckets");
    }
}
