//! Installing plugins and leading them through their lives, one by one or all in order.

use core::time::Duration;

use heapless::String;

use super::{Installed, PluginCounters, PluginMetadata, PluginState};
use crate::error::{Error, push_cut};
use crate::kernel::{Core, Kernel, Unavailable};
use crate::lifecycle::{Hook, Meta};
use crate::log::PluginSet;
use crate::subject::{self, MAX_NAME, SubjectError};
use crate::text::CopyOut;
use crate::time::micros;
use crate::timer::{On, WaitError};

/// The name of a plugin, copied.
pub type PluginName = String<MAX_NAME>;

/// Why a plugin could not be installed or led to another state.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ManageError {
    /// The plugin's name is not well formed.
    Name(SubjectError),
    /// A plugin of this name is installed.
    Duplicate,
    /// The capacity `plugins` is used up.
    Full {
        /// Its size.
        capacity: usize,
    },
    /// No plugin of this name is installed.
    NotFound,
    /// It depends on a plugin that is not installed.
    Missing {
        /// The plugin that is not there.
        dependency: PluginName,
    },
    /// It depends on a plugin that is not started.
    NotStarted {
        /// That plugin.
        dependency: PluginName,
    },
    /// It depends, directly or through others, on itself.
    Cycle {
        /// The way round, such as `a -> b -> a`.
        path: String<96>,
    },
    /// A started plugin depends on it.
    Needed {
        /// That plugin.
        by: PluginName,
    },
    /// The plugin failed on the way.
    Failed(Error),
    /// It did not get there in time.
    Timeout,
    /// Too many tasks wait already: the capacity `waits`.
    Waits {
        /// Its size.
        capacity: usize,
    },
    /// Another command leads the plugin elsewhere since.
    Superseded,
    /// The runtime is shutting down.
    ShuttingDown,
    /// The kernel's lock could not be taken.
    Unavailable,
}

impl ManageError {
    /// The stable code, for programs and for the link.
    pub fn code(&self) -> &str {
        match self {
            ManageError::Name(_) => "invalid_name",
            ManageError::Duplicate => "duplicate",
            ManageError::Full { .. } | ManageError::Waits { .. } => "full",
            ManageError::NotFound => "not_found",
            ManageError::Missing { .. } => "missing_dependency",
            ManageError::NotStarted { .. } => "dependency_not_started",
            ManageError::Cycle { .. } => "dependency_cycle",
            ManageError::Needed { .. } => "needed",
            ManageError::Failed(error) => error.code(),
            ManageError::Timeout => "timeout",
            ManageError::Superseded => "superseded",
            ManageError::ShuttingDown => "shutting_down",
            ManageError::Unavailable => "unavailable",
        }
    }
}

impl Unavailable for ManageError {
    fn unavailable() -> Self {
        ManageError::Unavailable
    }
}

impl core::fmt::Display for ManageError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            ManageError::Name(error) => write!(f, "plugin name: {error}"),
            ManageError::Duplicate => f.write_str("a plugin of this name is installed"),
            ManageError::Full { capacity } => {
                write!(
                    f,
                    "all {capacity} plugins are taken: raise the capacity `plugins`"
                )
            }
            ManageError::NotFound => {
                f.write_str("no plugin of this name is installed: see the list of plugins")
            }
            ManageError::Missing { dependency } => {
                write!(f, "it depends on plugin {dependency}, which is not installed")
            }
            ManageError::NotStarted { dependency } => {
                write!(
                    f,
                    "it depends on plugin {dependency}, which is not started: start that first"
                )
            }
            ManageError::Cycle { path } => write!(f, "its dependencies go in a circle: {path}"),
            ManageError::Needed { by } => {
                write!(f, "plugin {by} depends on it and is started: stop that first")
            }
            ManageError::Failed(error) => error.fmt(f),
            ManageError::Timeout => f.write_str("the plugin did not get there in time"),
            ManageError::Superseded => {
                f.write_str("another command leads the plugin elsewhere since: see its state, and ask again")
            }
            ManageError::Waits { capacity } => {
                write!(f, "{capacity} tasks wait already: raise the capacity `waits`")
            }
            ManageError::ShuttingDown => f.write_str("the runtime is shutting down"),
            ManageError::Unavailable => f.write_str("the kernel's lock could not be taken"),
        }
    }
}

impl core::error::Error for ManageError {}

