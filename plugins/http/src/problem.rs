//! What a client is told when something is not done: `{"code", "message"}`, with the status that says it to programs
//! that know HTTP alone.

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use link_gateway::Failure;
use serde_json::json;

/// Why a request was not carried out.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    code: String,
    message: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Problem {
        Problem {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_argument", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn no_key() -> Problem {
        let message = "a key is wanted: send it in a header, `Authorization: Bearer KEY`";
        Problem::new(StatusCode::UNAUTHORIZED, "no_key", message)
    }

    pub(crate) fn too_many(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message)
    }

    /// As a document.
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({"code": self.code, "message": self.message})
    }
}

/// The status of a failure with this code.
fn status(code: &str) -> StatusCode {
    match code {
        "invalid_argument" | "invalid_name" | "reserved" | "not_json" | "invalid_json" => {
            StatusCode::BAD_REQUEST
        }
        "denied" => StatusCode::FORBIDDEN,
        "not_found" => StatusCode::NOT_FOUND,
        "conflict" | "taken" | "cycle" | "event_cycle" => StatusCode::CONFLICT,
        "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "busy" | "in_flight" | "share_used" => StatusCode::TOO_MANY_REQUESTS,
        "too_many_clients" | "full" | "unavailable" | "gone" | "shutting_down" | "silent" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        "timeout" => StatusCode::GATEWAY_TIMEOUT,
        "panic" | "storage_failed" | "corrupt" | "unexpected" | "bad_frame" | "unknown" => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        // A plugin's own: it understood what was asked, and will not do it.
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        let status = match failure.locked_out {
            true => StatusCode::UNAUTHORIZED,
            false => status(&failure.code),
        };
        Problem {
            status,
            code: failure.code,
            message: failure.message,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, crate::reply::json(&self.json())).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"core-runtime\""),
                );
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
