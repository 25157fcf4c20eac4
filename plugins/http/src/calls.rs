//! Calls, and the services there are.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use kernel_link::Request;
use serde_json::json;

use crate::bodies;
use crate::caller::Caller;
use crate::params::{Name, Params, whole};
use crate::problem::Problem;
use crate::reply;
use crate::shared::Shared;

/// The longest that a call may take, in milliseconds.
pub(crate) const LONGEST: u64 = 3_600_000;

/// `POST /api/call/SERVICE`
pub(crate) async fn call(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Name(service): Name<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let params = Params::of(uri.query(), &["timeout_ms"])?;
    let timeout_ms = match (
        params.whole("timeout_ms", 1, LONGEST)?,
        headers.get("x-timeout-ms"),
    ) {
        (Some(_), Some(_)) => return Err(Problem::invalid("timeout_ms and X-Timeout-Ms are both there")),
        (None, Some(value)) => whole("X-Timeout-Ms", value.to_str().unwrap_or(""), 1, LONGEST)?,
        (given, None) => given.unwrap_or(0),
    };
    let session = caller.session(&shared).await?;
    let args = bodies::read(body, &shared.limits).await?;
    let result = session.call(&service, &args, timeout_ms as u32).await?;
    Ok(reply::json_text(result))
}

/// What is answered when the runtime answers something else.
pub(crate) fn unexpected() -> link_gateway::Failure {
    link_gateway::Failure::new(
        "unexpected",
        "the runtime answered something else than was asked for",
    )
}

/// `GET /api/services`
pub(crate) async fn services(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::of(uri.query(), &[])?;
    let session = caller.session(&shared).await?;
    let mut services = session.list(Request::Services).await?;
    services.sort_by(|one, two| one["name"].as_str().cmp(&two["name"].as_str()));
    Ok(reply::json(&json!({ "services": services })))
}
