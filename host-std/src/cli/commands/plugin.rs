//! `plugin`.

use std::time::Duration;

use clap::{Args, Subcommand};
use kernel_link::{Action, Reply, Request};

use crate::cli::check;
use crate::cli::connect::{Link, Patience};
use crate::cli::exit::Failure;
use crate::cli::json;
use crate::cli::output::Out;

const HELP: &str = "\
Waits until the plugin is there, for at most a minute, and prints its state.

JSON: {plugin, state}";

/// How long a plugin may take.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Load a plugin: it registers its services and subscriptions
    #[command(after_long_help = HELP)]
    Load(PluginArgs),
    /// Start a plugin, loading it where it is not
    #[command(after_long_help = HELP)]
    Start(PluginArgs),
    /// Stop a plugin
    #[command(after_long_help = HELP)]
    Stop(PluginArgs),
    /// Unload a plugin and bring it back to where it was
    #[command(after_long_help = HELP)]
    Reload(PluginArgs),
    /// Unload a plugin: all that it registered is taken back
    #[command(after_long_help = HELP)]
    Unload(PluginArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PluginArgs {
    /// The plugin's name
    #[arg(value_parser = check::plugin)]
    name: String,
}

pub(crate) async fn plugin(command: PluginCommand, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let (action, PluginArgs { name }) = match command {
        PluginCommand::Load(args) => (Action::Load, args),
        PluginCommand::Start(args) => (Action::Start, args),
        PluginCommand::Stop(args) => (Action::Stop, args),
        PluginCommand::Reload(args) => (Action::Reload, args),
        PluginCommand::Unload(args) => (Action::Unload, args),
    };
    let mut session = link.open().await?;
    let request = Request::Manage {
        action,
        plugin: &name,
    };
    let state = session.ask(request, Patience::For(LIMIT), |reply| match reply {
        Reply::PluginState(state) => Some(state.as_str()),
        _ => None,
    });
    let state = state.await.map_err(|failure| {
        failure
            .advise("not_found", "`core-runtime plugins` lists those there are")
            .advise("needed", "stop the plugins that depend on it first")
            .advise("dependency_not_started", "start that plugin first")
    })?;
    if out.is_json() {
        return out.document(&json::PluginState { plugin: name, state });
    }
    out.line(&format!("{name}: {state}"))
}
