//! Namespaces of singletons: kept in a bucket each, which belongs to the runtime that has the singleton's lease.

use kernel_core::{CoreRuntime, Fault, Json};
use serde::Deserialize;

use crate::bucket::Bucket;
use crate::trouble::Trouble;

/// What a lease is held by; it grows with each holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) u64);

/// The namespace of a singleton.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) namespace: String,
    /// Its bucket, and by which token it was taken.
    pub(crate) taken: Option<(Token, Bucket)>,
}

#[derive(Deserialize)]
struct Lease {
    token: u64,
}

impl Shared {
    pub(crate) fn new(namespace: &str) -> Self {
        Shared {
            namespace: namespace.to_owned(),
            taken: None,
        }
    }

    /// The token of the lease that this runtime has, by its state `cluster.lease.<namespace>`.
    ///
    /// # Errors
    /// [`Trouble::NoLease`].
    pub(crate) async fn token(&self, runtime: CoreRuntime) -> Result<Token, Trouble> {
        let key = format!("cluster.lease.{}", self.namespace);
        let mut buf = [0; 512];
        let found: Result<Option<Json<'_>>, Fault> = runtime.state().get(&key, &mut buf).await;
        let lease = found.ok().flatten();
        let lease = lease.and_then(|value| serde_json::from_str::<Lease>(value.as_str()).ok());
        lease
            .map(|lease| Token(lease.token))
            .ok_or_else(|| Trouble::NoLease(self.namespace.clone()))
    }
}
