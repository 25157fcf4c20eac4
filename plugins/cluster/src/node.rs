//! What all parts of the plugin share: this runtime as one of the cluster.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_nats::Client;
use kernel_core::{Context, CoreRuntime, Error, Installed, Json};
use plugin_kit::prelude::log;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::far::FarPlugins;
use crate::link::LinkState;
use crate::lock::lock;
use crate::members::{Heard, Members};
use crate::offers::Offers;
use crate::outbox::Outbox;
use crate::pending::{Pending, Serving};
use crate::settings::ClusterSettings;
use crate::wire::{Hello, Subjects};

/// See the module's documentation.
pub(crate) struct Node {
    pub(crate) runtime: CoreRuntime,
    pub(crate) installed: Installed,
    /// The plugin's own way to the kernel.
    pub(crate) cx: Context,
    pub(crate) settings: ClusterSettings,
    pub(crate) subjects: Subjects,
    pub(crate) instance: u64,
    pub(crate) started: u64,
    pub(crate) client: Client,
    pub(crate) link: Arc<LinkState>,
    pub(crate) outbox: Outbox,
    pub(crate) members: Members,
    pub(crate) far: FarPlugins,
    pub(crate) offers: Offers,
    /// The version of what is offered.
    pub(crate) offered: AtomicU64,
    pub(crate) pending: Pending,
    pub(crate) serving: Serving,
    /// There may be something to do about services and counts of others.
    pub(crate) news: Notify,
    /// Nobody else has this runtime's name.
    pub(crate) joined: AtomicBool,
    /// What is known of each singleton.
    pub(crate) leases: Mutex<BTreeMap<String, Value>>,
}

impl Node {
    /// What this runtime says of itself.
    pub(crate) fn hello(&self) -> Hello {
        let figures = self.outbox.figures();
        Hello {
            name: self.settings.name.clone(),
            instance: self.instance,
            started: self.started,
            joins: false,
            leaves: false,
            services: self.offered.load(Ordering::Relaxed),
            sent: figures.at,
            dropped: figures.dropped,
            lagged: figures.lagged,
            connects: self.link.connects(),
        }
    }

    /// A sign of life of another runtime.
    pub(crate) fn heard(&self, name: &str, instance: u64) -> Heard {
        let heard = self.members.heard(name, instance);
        match heard {
            Heard::Known => {}
            Heard::New => self.say("cluster.joined", &json!({"runtime": name})),
            Heard::Again => {
                self.clean_up(name, "it has begun anew");
                self.say(
                    "cluster.left",
                    &json!({"runtime": name, "why": "it has begun anew"}),
                );
                self.say("cluster.joined", &json!({"runtime": name}));
            }
        }
        heard
    }

    /// A runtime is no longer there: what was its is taken back, and who waits for it is told.
    pub(crate) fn gone(&self, name: &str, why: &str) {
        if self.members.remove(name) {
            self.clean_up(name, why);
            log::info!("runtime {name} has left: {why}");
            self.say("cluster.left", &json!({"runtime": name, "why": why}));
        }
    }

    fn clean_up(&self, name: &str, why: &str) {
        self.give_up_calls(name, why);
        self.far.remove(name);
    }

    /// Ends the calls to and from a runtime, and tells who waits.
    pub(crate) fn give_up_calls(&self, name: &str, why: &str) {
        let error = Error::format("runtime_gone", format_args!("the runtime {name} is gone: {why}"));
        for (_, waiting) in self.pending.take_where(|waiting| waiting.to == name) {
            waiting.answer(Err(&error));
        }
        self.serving.cancel_all(name);
    }

    /// Publishes something about the cluster.
    pub(crate) fn say(&self, topic: &str, what: &Value) {
        let text = what.to_string();
        if let Ok(payload) = Json::parse(&text) {
            // A subscriber that makes publishers wait misses it, and a bus that is full has other worries.
            let _ = self.cx.try_publish(topic, payload);
        }
    }

    /// This plugin cannot go on.
    pub(crate) fn fail(&self, error: &Error) {
        log::error!("{error}");
        if self.installed.context().id() == self.cx.id() {
            self.installed.crashed(error);
        }
    }

    /// Notes what is known of a singleton.
    pub(crate) fn note_lease(&self, singleton: &str, known: Value) {
        lock(&self.leases).insert(singleton.to_owned(), known);
    }
}
