//! Configuration: environment variables, and an optional TOML file for what does not fit in one.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `RUNTIME_DB_PATH` | the database file | `data/runtime.db` |
//! | `RUNTIME_SHUTDOWN_TIMEOUT` | seconds for the whole shutdown, whole, 1 to 86,400 | 10 |
//! | `RUNTIME_SERVICE_CALL_TIMEOUT` | seconds for a service call, above 0, to 86,400 | 30 |
//! | `RUNTIME_SOCKET` | the Unix socket of the link, at most 107 bytes | `runtime.sock` beside the database |
//! | `RUNTIME_PLUGINS` | the folder of installed plugins | `plugins` beside the database |
//! | `RUNTIME_LOG` | log filter | `info` |
//! | `RUNTIME_LOG_FORMAT` | `text` or `json` | `text` |
//! | `RUNTIME_CONFIG` | the TOML file | none |
//!
//! ```toml
//! [runtime]
//! storage = "nats://127.0.0.1:4222/home"   # the storage in another place than the database file: docs/storage.md
//! storage_synchronous = "full"     # or "normal"
//! slow_handler_ms = 100            # 1 to 3,600,000
//! plugins = ["example"]            # of the program's plugins those that are there; all unless it is said
//! tcp = "0.0.0.0:7700"             # the link over TCP with TLS, for clients with a key
//! tcp_token = "at least 16 characters"   # a key of the administrator that needs no plugin
//! tcp_certificate = "cert.pem"     # PEM; without it one is made in `tls` beside the database
//! tcp_key = "key.pem"
//! tcp_tls = true                   # false at a loopback address alone
//!
//! [plugins.example]
//! enabled = true                   # or false: it is started by command alone
//! placement = "shared"             # or "thread"
//! singleton = false                # or true: of several runtimes one alone runs it
//! [plugins.example.settings]       # handed to the plugin as JSON text
//! greeting = "hello"
//!
//! [plugins.second]
//! is = "first"                     # one more of a plugin of the program that can be there several times
//! ```
//!
//! A variable that is set to the empty string is refused, like any other value that is not allowed.

mod error;
mod file;
mod tcp;
mod vars;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use crate::tls::CertificateFiles;
pub use error::ConfigError;

use crate::sqlite::Synchronous;

/// The variables that the program or its commands read.
pub(crate) const VARIABLES: [&str; 10] = [
    "RUNTIME_DB_PATH",
    "RUNTIME_PLUGINS",
    "RUNTIME_SHUTDOWN_TIMEOUT",
    "RUNTIME_SERVICE_CALL_TIMEOUT",
    "RUNTIME_SOCKET",
    "RUNTIME_LOG",
    "RUNTIME_LOG_FORMAT",
    "RUNTIME_CONFIG",
    "RUNTIME_TCP_TOKEN",
    "RUNTIME_KIT",
];

/// Those among these variables that look like ours and are not: a name mistyped would be passed over in silence.
pub(crate) fn unknown_variables(vars: impl Iterator<Item = (OsString, OsString)>) -> Vec<String> {
    vars.filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("RUNTIME_") && !VARIABLES.contains(&name.as_str()))
        .collect()
}

/// Everything the host can be told before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The database file.
    pub db_path: PathBuf,
    /// How long the whole shutdown may take.
    pub shutdown_timeout: Duration,
    /// How long a service call may take when its caller does not say.
    pub call_timeout: Duration,
    /// The Unix socket of the link; at most 107 bytes.
    pub socket: PathBuf,
    /// The folder of the plugins that are installed at run time; `None` when there are to be none.
    pub plugins_folder: Option<PathBuf>,
    /// Whether no plugin is started but those of the program.
    pub safe: bool,
    /// Whether the plugins of the demonstration run as well.
    pub demo: bool,
    /// Log filter; not empty, otherwise not checked here.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// How long one handler may run before it is reported.
    pub slow_handler: Duration,
    /// Durability of a storage commit.
    pub synchronous: Synchronous,
    /// The URL of the storage, for the [engine](crate::StorageEngine) of its scheme; SQLite in `db_path` when `None`.
    pub storage: Option<String>,
    /// The link over TCP; off when `None`.
    pub tcp: Option<TcpConfig>,
    /// Of the program's plugins those that are there; `None` for all.
    pub only: Option<Vec<String>>,
    /// What is set for each plugin, by name; a plugin that is not listed has the defaults.
    pub plugins: BTreeMap<String, PluginConfig>,
    /// The TOML file the configuration came from, if there was one.
    pub file: Option<PathBuf>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The link over TCP. Its `Debug` output leaves the token out.
#[derive(Clone, PartialEq, Eq)]
pub struct TcpConfig {
    /// Where to listen.
    pub address: SocketAddr,
    /// What lets a client do everything, at least 16 characters; `None` when only keys that a plugin knows do.
    pub token: Option<String>,
    /// Its certificate; `None` for no TLS.
    pub tls: Option<CertificateFiles>,
}

