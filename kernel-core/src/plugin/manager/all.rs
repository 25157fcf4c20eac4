//! All plugins in order: providers first on the way up, dependents first on the way down.
//!
//! On the way up each plugin goes as soon as its providers are started, see `dependencies`, so that those
//! that hang hold up a boot together by one deadline for each level of dependencies.

use super::PluginManager;
use crate::kernel::Core;
use crate::lifecycle::Hook;
use crate::log::PluginSet;
use crate::plugin::PluginState;
use crate::timer::On;

impl PluginManager {
    /// Starts all installed plugins, each as soon as its providers are started, and gives those that are
    /// not once each has had its first try.
    pub(crate) async fn start_all(&self) -> PluginSet {
        self.kernel.with(Core::lead_all_up);
        let settled = |core: &mut Core| {
            let mut indices = core.plugins.indices();
            (!indices.any(|index| core.is_on_first_try(index))).then_some(())
        };
        // Whatever ended the wait, what is not up by now did not start.
        let _ = self.kernel.wait_reserved(On::Lifecycle, u64::MAX, settled).await;
        self.kernel
            .with(|core| {
                let mut failed = PluginSet::default();
                for index in core.plugins.indices() {
                    let slot = core.plugins.at(index);
                    if slot.is_some_and(|slot| slot.state != PluginState::Started) {
                        failed.insert(index);
                    }
                }
                Some(failed)
            })
            .unwrap_or_default()
    }

    /// Stops and unloads all plugins, dependents first, until `due`; gives those that did not stop
    /// in time. Each level of dependencies may take half of the time that is left, so that one that
    /// hangs does not take it from the others.
    pub(crate) async fn stop_all(&self, due: u64) -> PluginSet {
        let mut late = PluginSet::default();
        loop {
            let level = self
                .kernel
                .with(|core| {
                    let mut level = PluginSet::default();
                    for index in core.plugins.indices() {
                        let up = core.plugins.at(index).is_some_and(|slot| {
                            // One that is only asked to go up has not begun, and must not.
                            slot.state != PluginState::Unloaded
                                || slot.hook != Hook::Idle
                                || slot.goal != PluginState::Unloaded
                        });
                        if up && !late.contains(index) && core.started_dependent(index).is_none() {
                            level.insert(index);
                        }
                    }
                    Some(level)
                })
                .unwrap_or_default();
            if level.is_empty() {
                return late;
            }
            let limit = self
                .kernel
                .with(|core| {
                    let now = core.now();
                    let limit = now.saturating_add(due.saturating_sub(now) / 2);
                    for index in level.iter() {
                        core.set_goal(index, PluginState::Unloaded, limit);
                    }
                    Some(limit)
                })
                .unwrap_or(0);
            let down = |core: &Core, index: usize| {
                core.plugins.at(index).is_none_or(|slot| {
                    matches!(slot.state, PluginState::Unloaded | PluginState::Failed)
                        && slot.hook == Hook::Idle
                })
            };
            let all_down = |core: &mut Core| level.iter().all(|index| down(core, index)).then_some(());
            // Whatever ended the wait, what is not down by now is late.
            let _ = self.kernel.wait_reserved(On::Lifecycle, limit, all_down).await;
            self.kernel.with(|core| {
                for index in level.iter() {
                    let Some(slot) = core.plugins.at(index) else {
                        continue;
                    };
                    let id = slot.id(index);
                    if slot.state == PluginState::Failed || !down(core, index) {
                        late.insert(index);
                    }
                    if !down(core, index) {
                        core.fail(
                            id,
                            "stop_timeout",
                            "it did not stop before the deadline of the shutdown",
                        );
                    }
                }
            });
        }
    }
}

impl Core {
    /// Sets the goal STARTED for all plugins; what nobody can lead there is FAILED at once.
    fn lead_all_up(&mut self) {
        if self.shutting_down {
            return;
        }
        for index in self.plugins.indices() {
            let due = self.start_due(index);
            self.set_goal(index, PluginState::Started, due);
        }
        self.fail_waiting();
    }

    /// True while the plugin goes up, or may at once, and has not failed on this way.
    fn is_on_first_try(&self, index: usize) -> bool {
        self.plugins.at(index).is_some_and(|slot| {
            slot.goal == PluginState::Started
                && slot.failures == 0
                && (slot.hook.is_step() || (slot.state != PluginState::Started && !self.is_waiting(index)))
        })
    }
}
