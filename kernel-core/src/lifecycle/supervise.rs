//! Supervision: goals, failures, restarts, deadlines, and taking back what a life registered.

use super::{Due, Hook, Meta, PluginState};
use crate::error::push_cut;
use crate::id::PluginId;
use crate::json::Writer;
use crate::kernel::Core;
use crate::time::{divide, micros};
use crate::timer::On;

impl Core {
    /// This life is over: everything the plugin registered is taken back, the error is kept, and a
    /// restart is planned where the policy has one left.
    pub(crate) fn fail(&mut self, id: PluginId, code: &str, message: &str) {
        let now = self.now();
        let Some(slot) = self.plugins.get_mut(id) else {
            return;
        };
        let policy = slot.metadata().restart;
        slot.restart_at = Due::NONE;
        let wanted = slot.goal == PluginState::Started && matches!(slot.meta, Meta::Static(_));
        if !wanted {
            slot.goal = PluginState::Failed;
        } else {
            if slot.failures == 0 || now.saturating_sub(slot.window_start) > micros(policy.window) {
                slot.failures = 0;
                slot.window_start = now;
            }
            if slot.failures < policy.restarts {
                let pause = micros(policy.first_pause)
                    .saturating_mul(1u64.wrapping_shl(slot.failures.min(32) as u32))
                    .min(micros(policy.longest_pause));
                slot.failures = slot.failures.wrapping_add(1);
                slot.restart_at = Due::at(now.saturating_add(pause));
            } else {
                slot.goal = PluginState::Failed;
                slot.failures = 0;
            }
        }
        let restart_at = slot.restart_at;
        self.end_life(id, code, message);
        if restart_at == Due::NONE {
            self.fail_waiting();
        } else {
            self.arm(restart_at.get());
        }
    }

    /// Ends this life with an error; the goal stays.
    pub(crate) fn end_life(&mut self, id: PluginId, code: &str, message: &str) {
        self.note_error(id, code, message);
        if let Some(slot) = self.plugins.get_mut(id) {
            slot.goal_due = Due::NONE;
        }
        self.reclaim(id);
        self.enter(id.index(), PluginState::Failed);
    }

    /// Takes back all that this life of a plugin registered, and ends the life.
    pub(crate) fn reclaim(&mut self, id: PluginId) {
        let end = self.bus.log.end();
        self.bus.reroute();
        let Some(slot) = self.plugins.get_mut(id) else {
            return;
        };
        slot.life = slot.life.wrapping_add(1);
        slot.hook = Hook::Idle;
        slot.interval = 0;
        slot.discard_unread(end);
        let waker = slot.take_waker();
        self.wake(waker);
        self.reclaim_filters(id);
        self.reclaim_services(id);
        self.reclaim_calls(id);
        self.reclaim_state(id);
        self.wake_publishers(id.index());
    }

    /// Sets a goal; `due` is when it must be reached.
    pub(crate) fn set_goal(&mut self, index: usize, goal: PluginState, due: u64) {
        let Some(slot) = self.plugins.at_mut(index) else {
            return;
        };
        slot.goal = goal;
        slot.restart_at = Due::NONE;
        slot.failures = 0;
        let waker = slot.take_waker();
        let up = matches!(goal, PluginState::Loaded | PluginState::Started);
        if slot.state == PluginState::Failed && slot.hook == Hook::Idle && !up {
            // Nothing of it runs any more: there is nothing to stop or unload.
            slot.goal = PluginState::Unloaded;
            self.enter(index, PluginState::Unloaded);
        } else if slot.state != goal || slot.hook.is_step() {
            slot.goal_due = Due::at(due);
            self.arm(due);
        }
        self.wake(waker);
        self.wake_waiting(On::Lifecycle);
    }

    /// Fails what hangs, restarts what may be; gives the next deadline.
    pub(crate) fn expire_plugins(&mut self, now: u64) -> u64 {
        let mut next = u64::MAX;
        for index in self.plugins.indices() {
            let Some(slot) = self.plugins.at_mut(index) else {
                continue;
            };
            let id = slot.id(index);
            let hook = slot.hook.name();
            if slot.hook_due() <= now {
                let limit = slot.hook_due().saturating_sub(slot.hook_since);
                self.hung(id, "hook_timeout", hook, limit);
            } else if slot.goal_due.get() <= now {
                slot.goal_due = Due::NONE;
                if !self.is_waiting(index) {
                    self.hung(id, "stop_timeout", hook, 0);
                }
            } else if slot.restart_at.get() <= now {
                slot.restart_at = Due::NONE;
                slot.counters.restarts = slot.counters.restarts.wrapping_add(1);
                let waker = slot.take_waker();
                self.wake(waker);
            } else if slot.tick_due() <= now {
                let waker = slot.take_waker();
                self.wake(waker);
            }
            next = next.min(self.plugins.at(index).map_or(u64::MAX, |slot| slot.next_due(now)));
        }
        next
    }

    /// A plugin did not come to an end in time.
    fn hung(&mut self, id: PluginId, code: &str, hook: &str, limit: u64) {
        let mut message = heapless::String::<96>::new();
        push_cut(&mut message, hook);
        if limit > 0 {
            push_cut(&mut message, " did not end within ");
            let mut digits = [0u8; 20];
            let mut writer = Writer::new(&mut digits);
            // By 8 and by 125: a chip has no division of 64 bits, and nine hours fit into 32.
            writer.u64(divide::<125>((limit >> 3) as u32) as u64);
            push_cut(
                &mut message,
                writer.finish_trusted().map_or("", |json| json.as_str()),
            );
            push_cut(&mut message, " ms");
        } else {
            push_cut(
                &mut message,
                ": the plugin did not take the step asked of it in time",
            );
        }
        self.fail(id, code, &message);
    }
}
