//! What the services take and answer.

use kernel_core::Error;
use plugin_kit::Arguments;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::level::LogLevel;

/// The most entries of an answer.
pub(crate) const MAX_LIMIT: u32 = 1_000;

/// The longest text that is taken, in characters.
pub(crate) const MAX_TEXT: usize = 16_384;

/// The arguments of `logger.log`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
pub struct LogCall {
    /// How much it matters.
    #[serde(default)]
    pub level: LogLevel,
    /// What is to be said.
    #[schemars(length(max = 16384))]
    pub message: String,
    /// Whose it is; the caller's unless given.
    #[serde(default)]
    #[schemars(length(max = 16384))]
    pub plugin: Option<String>,
    /// Anything that belongs to it.
    #[serde(default)]
    pub context: Option<Value>,
    /// What it is a part of, over several plugins.
    #[serde(default)]
    #[schemars(length(max = 16384))]
    pub operation_id: Option<String>,
    /// Whatever else there is; kept in the context.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Arguments for LogCall {
    const NAMES: &'static [&'static str] = &["level", "message", "plugin", "context", "operation_id"];
}

impl LogCall {
    /// Refuses texts that are too long even to be cut.
    pub(crate) fn check(&self) -> Result<(), Error> {
        check("message", Some(&self.message))?;
        check("plugin", self.plugin.as_deref())?;
        check("operation_id", self.operation_id.as_deref())
    }
}

fn check(name: &str, text: Option<&str>) -> Result<(), Error> {
    let len = text.map_or(0, |text| text.chars().count());
    match len <= MAX_TEXT {
        true => Ok(()),
        false => Err(Error::format(
            "invalid_argument",
            format_args!("{name} has {len} characters; allowed are {MAX_TEXT} at most"),
        )),
    }
}

/// The arguments of `logger.recent`; all may be left out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecentCall {
    /// The most entries that are wanted; 100 unless given.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Those of this level and above.
    #[serde(default)]
    pub level: Option<LogLevel>,
    /// Those of this plugin, by its own word or the runtime's.
    #[serde(default)]
    #[schemars(length(max = 16384))]
    pub plugin: Option<String>,
    /// Those after the entry with this id.
    #[serde(default)]
    pub since: Option<u64>,
}

impl RecentCall {
    /// Refuses what is not allowed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        check("plugin", self.plugin.as_deref())?;
        match self.limit.filter(|limit| !(1..=MAX_LIMIT).contains(limit)) {
            None => Ok(()),
            Some(limit) => Err(Error::format(
                "invalid_argument",
                format_args!("limit is {limit}; allowed is a whole number from 1 to {MAX_LIMIT}"),
            )),
        }
    }
}

impl Arguments for RecentCall {
    const NAMES: &'static [&'static str] = &["plugin", "level", "limit", "since"];
}

/// The answer of `logger.stats`. Counts are of this life of the plugin.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LoggerStats {
    /// Entries in the ring.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Entries that were kept.
    pub logged: u64,
    /// Entries that were left out because their callers said too much.
    pub limited: u64,
    /// Entries that were left out because their level is below the setting's.
    pub below: u64,
    /// Entries that made room for others.
    pub evicted: u64,
    /// Those who called, by name; who is known is at most 256, those who were silent longest are forgotten.
    pub sources: Vec<SourceStats>,
    /// The file; `None` where the settings name none.
    pub file: Option<FileStats>,
}

/// What one caller said.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SourceStats {
    /// Who.
    pub source: String,
    /// Entries in the ring.
    pub entries: u64,
    /// Entries that were kept.
    pub logged: u64,
    /// Entries that were left out because it said too much.
    pub limited: u64,
    /// Entries that made room for others.
    pub evicted: u64,
}

/// How the file does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct FileStats {
    /// Where it is.
    pub path: String,
    /// Lines that were written.
    pub written: u64,
    /// Lines that were not.
    pub lost: u64,
    /// Times that writing failed.
    pub errors: u64,
    /// How writing failed last; `None` when it works.
    pub error: Option<String>,
}
