//! What the plugins are to do.

use alloc::string::String;
use alloc::vec;

use cortex_m_semihosting::hprintln;
use embassy_time::{Duration, Timer};
use kernel_core::{CoreRuntime, Json, json_literal, name};
use kernel_supervisor::Supervisor;
use mcu::{board, check, expect};

use crate::{PLUGINS, VALUE, heap, rules};

/// 2026-01-01T18:00:00Z, when the clock began.
const CLOCK_ZERO: Json<'static> = json_literal!("1767290400000");

pub(crate) async fn run(runtime: CoreRuntime, supervisor: &'static Supervisor<8>) {
    let set = runtime.state().set(name!("clock.zero_unix_ms"), CLOCK_ZERO).await;
    expect!("the time of day is known", set.is_ok());
    for name in ["storage"].into_iter().chain(PLUGINS) {
        if let Err(error) = supervisor.start(runtime, name).await {
            check::fail(format_args!("{name} does not start: {error}"));
        }
    }
    devices_are_made(runtime).await;
    commands_are_obeyed(runtime).await;
    devices_drop_off_and_return(runtime).await;
    mistakes_are_said(runtime).await;
    what_is_stored_stays(runtime, supervisor).await;
    rules::run(runtime, supervisor).await;
    let metrics = runtime.metrics();
    expect!("no event was lost", metrics.dropped == 0);
    expect!("none was refused", metrics.refused == 0);
    let ((heap, heap_size), (stack, stack_size)) = (heap::used(), check::stack());
    hprintln!(
        "{}: heap {} of {} bytes, stack {} of {} bytes, {} events",
        board::NAME,
        heap,
        heap_size,
        stack,
        stack_size,
        metrics.next_seq
    );
    check::pass();
}

/// The reply, or the error's code and message.
pub(crate) async fn call(runtime: CoreRuntime, service: &str, args: Json<'_>) -> Result<String, String> {
    let mut buf = vec![0; VALUE];
    let reply = runtime.services().call(service, args, &mut buf).await;
    match reply {
        Ok(json) => Ok(json.as_str().into()),
        Err(error) => Err(alloc::format!("{error}")),
    }
}

/// Waits until the reply contains this.
pub(crate) async fn until(runtime: CoreRuntime, service: &str, args: Json<'_>, part: &str) {
    let mut last = Ok(String::new());
    for _ in 0..200 {
        last = call(runtime, service, args).await;
        if last.as_ref().is_ok_and(|reply| reply.contains(part)) {
            return;
        }
        Timer::after(Duration::from_millis(50)).await;
    }
    check::fail(format_args!("{service} never answered {part}, but {last:?}"));
}

async fn devices_are_made(runtime: CoreRuntime) {
    until(runtime, "sim.status", Json::NULL, r#""populated":5"#).await;
    let page = json_literal!(r#"{"limit": 2}"#);
    until(runtime, "devices.list", page, r#""next":"door_kitchen""#).await;
    let mappings = call(runtime, "devices.list_mappings", Json::NULL).await;
    expect!(
        "all are mapped",
        mappings.is_ok_and(|all| all.matches("sim-").count() == 5)
    );
    let thermometer = json_literal!(r#""temperature_kitchen""#);
    until(runtime, "devices.get", thermometer, r#""temperature":"#).await;
    until(
        runtime,
        "presence.get",
        json_literal!(r#"{"person": "anna"}"#),
        r#""present":true"#,
    )
    .await;
}

async fn commands_are_obeyed(runtime: CoreRuntime) {
    let lamp = json_literal!(r#""lamp_kitchen""#);
    let queued = call(runtime, "devices.turn_on", lamp).await;
    expect!(
        "a command is under way",
        queued.is_ok_and(|queued| queued.contains(r#""pending":true"#))
    );
    let met = r#""state":{"desired":{"on":true},"reported":{"on":true},"pending":false}"#;
    until(runtime, "devices.get", lamp, met).await;
    let mut buf = [0; 64];
    let state = runtime.state().get("device.lamp_kitchen", &mut buf).await;
    expect!(
        "the state has it",
        state == Ok(Some(json_literal!(r#"{"on":true}"#)))
    );
    let dim = json_literal!(r#"{"args": ["dimmer_kitchen", {"brightness": 40}], "kwargs": {}}"#);
    expect!(
        "by place as well",
        call(runtime, "devices.set_state", dim).await.is_ok()
    );
    let met = r#""reported":{"brightness":40,"on":true},"pending":false"#;
    until(runtime, "devices.get", json_literal!(r#""dimmer_kitchen""#), met).await;
}

async fn devices_drop_off_and_return(runtime: CoreRuntime) {
    let door = json_literal!(r#""door_kitchen""#);
    until(runtime, "devices.get", door, r#""online":true"#).await;
    let drop = json_literal!(r#"{"external_id": "sim-door_kitchen", "seconds": 6}"#);
    expect!("it drops off", call(runtime, "sim.drop_off", drop).await.is_ok());
    until(runtime, "devices.get", door, r#""online":false"#).await;
    until(runtime, "devices.get", door, r#""online":true"#).await;
}

async fn mistakes_are_said(runtime: CoreRuntime) {
    let wrong = json_literal!(r#"{"id": "lamp_kitchen", "state": 5}"#);
    let error = call(runtime, "devices.set_state", wrong).await;
    expect!(
        "a wrong argument is named",
        error.is_err_and(|error| error.contains("state: invalid type: integer `5`"))
    );
    let unknown = call(runtime, "devices.get", json_literal!(r#""attic""#)).await;
    expect!(
        "so is a device that is not there",
        unknown.is_err_and(|error| error.contains("there is no device \"attic\""))
    );
}

async fn what_is_stored_stays(runtime: CoreRuntime, supervisor: &'static Supervisor<8>) {
    let lamp = json_literal!(r#""lamp_kitchen""#);
    let rename = json_literal!(r#"{"id": "lamp_kitchen", "name": "Ceiling"}"#);
    expect!(
        "it is renamed",
        call(runtime, "devices.update", rename).await.is_ok()
    );
    let (used, _) = heap::used();
    for _ in 0..3 {
        let reloaded = supervisor.reload(runtime, "devices").await;
        expect!("the devices are reloaded", reloaded.is_ok());
    }
    until(runtime, "devices.get", lamp, r#""name":"Ceiling""#).await;
    until(runtime, "devices.get", lamp, r#""online":true"#).await;
    let (now, _) = heap::used();
    expect!("no memory is lost", now <= used + 1024);
}
