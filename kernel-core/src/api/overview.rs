//! Plugins in numbers alone, and the changes in their lives, for whoever supervises them.

use core::task::{Poll, Waker};

use super::manager::{Place, PluginManager};
use crate::fault::Fault;
use crate::id::{PluginId, PluginSet};
use crate::kernel::Core;
use crate::life::{PluginSlot, PluginState, RestartPolicy};
use crate::time::{Deadline, Instant};

/// Where a plugin is, and what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Overview {
    /// Who it was in the life that it was installed with: another plugin in the same slot has another one.
    pub installed: PluginId,
    /// Where it is in its life.
    pub state: PluginState,
    /// True while a hook leads it to another state.
    pub stepping: bool,
    /// Where it should be.
    pub goal: PluginState,
    /// Times it failed.
    pub failures: u32,
    /// When it is to be restarted; never while the error it failed with is its settings.
    pub restart: &'static RestartPolicy,
    /// The installed plugins that must be started before it.
    pub providers: PluginSet,
    /// True when one of those is not installed.
    pub missing: bool,
}

/// The changes in the lives of plugins, for whoever polls.
pub struct Changes {
    place: Place,
    /// As many as the kernel had counted; none at first.
    seen: u32,
}

impl Changes {
    /// Ready at first, and whenever the life of some plugin has changed since it was ready the last time, or `until`
    /// has come; keeps the task's waker else. Look at the plugins after it.
    ///
    /// # Errors
    /// [`Fault::Full`] of `waits`.
    pub fn poll(&mut self, until: Option<Instant>, waker: &Waker) -> Poll<Result<(), Fault>> {
        let (due, seen) = (until.map_or(Deadline::NONE, Deadline::at), &mut self.seen);
        let changed = self.place.poll(due, waker, |core| {
            core::mem::replace(seen, core.changes) != core.changes
        });
        let outcome = match changed {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(Fault::Timeout)) => Ok(()),
            Poll::Ready(outcome) => outcome,
        };
        // The next wait is until another time.
        self.place.leave();
        Poll::Ready(outcome)
    }
}

impl PluginManager {
    /// The plugin in this slot.
    pub fn overview(&self, index: usize) -> Option<Overview> {
        let mut found = None;
        self.kernel().with(|core| {
            let Some(slot) = core.lives.at(index) else { return };
            let (providers, missing) = core.providers(slot);
            found = Some(Overview {
                installed: slot.first_id(),
                state: slot.state(),
                stepping: slot.is_stepping(),
                goal: slot.goal(),
                failures: slot.counters().failures,
                restart: slot.restart(),
                providers,
                missing: missing.is_some(),
            });
        });
        found
    }

    /// The changes from now on.
    pub fn watch(&self) -> Changes {
        Changes {
            place: Place::new(self.kernel()),
            seen: 0,
        }
    }
}

impl Core {
    /// The installed plugins that must be started before this one, and the name of one that is not installed.
    pub(super) fn providers<'a>(&'a self, slot: &'a PluginSlot) -> (PluginSet, Option<&'a str>) {
        let (mut providers, mut missing) = (PluginSet::EMPTY, None);
        slot.each_dependency(&self.names, |name| match self.lives.find(name, &self.names) {
            Some(index) => providers.insert(index),
            None => missing = Some(name),
        });
        (providers, missing)
    }
}

impl PluginSet {
    /// No plugin.
    pub const NONE: PluginSet = PluginSet::EMPTY;

    /// Adds all plugins of another set.
    pub fn extend(&mut self, other: &PluginSet) {
        self.add(other);
    }

    /// The plugins that are in this set and not in another one.
    pub fn without(self, other: &PluginSet) -> PluginSet {
        let mut rest = self;
        let words = rest.0.iter_mut().zip(other.0);
        words.for_each(|(word, other)| *word &= !other);
        rest
    }
}
