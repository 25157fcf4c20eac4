//! The lives of plugins: their slots, private to this module, and every transition.
//!
//! ```text
//!            load          start           stop           unload
//! UNLOADED ───────▶ LOADED ───────▶ STARTED ──────▶ STOPPED ───────▶ UNLOADED
//!                     │                ▲               │
//!                     │                └───── start ───┘
//!  any hook that fails, hangs or panics ──▶ FAILED ── a new goal ──▶ LOADED …
//! ```
//!
//! Whoever manages a plugin sets its *goal*; the plugin's own task takes one step at a time towards it. So a
//! command never runs plugin code, and a plugin that does not obey is seen by its deadline alone. A plugin that
//! failed stays so until somebody sets its goal again: restarts are a supervisor's opinion.

mod metadata;
mod slot;
mod states;

pub use metadata::{PluginMetadata, RestartPolicy};
#[cfg(feature = "large")]
pub(crate) use slot::Attached;
pub use slot::PluginSlot;
pub(crate) use slot::{About, Ended, Hook, Wanted};
pub use states::{PluginCounters, PluginState};

use core::task::Waker;

use crate::bus::Overflow;
use crate::fault::{Capacity, Fault};
use crate::id::{MAX_PLUGINS, PluginId};
use crate::mem::{Empty, Names, Usage};
use crate::time::{Deadline, Instant};

/// All plugins.
pub(crate) struct Lives {
    slots: &'static mut [PluginSlot],
    usage: Usage,
}

/// What is due.
pub(crate) enum Due {
    /// The plugin did not come to an end in time: why, and in which hook.
    Hung(PluginId, &'static str, &'static str),
    /// It is to take a step.
    Tick(usize),
}

impl Lives {
    pub(crate) fn new(slots: &'static mut [PluginSlot]) -> Self {
        let most = slots.len().min(MAX_PLUGINS);
        let slots = slots.get_mut(..most).unwrap_or_default();
        Lives {
            usage: Usage::of(slots.len()),
            slots,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// The plugin that is installed in this slot.
    pub(crate) fn at(&self, index: usize) -> Option<&PluginSlot> {
        self.slots.get(index).filter(|slot| slot.is_installed())
    }

    pub(crate) fn at_mut(&mut self, index: usize) -> Option<&mut PluginSlot> {
        self.slots.get_mut(index).filter(|slot| slot.is_installed())
    }

    /// The plugin, when this life of it is the present one.
    #[inline]
    pub(crate) fn get_mut(&mut self, id: PluginId) -> Option<&mut PluginSlot> {
        self.slots
            .get_mut(id.index())
            .filter(|slot| slot.id() == id && slot.is_installed())
    }

    pub(crate) fn get(&self, id: PluginId) -> Option<&PluginSlot> {
        self.at(id.index()).filter(|slot| slot.id() == id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &PluginSlot)> {
        let slots = self.slots.iter().enumerate();
        slots.filter(|(_, slot)| slot.is_installed())
    }

    /// The slot of the plugin with this name.
    pub(crate) fn find(&self, name: &str, names: &Names) -> Option<usize> {
        self.iter()
            .find(|(_, slot)| slot.name(names) == name)
            .map(|(index, _)| index)
    }

    /// Takes a slot for a plugin whose name nobody has.
    pub(crate) fn install(&mut self, about: About) -> Result<PluginId, Fault> {
        let full = self.usage.full(Capacity::Plugins);
        let index = self
            .slots
            .iter()
            .position(|slot| !slot.is_installed())
            .ok_or(full)?;
        let slot = self.slots.get_mut(index).ok_or(full)?;
        slot.install(index, about);
        let id = slot.id();
        self.usage.take(1);
        Ok(id)
    }

    /// Empties a slot, giving back what described the plugin.
    #[cfg(feature = "large")]
    pub(crate) fn uninstall(&mut self, index: usize, names: &mut Names) {
        if let Some(slot) = self.at_mut(index) {
            slot.uninstall(names);
            self.usage.give(1);
        }
    }

    /// What is due, one after the other; when nothing is, the next deadline.
    pub(crate) fn expire(&mut self, now: Instant) -> Result<Due, Deadline> {
        let mut next = Deadline::NONE;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if !slot.is_installed() {
                continue;
            }
            if let Some(code) = slot.overdue(now) {
                return Ok(Due::Hung(slot.id(), code, slot.hook().name()));
            }
            if slot.take_tick_wake(now) {
                return Ok(Due::Tick(index));
            }
            next = next.first(slot.next_due());
        }
        Err(next)
    }

    /// Who makes publishers wait while started.
    pub(crate) fn overflow(&self, index: usize) -> Overflow {
        self.at(index).map_or(Overflow::DropOldest, PluginSlot::overflow)
    }

    /// What wakes the plugin's task.
    #[inline]
    pub(crate) fn waker(&self, index: usize) -> Option<&Waker> {
        self.slots.get(index).and_then(PluginSlot::waker)
    }
}

impl Empty for PluginSlot {
    const EMPTY: Self = PluginSlot::VACANT;
}
