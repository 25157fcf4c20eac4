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

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_EXPECTED_LAST_SEQUENCE;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::kv::{CreateErrorKind, Operation, Store, UpdateErrorKind};
use async_nats::jetstream::stream::{self, DiscardPolicy};
use async_nats::jetstream::{self, Context as JetStream};
use bytes::Bytes;
use kernel_core::{Error, Installed, Json, Name, PluginManager, PluginState};
use plugin_kit::prelude::log;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::node::Node;
use crate::time::since_boot;

/// The key of the lease in its bucket.
const LEASE: &str = "lease";

/// How long a plugin may take to start.
const START: Duration = Duration::from_secs(30);

/// The least time that a plugin has to stop: the supervisor has to see that it is not to be started again.
const AT_ONCE: Duration = Duration::from_millis(50);

/// The record of a lease.
#[derive(Serialize, Deserialize, Debug, Default)]
struct Record {
    /// The runtime; none when it was given back.
    holder: Option<String>,
    /// Which run of it.
    instance: u64,
    /// Not there in the first record of a holder: then it is that one's revision.
    token: Option<u64>,
}

/// A singleton's lease, as this runtime has it or not.
pub(crate) struct Lease {
    pub(crate) singleton: String,
    /// When the life of the plugin is over, in milliseconds since the machine was started; 0 without a lease.
    end: AtomicU64,
    held: Mutex<Option<Held>>,
}

/// What the holder knows.
struct Held {
    store: Store,
    jetstream: JetStream,
    token: u64,
    /// The revision of the record.
    revision: u64,
    /// The last message of the stream.
    last: u64,
    /// When the renewal was asked for that came last.
    asked: Duration,
}

