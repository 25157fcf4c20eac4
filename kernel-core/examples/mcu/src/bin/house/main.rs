//! A small house on a chip: the plugins of a home, unchanged. What they do is checked, and the emulator ends with the
//! outcome.

#![no_std]
#![no_main]

extern crate alloc;

mod checks;
mod heap;

use automation::{AutomationPlugin, Settings};
use cortex_m_rt::entry;
use devices::Devices;
use embassy_executor::Spawner;
use kernel_core::{Capacities, CoreRuntime, Installed, Kernel, Plugin, drive, serve};
use kernel_flash::FlashStorage;
use kernel_supervisor::Supervisor;
use mcu::flash::{self, Flash};
use mcu::{board, check, executor, expect, time};
use presence::PresencePlugin;

/// The longest call, reply and stored value.
const VALUE: usize = 2048;

kernel_core::kernel! {
    /// The kernel of this board: the default profile, with room for a house of a few devices and rules.
    static KERNEL = Capacities {
        services: 40,
        call_bytes: VALUE,
        state_entries: 32,
        state_bytes: 1024,
        log_bytes: 8192,
        names: 48,
        name_bytes: 64,
        waits: 12,
        ..Capacities::DEFAULT
    };
}

static SUPERVISOR: Supervisor<8> = Supervisor::new();

/// Installed plugins run for ever, a new value for each of their lives.
macro_rules! plugin_task {
    ($name:ident, $new:expr) => {
        #[embassy_executor::task]
        async fn $name(installed: Installed) {
            let mut buf = alloc::vec![0; 2 * VALUE];
            loop {
                drive(&mut $new, installed.context(), &mut buf).await;
            }
        }
    };
}

plugin_task!(run_devices, Devices::default());
plugin_task!(run_presence, PresencePlugin::default());
plugin_task!(run_automation, AutomationPlugin::with(settings()));

fn settings() -> Settings {
    Settings {
        timezone: "CET-1CEST,M3.5.0,M10.5.0/3".into(),
        latitude: Some(52.52),
        longitude: Some(13.4),
        ..Settings::default()
    }
}

#[embassy_executor::task]
async fn run_timers(kernel: Kernel) {
    kernel.run_timers(time::sleep_until).await;
}

#[embassy_executor::task]
async fn run_supervisor(runtime: CoreRuntime) {
    SUPERVISOR.run(runtime).await;
}

#[embassy_executor::task]
async fn run_storage(installed: Installed, flash: Flash) {
    let Ok(mut storage) = FlashStorage::open(flash, flash::RANGE) else {
        check::fail(format_args!("the storage has no room on the flash"));
    };
    let mut buf = alloc::vec![0; 2 * VALUE];
    loop {
        serve::<_, 1>(installed, &mut storage, &mut buf).await;
    }
}

fn install(spawner: Spawner, runtime: CoreRuntime, flash: Flash) -> Option<()> {
    let plugins = runtime.plugins();
    spawner.spawn(run_timers(runtime.kernel()).ok()?);
    spawner.spawn(run_storage(plugins.install_storage().ok()?, flash).ok()?);
    spawner.spawn(run_devices(plugins.install(&Devices::METADATA).ok()?).ok()?);
    spawner.spawn(run_presence(plugins.install(&PresencePlugin::METADATA).ok()?).ok()?);
    spawner.spawn(run_automation(plugins.install(&AutomationPlugin::METADATA).ok()?).ok()?);
    spawner.spawn(run_supervisor(runtime).ok()?);
    spawner.spawn(checks::all(runtime).ok()?);
    spawner.spawn(checks::limit().ok()?);
    Some(())
}

#[entry]
fn main() -> ! {
    let (Some(mut parts), Some(kernel)) = (board::take(), KERNEL.init(time::now)) else {
        check::fail(format_args!("somebody was here before"));
    };
    heap::init();
    let flash = flash::start(&mut parts);
    executor::run(|spawner| {
        let installed = install(spawner, CoreRuntime::new(kernel), flash);
        expect!("there is room for all", installed.is_some());
    })
}
