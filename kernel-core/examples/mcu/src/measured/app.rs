//! With the kernel: one plugin that uses events, calls and state, and an operator that calls the plugin
//! for each byte that comes over the line. With the storage, the plugin uses that as well; with the
//! link, the line belongs to it.

use core::time::Duration;

use embassy_executor::Spawner;
#[cfg(not(feature = "measured-link"))]
use embedded_io_async::{Read, Write};
use kernel_core::{
    Context, CoreRuntime, Error, Event, Installed, Kernel, Plugin, PluginMetadata, Replied, Reply, Request,
    Service, drive, json_literal, name,
};

use super::{buffers, halt, parts};
use crate::board::Parts;
use crate::uart::{self, Reader, Writer};
use crate::{executor, time};

struct App;

impl Plugin for App {
    const METADATA: PluginMetadata = PluginMetadata::new("app", "1");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("app.*")).await?;
        cx.register(&Service::new(name!("app.echo"))).await?;
        Ok(())
    }

    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        cx.set_interval(Duration::from_secs(1)).await?;
        Ok(())
    }

    async fn on_tick(&mut self, cx: &Context) -> Result<(), Error> {
        cx.publish("app.tick", json_literal!("1")).await?;
        #[cfg(feature = "measured-storage")]
        super::storage::use_it(cx).await?;
        Ok(())
    }

    async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        let state = cx.state();
        let mut buf = [0; 8];
        if state.get("app.a", &mut buf).await?.is_none() {
            let ttl = Duration::from_secs(2);
            state.set_with_ttl(name!("app.a"), event.payload(), ttl).await?;
        }
        state.set(name!("app.b"), event.payload()).await?;
        state
            .update(&[
                (name!("app.c"), event.payload()),
                (name!("app.d"), event.payload()),
            ])
            .await?;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        reply.raw(call.args())
    }
}

#[embassy_executor::task]
async fn run_plugin(installed: Installed, buf: &'static mut [u8]) {
    loop {
        drive(&mut App, installed.context(), buf).await;
    }
}

#[embassy_executor::task]
async fn run_timers(kernel: Kernel) {
    kernel.run_timers(time::sleep_until).await;
}

#[cfg(not(feature = "measured-supervisor"))]
async fn start(runtime: CoreRuntime) {
    #[cfg(feature = "measured-storage")]
    let _ = runtime.plugins().start(kernel_core::storage::STORAGE).await;
    let _ = runtime.plugins().start(App::METADATA.name).await;
}

#[cfg(feature = "measured-supervisor")]
async fn start(runtime: CoreRuntime) {
    super::supervisor::SUPERVISOR.start_all(runtime).await;
}

#[cfg(not(feature = "measured-link"))]
#[embassy_executor::task]
async fn operate(runtime: CoreRuntime, mut read: Reader, mut write: Writer, buf: &'static mut [u8]) {
    start(runtime).await;
    let mut byte = [0];
    loop {
        let Ok(_) = read.read(&mut byte).await;
        let reply = runtime.services().call("app.echo", json_literal!("1"), buf).await;
        if let Ok(json) = reply {
            let Ok(()) = write.write_all(json.as_bytes()).await;
        }
    }
}

#[cfg(feature = "measured-link")]
#[embassy_executor::task]
async fn operate(runtime: CoreRuntime, read: Reader, write: Writer, buf: &'static mut [u8]) {
    start(runtime).await;
    let reply = runtime.services().call("app.echo", json_literal!("1"), buf).await;
    if reply.is_ok() {
        super::link::serve(runtime.kernel(), read, write).await;
    }
}

fn spawn(spawner: Spawner, runtime: CoreRuntime, parts: &mut Parts) -> Option<()> {
    let line = uart::start(parts);
    let buffers = buffers();
    let app = runtime.plugins().install(&App::METADATA).ok()?;
    spawner.spawn(run_timers(runtime.kernel()).ok()?);
    spawner.spawn(run_plugin(app, &mut buffers.plugin).ok()?);
    spawner.spawn(operate(runtime, line.0, line.1, &mut buffers.reply).ok()?);
    #[cfg(feature = "measured-storage")]
    {
        let storage = runtime.plugins().install_storage().ok()?;
        spawner.spawn(super::storage::run(storage, crate::flash::start(parts)).ok()?);
    }
    #[cfg(feature = "measured-plugin")]
    {
        use super::second::{Second, run};
        let second = runtime.plugins().install(&Second::METADATA).ok()?;
        spawner.spawn(run(second, &mut buffers.second).ok()?);
    }
    #[cfg(feature = "measured-supervisor")]
    spawner.spawn(super::supervisor::run(runtime).ok()?);
    Some(())
}

/// Runs the program on this kernel.
pub fn run(kernel: Option<Kernel>) -> ! {
    let mut parts = parts();
    let Some(kernel) = kernel else { halt() };
    executor::run(|spawner| {
        if spawn(spawner, CoreRuntime::new(kernel), &mut parts).is_none() {
            halt();
        }
    })
}
