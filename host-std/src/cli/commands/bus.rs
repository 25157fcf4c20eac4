//! `publish` and `subscriptions`.

use clap::Args;
use kernel_link::{Raw, Request};
use link_dial::Subscription;

use crate::cli::check;
use crate::cli::connect::{Link, Patience, SOON, count};
use crate::cli::exit::Failure;
use crate::cli::json;
use crate::cli::output::{Align, Out, Table};

pub(crate) const PUBLISH_HELP: &str = "\
JSON: {receivers}

Example:
  core-runtime publish device.kitchen.state '{\"on\": true}'";

pub(crate) const SUBSCRIPTIONS_HELP: &str = "\
JSON: an array, in order, of {plugin, filter}";

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// The topic: dotted words, no wildcards
    #[arg(value_parser = check::topic)]
    topic: String,
    /// The payload, JSON; `-` reads it from stdin [default: null]
    #[arg(value_name = "JSON", allow_hyphen_values = true)]
    payload: Option<String>,
}

pub(crate) async fn publish(args: PublishArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let payload = check::json(args.payload)?;
    let mut session = link.open().await?;
    let request = Request::Publish {
        topic: &args.topic,
        timeout_ms: 0,
        payload: Raw(payload.as_bytes()),
    };
    let receivers = session.ask(request, Patience::For(SOON), count).await?;
    if out.is_json() {
        return out.document(&json::Published { receivers });
    }
    out.line(&receivers.to_string())
}

pub(crate) async fn subscriptions(link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let mut session = link.open().await?;
    let mut found: Vec<Subscription> = session.list(Request::Subscriptions).await?;
    found.sort();
    if out.is_json() {
        return out.document(&found);
    }
    let mut table = Table::new(&[("PLUGIN", Align::Left), ("FILTER", Align::Left)]);
    for Subscription { plugin, filter } in found {
        table.row([plugin.to_string(), filter]);
    }
    out.table(&table)
}
