//! Whether a call would wait for itself.

use super::{Calls, Phase};
use crate::id::{CallId, PluginId, PluginSet};

impl Calls {
    /// True when `callee` cannot answer before `caller` does: it is in the chain of calls that led
    /// here, or it waits, directly or through others, for a call that `caller` has to answer.
    /// Only a plugin that handles one message at a time is waited for in that second way.
    pub(crate) fn closes_cycle(&self, caller: PluginId, callee: PluginId, parent: CallId) -> bool {
        caller == callee
            || self.led_to(parent, callee)
            || (self.is_serial(caller.index()) && self.awaits(callee, caller))
    }

    fn is_serial(&self, index: usize) -> bool {
        self.callees.get(index).is_some_and(|plugin| plugin.serial)
    }

    /// True when `who` made `call` or one of those it was made for.
    fn led_to(&self, call: CallId, who: PluginId) -> bool {
        let mut at = self.get(call);
        for _ in 0..self.slots.len() {
            let Some(slot) = at else { return false };
            if slot.caller == who {
                return true;
            }
            at = self.get(slot.parent);
        }
        false
    }

    /// True when a serial plugin has made calls that are not done.
    fn waits(&self, index: usize) -> bool {
        self.is_serial(index) && self.open_by(index) > 0
    }

    /// True when `who` waits, directly or through others, for `caller`.
    fn awaits(&self, who: PluginId, caller: PluginId) -> bool {
        if !self.waits(who.index()) {
            return false;
        }
        let mut blocked = PluginSet::EMPTY;
        blocked.insert(who.index());
        loop {
            let before = blocked;
            for slot in (0..self.extent).filter_map(|index| self.at(index)) {
                if slot.phase != Phase::Done
                    && blocked.contains(slot.caller.index())
                    && self.waits(slot.caller.index())
                {
                    if slot.callee == caller {
                        return true;
                    }
                    blocked.insert(slot.callee.index());
                }
            }
            if blocked == before {
                return false;
            }
        }
    }
}
