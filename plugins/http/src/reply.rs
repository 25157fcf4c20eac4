//! Replies.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::response::Response;
use serde::Serialize;

/// A document.
pub(crate) fn json(document: &impl Serialize) -> Response {
    // What is made here has string keys and no numbers that JSON does not know.
    json_text(serde_json::to_vec(document).unwrap_or_default())
}

/// A JSON text that is one already.
pub(crate) fn json_text(text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// With the version of what it is about.
pub(crate) fn with_version(mut response: Response, version: u64) -> Response {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}
