//! A byte pool: values of any length in chains of equal blocks, and beside the blocks the number of the next one
//! of each.

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
    /// The block after each.
    next: &'static mut [Link],
    /// Bytes of a block: two to the power of this.
    shift: u32,
    free: Link,
    /// No block from here on was ever taken.
    fresh: usize,
    usage: Usage,
}

impl Pool {
    /// The longest value.
    pub(crate) const MOST: usize = u16::MAX as usize;

    /// The blocks that `bytes` has room for, each with its place in `next`. `block` is a power of two.
    pub(crate) fn new(bytes: &'static mut [u8], next: &'static mut [Link], block: usize) -> Self {
        let shift = block.max(1).ilog2();
        let blocks = bytes.len().wrapping_shr(shift).min(next.len()).min(Link::MOST);
        Pool {
            usage: Usage::of(blocks.wrapping_shl(shift)),
            bytes,
            next: next.get_mut(..blocks).unwrap_or_default(),
            shift,
            free: Link::default(),
            fresh: 0,
        }
    }

    /// In bytes, whole blocks.
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    fn block_size(&self) -> usize {
        1usize.wrapping_shl(self.shift)
    }

    /// The bytes, in whole blocks, that a value of this length takes.
    pub(crate) fn cost(&self, len: usize) -> u32 {
        let last = self.block_size().wrapping_sub(1);
        (len.saturating_add(last) & !last) as u32
    }

    /// The first `len` bytes of a block.
    fn block(&self, index: usize, len: usize) -> Option<&[u8]> {
        let start = index.wrapping_shl(self.shift);
        self.bytes.get(start..start.wrapping_add(len))
    }

    /// Takes a block, which comes before `next`.
    fn take(&mut self, next: Link) -> Option<usize> {
        let index = match self.free.index() {
            Some(index) => {
                self.free = *self.next.get(index)?;
                index
            }
            None => {
                let index = self.fresh;
                self.fresh = index.wrapping_add(1);
                index
            }
        };
        *self.next.get_mut(index)? = next;
        Some(index)
    }

    /// Keeps a copy of the value; `None`, with nothing changed, when there is no room.
    pub(crate) fn keep(&mut self, value: &[u8]) -> Option<Span> {
        let cost = self.cost(value.len());
        if cost > self.usage.free() || value.len() > Pool::MOST {
            return None;
        }
        let mut first = Link::default();
        // From the last piece to the first, so that each block knows the next.
        let mut end = value.len();
        while end > 0 {
            let begin = end
                .wrapping_sub(1)
                .wrapping_shr(self.shift)
                .wrapping_shl(self.shift);
            let piece = value.get(begin..end)?;
            let index = self.take(first)?;
            let start = index.wrapping_shl(self.shift);
            self.bytes
                .get_mut(start..start.wrapping_add(piece.len()))?
                .copy_from_slice(piece);
            first = Link::to(index);
            end = begin;
        }
        self.usage.take(cost);
        Some(Span {
            first,
            len: value.len() as u16,
        })
    }

    /// Gives a value's blocks back.
    pub(crate) fn release(&mut self, span: Span) {
        let mut at = span.first;
        while let Some(next) = at.index().and_then(|index| self.next.get_mut(index)) {
            if *next == Link::default() {
                *next = self.free;
                self.free = span.first;
                break;
            }
            at = *next;
        }
        self.usage.give(self.cost(span.len()));
    }

    /// Copies a value into the beginning of `to`; `None` when it has no room there.
    pub(crate) fn copy<'b>(&self, span: Span, to: &'b mut [u8]) -> Option<&'b [u8]> {
        let to = to.get_mut(..span.len())?;
        let mut at = span.first;
        for piece in to.chunks_mut(self.block_size()) {
            let index = at.index()?;
            piece.copy_from_slice(self.block(index, piece.len())?);
            at = *self.next.get(index)?;
        }
        Some(to)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn values_stay_what_they_are_while_others_come_and_go() {
        let mut pool = Pool::new(vec![0; 256].leak(), vec![Link::default(); 32].leak(), 8);
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
        let mut pool = Pool::new(vec![0; 64].leak(), vec![Link::default(); 4].leak(), 16);
        let span = pool.keep(b"twenty bytes of text").unwrap();
        assert_eq!(pool.copy(span, &mut [0; 19]), None);
        assert_eq!(pool.keep(&[1; 40]).map(Span::len), None);
    }
}
