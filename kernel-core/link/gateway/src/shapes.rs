//! Lists and state as JSON: the shapes of the command line's `--json`.

use kernel_link as link;
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
pub(crate) fn plugin(plugin: link::Plugin<'_>) -> Value {
    let error = match plugin.error {
        link::Failure::Error {
            code: "",
            message: "",
        } => Value::Null,
        error => json!({"code": error.code(), "message": error.to_string()}),
    };
    let counters = plugin.counters;
    json!({
        "index": plugin.index,
        "name": plugin.name,
        "version": plugin.version,
        "description": plugin.description,
        "author": plugin.author,
        "state": plugin.state.as_str(),
        "hook": plugin.hook,
        "placement": plugin.placement,
        "dependencies": plugin.dependencies.iter().collect::<Vec<_>>(),
        "error": error,
        "counters": {
            "events": counters.events,
            "published": counters.published,
            "dropped": counters.dropped,
            "lag": counters.lag,
            "lag_high_water": counters.lag_high_water,
            "calls_in": counters.calls,
            "errors": counters.errors,
            "failures": counters.failures,
            "slow": counters.slow,
            "handled": counters.handled,
            "busy_micros": counters.busy_micros,
            "worst_micros": counters.worst_micros,
        },
    })
}

/// A service.
pub(crate) fn service(service: link::Service<'_>) -> Value {
    json!({
        "name": service.name,
        "plugin": service.owner,
        "version": service.version,
        "description": service.description,
        "deprecated": service.deprecated,
        "calls": service.counters.calls,
        "errors": service.counters.errors,
        "busy_micros": service.counters.busy_micros,
        "worst_micros": service.counters.worst_micros,
        "latency": service.latency,
    })
}
