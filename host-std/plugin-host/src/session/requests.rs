//! What a plugin asks of the runtime, one function for each method. Those for state and storage are in values.rs.

use std::rc::Rc;
use std::time::Duration;

use kernel_core::{CallId, Context, Json, Name, Service};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::lists::{self, Which};
use crate::log::Level;
use crate::permissions::Use;
use crate::rpc_error::RpcError;
use crate::services::{About, Known};
use crate::text::{DESCRIPTION, cut};

pub(super) type Answer = Result<Vec<u8>, RpcError>;

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

pub(super) fn null() -> Answer {
    Ok(b"null".to_vec())
}

pub(super) fn whether(found: bool) -> Answer {
    Ok(found.to_string().into_bytes())
}

pub(super) fn deleted(count: u32) -> Answer {
    Ok(json!({ "deleted": count }).to_string().into_bytes())
}

/// A value of the plugin, judged.
pub(super) fn judged(raw: Option<&RawValue>) -> Result<Json<'_>, RpcError> {
    let Some(raw) = raw else {
        return Ok(Json::NULL);
    };
    Json::parse(raw.get()).map_err(|error| RpcError::new("not_json", error.to_string()))
}

pub(super) fn millis(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms.max(0.0) / 1000.0).unwrap_or(Duration::MAX)
}

#[derive(Deserialize)]
struct Named {
    #[serde(alias = "filter", alias = "service")]
    name: String,
}

pub(super) struct Request<'a> {
    pub(super) gate: &'a Gate,
    method: &'a str,
    params: &'a str,
}

impl<'a> Request<'a> {
    pub(super) fn params<T: Deserialize<'a>>(&self) -> Result<T, RpcError> {
        serde_json::from_str(self.params).map_err(|cause| RpcError::params(self.method, &cause))
    }

    pub(super) fn cx(&self) -> Context {
        self.gate.cx
    }

    /// Room for the largest value there is.
    pub(super) fn room(&self) -> Vec<u8> {
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
            reads: bool,
            #[serde(default)]
            examples: Vec<Value>,
        }
        let params: Params = self.params()?;
        self.gate.check(Use::Register(&params.service))?;
        let identity = &self.gate.identity;
        let copied = |text| match text {
            "" => Name::Fixed(""),
            text => Name::Copied(text),
        };
        let mut service = Service::new(Name::Copied(&params.service))
            .describe(copied(cut(&params.description, DESCRIPTION)))
            .version(copied(&params.version));
        if params.deprecated {
            service = service.deprecated();
        }
        let about = About {
            description: params.description.clone(),
            schema: params.schema,
            returns: params.returns,
            reads: params.reads,
            examples: params.examples,
        };
        let known = Known::compile(&params.service, about)
            .map_err(|wrong| RpcError::new("invalid_argument", wrong))?;
        self.cx().register(&service).await?;
        identity.services.keep(&identity.name, &params.service, known);
        null()
    }

    async fn unregister(&self) -> Answer {
        let Named { name } = self.params()?;
        let was_there = self.cx().services().unregister(&name).await?;
        if was_there {
            let identity = &self.gate.identity;
            identity.services.remove(&identity.name, &name);
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
        // A line has far more room than a value.
        lists::services(
            identity.runtime,
            &identity.services,
            &Which::default(),
            super::MAX_LINE / 2,
        )
        .to_string()
        .into_bytes()
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
