//! A call of one of the runtime's own services.

use std::time::Duration;

use kernel_link::{Raw, Reply, Request};
use serde_json::Value;

use crate::cli::check;
use crate::cli::connect::{Link, Patience};
use crate::cli::exit::Failure;

/// How much longer than the call's own deadline its answer is waited for.
const GRACE: Duration = Duration::from_secs(5);

/// Calls a service, and takes its reply apart.
pub(crate) async fn ask(
    link: &mut Link,
    service: &str,
    args: &Value,
    limit: Duration,
) -> Result<Value, Failure> {
    let args = args.to_string();
    let mut session = link.open().await?;
    let request = Request::Call {
        service,
        args: Raw(args.as_bytes()),
        timeout_ms: check::millis(limit),
        parent: None,
    };
    let reply = session.ask(request, Patience::For(limit + GRACE), |reply| match reply {
        Reply::Json(raw) => serde_json::from_slice(raw.0).ok(),
        _ => None,
    });
    reply.await
}
