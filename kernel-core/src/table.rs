//! Fixed tables with a free list and, where they are looked up by hash, chained buckets.
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

/// The places of a [`Table`], chained by hash.
struct Chains {
    /// The buckets' first places; a power of two of them.
    heads: &'static mut [Link],
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

/// A slot of a [`Table`].
pub(crate) trait Slot {
    /// The hash the slot is filed under.
    fn hash(&self) -> u32;
}

/// A slab of slots, found by hash.
pub(crate) struct Table<T: 'static> {
    slots: &'static mut [T],
    chains: Chains,
}

impl<T: Slot> Table<T> {
    /// A table of `slots`; `links` are one for each, and buckets.
    pub(crate) fn new(slots: &'static mut [T], links: &'static mut [Link]) -> Self {
        let slots = linkable(slots);
        let (links, heads) = links.split_at_mut_checked(slots.len()).unwrap_or_default();
        Table {
            slots,
            chains: Chains {
                heads,
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

    /// Puts `value` into a free slot and files it under its hash; gives it back when full.
    pub(crate) fn insert(&mut self, value: T) -> Result<usize, T> {
        match self.chains.file(value.hash()) {
            Some(index) => {
                if let Some(slot) = self.slots.get_mut(index) {
                    *slot = value;
                }
                Ok(index)
            }
            None => Err(value),
        }
    }

    /// Unfiles the slot, puts `empty` in its place and gives back what was there.
    pub(crate) fn remove(&mut self, index: usize, empty: T) -> Option<T> {
        let slot = self.slots.get_mut(index)?;
        let value = core::mem::replace(slot, empty);
        self.chains.unfile(index, value.hash());
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
        let mut at = self.first(hash);
        while let Some(index) = at {
            if self.slots.get(index).is_some_and(&is) {
                break;
            }
            at = self.next(index);
        }
        at
    }
}
