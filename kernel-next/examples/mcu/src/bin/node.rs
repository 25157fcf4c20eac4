//! A chip that is operated over its serial line, by the same command line as a host.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use embassy_executor::Spawner;
use embassy_time::{Instant, Timer};
use kernel_core::link::{self, Identity};
use kernel_core::storage::MemoryStorage;
use kernel_core::{Capacities, CoreRuntime, Installed, Kernel, Plugin, PluginManager, PluginMetadata, drive};
use mcu::plugins::{Faulty, Sensor, Thermostat};
use mcu::uart::{Reader, Writer};
use mcu::{board, check, executor, expect, time, uart};
use static_cell::ConstStaticCell;

/// The longest stored value, call or event that travels; a message of the link is a little longer.
const VALUE: usize = 256;

kernel_core::kernel! {
    /// The kernel of this board.
    static KERNEL = Capacities {
        call_bytes: VALUE,
        log_bytes: 4096,
        names: 16,
        latency_buckets: 8,
        ..Capacities::DEFAULT
    };
}

/// Installed plugins run for ever, a new value for each of their lives.
macro_rules! plugin_task {
    ($name:ident, $kind:ty, $new:expr) => {
        #[embassy_executor::task]
        async fn $name(installed: Installed) {
            let mut buf = [0; 2 * VALUE];
            loop {
                let mut plugin: $kind = $new;
                drive(&mut plugin, installed, &mut buf).await;
            }
        }
    };
}

plugin_task!(run_example, example::Example, example::Example::default());
plugin_task!(run_sensor, Sensor, Sensor::default());
plugin_task!(run_thermostat, Thermostat, Thermostat::default());
plugin_task!(run_faulty, Faulty, Faulty { new: false });

#[embassy_executor::task]
async fn run_timers(kernel: Kernel) {
    kernel
        .run_timers(|at| Timer::at(Instant::from_micros(at.as_micros())))
        .await;
}

#[embassy_executor::task]
async fn run_storage(kernel: Kernel) {
    let mut storage = MemoryStorage::<8, 32, VALUE>::new();
    let mut buf = [0; 2 * VALUE];
    kernel_core::storage::serve(kernel, &mut storage, &mut buf).await;
}

/// Serves the line. It has no end, so that a session ends when the next client says hello.
#[embassy_executor::task]
async fn run_link(kernel: Kernel, read: Reader, write: Writer) {
    static MEMORY: ConstStaticCell<[u8; 5 * 512]> = ConstStaticCell::new([0; 5 * 512]);
    let identity = Identity {
        name: concat!("core-runtime-mcu ", env!("CARGO_PKG_VERSION")),
        token: None,
        epoch: None,
    };
    let end = link::serve(kernel, &identity, read, write, MEMORY.take()).await;
    check::fail(format_args!("the link ended: {end:?}"));
}

#[embassy_executor::task]
async fn start(runtime: CoreRuntime) {
    let failed = runtime.start().await;
    expect!("all plugins start", failed.is_empty());
}

/// Installs a plugin that has a task of its own, and says so to whoever looks in.
fn placed(plugins: PluginManager, metadata: &'static PluginMetadata) -> Option<Installed> {
    let installed = plugins.install(metadata).ok()?;
    installed.set_placement("own task");
    Some(installed)
}

fn install(spawner: Spawner, runtime: CoreRuntime, line: (Reader, Writer)) -> Option<()> {
    let (plugins, kernel) = (runtime.plugins(), runtime.kernel());
    spawner.spawn(run_timers(kernel).ok()?);
    spawner.spawn(run_storage(kernel).ok()?);
    spawner.spawn(run_link(kernel, line.0, line.1).ok()?);
    spawner.spawn(run_example(placed(plugins, &example::Example::METADATA)?).ok()?);
    spawner.spawn(run_sensor(placed(plugins, &Sensor::METADATA)?).ok()?);
    spawner.spawn(run_thermostat(placed(plugins, &Thermostat::METADATA)?).ok()?);
    spawner.spawn(run_faulty(placed(plugins, &Faulty::METADATA)?).ok()?);
    spawner.spawn(start(runtime).ok()?);
    Some(())
}

#[entry]
fn main() -> ! {
    let (Some(mut parts), Some(kernel)) = (board::take(), KERNEL.init(time::micros)) else {
        check::fail(format_args!("somebody was here before"));
    };
    let line = uart::start(&mut parts);
    executor::run(|spawner| {
        let installed = install(spawner, CoreRuntime::new(kernel), line);
        expect!("there is room for all", installed.is_some());
    })
}
