//! `state`.

use std::time::Duration;

use clap::{Args, Subcommand};
use kernel_link::{Raw, Reply, Request};
use link_dial::State;

use crate::cli::check;
use crate::cli::connect::{Link, Patience, SOON, count, was_there};
use crate::cli::exit::Failure;
use crate::cli::json;
use crate::cli::output::{Align, Out, Table};
use crate::cli::time::span;

const GET_HELP: &str = "\
The value is printed as JSON: laid out on a terminal, on one line when piped or with --json. Where there \
is no such key, the exit status is 1.";

const SET_HELP: &str = "\
Prints the value's new version. Keys that begin with `runtime.` are the kernel's own.

JSON: {key, version}";

const DELETE_HELP: &str = "\
Where there is no such key, the exit status is 1.

JSON: {changed: 1}";

const LIST_HELP: &str = "\
JSON: an array, by key, of
  {key, value, too_long, version, ttl_ms (null: for ever), owner}
`too_long` is true, and `value` null, where the value is too long for the link.";

const STALE: &str = "read it again with `core-runtime state list KEY`, and decide anew";

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Print a value
    #[command(after_long_help = GET_HELP)]
    Get(KeyArgs),
    /// Set a value
    #[command(after_long_help = SET_HELP)]
    Set(SetArgs),
    /// Delete a value
    #[command(after_long_help = DELETE_HELP)]
    Delete(DeleteArgs),
    /// List the entries
    #[command(after_long_help = LIST_HELP)]
    List(ListArgs),
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// The key: dotted words, as a topic
    #[arg(value_parser = check::state_key)]
    key: String,
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// The value, JSON; `-` reads it from stdin
    #[arg(value_name = "JSON", allow_hyphen_values = true)]
    value: String,
    /// Forget the value after so many seconds [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = check::seconds)]
    ttl: Option<Duration>,
    /// Set it only where the version is this one; 0 is for a key that is not there
    #[arg(long, value_name = "N")]
    if_version: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// Delete it only where the version is this one
    #[arg(long, value_name = "N")]
    if_version: Option<u64>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct ListArgs {
    /// Only the keys that begin so
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
}

pub(crate) async fn state(
    command: Option<StateCommand>,
    link: &mut Link,
    out: &mut Out,
) -> Result<(), Failure> {
    match command {
        None => list(&ListArgs::default(), link, out).await,
        Some(StateCommand::List(args)) => list(&args, link, out).await,
        Some(StateCommand::Get(KeyArgs { key })) => get(&key, link, out).await,
        Some(StateCommand::Set(args)) => set(args, link, out).await,
        Some(StateCommand::Delete(args)) => delete(&args, link, out).await,
    }
}

fn absent(key: &str) -> Failure {
    Failure::No(format!("no such key in the state: {key}"))
}

async fn get(key: &str, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let mut session = link.open().await?;
    let found = session.ask(
        Request::StateGet { key },
        Patience::For(SOON),
        |reply| match reply {
            Reply::State(state) => Some(Some(state.value.map(|raw| raw.0.to_vec()))),
            Reply::Absent => Some(None),
            _ => None,
        },
    );
    match found.await? {
        Some(Some(value)) => out.value(&value),
        Some(None) => Err(Failure::No(format!(
            "the value of {key} is too long for the link"
        ))),
        None => Err(absent(key)),
    }
}

async fn set(args: SetArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let value = check::json(Some(args.value))?;
    let key = args.key.key;
    let mut session = link.open().await?;
    let request = Request::StateSet {
        key: &key,
        value: Raw(value.as_bytes()),
        ttl_ms: args.ttl.map(|ttl| check::millis(ttl).into()),
        expected: args.if_version,
    };
    let version = session.ask(request, Patience::For(SOON), count).await;
    let version = version.map_err(|failure| failure.advise("conflict", STALE))?;
    if out.is_json() {
        return out.document(&json::StateSet { key, version });
    }
    out.line(&format!("version {version}"))
}

async fn delete(args: &DeleteArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let key = &args.key.key;
    let mut session = link.open().await?;
    let request = Request::StateDelete {
        key,
        expected: args.if_version,
    };
    let was = session.ask(request, Patience::For(SOON), was_there).await;
    match was.map_err(|failure| failure.advise("conflict", STALE))? {
        true if out.is_json() => out.document(&json::Changed { changed: 1 }),
        true => out.line("deleted"),
        false => Err(absent(key)),
    }
}

async fn list(args: &ListArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let mut session = link.open().await?;
    let request = Request::States { prefix: &args.prefix };
    let mut entries: Vec<State> = session.list(request).await?;
    for entry in &mut entries {
        if let Some(value) = &mut entry.value {
            // On one line.
            *value = json::value(value.as_bytes())?.get().to_owned();
        }
    }
    entries.sort_by(|one, two| one.key.cmp(&two.key));
    if out.is_json() {
        return out.document(&entries.iter().map(State::document).collect::<Vec<_>>());
    }
    let mut table = Table::new(&[
        ("KEY", Align::Left),
        ("VERSION", Align::Right),
        ("TTL", Align::Right),
        ("OWNER", Align::Left),
        ("VALUE", Align::Left),
    ]);
    for entry in entries {
        let ttl = entry.ttl_ms.map(|ms| span(ms.saturating_mul(1000)));
        table.row([
            entry.key.to_string(),
            entry.version.to_string(),
            ttl.unwrap_or_else(|| "-".to_owned()),
            entry.owner.to_string(),
            entry.value.unwrap_or_else(|| "(too long)".to_owned()),
        ]);
    }
    out.table(&table)
}