/// What is known of a plugin.
#[derive(Clone, Copy, Debug)]
pub struct PluginInfo<'b> {
    /// Its slot, as in [`PluginId::index`](crate::PluginId::index).
    pub index: usize,
    /// Its name.
    pub name: &'b str,
    /// Its version.
    pub version: &'b str,
    /// One sentence on what it does.
    pub description: &'b str,
    /// Who wrote it.
    pub author: &'b str,
    /// What it depends on; empty for a remote plugin.
    pub dependencies: &'static [&'static str],
    /// Where it runs, as [`Installed::set_placement`] said; `remote` for one on the other side of a link.
    /// Empty without the feature `link`.
    pub placement: &'static str,
    /// Where it is in its life.
    pub state: PluginState,
    /// The hook it is in, such as `on_event`, or `idle`.
    pub hook: &'static str,
    /// The code of its last error; empty when there was none.
    pub error_code: &'b str,
    /// The message of its last error.
    pub error: &'b str,
    /// Its counters.
    pub counters: PluginCounters,
}

/// Installs plugins and leads them through their lives.
#[derive(Clone, Copy)]
pub struct PluginManager {
    pub(crate) kernel: Kernel,
}

impl PluginManager {
    /// Takes a slot for a plugin, UNLOADED. Its task then runs [`drive`](super::drive).
    ///
    /// # Errors
    /// `Name`, `Duplicate` or `Full`, see [`ManageError`].
    pub fn install(&self, metadata: &'static PluginMetadata) -> Result<Installed, ManageError> {
        self.kernel.with(|core| {
            subject::check_name(metadata.name).map_err(ManageError::Name)?;
            if core.find_plugin(metadata.name).is_some() {
                return Err(ManageError::Duplicate);
            }
            let full = ManageError::Full {
                capacity: core.plugins.usage().capacity,
            };
            let Some(index) = core.plugins.vacant() else {
                return Err(full);
            };
            core.plugins.install(index, Meta::Static(metadata));
            Ok(Installed {
                kernel: self.kernel,
                index,
            })
        })
    }

    /// Loads a plugin; one that is loaded, started or stopped is left as it is.
    ///
    /// # Errors
    /// See [`ManageError`]; `Failed` holds what the plugin's hook said.
    ///
    /// # Cancellation
    /// For this and the other commands: the plugin goes on towards the goal all the same.
    pub async fn load(&self, name: &str) -> Result<PluginState, ManageError> {
        let (index, _) = self.find(name)?;
        self.lead(index, PluginState::Loaded).await
    }

    /// Starts a plugin, loading it first where that is needed. The plugins it depends on must be
    /// started.
    ///
    /// # Errors
    /// See [`ManageError`].
    ///
    /// # Cancellation
    /// See [`PluginManager::load`].
    pub async fn start(&self, name: &str) -> Result<PluginState, ManageError> {
        let (index, _) = self.find(name)?;
        self.kernel.with(|core| match core.unmet_dependency(index) {
            _ if core.shutting_down => Err(ManageError::ShuttingDown),
            Some(unmet) => Err(unmet),
            None => Ok(()),
        })?;
        self.lead(index, PluginState::Started).await
    }

    /// Stops a plugin that no started plugin depends on; its registrations stay.
    ///
    /// # Errors
    /// See [`ManageError`].
    ///
    /// # Cancellation
    /// See [`PluginManager::load`].
    pub async fn stop(&self, name: &str) -> Result<PluginState, ManageError> {
        let index = self.unneeded(name)?;
        self.lead(index, PluginState::Stopped).await
    }

    /// Stops and unloads a plugin that no started plugin depends on; the kernel takes back all it
    /// registered.
    ///
    /// # Errors
    /// See [`ManageError`].
    ///
    /// # Cancellation
    /// See [`PluginManager::load`].
    pub async fn unload(&self, name: &str) -> Result<PluginState, ManageError> {
        let index = self.unneeded(name)?;
        self.lead(index, PluginState::Unloaded).await
    }

    /// Unloads a plugin and brings it back to the state it had, with a new value. Plugins that
    /// depend on it stay as they are; their calls to it fail meanwhile.
    ///
    /// # Errors
    /// See [`ManageError`].
    ///
    /// # Cancellation
    /// See [`PluginManager::load`].
    pub async fn reload(&self, name: &str) -> Result<PluginState, ManageError> {
        let (index, state) = self.find(name)?;
        self.lead(index, PluginState::Unloaded).await?;
        match state {
            PluginState::Started | PluginState::Failed => self.start(name).await,
            _ => self.lead(index, PluginState::Loaded).await,
        }
    }

