//! The command line: one command a process, each speaking to a running runtime over its link.
//!
//! ```text
//!   mod.rs       what can be typed
//!   check.rs     arguments, before anything is sent
//!   connect.rs   the session: one request at a time
//!   commands/    one file for each family of commands
//!   output.rs    tables and JSON ── json.rs, the shapes of --json; time.rs
//!   exit.rs      what is said when it fails, and the exit status
//! ```
//!
//! | exit status | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | the runtime answered with an error, or there is no such key |
//! | 2 | the command makes no sense; nothing was sent |
//! | 3 | no runtime is there, or it does not answer |
//! | 130 | interrupted: what a shell says of a program that a signal ended |
//!
//! A reader of the output that closes it early ends the command quietly, with status 0.

mod check;
mod commands;
mod connect;
mod exit;
mod json;
mod output;
mod time;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::clock;
use crate::config::{Config, ConfigError, default_database, default_socket};
use commands::storage::StorageCommand;
use commands::{
    backup, bus, call, doctor, inspect, mcp, node, plugin, service, shell, state, storage, watch,
};
use connect::Link;
use exit::Failure;
use link_dial::{Endpoint, Target};
use output::Out;

const AFTER: &str = "\
Exit status: 0 done; 1 the runtime answered with an error, or there is no such key; 2 wrong usage, \
nothing was sent; 3 no runtime is there or it does not answer; 130 interrupted.

`core-runtime PLUGIN SERVICE [JSON]` calls the service PLUGIN.SERVICE, as `call` does: `core-runtime example hello '\"Ann\"'`.

Without a command, the runtime is started. What it reads from the environment and from a file is in \
the help of `run`.";

/// Runs plugins, and looks into the runtime that does.
#[derive(Debug, Parser)]
#[command(name = "core-runtime", version, after_long_help = AFTER, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    run: RunArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Args)]
struct Global {
    /// The runtime's Unix socket [env: RUNTIME_SOCKET] [default: runtime.sock beside the database]
    #[arg(long, global = true, value_name = "PATH", display_order = 100)]
    socket: Option<OsString>,
    /// A runtime at a TCP port, such as house:7700; plain:HOST:PORT where it speaks without TLS
    #[arg(long, global = true, value_name = "HOST:PORT", value_parser = Target::tcp, conflicts_with_all = ["socket", "serial"], display_order = 101)]
    tcp: Option<Target>,
    /// A file with the key that a runtime at a TCP port asks for [env: RUNTIME_TCP_TOKEN, the key itself]
    #[arg(long, global = true, value_name = "FILE", value_parser = link_dial::key_in_file, display_order = 102)]
    key_file: Option<String>,
    /// A runtime on a serial line, such as /dev/ttyACM0:115200; tcp:HOST:PORT where a serial server has it
    #[arg(long, global = true, value_name = "DEVICE[:BAUD]", value_parser = Target::serial, conflicts_with = "socket", display_order = 103)]
    serial: Option<Target>,
    /// Print JSON on one line, for programs
    #[arg(long, global = true, display_order = 110)]
    json: bool,
}

const RUN: &str = "\
Environment:
  RUNTIME_DB_PATH               the database file [default: data/runtime.db]
  RUNTIME_PLUGINS               the folder of installed plugins [default: plugins beside the database]
  RUNTIME_SOCKET                the Unix socket [default: runtime.sock beside the database]
  RUNTIME_SHUTDOWN_TIMEOUT      seconds for the whole shutdown, 1 to 86400 [default: 10]
  RUNTIME_SERVICE_CALL_TIMEOUT  seconds for a service call [default: 30]
  RUNTIME_LOG                   log filter, such as info,host_std=debug [default: info]
  RUNTIME_LOG_FORMAT            text or json [default: text]
  RUNTIME_CONFIG                a TOML file for the rest [default: none]

SIGINT, SIGTERM, SIGQUIT and SIGHUP shut it down in order, with exit status 0; a second signal ends it at once.";

