//! Events: published, and watched as server-sent events.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::Response;
use kernel_link::{Raw, Request};
use link_gateway::{Answer, Session};
use serde_json::json;

use crate::bodies;
use crate::caller::Caller;
use crate::calls::unexpected;
use crate::params::{Name, Params};
use crate::problem::Problem;
use crate::reply;
use crate::shared::Shared;
use crate::stream::stream_of;
use crate::watching::{Place, watch};

/// How long a publish waits for subscribers that make publishers wait, in milliseconds.
const WAIT: u32 = 5_000;

/// `POST /api/events/TOPIC`
pub(crate) async fn publish(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Name(topic): Name<String>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    Params::of(uri.query(), &[])?;
    let session = caller.session(&shared).await?;
    let payload = bodies::read(body, &shared.limits).await?;
    let receivers = publish_on(&session, &topic, &payload).await?;
    Ok(reply::json(&json!({ "receivers": receivers })))
}

/// Publishes; how many plugins get it.
pub(crate) async fn publish_on(session: &Session, topic: &str, payload: &[u8]) -> Result<u64, Problem> {
    let request = Request::Publish {
        topic,
        timeout_ms: WAIT,
        payload: Raw(payload),
    };
    match session.ask(request).await? {
        Answer::Count(receivers) => Ok(receivers),
        _ => Err(unexpected().into()),
    }
}

/// `GET /api/events?filter=`
pub(crate) async fn stream(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::of(uri.query(), &["filter", "since"])?;
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?"));
    let place = match (last, params.text("since")) {
        // A browser that connects again asks with the same URL.
        (Some(last), _) if !last.is_empty() => Some(Place::after(last)?),
        (_, Some(since)) => Some(Place::from(since)?),
        _ => None,
    };
    let filter = params.text("filter").unwrap_or(">");
    let watching = watch(&shared.feeds, &caller.0, filter, place).await?;
    let mut response = Response::new(stream_of(watching));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // For proxies that would keep events until there are many.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}
