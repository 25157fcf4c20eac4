//! What actions do outside of the plugin: futures that own what they need, so that they may be kept between two
//! messages of the plugin.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;

use kernel_core::{Context, Error, Json, Name, Span};
use plugin_kit::MAX_REPLY;
use serde_json::{Value, json};

use crate::rule::{Facts, Op};

/// An action under way. Dropping it cancels a call.
pub(super) type Effect = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

/// What this step does; `None` for one that does nothing outside.
pub(super) fn effect(cx: Context, op: &Op, facts: &Facts<'_>) -> Option<Effect> {
    match op {
        Op::Call {
            service,
            args,
            timeout_ms,
            ..
        } => {
            let (service, args) = (service.clone(), args.fill(facts).to_string());
            let limit = timeout_ms.map(Duration::from_millis);
            Some(Box::pin(call(cx, service, args, limit)))
        }
        Op::Publish { topic, payload } => {
            let (topic, payload) = (topic.clone(), payload.fill(facts).to_string());
            Some(Box::pin(async move {
                let receivers = cx.publish(&topic, json(&payload)?).await?;
                Ok(json!({"receivers": receivers}))
            }))
        }
        Op::SetState { key, value, ttl_ms } => {
            let (key, value) = (key.clone(), value.fill(facts).to_string());
            let ttl = ttl_ms.map(|ms| Span::of(Duration::from_millis(ms)));
            Some(Box::pin(async move {
                let version = cx
                    .state()
                    .write(Name::Copied(&key), json(&value)?, ttl, None)
                    .await?;
                Ok(json!({"version": version}))
            }))
        }
        Op::Delay { .. } | Op::Unless { .. } | Op::Jump { .. } => None,
    }
}

async fn call(cx: Context, service: String, args: String, limit: Option<Duration>) -> Result<Value, Error> {
    let mut buf = vec![0; MAX_REPLY];
    let services = cx.services();
    let reply = services
        .call_for(None, &service, json(&args)?, limit, &mut buf)
        .await?;
    serde_json::from_slice(reply.as_bytes())
        .map_err(|error| Error::new("invalid_reply", &format!("{service}: {error}")))
}

/// The text, which nests at most as deep as the kernel allows.
fn json(text: &str) -> Result<Json<'_>, Error> {
    Json::parse(text).map_err(|error| Error::new("encode", &error.to_string()))
}

impl Op {
    /// What it does, for people.
    pub(super) fn what(&self) -> String {
        match self {
            Op::Call { service, .. } => format!("service {service}"),
            Op::Publish { topic, .. } => format!("publish {topic}"),
            Op::SetState { key, .. } => format!("set_state {key}"),
            Op::Delay { ms } => format!("delay {ms} ms"),
            Op::Unless { .. } => String::from("if"),
            Op::Jump { .. } => String::from("jump"),
        }
    }
}
