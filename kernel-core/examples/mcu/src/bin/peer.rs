//! A chip that is a node of the runtime at the other end of its serial line: what it has is there, and what it may call of
//! that runtime is here.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use embassy_executor::Spawner;
use kernel_core::{Capacities, CoreRuntime, Installed, Kernel, Plugin, drive};
use kernel_link::{Config, Framing, PEER};
use kernel_supervisor::Supervisor;
use mcu::plugins::{Relay, Sensor};
use mcu::uart::{Reader, Writer};
use mcu::{board, check, executor, expect, time, uart};
use static_cell::ConstStaticCell;

/// The longest call or event that travels; a message of the link is a little longer.
const VALUE: usize = 256;

kernel_core::kernel! {
    /// The kernel of this board.
    static KERNEL = Capacities { call_bytes: VALUE, log_bytes: 4096, names: 16, ..Capacities::DEFAULT };
}

static SUPERVISOR: Supervisor<8> = Supervisor::new();

/// Installed plugins run for ever, a new value for each of their lives.
macro_rules! plugin_task {
    ($name:ident, $new:expr) => {
        #[embassy_executor::task]
        async fn $name(installed: Installed) {
            let mut buf = [0; 2 * VALUE];
            loop {
                drive(&mut $new, installed.context(), &mut buf).await;
            }
        }
    };
}

plugin_task!(run_sensor, Sensor::default());
plugin_task!(run_relay, Relay);

#[embassy_executor::task]
async fn run_timers(kernel: Kernel) {
    kernel.run_timers(time::sleep_until).await;
}

/// Serves the line. It has no end: a session ends when its client is silent, or the next one says hello.
#[embassy_executor::task]
async fn run_link(kernel: Kernel, peer: Installed, mut read: Reader, mut write: Writer) {
    static MEMORY: ConstStaticCell<[u8; 3 * 512]> = ConstStaticCell::new([0; 3 * 512]);
    let memory = MEMORY.take();
    let name = concat!("core-runtime-mcu ", env!("CARGO_PKG_VERSION"));
    let config = Config {
        handshake_ms: 0,
        peer: Some(peer),
        ..Config::new(name, Framing::Serial)
    };
    loop {
        kernel_link::serve(kernel, &config, &mut read, &mut write, memory).await;
    }
}

#[embassy_executor::task]
async fn run_supervisor(runtime: CoreRuntime) {
    SUPERVISOR.run(runtime).await;
}

#[embassy_executor::task]
async fn start(runtime: CoreRuntime) {
    let given_up = SUPERVISOR.start_all(runtime).await;
    expect!("all plugins start", given_up.is_empty());
}

fn install(spawner: Spawner, runtime: CoreRuntime, line: (Reader, Writer)) -> Option<()> {
    let plugins = runtime.plugins();
    let peer = plugins.install(&PEER).ok()?;
    // The session on the line leads it.
    SUPERVISOR.switch_off(peer.index());
    spawner.spawn(run_timers(runtime.kernel()).ok()?);
    spawner.spawn(run_link(runtime.kernel(), peer, line.0, line.1).ok()?);
    spawner.spawn(run_sensor(plugins.install(&Sensor::METADATA).ok()?).ok()?);
    spawner.spawn(run_relay(plugins.install(&Relay::METADATA).ok()?).ok()?);
    spawner.spawn(run_supervisor(runtime).ok()?);
    spawner.spawn(start(runtime).ok()?);
    Some(())
}

#[entry]
fn main() -> ! {
    let (Some(mut parts), Some(kernel)) = (board::take(), KERNEL.init(time::now)) else {
        check::fail(format_args!("somebody was here before"));
    };
    let line = uart::start(&mut parts);
    executor::run(|spawner| {
        let installed = install(spawner, CoreRuntime::new(kernel), line);
        expect!("there is room for all", installed.is_some());
    })
}
