//! All installed plugins, from the start of the runtime to its end. What changes them meanwhile is in changes.rs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use kernel_core::{AttachedPlugin, Attachment, CoreRuntime, MAX_PLUGINS, Overflow};
use kernel_supervisor::Supervisor;
use serde_json::Value;
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::{JoinHandle, spawn_blocking, spawn_local};
use tokio::time::sleep;
use tracing::{error, info};

use crate::error::InstallError;
use crate::gate::{Announcer, Identity};
use crate::guardian::Guardian;
use crate::http::Server;
use crate::launcher::Restrictions;
use crate::link::{self, Remote};
use crate::lives::{Place, Running};
use crate::log::PluginLog;
use crate::log_file::LogFile;
use crate::manifest::{Manifest, Run};
use crate::process::Program;
use crate::sandbox::Rules;
use crate::sdk;
use crate::services::Services;
use crate::store::{self, Record, Store};
use crate::text::{DESCRIPTION, cut};
use crate::wasm::Sandbox;

/// Lines of logs that come together are saved together.
const GATHER: Duration = Duration::from_millis(500);

/// Files that a process may have open.
const OPEN_FILES: u32 = 1024;

/// What the keeper is told at the start.
pub struct Options {
    /// The runtime.
    pub runtime: CoreRuntime,
    /// Who leads plugins through their lives.
    pub supervisor: &'static Supervisor<MAX_PLUGINS>,
    /// The folder of what is installed; made where it is not there.
    pub folder: PathBuf,
    /// The program that calls [`enter_if_asked`](crate::launcher::enter_if_asked) first of all.
    pub launcher: PathBuf,
    /// How long a call takes at most unless its caller says otherwise.
    pub call_timeout: Duration,
    /// What the configuration says of plugins: whether they are enabled, and settings that come before those that were
    /// set by command.
    pub configured: BTreeMap<String, (bool, Value)>,
    /// None is started with the runtime.
    pub safe: bool,
    /// What the plugins of the program say of their services.
    pub services: Arc<Services>,
}

/// One plugin.
pub(crate) struct Entry {
    pub(crate) record: RefCell<Record>,
    pub(crate) manifest: Manifest,
    pub(crate) running: Rc<Running>,
    /// It runs in the folder of its author, and goes with the runtime.
    pub(crate) in_place: bool,
    task: RefCell<Option<JoinHandle<()>>>,
}

/// See the module's documentation.
pub(crate) struct Keeper {
    pub(crate) runtime: CoreRuntime,
    pub(crate) supervisor: &'static Supervisor<MAX_PLUGINS>,
    pub(crate) store: Store,
    pub(crate) services: Arc<Services>,
    pub(crate) announcer: Arc<Announcer>,
    pub(crate) entries: RefCell<BTreeMap<String, Rc<Entry>>>,
    launcher: PathBuf,
    guardian: Rc<Guardian>,
    call_timeout: Duration,
    configured: BTreeMap<String, (bool, Value)>,
    /// What each has logged, over its versions.
    pub(crate) logs: RefCell<BTreeMap<String, Arc<PluginLog>>>,
    /// There is something in them that is not saved.
    unsaved: Arc<Notify>,
    /// One change at a time.
    pub(crate) changes: Mutex<()>,
}

impl Keeper {
    /// Takes in all that is installed; one that cannot be is logged and left out.
    pub(crate) fn open(options: Options) -> Result<Keeper, InstallError> {
        let store = Store::open(&options.folder)?;
        sdk::unpack(store.root())
            .map_err(|cause| InstallError::new("io", format!("{}: {cause}", store.root().display())))?;
        let keeper = Keeper {
            runtime: options.runtime,
            supervisor: options.supervisor,
            store,
            services: options.services,
            announcer: Arc::default(),
            entries: RefCell::default(),
            guardian: Rc::new(Guardian::new(options.launcher.clone())),
            launcher: options.launcher,
            call_timeout: options.call_timeout,
            configured: options.configured,
            logs: RefCell::default(),
            unsaved: Arc::default(),
            changes: Mutex::new(()),
        };
        for name in store::installed(keeper.store.root()) {
            if let Err(cause) = keeper.take_in(&name, options.safe) {
                error!(plugin = name, "the installed plugin {name} is left out: {cause}");
            }
        }
        Ok(keeper)
    }

    fn take_in(&self, name: &str, safe: bool) -> Result<(), InstallError> {
        let record = self.store.record(name)?;
        let manifest = self.store.manifest(name, &record)?;
        let folder = self.store.package(name, &record);
        let enabled = record.enabled && self.configured.get(name).is_none_or(|(enabled, _)| *enabled);
        let index = self.attach(name, record, manifest, folder, false)?;
        if safe || !enabled {
            info!(
                plugin = name,
                "plugin {name} is not started: {}",
                if safe { "--safe" } else { "it is disabled" }
            );
            self.supervisor.switch_off(index);
        }
        Ok(())
    }