#[derive(Debug, Args)]
struct RunArgs {
    /// Start no plugin but those of the program: none that was installed
    #[arg(long)]
    safe: bool,
    /// Show a simulated house, in a database of its own
    #[arg(long)]
    demo: bool,
    /// Let the simulated house's time go by so many times as fast, 1 to 1000
    #[arg(long, requires = "demo", value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    speed: u32,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the runtime; the same as no command at all
    #[command(after_long_help = RUN)]
    Run(RunArgs),
    /// Call a service and print its reply
    #[command(after_long_help = call::HELP)]
    Call(call::CallArgs),
    /// Publish an event and print how many plugins get it
    #[command(after_long_help = bus::PUBLISH_HELP)]
    Publish(bus::PublishArgs),
    /// Print events as they are published, one JSON object a line
    #[command(after_long_help = watch::HELP)]
    Watch(watch::WatchArgs),
    /// List the plugins
    #[command(after_long_help = inspect::PLUGINS_HELP)]
    Plugins,
    /// List the services, or show one with its schema
    #[command(after_long_help = inspect::SERVICES_HELP)]
    Services(inspect::ServicesArgs),
    /// List the subscriptions
    #[command(after_long_help = bus::SUBSCRIPTIONS_HELP)]
    Subscriptions,
    /// List the calls and storage requests in flight
    #[command(after_long_help = call::CALLS_HELP)]
    Calls,
    /// Show whether the runtime is well
    #[command(after_long_help = inspect::HEALTH_HELP)]
    Health(inspect::HealthArgs),
    /// Show what is used of each capacity, and what was refused
    #[command(after_long_help = inspect::METRICS_HELP)]
    Metrics,
    /// Load, start, stop, reload or unload a plugin
    #[command(subcommand, arg_required_else_help = true)]
    Plugin(plugin::PluginCommand),
    /// Attach boards and other runtimes, or list and remove them
    #[command(subcommand, arg_required_else_help = true)]
    Node(node::NodeCommand),
    /// Read and change the coordination state; without a command, list it
    State {
        #[command(subcommand)]
        command: Option<state::StateCommand>,
    },
    /// Read and change what is stored
    #[command(subcommand, arg_required_else_help = true)]
    Storage(storage::StorageCommand),
    /// Serve the Model Context Protocol at the standard input and output
    #[command(after_long_help = mcp::HELP)]
    Mcp,
    /// Look at everything, whether the runtime runs or not, and say what is wrong and what to do
    #[command(after_long_help = doctor::HELP)]
    Doctor(doctor::DoctorArgs),
    /// Make this program a service of systemd, on a machine without the package
    #[command(subcommand, arg_required_else_help = true)]
    Service(service::ServiceCommand),
    /// Print a shell's completions
    #[command(after_long_help = shell::COMPLETIONS_HELP)]
    Completions(shell::CompletionsArgs),
    /// Print the manual page, of the program or of one command
    Man(shell::ManArgs),
}

impl Global {
    /// A variable of the environment, the socket's replaced by the option.
    fn var(&self, name: &str) -> Option<OsString> {
        match (&self.socket, name) {
            (Some(socket), "RUNTIME_SOCKET") => Some(socket.clone()),
            _ => std::env::var_os(name),
        }
    }

    /// An option that `run` does not take.
    fn without_meaning_for_run(&self) -> Option<&'static str> {
        [
            ("--tcp", self.tcp.is_some()),
            ("--serial", self.serial.is_some()),
            ("--key-file", self.key_file.is_some()),
            ("--json", self.json),
        ]
        .into_iter()
        .find_map(|(option, given)| given.then_some(option))
    }

    /// The database's file on this machine.
    fn database(&self) -> Result<PathBuf, Failure> {
        if self.tcp.is_some() || self.serial.is_some() {
            return Err(Failure::Usage(
                "this is done on the database's file: run it on the machine of the runtime, without --tcp and --serial"
                    .to_owned(),
            ));
        }
        // One that cannot be read is no reason to keep a backup from anybody.
        let configured = Config::from_vars(|name| self.var(name)).ok();
        if let Some(url) = configured.and_then(|config| config.storage) {
            return Err(Failure::Usage(format!(
                "the runtime's storage is {url}, as runtime.toml says, and this is done on the file of SQLite alone: \
                 `core-runtime storage export` and `import` work with every storage"
            )));
        }
        default_database(|name| self.var(name)).map_err(|refused| Failure::Usage(self.explain(&refused)))
    }

    fn endpoint(&self) -> Result<Endpoint, Failure> {
        if let Some(target) = &self.tcp {
            return Ok(Endpoint {
                target: target.clone(),
                key: link_dial::key(self.key_file.as_deref()),
            });
        }
        if let Some(line) = &self.serial {
            return Ok(Endpoint::open(line.clone()));
        }
        match default_socket(|name| self.var(name)) {
            Ok(socket) => {
                let named = ["RUNTIME_SOCKET", "RUNTIME_DB_PATH"].map(|name| self.var(name).is_some());
                let socket = match named.contains(&true) {
                    true => socket,
                    false => link_dial::service_or(socket),
                };
                Ok(Endpoint::open(Target::Unix(socket)))
            }
            Err(refused) => Err(Failure::Usage(self.explain(&refused))),
        }
    }

    /// The error, under the name that the user typed.
    fn explain(&self, refused: &ConfigError) -> String {
        match refused {
            ConfigError::Variable {
                name: "RUNTIME_SOCKET",
                value,
                allowed,
            } if self.socket.is_some() => format!("--socket is {value:?}; allowed is {allowed}"),
            other => other.to_string(),
        }
    }
}

