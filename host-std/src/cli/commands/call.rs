//! `call` and `calls`.

use std::time::Duration;

use clap::Args;
use kernel_link::{Raw, Reply, Request};
use link_dial::Call;

use crate::cli::check;
use crate::cli::connect::{Link, Patience};
use crate::cli::exit::Failure;
use crate::cli::output::{Align, Out, Table};
use crate::cli::time::span;

pub(crate) const HELP: &str = "\
The reply is printed as JSON: laid out on a terminal, on one line when piped or with --json.

Examples:
  core-runtime call example.hello '\"Ann\"'
  echo '{\"level\": 80}' | core-runtime call lamp.set - --timeout 2";

pub(crate) const CALLS_HELP: &str = "\
JSON: an array, the oldest first, of
  {call, service (storage: a storage request), caller, callee, running, age_micros, parent (null: none)}";

/// How much longer than a call's own deadline its answer is waited for.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    /// The service's name
    #[arg(value_parser = check::topic)]
    pub(crate) service: String,
    /// The arguments, JSON; `-` reads them from stdin [default: null]
    #[arg(value_name = "JSON", allow_hyphen_values = true)]
    pub(crate) arguments: Option<String>,
    /// The call's deadline, in seconds [default: the runtime's own]
    #[arg(long, value_name = "SECONDS", value_parser = check::seconds)]
    pub(crate) timeout: Option<Duration>,
}

pub(crate) async fn call(args: CallArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let arguments = check::json(args.arguments)?;
    let mut session = link.open().await?;
    let request = Request::Call {
        service: &args.service,
        args: Raw(arguments.as_bytes()),
        timeout_ms: args.timeout.map_or(0, check::millis),
        parent: None,
    };
    // The runtime's own deadline is not known here.
    let patience = args
        .timeout
        .map_or(Patience::WhileAlive, |timeout| Patience::For(timeout + GRACE));
    let reply = session.ask(request, patience, |reply| match reply {
        Reply::Json(raw) => Some(raw.0.to_vec()),
        _ => None,
    });
    let reply = reply.await.map_err(|failure| {
        failure
            .advise("not_found", "`core-runtime services` lists those there are")
            .advise(
                "unavailable",
                "`core-runtime plugins` shows which plugins are started",
            )
            .advise(
                "timeout",
                "give it more time with --timeout, or see `core-runtime calls`",
            )
    })?;
    out.value(&reply)
}

pub(crate) async fn calls(link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let mut session = link.open().await?;
    let mut calls: Vec<Call> = session.list(Request::Calls).await?;
    calls.sort_by_key(|call| std::cmp::Reverse(call.age_micros));
    if out.is_json() {
        return out.document(&calls);
    }
    let mut table = Table::new(&[
        ("CALL", Align::Right),
        ("AGE", Align::Right),
        ("PHASE", Align::Left),
        ("CALLER", Align::Left),
        ("CALLEE", Align::Left),
        ("PARENT", Align::Right),
        ("SERVICE", Align::Left),
    ]);
    for call in calls {
        table.row([
            call.call.to_string(),
            span(call.age_micros),
            if call.running { "running" } else { "waiting" }.to_owned(),
            call.caller.to_string(),
            call.callee.to_string(),
            call.parent
                .map_or_else(|| "-".to_owned(), |parent| parent.to_string()),
            call.service.to_string(),
        ]);
    }
    out.table(&table)
}
