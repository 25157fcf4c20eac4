//! What a plugin on disk says of itself: `plugin.toml`, or the `plugin.json` of the original.
//!
//! ```toml
//! [plugin]
//! name = "thermostat"
//! version = "1.0.0"
//! description = "Keeps a room at its temperature"   # author, license, homepage; api = 1
//!
//! [run]
//! kind = "process"                    # or "wasm" with module = "x.wasm"
//! command = ["python3", "main.py"]
//!
//! [build]                             # run by the command line before it takes the folder, never by the runtime
//! command = ["make"]
//!
//! [needs]
//! plugins = ["zigbee"]                # started before it
//!
//! [permissions]                       # beside its own names, which are free to it
//! subscribe = ["sensor.*.temperature"]
//!
//! [limits]                            # each may be left out
//! memory_mb = 256
//!
//! [settings]                          # a JSON Schema
//! type = "object"
//! properties.target = { type = "number", default = 21 }
//! ```

mod check;
mod error;
mod original;
mod run;
mod toml_file;
mod url;

use std::path::{Path, PathBuf};
use std::time::Duration;

use link_dial::Target;

pub(crate) use check::{is_grant, is_name};
pub use error::ManifestError;
pub use run::Kind;
pub use url::Url;

use crate::permissions::Permissions;

/// The version of the plugin protocol, and of the manifest's format.
pub const API: u32 = 1;

/// The manifest's file.
pub const FILE: &str = "plugin.toml";

/// The original's.
pub const ORIGINAL_FILE: &str = "plugin.json";

/// What a plugin says of itself, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Its name; it may be installed under another one.
    pub name: String,
    /// Its version: letters, digits, `.`, `-`, `+` and `_`.
    pub version: String,
    /// One sentence.
    pub description: String,
    /// Who wrote it.
    pub author: String,
    /// Its license.
    pub license: String,
    /// Where there is more about it.
    pub homepage: String,
    /// How it is run.
    pub run: Run,
    /// What makes it out of its folder, a program and its arguments; empty when it is there as it is. Nothing runs it
    /// but the command line, for a folder.
    pub build: Vec<String>,
    /// Plugins that must be started before it.
    pub needs: Vec<String>,
    /// What it asks for.
    pub permissions: Permissions,
    /// What it may use.
    pub limits: Limits,
    /// The JSON Schema of its settings.
    pub settings: Option<serde_json::Value>,
}

/// How a plugin is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// As a process.
    Process {
        /// The program and its arguments, run in the plugin's folder.
        command: Vec<String>,
    },
    /// In a sandbox of its own.
    Wasm {
        /// The module, relative to the plugin's folder.
        module: String,
    },
    /// As a server that somebody else runs, over HTTP.
    Http {
        /// Where it is.
        url: Url,
        /// How long it may take to answer.
        timeout: Duration,
        /// How often it is looked whether it is there.
        check: Duration,
    },
    /// As a node: a board, or another runtime, over the link.
    Link(Node),
}

/// A board, or another runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it is.
    pub target: Target,
    /// The file with the key that is shown to it.
    pub key_file: Option<PathBuf>,
    /// What of its events comes over the line.
    pub watch: String,
    /// The name that this runtime would like to have there.
    pub name_there: String,
    /// How long it may be silent.
    pub check: Duration,
}

impl Run {
    /// Which of them it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Run::Process { .. } => Kind::Process,
            Run::Wasm { .. } => Kind::Wasm,
            Run::Http { .. } => Kind::Http,
            Run::Link(_) => Kind::Link,
        }
    }
}

/// What a plugin may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Memory, in MiB.
    pub memory_mb: u32,
    /// Events it may publish per second.
    pub events_per_second: u32,
    /// Calls it may make per second.
    pub calls_per_second: u32,
    /// Seconds that a lifecycle hook may take.
    pub hook_seconds: f64,
    /// Seconds that the handling of an event, a call or a tick may take.
    pub handler_seconds: f64,
    /// Messages it may be sent at a time; what it asks for in `initialize` may be less.
    pub concurrency: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_mb: 512,
            events_per_second: 10_000,
            calls_per_second: 10_000,
            hook_seconds: 10.0,
            handler_seconds: 60.0,
            concurrency: 64,
        }
    }
}

impl Manifest {
    /// Reads and checks the manifest in `folder`.
    ///
    /// # Errors
    /// [`ManifestError`] names file, line, key, value, and what is allowed.
    pub fn read(folder: &Path) -> Result<Manifest, ManifestError> {
        let file = folder.join(FILE);
        if file.symlink_metadata().is_ok() {
            return toml_file::read(&file);
        }
        let file = folder.join(ORIGINAL_FILE);
        if file.symlink_metadata().is_ok() {
            return original::read(&file);
        }
        Err(ManifestError::none_in(folder))
    }
}
