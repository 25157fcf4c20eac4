//! The record of a lease in its stream: looked at, taken, renewed, given back.

use std::time::Duration;

use async_nats::jetstream::kv::{CreateErrorKind, Operation, Store, UpdateErrorKind};
use async_nats::jetstream::stream::{self, DiscardPolicy};
use async_nats::jetstream::{self, Context as JetStream};
use bytes::Bytes;
use plugin_kit::prelude::log;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::timeout;

use crate::node::Node;
use crate::time::since_boot;

/// The key of the lease in its bucket.
pub(super) const LEASE: &str = "lease";

/// The record of a lease.
#[derive(Serialize, Deserialize, Debug, Default)]
pub(super) struct Record {
    /// The runtime; none when it was given back.
    pub(super) holder: Option<String>,
    /// Which run of it.
    pub(super) instance: u64,
    /// Not there in the first record of a holder: then it is that one's revision.
    pub(super) token: Option<u64>,
}

/// What the holder knows.
pub(super) struct Held {
    pub(super) store: Store,
    pub(super) jetstream: JetStream,
    pub(super) token: u64,
    /// The revision of the record.
    pub(super) revision: u64,
    /// The last message of the stream.
    pub(super) last: u64,
    /// When the renewal was asked for that came last.
    pub(super) asked: Duration,
}

/// Why there is no lease.
pub(super) enum Lost {
    /// Somebody else has it.
    Taken,
    /// It is not known: ask again.
    Unknown(String),
}

/// The stream of the lease, made where it is not there.
pub(super) async fn open(node: &Node, singleton: &str) -> Option<(Store, JetStream)> {
    let settings = &node.settings;
    let limit = settings.lease / 4;
    let jetstream = jetstream::context::ContextBuilder::new()
        .timeout(limit)
        .ack_timeout(limit)
        .build(node.client.clone());
    let bucket = format!("core-{}-{}", settings.cluster, singleton);
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
            log::warn!("no bucket for the lease of {singleton}: {cause}");
            node.note_lease(singleton, json!({"held": false, "why": cause}));
            None
        }
        Err(_) => None,
    }
}

/// Looks whether the lease is free, and takes it then.
pub(super) async fn contend(
    node: &Node,
    singleton: &str,
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
                .map_err(|cause| (cause.kind() != CreateErrorKind::AlreadyExists).then(|| cause.to_string())),
        ),
        Some(entry) => {
            let found: Record = serde_json::from_slice(&entry.value).unwrap_or_default();
            let first = match *seen {
                Some((revision, first)) if revision == entry.revision => first,
                _ => now,
            };
            *seen = Some((entry.revision, first));
            let free = found.holder.is_none() || now.saturating_sub(first) >= term;
            node.note_lease(singleton, json!({"held": false, "holder": found.holder}));
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
                log::warn!("the lease of {singleton} was not taken: {cause}");
            }
            None
        }
    }
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
pub(super) async fn renew(node: &Node, held: &mut Held) -> Result<(), Lost> {
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
