//! Why the host did not start.

use std::fmt;
use std::io;

use kernel_core::Fault;
use kernel_core::json::MAX_DEPTH;

use crate::config::ConfigError;
use crate::sqlite::OpenError;
use crate::unix_socket::SocketError;

/// Why the host did not start. What it had begun was taken back.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostError {
    /// The configuration was refused.
    Config(ConfigError),
    /// The database could not be opened.
    Database(OpenError),
    /// The storage that the configuration names could not be opened.
    Storage(String),
    /// The link's socket could not be bound.
    Socket(SocketError),
    /// A plugin could not be installed.
    Plugin {
        /// Its name.
        name: &'static str,
        /// What the kernel answered.
        cause: Fault,
    },
    /// A plugin's settings are not JSON as the kernel takes it.
    Settings {
        /// The plugin.
        name: &'static str,
        /// Its settings as they were given.
        settings: String,
    },
    /// What a plugin says of its services cannot be used.
    Services {
        /// The plugin.
        name: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// The installed plugins could not be taken in.
    Installed(String),
    /// A thread could not be started.
    Thread {
        /// What it was for.
        name: String,
        /// What the system answered.
        cause: io::Error,
    },
    /// The system has no more of what a thread waits for input and time with.
    Reactor(io::Error),
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(cause) => cause.fmt(f),
            Self::Database(cause) => cause.fmt(f),
            Self::Socket(cause) => cause.fmt(f),
            Self::Storage(cause) => write!(f, "the storage cannot be opened: {cause}"),
            Self::Installed(cause) => write!(f, "the installed plugins cannot be taken in: {cause}"),
            Self::Plugin { name, cause } => write!(f, "cannot install plugin {name:?}: {cause}"),
            Self::Services { name, cause } => write!(f, "the services of plugin {name:?}: {cause}"),
            Self::Settings { name, settings } => write!(
                f,
                "the settings of plugin {name:?} are {settings:?}; allowed is a JSON object, nested at most {MAX_DEPTH} deep"
            ),
            Self::Thread { name, cause } => write!(
                f,
                "cannot start the thread {name:?}: {cause}; raise the limit of threads or memory of this process"
            ),
            Self::Reactor(cause) => write!(
                f,
                "cannot set up waiting for input and time: {cause}; raise the limit of open files of this process"
            ),
        }
    }
}

impl std::error::Error for HostError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(cause) => Some(cause),
            Self::Database(cause) => Some(cause),
            Self::Socket(cause) => Some(cause),
            Self::Plugin { cause, .. } => Some(cause),
            Self::Thread { cause, .. } | Self::Reactor(cause) => Some(cause),
            Self::Settings { .. } | Self::Services { .. } | Self::Installed(_) | Self::Storage(_) => None,
        }
    }
}

impl From<ConfigError> for HostError {
    fn from(cause: ConfigError) -> Self {
        Self::Config(cause)
    }
}

impl From<OpenError> for HostError {
    fn from(cause: OpenError) -> Self {
        Self::Database(cause)
    }
}

impl From<SocketError> for HostError {
    fn from(cause: SocketError) -> Self {
        Self::Socket(cause)
    }
}
