//! What a plugin asks of the runtime, one function for each family of methods.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use kernel_core::storage::BatchOp;
use kernel_core::{CallId, Context, Json, Name, Service, Span};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::lock::lock;
use crate::log::Level;
use crate::permissions::Use;
use crate::rpc_error::RpcError;
use crate::services::About;

type Answer = Result<Vec<u8>, RpcError>;

/// How many names a page has unless the plugin says otherwise, and at most.
const PAGE: u16 = 1000;

/// What the kernel keeps of a service's description.
const DESCRIPTION: usize = 120;

/// Room for a page of names.
const NAMES: usize = 32 * 1024;

/// Carries out one request. `parent` is the call that the request says it belongs to.
pub(super) async fn perform(
    gate: Rc<Gate>,
    method: String,
    params: Box<RawValue>,
    parent: Option<CallId>,
) -> Answer {
    let request = Request {
        gate: &gate,
        method: &method,
        params: params.get(),
    };
    match method.as_str() {
        "publish" => request.publish().await,
        "subscribe" => request.subscribe().await,
        "unsubscribe" => request.unsubscribe().await,
        "register" => request.register().await,
        "unregister" => request.unregister().await,
        "call" => request.call(parent).await,
        "has_service" => request.has_service().await,
        "services" => Ok(request.services()),
        "state.get" => request.state_get().await,
        "state.set" => request.state_set().await,
        "state.update" => request.state_update().await,
        "state.delete" => request.state_delete().await,
        "state.keys" => request.state_keys().await,
        "state.clear" => deleted(gate.cx.state().clear().await?),
        "storage.get" => request.storage_get().await,
        "storage.set" => request.storage_set().await,
        "storage.delete" => request.storage_delete().await,
        "storage.keys" => request.storage_keys().await,
        "storage.clear" => request.storage_clear().await,
        "storage.batch" => request.storage_batch().await,
        "interval" => request.interval().await,
        "log" => request.log(),
        _ => Err(RpcError::no_method(&method)),
    }
}

fn null() -> Answer {
    Ok(b"null".to_vec())
}

fn whether(found: bool) -> Answer {
    Ok(found.to_string().into_bytes())
}

fn deleted(count: u32) -> Answer {
    Ok(json!({ "deleted": count }).to_string().into_bytes())
}

/// A value of the plugin, judged.
fn judged(raw: Option<&RawValue>) -> Result<Json<'_>, RpcError> {
    let Some(raw) = raw else {
        return Ok(Json::NULL);
    };
    Json::parse(raw.get()).map_err(|error| RpcError::new("not_json", error.to_string()))
}

fn millis(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms.max(0.0) / 1000.0).unwrap_or(Duration::MAX)
}

#[derive(Deserialize)]
struct Named {
    #[serde(alias = "filter", alias = "service")]
    name: String,
}

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

struct Request<'a> {
    gate: &'a Gate,
    method: &'a str,
    params: &'a str,
}

