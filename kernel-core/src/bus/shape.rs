//! Texts as hashes of their tokens, and the shapes by which filters are filed.
//!
//! A filter's shape says which of its tokens are wildcards and where it ends. All filters of one
//! shape are found with one hash, the sum of a topic's hashed tokens that are literal in the shape:
//! so a topic is looked up once for each shape there is, however many filters have it. This is the
//! tuple space search of Srinivasan, Suri and Varghese ("Packet Classification using Tuple Space
//! Search", SIGCOMM 1999), by which Open vSwitch classifies packets.

use crate::subject::{Scanner, SubjectError, Token, hash};

/// The tokens that a shape tells apart; of those after them it says only that there are some.
const TOKENS: usize = 8;

/// A checked topic or filter, token by token.
pub(crate) struct Tokens {
    /// Of the first ones; a wildcard has none.
    hashes: [u32; TOKENS],
    /// Twice the number of tokens, and one more when nothing follows them: no `>`.
    end: u32,
    /// A bit for each `*`.
    wild: u32,
}

impl Tokens {
    /// Reads a topic or, when it may have wildcards, a filter.
    ///
    /// # Errors
    ///
    /// As [`crate::subject::check_topic`] or [`crate::subject::check_filter`].
    #[inline(never)]
    pub(crate) fn read(text: &[u8], filter: bool) -> Result<Tokens, SubjectError> {
        let mut scanner = Scanner::new(text, filter)?;
        let mut tokens = Tokens {
            hashes: [0; TOKENS],
            end: 1,
            wild: 0,
        };
        loop {
            let position = tokens.end / 2;
            match scanner.next()? {
                Token::Literal(token) => {
                    if let Some(to) = tokens.hashes.get_mut(position as usize) {
                        // The same token means something else in another place.
                        let factor = 0x9e37_79b9u32.rotate_left(position.wrapping_mul(5)) | 1;
                        *to = hash(token).wrapping_mul(factor);
                    }
                }
                Token::One => tokens.wild |= 1u32.wrapping_shl(position),
                Token::Rest => {
                    tokens.end = tokens.end.wrapping_sub(1);
                    return Ok(tokens);
                }
                Token::None => return Ok(tokens),
            }
            tokens.end = tokens.end.wrapping_add(2);
        }
    }
}

/// Which tokens of a filter are wildcards, a bit for each in the high byte, and in the low one its end, as
/// [`Tokens`] have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape(u16);

impl Shape {
    /// Of `>`, and of the filters whose own shape is not among the [`Shapes`].
    pub(crate) const ANY: Shape = Shape(0);

    pub(crate) fn of(filter: &Tokens) -> Shape {
        let most = TOKENS as u32 * 2;
        let end = if filter.end > most.wrapping_add(1) {
            most
        } else {
            filter.end
        };
        Shape((filter.wild.wrapping_shl(8) | end) as u16)
    }

    /// Whether a filter of this shape may match the topic, by its number of tokens.
    pub(crate) fn fits(self, topic: &Tokens) -> bool {
        let end = self.end();
        end == topic.end || (end & 1 == 0 && end.wrapping_add(1) < topic.end)
    }

    /// The hash that a filter of this shape has in common with the topics it matches.
    pub(crate) fn key(self, tokens: &Tokens) -> u32 {
        let (mut key, mut wild) = (0u32, self.0 as u32 >> 8);
        for hash in tokens.hashes.iter().take(self.end() as usize / 2) {
            if wild & 1 == 0 {
                key = key.wrapping_add(*hash);
            }
            wild >>= 1;
        }
        key ^ (key >> 15)
    }

    fn end(self) -> u32 {
        self.0 as u32 & 0xff
    }
}

/// The shapes that filters are filed by, the first so many that there are; [`Shape::ANY`] comes behind them.
pub(crate) struct Shapes([Shape; 16]);

impl Shapes {
    pub(crate) const fn new() -> Self {
        Shapes([Shape::ANY; 16])
    }

    /// All places; from the first [`Shape::ANY`] on there is nothing more.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Shape> + '_ {
        self.0.iter().copied()
    }

    /// By which shape to file a filter of this one: by its own, unless all places are taken by shapes
    /// that are in use.
    pub(crate) fn admit(&mut self, shape: Shape, in_use: impl Fn(Shape) -> bool) -> Shape {
        let Some((_any, places)) = self.0.split_last_mut() else {
            return Shape::ANY;
        };
        if shape == Shape::ANY || places.contains(&shape) {
            return shape;
        }
        match places
            .iter_mut()
            .find(|other| **other == Shape::ANY || !in_use(**other))
        {
            Some(place) => {
                *place = shape;
                shape
            }
            None => Shape::ANY,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::prelude::rust_2024::*;

    extern crate std;

    use super::*;

    #[test]
    fn the_keys_of_one_shape_spread() {
        for shape in [
            "home.room{}.lamp{}",
            "home.room{}.*.lamp{}",
            "room{}.*.>",
            "{}.{}",
            "*.{}.{}.>",
        ] {
            let mut buckets = [0u32; 1024];
            for (a, b) in (0..32).flat_map(|a| (0..32).map(move |b| (a, b))) {
                let filter = shape.replacen("{}", &std::format!("{a}"), 1);
                let filter = match filter.contains("{}") {
                    true => filter.replacen("{}", &std::format!("{b}"), 1),
                    false => shape.replacen("{}", &std::format!("{}", a * 32 + b), 1),
                };
                let tokens = Tokens::read(filter.as_bytes(), true).unwrap();
                buckets[(Shape::of(&tokens).key(&tokens) & 1023) as usize] += 1;
            }
            let most = buckets.iter().max().copied().unwrap_or(0);
            assert!(
                most <= 9,
                "{most} of 1024 filters like {shape} in one of 1024 buckets"
            );
        }
    }

    #[test]
    fn a_shape_leads_from_a_topic_to_the_filters_that_match_it() {
        let topic = "a.b.c.d.e.f.g.h.i.j";
        let tokens = Tokens::read(topic.as_bytes(), false).unwrap();
        for (filter, fits) in [
            (">", true),
            ("a.>", true),
            ("*.b.*.d.*.f.*.h.*.j", true),
            (topic, true),
            ("a.b.c.d.e.f.g.h.i.j.>", true),
            ("a.b.c.d", false),
            ("a.*.c", false),
        ] {
            let read = Tokens::read(filter.as_bytes(), true).unwrap();
            let shape = Shape::of(&read);
            assert_eq!(shape.fits(&tokens), fits, "{filter}");
            assert!(!fits || shape.key(&tokens) == shape.key(&read), "{filter}");
        }
    }
}
