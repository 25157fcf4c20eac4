//! The host: a kernel with its storage, its threads and its plugins, from start to shutdown.
//!
//! ```text
//! thread        runs                                  may be held up by
//! "plugins-1" ..  plugins; see pool.rs                  made up for, when a plugin blocks
//! "plugin:x"    plugin x                              plugin x
//! "storage"     the database                          the disk, or the server it is at
//! "timers"      every deadline, and the supervisor    nobody
//! "link"        operators, inspectors, remote plugins nobody
//! "watchdog"    watches "plugins-1" ..                nobody
//! "reactor"     I/O and timers of plugins             nobody
//! "processes"   the pipes of installed plugins        nobody
//! "log"         plugins' states, for people           nobody
//! "log-lines"   writes the log, for the program       whoever reads the log
//! ```

mod builder;
mod instances;
mod plugins;

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use kernel_core::storage::STORAGE;
use kernel_core::{Capacities, CoreRuntime, Kernel, PluginSet};
use plugin_host::Services;
use tokio::runtime::Runtime;
use tracing::{error, warn};

pub use builder::HostBuilder;
pub(crate) use builder::{check_plugins, check_storage};

use crate::config::Config;
use crate::host_error::HostError;
use crate::link_server::LinkServer;
use crate::park::block_on;
use crate::pool::Pool;
use crate::pulse::{Asked, Pulse};
use crate::storage_thread::StorageThread;
use crate::timekeeper::Supervisor;
use crate::watchdog::Made;
use crate::worker::{Ended, Worker};

/// Even a shutdown whose time is used up waits this long for the database to close.
const STORAGE_GRACE: Duration = Duration::from_millis(500);

/// How long threads may take to end once a plugin is known to hang.
const THREAD_GRACE: Duration = Duration::from_millis(100);

/// A running host. Dropping it shuts it down as well, and tells nobody how that went.
pub struct Host {
    runtime: CoreRuntime,
    /// What plugins say of their services.
    services: Arc<Services>,
    supervisor: &'static Supervisor,
    shutdown_timeout: Duration,
    /// Of the threads without which nobody is served.
    pulses: Vec<Pulse>,
    storage: Option<StorageThread>,
    timers: Option<Worker>,
    log: Option<Worker>,
    plugins: Vec<Worker>,
    pool: Option<(Pool, Runtime)>,
    /// Threads of plugins that held up a shared one.
    moved: Made,
    watchdog: Option<Worker>,
    /// Runs the installed plugins.
    processes: Option<Worker>,
    link: Option<LinkServer>,
}

/// A plugin that did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedPlugin {
    /// Its name.
    pub name: String,
    /// The code of its error.
    pub code: String,
    /// Its error.
    pub error: String,
}

