//! Four plugins and a storage on a chip: what they do is checked, and the emulator ends with the outcome.

#![no_std]
#![no_main]

use core::time::Duration;

use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use embassy_executor::Spawner;
use embassy_time::Timer;
use example::Example;
use kernel_core::{
    CallError, Capacities, CoreRuntime, Fault, Installed, Kernel, Plugin, PluginState, drive, json_literal,
    name, serve,
};
use kernel_flash::FlashStorage;
use kernel_supervisor::Supervisor;
use mcu::flash::{self, Flash};
use mcu::plugins::{Faulty, Sensor, Thermostat};
use mcu::{board, check, executor, expect, time};

kernel_core::kernel! {
    /// The kernel of this board: the tiny profile, with room for what the example plugin stores.
    static KERNEL = Capacities { plugins: 5, call_bytes: 96, waits: 6, ..Capacities::TINY };
}

static SUPERVISOR: Supervisor<5> = Supervisor::new();

/// All of it must be done by then.
const LIMIT: embassy_time::Duration = embassy_time::Duration::from_secs(20);

/// An installed plugin and its task; a new value for each of its lives.
macro_rules! plugin_task {
    ($name:ident, |$first:ident| $new:expr) => {
        #[embassy_executor::task]
        async fn $name(installed: Installed) {
            let mut buf = [0; 128];
            let mut first = true;
            loop {
                let $first = core::mem::take(&mut first);
                drive(&mut $new, installed.context(), &mut buf).await;
            }
        }
    };
}

plugin_task!(run_example, |_first| Example::default());
plugin_task!(run_sensor, |_first| Sensor::default());
plugin_task!(run_thermostat, |_first| Thermostat::default());
plugin_task!(run_faulty, |first| Faulty { new: first });

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
    expect!("the flash is blank", !storage.is_damaged());
    let mut buf = [0; 2 * 128];
    loop {
        serve::<_, 1>(installed, &mut storage, &mut buf).await;
    }
}

#[embassy_executor::task]
async fn limit() {
    Timer::after(LIMIT).await;
    check::fail(format_args!("not done in {} s", LIMIT.as_secs()));
}

#[embassy_executor::task]
async fn checks(runtime: CoreRuntime) {
    starts(runtime).await;
    hears_and_calls(runtime).await;
    keeps_state(runtime).await;
    stores(runtime).await;
    survives_a_hang(runtime).await;
    leads_plugins(runtime).await;
    shuts_down(runtime).await;
    let (used, size) = check::stack();
    hprintln!("{}: stack {} of {} bytes", board::NAME, used, size);
    check::pass();
}

/// Waits until the plugin is in that state.
async fn until(runtime: CoreRuntime, plugin: &str, state: PluginState) {
    while runtime.plugins().state(plugin) != Some(state) {
        pause(5).await;
    }
}

async fn pause(millis: u64) {
    Timer::after(embassy_time::Duration::from_millis(millis)).await;
}

fn failures(runtime: CoreRuntime, plugin: &str) -> Option<u32> {
    let (mut cursor, mut buf) = (0, [0; 192]);
    while let Some(row) = runtime.next_plugin(&mut cursor, &mut buf) {
        if row.name == plugin {
            return Some(row.counters.failures);
        }
    }
    None
}

async fn starts(runtime: CoreRuntime) {
    let given_up = SUPERVISOR.start_all(runtime).await;
    expect!("none is given up", given_up.is_empty());
    for plugin in ["storage", "example", "sensor", "thermostat", "faulty"] {
        let state = runtime.plugins().state(plugin);
        expect!(plugin, state == Some(PluginState::Started));
    }
    expect!("one had failed at first", failures(runtime, "faulty") == Some(1));
    let health = runtime.health();
    expect!(
        "all run",
        health.started == 5 && health.failed.is_empty() && health.storage
    );
}

