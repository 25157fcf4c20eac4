//! What can be wrong with the configuration.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the configuration was refused. Every message names the setting, its value and what is allowed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// An environment variable has a value that is not allowed.
    Variable {
        /// The variable.
        name: &'static str,
        /// Its value; bytes that are not UTF-8 are replaced.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The path of the socket is longer than a Unix socket address can hold.
    SocketPath {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// The greatest length in bytes.
        limit: usize,
    },
    /// The configuration file could not be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
    /// The configuration file is not TOML, or does not have the expected fields.
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A field of the configuration file has a value that is not allowed.
    Field {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The field, e.g. `runtime.tcp`.
        field: String,
        /// Its value; for a secret, only its length.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The configuration file has one more of a plugin that cannot be there several times, or under a name that is taken.
    Instance {
        /// The file.
        path: PathBuf,
        /// The name in the file.
        name: String,
        /// What it is said to be.
        is: String,
        /// What is wrong, and what is allowed.
        why: String,
    },
    /// The configuration names a storage that this program does not contain.
    UnknownStorage {
        /// The file.
        path: PathBuf,
        /// The scheme of its URL.
        scheme: String,
        /// The schemes there are.
        known: Vec<&'static str>,
    },
    /// The configuration file has an entry for a plugin that this program does not contain.
    UnknownPlugin {
        /// The file.
        path: PathBuf,
        /// The name in the file.
        name: String,
        /// The plugins there are.
        known: Vec<String>,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, value, allowed } => write!(f, "{name} is {value:?}; allowed is {allowed}"),
            Self::SocketPath { path, length, limit } => write!(
                f,
                "the socket path {path:?} has {length} bytes, a Unix socket allows {limit}; \
                 set RUNTIME_SOCKET to a shorter path"
            ),
            Self::Unreadable { path, cause } => write!(
                f,
                "cannot read the configuration file {path:?}: {cause}; \
                 correct or unset RUNTIME_CONFIG"
            ),
            Self::Syntax {
                path,
                line,
                column,
                message,
            } => write!(f, "{}:{line}:{column}: {message}", path.display()),
            Self::Field {
                path,
                line,
                column,
                field,
                value,
                allowed,
            } => write!(
                f,
                "{}:{line}:{column}: {field} is {value}; allowed is {allowed}",
                path.display()
            ),
            Self::Instance { path, name, is, why } => {
                write!(f, "{}: plugins.{name}.is is {is:?}; {why}", path.display())
            }
            Self::UnknownStorage { path, scheme, known } => {
                write!(
                    f,
                    "{}: runtime.storage: there is no storage engine for {scheme:?}; ",
                    path.display()
                )?;
                match known.is_empty() {
                    true => {
                        f.write_str("this program has none but SQLite, which is used without runtime.storage")
                    }
                    false => write!(
                        f,
                        "known are {}; without runtime.storage it is SQLite",
                        known.join(", ")
                    ),
                }
            }
            Self::UnknownPlugin { path, name, known } => {
                write!(
                    f,
                    "{}: [plugins.{name}]: there is no plugin {name:?}; ",
                    path.display()
                )?;
                if known.is_empty() {
                    f.write_str("this program has no plugins")
                } else {
                    write!(f, "known are {}", known.join(", "))
                }
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { cause, .. } => Some(cause),
            _ => None,
        }
    }
}
