//! The coordination state: `GET`, `PUT` and `DELETE`, with versions as entity tags.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use kernel_link::{Raw, Request};
use link_gateway::{Answer, Failure, StateEntry};
use serde_json::json;

use crate::bodies;
use crate::caller::Caller;
use crate::calls::unexpected;
use crate::params::{Name, Params};
use crate::problem::Problem;
use crate::reply::{self, with_version};
use crate::shared::Shared;

/// Entries of a page, unless it is said, and at most.
const PAGE: u64 = 100;
const LONGEST_PAGE: u64 = 1_000;
/// Bytes of a page's values, about.
const PAGE_BYTES: usize = 1 << 20;
/// The longest time to live: 49 days.
const LONGEST_TTL: u64 = 49 * 24 * 3_600_000;

/// `GET /api/state`
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::of(uri.query(), &["prefix", "limit", "after"])?;
    let prefix = params.text("prefix").unwrap_or("");
    let limit = params.whole("limit", 1, LONGEST_PAGE)?.unwrap_or(PAGE);
    let mut cursor = params.whole("after", 0, u32::MAX.into())?.unwrap_or(0) as u32;
    let session = caller.session(&shared).await?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    let next = loop {
        match session.ask(Request::StateEntry { prefix, cursor }).await? {
            Answer::State(entry, behind) => {
                bytes += entry.value.as_ref().map_or(0, |value| value.get().len());
                cursor = behind;
                entries.push(entry);
            }
            Answer::Absent => break None,
            _ => return Err(unexpected().into()),
        }
        if entries.len() as u64 >= limit || bytes >= PAGE_BYTES {
            break Some(cursor);
        }
    };
    Ok(reply::json(&json!({ "entries": entries, "next": next })))
}

/// `GET /api/state/KEY`
pub(crate) async fn read(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Name(key): Name<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::of(uri.query(), &[])?;
    let session = caller.session(&shared).await?;
    match session.ask(Request::StateGet { key: &key }).await? {
        Answer::State(entry, _) => shown(entry),
        Answer::Absent => Err(Problem::not_found(format!("there is no state value {key}"))),
        _ => Err(unexpected().into()),
    }
}

fn shown(entry: StateEntry) -> Result<Response, Problem> {
    let Some(value) = entry.value else {
        let message = format!("the value of {} is too long for the link", entry.key);
        return Err(Failure::new("too_large", message).into());
    };
    let mut response = with_version(reply::json_text(value.get().to_owned()), entry.version);
    if let Some(ttl) = entry.ttl_ms {
        response.headers_mut().insert("x-ttl-ms", HeaderValue::from(ttl));
    }
    Ok(response)
}

/// `PUT /api/state/KEY`
pub(crate) async fn write(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Name(key): Name<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let params = Params::of(uri.query(), &["ttl_ms"])?;
    let ttl_ms = params.whole("ttl_ms", 1, LONGEST_TTL)?;
    let expected = expected(&headers)?;
    let session = caller.session(&shared).await?;
    let value = bodies::read(body, &shared.limits).await?;
    let request = Request::StateSet {
        key: &key,
        ttl_ms,
        expected,
        value: Raw(&value),
    };
    match session
        .ask(request)
        .await
        .map_err(|failure| changed(failure, expected))?
    {
        Answer::Count(version) => Ok(with_version(reply::json(&json!({ "version": version })), version)),
        _ => Err(unexpected().into()),
    }
}

/// `DELETE /api/state/KEY`
pub(crate) async fn delete(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Name(key): Name<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Params::of(uri.query(), &[])?;
    let expected = expected(&headers)?;
    let session = caller.session(&shared).await?;
    let request = Request::StateDelete { key: &key, expected };
    match session
        .ask(request)
        .await
        .map_err(|failure| changed(failure, expected))?
    {
        Answer::Done => Ok(StatusCode::NO_CONTENT.into_response()),
        Answer::Absent => Err(Problem::not_found(format!("there is no state value {key}"))),
        _ => Err(unexpected().into()),
    }
}

/// The version that the value must have: `If-Match: "7"`, or `If-None-Match: *` for none.
fn expected(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let one = |name| -> Result<Option<&str>, Problem> {
        let mut all = headers.get_all(&name).iter();
        match (all.next(), all.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Ok(Some(value.to_str().unwrap_or("?").trim())),
            _ => Err(Problem::invalid(format!("{name} is there twice"))),
        }
    };
    match (one(IF_MATCH)?, one(IF_NONE_MATCH)?) {
        (None, None) => Ok(None),
        (None, Some("*")) => Ok(Some(0)),
        (Some(tag), None) => {
            let number = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let number = number
                .and_then(|number| number.parse().ok())
                .filter(|number| *number > 0);
            number
                .map(Some)
                .ok_or_else(|| Problem::invalid("If-Match names one version as its ETag does, such as \"7\""))
        }
        _ => Err(Problem::invalid(
            "allowed is If-Match with a version, or If-None-Match: * where there must be no value",
        )),
    }
}

/// Of a value that has another version than was expected.
fn changed(failure: Failure, expected: Option<u64>) -> Problem {
    let is_conflict = failure.code == "conflict" && expected.is_some();
    let mut problem = Problem::from(failure);
    if is_conflict {
        problem.status = StatusCode::PRECONDITION_FAILED;
    }
    problem
}