/// Why there is no lease.
enum Lost {
    /// Somebody else has it.
    Taken,
    /// It is not known: ask again.
    Unknown(String),
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
                store = self.open(&node).await;
            }
            if let Some(bucket) = &store
                && let Some(held) = self.contend(&node, bucket, &mut seen).await
            {
                seen = None;
                self.hold(&node, installed, held).await;
                continue;
            }
            sleep(term / 4).await;
        }
    }

    /// The stream of the lease, made where it is not there.
    async fn open(&self, node: &Node) -> Option<(Store, JetStream)> {
        let settings = &node.settings;
        let limit = settings.lease / 4;
        let jetstream = jetstream::context::ContextBuilder::new()
            .timeout(limit)
            .ack_timeout(limit)
            .build(node.client.clone());
        let bucket = format!("core-{}-{}", settings.cluster, self.singleton);
        // A key-value bucket; `create_key_value` reads an answer that servers before 2.10 write otherwise.
        let config = stream::Config {
            name: format!("KV_{bucket}"),
            description: Some("The lease of a singleton, and its store".to_owned()),
            subjects: vec![format!("$KV.{bucket}.>")],
            max_messages_per_subject: 1,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            num_replicas: settings.replicas,
            ..stream::Config::default()
        };
        let made = async {
            if let Ok(store) = jetstream.get_key_value(&bucket).await {
                return Ok(store);
            }
            jetstream
                .create_stream(config)
                .await
                .map_err(|cause| cause.to_string())?;
            jetstream
                .get_key_value(&bucket)
                .await
                .map_err(|cause| cause.to_string())
        };
        match timeout(limit * 4, made).await {
            Ok(Ok(store)) => Some((store, jetstream)),
            Ok(Err(cause)) => {
                log::warn!("no bucket for the lease of {}: {cause}", self.singleton);
                self.note(node, json!({"held": false, "why": cause}));
                None
            }
            Err(_) => None,
        }
    }

    /// Looks whether the lease is free, and takes it then.
    async fn contend(
        &self,
        node: &Node,
        (store, jetstream): &(Store, JetStream),
        seen: &mut Option<(u64, Duration)>,
    ) -> Option<Held> {
        let term = node.settings.lease;
        let entry = timeout(term / 4, store.entry(LEASE)).await.ok()?.ok()?;
        let now = since_boot();
        let mine = record(node, None);
        let (asked, taken) = match entry.filter(|entry| entry.operation == Operation::Put) {
            None => (
                now,
                timeout(term / 4, store.create(LEASE, mine))
                    .await
                    .ok()?
                    .map_err(|cause| {
                        (cause.kind() != CreateErrorKind::AlreadyExists).then(|| cause.to_string())
                    }),
            ),
            Some(entry) => {
                let found: Record = serde_json::from_slice(&entry.value).unwrap_or_default();
                let first = match *seen {
                    Some((revision, first)) if revision == entry.revision => first,
                    _ => now,
                };
                *seen = Some((entry.revision, first));
                let free = found.holder.is_none() || now.saturating_sub(first) >= term;
                self.note(node, json!({"held": false, "holder": found.holder}));
                if !free {
                    return None;
                }
                let taken = timeout(term / 4, store.update(LEASE, mine, entry.revision))
                    .await
                    .ok()?;
                (
                    now,
                    taken.map_err(|cause| {
                        (cause.kind() != UpdateErrorKind::WrongLastRevision).then(|| cause.to_string())
                    }),
                )
            }
        };
        match taken {
            Ok(revision) => Some(Held {
                store: store.clone(),
                jetstream: jetstream.clone(),
                token: revision,
                revision,
                last: revision,
                asked,
            }),
            Err(cause) => {
                if let Some(cause) = cause {
                    log::warn!("the lease of {} was not taken: {cause}", self.singleton);
                }
                None
            }
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
        let fenced = |why: &str| {
            Error::format(
                "fenced",
                format_args!("token {token} of {}: {why}", self.singleton),
            )
        };
        let mut held = self.held.lock().await;
        let held = held
            .as_mut()
            .ok_or_else(|| fenced("this runtime does not have the lease"))?;
        if held.token != token {
            return Err(fenced(&format!("the lease has token {}", held.token)));
        }
        let subject = format!("$KV.{}.{}", held.store.name, data_key(key));
        let payload = value.to_string();
        for _ in 0..2 {
            let mut headers = HeaderMap::new();
            headers.insert(NATS_EXPECTED_LAST_SEQUENCE, held.last.to_string());
            let sent = held
                .jetstream
                .publish_with_headers(subject.clone(), headers, payload.clone().into())
                .await;
            let acknowledged = match sent {
                Ok(acknowledged) => acknowledged.await,
                Err(cause) => Err(cause),
            };
            match acknowledged {
                Ok(acknowledged) => {
                    held.last = acknowledged.sequence;
                    return Ok(acknowledged.sequence);
                }
                Err(cause) => {
                    let refused = cause.kind() == PublishErrorKind::WrongLastSequence;
                    // A renewal says whose lease it is, and where the stream stands.
                    match renew(node, held).await {
                        Err(Lost::Taken) => return Err(fenced("another runtime has the lease")),
                        Ok(()) if refused => {}
                        _ => {
                            let text = format!("it is not known whether {key} was written: {cause}");
                            return Err(Error::new("store", &text));
                        }
                    }
                }
            }
        }
        Err(Error::new("store", "another write was first, twice: try again"))
    }

    /// Reads from the store of the lease.
    ///
    /// # Errors
    /// `store`.
    pub(crate) async fn get(&self, node: &Node, key: &str) -> Result<Option<Value>, Error> {
        let error = |cause: &dyn std::fmt::Display| Error::new("store", &cause.to_string());
        let held = self.held.lock().await.as_ref().map(|held| held.store.clone());
        let store = match held {
            Some(store) => store,
            None => {
                self.open(node)
                    .await
                    .ok_or_else(|| error(&"there is no bucket"))?
                    .0
            }
        };
        let found = store.get(data_key(key)).await.map_err(|cause| error(&cause))?;
        found
            .map(|value| serde_json::from_slice(&value).map_err(|cause| error(&cause)))
            .transpose()
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

/// True for a key of the store.
pub(crate) fn is_key(key: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '=' | '/');
    (1..=200).contains(&key.len())
        && key
            .split('.')
            .all(|token| !token.is_empty() && token.chars().all(allowed))
}

fn data_key(key: &str) -> String {
    format!("data.{key}")
}

fn record(node: &Node, token: Option<u64>) -> Bytes {
    let record = Record {
        holder: Some(node.settings.name.clone()),
        instance: node.instance,
        token,
    };
    serde_json::to_vec(&record).unwrap_or_default().into()
}

/// Renews the lease.
async fn renew(node: &Node, held: &mut Held) -> Result<(), Lost> {
    let limit = node.settings.lease / 4;
    for _ in 0..2 {
        let asked = since_boot();
        let update = held
            .store
            .update(LEASE, record(node, Some(held.token)), held.revision);
        match timeout(limit, update).await {
            Ok(Ok(revision)) => {
                held.revision = revision;
                held.last = revision;
                held.asked = asked;
                return Ok(());
            }
            Ok(Err(cause)) if cause.kind() == UpdateErrorKind::WrongLastRevision => {}
            Ok(Err(cause)) => return Err(Lost::Unknown(cause.to_string())),
            Err(_) => return Err(Lost::Unknown("no answer in time".to_owned())),
        }
        // It may be this runtime's own, of which it did not hear.
        let entry = timeout(limit, held.store.entry(LEASE)).await;
        let Ok(Ok(Some(entry))) = entry else {
            return Err(Lost::Unknown("its record cannot be read".to_owned()));
        };
        let found: Record = serde_json::from_slice(&entry.value).unwrap_or_default();
        let is_own = found.instance == node.instance && found.token == Some(held.token);
        if entry.revision > held.revision && !is_own {
            return Err(Lost::Taken);
        }
        held.revision = entry.revision.max(held.revision);
    }
    Err(Lost::Unknown("its record changes".to_owned()))
}

/// Stops the plugin, whose life the kernel ends where it takes longer than this.
pub(crate) fn stop(installed: Installed, limit: Duration) {
    installed.set_goal(PluginState::Unloaded, limit.max(AT_ONCE));
}

/// Sees to it that nobody starts it again: it may have failed, or not have been up yet.
async fn unload(node: &Node, singleton: &str) {
    let _ = command(node, "plugins.unload", singleton, node.settings.lease / 4).await;
}

fn installed(node: &Node, singleton: &str) -> Option<Installed> {
    let plugins = node.runtime.plugins();
    plugins.index(singleton).map(|index| plugins.installed(index))
}

fn state(node: &Node, singleton: &str) -> Option<PluginState> {
    node.runtime.plugins().state(singleton)
}

/// Leads the plugin as a command would, with all checks.
async fn command(node: &Node, service: &str, singleton: &str, limit: Duration) -> Result<(), Error> {
    let args = json!({ "name": singleton }).to_string();
    let args = Json::parse(&args).map_err(|_| Error::new("not_json", ""))?;
    let mut buf = vec![0; 4096];
    // It is the operator's will, by the configuration.
    let cx = node.runtime.context();
    cx.call_within(service, args, limit, &mut buf).await?;
    Ok(())
}

/// Tells the plugin its token, by the state.
async fn publish_token(node: &Node, singleton: &str, token: Option<u64>) {
    let key = format!("cluster.lease.{singleton}");
    let done = match token {
        Some(token) => {
            let text = json!({"token": token, "holder": node.settings.name}).to_string();
            match Json::parse(&text) {
                Ok(value) => node.cx.state().set(Name::Copied(&key), value).await.map(|_| ()),
                Err(_) => Ok(()),
            }
        }
        None => node.cx.state().delete(&key).await.map(|_| ()),
    };
    if let Err(fault) = done {
        log::warn!("the state key {key} was not changed: {fault}");
    }
}
