//! The host: a kernel with its storage, its threads and its plugins, from start to shutdown.
//!
//! ```text
//! thread        runs                                  may be held up by
//! "plugins-1" ..  plugins; see pool.rs                  made up for, when a plugin blocks
//! "plugin:x"    plugin x                              plugin x
//! "storage"     the database                          the disk
//! "timers"      every deadline, and the supervisor    nobody
//! "link"        operators, inspectors, remote plugins nobody
//! "watchdog"    watches "plugins-1" ..                nobody
//! "reactor"     I/O and timers of plugins             nobody
//! "processes"   the pipes of installed plugins        nobody
//! "log"         plugins' states, for people           nobody
//! "log-lines"   writes the log, for the program       whoever reads the log
//! ```

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use kernel_core::storage::STORAGE;
use kernel_core::{Capacities, CoreRuntime, Kernel, LocalPlugin, Plugin, PluginSet};
use tokio::runtime::Runtime;
use tracing::{error, info, warn};

use crate::config::{Config, Placement};
use crate::execute::{self, Job};
use crate::host_error::HostError;
use crate::link_server::{self, LinkServer};
use crate::park::block_on;
use crate::plugins::{BUILT_IN, PluginType, Run, set_settings};
use crate::pool::Pool;
use crate::sqlite::{Database, Options, StorageError};
use crate::storage_thread::StorageThread;
use crate::timekeeper::{self, Supervisor};
use crate::watchdog::{self, Made};
use crate::worker::{Ended, Worker};
use crate::{installed, kernel_log, memory, panics};

/// Bytes in a plugin's buffer beside the arguments of a call: the name of the service.
const SERVICE_NAME: usize = 256;

/// Even a shutdown whose time is used up waits this long for the database to close.
const STORAGE_GRACE: Duration = Duration::from_millis(500);

/// How long threads may take to end once a plugin is known to hang.
const THREAD_GRACE: Duration = Duration::from_millis(100);

/// What a host is made of; [`Host::builder`] begins one.
#[derive(Debug, Clone)]
pub struct HostBuilder {
    plugins: Vec<PluginType>,
    capacities: Capacities,
    database_limit: Option<u64>,
    launcher: Option<PathBuf>,
}

impl HostBuilder {
    /// Adds the plugin `P`.
    pub fn plugin<P: Plugin + Default + 'static>(self) -> Self {
        self.plugin_type(PluginType::of::<P>())
    }

    /// Adds the plugin `P`, whose value or futures are not `Send`: it gets a thread of its own.
    pub fn local_plugin<P: LocalPlugin + Default + 'static>(self) -> Self {
        self.plugin_type(PluginType::local::<P>())
    }

    /// Adds a plugin.
    pub fn plugin_type(mut self, plugin: PluginType) -> Self {
        self.plugins.push(plugin);
        self
    }

    /// Adds the plugins that are compiled into this library.
    pub fn built_in(mut self) -> Self {
        self.plugins.extend_from_slice(BUILT_IN);
        self
    }

    /// Sets how much of everything the kernel has; [`Capacities::HOST`] unless set.
    pub fn capacities(mut self, capacities: Capacities) -> Self {
        self.capacities = capacities;
        self
    }

    /// Sets the bytes the database file may grow to; unless set, the disk is the limit.
    pub fn database_limit(mut self, bytes: u64) -> Self {
        self.database_limit = Some(bytes);
        self
    }

    /// Sets the program that becomes each installed plugin: one that calls
    /// [`enter_if_asked`](plugin_host::launcher::enter_if_asked) first, as [`run_host`](crate::run_host) does. Unless
    /// set, it is this program.
    pub fn launcher(mut self, program: impl Into<PathBuf>) -> Self {
        self.launcher = Some(program.into());
        self
    }

    /// Starts the host with all its plugins, and returns once each is started or has failed.
    ///
    /// # Errors
    /// See [`HostError`]. A plugin that fails is no error: see [`Host::start_plugins`].
    pub fn start(self, config: Config) -> Result<Host, HostError> {
        let host = self.launch(config)?;
        block_on(host.start_plugins());
        Ok(host)
    }

    /// Starts the host without its plugins: they are installed, and [`Host::start_plugins`] starts them.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn launch(self, config: Config) -> Result<Host, HostError> {
        let installed = config.plugins_folder.as_deref().map(plugin_host::installed);
        let installed = installed.unwrap_or_default();
        let mut known: Vec<&str> = installed.iter().map(String::as_str).collect();
        for plugin in &self.plugins {
            known.push(plugin.name());
        }
        config.check_plugins(&known)?;
        panics::install_hook();
        let options = Options {
            synchronous: config.synchronous,
            max_bytes: self.database_limit,
            ..Options::default()
        };
        let database = Database::open(&config.db_path, options)?;
        let kernel = memory::kernel(&self.capacities);
        let runtime = CoreRuntime::new(kernel);
        runtime.set_call_timeout(config.call_timeout);
        let storage = runtime.plugins().install_storage();
        let storage = storage.map_err(|cause| HostError::Plugin { name: STORAGE, cause })?;
        storage.set_placement("own thread");
        let mut host = Host {
            runtime,
            supervisor: Box::leak(Box::new(Supervisor::new())),
            shutdown_timeout: config.shutdown_timeout,
            storage: Some(StorageThread::spawn(
                storage,
                database,
                self.capacities.call_bytes,
            )?),
            timers: None,
            log: None,
            plugins: Vec::new(),
            pool: None,
            moved: Made::default(),
            watchdog: None,
            processes: None,
            link: None,
        };
        // From here on an error drops the host, which closes the database.
        host.timers = Some(timekeeper::spawn(runtime, host.supervisor)?);
        host.log = kernel_log::spawn(kernel, config.file.clone())?;
        host.run_plugins(&self, &config)?;
        if let Some(folder) = config.plugins_folder.clone() {
            let launcher = self.launcher.clone();
            let processes = installed::spawn(runtime, host.supervisor, folder, launcher, &config)?;
            host.processes = Some(processes);
        }
        runtime.set_handler_budget(config.slow_handler);
        let manager = link_server::Manager {
            runtime,
            supervisor: host.supervisor,
            config: config.file.clone().map(|file| &*file.leak()),
        };
        let reads = Arc::new(|_: &str| false);
        host.link = Some(link_server::spawn(
            manager,
            self.capacities.call_bytes,
            reads,
            &config,
        )?);
        Ok(host)
    }
}

