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

/// A filter's literal prefix: its tokens before the first wildcard.
///
/// The prefix of `device.kitchen.*` is `device.kitchen`, at depth 2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Prefix {
    /// FNV-1a of the prefix's text, as [`walk`] reports it at the same depth.
    pub(crate) hash: u32,
    /// Tokens in the prefix, 0 to [`MAX_TOKENS`].
    pub(crate) depth: u8,
    /// No wildcard at all: the prefix is the whole filter, and matches one topic only.
    pub(crate) exact: bool,
}

/// The literal prefix of a valid filter; of an invalid one, what there is before the fault.
pub(crate) fn prefix_of(filter: &str) -> Prefix {
    let mut scanner = Scanner::new(filter, true);
    let mut prefix = Prefix {
        hash: scanner.hash(),
        depth: 0,
        exact: false,
    };
    loop {
        match scanner.next() {
            Step::Literal => {
                prefix.hash = scanner.hash();
                prefix.depth = scanner.depth;
            }
            Step::End => {
                prefix.exact = true;
                return prefix;
            }
            Step::Wildcard | Step::Fault(_) => return prefix,
        }
    }
}

/// Checks `topic` and, in the same pass, calls `visit(depth, hash)` for each of its prefixes: for
/// the empty one (depth 0), the first token (1), and so on to the whole topic.
///
/// A hash is FNV-1a of the prefix's text, so that it equals [`Prefix::hash`] of the filters with that
/// literal prefix.
///
/// # Errors
///
/// As [`check_topic`]; `visit` has then been called for the prefixes before the fault.
pub(crate) fn walk(topic: &str, mut visit: impl FnMut(u8, u32)) -> Result<(), SubjectError> {
    // On the way of every event: only a fault is looked at closely, by `check`.
    let fault = || check(topic, false).err().map_or(Ok(()), Err);
    if topic.len() > MAX_SUBJECT {
        return fault();
    }
    let mut state = HASH_START;
    let mut depth = 0u8;
    let mut in_token = false;
    visit(depth, fold(state));
    for byte in topic.as_bytes() {
        if *byte == b'.' {
            depth = depth.wrapping_add(1);
            if !in_token || depth as usize >= MAX_TOKENS {
                return fault();
            }
            visit(depth, fold(state));
            in_token = false;
        } else if *byte <= b' ' || matches!(*byte, b'*' | b'>' | 0x7f) {
            return fault();
        } else {
            in_token = true;
        }
        state = mix(state, *byte);
    }
    if !in_token {
        return fault();
    }
    visit(depth.wrapping_add(1), fold(state));
    Ok(())
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

const HASH_START: u32 = 0x811c_9dc5;

const fn mix(state: u32, byte: u8) -> u32 {
    (state ^ byte as u32).wrapping_mul(0x0100_0193)
}

const fn fold(state: u32) -> u32 {
    state ^ (state >> 16)
}

const fn check(text: &str, filter: bool) -> Result<(), SubjectError> {
    let mut scanner = Scanner::new(text, filter);
    if let Some(fault) = scanner.oversize() {
        return Err(fault);
    }
    loop {
        match scanner.next() {
            Step::Fault(fault) => return Err(fault),
            Step::End => return Ok(()),
            Step::Literal | Step::Wildcard => {}
        }
    }
}

/// What the scanner made of the next token.
enum Step {
    Literal,
    Wildcard,
    End,
    Fault(SubjectError),
}

/// Reads a topic or a filter token by token, checking and hashing it on the way.
struct Scanner<'a> {
    rest: &'a [u8],
    len: usize,
    state: u32,
    depth: u8,
    filter: bool,
}

impl<'a> Scanner<'a> {
    const fn new(text: &'a str, filter: bool) -> Self {
        Self {
            rest: text.as_bytes(),
            len: text.len(),
            state: HASH_START,
            depth: 0,
            filter,
        }
    }

    const fn hash(&self) -> u32 {
        fold(self.state)
    }

