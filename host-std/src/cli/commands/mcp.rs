//! `mcp`.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use kernel_link::Framing;

use crate::cli::endpoint::{Endpoint, KEY_WANTED};
use crate::cli::exit::Failure;

pub(crate) const HELP: &str = "\
For programs with a language model, which start this command and speak with it. The services of the plugins are its tools. \
At the Unix socket it may do what the owner may; with a key, there as well as at a TCP port, what the key allows.

Example, in the configuration of such a program:
  {\"command\": \"core-runtime\", \"args\": [\"mcp\", \"--socket\", \"/PATH/runtime.sock\", \"--key-file\", \"/PATH/key\"]}";

/// The longest file with a key.
const LONGEST: u64 = 1024;

#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// A file with a key, which nobody but its owner may read; in place of --token
    #[arg(long, value_name = "PATH")]
    key_file: Option<PathBuf>,
}

pub(crate) fn mcp(args: &McpArgs, endpoint: Endpoint, token: Option<String>) -> Result<(), Failure> {
    if endpoint.framing() != Framing::Stream {
        return Err(Failure::Usage(
            "a board has no tools: leave --serial out".to_owned(),
        ));
    }
    let key = match &args.key_file {
        Some(file) => read_key(file)?,
        None => token.unwrap_or_default(),
    };
    let reactor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let reactor = reactor.map_err(Failure::Output)?;
    let outcome = reactor.block_on(async {
        let line = endpoint.dial().await.map_err(|cause| endpoint.explain(&cause))?;
        house::mcp_over_stdio(line, &key)
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

fn read_key(file: &Path) -> Result<String, Failure> {
    let wrong =
        |why: &dyn std::fmt::Display| Failure::Usage(format!("--key-file is {}: {why}", file.display()));
    let opened = File::open(file).map_err(|cause| wrong(&cause))?;
    let about = opened.metadata().map_err(|cause| wrong(&cause))?;
    if about.mode() & 0o077 != 0 {
        return Err(wrong(&"others may read it; `chmod 600` keeps them from it"));
    }
    let mut text = String::new();
    opened
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|cause| wrong(&cause))?;
    match text.trim() {
        "" => Err(wrong(&"it is empty")),
        key => Ok(key.to_owned()),
    }
}
