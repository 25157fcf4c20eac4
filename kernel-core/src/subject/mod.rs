//! Topics, filters, service names, state keys and plugin names: their grammar, and who matches what.
//!
//! A *topic* is dotted text such as `device.kitchen.state`. A *filter* is a topic in which whole tokens may be
//! wildcards: `*` is exactly one token, `>` one or more remaining tokens and comes last. (These are the
//! [subjects of NATS](https://docs.nats.io/nats-concepts/subjects).)
//!
//! | what | limit |
//! |---|---|
//! | bytes of a topic or filter | [`MAX_SUBJECT`] |
//! | tokens in it | [`MAX_TOKENS`] |
//! | a token | one or more bytes; any UTF-8 but `.`, `*`, `>`, ASCII white space, ASCII control and DEL |
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

mod name;

pub use name::Name;
#[cfg(feature = "large")]
pub(crate) use name::keep_all;

use crate::fault::{Fault, NameFault};

/// The most bytes that a topic or a filter may have.
pub const MAX_SUBJECT: usize = 128;

/// The most tokens that a topic or a filter may have.
pub const MAX_TOKENS: usize = 16;

/// The most bytes that a plugin name may have.
pub const MAX_NAME: usize = 32;

/// Checks that `topic` can be published to.
///
/// # Errors
/// [`Fault::Name`] with the first fault found and its byte; a text that is too long is refused unread.
///
/// ```
/// use kernel_core::{Fault, NameFault, subject::check_topic};
///
/// assert_eq!(check_topic("дом.кухня.свет"), Ok(()));
/// assert_eq!(check_topic("device.*"), Err(Fault::Name { why: NameFault::Wildcard, at: 7 }));
/// assert_eq!(check_topic("device..state"), Err(Fault::Name { why: NameFault::EmptyToken, at: 7 }));
/// ```
pub const fn check_topic(topic: &str) -> Result<(), Fault> {
    check(topic, false)
}

/// Checks that `filter` can be subscribed with.
///
/// # Errors
/// See [`check_topic`].
///
/// ```
/// use kernel_core::{Fault, NameFault, subject::check_filter};
///
/// assert_eq!(check_filter("device.*.state"), Ok(()));
/// assert_eq!(check_filter(">"), Ok(()));
/// assert_eq!(check_filter("device.>.state"), Err(Fault::Name { why: NameFault::MisplacedWildcard, at: 7 }));
/// assert_eq!(check_filter("device.k*"), Err(Fault::Name { why: NameFault::MisplacedWildcard, at: 8 }));
/// ```
pub const fn check_filter(filter: &str) -> Result<(), Fault> {
    check(filter, true)
}

/// Checks that `name` can be the name of a plugin.
///
/// # Errors
/// See [`check_topic`].
///
/// ```
/// use kernel_core::{Fault, NameFault, subject::check_plugin_name};
///
/// assert_eq!(check_plugin_name("light_2"), Ok(()));
/// assert_eq!(check_plugin_name("2light"), Err(Fault::Name { why: NameFault::Character, at: 0 }));
/// ```
pub const fn check_plugin_name(name: &str) -> Result<(), Fault> {
    if name.is_empty() {
        return fault(NameFault::Empty, 0);
    }
    if name.len() > MAX_NAME {
        return fault(NameFault::TooLong, MAX_NAME);
    }
    let mut rest = name.as_bytes();
    while let [byte, after @ ..] = rest {
        let at = name.len().wrapping_sub(rest.len());
        let good = byte.is_ascii_lowercase() || (at > 0 && matches!(byte, b'0'..=b'9' | b'_' | b'-'));
        if !good {
            return fault(NameFault::Character, at);
        }
        rest = after;
    }
    Ok(())
}

const fn fault(why: NameFault, at: usize) -> Result<(), Fault> {
    Err(Fault::Name { why, at: at as u32 })
}

const fn check(text: &str, filter: bool) -> Result<(), Fault> {
    if text.is_empty() {
        return fault(NameFault::Empty, 0);
    }
    if text.len() > MAX_SUBJECT {
        return fault(NameFault::TooLong, MAX_SUBJECT);
    }
    let mut tokens = 1usize;
    let mut rest = text.as_bytes();
    loop {
        // A token: a wildcard, or plain bytes.
        let begin = rest;
        while let [byte, after @ ..] = rest
            && is_plain(*byte)
        {
            rest = after;
        }
        let plain = begin.len().wrapping_sub(rest.len());
        let at = text.len().wrapping_sub(rest.len());
        match rest {
            [] if plain > 0 => break,
            [b'.', after @ ..] if plain > 0 => rest = after,
            [] | [b'.', ..] => return fault(NameFault::EmptyToken, at),
            [b'*' | b'>', ..] if !filter => return fault(NameFault::Wildcard, at),
            [b'*'] | [b'>'] if plain == 0 => break,
            [b'*', b'.', after @ ..] if plain == 0 => rest = after,
            [b'*' | b'>', ..] => return fault(NameFault::MisplacedWildcard, at),
            _ => return fault(NameFault::Character, at),
        }
        tokens = tokens.wrapping_add(1);
    }
    if tokens > MAX_TOKENS {
        return fault(NameFault::TooManyTokens, MAX_TOKENS);
    }
    Ok(())
}

/// True for a byte of a token that is no wildcard.
const fn is_plain(byte: u8) -> bool {
    // By far the most are letters and digits.
    (byte > b'>' && byte != 0x7f) || (byte > b' ' && byte < b'>' && byte != b'*' && byte != b'.')
}

/// True when `filter` matches `topic`. Of texts that are not well formed it says something, without panicking.
pub fn matches(filter: &str, topic: &str) -> bool {
    matches_bytes(filter.as_bytes(), topic.as_bytes())
}

/// [`matches`] over the texts' bytes.
pub(crate) fn matches_bytes(mut filter: &[u8], mut topic: &[u8]) -> bool {
    if filter.is_empty() || topic.is_empty() {
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

/// True when the text begins with this token and a dot.
pub(crate) fn is_below(text: &str, prefix: &str) -> bool {
    let rest = text.as_bytes().strip_prefix(prefix.as_bytes());
    matches!(rest, Some([b'.', ..]))
}
