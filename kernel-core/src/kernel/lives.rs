//! A life changes: what follows from it in each of the other parts.

use super::Core;
use crate::bus::Origin;
use crate::error::Error;
use crate::fault::Fault;
use crate::id::PluginId;
use crate::life::{Due, Hook, PluginState};
use crate::time::{Deadline, Instant, On};

impl Core {
    /// A step begins.
    pub(super) fn begin_step(&mut self, index: usize, hook: Hook) {
        match hook {
            Hook::Start => {
                let overflow = self.lives.overflow(index);
                self.bus.open(index, overflow);
            }
            Hook::Stop => {
                self.close(index);
                self.calls.refuse_queued(index, &mut self.wakes);
            }
            _ => {}
        }
    }

    /// No event reaches the plugin any more.
    fn close(&mut self, index: usize) {
        let waits = self.bus.is_blocker(index);
        self.bus.close(index);
        if waits {
            self.waits.wake(On::Room, &mut self.wakes);
        }
    }

    /// A step ended well; true when the life ended with it.
    pub(super) fn entered(&mut self, who: PluginId, state: PluginState) -> bool {
        let unloaded = state == PluginState::Unloaded;
        if unloaded {
            self.end_life(who, false);
        }
        if let Some(slot) = self.lives.at_mut(who.index())
            && state == PluginState::Started
        {
            let due = slot.tick_due();
            self.arm(due);
        }
        self.announce_state(who.index());
        unloaded
    }

    /// A handler returned an error: one of a step ends the life, one of a message is counted.
    pub(super) fn handler_failed(&mut self, who: PluginId, error: &Error) {
        let stepping = self.lives.get(who).is_some_and(|slot| slot.is_stepping());
        if stepping {
            self.fail(who, error);
        } else {
            self.note_error(who, error);
            #[cfg(feature = "large")]
            self.warn_failed(who, error);
        }
    }

    /// An event of several messages that the plugin handles at a time was not handled: which, it knows alone.
    #[cfg(feature = "large")]
    pub(crate) fn event_failed(&mut self, who: PluginId, error: &Error) {
        self.note_error(who, error);
        self.warn_not_handled(who, Hook::Event, Origin::NONE, error);
    }

    pub(crate) fn note_error(&mut self, who: PluginId, error: &Error) {
        if let Some(slot) = self.lives.get_mut(who) {
            slot.errors = slot.errors.wrapping_add(1);
            slot.error = Some(error.clone());
        }
    }

    /// This life is over by a failure: everything it registered is taken back, and the error is kept.
    pub(crate) fn fail(&mut self, who: PluginId, error: &Error) {
        if self.lives.get(who).is_none() {
            return;
        }
        self.note_error(who, error);
        self.end_life(who, true);
        self.announce_state(who.index());
    }

    /// Takes back all that this life of a plugin registered.
    fn end_life(&mut self, who: PluginId, failed: bool) {
        let index = who.index();
        self.close(index);
        self.bus.reclaim(who, &mut self.names);
        self.calls.reclaim(who, &mut self.names, &mut self.wakes);
        self.reclaim_state(who);
        if let Some(slot) = self.lives.get_mut(who) {
            slot.end_life(failed);
        }
        self.wakes.plugins.insert(index);
    }

    /// Sets where the plugin should be, and when at the latest.
    pub(crate) fn set_goal(&mut self, index: usize, goal: PluginState, due: Deadline) {
        let Some(slot) = self.lives.at_mut(index) else {
            return;
        };
        if slot.set_goal(goal, due) {
            self.arm(due);
            self.wakes.plugins.insert(index);
            self.changed();
        } else {
            slot.forget_failure();
            self.announce_state(index);
        }
    }

    /// Fails who hangs, wakes whose tick is due; the next deadline.
    pub(super) fn expire_lives(&mut self, now: Instant) -> Deadline {
        loop {
            match self.lives.expire(now) {
                Ok(Due::Hung(who, code, hook)) => self.fail(who, &Error::new(code, hook)),
                Ok(Due::Tick(index)) => self.wakes.plugins.insert(index),
                Err(next) => return next,
            }
        }
    }

    /// The fault as the publisher is to see it: too many hops are counted, and the plugins on the way named.
    pub(super) fn explain(&mut self, who: PluginId, origin: Origin, fault: Fault) -> Fault {
        if let Fault::Hops { .. } = fault {
            self.hops_refused = self.hops_refused.wrapping_add(1);
            #[cfg(feature = "large")]
            if origin.is_event() {
                let mut chain = self.bus.sources_behind(origin.at);
                chain.insert(who.index());
                self.warn_cycle(who, &chain);
            }
            #[cfg(not(feature = "large"))]
            let _ = (who, origin);
        }
        fault
    }

    /// Empties the slot of a plugin that came at run time.
    #[cfg(feature = "large")]
    pub(crate) fn uninstall(&mut self, index: usize) {
        let Some(who) = self.lives.at(index).map(|slot| slot.id()) else {
            return;
        };
        self.end_life(who, false);
        self.announce_gone(index);
        self.lives.uninstall(index, &mut self.names);
    }
}
