//! Finding a text in upper or lower case.

use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

/// The bytes of JSON texts and topics, the most frequent first: the rarest of a text is what is looked for.
const FREQUENT: &[u8] = b"\"e,:taoi.0nsr1dl2umc5{}3p478h69gvyfb_-w[]kTS/xzjq";

/// A text that is looked for.
#[derive(Clone, Debug)]
pub struct Needle {
    /// In lower case.
    lower: String,
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    /// Nothing: found everywhere.
    Empty,
    /// Without letters: byte by byte.
    Exact(Box<memmem::Finder<'static>>),
    /// In ASCII: where its rarest byte is, and that byte in lower and upper case.
    Ascii { rarest: usize, lower: u8, upper: u8 },
    /// With other letters: character by character.
    Unicode,
}

impl Needle {
    /// Looks for `text`.
    pub fn new(text: &str) -> Self {
        let lower = text.to_lowercase();
        let bytes = lower.as_bytes();
        let how = if bytes.is_empty() {
            How::Empty
        } else if !lower.is_ascii() {
            How::Unicode
        } else if !bytes.iter().any(u8::is_ascii_alphabetic) {
            How::Exact(Box::new(memmem::Finder::new(bytes).into_owned()))
        } else {
            let rarest = (0..bytes.len()).max_by_key(|at| bytes.get(*at).map(|byte| rarity(*byte)));
            let rarest = rarest.unwrap_or(0);
            let byte = bytes.get(rarest).copied().unwrap_or(0);
            How::Ascii {
                rarest,
                lower: byte,
                upper: byte.to_ascii_uppercase(),
            }
        };
        Needle { lower, how }
    }

    /// The text in lower case.
    pub fn text(&self) -> &str {
        &self.lower
    }

    /// True when it is in `hay`.
    pub fn is_in(&self, hay: &[u8]) -> bool {
        match &self.how {
            How::Unicode => self.find_chars(&String::from_utf8_lossy(hay)).is_some(),
            _ => self.find_bytes(hay).is_some(),
        }
    }

    /// Where it is in `hay`, from the first on, without overlap.
    pub fn spans(&self, hay: &str) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        let mut from = 0;
        if self.lower.is_empty() {
            return spans;
        }
        while let Some(rest) = hay.get(from..) {
            let found = match &self.how {
                How::Unicode => self.find_chars(rest),
                _ => self
                    .find_bytes(rest.as_bytes())
                    .map(|at| at..at + self.lower.len()),
            };
            let Some(found) = found else { break };
            spans.push(from + found.start..from + found.end);
            from += found.end.max(found.start + 1);
        }
        spans
    }

    fn find_bytes(&self, hay: &[u8]) -> Option<usize> {
        let needle = self.lower.as_bytes();
        match &self.how {
            How::Empty => Some(0),
            How::Exact(finder) => finder.find(hay),
            How::Unicode => None,
            How::Ascii { rarest, lower, upper } => {
                // Only where the whole text would have room.
                let last = hay.len().checked_sub(needle.len())?;
                let mut from = 0;
                while from <= last {
                    let room = hay.get(from + rarest..=last + rarest)?;
                    let hit = if lower == upper {
                        memchr(*lower, room)
                    } else {
                        memchr2(*lower, *upper, room)
                    };
                    let at = from + hit?;
                    if hay.get(at..at + needle.len())?.eq_ignore_ascii_case(needle) {
                        return Some(at);
                    }
                    from = at + 1;
                }
                None
            }
        }
    }

    fn find_chars(&self, hay: &str) -> Option<Range<usize>> {
        let first = self.lower.chars().next();
        for (start, begin) in hay.char_indices() {
            if begin.to_lowercase().next() != first {
                continue;
            }
            let mut wanted = self.lower.chars();
            let mut end = start;
            for char in hay.get(start..)?.chars() {
                if wanted.as_str().is_empty()
                    || !char.to_lowercase().all(|lower| wanted.next() == Some(lower))
                {
                    break;
                }
                end += char.len_utf8();
                if wanted.as_str().is_empty() {
                    return Some(start..end);
                }
            }
        }
        None
    }
}

fn rarity(byte: u8) -> usize {
    FREQUENT
        .iter()
        .position(|frequent| *frequent == byte)
        .unwrap_or(FREQUENT.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_in_any_case_and_script() {
        for (needle, hay, spans) in [
            ("retry", "a Retry and RETRY", &[(2, 7), (12, 17)][..]),
            ("25", "125 25", &[(1, 3), (4, 6)]),
            ("КУХНЯ", "дом.кухня", &[(7, 17)]),
            ("aa", "aaaaa", &[(0, 2), (2, 4)]),
            ("longer than it", "short", &[]),
            ("", "anything", &[]),
        ] {
            let found = Needle::new(needle).spans(hay);
            let found: Vec<_> = found.into_iter().map(|span| (span.start, span.end)).collect();
            assert_eq!(found, spans, "{needle} in {hay}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn finds_what_lower_case_contains(needle in "[aAbB1. \"]{0,4}", hay in "[aAbB1. \"]{0,40}") {
            let expected = hay.to_ascii_lowercase().contains(&needle.to_ascii_lowercase());
            prop_assert_eq!(Needle::new(&needle).is_in(hay.as_bytes()), expected);
        }

        #[test]
        fn spans_hold_the_text(needle in "[aAжЖß]{1,3}", hay in "[aAжЖßx]{0,30}") {
            let spans = Needle::new(&needle).spans(&hay);
            for span in &spans {
                prop_assert_eq!(hay[span.clone()].to_lowercase(), needle.to_lowercase());
            }
            prop_assert_eq!(!spans.is_empty(), hay.to_lowercase().contains(&needle.to_lowercase()));
        }
    }
}
