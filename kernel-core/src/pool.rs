//! State values: byte strings in chains of equal blocks, so that nothing fragments or moves.

use crate::table::{Link, Usage, linkable};

/// A byte string in the pool.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chain {
    first: Link,
    pub(crate) len: u32,
}

impl Chain {
    pub(crate) const EMPTY: Chain = Chain {
        first: Link::NONE,
        len: 0,
    };
}

/// The pool: `bytes` in blocks of `size`, a link for each block.
pub(crate) struct Pool {
    bytes: &'static mut [u8],
    links: &'static mut [Link],
    size: usize,
    free: Link,
    fresh: usize,
    used: usize,
    high_water: usize,
}

impl Pool {
    pub(crate) fn new(bytes: &'static mut [u8], links: &'static mut [Link], size: usize) -> Self {
        Pool {
            bytes,
            links: linkable(links),
            size: size.max(1),
            free: Link::NONE,
            fresh: 0,
            used: 0,
            high_water: 0,
        }
    }

    /// The use of the pool, in bytes of whole blocks.
    pub(crate) fn usage(&self) -> Usage {
        let bytes = |blocks: usize| blocks.wrapping_mul(self.size);
        Usage {
            used: bytes(self.used),
            high_water: bytes(self.high_water),
            capacity: bytes(self.links.len()),
        }
    }

    /// How many blocks `len` bytes take.
    pub(crate) fn blocks(&self, len: usize) -> usize {
        len.saturating_add(self.size.wrapping_sub(1))
            .checked_div(self.size)
            .unwrap_or(0)
    }

    /// How many blocks are free.
    pub(crate) fn free_blocks(&self) -> usize {
        self.links.len().saturating_sub(self.used)
    }

    /// Stores `value`; nothing is taken when it does not fit.
    pub(crate) fn put(&mut self, value: &[u8]) -> Option<Chain> {
        if self.blocks(value.len()) > self.free_blocks() {
            return None;
        }
        let mut first = Link::NONE;
        // From the end, so that each block links to the one after it.
        let mut rest = value;
        while !rest.is_empty() {
            let tail = match rest.len().checked_rem(self.size) {
                None | Some(0) => self.size,
                Some(part) => part,
            };
            let (head, piece) = rest.split_at_checked(rest.len().saturating_sub(tail))?;
            let index = self.take()?;
            let start = index.wrapping_mul(self.size);
            self.bytes
                .get_mut(start..start.wrapping_add(piece.len()))?
                .copy_from_slice(piece);
            *self.links.get_mut(index)? = first;
            first = Link::to(index);
            rest = head;
        }
        Some(Chain {
            first,
            len: value.len() as u32,
        })
    }

    /// Gives the chain's blocks back.
    pub(crate) fn release(&mut self, chain: Chain) {
        let mut at = chain.first;
        while let Some(link) = at.index().and_then(|i| self.links.get_mut(i)) {
            let next = *link;
            *link = self.free;
            self.free = at;
            self.used = self.used.wrapping_sub(1);
            at = next;
        }
    }

    /// The chain's bytes, piece by piece.
    pub(crate) fn pieces(&self, chain: Chain) -> Pieces<'_> {
        Pieces {
            pool: self,
            at: chain.first,
            left: chain.len as usize,
        }
    }

    /// Copies the chain into `to`; `None` when it does not fit.
    pub(crate) fn copy<'a>(&self, chain: Chain, to: &'a mut [u8]) -> Option<&'a [u8]> {
        let to = to.get_mut(..chain.len as usize)?;
        let mut at = 0usize;
        for piece in self.pieces(chain) {
            let end = at.wrapping_add(piece.len());
            to.get_mut(at..end)?.copy_from_slice(piece);
            at = end;
        }
        Some(to)
    }

    fn take(&mut self) -> Option<usize> {
        let index = match self.free.index() {
            Some(index) => {
                self.free = *self.links.get(index)?;
                index
            }
            None if self.fresh < self.links.len() => {
                let index = self.fresh;
                self.fresh = index.wrapping_add(1);
                index
            }
            None => return None,
        };
        self.used = self.used.wrapping_add(1);
        self.high_water = self.high_water.max(self.used);
        Some(index)
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
        self.at = self.pool.links.get(index).copied().unwrap_or_default();
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
