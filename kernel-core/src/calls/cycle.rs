//! Whether a call would wait for itself.

use super::Phase;
use crate::id::{CallId, PluginId};
use crate::kernel::Core;
use crate::log::PluginSet;

impl Core {
    /// True when `callee` cannot answer before `caller` does: it is in the chain of calls that led
    /// here, or it waits, directly or through others, for a call that `caller` has to answer.
    /// Only a caller that is `serial`, which handles one message at a time, is waited for in that way.
    pub(super) fn closes_cycle(
        &self,
        caller: PluginId,
        serial: bool,
        callee: PluginId,
        parent: Option<CallId>,
    ) -> bool {
        caller == callee
            || parent.is_some_and(|parent| self.led_to(parent, callee))
            || (serial && self.awaits(callee, caller))
    }

    /// True when `who` made `call` or one of those it was made for.
    fn led_to(&self, call: CallId, who: PluginId) -> bool {
        let mut at = call;
        for _ in 0..self.calls.slots.len() {
            let Some(slot) = self.calls.get(at) else {
                break;
            };
            if slot.caller == who {
                return true;
            }
            at = slot.parent;
        }
        false
    }

    /// True when `who` waits, directly or through others, for `caller`.
    fn awaits(&self, who: PluginId, caller: PluginId) -> bool {
        let waits = |who: PluginId| {
            self.plugins
                .get(who)
                .is_some_and(|plugin| plugin.serial && plugin.open_calls > 0)
        };
        if !waits(who) {
            return false;
        }
        let mut blocked = PluginSet::default();
        blocked.insert(who.index());
        loop {
            let before = blocked;
            for (_, slot) in (0..self.calls.extent()).filter_map(|index| self.calls.at(index)) {
                if slot.phase != Phase::Done && blocked.contains(slot.caller.index()) && waits(slot.caller) {
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
