//! Fixed tables with a free list and, where they are looked up by hash, chained buckets.
//!
//! Where slots are many, a tag of each one's hash lies beside the links, so that a search reads hardly a
//! slot but the one it is for.
//!
//! Links are slot numbers plus one, so that an all-zero table is an empty one and a static store
//! costs no flash.

/// A slot number plus one; zero is "none".
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Link(u16);

impl crate::fixed::Empty for Link {
    const EMPTY: Link = Link::NONE;
}

impl Link {
    pub(crate) const NONE: Link = Link(0);

    pub(crate) const fn to(index: usize) -> Link {
        Link((index as u16).wrapping_add(1))
    }

    pub(crate) const fn index(self) -> Option<usize> {
        match self.0 {
            0 => None,
            n => Some(n.wrapping_sub(1) as usize),
        }
    }
}

/// As much of `slots` as links can reach: the first 65,535.
pub(crate) fn linkable<T>(slots: &'static mut [T]) -> &'static mut [T] {
    let len = slots.len().min(u16::MAX as usize);
    slots.split_at_mut(len).0
}

/// How full a capacity is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "link", derive(serde::Serialize, serde::Deserialize))]
pub struct Usage {
    /// How much is in use now.
    pub used: usize,
    /// The most that was ever in use.
    pub high_water: usize,
    /// How much there is.
    pub capacity: usize,
}

impl Usage {
    pub(crate) fn set_used(&mut self, used: usize) {
        self.used = used;
        self.high_water = self.high_water.max(used);
    }
}

/// Which of a row of places are free: a link for each, to the next free one or to where its owner likes.
pub(crate) struct Slab {
    links: &'static mut [Link],
    free: Link,
    fresh: u16,
    used: u16,
    high_water: u16,
}

impl Slab {
    pub(crate) fn new(links: &'static mut [Link]) -> Self {
        Slab {
            links: linkable(links),
            free: Link::NONE,
            fresh: 0,
            used: 0,
            high_water: 0,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            used: self.used as usize,
            high_water: self.high_water as usize,
            capacity: self.links.len(),
        }
    }

    /// How many places are free.
    pub(crate) fn left(&self) -> usize {
        self.links.len().saturating_sub(self.used as usize)
    }

    /// The number of places that were ever in use.
    pub(crate) fn extent(&self) -> usize {
        self.fresh as usize
    }

    /// Takes a free place.
    #[inline(never)]
    pub(crate) fn take(&mut self) -> Option<usize> {
        let index = match self.free.index() {
            Some(index) => {
                self.free = self.link(index);
                index
            }
            None if self.extent() < self.links.len() => {
                self.fresh = self.fresh.wrapping_add(1);
                self.extent().wrapping_sub(1)
            }
            None => return None,
        };
        self.used = self.used.wrapping_add(1);
        self.high_water = self.high_water.max(self.used);
        Some(index)
    }

    /// Gives a place back.
    #[inline(never)]
    pub(crate) fn give(&mut self, index: usize) {
        self.set_link(index, self.free);
        self.free = Link::to(index);
        self.used = self.used.wrapping_sub(1);
    }

    /// What a place in use links to.
    pub(crate) fn link(&self, index: usize) -> Link {
        self.links.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn set_link(&mut self, index: usize, to: Link) {
        if let Some(link) = self.links.get_mut(index) {
            *link = to;
        }
    }
}

/// Whether there are tags. A chip's few slots are as near as tags would be.
const TAGGED: bool = cfg!(target_pointer_width = "64");

/// Links for a table of `slots`.
pub(crate) const fn links(slots: usize) -> usize {
    let tags = if TAGGED { slots } else { 0 };
    slots
        .saturating_add(tags)
        .saturating_add(slots.next_power_of_two())
}

/// The places of a [`Table`], chained by hash.
struct Chains {
    /// The buckets' first places; a power of two of them.
    heads: &'static mut [Link],
    /// The upper halves of the hashes that the places are filed under, when they are [`TAGGED`].
    tags: &'static mut [Link],
    slab: Slab,
}

impl Chains {
    /// The bucket of a hash.
    fn head(&self, hash: u32) -> usize {
        // The heads are a power of two, so the mask is the remainder; no heads, bucket 0.
        (hash as usize) & self.heads.len().saturating_sub(1)
    }

    fn first(&self, hash: u32) -> Link {
        self.heads.get(self.head(hash)).copied().unwrap_or_default()
    }

    /// Takes a place and files it under the hash.
    #[inline(never)]
    fn file(&mut self, hash: u32) -> Option<usize> {
        let index = self.slab.take()?;
        let bucket = self.head(hash);
        if let Some(head) = self.heads.get_mut(bucket) {
            self.slab.set_link(index, *head);
            *head = Link::to(index);
        }
        if let Some(place) = self.tags.get_mut(index) {
            *place = tag(hash);
        }
        Some(index)
    }

    /// Gives a place back that was filed under the hash.
    #[inline(never)]
    fn unfile(&mut self, index: usize, hash: u32) {
        let here = Link::to(index);
        let after = self.slab.link(index);
        let bucket = self.head(hash);
        match self.heads.get_mut(bucket) {
            Some(head) if *head == here => *head = after,
            _ => {
                let mut at = self.first(hash);
                while let Some(index) = at.index() {
                    at = self.slab.link(index);
                    if at == here {
                        self.slab.set_link(index, after);
                        break;
                    }
                }
            }
        }
        self.slab.give(index);
    }
}

/// The half of a hash that tells apart what is in one bucket.
fn tag(hash: u32) -> Link {
    Link((hash >> 16) as u16)
}

/// A slab of slots, found by hash.
pub(crate) struct Table<T: 'static> {
    slots: &'static mut [T],
    chains: Chains,
}

impl<T> Table<T> {
    /// A table of `slots`, and as many [`links`] as it takes.
    pub(crate) fn new(slots: &'static mut [T], links: &'static mut [Link]) -> Self {
        let slots = linkable(slots);
        let (links, rest) = links.split_at_mut_checked(slots.len()).unwrap_or_default();
        let tags = if TAGGED { slots.len() } else { 0 };
        let (tags, heads) = rest.split_at_mut_checked(tags).unwrap_or_default();
        Table {
            slots,
            chains: Chains {
                heads,
                tags,
                slab: Slab::new(links),
            },
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.chains.slab.usage()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.chains.slab.left() == 0
    }

    /// The number of slots that were ever in use: where a walk over all of them may end.
    pub(crate) fn extent(&self) -> usize {
        self.chains.slab.extent()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.slots.get(index)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.slots.get_mut(index)
    }

    /// Puts `value` into a free slot and files it under `hash`; gives it back when full.
    pub(crate) fn insert(&mut self, hash: u32, value: T) -> Result<usize, T> {
        match self.chains.file(hash) {
            Some(index) => {
                if let Some(slot) = self.slots.get_mut(index) {
                    *slot = value;
                }
                Ok(index)
            }
            None => Err(value),
        }
    }

    /// Unfiles the slot that was filed under `hash`, puts `empty` in its place and gives back what was
    /// there.
    pub(crate) fn remove(&mut self, index: usize, hash: u32, empty: T) -> Option<T> {
        let slot = self.slots.get_mut(index)?;
        let value = core::mem::replace(slot, empty);
        self.chains.unfile(index, hash);
        Some(value)
    }

    /// The first slot of the bucket of `hash`; go on with [`Table::next`].
    pub(crate) fn first(&self, hash: u32) -> Option<usize> {
        self.chains.first(hash).index()
    }

    pub(crate) fn next(&self, index: usize) -> Option<usize> {
        self.chains.slab.link(index).index()
    }

    /// The slot filed under `hash` that `is` accepts.
    pub(crate) fn find(&self, hash: u32, is: impl Fn(&T) -> bool) -> Option<usize> {
        let tag = tag(hash);
        let mut at = self.first(hash);
        while let Some(index) = at {
            let tagged = !TAGGED || self.chains.tags.get(index) == Some(&tag);
            if tagged && self.slots.get(index).is_some_and(&is) {
                break;
            }
            at = self.next(index);
        }
        at
    }
}

/// The hash that services and state values are filed under.
///
/// It does not withstand an attacker: a table stays correct when all hashes are equal.
pub(crate) fn hash_of(text: &str) -> u32 {
    let bytes = text.as_bytes();
    if cfg!(target_pointer_width = "64") {
        wide_hash(bytes)
    } else {
        crate::subject::hash(bytes)
    }
}

/// Eight bytes a step, each folded in by a multiplication to twice the width.
fn wide_hash(bytes: &[u8]) -> u32 {
    let fold = |state: u64, word: u64| {
        let product = (state ^ word) as u128 * 0x9e37_79b9_7f4a_7c15;
        product as u64 ^ (product >> 64) as u64
    };
    let words = bytes.as_chunks().0;
    let state = words.iter().fold(!(bytes.len() as u64), |state, word| {
        fold(state, u64::from_le_bytes(*word))
    });
    // It may overlap the word before it.
    let last = match (bytes.last_chunk(), bytes.first_chunk(), bytes.last_chunk()) {
        (Some(last), ..) => u64::from_le_bytes(*last),
        (None, Some(first), Some(last)) => {
            (u32::from_le_bytes(*first) as u64) << 32 | u32::from_le_bytes(*last) as u64
        }
        _ => bytes.iter().fold(0, |last, byte| last << 8 | *byte as u64),
    };
    fold(state, last) as u32
}

#[cfg(test)]
mod tests {
    use std::prelude::rust_2024::*;

    use super::{hash_of, wide_hash};

    /// The most texts in one of 256 buckets, of 4,096 texts.
    fn fullest(texts: impl Iterator<Item = String>, hash: fn(&str) -> u32) -> usize {
        let mut buckets = [0usize; 256];
        texts.for_each(|text| buckets[hash(&text) as usize & 255] += 1);
        buckets.iter().copied().max().unwrap_or(0)
    }

    #[test]
    fn names_that_differ_anywhere_spread() {
        let hashes: [fn(&str) -> u32; 4] = [
            hash_of,
            |text| hash_of(text) >> 16,
            |text| wide_hash(text.as_bytes()),
            |text| wide_hash(text.as_bytes()) >> 16,
        ];
        for hash in hashes {
            for after in ["", ".a", ".on", ".lamp", ".value", ".battery", ".brightness"] {
                let texts = (0..4096).map(|n| format!("d{:02}.s{:02}{after}", n / 64, n % 64));
                let most = fullest(texts, hash);
                assert!(most <= 40, "{most} before {after:?}");
            }
            let most = fullest((0..4096).map(|n| format!("{n}")), hash);
            assert!(most <= 40, "{most} numbers");
        }
    }
}
