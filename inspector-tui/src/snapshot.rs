//! The snapshot for programs: everything the target said, with names where the link has numbers.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::facts::{self, Metrics, PluginCounters, Slots};

/// Everything, as `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    /// The target, as it was written; for a recording its file.
    pub target: &'a str,
    /// The runtime's name for itself.
    pub name: &'a str,
    /// The unix time of the runtime's clock zero in microseconds, where it knows it.
    pub epoch: Option<u64>,
    health: Health<'a>,
    metrics: &'a Metrics,
    plugins: Vec<Plugin<'a>>,
    services: Vec<Service<'a>>,
    calls: Vec<Call<'a>>,
    state: Vec<State<'a>>,
    subscriptions: &'a [facts::Subscription],
    /// The stored keys by namespace; absent in a recording, which has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
}

/// What is stored.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Storage {
    /// The namespaces, with their keys.
    Namespaces(Vec<Namespace>),
    /// It could not be read.
    Error {
        /// Why.
        error: Error,
    },
}

/// A namespace and its keys.
#[derive(Debug, Serialize)]
pub struct Namespace {
    /// Its name.
    pub namespace: String,
    /// Its keys, in order.
    pub keys: Vec<String>,
}

/// An error.
#[derive(Debug, Serialize)]
pub struct Error {
    /// The stable code.
    pub code: String,
    /// The message for people.
    pub message: String,
}

#[derive(Debug, Serialize)]
struct Health<'a> {
    ok: bool,
    running: bool,
    storage: bool,
    plugins: usize,
    started: usize,
    failed: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Plugin<'a> {
    name: &'a str,
    version: &'a str,
    description: &'a str,
    author: &'a str,
    dependencies: Vec<&'a str>,
    placement: &'a str,
    state: &'static str,
    hook: &'a str,
    error: Option<Error>,
    counters: PluginCounters,
}

#[derive(Debug, Serialize)]
struct Service<'a> {
    name: &'a str,
    plugin: &'a str,
    version: &'a str,
    description: &'a str,
    deprecated: bool,
    calls: u64,
    errors: u64,
    busy_micros: u64,
    worst_micros: u32,
    latency: &'a [u32],
}

#[derive(Debug, Serialize)]
struct Call<'a> {
    call: u32,
    service: Option<&'a str>,
    caller: &'a str,
    callee: &'a str,
    running: bool,
    age_micros: u64,
    parent: Option<u32>,
}

#[derive(Debug, Serialize)]
struct State<'a> {
    key: &'a str,
    /// `null` also for one that is too long for the link: then `too_long` is true.
    value: Option<Box<RawValue>>,
    too_long: bool,
    version: u64,
    ttl_ms: Option<u64>,
    owner: &'a str,
}

impl<'a> Document<'a> {
    /// The document of a snapshot.
    pub fn new(target: &'a str, name: &'a str, epoch: Option<u64>, snapshot: &'a facts::Snapshot) -> Self {
        let names = |set: &Slots| -> Vec<&'a str> {
            let named = |index: usize| {
                let mut plugins = snapshot.plugins.iter();
                plugins.find(|plugin| usize::from(plugin.index) == index)
            };
            set.iter()
                .map(|index| named(index).map_or("?", |plugin| plugin.name.as_ref()))
                .collect()
        };
        let health = &snapshot.health;
        Document {
            target,
            name,
            epoch,
            health: Health {
                ok: health.running && health.storage && health.failed.is_empty(),
                running: health.running,
                storage: health.storage,
                plugins: health.plugins,
                started: health.started,
                failed: names(&health.failed),
            },
            metrics: &snapshot.metrics,
            plugins: snapshot
                .plugins
                .iter()
                .map(|plugin| Plugin {
                    name: &plugin.name,
                    version: &plugin.version,
                    description: &plugin.description,
                    author: &plugin.author,
                    dependencies: names(&plugin.dependencies),
                    placement: &plugin.placement,
                    state: plugin.state.as_str(),
                    hook: &plugin.hook,
                    error: error(&plugin.error),
                    counters: plugin.counters,
                })
                .collect(),
            services: snapshot
                .services
                .iter()
                .map(|service| Service {
                    name: &service.name,
                    plugin: &service.owner,
                    version: &service.version,
                    description: &service.description,
                    deprecated: service.deprecated,
                    calls: service.calls,
                    errors: service.errors,
                    busy_micros: service.busy_micros,
                    worst_micros: service.worst_micros,
                    latency: &service.latency,
                })
                .collect(),
            calls: snapshot
                .calls
                .iter()
                .map(|call| Call {
                    call: call.call,
                    service: Some(call.service.as_ref()).filter(|service| !service.is_empty()),
                    caller: &call.caller,
                    callee: &call.callee,
                    running: call.running,
                    age_micros: call.age_micros,
                    parent: call.parent,
                })
                .collect(),
            state: snapshot
                .states
                .iter()
                .map(|state| State {
                    key: &state.key,
                    // The runtime holds nothing but JSON.
                    value: state
                        .value
                        .clone()
                        .and_then(|value| RawValue::from_string(value).ok()),
                    too_long: state.value.is_none(),
                    version: state.version,
                    ttl_ms: state.ttl_ms,
                    owner: &state.owner,
                })
                .collect(),
            subscriptions: &snapshot.subscriptions,
            storage: None,
        }
    }
}

fn error((code, message): &(String, String)) -> Option<Error> {
    (!code.is_empty() || !message.is_empty()).then(|| Error {
        code: code.clone(),
        message: message.clone(),
    })
}