    /// Gives a plugin its slot in the kernel and its task; returns the slot.
    pub(crate) fn attach(
        &self,
        name: &str,
        record: Record,
        manifest: Manifest,
        folder: PathBuf,
        in_place: bool,
    ) -> Result<usize, InstallError> {
        let needs = manifest.needs.join(",");
        let attachment = Attachment {
            name,
            runtime: "",
            version: &manifest.version,
            description: cut(&manifest.description, DESCRIPTION),
            dependencies: &needs,
            overflow: Overflow::DropOldest,
            restarts: true,
            placement: match &manifest.run {
                Run::Link(node) => link::placement(&node.target),
                run => run.kind().word(),
            },
        };
        let attached = AttachedPlugin::install(self.runtime.kernel(), &attachment)?;
        let seconds = |seconds: f64| Duration::from_secs_f64(seconds);
        attached.set_timeouts(
            seconds(manifest.limits.hook_seconds),
            seconds(manifest.limits.handler_seconds),
        );
        let index = attached.installed().index();
        let identity = Arc::new(Identity {
            name: name.to_owned(),
            runtime: self.runtime,
            granted: record.granted.clone().into(),
            limits: manifest.limits.clone(),
            log: self.log_of(name, in_place),
            services: self.services.clone(),
            refusals: 0.into(),
            noise: 0.into(),
            announcer: self.announcer.clone(),
        });
        let place = match &manifest.run {
            Run::Process { command } => {
                Place::Process(self.program(name, &manifest, command, folder, in_place)?)
            }
            Run::Wasm { module } => Place::Wasm(Sandbox::of(&manifest, &folder, module)),
            Run::Http { url, timeout, check } => Place::Http(Server::new(
                url.clone(),
                *timeout,
                *check,
                &manifest.name,
                &manifest.version,
            )),
            Run::Link(node) => Place::Link(Remote::new(node.clone())),
        };
        let running = Rc::new(Running {
            identity,
            attached,
            place,
            guardian: self.guardian.clone(),
            supervisor: self.supervisor,
            version: manifest.version.clone(),
            schema: manifest.settings.clone(),
            settings: RefCell::new(self.settings_of(name, &record)),
            call_timeout: self.call_timeout,
            alive: watch::Sender::new(false),
        });
        let lives = running.clone();
        let entry = Rc::new(Entry {
            record: RefCell::new(record),
            manifest,
            running,
            in_place,
            task: RefCell::new(Some(spawn_local(async move { lives.run().await }))),
        });
        self.entries.borrow_mut().insert(name.to_owned(), entry);
        Ok(index)
    }

    fn log_of(&self, name: &str, in_place: bool) -> Arc<PluginLog> {
        let open = || {
            let file = (LogFile::in_folder(&self.store.folder(name)), self.unsaved.clone());
            Arc::new(PluginLog::open(name, (!in_place).then_some(file)))
        };
        let mut logs = self.logs.borrow_mut();
        logs.entry(name.to_owned()).or_insert_with(open).clone()
    }

    /// Saves what plugins log, a little later than they do, for ever.
    pub(crate) async fn save_logs(&self) {
        loop {
            self.unsaved.notified().await;
            sleep(GATHER).await;
            self.save_logs_now().await;
        }
    }

    /// Saves what plugins have logged. A disk that is slow holds up nobody else.
    pub(crate) async fn save_logs_now(&self) {
        let logs: Vec<_> = self.logs.borrow().values().cloned().collect();
        // It does not panic.
        let _ = spawn_blocking(move || logs.iter().for_each(|log| log.save())).await;
    }

    fn program(
        &self,
        name: &str,
        manifest: &Manifest,
        command: &[String],
        folder: PathBuf,
        in_place: bool,
    ) -> Result<Program, InstallError> {
        Ok(Program {
            launcher: self.launcher.clone(),
            command: in_folder(command, &folder),
            data: if in_place {
                folder.clone()
            } else {
                self.store.data(name)?
            },
            folder,
            library: sdk::folder(self.store.root()),
            env: sdk::env(self.store.root()),
            restrictions: Restrictions {
                parent: std::process::id(),
                memory_mb: manifest.limits.memory_mb,
                files: OPEN_FILES,
                rules: Rules::default(),
            },
        })
    }

    /// What was set by command, and above it what the configuration says.
    pub(crate) fn settings_of(&self, name: &str, record: &Record) -> Value {
        let mut settings = record.settings.as_object().cloned().unwrap_or_default();
        if let Some((_, Value::Object(configured))) = self.configured.get(name) {
            settings.extend(configured.clone());
        }
        Value::Object(settings)
    }

    pub(crate) fn entry(&self, name: &str) -> Result<Rc<Entry>, InstallError> {
        let found = self.entries.borrow().get(name).cloned();
        found.ok_or_else(|| {
            let why = match self.runtime.plugins().state(name) {
                Some(_) => format!("the plugin {name} was not installed at run time"),
                None => format!("no plugin of the name {name} is installed"),
            };
            InstallError::new("not_found", why)
        })
    }

    /// Takes a plugin out of the kernel, and ends its process.
    pub(crate) async fn detach(&self, name: &str) {
        let entry = self.entries.borrow_mut().remove(name);
        if let Some(entry) = entry {
            // A plugin that does not go has its process ended all the same.
            let _ = self.runtime.plugins().unload(name).await;
            entry.running.idle().await;
            // The slot is free once the task, which holds it too, is gone.
            let task = entry.task.take();
            if let Some(task) = task {
                task.abort();
                let _ = task.await;
            }
        }
        self.services.remove_of(name);
    }

    /// Waits until no process runs, at most so long.
    pub(crate) async fn all_idle(&self, limit: Duration) {
        let running: Vec<_> = self
            .entries
            .borrow()
            .values()
            .map(|entry| entry.running.clone())
            .collect();
        let idle = async {
            for running in running {
                running.idle().await;
            }
        };
        let _ = tokio::time::timeout(limit, idle).await;
    }
}

/// A program that the package brings is named by its place in it.
fn in_folder(command: &[String], folder: &Path) -> Vec<String> {
    let mut command = command.to_vec();
    if let Some(program) = command.first_mut()
        && program.contains('/')
    {
        *program = folder.join(&*program).display().to_string();
    }
    command
}
