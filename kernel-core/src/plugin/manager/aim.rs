//! One plugin on its way to a goal.

use crate::kernel::{Core, Unavailable};
use crate::lifecycle::Hook;
use crate::plugin::PluginState;
use crate::time::micros;

/// A plugin on its way to a goal.
#[derive(Clone, Copy)]
pub(super) struct Aim {
    pub(super) index: usize,
    /// The life it was installed with: another plugin may get the slot meanwhile.
    installed: u16,
    goal: PluginState,
    /// Until when to wait for it.
    pub(super) due: u64,
}

/// How such a way ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// It is where it should be.
    At(PluginState),
    /// It was taken out.
    Gone,
    /// It failed; the error is in its slot.
    Failed,
    /// Another command leads it elsewhere.
    Superseded,
    ShuttingDown,
    Unavailable,
}

impl Unavailable for End {
    fn unavailable() -> Self {
        End::Unavailable
    }
}

impl Core {
    /// Sets the goal that leads to `goal` from where the plugin is, or gives what comes of it where there
    /// is nothing to do. In one look under the lock: a goal that no step leads to would leave a plugin
    /// that is well to its deadline. None leads up once the runtime shuts down.
    pub(super) fn aim(&mut self, index: usize, goal: PluginState) -> Result<Aim, End> {
        use PluginState::{Loaded, Started, Stopped, Unloaded};
        if self.shutting_down && matches!(goal, Loaded | Started) {
            return Err(End::ShuttingDown);
        }
        let slot = self.plugins.at(index).ok_or(End::Gone)?;
        let installed = slot.first_life();
        let goal = match (goal, slot.state) {
            (Loaded, state @ (Loaded | Started | Stopped)) => return Err(End::At(state)),
            (Stopped, Started) => Stopped,
            // One that is on its way up, or waits for its restart, no longer is.
            (Stopped, _) if slot.goal == Started => Unloaded,
            (Stopped, state) => return Err(End::At(state)),
            _ => goal,
        };
        let due = self.start_due(index);
        self.set_goal(index, goal, due);
        Ok(Aim {
            index,
            installed,
            goal,
            due: due.saturating_add(250_000),
        })
    }

    /// When the plugin must be at a goal that is set now: two steps at most, and a hook that ends at its own
    /// deadline should be what is seen.
    pub(super) fn start_due(&self, index: usize) -> u64 {
        let slot = self.plugins.at(index);
        let limit = slot.map_or(0, |slot| micros(slot.metadata().hook_timeout));
        self.now()
            .saturating_add(limit.saturating_mul(2))
            .saturating_add(250_000)
    }

    /// How the plugin got to its goal, or why it never will; `None` while neither is so.
    pub(super) fn end_of(&self, aim: Aim) -> Option<End> {
        let slot = self.plugins.at(aim.index);
        let Some(slot) = slot.filter(|slot| slot.first_life() == aim.installed) else {
            return Some(End::Gone);
        };
        match slot.state {
            state if state == aim.goal && !slot.hook.is_step() => Some(End::At(state)),
            PluginState::Failed
                if slot.hook == Hook::Idle
                    && (slot.restart_at.is_some()
                        || slot.goal == PluginState::Failed
                        || self.is_waiting(aim.index)) =>
            {
                Some(End::Failed)
            }
            _ if slot.goal != aim.goal && self.shutting_down => Some(End::ShuttingDown),
            _ if slot.goal != aim.goal => Some(End::Superseded),
            _ => None,
        }
    }
}
