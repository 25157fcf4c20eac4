//! The standard input and output, and HTTP.

use std::sync::Arc;

use link_dial::Line;
use link_gateway::{Failure, Pool, Session};
use rmcp::ServiceExt;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService, stdio};
use tokio::sync::Semaphore;

use crate::server::{Access, Server};

/// Who the client is, for the runtime's people.
const NAME: &str = concat!("mcp ", env!("CARGO_PKG_VERSION"));

/// Requests over HTTP that look at events at the same time.
const LOOKING: usize = 8;

/// Serves the program at the standard input and output, until it closes its end. Nothing else is to be written to the
/// standard output. `line` is a fresh line to a runtime, `key` what is shown there; empty for none.
///
/// # Errors
/// Why the runtime does not let it in, or was lost.
///
/// # Cancellation
/// The session is closed.
pub async fn over_stdio(line: Line, key: &str) -> Result<(), Failure> {
    let (read, write) = (line.read.into_inner(), line.write.into_inner());
    let session = Session::open(read, write, NAME, key).await?;
    let broken = |cause: &dyn std::fmt::Display| {
        Failure::new("bad_input", format!("the client speaks no MCP: {cause}"))
    };
    let server = Server(Access::One(session.clone()));
    let running = server.serve(stdio()).await.map_err(|cause| broken(&cause))?;
    tokio::select! {
        ended = running.waiting() => ended.map(drop).map_err(|cause| broken(&cause)),
        why = session.ended() => Err(why),
    }
}

/// The service over HTTP.
pub type HttpService = StreamableHttpService<Server, NeverSessionManager>;

/// The service over HTTP: each request by itself, without sessions. Whose it is, the request's extensions say by a
/// [`Who`](link_gateway::Who), which whoever serves puts there.
pub fn service(pool: Arc<Pool>, body_bytes: usize) -> HttpService {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(body_bytes)
        // The key is in each request's head, which no page of another origin can put there.
        .disable_allowed_hosts();
    let looking = Arc::new(Semaphore::new(LOOKING));
    StreamableHttpService::new(
        move || Ok(Server(Access::Each(pool.clone(), looking.clone()))),
        Arc::default(),
        config,
    )
}
