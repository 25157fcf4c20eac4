//! Names and sets of receivers, kept once each and counted: one that no row has any more goes.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use kernel_link::Slots;

/// What an entry takes beside its text: its slot, its place in the map with the map's spare room,
/// and the reference counts.
const OVERHEAD: usize = 96;

#[derive(Debug)]
struct Slot<T> {
    what: T,
    users: u32,
    generation: u32,
}

/// Texts by number.
#[derive(Debug, Default)]
pub(super) struct Names {
    slots: Vec<Slot<Arc<str>>>,
    free: Vec<u32>,
    by_text: HashMap<Arc<str>, u32, RandomState>,
    bytes: usize,
}

impl Names {
    /// The number of a text, in use once more.
    pub(super) fn take(&mut self, text: &Arc<str>) -> u32 {
        if let Some(number) = self.by_text.get(text) {
            if let Some(slot) = self.slots.get_mut(*number as usize) {
                slot.users += 1;
            }
            return *number;
        }
        // A copy: the giver's may be a part of something larger, and is not ours to count.
        let text: Arc<str> = Arc::from(&**text);
        self.bytes += text.len() + OVERHEAD;
        let number = occupy(&mut self.slots, &mut self.free, text.clone());
        self.by_text.insert(text, number);
        number
    }

    /// One row less has it.
    pub(super) fn give_back(&mut self, number: u32) {
        let Some(slot) = self.slots.get_mut(number as usize) else {
            return;
        };
        slot.users = slot.users.saturating_sub(1);
        if slot.users == 0 {
            self.bytes = self.bytes.saturating_sub(slot.what.len() + OVERHEAD);
            self.by_text.remove(&slot.what);
            slot.what = Arc::default();
            self.free.push(number);
        }
    }

    pub(super) fn text(&self, number: u32) -> &str {
        self.slots.get(number as usize).map_or("", |slot| &slot.what)
    }

    pub(super) fn generation(&self, number: u32) -> u32 {
        self.slots.get(number as usize).map_or(0, |slot| slot.generation)
    }

    pub(super) fn len(&self) -> usize {
        self.by_text.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Sets of receivers by number.
#[derive(Debug, Default)]
pub(super) struct Sets {
    slots: Vec<Slot<Slots>>,
    free: Vec<u32>,
    by_bits: HashMap<u128, u32, RandomState>,
}

impl Sets {
    /// The number of a set, in use once more.
    pub(super) fn take(&mut self, set: &Slots) -> u32 {
        let bits = bits(set);
        if let Some(number) = self.by_bits.get(&bits) {
            if let Some(slot) = self.slots.get_mut(*number as usize) {
                slot.users += 1;
            }
            return *number;
        }
        let number = occupy(&mut self.slots, &mut self.free, *set);
        self.by_bits.insert(bits, number);
        number
    }

    /// One row less has it.
    pub(super) fn give_back(&mut self, number: u32) {
        let Some(slot) = self.slots.get_mut(number as usize) else {
            return;
        };
        slot.users = slot.users.saturating_sub(1);
        if slot.users == 0 {
            self.by_bits.remove(&bits(&slot.what));
            self.free.push(number);
        }
    }

    pub(super) fn get(&self, number: u32) -> Slots {
        self.slots
            .get(number as usize)
            .map_or_else(Slots::default, |slot| slot.what)
    }

    pub(super) fn generation(&self, number: u32) -> u32 {
        self.slots.get(number as usize).map_or(0, |slot| slot.generation)
    }

    pub(super) fn bytes(&self) -> usize {
        self.by_bits.len() * (OVERHEAD + 16)
    }
}

fn occupy<T>(slots: &mut Vec<Slot<T>>, free: &mut Vec<u32>, what: T) -> u32 {
    match free.pop() {
        Some(number) => {
            if let Some(slot) = slots.get_mut(number as usize) {
                *slot = Slot {
                    what,
                    users: 1,
                    generation: slot.generation.wrapping_add(1),
                };
            }
            number
        }
        None => {
            slots.push(Slot {
                what,
                users: 1,
                generation: 0,
            });
            (slots.len() - 1) as u32
        }
    }
}

fn bits(set: &Slots) -> u128 {
    set.iter().fold(0, |bits, plugin| bits | 1 << plugin)
}
