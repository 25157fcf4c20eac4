//! Filters filed by their shape, so that a topic is looked up once for each shape in use, however many
//! filters have it: tuple space search (Srinivasan, Suri, Varghese, "Packet classification using tuple space
//! search", 1999). Two filters have one shape when they have wildcards in the same places.

use heapless::Vec;

use crate::mem::name_hash;
use crate::subject::MAX_TOKENS;

/// Up to so many filters are as well looked at one by one.
pub(super) const FEW: u32 = 4;

/// How many shapes are told apart; beyond, all filters are looked at one by one.
const MOST: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Shape {
    /// Tokens before `>`, or all.
    tokens: u8,
    /// Ends with `>`.
    open: bool,
    /// A bit for each `*`.
    stars: u16,
}

pub(super) struct Shapes {
    used: Vec<(Shape, u16), MOST>,
    /// Filters of further shapes.
    others: u32,
}

/// The shape of a valid filter, and the key of its literal tokens.
fn shape_of(filter: &str) -> (Shape, u32) {
    let mut shape = Shape {
        tokens: 0,
        open: false,
        stars: 0,
    };
    let mut key = 0;
    for token in filter.split('.') {
        match token {
            ">" => {
                shape.open = true;
                break;
            }
            "*" => shape.stars |= 1u16.wrapping_shl(shape.tokens as u32),
            token => key = mix(key, shape.tokens, name_hash(token.as_bytes())),
        }
        shape.tokens = shape.tokens.wrapping_add(1);
    }
    (shape, finish(key, shape))
}

/// The key under which a filter is filed.
pub(super) fn key_of(filter: &str) -> u32 {
    shape_of(filter).1
}

fn mix(key: u32, place: u8, token: u32) -> u32 {
    (key.rotate_left(5) ^ token ^ place as u32).wrapping_mul(0x9e37_79b9)
}

fn finish(key: u32, shape: Shape) -> u32 {
    mix(
        key,
        shape.tokens,
        shape.stars as u32 | (shape.open as u32).wrapping_shl(16),
    )
}

impl Shapes {
    pub(super) const fn new() -> Self {
        Shapes {
            used: Vec::new(),
            others: 0,
        }
    }

    pub(super) fn add(&mut self, filter: &str) {
        let shape = shape_of(filter).0;
        if let Some((_, users)) = self.used.iter_mut().find(|(used, _)| *used == shape) {
            *users = users.wrapping_add(1);
        } else if self.used.push((shape, 1)).is_err() {
            self.others = self.others.wrapping_add(1);
        }
    }

    pub(super) fn remove(&mut self, filter: &str) {
        let shape = shape_of(filter).0;
        let Some(at) = self.used.iter().position(|(used, _)| *used == shape) else {
            self.others = self.others.saturating_sub(1);
            return;
        };
        if let Some((_, users)) = self.used.get_mut(at) {
            *users = users.saturating_sub(1);
            // One that filters without a place in `used` may have as well stays: they were counted apart.
            if *users == 0 {
                self.used.swap_remove(at);
            }
        }
    }

    /// The keys under which filters that match this topic are filed; `None` when some may be elsewhere.
    pub(super) fn keys(&self, topic: &[u8]) -> Option<impl Iterator<Item = u32>> {
        if self.others > 0 {
            return None;
        }
        let mut tokens = Vec::<u32, MAX_TOKENS>::new();
        for token in topic.split(|byte| *byte == b'.') {
            tokens.push(name_hash(token)).ok()?;
        }
        let keys = self.used.iter().filter_map(move |(shape, _)| {
            let count = shape.tokens as usize;
            let fits = if shape.open {
                tokens.len() > count
            } else {
                tokens.len() == count
            };
            if !fits {
                return None;
            }
            let literal = tokens.iter().take(count).enumerate();
            let key = literal
                .filter(|(place, _)| shape.stars.wrapping_shr(*place as u32) & 1 == 0)
                .fold(0, |key, (place, token)| mix(key, place as u8, *token));
            Some(finish(key, *shape))
        });
        Some(keys)
    }
}
