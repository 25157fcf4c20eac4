//! What a host is made of, and its start.

use std::path::PathBuf;
use std::sync::Arc;

use kernel_core::storage::STORAGE;
use kernel_core::{Capacities, CoreRuntime, Json, LocalPlugin, Plugin, name};
use link_gateway::Door;
use plugin_kit::schema::Described;

use super::{Host, instances};
use crate::config::{Config, ConfigError, SINGLETONS};
use crate::engine::{Engine, StorageEngine};
use crate::host_error::HostError;
use crate::park::block_on;
use crate::plugins::{BUILT_IN, PluginType};
use crate::sqlite::{Database, Options};
use crate::sqlite_storage::SqliteStorage;
use crate::storage_thread::StorageThread;
use crate::timekeeper::{self, Supervisor};
use crate::watchdog::Made;
use crate::{installed, kernel_log, link_server, memory, panics};

/// What a host is made of; [`Host::builder`] begins one.
#[derive(Debug, Clone)]
pub struct HostBuilder {
    pub(super) plugins: Vec<PluginType>,
    pub(super) capacities: Capacities,
    pub(super) engines: Vec<StorageEngine>,
    pub(super) database_limit: Option<u64>,
    pub(super) launcher: Option<PathBuf>,
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

    /// Adds the plugin `P`, whose services have schemas: see [`PluginType::described`].
    pub fn described_plugin<P: Plugin + Default + Described + 'static>(self) -> Self {
        self.plugin_type(PluginType::described::<P>())
    }

    /// Adds a plugin.
    pub fn plugin_type(mut self, plugin: PluginType) -> Self {
        self.plugins.push(plugin);
        self
    }

    /// Adds a storage engine, for configurations whose [`storage`](Config::storage) is a URL of its scheme.
    pub fn storage_engine(mut self, engine: StorageEngine) -> Self {
        self.engines.push(engine);
        self
    }

    /// Adds the plugins and storage engines that are compiled into this library.
    pub fn built_in(mut self) -> Self {
        self.plugins.extend_from_slice(BUILT_IN);
        self.engines.extend(house::storage_engines!(StorageEngine));
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
    pub fn launch(mut self, config: Config) -> Result<Host, HostError> {
        self.plugins.retain(|plugin| plugin.demo.is_none() || config.demo);
        let installed = config.plugins_folder.as_deref().map(plugin_host::installed);
        let installed = installed.unwrap_or_default();
        self.plugins
            .extend(check_plugins(&self.plugins, &config, &installed)?);
        if let Some(only) = &config.only {
            self.plugins
                .retain(|plugin| only.iter().any(|name| name == plugin.name()));
        }
        panics::install_hook();
        let kernel = memory::kernel(&self.capacities);
        let runtime = CoreRuntime::new(kernel);
        let engine = self.open_storage(&config, runtime)?;
        runtime.set_call_timeout(config.call_timeout);
        let storage = runtime.plugins().install_storage();
        let storage = storage.map_err(|cause| HostError::Plugin { name: STORAGE, cause })?;
        storage.set_placement("own thread");
        let mut host = Host {
            runtime,
            services: Arc::default(),
            supervisor: Box::leak(Box::new(Supervisor::new())),
            shutdown_timeout: config.shutdown_timeout,
            pulses: Vec::new(),
            storage: Some(StorageThread::spawn(storage, engine, self.capacities.call_bytes)?),
            timers: None,
            log: None,
            plugins: Vec::new(),
            pool: None,
            moved: Made::default(),
            watchdog: None,
            processes: None,
            link: None,
        };
        // From here on an error drops the host, which closes the storage.
        let timers = host.pulse();
        host.timers = Some(timekeeper::spawn(runtime, host.supervisor, timers)?);
        host.log = kernel_log::spawn(kernel, config.file.clone())?;
        note_singletons(&runtime, &config);
        let (door, visitors) = Door::new();
        host.run_plugins(&self, &config, door)?;
        if let Some(folder) = config.plugins_folder.clone() {
            let launcher = self.launcher.clone();
            let services = host.services.clone();
            let processes = installed::spawn(runtime, host.supervisor, folder, launcher, &config, services)?;
            host.processes = Some(processes);
        }
        runtime.set_handler_budget(config.slow_handler);
        let manager = link_server::Manager {
            runtime,
            supervisor: host.supervisor,
            config: config.file.clone().map(|file| &*file.leak()),
        };
        let services = host.services.clone();
        let reads = Arc::new(move |service: &str| services.reads(service));
        let link = host.pulse();
        host.link = Some(link_server::spawn(
            manager,
            self.capacities.call_bytes,
            reads,
            &config,
            visitors,
            link,
        )?);
        Ok(host)
    }

    /// The engine that the configuration names, or SQLite.
    fn open_storage(&self, config: &Config, runtime: CoreRuntime) -> Result<Box<dyn Engine>, HostError> {
        let Some(url) = &config.storage else {
            let options = Options {
                synchronous: config.synchronous,
                max_bytes: self.database_limit,
                ..Options::default()
            };
            let database = Database::open(&config.db_path, options)?;
            return Ok(Box::new(SqliteStorage::new(database).reporting_to(runtime)));
        };
        let engine = engine_for(&self.engines, config, url)?;
        engine.open(url, runtime).map_err(HostError::Storage)
    }
}

/// Checks that the plugins that the configuration names are there, and returns those that are there once more.
///
/// # Errors
/// [`ConfigError::Instance`] and [`ConfigError::UnknownPlugin`].
pub(crate) fn check_plugins(
    plugins: &[PluginType],
    config: &Config,
    installed: &[String],
) -> Result<Vec<PluginType>, ConfigError> {
    let more = instances::of(plugins, config, installed)?;
    let mut known: Vec<&str> = installed.iter().map(String::as_str).collect();
    for plugin in plugins.iter().chain(&more) {
        known.push(plugin.name());
    }
    config.check_plugins(&known)?;
    Ok(more)
}

/// Checks that the storage that the configuration names is one that is built in.
///
/// # Errors
/// [`ConfigError::UnknownStorage`].
pub(crate) fn check_storage(config: &Config) -> Result<(), ConfigError> {
    let engines = house::storage_engines!(StorageEngine);
    match &config.storage {
        Some(url) => engine_for(&engines, config, url).map(|_| ()),
        None => Ok(()),
    }
}

/// The engine for a URL.
fn engine_for<'e>(
    engines: &'e [StorageEngine],
    config: &Config,
    url: &str,
) -> Result<&'e StorageEngine, ConfigError> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let engine = engines.iter().find(|engine| engine.scheme() == scheme);
    engine.ok_or_else(|| ConfigError::UnknownStorage {
        path: config.file.clone().unwrap_or_default(),
        scheme: scheme.to_owned(),
        known: engines.iter().map(StorageEngine::scheme).collect(),
    })
}

/// Says in the state which plugins one of several runtimes alone runs, where there are any.
fn note_singletons(runtime: &CoreRuntime, config: &Config) {
    let singletons = config.singletons();
    if singletons.is_empty() {
        return;
    }
    // Names have a JSON.
    let text = serde_json::to_string(&singletons).unwrap_or_default();
    if let Ok(list) = Json::parse(&text) {
        runtime.set_note(name!(SINGLETONS), Some(list));
    }
}
