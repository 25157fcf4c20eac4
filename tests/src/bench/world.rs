//! Ours on one thread: the host's kernel, with its plugins on the executor of the comparisons and its
//! timekeeper on a thread, as a host has it.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use host_std::{clock, memory};
use kernel_core::{
    Capacities, Context, CoreRuntime, Error, Event, Installed, Kernel, LocalPlugin, Name, PluginMetadata,
    Replied, Reply, Request, Service, drive,
};

use super::executor::{Count, Tasks};

/// The most a plugin here gets, and its reply.
const BUFFER: usize = 4096;

/// All that is free, in 256ths.
const ALL: u32 = 256;

/// A kernel of the host's size and its tasks.
pub(super) struct World {
    /// The runtime, on behalf of the operator.
    pub(super) runtime: CoreRuntime,
    /// Where its plugins run.
    pub(super) tasks: Tasks,
    installed: Vec<&'static str>,
}

impl World {
    /// A kernel without plugins.
    ///
    /// # Errors
    /// When there can be no thread for its timekeeper.
    pub(super) fn new() -> Result<World, String> {
        let kernel = memory::kernel(&Capacities::HOST);
        keep_time(kernel)?;
        let runtime = CoreRuntime::new(kernel);
        // One plugin stands for many.
        runtime.set_share(ALL);
        Ok(World {
            runtime,
            tasks: Tasks::default(),
            installed: Vec::new(),
        })
    }

    /// Installs a plugin under a name of its own and gives it a task.
    ///
    /// # Errors
    /// When it cannot be installed.
    pub(super) fn add<P: LocalPlugin + 'static>(&mut self, name: &str, plugin: P) -> Result<(), String> {
        self.add_with_buffer(name, plugin, BUFFER)
    }

    /// [`World::add`] for one that gets more than a few KiB.
    ///
    /// # Errors
    /// When it cannot be installed.
    pub(super) fn add_with_buffer<P: LocalPlugin + 'static>(
        &mut self,
        name: &str,
        mut plugin: P,
        buffer: usize,
    ) -> Result<(), String> {
        let installed = self.install(name)?;
        self.tasks.spawn(async move {
            let mut buf = vec![0; buffer];
            drive(&mut plugin, installed.context(), &mut buf).await;
        })
    }

    fn install(&mut self, name: &str) -> Result<Installed, String> {
        // The kernel keeps it as long as itself, which is for ever.
        let name: &'static str = name.to_owned().leak();
        let metadata: &'static PluginMetadata = Box::leak(Box::new(PluginMetadata::new(name, "1.0.0")));
        self.installed.push(name);
        let plugins = self.runtime.plugins();
        plugins
            .install(metadata)
            .map_err(|cause| format!("the plugin {name} is not installed: {cause}"))
    }

    /// Starts all plugins.
    ///
    /// # Errors
    /// When one does not start.
    pub(super) fn start(&mut self) -> Result<(), String> {
        for name in &self.installed {
            let started = self.tasks.finish(self.runtime.plugins().start(name));
            started.map_err(|error| format!("{name} did not start: {error}"))?;
        }
        self.tasks.run();
        Ok(())
    }
}

fn keep_time(kernel: Kernel) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|cause| format!("no clock for the timekeeper: {cause}"))?;
    let keep = move || {
        runtime.block_on(kernel.run_timers(|at| {
            let latest = std::time::Instant::now() + Duration::from_secs(3600);
            let until = clock::instant(at).map_or(latest, |at| at.min(latest));
            tokio::time::sleep_until(until.into())
        }));
    };
    // It ends with the process, as the kernel does.
    thread::Builder::new()
        .name("timers".to_owned())
        .spawn(keep)
        .map(drop)
        .map_err(|cause| format!("no thread for the timekeeper: {cause}"))
}

/// A plugin that subscribes to filters and counts what it gets.
#[derive(Default)]
pub(super) struct Receiver {
    /// The filters.
    pub(super) filters: Vec<String>,
    /// How many events came.
    pub(super) seen: Count,
}

impl LocalPlugin for Receiver {
    const METADATA: PluginMetadata = PluginMetadata::new("receiver", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        for filter in &self.filters {
            cx.subscribe(Name::Copied(filter)).await?;
        }
        Ok(())
    }

    async fn on_event(&mut self, _cx: &Context, event: Event<'_>) -> Result<(), Error> {
        black_box((event.topic(), event.payload()));
        self.seen.add();
        Ok(())
    }
}

/// A plugin that answers its services with what it was asked.
pub(super) struct Echo {
    /// The services.
    pub(super) services: Vec<String>,
}

impl LocalPlugin for Echo {
    const METADATA: PluginMetadata = PluginMetadata::new("echo", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        for service in &self.services {
            cx.register(&Service::new(Name::Copied(service))).await?;
        }
        Ok(())
    }

    async fn on_call(
        &mut self,
        _cx: &Context,
        call: Request<'_>,
        reply: Reply<'_>,
    ) -> Result<Replied, Error> {
        reply.raw(call.args())
    }
}

/// A plugin that gives its context out, for others to act on its behalf.
#[derive(Clone, Default)]
pub(super) struct Caller(Rc<Cell<Option<Context>>>);

impl Caller {
    /// Its context.
    ///
    /// # Errors
    /// When it was not loaded.
    pub(super) fn context(&self) -> Result<Context, String> {
        self.0.get().ok_or_else(|| "the caller was not loaded".to_owned())
    }
}

impl LocalPlugin for Caller {
    const METADATA: PluginMetadata = PluginMetadata::new("caller", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        self.0.set(Some(*cx));
        Ok(())
    }
}
