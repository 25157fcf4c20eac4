//! `node add`, `list` and `remove`: boards and other runtimes, which are plugins with `kind = "link"`.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use link_dial::Target;
use plugin_host::manifest::FILE;
use serde_json::{Value, json};

use super::packages::{self, InstallArgs, NamedArgs, OwnFolder};
use super::services::ask;
use crate::cli::check;
use crate::cli::connect::Link;
use crate::cli::exit::Failure;
use crate::cli::output::{Align, Out, Table};

const ADD_HELP: &str = "\
A node is a board, or another runtime, at the other end of a link: a socket's path, serial:DEVICE[:BAUD], \
serial:tcp:HOST:PORT, or tcp:HOST:PORT. Its services are called here by their own names, its events are published here, and \
its state is here as NAME.KEY. It is a plugin of that name: what `plugin` does with others, it does with this one.

JSON: what `plugins` shows of it, as {name, version, state, error?, ...}

Examples:
  core-runtime node add kitchen serial:/dev/ttyACM0
  core-runtime node add attic serial:/dev/ttyACM1 --share 'weather.>' --give example.hello
  core-runtime node add garage tcp:10.0.0.8:7700 --node-key /etc/core-runtime/garage.key --events 'door.>'";

const LIST_HELP: &str = "\
JSON: an array of {name, node, state, error?, ...}, as `plugins` shows them

Example:
  core-runtime node list";

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Attach a board, or another runtime
    #[command(after_long_help = ADD_HELP)]
    Add(Box<AddArgs>),
    /// List the nodes
    #[command(after_long_help = LIST_HELP)]
    List,
    /// Take a node out: all that is of it here goes
    Remove(NamedArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Its name here
    #[arg(value_parser = check::plugin)]
    name: String,
    /// Where it is
    target: Target,
    /// The file with the key that is shown to it, readable by its owner alone
    #[arg(long, value_name = "FILE")]
    node_key: Option<PathBuf>,
    /// Events of this runtime that the node hears; may be given several times
    #[arg(long, value_name = "FILTER", value_parser = check::filter)]
    share: Vec<String>,
    /// Services of this runtime that the node may call; may be given several times
    #[arg(long, value_name = "FILTER", value_parser = check::filter)]
    give: Vec<String>,
    /// Events of the node that are published here, unless all; may be given several times
    #[arg(long, value_name = "FILTER", value_parser = check::filter)]
    events: Vec<String>,
    /// Services of the node that are offered here, unless all; may be given several times
    #[arg(long, value_name = "FILTER", value_parser = check::filter)]
    services: Vec<String>,
    /// What of its events and of the changes of its state comes over the line, unless all
    #[arg(long, value_name = "FILTER", value_parser = check::filter)]
    watch: Option<String>,
    /// The name that this runtime would like to have on the node, unless host
    #[arg(long, value_name = "NAME", value_parser = check::plugin)]
    name_there: Option<String>,
    /// How long it may be silent, from 0.1 to 3600 seconds, unless 5
    #[arg(long, value_name = "SECONDS")]
    silence: Option<f64>,
    /// Grant all that without a question
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn node(command: NodeCommand, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    match command {
        NodeCommand::Add(args) => add(*args, link, out).await,
        NodeCommand::List => list(link, out).await,
        NodeCommand::Remove(args) => {
            let rows = nodes(link).await?;
            if !rows.iter().any(|row| text(row, "name") == args.name) {
                return Err(Failure::Usage(format!(
                    "{} is no node; `core-runtime node list` lists those there are",
                    args.name
                )));
            }
            packages::remove(args, link, out).await
        }
    }
}

async fn add(args: AddArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let folder = OwnFolder::new()?;
    fs::write(folder.path().join(FILE), manifest(&args)?)?;
    let install = InstallArgs::of_folder(folder.path(), args.yes);
    packages::install(install, link, out).await
}

/// The manifest of the plugin that the node is.
fn manifest(args: &AddArgs) -> Result<String, Failure> {
    let absolute = |path: &PathBuf| std::path::absolute(path).map_err(Failure::Output);
    let target = match &args.target {
        Target::Unix(path) => Target::Unix(absolute(path)?),
        Target::Serial { device, baud } => Target::Serial {
            device: absolute(device)?,
            baud: *baud,
        },
        target => target.clone(),
    };
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut text = format!(
        "[plugin]\nname = {}\nversion = \"1\"\ndescription = \"a node\"\n\n[run]\nkind = \"link\"\ntarget = {}\n",
        quoted(&args.name),
        quoted(&target.to_string())
    );
    let key_file = args.node_key.as_ref().map(absolute).transpose()?;
    let key_file = key_file.map(|file| file.display().to_string());
    let texts = [
        ("key_file", &key_file),
        ("watch", &args.watch),
        ("name_there", &args.name_there),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{key} = {}", quoted(value));
        }
    }
    if let Some(seconds) = args.silence {
        let _ = writeln!(text, "check_seconds = {seconds:?}");
    }
    text.push_str("\n[permissions]\n");
    let all = [">".to_owned()];
    let or_all = |filters: &Vec<String>| match filters.is_empty() {
        true => all.to_vec(),
        false => filters.clone(),
    };
    for (key, filters) in [
        ("publish", or_all(&args.events)),
        ("register", or_all(&args.services)),
        ("subscribe", args.share.clone()),
        ("call", args.give.clone()),
    ] {
        let _ = writeln!(text, "{key} = {}", toml::Value::from(filters));
    }
    Ok(text)
}

async fn list(link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let rows = nodes(link).await?;
    if out.is_json() {
        return out.document(&rows);
    }
    let mut table = Table::new(&[
        ("NAME", Align::Left),
        ("TARGET", Align::Left),
        ("STATE", Align::Left),
        ("ERROR", Align::Left),
    ]);
    for row in rows {
        let error = row.get("error").map_or_else(String::new, |error| {
            format!("{}: {}", text(error, "code"), text(error, "message"))
        });
        table.row([text(&row, "name"), text(&row, "node"), text(&row, "state"), error]);
    }
    out.table(&table)
}

/// The rows of all nodes.
async fn nodes(link: &mut Link) -> Result<Vec<Value>, Failure> {
    let mut nodes = Vec::new();
    let mut after = String::new();
    loop {
        let rows = ask(link, "plugins.list", &json!({ "after": after }), LIMIT).await?;
        let Value::Array(rows) = rows else {
            return Err(Failure::unexpected());
        };
        let Some(last) = rows.last() else { return Ok(nodes) };
        after = text(last, "name");
        nodes.extend(rows.into_iter().filter(|row| row.get("node").is_some()));
    }
}

fn text(row: &Value, key: &str) -> String {
    row.get(key).and_then(Value::as_str).unwrap_or("").to_owned()
}
