//! Who must be started before whom, and what keeps a plugin from it.

use heapless::String;

use super::{ManageError, PluginName};
use crate::error::{MAX_MESSAGE, push_cut};
use crate::kernel::Core;
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

    /// The first dependency of the plugin that is not started, and where it is installed.
    pub(super) fn unmet(&self, index: usize) -> Option<(&'static str, Option<usize>)> {
        self.dependencies(index).iter().find_map(|name| {
            let provider = self.find_plugin(name);
            let slot = provider.and_then(|provider| self.plugins.at(provider));
            let started = slot.is_some_and(|slot| slot.state == PluginState::Started);
            (!started).then_some((*name, provider))
        })
    }

    /// Why the plugin's dependencies do not allow it to start; `None` when they do.
    pub(crate) fn unmet_dependency(&self, index: usize) -> Option<ManageError> {
        let (name, provider) = self.unmet(index)?;
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

    /// Leaves a plugin that cannot start FAILED, with the reason, in words without formatting.
    pub(super) fn refuse_start(&mut self, index: usize) {
        let Some((name, provider)) = self.unmet(index) else {
            return;
        };
        let Some(id) = self.plugins.at(index).map(|slot| slot.id(index)) else {
            return;
        };
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
        self.fail(id, code, &message);
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
