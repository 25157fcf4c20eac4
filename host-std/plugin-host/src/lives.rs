//! One life after another of an installed plugin, each with a process or a sandbox of its own, with a server, or with a
//! node.

use std::cell::RefCell;
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use kernel_core::{
    AttachedPlugin, Context, Error, INVALID_SETTINGS, MAX_PLUGINS, Mailbox, Message, PluginState,
};
use kernel_supervisor::Supervisor;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{spawn_local, yield_now};

use crate::gate::{Gate, Identity};
use crate::guardian::Guardian;
use crate::http::Server;
use crate::link::Remote;
use crate::lock::lock;
use crate::manifest::API;
use crate::process::{self, Process, Program};
use crate::sandbox::Rules;
use crate::schema::{self, Schema};
use crate::session::{End, MAX_LINE, MAX_VALUE, Session};
use crate::wasm::Sandbox;

/// Bytes of a message beside its value: a topic, or the name of a service.
const HEAD: usize = 512;

/// Where a plugin runs.
pub(crate) enum Place {
    Process(Program),
    Wasm(Sandbox),
    Http(Server),
    Link(Remote),
}

/// A plugin that is installed and attached.
pub(crate) struct Running {
    pub(crate) identity: Arc<Identity>,
    pub(crate) attached: AttachedPlugin,
    pub(crate) place: Place,
    pub(crate) guardian: Rc<Guardian>,
    pub(crate) supervisor: &'static Supervisor<MAX_PLUGINS>,
    pub(crate) version: String,
    /// The JSON Schema of its settings, and what was set of them.
    pub(crate) schema: Option<Value>,
    pub(crate) settings: RefCell<Value>,
    pub(crate) call_timeout: Duration,
    /// Whether a life runs.
    pub(crate) alive: watch::Sender<bool>,
}

impl Running {
    /// Runs its lives, for ever.
    pub(crate) async fn run(&self) {
        let mut buf = vec![0; MAX_VALUE + HEAD];
        loop {
            let cx = self.attached.context();
            if self.is_to_load_or_returns(cx, &mut buf).await {
                self.alive.send_replace(true);
                let fault = self.live(cx, &mut buf).await;
                self.alive.send_replace(false);
                self.identity.services.remove_of(&self.identity.name);
                if let Err(error) = fault {
                    self.fail(cx, &error);
                }
            }
            yield_now().await;
        }
    }

    /// Waits until no life runs.
    pub(crate) async fn idle(&self) {
        // The sender is here.
        let _ = self.alive.subscribe().wait_for(|alive| !alive).await;
    }

    /// Its settings, with the defaults of the schema.
    ///
    /// # Errors
    /// Where they do not fit the schema, and how.
    pub(crate) fn effective_settings(&self) -> Result<Value, String> {
        checked_settings(self.schema.as_ref(), self.settings.borrow().clone())
    }

    /// Waits for the next life. A server or a node that was lost, for longer than the supervisor tries, brings its plugin back
    /// when it is there again.
    async fn is_to_load_or_returns(&self, cx: Context, buf: &mut [u8]) -> bool {
        let mut load = pin!(self.is_to_load(cx, buf));
        loop {
            let returns = async {
                match &self.place {
                    Place::Http(server) => server.returns().await,
                    Place::Link(node) => node.returns().await,
                    Place::Process(_) | Place::Wasm(_) => std::future::pending().await,
                }
            };
            tokio::select! {
                is_to_load = &mut load => return is_to_load,
                () = returns => self.start_again(),
            }
        }
    }

    /// Begins to start the plugin, unless somebody has led it elsewhere.
    fn start_again(&self) {
        let (runtime, supervisor, name) =
            (self.identity.runtime, self.supervisor, self.identity.name.clone());
        if runtime.plugins().state(&name) == Some(PluginState::Failed) {
            // What it comes to is in its row.
            spawn_local(async move { drop(supervisor.start(runtime, &name).await) });
        }
    }

