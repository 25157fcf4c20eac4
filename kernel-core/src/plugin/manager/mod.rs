//! Installing plugins and leading them through their lives.

mod aim;
mod all;
mod dependencies;
mod errors;

pub use errors::ManageError;

use core::time::Duration;

use heapless::String;

use self::aim::End;
use super::{Installed, PluginCounters, PluginMetadata, PluginState};
use crate::error::{Error, push_cut};
use crate::kernel::{Core, Kernel};
use crate::lifecycle::Meta;
use crate::subject::{self, MAX_NAME};
use crate::text::CopyOut;
use crate::timer::{On, WaitError};

/// The name of a plugin, copied.
pub type PluginName = String<MAX_NAME>;

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
    /// Where it runs, as [`Installed::set_placement`](super::Installed::set_placement) said; `remote` for one on
    /// the other side of a link. Empty without the feature `link`.
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
        let mut error = None;
        let end = match self.kernel.with(|core| core.aim(index, goal)) {
            Err(end) => Ok(end),
            Ok(aim) => {
                let ended = |core: &mut Core| {
                    let end = core.end_of(aim)?;
                    if end == End::Failed {
                        let (code, message) = core.plugins.error(index);
                        error = Some(Error::new(code, message));
                    }
                    Some(end)
                };
                self.kernel.wait(On::Lifecycle, aim.due, ended).await
            }
        };
        match end {
            Ok(End::At(state)) => Ok(state),
            Ok(End::Gone) => Err(ManageError::NotFound),
            Ok(End::Failed) => Err(error.map_or(ManageError::Unavailable, ManageError::Failed)),
            Ok(End::Superseded) => Err(ManageError::Superseded),
            Ok(End::ShuttingDown) => Err(ManageError::ShuttingDown),
            Ok(End::Unavailable) => Err(ManageError::Unavailable),
            Err(WaitError::Full { capacity }) => Err(ManageError::Waits { capacity }),
            Err(WaitError::Timeout) => Err(ManageError::Timeout),
        }
    }

    /// How long a plugin's hooks may take.
    pub fn hook_timeout(&self, name: &str) -> Option<Duration> {
        self.kernel
            .with(|core| Some(core.plugins.at(core.find_plugin(name)?)?.metadata().hook_timeout))
    }
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
}
