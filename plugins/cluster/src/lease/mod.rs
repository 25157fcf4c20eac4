//! Singletons: of all runtimes that have a plugin the one runs it that has its lease.
//!
//! A lease is a record in a stream of its own. It is taken, renewed and given back by compare-and-set of its revision, and
//! the revision by which it was taken is its token, which grows with each holder. The holder counts its time from before
//! it asked for a renewal; the others from when they saw it, and theirs is longer by a quarter, so that the plugin has
//! stopped before anybody else may start it:
//!
//! ```text
//! asked   +1/4 renews   +1/2 stops the plugin   +3/4 its life is ended by the kernel   +1 (after it was seen) taken by others
//! ```
//!
//! A process that was held up at the wrong time may act for a moment all the same. What it writes to the store of its
//! lease is refused then: each write names the last one that this holder knows of, and the new holder's record is later.

mod plugin;
mod record;
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kernel_core::{Error, Installed, PluginManager, PluginState};
use plugin_kit::prelude::log;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::node::Node;
use crate::time::since_boot;
use plugin::{AT_ONCE, command, installed, publish_token, state, stop, unload};
use record::{Held, LEASE, Lost, Record, contend, open, renew};
pub(crate) use store::is_key;

/// How long a plugin may take to start.
const START: Duration = Duration::from_secs(30);

/// A singleton's lease, as this runtime has it or not.
pub(crate) struct Lease {
    pub(crate) singleton: String,
    /// When the life of the plugin is over, in milliseconds since the machine was started; 0 without a lease.
    end: AtomicU64,
    held: Mutex<Option<Held>>,
}

impl Lease {
    pub(crate) fn new(singleton: &str) -> Self {
        Lease {
            singleton: singleton.to_owned(),
            end: AtomicU64::new(0),
            held: Mutex::new(None),
        }
    }

    /// Contends for the lease, and runs the plugin while it has it, for ever.
    pub(crate) async fn run(self: Arc<Self>, node: Arc<Node>) {
        let term = node.settings.lease;
        let (mut store, mut seen) = (None, None);
        loop {
            let Some(installed) = installed(&node, &self.singleton) else {
                node.note_lease(
                    &self.singleton,
                    json!({"held": false, "why": "the plugin is not installed here"}),
                );
                sleep(term).await;
                continue;
            };
            // Whoever started it otherwise has no lease.
            if state(&node, &self.singleton) == Some(PluginState::Started) {
                log::warn!(
                    "singleton {} was started without its lease, and is stopped",
                    self.singleton
                );
                stop(installed, term / 4);
                unload(&node, &self.singleton).await;
            }
            if store.is_none() {
                store = open(&node, &self.singleton).await;
            }
            if let Some(bucket) = &store
                && let Some(held) = contend(&node, &self.singleton, bucket, &mut seen).await
            {
                seen = None;
                self.hold(&node, installed, held).await;
                continue;
            }
            sleep(term / 4).await;
        }
    }

    /// Runs the plugin until the lease is lost or the plugin does not run.
    async fn hold(&self, node: &Arc<Node>, installed: Installed, held: Held) {
        let (term, token) = (node.settings.lease, held.token);
        let singleton = &self.singleton;
        log::info!(
            "runtime {} has the lease of {singleton}, token {token}",
            node.settings.name
        );
        self.set_end(node, held.asked);
        *self.held.lock().await = Some(held);
        self.note(
            node,
            json!({"held": true, "holder": node.settings.name, "token": token}),
        );
        self.say(node, "taken", token);
        let start = async {
            publish_token(node, singleton, Some(token)).await;
            command(node, "plugins.start", singleton, START).await
        };
        let mut start = std::pin::pin!(start);
        let mut failed_since = None;
        let mut started = false;
        let why = loop {
            // Renewals go on while the plugin starts.
            let turn = sleep(term / 4);
            let outcome = tokio::select! {
                outcome = &mut start, if !started => Some(outcome),
                () = turn => None,
            };
            match outcome {
                Some(Ok(())) => {
                    started = true;
                    continue;
                }
                Some(Err(error)) => break format!("it does not start: {error}"),
                None => {}
            }
            if self.end.load(Ordering::Relaxed) == 0 {
                break "its lease was not renewed in time".to_owned();
            }
            let lost = {
                let mut held = self.held.lock().await;
                match &mut *held {
                    Some(held) => {
                        let lost = renew(node, held).await.err();
                        self.set_end(node, held.asked);
                        lost
                    }
                    None => Some(Lost::Taken),
                }
            };
            match lost {
                Some(Lost::Taken) => break "another runtime has its lease".to_owned(),
                Some(Lost::Unknown(cause)) => log::warn!("the lease of {singleton} was not renewed: {cause}"),
                None => {}
            }
            if self.left(term / 2).await.is_zero() {
                break "its lease was not renewed in time".to_owned();
            }
            let failed = started && state(node, singleton) != Some(PluginState::Started);
            failed_since = failed.then(|| failed_since.unwrap_or_else(since_boot));
            if failed_since.is_some_and(|since| since_boot().saturating_sub(since) > term) {
                break "it does not run".to_owned();
            }
        };
        log::warn!("singleton {singleton} is stopped: {why}");
        self.give_up(node, installed).await;
        // Others have their turn first, where it is this runtime that cannot run it.
        sleep(if why.starts_with("it does") {
            term * 4
        } else {
            term / 4
        })
        .await;
    }