/// A running host. Dropping it shuts it down as well, and tells nobody how that went.
pub struct Host {
    runtime: CoreRuntime,
    supervisor: &'static Supervisor,
    shutdown_timeout: Duration,
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
    /// How closing the database went; `None` when it was not done in time. What was acknowledged is
    /// durable in each case.
    pub storage: Option<Result<(), StorageError>>,
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

    /// Installs the plugins, starts their threads, and switches those off that are not enabled.
    fn run_plugins(&mut self, builder: &HostBuilder, config: &Config) -> Result<(), HostError> {
        let buffer = (builder.capacities.call_bytes + SERVICE_NAME) * 2;
        for plugin in &builder.plugins {
            let wanted = config.plugins.get(plugin.name()).cloned().unwrap_or_default();
            let installed = self
                .runtime
                .plugins()
                .install(plugin.metadata())
                .map_err(|cause| HostError::Plugin {
                    name: plugin.name(),
                    cause,
                })?;
            if !wanted.enabled {
                info!("plugin {} is switched off: enabled = false", plugin.name());
                self.supervisor.switch_off(installed.index());
            }
            set_settings(installed, &wanted.settings).map_err(|_| HostError::Settings {
                name: plugin.name(),
                settings: wanted.settings.clone(),
            })?;
            let job = Job {
                plugin: *plugin,
                installed,
                buffer,
            };
            match (wanted.placement, plugin.run) {
                (Placement::Shared, Run::Anywhere(live)) => {
                    installed.set_placement("shared");
                    self.pool(config)?.add(job, live);
                }
                _ => self.plugins.push(execute::spawn(job)?),
            }
        }
        Ok(())
    }

    /// The threads that plugins share, made when there is a first plugin for them.
    fn pool(&mut self, config: &Config) -> Result<Pool, HostError> {
        if let Some((pool, _)) = &self.pool {
            return Ok(pool.clone());
        }
        let reactor = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("reactor")
            .enable_all()
            .build()
            .map_err(HostError::Reactor)?;
        // One that is held up for a moment needs another one to be there already.
        let threads = available_parallelism().map_or(2, |count| count.get().max(2));
        let pool = Pool::new(threads, reactor.handle().clone())?;
        self.pool = Some((pool.clone(), reactor));
        let watchdog = watchdog::spawn(pool.clone(), config.slow_handler, Arc::clone(&self.moved));
        self.watchdog = Some(watchdog?);
        Ok(pool)
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