impl fmt::Debug for TcpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpConfig")
            .field("address", &self.address)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// Which threads run a plugin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Placement {
    /// Those that plugins share; one that a plugin holds up is made up for. The default.
    #[default]
    Shared,
    /// One of its own.
    Thread,
}

/// The state key of the list of those plugins that one of several runtimes alone runs.
pub const SINGLETONS: &str = "runtime.singletons";

/// What is set for one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginConfig {
    /// The plugin of the program that it is one more of; `None` when it is the plugin of its name.
    pub is: Option<String>,
    /// Whether it is started with the runtime; true by default.
    pub enabled: bool,
    /// Whether of several runtimes one alone runs it: then it is not started with this one, but by the plugin that sees
    /// to that, which finds it in the state key [`SINGLETONS`]. False by default.
    pub singleton: bool,
    /// Where it runs.
    pub placement: Placement,
    /// Its settings: the text of a JSON object, `{}` by default. TOML dates are strings in it.
    pub settings: String,
}

impl Default for PluginConfig {
    fn default() -> Self {
        Self {
            is: None,
            enabled: true,
            singleton: false,
            placement: Placement::Shared,
            settings: "{}".to_owned(),
        }
    }
}

impl Config {
    /// The configuration from this process's environment, and the file it names.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the variable or the place in the file, its value and what is allowed.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_vars(|name| std::env::var_os(name))
    }

    /// The configuration from `vars`, which answers with the value of a variable or `None`.
    ///
    /// # Errors
    ///
    /// As for [`from_env`](Self::from_env).
    pub fn from_vars(vars: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let db_path = vars::db_path(&vars)?;
        let socket = vars::socket(&vars, || Ok(db_path.clone()))?;
        let plugins_folder = vars::plugins_folder(&vars, &db_path)?;
        let file = vars::config_path(&vars)?;
        let from_file = match &file {
            Some(path) => file::read(path, &db_path)?,
            None => file::FileConfig::default(),
        };
        Ok(Self {
            db_path,
            shutdown_timeout: vars::shutdown_timeout(&vars)?,
            call_timeout: vars::call_timeout(&vars)?,
            socket,
            plugins_folder: Some(plugins_folder),
            safe: false,
            demo: false,
            log: vars::log(&vars)?,
            log_format: vars::log_format(&vars)?,
            slow_handler: from_file.slow_handler,
            synchronous: from_file.synchronous,
            storage: from_file.storage,
            tcp: from_file.tcp,
            only: from_file.only,
            plugins: from_file.plugins,
            file,
        })
    }

    /// The plugins that one of several runtimes alone runs.
    pub(crate) fn singletons(&self) -> Vec<&str> {
        let all = self
            .plugins
            .iter()
            .filter(|(_, plugin)| plugin.enabled && plugin.singleton);
        all.map(|(name, _)| name.as_str()).collect()
    }

    /// Checks that every plugin in the file is one of `known`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownPlugin`] with the first that is not, and the list of those that are.
    pub fn check_plugins(&self, known: &[&str]) -> Result<(), ConfigError> {
        let named = self.plugins.keys().chain(self.only.iter().flatten());
        match named.into_iter().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(ConfigError::UnknownPlugin {
                path: self.file.clone().unwrap_or_default(),
                name: name.clone(),
                known: known.iter().map(|&name| name.to_owned()).collect(),
            }),
        }
    }
}

/// The settings that the file has for a plugin now.
///
/// # Errors
///
/// [`ConfigError`] names the place in the file, its value and what is allowed.
pub(crate) fn settings_of(file: &Path, plugin: &str) -> Result<String, ConfigError> {
    let mut plugins = file::read(file, Path::new(""))?.plugins;
    Ok(plugins.remove(plugin).unwrap_or_default().settings)
}

/// The database, found without the rest of the configuration.
///
/// # Errors
///
/// [`ConfigError::Variable`] for `RUNTIME_DB_PATH`.
pub fn default_database(vars: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, ConfigError> {
    vars::db_path(&vars)
}

/// The folder of installed plugins, found without the rest of the configuration.
///
/// # Errors
///
/// [`ConfigError::Variable`] for `RUNTIME_PLUGINS`, or `RUNTIME_DB_PATH` where that is not set.
pub(crate) fn default_plugins(vars: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, ConfigError> {
    vars::plugins_folder(&vars, &vars::db_path(&vars)?)
}

/// The socket a client connects to, found without the rest of the configuration.
///
/// # Errors
///
/// [`ConfigError::Variable`] for `RUNTIME_SOCKET`, or `RUNTIME_DB_PATH` where that is not set;
/// [`ConfigError::SocketPath`] when it is too long.
pub fn default_socket(vars: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, ConfigError> {
    vars::socket(&vars, || vars::db_path(&vars))
}