    /// The state of a plugin; `None` when no plugin of this name is installed.
    pub fn state(&self, name: &str) -> Option<PluginState> {
        self.kernel.with(|core| {
            core.find_plugin(name)
                .and_then(|index| Some(core.plugins.at(index)?.state))
        })
    }

    /// The next plugin, its texts copied into `buf` (cut where they do not fit). Start with a
    /// `cursor` of 0.
    pub fn list<'b>(&self, cursor: &mut usize, buf: &'b mut [u8]) -> Option<PluginInfo<'b>> {
        let mut out = CopyOut::new(buf);
        self.kernel.with(|core| {
            while *cursor < core.plugins.usage().capacity {
                let index = *cursor;
                *cursor = index.wrapping_add(1);
                if let Some(info) = core.plugin_info(index) {
                    return Some(PluginInfo {
                        index,
                        name: out.text(info.name),
                        version: out.text(info.version),
                        description: out.text(info.description),
                        author: out.text(info.author),
                        error_code: out.text(info.error_code),
                        error: out.text(info.error),
                        dependencies: info.dependencies,
                        placement: info.placement,
                        state: info.state,
                        hook: info.hook,
                        counters: info.counters,
                    });
                }
            }
            None
        })
    }

    fn find(&self, name: &str) -> Result<(usize, PluginState), ManageError> {
        self.kernel.with(|core| {
            let index = core.find_plugin(name).ok_or(ManageError::NotFound)?;
            let slot = core.plugins.at(index).ok_or(ManageError::NotFound)?;
            Ok((index, slot.state))
        })
    }

    fn unneeded(&self, name: &str) -> Result<usize, ManageError> {
        let (index, _) = self.find(name)?;
        self.kernel.with(|core| match core.started_dependent(index) {
            Some(by) => Err(ManageError::Needed {
                by: core.copy_name(by),
            }),
            None => Ok(index),
        })
    }

    /// Sets the goal and waits until the plugin is there.
    pub(crate) async fn lead(&self, index: usize, goal: PluginState) -> Result<PluginState, ManageError> {
        let aim = match self.aim(index, goal) {
            Ok(aim) => aim,
            Err(outcome) => return outcome,
        };
        let reached = |core: &mut Core| core.reached(aim);
        match self.kernel.wait(On::Lifecycle, aim.due, reached).await {
            Ok(result) => result,
            Err(WaitError::Full { capacity }) => Err(ManageError::Waits { capacity }),
            Err(WaitError::Timeout) => Err(ManageError::Timeout),
        }
    }

    /// Sets the goal that leads to `goal` from where the plugin is, or gives what comes of it where there
    /// is nothing to do. In one look under the lock: a goal that no step leads to would leave a plugin
    /// that is well to its deadline. None leads up once the runtime shuts down.
    fn aim(&self, index: usize, goal: PluginState) -> Result<Aim, Result<PluginState, ManageError>> {
        use PluginState::{Loaded, Started, Stopped, Unloaded};
        self.kernel.with(|core| {
            if core.shutting_down && matches!(goal, Loaded | Started) {
                return Err(Err(ManageError::ShuttingDown));
            }
            let slot = core.plugins.at(index).ok_or(Err(ManageError::NotFound))?;
            let installed = slot.first_life();
            let goal = match (goal, slot.state) {
                (Loaded, state @ (Loaded | Started | Stopped)) => return Err(Ok(state)),
                (Stopped, Started) => Stopped,
                // One that is on its way up, or waits for its restart, no longer is.
                (Stopped, _) if slot.goal == Started => Unloaded,
                (Stopped, state) => return Err(Ok(state)),
                _ => goal,
            };
            let limit = micros(slot.metadata().hook_timeout);
            // Two steps at most, and a hook that ends at its own deadline should be what is seen.
            let due = core
                .now()
                .saturating_add(limit.saturating_mul(2))
                .saturating_add(250_000);
            core.set_goal(index, goal, due);
            Ok(Aim {
                index,
                installed,
                goal,
                due: due.saturating_add(250_000),
            })
        })
    }

    /// Starts all installed plugins, providers first; `failed` gets those that did not start. One
    /// whose dependencies are missing, failed, or go in a circle is FAILED with that error.
    pub(crate) async fn start_all(&self) -> PluginSet {
        let mut failed = PluginSet::default();
        let mut tried = PluginSet::default();
        loop {
            let next = self.kernel.with(|core| {
                let mut left = core
                    .plugins
                    .indices()
                    .filter(|index| core.plugins.at(*index).is_some() && !tried.contains(*index));
                left.find(|index| core.dependencies_started(*index))
            });
            let Some(index) = next else { break };
            tried.insert(index);
            let reached = match self.aim(index, PluginState::Started) {
                Ok(aim) => {
                    let reached = |core: &mut Core| core.reached(aim);
                    self.kernel.wait_reserved(On::Lifecycle, aim.due, reached).await
                }
                Err(outcome) => Ok(outcome),
            };
            if !matches!(reached, Ok(Ok(_))) {
                failed.insert(index);
            }
        }
        let slots = self
            .kernel
            .with(|core| Some(core.plugins.usage().capacity))
            .unwrap_or(0);
        for index in (0..slots).filter(|index| !tried.contains(*index)) {
            self.kernel.with(|core| {
                if core.plugins.at(index).is_some() {
                    failed.insert(index);
                    core.refuse_start(index);
                }
            });
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

    /// How long a plugin's hooks may take.
    pub fn hook_timeout(&self, name: &str) -> Option<Duration> {
        self.kernel
            .with(|core| Some(core.plugins.at(core.find_plugin(name)?)?.metadata().hook_timeout))
    }
}

/// A plugin on its way to a goal.
#[derive(Clone, Copy)]
struct Aim {
    index: usize,
    /// The life it was installed with: another plugin may get the slot meanwhile.
    installed: u16,
    goal: PluginState,
    /// Until when to wait for it.
    due: u64,
}

impl Core {
    /// What is known of the plugin in slot `index`.
    pub(crate) fn plugin_info(&self, index: usize) -> Option<PluginInfo<'_>> {
        let slot = self.plugins.at(index)?;
        let metadata = slot.metadata();
        let (version, description, placement) = match &slot.meta {
            #[cfg(feature = "link")]
            Meta::Remote {
                version, description, ..
            } => (
                version.as_str(&self.names),
                description.as_str(&self.names),
                "remote",
            ),
            #[cfg(feature = "link")]
            _ => (
                metadata.version,
                metadata.description,
                slot.placement.unwrap_or(""),
            ),
            #[cfg(not(feature = "link"))]
            _ => (metadata.version, metadata.description, ""),
        };
        let (error_code, error) = self.plugins.error(index);
        Some(PluginInfo {
            index,
            name: self.plugin_name(index),
            version,
            description,
            author: metadata.author,
            dependencies: metadata.dependencies,
            placement,
            state: slot.state,
            hook: slot.hook.name(),
            error_code,
            error,
            counters: slot.counters,
        })
    }

    pub(crate) fn copy_name(&self, index: usize) -> PluginName {
        let mut name = String::new();
        push_cut(&mut name, self.plugin_name(index));
        name
    }

    /// How the plugin got to `goal`, or why it never will; `None` while neither is so.
    fn reached(&self, aim: Aim) -> Option<Result<PluginState, ManageError>> {
        let Aim { index, goal, .. } = aim;
        let Some(slot) = self
            .plugins
            .at(index)
            .filter(|slot| slot.first_life() == aim.installed)
        else {
            return Some(Err(ManageError::NotFound));
        };
        match slot.state {
            state if state == goal && !slot.hook.is_step() => Some(Ok(state)),
            PluginState::Failed
                if slot.hook == Hook::Idle
                    && (slot.restart_at.is_some() || slot.goal == PluginState::Failed) =>
            {
                let (code, message) = self.plugins.error(index);
                Some(Err(ManageError::Failed(Error::new(code, message))))
            }
            _ if slot.goal != goal && self.shutting_down => Some(Err(ManageError::ShuttingDown)),
            _ if slot.goal != goal => Some(Err(ManageError::Superseded)),
            _ => None,
        }
    }

    /// True when all plugins that this one depends on are started.
    fn dependencies_started(&self, index: usize) -> bool {
        let started = |name: &&str| {
            self.find_plugin(name)
                .and_then(|provider| self.plugins.at(provider))
                .is_some_and(|slot| slot.state == PluginState::Started)
        };
        self.plugins
            .at(index)
            .is_some_and(|slot| slot.metadata().dependencies.iter().all(started))
    }

    /// Why the plugin's dependencies do not allow it to start; `None` when they do.
    pub(crate) fn unmet_dependency(&self, index: usize) -> Option<ManageError> {
        let copied = |name: &str| {
            let mut copy = String::new();
            push_cut(&mut copy, name);
            copy
        };
        for name in self.plugins.at(index)?.metadata().dependencies {
            match self.find_plugin(name) {
                None => {
                    return Some(ManageError::Missing {
                        dependency: copied(name),
                    });
                }
                Some(provider) => {
                    if self
                        .plugins
                        .at(provider)
                        .is_none_or(|slot| slot.state != PluginState::Started)
                    {
                        return Some(self.cycle_through(index).unwrap_or(ManageError::NotStarted {
                            dependency: copied(name),
                        }));
                    }
                }
            }
        }
        None
    }

    /// A started plugin that depends on the one in slot `index`.
    fn started_dependent(&self, index: usize) -> Option<usize> {
        let name = self.plugin_name(index);
        self.plugins.indices().find(|other| {
            *other != index
                && self.plugins.at(*other).is_some_and(|slot| {
                    slot.state == PluginState::Started && slot.metadata().dependencies.contains(&name)
                })
        })
    }

    /// Leaves a plugin that cannot start FAILED, with the reason.
    fn refuse_start(&mut self, index: usize) {
        let Some(reason) = self.unmet_dependency(index) else {
            return;
        };
        let Some(id) = self.plugins.at(index).map(|slot| slot.id(index)) else {
            return;
        };
        let error = refusal(&reason);
        self.fail(id, error.code(), error.message());
    }

    /// The circle that the plugin's dependencies go in, if any: followed from plugin to plugin, by
    /// the first dependency that leads back, at most as many steps as there are plugins.
    fn cycle_through(&self, index: usize) -> Option<ManageError> {
        let mut reach = PluginSet::default();
        self.reachable(index, &mut reach);
        if !reach.contains(index) {
            return None;
        }
        let mut path = String::<96>::new();
        push_cut(&mut path, self.plugin_name(index));
        let mut at = index;
        let mut seen = PluginSet::default();
        while !seen.contains(at) {
            seen.insert(at);
            let next = self
                .plugins
                .at(at)?
                .metadata()
                .dependencies
                .iter()
                .find_map(|name| {
                    let provider = self.find_plugin(name)?;
                    let mut further = PluginSet::default();
                    self.reachable(provider, &mut further);
                    (provider == index || further.contains(index)).then_some(provider)
                })?;
            push_cut(&mut path, " -> ");
            push_cut(&mut path, self.plugin_name(next));
            at = next;
            if at == index {
                break;
            }
        }
        Some(ManageError::Cycle { path })
    }

    /// Adds to `reach` what the plugin depends on, directly or through others.
    fn reachable(&self, index: usize, reach: &mut PluginSet) {
        let mut fresh = PluginSet::default();
        fresh.insert(index);
        let mut first = true;
        loop {
            let mut next = PluginSet::default();
            for from in fresh.iter() {
                for name in self
                    .plugins
                    .at(from)
                    .map_or(&[][..], |slot| slot.metadata().dependencies)
                {
                    if let Some(provider) = self.find_plugin(name)
                        && !reach.contains(provider)
                    {
                        reach.insert(provider);
                        next.insert(provider);
                    }
                }
            }
            if next.is_empty() && !first {
                return;
            }
            first = false;
            fresh = next;
        }
    }
}

/// The error a plugin is left with when it may not start, in words without formatting.
fn refusal(reason: &ManageError) -> Error {
    let (text, detail) = match reason {
        ManageError::Missing { dependency } => (
            "it depends on a plugin that is not installed: ",
            dependency.as_str(),
        ),
        ManageError::NotStarted { dependency } => {
            ("it depends on a plugin that did not start: ", dependency.as_str())
        }
        ManageError::Cycle { path } => ("its dependencies go in a circle: ", path.as_str()),
        _ => ("", ""),
    };
    let mut message = String::<{ crate::error::MAX_MESSAGE }>::new();
    push_cut(&mut message, text);
    push_cut(&mut message, detail);
    Error::new(reason.code(), &message)
}
