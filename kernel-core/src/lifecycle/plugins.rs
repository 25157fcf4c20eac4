//! The table of plugins, with the last error of each.

use super::{Meta, PluginSlot};
use crate::bus::Overflow;
use crate::error::cut;
use crate::fixed::Empty;
use crate::id::{CallId, Cause, PluginId};
use crate::table::Usage;
use crate::time::micros;

/// All plugins.
pub(crate) struct Plugins {
    slots: &'static mut [PluginSlot],
    errors: &'static mut [u8],
    error_size: usize,
    blockers: usize,
    installed: Usage,
    handler_budget: Option<u64>,
}

impl Plugins {
    pub(crate) fn new(
        slots: &'static mut [PluginSlot],
        errors: &'static mut [u8],
        error_size: usize,
    ) -> Self {
        let capacity = slots.len().min(crate::log::MAX_PLUGINS);
        let installed = Usage {
            capacity,
            ..Usage::default()
        };
        Plugins {
            slots,
            errors,
            error_size: error_size.min(255),
            blockers: 0,
            installed,
            handler_budget: None,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.installed
    }

    /// Sets the handler budget of all plugins, in microseconds.
    pub(crate) fn set_handler_budget(&mut self, budget: u64) {
        self.handler_budget = Some(budget);
        for slot in self.slots.iter_mut() {
            slot.handler_budget = narrow(budget);
        }
    }

    /// The slot, when a plugin is installed there.
    pub(crate) fn at(&self, index: usize) -> Option<&PluginSlot> {
        self.slots
            .get(index)
            .filter(|slot| !matches!(slot.meta, Meta::Vacant))
    }

    pub(crate) fn at_mut(&mut self, index: usize) -> Option<&mut PluginSlot> {
        self.slots
            .get_mut(index)
            .filter(|slot| !matches!(slot.meta, Meta::Vacant))
    }

    /// The plugin, when this life of it is the present one.
    pub(crate) fn get(&self, id: PluginId) -> Option<&PluginSlot> {
        self.at(id.index()).filter(|slot| slot.life == id.life)
    }

    pub(crate) fn get_mut(&mut self, id: PluginId) -> Option<&mut PluginSlot> {
        self.at_mut(id.index()).filter(|slot| slot.life == id.life)
    }

    /// The installed plugins' slots.
    pub(crate) fn indices(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.installed.capacity
    }

    /// How many plugins make publishers wait.
    pub(crate) fn blockers(&self) -> usize {
        self.blockers
    }

    /// What the plugin is doing now, as the cause of what it publishes.
    pub(crate) fn cause_of(&self, who: PluginId) -> Cause {
        self.get(who).map_or(Cause::None, PluginSlot::handling)
    }

    /// The call the plugin is answering now.
    pub(crate) fn answering(&self, who: PluginId) -> Option<CallId> {
        match self.cause_of(who) {
            Cause::Call(id) => Some(id),
            _ => None,
        }
    }

    /// A vacant slot; the one used longest ago is not looked for.
    pub(crate) fn vacant(&self) -> Option<usize> {
        self.indices().find(|index| {
            self.slots
                .get(*index)
                .is_some_and(|s| matches!(s.meta, Meta::Vacant))
        })
    }

    pub(crate) fn install(&mut self, index: usize, meta: Meta) -> Option<PluginId> {
        let slot = self.slots.get_mut(index)?;
        let life = slot.life.wrapping_add(1);
        *slot = PluginSlot {
            meta,
            life,
            first_life: life,
            ..PluginSlot::EMPTY
        };
        // Rounded up: no handler is cut off before its time.
        let limit = slot.metadata().handler_timeout;
        let millis = limit.as_secs().saturating_mul(1000);
        let millis = millis.saturating_add(limit.subsec_micros().div_ceil(1000) as u64);
        slot.handler_limit = narrow(millis);
        slot.handler_budget = narrow(
            self.handler_budget
                .unwrap_or(micros(slot.metadata().handler_budget)),
        );
        self.installed.set_used(self.installed.used.wrapping_add(1));
        if slot.overflow() == Overflow::Block {
            self.blockers = self.blockers.wrapping_add(1);
        }
        let id = slot.id(index);
        self.set_error(index, "", "");
        Some(id)
    }

    /// Empties the slot and gives back what described the plugin.
    #[cfg(feature = "link")]
    pub(crate) fn uninstall(&mut self, index: usize) -> Option<Meta> {
        let slot = self.at_mut(index)?;
        let blocks = slot.overflow() == Overflow::Block;
        let meta = core::mem::take(&mut slot.meta);
        slot.life = slot.life.wrapping_add(1);
        self.installed.set_used(self.installed.used.wrapping_sub(1));
        if blocks {
            self.blockers = self.blockers.wrapping_sub(1);
        }
        Some(meta)
    }

    /// The last error: its code and message, empty when there is none.
    pub(crate) fn error(&self, index: usize) -> (&str, &str) {
        let Some(slot) = self.at(index) else {
            return ("", "");
        };
        let start = index.wrapping_mul(self.error_size);
        let end = start.wrapping_add(slot.error.1 as usize);
        let text = core::str::from_utf8(self.errors.get(start..end).unwrap_or(&[])).unwrap_or("");
        text.split_at_checked(slot.error.0 as usize).unwrap_or(("", ""))
    }

    pub(crate) fn set_error(&mut self, index: usize, code: &str, message: &str) {
        let code = cut(code, self.error_size);
        let message = cut(message, self.error_size.saturating_sub(code.len()));
        let start = index.wrapping_mul(self.error_size);
        let middle = start.wrapping_add(code.len());
        let end = middle.wrapping_add(message.len());
        if let Some(bytes) = self.errors.get_mut(start..middle) {
            bytes.copy_from_slice(code.as_bytes());
        }
        if let Some(bytes) = self.errors.get_mut(middle..end) {
            bytes.copy_from_slice(message.as_bytes());
        }
        if let Some(slot) = self.slots.get_mut(index) {
            slot.error = (code.len() as u8, end.wrapping_sub(start) as u8);
        }
    }
}

/// A span in 32 bits; a longer one is for ever.
fn narrow(span: u64) -> u32 {
    u32::try_from(span).unwrap_or(u32::MAX)
}
