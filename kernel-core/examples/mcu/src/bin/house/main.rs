//! A small home on a chip: the plugins that a host has, unchanged, with an allocator. What they do is checked, and the
//! emulator ends with the outcome.
//!
//! A plugin more is a line in `PLUGINS`, one in `install` and its task.

#![no_std]
#![no_main]

extern crate alloc;

mod checks;
mod heap;
mod rules;

use automation::AutomationPlugin;
use cortex_m_rt::entry;
use devices::Devices;
use embassy_executor::Spawner;
use embassy_time::Timer;
use kernel_core::{Capacities, CoreRuntime, Installed, Kernel, Plugin, drive, serve};
use kernel_flash::FlashStorage;
use kernel_supervisor::Supervisor;
use mcu::flash::{self, Flash};
use mcu::{board, check, executor, expect, time};
use presence::PresencePlugin;
use sim::Sim;

/// The longest stored value, call or event, with its name.
const VALUE: usize = 1024;

kernel_core::kernel! {
    /// The kernel of this board.
    static KERNEL = Capacities {
        services: 48,
        call_bytes: VALUE,
        log_bytes: 8192,
        // A value of each device and person.
        state_entries: 24,
        state_bytes: 1536,
        names: 32,
        name_bytes: 48,
        ..Capacities::DEFAULT
    };
}

static SUPERVISOR: Supervisor<8> = Supervisor::new();

/// All of it must be done by then.
const LIMIT: embassy_time::Duration = embassy_time::Duration::from_secs(60);

/// The plugins, in the order in which they are started.
pub(crate) const PLUGINS: [&str; 4] = ["devices", "presence", "sim", "automation"];

fn devices() -> Devices {
    Devices::with_settings(devices::Settings {
        offline_after_seconds: 3,
        reply_bytes: VALUE,
        ..devices::Settings::default()
    })
}

fn sim() -> Sim {
    Sim::with_settings(sim::Settings {
        populate: true,
        lamps: 1,
        dimmers: 1,
        motion_sensors: 0,
        door_sensors: 1,
        temperature_sensors: 1,
        people: 1,
        drop_offs: 0,
        delay_ms: 200,
        report_seconds: 1,
        step_ms: 100,
        ..sim::Settings::default()
    })
}

fn automation() -> AutomationPlugin {
    AutomationPlugin::with_settings(automation::Settings {
        timezone: "CET-1CEST,M3.5.0,M10.5.0/3".into(),
        ..automation::Settings::default()
    })
}

/// A task that runs the lives of an installed plugin.
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

plugin_task!(run_devices, devices());
plugin_task!(run_presence, PresencePlugin::default());
plugin_task!(run_sim, sim());
plugin_task!(run_automation, automation());

#[embassy_executor::task]
async fn run_timers(kernel: Kernel) {
    kernel.run_timers(time::sleep_until).await;
}

#[embassy_executor::task]
async fn run_storage(installed: Installed, flash: Flash) {
    let Ok(mut storage) = FlashStorage::open(flash, flash::RANGE) else {
        check::fail(format_args!("the storage has no room on the flash"));
    };
    let mut buf = [0; 2 * VALUE + 64];
    loop {
        serve::<_, 1>(installed, &mut storage, &mut buf).await;
    }
}

#[embassy_executor::task]
async fn run_supervisor(runtime: CoreRuntime) {
    SUPERVISOR.run(runtime).await;
}

#[embassy_executor::task]
async fn limit() {
    Timer::after(LIMIT).await;
    check::fail(format_args!("not done in {} s", LIMIT.as_secs()));
}

#[embassy_executor::task]
async fn run_checks(runtime: CoreRuntime) {
    checks::run(runtime, &SUPERVISOR).await;
}

fn install(spawner: Spawner, runtime: CoreRuntime, flash: Flash) -> Option<()> {
    let plugins = runtime.plugins();
    spawner.spawn(run_timers(runtime.kernel()).ok()?);
    spawner.spawn(run_storage(plugins.install_storage().ok()?, flash).ok()?);
    spawner.spawn(run_devices(plugins.install(&Devices::METADATA).ok()?).ok()?);
    spawner.spawn(run_presence(plugins.install(&PresencePlugin::METADATA).ok()?).ok()?);
    spawner.spawn(run_sim(plugins.install(&Sim::METADATA).ok()?).ok()?);
    spawner.spawn(run_automation(plugins.install(&AutomationPlugin::METADATA).ok()?).ok()?);
    spawner.spawn(run_supervisor(runtime).ok()?);
    spawner.spawn(run_checks(runtime).ok()?);
    spawner.spawn(limit().ok()?);
    Some(())
}

#[entry]
fn main() -> ! {
    let (Some(mut parts), Some(kernel)) = (board::take(), KERNEL.init(time::now)) else {
        check::fail(format_args!("somebody was here before"));
    };
    heap::start();
    let flash = flash::start(&mut parts);
    executor::run(|spawner| {
        let installed = install(spawner, CoreRuntime::new(kernel), flash);
        expect!("there is room for all", installed.is_some());
    })
}