    fn set_end(&self, node: &Node, asked: Duration) {
        let end = asked + node.settings.lease / 4 * 3;
        self.end.store(end.as_millis() as u64, Ordering::Relaxed);
    }

    /// Ends the plugin's life when its lease is over and nobody else did, because what renews it is held up or gone.
    pub(crate) fn enforce(&self, plugins: &PluginManager) {
        let end = self.end.load(Ordering::Relaxed);
        if end != 0
            && since_boot().as_millis() as u64 >= end
            && let Some(index) = plugins.index(&self.singleton)
        {
            self.end.store(0, Ordering::Relaxed);
            stop(plugins.installed(index), AT_ONCE);
        }
    }

    /// How long the lease may still be used of this part of its term.
    async fn left(&self, part: Duration) -> Duration {
        let held = self.held.lock().await;
        held.as_ref().map_or(Duration::ZERO, |held| {
            (held.asked + part).saturating_sub(since_boot())
        })
    }

    /// Stops the plugin while the lease is still this runtime's, and gives it back.
    pub(crate) async fn give_up(&self, node: &Node, installed: Installed) {
        let end = self.left(node.settings.lease / 4 * 3).await;
        let running = || {
            !matches!(
                state(node, &self.singleton),
                Some(PluginState::Unloaded | PluginState::Failed) | None
            )
        };
        stop(installed, end);
        unload(node, &self.singleton).await;
        let until = since_boot() + end;
        while running() && since_boot() < until {
            sleep(Duration::from_millis(10)).await;
        }
        publish_token(node, &self.singleton, None).await;
        self.note(node, json!({"held": false}));
        self.end.store(0, Ordering::Relaxed);
        let Some(held) = self.held.lock().await.take() else {
            return;
        };
        self.say(node, "given_up", held.token);
        let free = serde_json::to_vec(&Record::default()).unwrap_or_default();
        let limit = node.settings.lease / 4;
        // Where it cannot be given back, it ends by itself.
        let _ = timeout(limit, held.store.update(LEASE, free.into(), held.revision)).await;
    }

    /// Ends all that this runtime has of it.
    pub(crate) async fn end(&self, node: &Node) {
        if self.held.lock().await.is_some()
            && let Some(installed) = installed(node, &self.singleton)
        {
            self.give_up(node, installed).await;
        }
    }

    /// Writes to the store of the lease: the revision.
    ///
    /// # Errors
    /// `fenced` when this token is not, or no longer, that of the holder; `store` when it is not known whether it was
    /// written.
    pub(crate) async fn put(&self, node: &Node, key: &str, value: &Value, token: u64) -> Result<u64, Error> {
        match &mut *self.held.lock().await {
            Some(held) => held.put(node, &self.singleton, key, value, token).await,
            None => Err(store::fenced(
                &self.singleton,
                token,
                "this runtime does not have the lease",
            )),
        }
    }

    /// Reads from the store of the lease, whoever has it.
    ///
    /// # Errors
    /// `store`.
    pub(crate) async fn get(&self, node: &Node, key: &str) -> Result<Option<Value>, Error> {
        let held = self.held.lock().await.as_ref().map(|held| held.store.clone());
        match held {
            Some(store) => store::get(&store, key).await,
            None => match open(node, &self.singleton).await {
                Some((store, _)) => store::get(&store, key).await,
                None => Err(Error::new("store", "there is no bucket")),
            },
        }
    }

    fn note(&self, node: &Node, known: Value) {
        node.note_lease(&self.singleton, known);
    }

    fn say(&self, node: &Node, what: &str, token: u64) {
        node.say(
            "cluster.lease",
            &json!({"singleton": self.singleton, "lease": what, "token": token}),
        );
    }
}

/// Watches over these leases on a thread of its own, as long as they are used or held: what renews them shares a thread with others.
///
/// # Errors
/// `thread` when the system has none left.
pub(crate) fn watch(leases: &[Arc<Lease>], plugins: PluginManager, term: Duration) -> Result<(), Error> {
    if leases.is_empty() {
        return Ok(());
    }
    let leases = leases.to_vec();
    plugin_kit::on_thread("leases", move || {
        // Also where the plugin of the cluster was ended with a lease in hand.
        while leases
            .iter()
            .any(|lease| Arc::strong_count(lease) > 1 || lease.end.load(Ordering::Relaxed) != 0)
        {
            leases.iter().for_each(|lease| lease.enforce(&plugins));
            std::thread::sleep(term / 32);
        }
    })
}
