//! `plugin settings`, `permissions` and `logs`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::packages::NamedArgs;
use super::services::ask;
use crate::cli::check;
use crate::cli::connect::Link;
use crate::cli::exit::Failure;
use crate::cli::output::{Align, Out, Table};
use crate::cli::time::rfc3339;

pub(crate) const SETTINGS_HELP: &str = "\
A value is JSON; it is checked against what the plugin says of its settings, and the plugin is reloaded.

Examples:
  core-runtime plugin settings thermostat
  core-runtime plugin settings thermostat set target 21.5
  core-runtime plugin settings thermostat unset target";

pub(crate) const PERMISSIONS_HELP: &str = "\
A permission is one of publish, subscribe, call, register and state with a filter, or storage with a namespace. What is \
below the plugin's own name needs none. What is granted holds at once; when something is revoked, the plugin is reloaded.

Examples:
  core-runtime plugin permissions thermostat
  core-runtime plugin permissions thermostat grant publish 'heating.>'
  core-runtime plugin permissions thermostat revoke subscribe 'sensor.>'";

pub(crate) const LOGS_HELP: &str = "\
What the plugin wrote to its standard error or logged; the runtime keeps the last 1,000 lines of each plugin, \
over a restart as well.

JSON: an object {seq, time_ms, level, text} for each line";

/// How long it may take: a reload with it.
const LIMIT: Duration = Duration::from_secs(60);

/// How often new lines are asked for.
const FOLLOW: Duration = Duration::from_millis(300);

#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    #[command(flatten)]
    named: NamedArgs,
    #[command(subcommand)]
    command: Option<SettingsCommand>,
}

#[derive(Debug, Subcommand)]
enum SettingsCommand {
    /// Print one setting
    Get {
        /// Its name
        key: String,
    },
    /// Set one
    Set {
        /// Its name
        key: String,
        /// Its value
        #[arg(value_name = "JSON", allow_hyphen_values = true)]
        value: String,
    },
    /// Take back what was set of one: its default holds then
    Unset {
        /// Its name
        key: String,
    },
}

pub(crate) async fn settings(args: SettingsArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let name = args.named.name;
    let mut request = json!({ "name": name });
    let (get, set) = match args.command {
        None => (None, None),
        Some(SettingsCommand::Get { key }) => (Some(key), None),
        Some(SettingsCommand::Set { key, value }) => {
            let value = check::json(Some(value))?;
            let value: Value =
                serde_json::from_str(&value).map_err(|error| Failure::Usage(error.to_string()))?;
            (None, Some((key, value)))
        }
        Some(SettingsCommand::Unset { key }) => (None, Some((key, Value::Null))),
    };
    if let (Some((key, value)), Some(request)) = (set, request.as_object_mut()) {
        request.insert("set".to_owned(), json!({ key: value }));
    }
    let reply = ask(link, "plugins.settings", &request, LIMIT).await?;
    let settings = reply.get("settings").ok_or_else(Failure::unexpected)?;
    let shown = match &get {
        None => settings,
        Some(key) => settings.get(key).ok_or_else(|| {
            let known = settings
                .as_object()
                .map(|known| known.keys().cloned().collect::<Vec<_>>().join(", "));
            Failure::No(format!(
                "{name} has no setting {key:?}; set are: {}",
                known.unwrap_or_default()
            ))
        })?,
    };
    out.value(shown.to_string().as_bytes())
}

#[derive(Debug, Args)]
pub(crate) struct PermissionsArgs {
    #[command(flatten)]
    named: NamedArgs,
    #[command(subcommand)]
    command: Option<PermissionsCommand>,
}

#[derive(Debug, Subcommand)]
enum PermissionsCommand {
    /// Grant something
    Grant(OneArgs),
    /// Take something back
    Revoke(OneArgs),
}

#[derive(Debug, Args)]
struct OneArgs {
    /// publish, subscribe, call, register, state or storage
    permission: String,
    /// A filter, or a namespace
    what: String,
}

pub(crate) async fn permissions(
    args: PermissionsArgs,
    link: &mut Link,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut request = json!({ "name": args.named.name });
    let change = match args.command {
        None => None,
        Some(PermissionsCommand::Grant(one)) => Some(("grant", one)),
        Some(PermissionsCommand::Revoke(one)) => Some(("revoke", one)),
    };
    if let (Some((key, one)), Some(request)) = (change, request.as_object_mut()) {
        request.insert(key.to_owned(), json!([[one.permission, one.what]]));
    }
    let reply = ask(link, "plugins.permissions", &request, LIMIT).await?;
    if out.is_json() {
        return out.document(&reply);
    }
    let lines = |key: &str| {
        let permissions = reply.get(key).cloned().unwrap_or_default();
        serde_json::from_value::<plugin_host::permissions::Permissions>(permissions).map(|all| all.lines())
    };
    let granted = lines("granted").map_err(|_| Failure::unexpected())?;
    let asked = lines("asked").map_err(|_| Failure::unexpected())?;
    let mut table = Table::new(&[
        ("PERMISSION", Align::Left),
        ("GRANTED", Align::Left),
        ("ASKED FOR", Align::Left),
    ]);
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    for line in &granted {
        table.row([line.clone(), yes(true), yes(asked.contains(line))]);
    }
    for line in asked.iter().filter(|line| !granted.contains(line)) {
        table.row([line.clone(), yes(false), yes(true)]);
    }
    out.table(&table)
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    named: NamedArgs,
    /// Go on with new lines as they come
    #[arg(long, short)]
    follow: bool,
}

pub(crate) async fn logs(args: LogsArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        after = new_lines(&args.named.name, after, link, out).await?;
        if !args.follow {
            return Ok(());
        }
        out.flush()?;
        tokio::time::sleep(FOLLOW).await;
    }
}

/// Prints the lines after the one of this number; returns the last one's.
pub(crate) async fn new_lines(
    name: &str,
    after: u64,
    link: &mut Link,
    out: &mut Out,
) -> Result<u64, Failure> {
    let mut last = after;
    loop {
        let reply = ask(
            link,
            "plugins.logs",
            &json!({ "name": name, "after": last }),
            LIMIT,
        )
        .await?;
        let lines = reply
            .get("lines")
            .and_then(Value::as_array)
            .ok_or_else(Failure::unexpected)?;
        for line in lines {
            let number = |key: &str| line.get(key).and_then(Value::as_u64).unwrap_or(0);
            let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or("");
            last = number("seq");
            match out.is_json() {
                true => out.document(line)?,
                false => out.line(&format!(
                    "{} {:5} {}",
                    rfc3339(number("time_ms") * 1000),
                    text("level").to_uppercase(),
                    text("text")
                ))?,
            }
        }
        // The first page is the newest lines, and later ones are read to the end.
        if lines.is_empty() || after == 0 {
            return Ok(last);
        }
    }
}
