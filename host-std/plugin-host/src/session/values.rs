//! What a plugin asks of the state and the storage.

use std::collections::BTreeMap;

use kernel_core::storage::BatchOp;
use kernel_core::{Name, Span};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::requests::{Answer, Request, deleted, judged, millis, null, whether};
use crate::lock::lock;
use crate::permissions::Use;
use crate::rpc_error::RpcError;

/// How many names a page has unless the plugin says otherwise, and at most.
const PAGE: u16 = 1000;

/// Room for a page of names.
const NAMES: usize = 32 * 1024;

#[derive(Deserialize)]
struct Stored<'a> {
    namespace: Option<String>,
    key: String,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    prefix: String,
    namespace: Option<String>,
    #[serde(default)]
    after: String,
    #[serde(default = "page")]
    limit: u16,
}

fn page() -> u16 {
    PAGE
}

impl Request<'_> {
    pub(super) async fn state_get(&self) -> Answer {
        #[derive(Deserialize)]
        struct Params {
            key: String,
        }
        let Params { key } = self.params()?;
        self.gate.check(Use::State(&key))?;
        let mut buf = self.room();
        Ok(match self.cx().state().get_versioned(&key, &mut buf).await? {
            Some((value, version)) => format!("{{\"value\":{value},\"version\":{version}}}").into_bytes(),
            None => b"null".to_vec(),
        })
    }

    pub(super) async fn state_set(&self) -> Answer {
        #[derive(Deserialize)]
        struct Params<'p> {
            key: String,
            #[serde(borrow)]
            value: Option<&'p RawValue>,
            ttl_ms: Option<f64>,
            version: Option<u64>,
        }
        let params: Params<'_> = self.params()?;
        self.gate.check(Use::State(&params.key))?;
        let value = judged(params.value)?;
        let ttl = params.ttl_ms.map(|ms| Span::of(millis(ms)));
        let state = self.cx().state();
        let version = state
            .write(Name::Copied(&params.key), value, ttl, params.version)
            .await?;
        Ok(format!("{{\"version\":{version}}}").into_bytes())
    }

    pub(super) async fn state_update(&self) -> Answer {
        #[derive(Deserialize)]
        struct Params<'p> {
            #[serde(borrow)]
            values: BTreeMap<String, &'p RawValue>,
        }
        let params: Params<'_> = self.params()?;
        let mut writes = Vec::with_capacity(params.values.len());
        for (key, value) in &params.values {
            self.gate.check(Use::State(key))?;
            writes.push((Name::Copied(key), judged(Some(value))?));
        }
        self.cx().state().update(&writes).await?;
        null()
    }

    pub(super) async fn state_delete(&self) -> Answer {
        #[derive(Deserialize)]
        struct Params {
            key: String,
            version: Option<u64>,
        }
        let Params { key, version } = self.params()?;
        self.gate.check(Use::State(&key))?;
        let state = self.cx().state();
        whether(match version {
            Some(version) => state.compare_and_delete(&key, version).await?,
            None => state.delete(&key).await?,
        })
    }

    pub(super) async fn state_keys(&self) -> Answer {
        let Listed {
            prefix, after, limit, ..
        } = self.params()?;
        let identity = &self.gate.identity;
        let (mut cursor, mut buf, mut keys) = (0, [0; 512], Vec::new());
        while let Some(entry) = self.cx().state().keys(&prefix, &mut cursor, &mut buf).await? {
            let granted = lock(&identity.granted);
            if entry.key > after.as_str() && granted.check(&identity.name, Use::State(entry.key)).is_ok() {
                keys.push(entry.key.to_owned());
            }
        }
        keys.sort_unstable();
        let limit = limit.clamp(1, PAGE).into();
        let more = keys.len() > limit;
        keys.truncate(limit);
        Ok(json!({ "keys": keys, "more": more }).to_string().into_bytes())
    }

    /// The context that may use a namespace: the kernel lets a plugin only into its own, and what was granted beyond
    /// is done on its behalf.
    fn storage_of<'n>(
        &'n self,
        namespace: &'n Option<String>,
    ) -> Result<kernel_core::Namespace<'n>, RpcError> {
        let identity = &self.gate.identity;
        match namespace {
            Some(other) if *other != identity.name => {
                self.gate.check(Use::Storage(other))?;
                Ok(identity.runtime.context().storage(other))
            }
            _ => Ok(self.cx().storage(&identity.name)),
        }
    }

    pub(super) async fn storage_get(&self) -> Answer {
        let Stored { namespace, key, .. } = self.params()?;
        let mut buf = self.room();
        Ok(match self.storage_of(&namespace)?.get(&key, &mut buf).await? {
            Some(value) => value.as_bytes().to_vec(),
            None => b"null".to_vec(),
        })
    }

    pub(super) async fn storage_set(&self) -> Answer {
        let Stored {
            namespace,
            key,
            value,
        } = self.params()?;
        self.storage_of(&namespace)?.set(&key, judged(value)?).await?;
        null()
    }

    pub(super) async fn storage_delete(&self) -> Answer {
        let Stored { namespace, key, .. } = self.params()?;
        whether(self.storage_of(&namespace)?.delete(&key).await?)
    }

    pub(super) async fn storage_keys(&self) -> Answer {
        let Listed {
            namespace,
            after,
            limit,
            ..
        } = self.params()?;
        let mut buf = vec![0; NAMES];
        let limit = limit.clamp(1, PAGE);
        let page = self
            .storage_of(&namespace)?
            .list_keys(&after, limit, &mut buf)
            .await?;
        let more = page.more();
        let keys: Vec<&str> = page.collect();
        Ok(json!({ "keys": keys, "more": more }).to_string().into_bytes())
    }

    pub(super) async fn storage_clear(&self) -> Answer {
        #[derive(Deserialize)]
        struct Params {
            namespace: Option<String>,
        }
        let Params { namespace } = self.params()?;
        deleted(self.storage_of(&namespace)?.clear_namespace().await?)
    }

    pub(super) async fn storage_batch(&self) -> Answer {
        #[derive(Deserialize)]
        struct One<'p> {
            set: Option<String>,
            #[serde(borrow)]
            value: Option<&'p RawValue>,
            delete: Option<String>,
        }
        #[derive(Deserialize)]
        struct Params<'p> {
            namespace: Option<String>,
            #[serde(borrow)]
            operations: Vec<One<'p>>,
        }
        let params: Params<'_> = self.params()?;
        let mut operations = Vec::with_capacity(params.operations.len());
        for one in &params.operations {
            operations.push(match (&one.set, &one.delete) {
                (Some(key), None) => BatchOp::Set(key, judged(one.value)?),
                (None, Some(key)) => BatchOp::Delete(key),
                _ => {
                    let wants = "each operation has either `set` and `value`, or `delete`";
                    return Err(RpcError::new("invalid_argument", wants));
                }
            });
        }
        self.storage_of(&params.namespace)?
            .transaction(&operations)
            .await?;
        null()
    }
}
