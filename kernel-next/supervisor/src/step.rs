//! One look at all plugins, and what is to be done about each.

use core::time::Duration;

use kernel_next::storage::STORAGE;
use kernel_next::{CoreRuntime, Instant, PluginInfo, PluginSet, PluginState};

use crate::Supervisor;
use crate::slot::Slot;

/// Room for a plugin's texts.
pub(crate) const TEXTS: usize = 256;

/// How a plugin's providers are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Providers {
    /// All are started.
    Started,
    /// Some are still to be started.
    Coming,
    /// One is not installed, or was given up.
    Lost,
}

impl<const N: usize> Supervisor<N> {
    /// Does what is to be done now; when it is to look again at the latest.
    pub(crate) fn step(&self, runtime: &CoreRuntime) -> Option<Instant> {
        let now = runtime.now();
        let mut next = None;
        let (mut cursor, mut buf) = (0, [0; TEXTS]);
        // First who failed: a provider that is given up matters to those that come before it as well.
        while let Some(info) = runtime.next_plugin(&mut cursor, &mut buf) {
            self.note(&info, now);
        }
        cursor = 0;
        while let Some(info) = runtime.next_plugin(&mut cursor, &mut buf) {
            let again = self.step_of(runtime, &info, now);
            next = match (next, again) {
                (Some(next), Some(again)) if Instant::is_before(next, again) => Some(next),
                (next, None) => next,
                (_, again) => again,
            };
        }
        next
    }

    /// Decides about a restart, once for each failure.
    fn note(&self, info: &PluginInfo<'_>, now: Instant) {
        self.with(|state| {
            state.random = state.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let random = state.random.wrapping_shr(16);
            if let Some(slot) = state.slots.get_mut(info.index) {
                let slot = slot.of(info);
                if info.state == PluginState::Failed && slot.wanted && !slot.waits {
                    slot.failed(info.counters.failures, &info.restart, now, random);
                }
            }
        });
    }

    fn step_of(&self, runtime: &CoreRuntime, info: &PluginInfo<'_>, now: Instant) -> Option<Instant> {
        let installed = runtime.plugins().installed(info.index);
        let (slot, stopping) =
            self.with(|state| Some((*state.slots.get_mut(info.index)?.of(info), state.stopping)))?;
        if stopping {
            self.stop_in_order(runtime, info);
            return None;
        }
        if !slot.wanted || info.state == PluginState::Started {
            return None;
        }
        match self.providers(runtime, info) {
            Providers::Lost if !slot.waits => {
                self.edit(info.index, |slot| {
                    slot.waits = true;
                    slot.again = None;
                    // What follows is no failure of its own.
                    slot.seen = info.counters.failures.wrapping_add(1);
                });
                let message = "a plugin that it depends on is not installed, or is not started any more";
                installed.crashed("dependency_not_started", message);
                None
            }
            Providers::Started if slot.waits || slot.again.is_some_and(|again| !now.is_before(again)) => {
                self.edit(info.index, |slot| {
                    slot.waits = false;
                    slot.again = None;
                });
                installed.set_goal(PluginState::Started, LIMIT);
                None
            }
            Providers::Started if info.state != PluginState::Failed && info.goal != PluginState::Started => {
                installed.set_goal(PluginState::Started, LIMIT);
                None
            }
            _ => slot.again,
        }
    }

    fn edit(&self, index: usize, change: impl FnOnce(&mut Slot)) {
        self.with(|state| {
            if let Some(slot) = state.slots.get_mut(index) {
                change(slot);
            }
        });
    }

    /// The providers of a plugin: those it names, and the storage.
    fn providers(&self, runtime: &CoreRuntime, info: &PluginInfo<'_>) -> Providers {
        let plugins = runtime.plugins();
        let mut all = Providers::Started;
        let storage = Some(STORAGE).filter(|name| *name != info.name && plugins.index(name).is_some());
        for name in info.dependencies.iter().chain(storage) {
            let of = match plugins.index(name) {
                None => Providers::Lost,
                Some(index) => {
                    let lost = self.with(|state| {
                        let slot = state.slots.get(index);
                        slot.is_some_and(|slot| slot.given_up || slot.waits)
                    });
                    match plugins.state(name) {
                        Some(PluginState::Started) => Providers::Started,
                        _ if lost => Providers::Lost,
                        _ => Providers::Coming,
                    }
                }
            };
            match of {
                Providers::Lost => return Providers::Lost,
                Providers::Coming => all = Providers::Coming,
                Providers::Started => {}
            }
        }
        all
    }

    /// The first plugin that is not unloaded and depends on this one.
    pub(crate) fn dependent(
        &self,
        runtime: &CoreRuntime,
        name: &str,
        of: impl Fn(PluginState) -> bool,
    ) -> Option<usize> {
        let (mut cursor, mut buf) = (0, [0; TEXTS]);
        while let Some(info) = runtime.next_plugin(&mut cursor, &mut buf) {
            let depends = info.dependencies.iter().any(|other| other == name) || name == STORAGE;
            if depends && info.name != name && of(info.state) {
                return Some(info.index);
            }
        }
        None
    }

    /// All are to be stopped: this one, once nobody who is up depends on it.
    fn stop_in_order(&self, runtime: &CoreRuntime, info: &PluginInfo<'_>) {
        let is_up = |state| !matches!(state, PluginState::Unloaded | PluginState::Failed);
        let down = info.goal == PluginState::Unloaded && info.state != PluginState::Failed;
        if !down && self.dependent(runtime, info.name, is_up).is_none() {
            runtime
                .plugins()
                .installed(info.index)
                .set_goal(PluginState::Unloaded, LIMIT);
        }
    }

    /// Says of all plugins whether they should be started.
    pub(crate) fn want_all(&self, runtime: &CoreRuntime, wanted: bool) {
        let (mut cursor, mut buf) = (0, [0; TEXTS]);
        while let Some(info) = runtime.next_plugin(&mut cursor, &mut buf) {
            self.with(|state| {
                if let Some(slot) = state.slots.get_mut(info.index) {
                    slot.of(&info).want(wanted);
                }
            });
        }
        self.step(runtime);
    }

    /// Waits until each plugin is where it should be or given up, at most until `until`; those that are not there.
    pub(crate) async fn settle(&self, runtime: &CoreRuntime, until: Option<Instant>) -> PluginSet {
        let plugins = runtime.plugins();
        loop {
            let seen = plugins.changes();
            // Who is given up is decided here as well: nothing in the kernel changes with it, and the task that
            // runs the supervisor may look later, on another thread.
            self.step(runtime);
            let (mut elsewhere, mut pending) = (PluginSet::default(), false);
            let (mut cursor, mut buf) = (0, [0; TEXTS]);
            while let Some(info) = runtime.next_plugin(&mut cursor, &mut buf) {
                let slot = self.with(|state| state.slots.get(info.index).copied().unwrap_or(Slot::EMPTY));
                let there = match slot.wanted {
                    true => info.state == PluginState::Started,
                    false => matches!(info.state, PluginState::Unloaded | PluginState::Failed),
                };
                if !there {
                    elsewhere.insert(info.index);
                    pending |= !(slot.wanted && (slot.given_up || slot.waits));
                }
            }
            let late = until.is_some_and(|until| !runtime.now().is_before(until));
            if !pending || late || plugins.changed(seen, until).await.is_err() {
                return elsewhere;
            }
        }
    }
}

/// How long a plugin may take to its goal: its hooks have deadlines of their own.
const LIMIT: Duration = Duration::from_secs(3600);
