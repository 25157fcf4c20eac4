//! A table with a fixed number of places. With the feature `large` a value is found by the hash of its
//! key (separate chaining over the places' numbers), without it by looking at each.

use super::{Empty, Usage};

/// The number of a place plus one; zero is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Link(u16);

impl Empty for Link {
    const EMPTY: Link = Link(0);
}

impl Link {
    /// The most places that links can tell apart.
    pub(crate) const MOST: usize = u16::MAX as usize - 1;

    pub(crate) const fn to(index: usize) -> Link {
        Link((index as u16).wrapping_add(1))
    }

    pub(crate) const fn index(self) -> Option<usize> {
        match self.0 {
            0 => None,
            link => Some(link.wrapping_sub(1) as usize),
        }
    }
}

/// A place of a table: opaque memory of a kernel.
#[derive(Debug)]
pub struct Slot<T> {
    value: Option<T>,
    #[cfg(feature = "large")]
    hash: u32,
    #[cfg(feature = "large")]
    next: Link,
}

impl<T> Empty for Slot<T> {
    const EMPTY: Self = Slot {
        value: None,
        #[cfg(feature = "large")]
        hash: 0,
        #[cfg(feature = "large")]
        next: Link::EMPTY,
    };
}

/// The hash of a name: eight bytes a step, after [FxHash](https://github.com/rust-lang/rustc-hash). It does not
/// withstand an attacker: tables stay correct when all hashes are equal. Zero where tables do not hash.
pub(crate) fn name_hash(name: &[u8]) -> u32 {
    if !cfg!(feature = "large") {
        return 0;
    }
    let stir = |state: u64, word: u64| (state.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    let (words, rest) = name.as_chunks::<8>();
    let state = words.iter().fold(name.len() as u64, |state, word| {
        stir(state, u64::from_le_bytes(*word))
    });
    let last = rest
        .iter()
        .fold(0u64, |last, byte| last.wrapping_shl(8) | *byte as u64);
    stir(state, last).wrapping_shr(32) as u32
}

pub(crate) struct Table<T: 'static> {
    slots: &'static mut [Slot<T>],
    /// The first place of each chain.
    #[cfg(feature = "large")]
    heads: &'static mut [Link],
    #[cfg(feature = "large")]
    free: Link,
    /// No place from here on was ever taken.
    extent: usize,
    usage: Usage,
}

impl<T> Table<T> {
    #[cfg_attr(not(feature = "large"), allow(unused_variables))]
    pub(crate) fn new(slots: &'static mut [Slot<T>], heads: &'static mut [Link]) -> Self {
        let most = slots.len().min(Link::MOST);
        let slots = slots.get_mut(..most).unwrap_or_default();
        Table {
            usage: Usage::of(slots.len()),
            slots,
            #[cfg(feature = "large")]
            heads,
            #[cfg(feature = "large")]
            free: Link::EMPTY,
            extent: 0,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// All values are in places below this number.
    pub(crate) fn extent(&self) -> usize {
        self.extent
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.slots.get(index)?.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.slots.get_mut(index)?.value.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let used = self.slots.iter().take(self.extent).enumerate();
        used.filter_map(|(index, slot)| Some((index, slot.value.as_ref()?)))
    }
}

#[cfg(not(feature = "large"))]
impl<T> Table<T> {
    /// Takes a place; `None` when there is none.
    pub(crate) fn insert(&mut self, _: u32, value: T) -> Option<usize> {
        let index = self.slots.iter().position(|slot| slot.value.is_none())?;
        self.slots.get_mut(index)?.value = Some(value);
        self.extent = self.extent.max(index.wrapping_add(1));
        self.usage.take(1);
        Some(index)
    }

    /// Gives a place back.
    pub(crate) fn remove(&mut self, index: usize) -> Option<T> {
        let value = self.slots.get_mut(index)?.value.take()?;
        self.usage.give(1);
        Some(value)
    }

    /// The place of the value that `is` picks.
    pub(crate) fn find(&self, _: u32, mut is: impl FnMut(&T) -> bool) -> Option<usize> {
        self.iter().find(|(_, value)| is(value)).map(|(index, _)| index)
    }
}

#[cfg(feature = "large")]
impl<T> Table<T> {
    /// Takes a place; `None` when there is none.
    pub(crate) fn insert(&mut self, hash: u32, value: T) -> Option<usize> {
        let index = self.free.index().unwrap_or(self.extent);
        let slot = self.slots.get_mut(index)?;
        if index == self.extent {
            self.extent = index.wrapping_add(1);
        } else {
            self.free = slot.next;
        }
        let bucket = bucket(hash, self.heads.len());
        let head = self.heads.get_mut(bucket);
        *slot = Slot {
            value: Some(value),
            hash,
            next: head.as_deref().copied().unwrap_or_default(),
        };
        if let Some(head) = head {
            *head = Link::to(index);
        }
        self.usage.take(1);
        Some(index)
    }

    /// Gives a place back.
    pub(crate) fn remove(&mut self, index: usize) -> Option<T> {
        let slot = self.slots.get_mut(index)?;
        let value = slot.value.take()?;
        let (hash, next) = (slot.hash, slot.next);
        slot.next = self.free;
        self.free = Link::to(index);
        self.usage.give(1);
        let head = self.heads.get_mut(bucket(hash, self.heads.len()))?;
        if head.index() == Some(index) {
            *head = next;
            return Some(value);
        }
        let mut at = head.index();
        while let Some(before) = at.and_then(|at| self.slots.get_mut(at)) {
            if before.next.index() == Some(index) {
                before.next = next;
                break;
            }
            at = before.next.index();
        }
        Some(value)
    }

    /// The place of the value with this hash that `is` picks.
    pub(crate) fn find(&self, hash: u32, mut is: impl FnMut(&T) -> bool) -> Option<usize> {
        let mut at = self.heads.get(bucket(hash, self.heads.len()))?.index();
        while let Some(index) = at {
            let slot = self.slots.get(index)?;
            if slot.hash == hash && slot.value.as_ref().is_some_and(&mut is) {
                return Some(index);
            }
            at = slot.next.index();
        }
        None
    }
}

/// The number of heads is a power of two.
#[cfg(feature = "large")]
fn bucket(hash: u32, heads: usize) -> usize {
    (hash ^ hash.wrapping_shr(16)) as usize & heads.wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::vec::Vec;

    use super::*;

    fn table(len: usize) -> Table<(u32, u32)> {
        let slots = (0..len).map(|_| Slot::EMPTY).collect::<Vec<_>>().leak();
        Table::new(slots, vec![Link::EMPTY; len.next_power_of_two()].leak())
    }

    #[test]
    fn it_finds_what_a_map_finds_while_places_come_and_go() {
        let (mut table, mut model) = (table(20), HashMap::new());
        let mut random = 7u32;
        for _ in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = random >> 27;
            // Many keys share a hash.
            let hash = key % 5;
            match (table.find(hash, |(k, _)| *k == key), model.get(&key)) {
                (Some(index), Some(value)) => {
                    assert_eq!(table.get(index), Some(&(key, *value)));
                    assert_eq!(table.remove(index), Some((key, *value)));
                    model.remove(&key);
                }
                (None, None) => match table.insert(hash, (key, random)) {
                    Some(_) => drop(model.insert(key, random)),
                    None => assert_eq!(model.len(), 20),
                },
                other => panic!("{other:?}"),
            }
            assert_eq!(table.usage().used as usize, model.len());
            assert_eq!(table.iter().count(), model.len());
        }
        assert_eq!(table.usage().high_water, 20);
    }
}
