//! What is where.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, HeaderName, TRANSFER_ENCODING};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};

use crate::problem::Problem;
use crate::rates::network;
use crate::shared::{Peer, Shared};
use crate::{calls, cors, events, mcp, metrics, openapi, plugins, state, storage, websocket};

const NOSNIFF: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-content-type-options"),
    HeaderValue::from_static("nosniff"),
);

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/call/{service}", post(calls::call))
        .route("/api/services", get(calls::services))
        .route("/api/events", get(events::stream))
        .route("/api/events/{topic}", post(events::publish))
        .route("/api/ws", get(websocket::upgrade))
        .route("/api/state", get(state::list))
        .route(
            "/api/state/{key}",
            get(state::read).put(state::write).delete(state::delete),
        )
        .route("/api/storage", get(storage::namespaces))
        .route(
            "/api/storage/{namespace}",
            get(storage::keys).delete(storage::clear),
        )
        .route(
            "/api/storage/{namespace}/{key}",
            get(storage::read).put(storage::write).delete(storage::delete),
        )
        .route("/api/plugins", get(plugins::list))
        .route("/api/plugins/{name}/{action}", post(plugins::lead))
        .route("/openapi.json", get(openapi::document))
        .route("/mcp", any(mcp::serve))
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(metrics::healthz))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(shared.clone(), around))
        .with_state(shared)
}

async fn nothing_here(uri: Uri) -> Problem {
    Problem::not_found(format!(
        "nothing is at {}: /openapi.json has what there is",
        uri.path()
    ))
}

async fn not_so(method: Method, uri: Uri) -> Problem {
    let message = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

/// What is done for each request, whatever it asks for.
async fn around(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let Some(Peer(peer)) = request.extensions().get().copied() else {
        return Problem::no_key().into_response();
    };
    let origin = cors::origin(&shared.origins, request.headers());
    // Whoever is in between may take another length for the right one.
    let has_two_lengths = request.headers().contains_key(TRANSFER_ENCODING);
    let mut response = if !shared.by_address.take(network(peer)) {
        let most = shared.limits.address_per_second;
        Problem::too_many(format!("{most} requests a second may come from an address")).into_response()
    } else if request.method() == Method::OPTIONS && origin.is_some() {
        cors::preflight()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(NOSNIFF.0, NOSNIFF.1);
    if has_two_lengths {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(origin) = origin {
        cors::allow(headers, origin);
    }
    response
}
