//! What is stored: namespaces, keys, values.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use kernel_link::{Raw, Request};
use link_gateway::Answer;
use serde_json::json;

use crate::bodies;
use crate::caller::Caller;
use crate::calls::unexpected;
use crate::params::{Name, Params};
use crate::problem::Problem;
use crate::reply;
use crate::shared::Shared;

/// Names of a page, unless it is said, and at most.
const PAGE: u64 = 100;
const LONGEST_PAGE: u64 = 1_000;

/// A page of names: `{"NAMES": [...], "next": the last of them, or null}`.
fn page(what: &str, answer: Answer) -> Result<Response, Problem> {
    match answer {
        Answer::Names(page) => {
            let next = page.names.last().filter(|_| page.more);
            Ok(reply::json(&json!({ what: page.names, "next": next })))
        }
        _ => Err(unexpected().into()),
    }
}

/// `GET /api/storage`
pub(crate) async fn namespaces(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::of(uri.query(), &["limit", "after"])?;
    let limit = params.whole("limit", 1, LONGEST_PAGE)?.unwrap_or(PAGE) as u16;
    let after = params.text("after").unwrap_or("");
    let session = caller.session(&shared).await?;
    page(
        "namespaces",
        session.ask(Request::StorageNamespaces { after, limit }).await?,
    )
}

/// `GET /api/storage/NAMESPACE`
pub(crate) async fn keys(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Name(namespace): Name<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let params = Params::of(uri.query(), &["limit", "after"])?;
    let limit = params.whole("limit", 1, LONGEST_PAGE)?.unwrap_or(PAGE) as u16;
    let request = Request::StorageKeys {
        namespace: &namespace,
        after: params.text("after").unwrap_or(""),
        limit,
    };
    page("keys", caller.session(&shared).await?.ask(request).await?)
}

/// `DELETE /api/storage/NAMESPACE`
pub(crate) async fn clear(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Name(namespace): Name<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::of(uri.query(), &[])?;
    let request = Request::StorageClear {
        namespace: &namespace,
    };
    match caller.session(&shared).await?.ask(request).await? {
        Answer::Count(deleted) => Ok(reply::json(&json!({ "deleted": deleted }))),
        _ => Err(unexpected().into()),
    }
}

/// `GET /api/storage/NAMESPACE/KEY`
pub(crate) async fn read(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Name((namespace, key)): Name<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::of(uri.query(), &[])?;
    let (namespace, key) = (&*namespace, &*key);
    match caller
        .session(&shared)
        .await?
        .ask(Request::StorageGet { namespace, key })
        .await?
    {
        Answer::Json(value) => Ok(reply::json_text(value)),
        Answer::Absent => Err(nothing(namespace, key)),
        _ => Err(unexpected().into()),
    }
}

/// `PUT /api/storage/NAMESPACE/KEY`: answered once it is durable.
pub(crate) async fn write(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Name((namespace, key)): Name<(String, String)>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    Params::of(uri.query(), &[])?;
    let session = caller.session(&shared).await?;
    let value = bodies::read(body, &shared.limits).await?;
    let request = Request::StorageSet {
        namespace: &namespace,
        key: &key,
        value: Raw(&value),
    };
    match session.ask(request).await? {
        Answer::Done => Ok(StatusCode::NO_CONTENT.into_response()),
        _ => Err(unexpected().into()),
    }
}

/// `DELETE /api/storage/NAMESPACE/KEY`
pub(crate) async fn delete(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Name((namespace, key)): Name<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::of(uri.query(), &[])?;
    let (namespace, key) = (&*namespace, &*key);
    match caller
        .session(&shared)
        .await?
        .ask(Request::StorageDelete { namespace, key })
        .await?
    {
        Answer::Done => Ok(StatusCode::NO_CONTENT.into_response()),
        Answer::Absent => Err(nothing(namespace, key)),
        _ => Err(unexpected().into()),
    }
}

fn nothing(namespace: &str, key: &str) -> Problem {
    Problem::not_found(format!("nothing is stored as {key} in {namespace}"))
}
