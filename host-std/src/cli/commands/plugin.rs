//! `plugin`.

use std::time::Duration;

use clap::{Args, Subcommand};
use kernel_link::{Action, Reply, Request};

use super::{author, new, packages, plugin_settings};
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
    /// Make the folder of a new plugin
    #[command(after_long_help = new::HELP)]
    New(new::NewArgs),
    /// Look whether a plugin's folder is sound, and try it in a runtime of its own
    #[command(after_long_help = author::CHECK_HELP)]
    Check(author::CheckArgs),
    /// Run a plugin in its folder, and again whenever a file changes
    #[command(after_long_help = author::DEV_HELP)]
    Dev(author::DevArgs),
    /// Install a plugin into the running runtime, and start it
    #[command(after_long_help = packages::INSTALL_HELP)]
    Install(packages::InstallArgs),
    /// Put another version in a plugin's place
    #[command(after_long_help = packages::UPGRADE_HELP)]
    Upgrade(packages::UpgradeArgs),
    /// Remove an installed plugin
    #[command(after_long_help = packages::REMOVE_HELP)]
    Remove(packages::NamedArgs),
    /// Start an installed plugin with the runtime, and now
    Enable(packages::NamedArgs),
    /// Unload an installed plugin, and do not start it with the runtime
    Disable(packages::NamedArgs),
    /// Show or change the settings of an installed plugin
    #[command(after_long_help = plugin_settings::SETTINGS_HELP)]
    Settings(plugin_settings::SettingsArgs),
    /// Show or change what is granted to an installed plugin
    #[command(after_long_help = plugin_settings::PERMISSIONS_HELP)]
    Permissions(plugin_settings::PermissionsArgs),
    /// Print what an installed plugin has logged
    #[command(after_long_help = plugin_settings::LOGS_HELP)]
    Logs(plugin_settings::LogsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PluginArgs {
    /// The plugin's name
    #[arg(value_parser = check::plugin)]
    name: String,
}

pub(crate) async fn plugin(command: PluginCommand, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let (action, PluginArgs { name }) = match command {
        PluginCommand::New(args) => return new::new(&args, out),
        PluginCommand::Check(args) => return author::check(args, out).await,
        PluginCommand::Dev(args) => return author::dev(args, link, out).await,
        PluginCommand::Install(args) => return packages::install(args, link, out).await,
        PluginCommand::Upgrade(args) => return packages::upgrade(args, link, out).await,
        PluginCommand::Remove(args) => return packages::remove(args, link, out).await,
        PluginCommand::Enable(args) => return packages::enable(args, true, link, out).await,
        PluginCommand::Disable(args) => return packages::enable(args, false, link, out).await,
        PluginCommand::Settings(args) => return plugin_settings::settings(args, link, out).await,
        PluginCommand::Permissions(args) => return plugin_settings::permissions(args, link, out).await,
        PluginCommand::Logs(args) => return plugin_settings::logs(args, link, out).await,
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
