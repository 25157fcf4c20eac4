//! The Model Context Protocol, by its own library.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use tower_service::Service;

use crate::bodies;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::shared::Shared;

/// `/mcp`
pub(crate) async fn serve(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    // A key that is not good is refused before the protocol is spoken.
    caller.session(&shared).await?;
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(caller.0);
    let body = bodies::read_as_it_is(body, &shared.limits).await?;
    let request = Request::from_parts(parts, Body::from(body));
    let Ok(response) = shared.mcp.clone().call(request).await;
    Ok(response.map(Body::new))
}
