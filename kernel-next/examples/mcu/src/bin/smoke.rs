//! Four plugins on a chip: what they do is checked, and the emulator ends with the outcome.

#![no_std]
#![no_main]

use core::time::Duration;

use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use embassy_executor::Spawner;
use embassy_time::{Instant, Timer};
use kernel_core::storage::MemoryStorage;
use kernel_core::{
    CallError, Capacities, CoreRuntime, Kernel, Plugin, PluginState, StateError, drive, json_literal,
};
use mcu::plugins::{Faulty, Sensor, Thermostat};
use mcu::{board, check, executor, expect, time};

kernel_core::kernel! {
    /// The kernel of this board: the tiny profile, with room for what the example plugin stores.
    static KERNEL = Capacities { call_bytes: 96, ..Capacities::TINY };
}

/// All of it must be done by then.
const LIMIT: embassy_time::Duration = embassy_time::Duration::from_secs(20);

/// An installed plugin and its task; a new value for each of its lives.
macro_rules! plugin_task {
    ($name:ident, $kind:ty, |$life:ident| $new:expr) => {
        #[embassy_executor::task]
        async fn $name(installed: kernel_core::Installed) {
            let mut buf = [0; 128];
            let mut lives = 0u32..;
            loop {
                let $life = lives.next();
                let mut plugin: $kind = $new;
                drive(&mut plugin, installed, &mut buf).await;
            }
        }
    };
}

plugin_task!(run_example, example::Example, |_life| example::Example::default());
plugin_task!(run_sensor, Sensor, |_life| Sensor::default());
plugin_task!(run_thermostat, Thermostat, |_life| Thermostat::default());
plugin_task!(run_faulty, Faulty, |life| Faulty { new: life == Some(0) });

#[embassy_executor::task]
async fn run_timers(kernel: Kernel) {
    kernel
        .run_timers(|at| Timer::at(Instant::from_micros(at.as_micros())))
        .await;
}

#[embassy_executor::task]
async fn run_storage(kernel: Kernel) {
    let mut storage = MemoryStorage::<2, 8, 72>::new();
    let mut buf = [0; 192];
    kernel_core::storage::serve(kernel, &mut storage, &mut buf).await;
}

#[embassy_executor::task]
async fn limit() {
    Timer::after(LIMIT).await;
    check::fail(format_args!("not done in {} s", LIMIT.as_secs()));
}

#[embassy_executor::task]
async fn checks(runtime: CoreRuntime) {
    starts(&runtime).await;
    hears_and_calls(&runtime).await;
    keeps_state(&runtime).await;
    stores(&runtime).await;
    survives_a_hang(&runtime).await;
    leads_plugins(&runtime).await;
    shuts_down(&runtime).await;
    let (used, size) = check::stack();
    hprintln!("{}: stack {} of {} bytes", board::NAME, used, size);
    check::pass();
}

/// Waits until the plugin is in that state.
async fn until(runtime: &CoreRuntime, plugin: &str, state: PluginState) {
    while runtime.plugins().state(plugin) != Some(state) {
        pause(5).await;
    }
}

async fn pause(millis: u64) {
    Timer::after(embassy_time::Duration::from_millis(millis)).await;
}

async fn starts(runtime: &CoreRuntime) {
    let failed = runtime.start().await;
    expect!("one plugin fails at first", failed.len() == 1);
    for plugin in ["example", "sensor", "thermostat"] {
        let state = runtime.plugins().state(plugin);
        expect!(plugin, state == Some(PluginState::Started));
    }
    until(runtime, "faulty", PluginState::Started).await;
    expect!("all run after the restart", runtime.health().is_ok());
}

async fn hears_and_calls(runtime: &CoreRuntime) {
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
    expect!("a call has a deadline", reply == Err(CallError::Timeout));
    let reply = runtime
        .services()
        .call("no.such", json_literal!("1"), &mut buf)
        .await;
    expect!("there is no such service", reply == Err(CallError::NotFound));
}

async fn keeps_state(runtime: &CoreRuntime) {
    let state = runtime.state();
    let mut buf = [0; 32];
    // Set by the thermostat, for as long as there are temperatures.
    let heating = state.get("thermostat.heating", &mut buf);
    expect!("the thermostat switches", matches!(heating, Ok(Some(_))));

    let first = state.set("smoke.key", json_literal!("1"));
    expect!("a key is set", first.is_ok());
    let stale = state.compare_and_set("smoke.key", json_literal!("2"), 0);
    expect!(
        "a stale write is refused",
        matches!(stale, Err(StateError::Conflict { .. }))
    );

    let short = Duration::from_millis(30);
    let set = state.set_with_ttl("smoke.short", json_literal!("1"), short);
    expect!(
        "a key with a time to live",
        set.is_ok() && state.exists("smoke.short")
    );
    pause(60).await;
    expect!("it is gone after it", !state.exists("smoke.short"));
}

async fn stores(runtime: &CoreRuntime) {
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
    expect!("and deleted", own.delete("key").await == Ok(true));
    expect!("once", own.delete("key").await == Ok(false));
}

async fn survives_a_hang(runtime: &CoreRuntime) {
    let mut buf = [0; 32];
    let hangs = runtime
        .services()
        .call("faulty.hang", json_literal!("2"), &mut buf)
        .await;
    expect!("a handler that hangs ends the call", hangs.is_err());
    until(runtime, "faulty", PluginState::Failed).await;
    until(runtime, "faulty", PluginState::Started).await;
}

async fn leads_plugins(runtime: &CoreRuntime) {
    let plugins = runtime.plugins();
    expect!("the sensor is needed", plugins.stop("sensor").await.is_err());
    let stopped = plugins.stop("thermostat").await;
    expect!("the thermostat stops", stopped == Ok(PluginState::Stopped));
    let reloaded = plugins.reload("sensor").await;
    expect!("the sensor is reloaded", reloaded == Ok(PluginState::Started));
    let started = plugins.start("thermostat").await;
    expect!("the thermostat starts", started == Ok(PluginState::Started));
}

async fn shuts_down(runtime: &CoreRuntime) {
    let metrics = runtime.metrics();
    expect!("events were published", metrics.published > 10);
    expect!("none was lost", metrics.dropped == 0);
    let shutdown = runtime.shutdown(Duration::from_secs(5)).await;
    expect!("nobody is late", shutdown.late.is_empty());
    expect!("the storage is closed", shutdown.storage_closed);
}

fn install(spawner: Spawner, runtime: CoreRuntime) -> Option<()> {
    let plugins = runtime.plugins();
    spawner.spawn(run_timers(runtime.kernel()).ok()?);
    spawner.spawn(run_storage(runtime.kernel()).ok()?);
    spawner.spawn(run_thermostat(plugins.install(&Thermostat::METADATA).ok()?).ok()?);
    spawner.spawn(run_sensor(plugins.install(&Sensor::METADATA).ok()?).ok()?);
    spawner.spawn(run_example(plugins.install(&example::Example::METADATA).ok()?).ok()?);
    spawner.spawn(run_faulty(plugins.install(&Faulty::METADATA).ok()?).ok()?);
    spawner.spawn(checks(runtime).ok()?);
    spawner.spawn(limit().ok()?);
    Some(())
}

#[entry]
fn main() -> ! {
    expect!("the board is there", board::take().is_some());
    let Some(kernel) = KERNEL.init(time::micros) else {
        check::fail(format_args!("the kernel was made already"));
    };
    executor::run(|spawner| {
        let installed = install(spawner, CoreRuntime::new(kernel));
        expect!("there is room for all", installed.is_some());
    })
}