    async fn is_to_load(&self, cx: Context, buf: &mut [u8]) -> bool {
        let mailbox = Mailbox::new(cx);
        loop {
            match mailbox.next(buf).await {
                Message::Load => return true,
                Message::Ended => return false,
                _ => {}
            }
        }
    }

    async fn live(&self, cx: Context, buf: &mut [u8]) -> Result<(), Error> {
        let settings = self
            .effective_settings()
            .map_err(|wrong| Error::new(INVALID_SETTINGS, &wrong))?;
        let program = match &self.place {
            Place::Process(program) => program,
            Place::Wasm(sandbox) => return sandbox.live(&self.identity, cx, settings.to_string()).await,
            Place::Http(server) => {
                self.attached.set_concurrent(true);
                let gate = Gate::new(self.identity.clone(), cx);
                return server.live(gate, &self.attached, buf).await;
            }
            Place::Link(node) => {
                self.attached.set_concurrent(true);
                let gate = Gate::new(self.identity.clone(), cx);
                return node.live(gate, &self.attached, buf).await;
            }
        };
        let name = &self.identity.name;
        let mut program = program.clone();
        program.env.extend(process::settings_env(name, &settings));
        program.restrictions.rules = self.rules(&program);
        let started = Process::start(&program, &self.identity, &self.guardian)
            .map_err(|cause| Error::new("not_started", &process::cannot_start(&program.launcher, &cause)))?;
        let parameters = self.parameters(&program, settings);
        let gate = Rc::new(Gate::new(self.identity.clone(), cx));
        let mut session = Session::new(gate, &self.attached, &self.version, started);
        let end = session.run(&parameters, buf).await;
        // Told before the process is waited for: its callers know at once.
        if let End::Failed(error) = &end {
            self.fail(cx, error);
        }
        session.end().await;
        Ok(())
    }

    /// Fails this life. One that the kernel has ended already failed for another reason, and the next must not pay.
    fn fail(&self, cx: Context, error: &Error) {
        if self.attached.context().id() == cx.id() {
            self.attached.installed().crashed(error);
        }
    }

    /// What it may see of the machine: its folders, and what was granted.
    fn rules(&self, program: &Program) -> Rules {
        let granted = lock(&self.identity.granted);
        let paths = |list: &[String]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        let mut read = paths(&granted.files.read);
        read.extend([program.folder.clone(), program.library.clone()]);
        let mut write = paths(&granted.files.write);
        write.push(program.data.clone());
        Rules {
            read,
            write,
            network: granted.network,
        }
    }

    /// What the plugin is told at the beginning of a life.
    fn parameters(&self, program: &Program, settings: Value) -> Value {
        let identity = &self.identity;
        let limits = &identity.limits;
        json!({
            "protocol": API,
            "runtime": {"name": "core-runtime", "version": env!("CARGO_PKG_VERSION")},
            "plugin": {
                "name": identity.name,
                "version": self.version,
                "folder": program.folder,
                "data": program.data,
            },
            "settings": settings,
            "permissions": *lock(&identity.granted),
            "limits": {
                "max_line": MAX_LINE,
                "max_value": MAX_VALUE,
                "in_flight": crate::session::IN_FLIGHT,
                "hook_ms": limits.hook_seconds * 1000.0,
                "handler_ms": limits.handler_seconds * 1000.0,
                "call_ms": self.call_timeout.as_millis() as u64,
            },
        })
    }
}

/// These settings with the schema's defaults, when they fit it.
///
/// # Errors
/// Where they do not, and how.
pub(crate) fn checked_settings(schema: Option<&Value>, settings: Value) -> Result<Value, String> {
    let Some(schema) = schema else {
        return Ok(settings);
    };
    let settings = schema::with_defaults(schema, settings);
    Schema::compile(schema)?.check(&settings)?;
    Ok(settings)
}