async fn hears_and_calls(runtime: CoreRuntime) {
    let mut buf = [0; 96];
    let reply = runtime
        .services()
        .call("example.hello", json_literal!(r#""Мир""#), &mut buf)
        .await;
    expect!(
        "the example answers",
        reply.is_ok_and(|json| json.as_str() == r#""Привет, Мир!""#)
    );

    let receivers = runtime.bus().publish("example.test", json_literal!("1")).await;
    expect!("the example listens", receivers == Ok(1));
    let nobody = runtime.bus().publish("nobody.cares", json_literal!("1")).await;
    expect!("nobody else does", nobody == Ok(0));

    let late = Duration::from_millis(50);
    let reply = runtime
        .services()
        .call_within("faulty.hang", json_literal!("1"), late, &mut buf)
        .await;
    expect!(
        "a call has a deadline",
        reply == Err(CallError::Fault(Fault::Timeout))
    );
    let reply = runtime
        .services()
        .call("no.such", json_literal!("1"), &mut buf)
        .await;
    expect!(
        "there is no such service",
        reply == Err(CallError::Fault(Fault::NotFound))
    );
}

async fn keeps_state(runtime: CoreRuntime) {
    let state = runtime.state();
    let mut buf = [0; 32];
    // Set by the thermostat, for as long as there are temperatures.
    let heating = state.get("thermostat.heating", &mut buf).await;
    expect!("the thermostat switches", matches!(heating, Ok(Some(_))));

    let first = state.set(name!("smoke.key"), json_literal!("1")).await;
    expect!("a key is set", first.is_ok());
    let stale = state
        .compare_and_set(name!("smoke.key"), json_literal!("2"), 0)
        .await;
    expect!("a stale write is refused", stale == Err(Fault::Conflict));

    let short = Duration::from_millis(30);
    let set = state
        .set_with_ttl(name!("smoke.short"), json_literal!("1"), short)
        .await;
    expect!("a key with a time to live", set.is_ok());
    expect!("it is there", state.exists("smoke.short").await == Ok(true));
    pause(60).await;
    expect!(
        "it is gone after it",
        state.exists("smoke.short").await == Ok(false)
    );
}

async fn stores(runtime: CoreRuntime) {
    let mut buf = [0; 96];
    let storage = runtime.storage();
    let status = storage.namespace("example").get("status", &mut buf).await;
    expect!("the example stored", status == Ok(Some(example::STARTED)));
    let own = storage.namespace("smoke");
    expect!(
        "a value is stored",
        own.set("key", json_literal!("[1,2]")).await == Ok(())
    );
    let value = own.get("key", &mut buf).await;
    expect!("and read back", value == Ok(Some(json_literal!("[1,2]"))));
    let keys = own.list_keys("", 8, &mut buf).await;
    expect!("and listed", keys.is_ok_and(|keys| keys.eq(["key"])));
    expect!("and deleted", own.delete("key").await == Ok(true));
    expect!("once", own.delete("key").await == Ok(false));
}

async fn survives_a_hang(runtime: CoreRuntime) {
    let mut buf = [0; 32];
    until(runtime, "faulty", PluginState::Started).await;
    let hangs = runtime
        .services()
        .call("faulty.hang", json_literal!("2"), &mut buf)
        .await;
    expect!("a handler that hangs ends the call", hangs.is_err());
    until(runtime, "faulty", PluginState::Failed).await;
    until(runtime, "faulty", PluginState::Started).await;
}

async fn leads_plugins(runtime: CoreRuntime) {
    let refused = SUPERVISOR.stop(runtime, "sensor").await;
    expect!(
        "the sensor is needed",
        refused.is_err_and(|why| why.code() == "needed")
    );
    let stopped = SUPERVISOR.stop(runtime, "thermostat").await;
    expect!("the thermostat stops", stopped == Ok(PluginState::Stopped));
    let reloaded = SUPERVISOR.reload(runtime, "sensor").await;
    expect!("the sensor is reloaded", reloaded == Ok(PluginState::Started));
    let started = SUPERVISOR.start(runtime, "thermostat").await;
    expect!("the thermostat starts", started == Ok(PluginState::Started));
}

async fn shuts_down(runtime: CoreRuntime) {
    let metrics = runtime.metrics();
    expect!("events were published", metrics.next_seq > 10);
    expect!("none was lost", metrics.dropped == 0);
    let late = SUPERVISOR.stop_all(runtime, Duration::from_secs(5)).await;
    expect!("nobody is late", late.is_empty());
    let storage = runtime.plugins().state("storage");
    expect!("the storage is closed", storage == Some(PluginState::Unloaded));
}

fn install(spawner: Spawner, runtime: CoreRuntime, flash: Flash) -> Option<()> {
    let plugins = runtime.plugins();
    spawner.spawn(run_timers(runtime.kernel()).ok()?);
    spawner.spawn(run_storage(plugins.install_storage().ok()?, flash).ok()?);
    spawner.spawn(run_thermostat(plugins.install(&Thermostat::METADATA).ok()?).ok()?);
    spawner.spawn(run_sensor(plugins.install(&Sensor::METADATA).ok()?).ok()?);
    spawner.spawn(run_example(plugins.install(&Example::METADATA).ok()?).ok()?);
    spawner.spawn(run_faulty(plugins.install(&Faulty::METADATA).ok()?).ok()?);
    spawner.spawn(run_supervisor(runtime).ok()?);
    spawner.spawn(checks(runtime).ok()?);
    spawner.spawn(limit().ok()?);
    Some(())
}

#[entry]
fn main() -> ! {
    let (Some(mut parts), Some(kernel)) = (board::take(), KERNEL.init(time::now)) else {
        check::fail(format_args!("somebody was here before"));
    };
    let flash = flash::start(&mut parts);
    executor::run(|spawner| {
        let installed = install(spawner, CoreRuntime::new(kernel), flash);
        expect!("there is room for all", installed.is_some());
    })
}
