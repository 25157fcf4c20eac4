//! Lists and state as JSON: the shapes of the command line's `--json`.

use kernel_link as link;
use link_dial::Plugin;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// A state entry.
#[derive(Clone, Debug, Serialize)]
pub struct StateEntry {
    /// Its key.
    pub key: String,
    /// Its value; `None` when it is too long for the link.
    pub value: Option<Box<RawValue>>,
    /// Its version.
    pub version: u64,
    /// How long it still lives, in milliseconds; `None` for ever.
    pub ttl_ms: Option<u64>,
    /// Who wrote it last.
    pub owner: String,
}

impl StateEntry {
    pub(crate) fn new(entry: link::State<'_>) -> StateEntry {
        StateEntry {
            key: entry.key.to_owned(),
            value: entry.value.and_then(|raw| serde_json::from_slice(raw.0).ok()),
            version: entry.version,
            ttl_ms: entry.ttl_ms,
            owner: entry.owner.to_owned(),
        }
    }
}

/// A plugin; its dependencies are the `index` of others.
pub(crate) fn plugin(plugin: &Plugin) -> Value {
    let mut shape = json!(plugin.document(&[]));
    shape["index"] = plugin.index.into();
    shape["dependencies"] = plugin.dependencies.iter().collect();
    shape
}
