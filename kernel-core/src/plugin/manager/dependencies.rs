//! Who must be started before whom, and what keeps a plugin from it.
//!
//! One rule: a plugin that should be STARTED takes no step towards it while a plugin that it depends on
//! is not started, and the next one as soon as all of them are. So a dependent waits for a provider that
//! recovers, with the state that it has. Where no waiting helps, because a provider is FAILED for good,
//! is not installed, or is in a circle, the dependent is FAILED as well and says so; its goal stays, so
//! that it comes back with its provider, whoever starts that.

use heapless::String;

use super::{ManageError, PluginName};
use crate::error::{MAX_MESSAGE, push_cut};
use crate::kernel::Core;
use crate::lifecycle::Due;
use crate::log::PluginSet;
use crate::plugin::PluginState;

/// A circle of dependencies, in words.
type Path = String<96>;

impl Core {
    fn dependencies(&self, index: usize) -> &'static [&'static str] {
        self.plugins
            .at(index)
            .map_or(&[], |slot| slot.metadata().dependencies)
    }

    /// The first dependency of the plugin that is not started and not `coming`, and where it is installed.
    fn unmet(&self, index: usize, coming: &PluginSet) -> Option<(&'static str, Option<usize>)> {
        self.dependencies(index).iter().find_map(|name| {
            let provider = self.find_plugin(name);
            let met = provider.is_some_and(|provider| {
                let slot = self.plugins.at(provider);
                coming.contains(provider) || slot.is_some_and(|slot| slot.state == PluginState::Started)
            });
            (!met).then_some((*name, provider))
        })
    }

    /// True while the plugin should be STARTED, is at rest, and a plugin that it depends on is not started.
    pub(crate) fn is_waiting(&self, index: usize) -> bool {
        let at_rest = self.plugins.at(index).is_some_and(|slot| {
            slot.goal == PluginState::Started && slot.state != PluginState::Started && !slot.hook.is_step()
        });
        at_rest && self.unmet(index, &PluginSet::default()).is_some()
    }

    /// The plugin in slot `index` is started: those that waited for it go on, where nothing else is missing.
    pub(crate) fn lead_dependents(&mut self, index: usize) {
        for other in self.plugins.indices() {
            let depends = self.dependencies(other).contains(&self.plugin_name(index));
            if !depends || self.unmet(other, &PluginSet::default()).is_some() {
                continue;
            }
            let due = self.start_due(other);
            let Some(slot) = self.plugins.at_mut(other) else {
                continue;
            };
            if slot.goal == PluginState::Started && slot.state != slot.goal && slot.restart_at.is_none() {
                slot.goal_due = Due::at(due);
                let waker = slot.take_waker();
                self.wake(waker);
                self.arm(due);
            }
        }
    }

    /// Leaves those FAILED that wait in vain.
    pub(crate) fn fail_waiting(&mut self) {
        let mut coming = PluginSet::default();
        // From the providers up, which a circle never gets to.
        loop {
            let before = coming.len();
            for index in self.plugins.indices() {
                let slot = self.plugins.at(index);
                if slot.is_some_and(|slot| slot.goal != PluginState::Failed)
                    && self.unmet(index, &coming).is_none()
                {
                    coming.insert(index);
                }
            }
            if coming.len() == before {
                break;
            }
        }
        for index in self.plugins.indices() {
            if !coming.contains(index) && self.is_waiting(index) {
                self.refuse_start(index, &coming);
            }
        }
    }

    /// Why the plugin's dependencies do not allow it to start; `None` when they do.
    pub(crate) fn unmet_dependency(&self, index: usize) -> Option<ManageError> {
        let (name, provider) = self.unmet(index, &PluginSet::default())?;
        let mut dependency = PluginName::new();
        push_cut(&mut dependency, name);
        let mut path = Path::new();
        Some(if provider.is_none() {
            ManageError::Missing { dependency }
        } else if self.circle_through(index, &mut path) {
            ManageError::Cycle { path }
        } else {
            ManageError::NotStarted { dependency }
        })
    }

    /// Leaves a plugin that waits in vain FAILED, with the reason, in words without formatting.
    fn refuse_start(&mut self, index: usize, coming: &PluginSet) {
        let Some((name, provider)) = self.unmet(index, coming) else {
            return;
        };
        let slot = self.plugins.at(index);
        // One that is FAILED by itself, or was told already, keeps its error.
        let Some(slot) = slot.filter(|slot| slot.state != PluginState::Failed) else {
            return;
        };
        let id = slot.id(index);
        let mut path = Path::new();
        let (code, text, detail) = if provider.is_none() {
            (
                "missing_dependency",
                "it depends on a plugin that is not installed: ",
                name,
            )
        } else if self.circle_through(index, &mut path) {
            (
                "dependency_cycle",
                "its dependencies go in a circle: ",
                path.as_str(),
            )
        } else {
            (
                "dependency_not_started",
                "it depends on a plugin that did not start: ",
                name,
            )
        };
        let mut message = String::<MAX_MESSAGE, u8>::new();
        push_cut(&mut message, text);
        push_cut(&mut message, detail);
        self.end_life(id, code, &message);
    }

    /// A started plugin that depends on the one in slot `index`.
    pub(super) fn started_dependent(&self, index: usize) -> Option<usize> {
        let name = self.plugin_name(index);
        self.plugins.indices().find(|other| {
            *other != index
                && self.plugins.at(*other).is_some_and(|slot| {
                    slot.state == PluginState::Started && slot.metadata().dependencies.contains(&name)
                })
        })
    }

    /// Writes the circle that the plugin's dependencies go in, such as `a -> b -> a`; false when there is
    /// none. Followed from plugin to plugin, by the first dependency that leads back.
    fn circle_through(&self, index: usize, path: &mut Path) -> bool {
        if !self.reachable(index).contains(index) {
            return false;
        }
        let mut seen = PluginSet::default();
        let mut at = Some(index);
        push_cut(path, self.plugin_name(index));
        while let Some(from) = at.filter(|at| !seen.contains(*at)) {
            seen.insert(from);
            at = self.dependencies(from).iter().find_map(|name| {
                let provider = self.find_plugin(name)?;
                (provider == index || self.reachable(provider).contains(index)).then_some(provider)
            });
            if let Some(next) = at {
                push_cut(path, " -> ");
                push_cut(path, self.plugin_name(next));
            }
        }
        true
    }

    /// What the plugin depends on, directly or through others.
    fn reachable(&self, index: usize) -> PluginSet {
        let mut reach = PluginSet::default();
        let mut done = PluginSet::default();
        let mut next = Some(index);
        while let Some(from) = next {
            done.insert(from);
            for name in self.dependencies(from) {
                if let Some(provider) = self.find_plugin(name) {
                    reach.insert(provider);
                }
            }
            next = reach.iter().find(|index| !done.contains(*index));
        }
        reach
    }
}
