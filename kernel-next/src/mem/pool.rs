//! A byte pool: values of any length in chains of equal blocks. The first two bytes of a block name the
//! next one.

use super::{Link, Usage};

/// A value in the pool.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    first: Link,
    len: u16,
}

impl Span {
    pub(crate) fn len(self) -> usize {
        self.len as usize
    }
}

pub(crate) struct Pool {
    bytes: &'static mut [u8],
    block: usize,
    free: Link,
    /// No block from here on was ever taken.
    fresh: usize,
    usage: Usage,
}

const LINK: usize = 2;

impl Pool {
    /// The longest value.
    pub(crate) const MOST: usize = u16::MAX as usize;

    pub(crate) fn new(bytes: &'static mut [u8], block: usize) -> Self {
        let block = block.max(LINK.wrapping_add(1));
        let blocks = bytes.len().checked_div(block).unwrap_or(0).min(Link::MOST);
        let used = blocks.saturating_mul(block);
        let bytes = bytes.get_mut(..used).unwrap_or_default();
        Pool {
            usage: Usage::of(bytes.len()),
            bytes,
            block,
            free: Link::default(),
            fresh: 0,
        }
    }

    /// In bytes, whole blocks.
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// The bytes, in whole blocks, that a value of this length takes.
    pub(crate) fn cost(&self, len: usize) -> u32 {
        let payload = self.block.wrapping_sub(LINK);
        len.div_ceil(payload.max(1)).saturating_mul(self.block) as u32
    }

    fn block_mut(&mut self, index: usize) -> Option<(&mut [u8; LINK], &mut [u8])> {
        let start = index.wrapping_mul(self.block);
        let end = start.wrapping_add(self.block);
        self.bytes.get_mut(start..end)?.split_first_chunk_mut()
    }

    fn block(&self, index: usize) -> Option<(Link, &[u8])> {
        let start = index.wrapping_mul(self.block);
        let end = start.wrapping_add(self.block);
        let (link, payload) = self.bytes.get(start..end)?.split_first_chunk::<LINK>()?;
        Some((from_bytes(*link), payload))
    }

    /// Keeps a copy of the value; `None`, with nothing changed, when there is no room.
    pub(crate) fn keep(&mut self, value: &[u8]) -> Option<Span> {
        let cost = self.cost(value.len());
        if cost > self.usage.free() || value.len() > Pool::MOST {
            return None;
        }
        let size = self.block.wrapping_sub(LINK).max(1);
        let mut first = Link::default();
        // From the last piece to the first, so that each block knows the next.
        let mut rest = value;
        while !rest.is_empty() {
            let tail = match rest.len().checked_rem(size) {
                Some(0) | None => size,
                Some(tail) => tail,
            };
            let (before, piece) = rest.split_at_checked(rest.len().wrapping_sub(tail))?;
            let index = match self.free.index() {
                Some(index) => {
                    self.free = self.block(index)?.0;
                    index
                }
                None => {
                    let index = self.fresh;
                    self.fresh = index.wrapping_add(1);
                    index
                }
            };
            let (link, payload) = self.block_mut(index)?;
            *link = to_bytes(first);
            payload.get_mut(..piece.len())?.copy_from_slice(piece);
            first = Link::to(index);
            rest = before;
        }
        self.usage.take(cost);
        Some(Span {
            first,
            len: value.len() as u16,
        })
    }

    /// Gives a value's blocks back.
    pub(crate) fn release(&mut self, span: Span) {
        let mut last = span.first;
        while let Some((next, _)) = last.index().and_then(|index| self.block(index)) {
            if next == Link::default() {
                break;
            }
            last = next;
        }
        let free = to_bytes(self.free);
        if let Some((link, _)) = last.index().and_then(|index| self.block_mut(index)) {
            *link = free;
            self.free = span.first;
        }
        self.usage.give(self.cost(span.len()));
    }

    /// The value's pieces, in order.
    pub(crate) fn pieces(&self, span: Span) -> impl Iterator<Item = &[u8]> {
        let (mut at, mut left) = (span.first, span.len());
        core::iter::from_fn(move || {
            let (next, payload) = self.block(at.index()?)?;
            let piece = payload.get(..left.min(payload.len()))?;
            at = next;
            left = left.wrapping_sub(piece.len());
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// Copies a value into the beginning of `to`; `None` when it has no room there.
    pub(crate) fn copy<'b>(&self, span: Span, to: &'b mut [u8]) -> Option<&'b [u8]> {
        let to = to.get_mut(..span.len())?;
        let mut rest = &mut *to;
        for piece in self.pieces(span) {
            let (here, after) = rest.split_at_mut_checked(piece.len())?;
            here.copy_from_slice(piece);
            rest = after;
        }
        Some(to)
    }
}

fn to_bytes(link: Link) -> [u8; LINK] {
    let number = link.index().map_or(0, |index| (index as u16).wrapping_add(1));
    number.to_le_bytes()
}

fn from_bytes(bytes: [u8; LINK]) -> Link {
    match u16::from_le_bytes(bytes) {
        0 => Link::default(),
        number => Link::to(number.wrapping_sub(1) as usize),
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn values_stay_what_they_are_while_others_come_and_go() {
        let mut pool = Pool::new(vec![0; 300].leak(), 10);
        let mut kept: Vec<(Span, Vec<u8>)> = Vec::new();
        let mut random = 3u32;
        for round in 0..5_000u32 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let len = (random >> 24) as usize % 60;
            let value = vec![round as u8; len];
            match pool.keep(&value) {
                Some(span) => kept.push((span, value)),
                None => {
                    assert!(pool.cost(len) > pool.usage().free());
                    let (span, _) = kept.swap_remove(random as usize % kept.len());
                    pool.release(span);
                }
            }
            let used: u32 = kept.iter().map(|(_, value)| pool.cost(value.len())).sum();
            assert_eq!(pool.usage().used, used);
            for (span, value) in &kept {
                assert_eq!(pool.copy(*span, &mut [0; 64]), Some(&value[..]));
            }
        }
    }

    #[test]
    fn too_small_a_buffer_is_told() {
        let mut pool = Pool::new(vec![0; 64].leak(), 16);
        let span = pool.keep(b"twenty bytes of text").unwrap();
        assert_eq!(pool.copy(span, &mut [0; 19]), None);
        assert_eq!(pool.keep(&[1; 60]).map(Span::len), None);
    }
}
