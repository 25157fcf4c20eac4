//! Bodies, of bounded length and in bounded time.

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;

use crate::problem::Problem;
use crate::settings::Limits;

/// The body, JSON for all that is known here; `null` where there is none.
pub(crate) async fn read(body: Body, limits: &Limits) -> Result<Bytes, Problem> {
    let bytes = read_as_it_is(body, limits).await?;
    Ok(match bytes.trim_ascii() {
        [] => Bytes::from_static(b"null"),
        _ => bytes,
    })
}

/// The body, whatever it is.
pub(crate) async fn read_as_it_is(body: Body, limits: &Limits) -> Result<Bytes, Problem> {
    let most = limits.body_bytes;
    let collected = timeout(limits.body_timeout, Limited::new(body, most).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(cause)) if cause.is::<http_body_util::LengthLimitError>() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("the body is longer than {most} bytes, which is the most"),
        )),
        Ok(Err(cause)) => Err(Problem::invalid(format!("the body cannot be read: {cause}"))),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            format!("the body did not come within {} s", limits.body_timeout.as_secs()),
        )),
    }
}
