//! The store of a lease: only its holder writes there.

use async_nats::HeaderMap;
use async_nats::header::NATS_EXPECTED_LAST_SEQUENCE;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::kv::Store;
use kernel_core::Error;
use serde_json::Value;

use super::record::{Held, Lost, renew};
use crate::node::Node;

impl Held {
    /// Writes to the store of the lease of this singleton: the revision.
    ///
    /// # Errors
    /// `fenced` when this token is not, or no longer, that of the holder; `store` when it is not known whether it was
    /// written.
    pub(super) async fn put(
        &mut self,
        node: &Node,
        singleton: &str,
        key: &str,
        value: &Value,
        token: u64,
    ) -> Result<u64, Error> {
        let fenced = |why: &str| fenced(singleton, token, why);
        if self.token != token {
            return Err(fenced(&format!("the lease has token {}", self.token)));
        }
        let subject = format!("$KV.{}.{}", self.store.name, data_key(key));
        let payload = value.to_string();
        for _ in 0..2 {
            let mut headers = HeaderMap::new();
            headers.insert(NATS_EXPECTED_LAST_SEQUENCE, self.last.to_string());
            let sent = self
                .jetstream
                .publish_with_headers(subject.clone(), headers, payload.clone().into())
                .await;
            let acknowledged = match sent {
                Ok(acknowledged) => acknowledged.await,
                Err(cause) => Err(cause),
            };
            match acknowledged {
                Ok(acknowledged) => {
                    self.last = acknowledged.sequence;
                    return Ok(acknowledged.sequence);
                }
                Err(cause) => {
                    let refused = cause.kind() == PublishErrorKind::WrongLastSequence;
                    // A renewal says whose lease it is, and where the stream stands.
                    match renew(node, self).await {
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
}

/// Reads from the store of a lease.
///
/// # Errors
/// `store`.
pub(super) async fn get(store: &Store, key: &str) -> Result<Option<Value>, Error> {
    let error = |cause: &dyn std::fmt::Display| Error::new("store", &cause.to_string());
    let found = store.get(data_key(key)).await.map_err(|cause| error(&cause))?;
    found
        .map(|value| serde_json::from_slice(&value).map_err(|cause| error(&cause)))
        .transpose()
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

/// The error of a write with a token that is not the holder's.
pub(super) fn fenced(singleton: &str, token: u64, why: &str) -> Error {
    Error::format("fenced", format_args!("token {token} of {singleton}: {why}"))
}