/// How a shutdown went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownReport {
    /// The plugins that did not stop in time, or failed on the way.
    pub late: Vec<String>,
    /// How closing the storage went, or what went wrong; `None` when it was not done in time. What was acknowledged is
    /// durable in each case.
    pub storage: Option<Result<(), String>>,
    /// The threads that still ran at the end.
    pub threads: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Host {
    /// A host without plugins, to add some to.
    pub fn builder() -> HostBuilder {
        HostBuilder {
            plugins: Vec::new(),
            capacities: Capacities::HOST,
            engines: Vec::new(),
            database_limit: None,
            launcher: None,
        }
    }

    /// Starts a host with the plugins that are compiled into this library.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn start(config: Config) -> Result<Host, HostError> {
        Host::builder().built_in().start(config)
    }

    /// The runtime, on behalf of the operator.
    pub const fn runtime(&self) -> CoreRuntime {
        self.runtime
    }

    /// The kernel's handle.
    pub const fn kernel(&self) -> Kernel {
        self.runtime.kernel()
    }

    /// The supervisor, for commands that lead plugins through their lives: what the kernel's own manager does, it
    /// takes for something to be set right.
    pub const fn supervisor(&self) -> &'static Supervisor {
        self.supervisor
    }

    /// Returns once the kernel has answered, and the threads of its deadlines and of the link: never where one of them
    /// hangs or has ended.
    pub(crate) async fn beat(&self) {
        let _ = self.runtime.health();
        for pulse in &self.pulses {
            pulse.beat().await;
        }
    }

    /// One more thread that is asked.
    fn pulse(&mut self) -> Asked {
        let (pulse, asked) = Pulse::new();
        self.pulses.push(pulse);
        asked
    }

    /// Starts all plugins, providers first; returns those that did not start, after logging them. The
    /// others run.
    ///
    /// # Cancellation
    /// Plugins that were started stay so.
    pub async fn start_plugins(&self) -> Vec<FailedPlugin> {
        let failed = self.supervisor.start_all(self.runtime).await;
        let failed = self.describe(failed);
        if !failed.is_empty() {
            let names: Vec<&str> = failed.iter().map(|plugin| plugin.name.as_str()).collect();
            error!("these plugins did not start: {}", names.join(", "));
        }
        failed
    }

    /// Stops the plugins, dependents first, then closes the storage and ends the threads, all within
    /// the configured time. A thread that a plugin never leaves is left to the end of the process.
    pub fn shutdown(mut self) -> ShutdownReport {
        self.shut_down()
    }

    fn shut_down(&mut self) -> ShutdownReport {
        let begun = Instant::now();
        let deadline = begun + self.shutdown_timeout;
        // A tenth of the time is the storage's own.
        let down = self
            .supervisor
            .stop_all(self.runtime, self.shutdown_timeout / 10 * 9);
        let late = self.describe(block_on(down));
        let late = late.into_iter().map(|plugin| plugin.name);
        // The storage waits for those that may still ask; how its end went is told apart.
        let late: Vec<String> = late.filter(|name| name != STORAGE).collect();
        let storage = self
            .storage
            .take()
            .and_then(|storage| storage.close_by(deadline.max(Instant::now() + STORAGE_GRACE)));

        let threads_end = match late.is_empty() {
            true => deadline.max(Instant::now() + THREAD_GRACE),
            false => Instant::now() + THREAD_GRACE,
        };
        let mut threads = Vec::new();
        if let Some(link) = self.link.take()
            && !link.stop(threads_end)
        {
            threads.push("link".to_owned());
        }
        // The watchdog first: it makes threads.
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.join_until(threads_end);
        }
        let moved = std::mem::take(&mut *self.moved.lock().unwrap_or_else(PoisonError::into_inner));
        let others = [self.processes.take(), self.timers.take(), self.log.take()];
        let mut workers: Vec<Worker> = self
            .plugins
            .drain(..)
            .chain(moved)
            .chain(others.into_iter().flatten())
            .collect();
        workers.iter_mut().for_each(Worker::ask);
        if let Some((pool, reactor)) = self.pool.take() {
            threads.extend(pool.join_until(threads_end));
            reactor.shutdown_background();
        }
        for worker in workers {
            let name = worker.name().to_owned();
            match worker.join_until(threads_end) {
                Ended::Well => {}
                Ended::Panicked => warn!("the thread {name:?} panicked while it ended"),
                Ended::StillRunning => threads.push(name),
            }
        }
        ShutdownReport {
            late,
            storage,
            threads,
            took: begun.elapsed(),
        }
    }

    /// Those plugins by name, with their last error.
    fn describe(&self, plugins: PluginSet) -> Vec<FailedPlugin> {
        let mut found = Vec::new();
        let mut buf = [0; 1024];
        let mut cursor = 0;
        while let Some(info) = self.runtime.next_plugin(&mut cursor, &mut buf) {
            if plugins.contains(info.index) {
                found.push(FailedPlugin {
                    name: info.name.to_owned(),
                    code: info.error_code.to_owned(),
                    error: info.error.to_owned(),
                });
            }
        }
        found
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.storage.is_some() {
            self.shut_down();
        }
    }
}
