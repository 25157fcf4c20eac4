//! State values: byte strings in chains of equal blocks, so that nothing fragments or moves.

use crate::copy::copy;
use crate::table::{Link, Slab, Usage};

/// A byte string in the pool: its first block, and its length less one, so that 64 KiB fit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chain {
    first: Link,
    beyond_first: u16,
}

impl Chain {
    pub(crate) const EMPTY: Chain = Chain {
        first: Link::NONE,
        beyond_first: 0,
    };

    pub(crate) fn len(self) -> usize {
        match self.first {
            Link::NONE => 0,
            _ => (self.beyond_first as usize).wrapping_add(1),
        }
    }
}

/// The pool: `bytes` in blocks of `size`.
pub(crate) struct Pool {
    bytes: &'static mut [u8],
    blocks: Slab,
    size: usize,
}

impl Pool {
    pub(crate) fn new(bytes: &'static mut [u8], links: &'static mut [Link], size: usize) -> Self {
        Pool {
            bytes,
            blocks: Slab::new(links),
            size: size.max(1),
        }
    }

    /// The use of the pool, in bytes of whole blocks.
    pub(crate) fn usage(&self) -> Usage {
        let blocks = self.blocks.usage();
        let bytes = |blocks: usize| blocks.wrapping_mul(self.size);
        Usage {
            used: bytes(blocks.used),
            high_water: bytes(blocks.high_water),
            capacity: bytes(blocks.capacity),
        }
    }

    /// How many blocks `len` bytes take. (Counted: the smallest chips have no division.)
    #[inline(never)]
    pub(crate) fn blocks(&self, len: usize) -> usize {
        let mut left = len;
        let mut blocks = 0usize;
        while left > 0 {
            left = left.saturating_sub(self.size);
            blocks = blocks.wrapping_add(1);
        }
        blocks
    }

    /// How many blocks are free.
    pub(crate) fn free_blocks(&self) -> usize {
        self.blocks.left()
    }

    /// Stores `value`; nothing is taken when it does not fit.
    pub(crate) fn put(&mut self, value: &[u8]) -> Option<Chain> {
        if self.blocks(value.len()) > self.free_blocks() {
            return None;
        }
        let mut chain = Chain::EMPTY;
        let mut last = None;
        let mut rest = value;
        while let Some((piece, after)) = rest.split_at_checked(rest.len().min(self.size)) {
            if piece.is_empty() {
                break;
            }
            let index = self.blocks.take()?;
            let start = index.wrapping_mul(self.size);
            self.bytes
                .get_mut(start..start.wrapping_add(piece.len()))
                .map(|to| copy(to, piece))?;
            match last {
                Some(last) => self.blocks.set_link(last, Link::to(index)),
                None => chain.first = Link::to(index),
            }
            self.blocks.set_link(index, Link::NONE);
            last = Some(index);
            rest = after;
        }
        chain.beyond_first = value.len().wrapping_sub(1) as u16;
        Some(chain)
    }

    /// Stores `value` in place of `old`, in the same block where one is enough for both.
    pub(crate) fn replace(&mut self, old: Chain, value: &[u8]) -> Option<Chain> {
        if let Some(first) = old.first.index()
            && (1..=self.size).contains(&value.len())
            && old.len() <= self.size
        {
            let start = first.wrapping_mul(self.size);
            let to = self.bytes.get_mut(start..start.wrapping_add(value.len()))?;
            copy(to, value);
            return Some(Chain {
                beyond_first: value.len().wrapping_sub(1) as u16,
                ..old
            });
        }
        self.release(old);
        self.put(value)
    }

    /// Gives the chain's blocks back.
    pub(crate) fn release(&mut self, chain: Chain) {
        let mut at = chain.first;
        while let Some(index) = at.index() {
            at = self.blocks.link(index);
            self.blocks.give(index);
        }
    }

    /// The chain's bytes, piece by piece.
    pub(crate) fn pieces(&self, chain: Chain) -> Pieces<'_> {
        Pieces {
            pool: self,
            at: chain.first,
            left: chain.len(),
        }
    }

    /// Copies the chain into `to`; `None` when it does not fit.
    pub(crate) fn copy<'a>(&self, chain: Chain, to: &'a mut [u8]) -> Option<&'a [u8]> {
        let to = to.get_mut(..chain.len())?;
        let mut at = 0usize;
        for piece in self.pieces(chain) {
            let end = at.wrapping_add(piece.len());
            copy(to.get_mut(at..end)?, piece);
            at = end;
        }
        Some(to)
    }
}

/// See [`Pool::pieces`].
#[derive(Clone)]
pub(crate) struct Pieces<'a> {
    pool: &'a Pool,
    at: Link,
    left: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let index = self.at.index()?;
        let len = self.left.min(self.pool.size);
        let start = index.wrapping_mul(self.pool.size);
        self.left = self.left.saturating_sub(len);
        self.at = match self.left {
            0 => Link::NONE,
            _ => self.pool.blocks.link(index),
        };
        self.pool.bytes.get(start..start.wrapping_add(len))
    }
}

#[cfg(test)]
mod tests {
    use std::prelude::rust_2024::*;

    use super::*;

    #[test]
    fn values_of_every_length_come_back_and_their_blocks_too() {
        let bytes = Box::leak(Box::new([0u8; 64]));
        let links = Box::leak(Box::new([Link::NONE; 8]));
        let mut pool = Pool::new(bytes, links, 8);
        let value: [u8; 65] = core::array::from_fn(|i| i as u8);
        let mut out = [0u8; 64];
        for round in 0..3 {
            for len in 0..=64 {
                let part = &value[..len];
                let chain = pool.put(part).expect("it fits");
                assert_eq!(pool.copy(chain, &mut out), Some(part), "round {round} len {len}");
                assert_eq!(pool.usage().used, len.div_ceil(8) * 8);
                pool.release(chain);
            }
        }
        let mut chain = Chain::EMPTY;
        for (old, new) in (0..=64).flat_map(|old| [3, 8, 9, 40].map(|new| (old, new))) {
            for len in [old, new] {
                chain = pool.replace(chain, &value[1..=len]).expect("it fits");
                assert_eq!(pool.copy(chain, &mut out), Some(&value[1..=len]), "{old} {new}");
                assert_eq!(pool.usage().used, len.div_ceil(8) * 8);
            }
        }
        pool.release(chain);
        assert!(pool.put(&value).is_none());
        let a = pool.put(&value[..40]).expect("5 blocks");
        assert!(pool.put(&value[..32]).is_none(), "4 blocks do not fit beside 5");
        let b = pool.put(&value[..24]).expect("3 blocks");
        pool.release(a);
        assert_eq!(pool.copy(b, &mut out), Some(&value[..24]));
        assert_eq!(
            pool.usage(),
            Usage {
                used: 24,
                high_water: 64,
                capacity: 64
            }
        );
    }
}
