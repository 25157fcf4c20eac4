//! All plugins in order: providers first on the way up, dependents first on the way down.

use super::PluginManager;
use super::aim::{Aim, End};
use crate::kernel::Core;
use crate::lifecycle::Hook;
use crate::log::PluginSet;
use crate::plugin::PluginState;
use crate::timer::On;

impl PluginManager {
    /// Starts all installed plugins, providers first; gives those that did not start. One whose
    /// dependencies are missing, failed, or go in a circle is FAILED with that error.
    pub(crate) async fn start_all(&self) -> PluginSet {
        let mut failed = PluginSet::default();
        let mut tried = PluginSet::default();
        while let Some((index, aim)) = self.kernel.with(|core| core.start_next(&mut tried)) {
            let end = match aim {
                Ok(aim) => {
                    let ended = |core: &mut Core| core.end_of(aim);
                    self.kernel.wait_reserved(On::Lifecycle, aim.due, ended).await
                }
                Err(end) => Ok(end),
            };
            if !matches!(end, Ok(End::At(_))) {
                failed.insert(index);
            }
        }
        while let Some(index) = self.kernel.with(|core| core.refuse_next(&mut tried)) {
            failed.insert(index);
        }
        failed
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
    /// Leads the next plugin up that was not `tried` and whose dependencies are started.
    fn start_next(&mut self, tried: &mut PluginSet) -> Option<(usize, Result<Aim, End>)> {
        let index = self.untried(tried, true)?;
        Some((index, self.aim(index, PluginState::Started)))
    }

    /// Leaves the next plugin FAILED that was not `tried`.
    fn refuse_next(&mut self, tried: &mut PluginSet) -> Option<usize> {
        let index = self.untried(tried, false)?;
        self.refuse_start(index);
        Some(index)
    }

    /// The next plugin that was not `tried`, which it is then.
    fn untried(&self, tried: &mut PluginSet, ready: bool) -> Option<usize> {
        let index = self.plugins.indices().find(|index| {
            self.plugins.at(*index).is_some()
                && !tried.contains(*index)
                && !(ready && self.unmet(*index).is_some())
        })?;
        tried.insert(index);
        Some(index)
    }
}
