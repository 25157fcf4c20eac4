//! The program: from the configuration to the exit status.

use std::io::{self, Write};
use std::process::{self, ExitCode};

use tokio::task::{JoinError, spawn_blocking};
use tracing::{error, info, warn};

use crate::config::{self, Config};
use crate::host::{Host, HostBuilder, ShutdownReport};
use crate::host_error::HostError;
use crate::log;
use crate::service_manager;
use crate::signals::Signals;

/// The exit status when the configuration is refused.
pub const EXIT_CONFIG: u8 = 2;
/// The exit status when a second signal cuts the shutdown short: what a shell says of SIGINT.
pub const EXIT_CUT_SHORT: u8 = 130;

/// Runs the built-in plugins until SIGINT, SIGTERM, SIGQUIT or SIGHUP, then shuts down in order.
///
/// The exit status is 0 also when a plugin did not stop in time: its name is in the log. It is 1 when
/// the host did not start, [`EXIT_CONFIG`] when the configuration was refused. A second signal ends the
/// process at once with [`EXIT_CUT_SHORT`]; what storage has acknowledged is durable even then.
pub fn run(config: Config) -> ExitCode {
    run_host(Host::builder().built_in(), config)
}

/// [`run`] for a program with plugins of its own.
pub fn run_host(host: HostBuilder, config: Config) -> ExitCode {
    if let Some(status) = plugin_host::launcher::enter_if_asked() {
        return status;
    }
    if let Err(refused) = log::init(&config) {
        // There is no log yet, and maybe nobody who reads this.
        let _ = writeln!(io::stderr(), "core-runtime: {refused}");
        return ExitCode::from(EXIT_CONFIG);
    }
    let status = run_logged(host, config);
    log::flush();
    status
}

fn run_logged(host: HostBuilder, config: Config) -> ExitCode {
    for name in config::unknown_variables(std::env::vars_os()) {
        let known = config::VARIABLES.join(", ");
        warn!("the variable {name} is set, and is none of this program's, which are {known}");
    }
    let reactor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let reactor = match reactor {
        Ok(reactor) => reactor,
        Err(cause) => return refuse(&HostError::Reactor(cause)),
    };
    let ended = reactor.block_on(run_until_signal(host, config));
    // Waits for nobody: a plugin that never ends must not keep the process.
    reactor.shutdown_background();
    match ended {
        Ok(report) => {
            tell(&report);
            ExitCode::SUCCESS
        }
        Err(cause) => refuse(&cause),
    }
}

async fn run_until_signal(host: HostBuilder, config: Config) -> Result<ShutdownReport, HostError> {
    let mut signals = Signals::listen().map_err(HostError::Reactor)?;
    let socket = config.socket.clone();
    let shutdown_timeout = config.shutdown_timeout;
    let storage = config.storage.clone();
    let storage = storage.unwrap_or_else(|| config.db_path.display().to_string());
    // Checking a large database takes its time, in which signals are heard.
    let mut launch = spawn_blocking(move || host.launch(config));
    let (host, early) = tokio::select! {
        launched = &mut launch => (returned(launched)?, None),
        never = service_manager::starting() => match never {},
        signal = signals.next() => {
            service_manager::stopping(shutdown_timeout);
            info!("{signal}: ending once the storage is open");
            tokio::select! {
                launched = launch => (returned(launched)?, Some(signal)),
                second = signals.next() => cut_short(second),
            }
        }
    };
    let signal = match early {
        Some(signal) => signal,
        None => tokio::select! {
            failed = host.start_plugins() => {
                let failed: Vec<_> = failed.iter().map(|plugin| plugin.name.as_str()).collect();
                service_manager::ready(&failed);
                info!(
                    pid = process::id(),
                    socket = %socket.display(),
                    storage,
                    "running"
                );
                tokio::select! {
                    signal = signals.next() => signal,
                    never = service_manager::keep_alive(&host) => match never {},
                }
            }
            never = service_manager::starting() => match never {},
            signal = signals.next() => signal,
        },
    };
    info!("{signal}: shutting down");
    service_manager::stopping(shutdown_timeout);
    let shutdown = spawn_blocking(move || host.shutdown());
    tokio::select! {
        report = shutdown => Ok(returned(report)),
        second = signals.next() => cut_short(second),
    }
}

/// What the blocking task returned; a panic in it goes on here.
fn returned<T>(task: Result<T, JoinError>) -> T {
    task.unwrap_or_else(|cause| std::panic::resume_unwind(cause.into_panic()))
}

fn cut_short(signal: &str) -> ! {
    warn!("{signal}: ending at once");
    log::flush();
    process::exit(EXIT_CUT_SHORT.into());
}

fn tell(report: &ShutdownReport) {
    for plugin in &report.late {
        warn!(plugin, "plugin {plugin} did not stop in time");
    }
    match &report.storage {
        Some(Ok(())) => {}
        Some(Err(cause)) => error!("the storage was not closed well: {cause}"),
        None => error!("the storage was still busy at the deadline; what it acknowledged is durable"),
    }
    info!(millis = report.took.as_millis(), "stopped");
}

fn refuse(cause: &HostError) -> ExitCode {
    error!("not started: {cause}");
    match cause {
        HostError::Config(_) | HostError::Settings { .. } => ExitCode::from(EXIT_CONFIG),
        _ => ExitCode::FAILURE,
    }
}
