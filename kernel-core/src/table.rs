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

/// A slot of a [`Table`].
pub(crate) trait Slot {
    /// The next slot of the bucket, or of the free list.
    fn link(&self) -> Link;
    /// Chains another slot behind this one.
    fn set_link(&mut self, link: Link);
    /// The hash the slot is filed under.
    fn hash(&self) -> u32;
}

/// A slab of slots; `heads` are its hash buckets, a power of two of them.
pub(crate) struct Table<T: 'static> {
    slots: &'static mut [T],
    heads: &'static mut [Link],
    free: Link,
    fresh: usize,
    used: usize,
    high_water: usize,
}

impl<T: Slot> Table<T> {
    pub(crate) fn new(slots: &'static mut [T], heads: &'static mut [Link]) -> Self {
        Table {
            slots: linkable(slots),
            heads,
            free: Link::NONE,
            fresh: 0,
            used: 0,
            high_water: 0,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            used: self.used,
            high_water: self.high_water,
            capacity: self.slots.len(),
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.used >= self.slots.len()
    }

    /// The number of slots that were ever in use: where a walk over all of them may end.
    pub(crate) fn extent(&self) -> usize {
        self.fresh
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.slots.get(index)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.slots.get_mut(index)
    }

    /// Puts `value` into a free slot and files it under its hash; gives it back when full.
    pub(crate) fn insert(&mut self, mut value: T) -> Result<usize, T> {
        let index = match self.free.index() {
            Some(index) => index,
            None => self.fresh,
        };
        let bucket = self.bucket(value.hash());
        let Some(slot) = self.slots.get_mut(index) else {
            return Err(value);
        };
        if self.free == Link::NONE {
            self.fresh = self.fresh.wrapping_add(1);
        } else {
            self.free = slot.link();
        }
        value.set_link(Link::NONE);
        if let Some(head) = self.heads.get_mut(bucket) {
            value.set_link(*head);
            *head = Link::to(index);
        }
        *slot = value;
        self.used = self.used.wrapping_add(1);
        self.high_water = self.high_water.max(self.used);
        Ok(index)
    }

    /// Unfiles the slot, puts `empty` in its place and gives back what was there.
    pub(crate) fn remove(&mut self, index: usize, empty: T) -> Option<T> {
        let bucket = self.bucket(self.slots.get(index)?.hash());
        let after = self.slots.get(index)?.link();
        let mut at = self.heads.get(bucket).copied().unwrap_or_default();
        if at == Link::to(index) {
            if let Some(head) = self.heads.get_mut(bucket) {
                *head = after;
            }
        } else {
            while let Some(slot) = at.index().and_then(|i| self.slots.get_mut(i)) {
                let next = slot.link();
                if next == Link::to(index) {
                    slot.set_link(after);
                    break;
                }
                at = next;
            }
        }
        let free = self.free;
        let slot = self.slots.get_mut(index)?;
        let value = core::mem::replace(slot, empty);
        slot.set_link(free);
        self.free = Link::to(index);
        self.used = self.used.wrapping_sub(1);
        Some(value)
    }

    /// The first slot of the bucket of `hash`; go on with [`Table::next`].
    pub(crate) fn first(&self, hash: u32) -> Option<usize> {
        self.heads.get(self.bucket(hash))?.index()
    }

    pub(crate) fn next(&self, index: usize) -> Option<usize> {
        self.slots.get(index)?.link().index()
    }

    /// The slot filed under `hash` that `is` accepts.
    pub(crate) fn find(&self, hash: u32, is: impl Fn(&T) -> bool) -> Option<usize> {
        let mut at = self.first(hash);
        while let Some(index) = at {
            if self
                .slots
                .get(index)
                .is_some_and(|slot| slot.hash() == hash && is(slot))
            {
                return Some(index);
            }
            at = self.next(index);
        }
        None
    }

    fn bucket(&self, hash: u32) -> usize {
        // The heads are a power of two, so the mask is the remainder; no heads, bucket 0.
        (hash as usize) & self.heads.len().saturating_sub(1)
    }
}