impl<'a> Request<'a> {
    fn params<T: Deserialize<'a>>(&self) -> Result<T, RpcError> {
        serde_json::from_str(self.params).map_err(|cause| RpcError::params(self.method, &cause))
    }

    fn cx(&self) -> Context {
        self.gate.cx
    }

    /// Room for the largest value there is.
    fn room(&self) -> Vec<u8> {
        vec![0; super::MAX_VALUE + 1024]
    }

    async fn publish(&self) -> Answer {
        #[derive(Deserialize)]
        struct Params<'p> {
            topic: String,
            #[serde(borrow)]
            payload: Option<&'p RawValue>,
            wait_ms: Option<f64>,
        }
        let params: Params<'_> = self.params()?;
        self.gate.check(Use::Publish(&params.topic))?;
        self.gate.count_event()?;
        let payload = judged(params.payload)?;
        let wait = params.wait_ms.map_or(Duration::from_secs(5), millis);
        let receivers = self
            .cx()
            .bus()
            .publish_within(&params.topic, payload, wait)
            .await?;
        Ok(format!("{{\"receivers\":{receivers}}}").into_bytes())
    }

    async fn subscribe(&self) -> Answer {
        let Named { name } = self.params()?;
        self.gate.check(Use::Subscribe(&name))?;
        whether(self.cx().subscribe(Name::Copied(&name)).await?)
    }

    async fn unsubscribe(&self) -> Answer {
        let Named { name } = self.params()?;
        whether(self.cx().unsubscribe(&name).await?)
    }

    async fn register(&self) -> Answer {
        #[derive(Deserialize)]
        struct Params {
            service: String,
            #[serde(default)]
            description: String,
            #[serde(default)]
            version: String,
            #[serde(default)]
            deprecated: bool,
            schema: Option<Value>,
            returns: Option<Value>,
            #[serde(default)]
            examples: Vec<Value>,
        }
        let params: Params = self.params()?;
        self.gate.check(Use::Register(&params.service))?;
        let identity = &self.gate.identity;
        let kept = |text: &'static str| Name::Fixed(text);
        let copied = |text| match text {
            "" => kept(""),
            text => Name::Copied(text),
        };
        let mut service = Service::new(Name::Copied(&params.service))
            .describe(copied(cut(&params.description, DESCRIPTION)))
            .version(copied(&params.version));
        if params.deprecated {
            service = service.deprecated();
        }
        let about = About {
            plugin: identity.name.clone(),
            description: params.description.clone(),
            schema: params.schema,
            returns: params.returns,
            examples: params.examples,
        };
        if let Some(schema) = &about.schema {
            crate::schema::Schema::compile(schema).map_err(|wrong| {
                RpcError::new(
                    "invalid_argument",
                    format!("schema of {}: {wrong}", params.service),
                )
            })?;
        }
        self.cx().register(&service).await?;
        // It was compiled just now.
        let _ = identity.services.add(&params.service, about);
        null()
    }

    async fn unregister(&self) -> Answer {
        let Named { name } = self.params()?;
        let was_there = self.cx().services().unregister(&name).await?;
        if was_there {
            self.gate.identity.services.remove(&name);
        }
        whether(was_there)
    }

    async fn call(&self, parent: Option<CallId>) -> Answer {
        #[derive(Deserialize)]
        struct Params<'p> {
            service: String,
            #[serde(borrow)]
            args: Option<&'p RawValue>,
            timeout_ms: Option<f64>,
        }
        let params: Params<'_> = self.params()?;
        self.gate.check(Use::Call(&params.service))?;
        self.gate.count_call()?;
        let args = judged(params.args)?;
        let limit = params.timeout_ms.map(millis);
        let mut buf = self.room();
        let services = self.cx().services();
        let reply = services
            .call_for(parent, &params.service, args, limit, &mut buf)
            .await?;
        Ok(reply.as_bytes().to_vec())
    }

    async fn has_service(&self) -> Answer {
        let Named { name } = self.params()?;
        whether(self.cx().services().has_service(&name).await?)
    }

    fn services(&self) -> Vec<u8> {
        let identity = &self.gate.identity;
        crate::lists::services(identity.runtime, &identity.services)
            .to_string()
            .into_bytes()
    }

    async fn state_get(&self) -> Answer {
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

    async fn state_set(&self) -> Answer {
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

    async fn state_update(&self) -> Answer {
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

    async fn state_delete(&self) -> Answer {
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

    async fn state_keys(&self) -> Answer {
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

    async fn storage_get(&self) -> Answer {
        let Stored { namespace, key, .. } = self.params()?;
        let mut buf = self.room();
        Ok(match self.storage_of(&namespace)?.get(&key, &mut buf).await? {
            Some(value) => value.as_bytes().to_vec(),
            None => b"null".to_vec(),
        })
    }

    async fn storage_set(&self) -> Answer {
        let Stored {
            namespace,
            key,
            value,
        } = self.params()?;
        self.storage_of(&namespace)?.set(&key, judged(value)?).await?;
        null()
    }

    async fn storage_delete(&self) -> Answer {
        let Stored { namespace, key, .. } = self.params()?;
        whether(self.storage_of(&namespace)?.delete(&key).await?)
    }

    async fn storage_keys(&self) -> Answer {
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

    async fn storage_clear(&self) -> Answer {
        #[derive(Deserialize)]
        struct Params {
            namespace: Option<String>,
        }
        let Params { namespace } = self.params()?;
        deleted(self.storage_of(&namespace)?.clear_namespace().await?)
    }

    async fn storage_batch(&self) -> Answer {
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

    async fn interval(&self) -> Answer {
        #[derive(Deserialize)]
        struct Params {
            ms: f64,
        }
        let Params { ms } = self.params()?;
        self.cx().set_interval(millis(ms)).await?;
        null()
    }

    fn log(&self) -> Answer {
        #[derive(Deserialize)]
        struct Params {
            #[serde(default)]
            level: String,
            #[serde(default)]
            message: String,
        }
        let Params { level, message } = self.params()?;
        let level = Level::from_word(&level).unwrap_or(Level::Info);
        self.gate.identity.log.write(level, &message);
        null()
    }
}

/// The beginning of a text, of at most `most` bytes.
fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}