    const fn oversize(&self) -> Option<SubjectError> {
        match self.len {
            0 => Some(SubjectError::Empty),
            1..=MAX_SUBJECT => None,
            len => Some(SubjectError::TooLong {
                len,
                max: MAX_SUBJECT,
            }),
        }
    }

    const fn next(&mut self) -> Step {
        if self.depth > 0 {
            // A token ends at a dot or at the end of the text.
            let [dot, after @ ..] = self.rest else {
                return Step::End;
            };
            self.state = mix(self.state, *dot);
            self.rest = after;
        }
        if self.depth as usize == MAX_TOKENS {
            return Step::Fault(SubjectError::TooManyTokens { max: MAX_TOKENS });
        }
        self.depth = self.depth.wrapping_add(1);

        let start = self.at();
        let mut wildcard = None;
        while let [byte, after @ ..] = self.rest {
            match byte {
                b'.' => break,
                0..=b' ' | 0x7f => return Step::Fault(SubjectError::Character { at: self.at() }),
                b'*' | b'>' if !self.filter => {
                    return Step::Fault(SubjectError::Wildcard { at: self.at() });
                }
                b'*' | b'>' => wildcard = Some((self.at(), *byte)),
                _ => {}
            }
            self.state = mix(self.state, *byte);
            self.rest = after;
        }
        let len = self.at().wrapping_sub(start);
        match wildcard {
            _ if len == 0 => Step::Fault(SubjectError::EmptyToken { at: start }),
            None => Step::Literal,
            Some((_, b'*')) if len == 1 => Step::Wildcard,
            Some((_, b'>')) if len == 1 && self.rest.is_empty() => Step::Wildcard,
            Some((at, _)) => Step::Fault(SubjectError::MisplacedWildcard { at }),
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
    use std::vec::Vec;

    fn prefixes(topic: &str) -> Vec<(u8, u32)> {
        let mut seen = Vec::new();
        walk(topic, |depth, hash| seen.push((depth, hash))).unwrap();
        seen
    }

    #[test]
    fn walk_reports_the_hash_of_each_prefix() {
        let expected = ["", "device", "device.kitchen", "device.kitchen.state"];
        let expected: Vec<_> = (0..)
            .zip(
                expected
                    .iter()
                    .map(|text| fold(text.bytes().fold(HASH_START, mix))),
            )
            .collect();
        assert_eq!(prefixes("device.kitchen.state"), expected);
    }

    #[test]
    fn walk_refuses_what_check_topic_refuses() {
        let long = "a".repeat(MAX_SUBJECT + 1);
        let deep = "a.".repeat(MAX_TOKENS) + "a";
        for topic in ["", ".", "a.", ".a", "a..b", "a.*", "a b", "a\u{7f}", &long, &deep] {
            assert_eq!(walk(topic, |_, _| ()), check_topic(topic), "{topic:?}");
            assert!(check_topic(topic).is_err(), "{topic:?}");
        }
    }

    #[test]
    fn a_filter_has_the_prefix_of_the_topics_it_matches() {
        let topic = "device.kitchen.state";
        let walked = prefixes(topic);
        for (filter, depth, exact) in [
            (">", 0, false),
            ("*.kitchen.state", 0, false),
            ("device.>", 1, false),
            ("device.*.state", 1, false),
            ("device.kitchen.*", 2, false),
            ("device.kitchen.state", 3, true),
        ] {
            let prefix = prefix_of(filter);
            assert_eq!((prefix.depth, prefix.exact), (depth, exact), "{filter}");
            assert!(walked.contains(&(depth, prefix.hash)), "{filter}");
            assert!(matches(filter, topic), "{filter}");
        }
    }

    #[test]
    fn the_deepest_topic_has_a_prefix_for_each_depth() {
        let topic = ["a"; MAX_TOKENS].join(".");
        assert_eq!(prefixes(&topic).len(), MAX_TOKENS + 1);
    }

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
