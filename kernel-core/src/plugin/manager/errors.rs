//! Why managing a plugin failed.

use heapless::String;

use super::PluginName;
use crate::error::Error;
use crate::kernel::Unavailable;
use crate::subject::SubjectError;

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
