//! The snapshot for programs: everything the target said, with names where the link has numbers.

use link_dial::{PluginDocument, StateDocument, names_of};
use serde::Serialize;

use crate::facts::{self, Metrics};

/// Everything, as `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    /// The target, as it was written; for a recording its file.
    pub target: &'a str,
    /// The runtime's name for itself.
    pub name: &'a str,
    /// The unix time of the runtime's clock zero in microseconds, where it knows it.
    pub epoch: Option<u64>,
    health: Health,
    metrics: &'a Metrics,
    plugins: Vec<PluginDocument<'a>>,
    services: &'a [facts::Service],
    calls: &'a [facts::Call],
    state: Vec<StateDocument<'a>>,
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
struct Health {
    ok: bool,
    running: bool,
    storage: bool,
    plugins: usize,
    started: usize,
    failed: Vec<String>,
}

impl<'a> Document<'a> {
    /// The document of a snapshot.
    pub fn new(target: &'a str, name: &'a str, epoch: Option<u64>, snapshot: &'a facts::Snapshot) -> Self {
        let health = &snapshot.health;
        let plugins = snapshot.plugins.iter();
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
                failed: names_of(&health.failed, &snapshot.plugins),
            },
            metrics: &snapshot.metrics,
            plugins: plugins.map(|plugin| plugin.document(&snapshot.plugins)).collect(),
            services: &snapshot.services,
            calls: &snapshot.calls,
            state: snapshot.states.iter().map(facts::State::document).collect(),
            subscriptions: &snapshot.subscriptions,
            storage: None,
        }
    }
}
