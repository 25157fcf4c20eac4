//! The Model Context Protocol, by its own library.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use tower_service::Service;

use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::Shared;

/// `/mcp`
pub(crate) async fn serve(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    mut request: Request,
) -> Result<Response, Problem> {
    // A key that is not good is refused before the protocol is spoken.
    caller.session(&shared).await?;
    request.extensions_mut().insert(caller.0);
    let Ok(response) = shared.mcp.clone().call(request).await;
    Ok(response.map(Body::new))
}
