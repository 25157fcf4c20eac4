//! Memory of a fixed size: tables, a byte pool, and names made at run time. Nothing here knows of plugins.

mod names;
mod pool;
mod table;

use crate::fault::{Capacity, Fault};

pub(crate) use names::Names;
pub(crate) use names::Text;
pub(crate) use pool::{Pool, Span};
pub use table::{Link, Slot};
pub(crate) use table::{Table, name_hash};

/// What memory holds before the kernel uses it. All zero, so that a `static` of it costs no flash.
pub trait Empty {
    /// The unused value.
    const EMPTY: Self;
}

impl Empty for u8 {
    const EMPTY: u8 = 0;
}

impl Empty for u32 {
    const EMPTY: u32 = 0;
}

/// How much of a capacity is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// Used now.
    pub used: u32,
    /// The most that was ever used at the same time.
    pub high_water: u32,
    /// All there is.
    pub capacity: u32,
}

impl Usage {
    pub(crate) fn of(capacity: usize) -> Self {
        Usage {
            capacity: capacity as u32,
            ..Usage::default()
        }
    }

    pub(crate) fn take(&mut self, count: u32) {
        self.used = self.used.wrapping_add(count);
        self.high_water = self.high_water.max(self.used);
    }

    pub(crate) fn give(&mut self, count: u32) {
        self.used = self.used.saturating_sub(count);
    }

    /// Whether so much more is free.
    pub(crate) fn check(self, more: u32, capacity: Capacity) -> Result<(), Fault> {
        match more <= self.free() {
            true => Ok(()),
            false => Err(self.full(capacity)),
        }
    }

    /// The fault that says that all is used.
    pub(crate) fn full(self, capacity: Capacity) -> Fault {
        Fault::Full {
            capacity,
            size: self.capacity,
        }
    }

    /// What is free.
    pub fn free(&self) -> u32 {
        self.capacity.saturating_sub(self.used)
    }
}

/// Keeps `waker` in `slot`, unless the one there wakes the same task.
pub(crate) fn keep_waker(slot: &mut Option<core::task::Waker>, waker: &core::task::Waker) {
    if !slot.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
        *slot = Some(waker.clone());
    }
}