/// The program: parses its arguments, does what they say, and gives the exit status.
pub fn main() -> ExitCode {
    if let Some(status) = plugin_host::launcher::enter_if_asked() {
        return status;
    }
    let Cli { global, run, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            if let (clap::error::ErrorKind::InvalidSubcommand, Ok(service)) =
                (told.kind(), ServiceCli::try_parse())
            {
                return service.perform(&told);
            }
            return match told.print().map_err(Failure::from) {
                // Help that nobody reads to its end is no failure; stderr that is closed leaves only the status.
                Err(failure @ Failure::Output(_)) if !told.use_stderr() => failure.report(),
                _ => u8::try_from(told.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
            };
        }
    };
    let command = command.unwrap_or(Command::Run(run));
    match command {
        Command::Run(run) => match global.without_meaning_for_run() {
            Some(option) => Failure::Usage(format!(
                "{option} is for the commands that talk to a runtime, and means nothing to the one that is started: \
                 leave it out, or configure the runtime by RUNTIME_CONFIG"
            ))
            .report(),
            None => start(&global, &run),
        },
        command => match perform(&global, command) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.report(),
        },
    }
}

/// A service in place of a command: `PLUGIN SERVICE [JSON]`.
#[derive(Debug, Parser)]
struct ServiceCli {
    #[command(flatten)]
    global: Global,
    plugin: String,
    service: String,
    #[arg(allow_hyphen_values = true)]
    arguments: Option<String>,
}

impl ServiceCli {
    /// Calls the service; where there is none of this name, it was `mistyped`.
    fn perform(self, mistyped: &clap::Error) -> ExitCode {
        let called = check::topic(&format!("{}.{}", self.plugin, self.service)).map(|service| {
            let arguments = self.arguments;
            perform(
                &self.global,
                Command::Call(call::CallArgs {
                    service,
                    arguments,
                    timeout: None,
                }),
            )
        });
        match called {
            Ok(Ok(())) => ExitCode::SUCCESS,
            Ok(Err(Failure::Runtime { code, .. })) if code == "not_found" => {
                // Where stderr is closed the status is left.
                let _ = mistyped.print();
                ExitCode::from(2)
            }
            Ok(Err(failure)) => failure.report(),
            Err(_) => {
                let _ = mistyped.print();
                ExitCode::from(2)
            }
        }
    }
}

fn start(global: &Global, run: &RunArgs) -> ExitCode {
    match Config::from_vars(|name| global.var(name)) {
        Ok(mut config) => {
            config.safe = run.safe;
            if run.demo {
                config.demo = true;
                config.db_path = config.db_path.with_file_name("demo.db");
                clock::set_rate(run.speed);
                config.slow_handler = config.slow_handler.saturating_mul(run.speed);
            }
            crate::run(config)
        }
        Err(refused) => {
            let _ = writeln!(std::io::stderr(), "core-runtime: {}", global.explain(&refused));
            ExitCode::from(crate::EXIT_CONFIG)
        }
    }
}

fn perform(global: &Global, command: Command) -> Result<(), Failure> {
    let mut out = Out::new(global.json);
    let command = match command {
        Command::Completions(args) => return shell::completions(&args, &mut out),
        Command::Man(args) => return shell::man(&args, &mut out),
        Command::Storage(StorageCommand::Backup(args)) => {
            return backup::backup(&args, &global.database()?, &mut out);
        }
        Command::Storage(StorageCommand::Check(args)) => {
            return backup::check(&args, || global.database(), &mut out);
        }
        Command::Storage(StorageCommand::Restore(args)) => {
            return backup::restore(&args, &global.database()?, &mut out);
        }
        Command::Doctor(args) => return doctor::doctor(&args, |name| global.var(name), &mut out),
        Command::Service(command) => return service::service(&command, &mut out),
        Command::Mcp => return mcp::mcp(&global.endpoint()?, &link_dial::key(global.key_file.as_deref())),
        command => command,
    };
    let mut link = Link::new(global.endpoint()?);
    let reactor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let reactor = reactor.map_err(Failure::Output)?;
    reactor.block_on(remote(command, &mut link, &mut out))?;
    out.flush()
}

async fn remote(command: Command, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    match command {
        Command::Call(args) => call::call(args, link, out).await,
        Command::Publish(args) => bus::publish(args, link, out).await,
        Command::Watch(args) => watch::watch(args, link).await,
        Command::Plugins => inspect::plugins(link, out).await,
        Command::Services(args) => inspect::services(args, link, out).await,
        Command::Subscriptions => bus::subscriptions(link, out).await,
        Command::Calls => call::calls(link, out).await,
        Command::Health(args) => inspect::health(&args, link, out).await,
        Command::Metrics => inspect::metrics(link, out).await,
        Command::Plugin(command) => plugin::plugin(command, link, out).await,
        Command::Node(command) => node::node(command, link, out).await,
        Command::State { command } => state::state(command, link, out).await,
        Command::Storage(command) => storage::storage(command, link, out).await,
        // These were done before.
        Command::Run(_)
        | Command::Mcp
        | Command::Doctor(_)
        | Command::Service(_)
        | Command::Completions(_)
        | Command::Man(_) => Ok(()),
    }
}
