//! Plugins in numbers alone, for whoever supervises them.

use super::manager::PluginManager;
use crate::id::{PluginId, PluginSet};
use crate::life::{About, PluginState, RestartPolicy};

/// Where a plugin is, and what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Overview {
    /// Who it was in the life that it was installed with: another plugin in the same slot has another one.
    pub installed: PluginId,
    /// Where it is in its life.
    pub state: PluginState,
    /// Where it should be.
    pub goal: PluginState,
    /// Times it failed.
    pub failures: u32,
    /// When it is to be restarted.
    pub restart: &'static RestartPolicy,
    /// The installed plugins that must be started before it.
    pub providers: PluginSet,
    /// True when one of those is not installed.
    pub missing: bool,
}

impl PluginManager {
    /// The plugin in this slot.
    pub fn overview(&self, index: usize) -> Option<Overview> {
        let found = self.kernel().with(|core| {
            let slot = core.lives.at(index)?;
            let metadata = slot.metadata();
            let mut overview = Overview {
                installed: slot.first_id(index),
                state: slot.state(),
                goal: slot.goal(),
                failures: slot.failures(),
                restart: &metadata.restart,
                providers: PluginSet::EMPTY,
                missing: false,
            };
            let mut depends = |name: &str| match core.lives.find(name, &core.names) {
                Some(index) => overview.providers.insert(index),
                None => overview.missing = true,
            };
            match *slot.about() {
                #[cfg(feature = "large")]
                About::Attached(attached) => {
                    let names = core.names.get(attached.dependencies).split(',');
                    names.filter(|name| !name.is_empty()).for_each(depends);
                    if !attached.restarts {
                        overview.restart = &RestartPolicy::NEVER;
                    }
                }
                About::Static(_) | About::Nobody => {
                    for name in metadata.dependencies {
                        depends(name);
                    }
                }
            }
            Some(overview)
        });
        found.flatten()
    }
}

impl PluginSet {
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
