//! `mcp`.

use link_dial::Endpoint;

use crate::cli::exit::Failure;

pub(crate) const HELP: &str = "\
For programs with a language model, which start this command and speak with it. The services of the plugins are its tools. \
At the Unix socket it may do what the owner may; with a key, there as well as at a TCP port, what the key allows.

Example, in the configuration of such a program:
  {\"command\": \"core-runtime\", \"args\": [\"mcp\", \"--socket\", \"/PATH/runtime.sock\", \"--key-file\", \"/PATH/key\"]}";

#[cfg(feature = "bridges")]
pub(crate) fn mcp(endpoint: &Endpoint, key: &str) -> Result<(), Failure> {
    use kernel_link::Framing;
    use link_dial::{ConnectError, KEY_WANTED};

    if endpoint.target.framing() != Framing::Stream {
        return Err(Failure::Usage(
            "a board has no tools: leave --serial out".to_owned(),
        ));
    }
    let reactor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let reactor = reactor.map_err(Failure::Output)?;
    let outcome = reactor.block_on(async {
        let line = endpoint.target.dial().await;
        let line = line.map_err(|cause| Failure::no_session(endpoint, ConnectError::Unreachable(cause)))?;
        house::mcp_over_stdio(line, key)
            .await
            .map_err(|failure| Failure::Runtime {
                code: failure.code,
                message: failure.message,
                hint: failure.locked_out.then_some(KEY_WANTED),
            })
    });
    // A thread of it reads the standard input, which may stay open.
    reactor.shutdown_background();
    outcome
}

#[cfg(not(feature = "bridges"))]
pub(crate) fn mcp(_: &Endpoint, _: &str) -> Result<(), Failure> {
    Err(Failure::Usage(
        "this core-runtime was built without bridges: build it by `cargo build --release --features bridges`"
            .to_owned(),
    ))
}
