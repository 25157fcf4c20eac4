//! The thread of the plugins that are installed at run time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use kernel_core::CoreRuntime;
use plugin_host::{Options, Services};

use crate::config::Config;
use crate::host_error::HostError;
use crate::timekeeper::Supervisor;
use crate::worker::Worker;

/// Takes in what is installed in `folder`, and runs it.
///
/// # Errors
/// When the folder cannot be used, or the thread not be started.
pub(crate) fn spawn(
    runtime: CoreRuntime,
    supervisor: &'static Supervisor,
    folder: PathBuf,
    launcher: Option<PathBuf>,
    config: &Config,
    services: Arc<Services>,
) -> Result<Worker, HostError> {
    let launcher = match launcher {
        Some(program) => program,
        None => std::env::current_exe().map_err(HostError::Reactor)?,
    };
    let configured = config.plugins.iter().map(|(name, plugin)| {
        // The file was read as a table.
        let settings = serde_json::from_str(&plugin.settings).unwrap_or_default();
        (name.clone(), (plugin.enabled && !plugin.singleton, settings))
    });
    let options = Options {
        runtime,
        supervisor,
        folder,
        launcher,
        call_timeout: config.call_timeout,
        configured: configured.collect(),
        safe: config.safe,
        services,
    };
    let (say, ready) = sync_channel(1);
    let worker = Worker::spawn("processes", move |stop| {
        let ready = |outcome| drop(say.send(outcome));
        plugin_host::serve(options, ready, stop.asked());
    })?;
    match ready.recv() {
        Ok(Ok(())) => Ok(worker),
        Ok(Err(cause)) => Err(HostError::Installed(cause.to_string())),
        Err(_) => Err(HostError::Installed("its thread ended".to_owned())),
    }
}
