//! A day in the house: what the plugins do is looked at from outside, as an operator does.

use core::time::Duration;

use cortex_m_semihosting::hprintln;
use embassy_time::Timer;
use kernel_core::{CoreRuntime, Json, PluginState, json_literal, name};
use mcu::{board, check, expect};

use crate::{SUPERVISOR, VALUE, heap};

/// All of it must be done by then.
const LIMIT: embassy_time::Duration = embassy_time::Duration::from_secs(30);

/// Light in the hall while somebody moves there, if anybody is at home.
const HALL: Json<'static> = json_literal!(
    r#"{"id":"hall","mode":"restart","triggers":[{"event":"sensor.*.motion","when":{"event":"/payload/on","eq":true}}],
    "conditions":[{"state":"presence.anyone","eq":true}],
    "actions":[{"service":"devices.turn_on","args":"lamp"},{"delay":0.3},{"service":"devices.turn_off","args":"lamp"}]}"#
);

/// What the lamp reports is put into the state.
const REPORTED: Json<'static> = json_literal!(
    r#"{"id":"reported","triggers":[{"event":"device.state_changed"}],
    "actions":[{"set_state":"hall.lamp","value":{"$event":"/payload/new"}}]}"#
);

/// In the morning.
const MORNING: Json<'static> = json_literal!(
    r#"{"id":"morning","triggers":[{"time":"07:00"}],
    "actions":[{"set_state":"house.morning","value":true}]}"#
);

#[embassy_executor::task]
pub(crate) async fn limit() {
    Timer::after(LIMIT).await;
    check::fail(format_args!("not done in {} s", LIMIT.as_secs()));
}

#[embassy_executor::task]
pub(crate) async fn all(runtime: CoreRuntime) {
    let given_up = SUPERVISOR.start_all(runtime).await;
    expect!("none is given up", given_up.is_empty());
    devices(runtime).await;
    presence_and_rules(runtime).await;
    reports(runtime).await;
    time_of_day(runtime).await;
    restart(runtime).await;
    let used = heap::used();
    let late = SUPERVISOR.stop_all(runtime, Duration::from_secs(5)).await;
    expect!("nobody is late", late.is_empty());
    expect!("what was stopped gave its memory back", heap::used() < used);
    let (stack, size) = check::stack();
    hprintln!(
        "{}: stack {} of {} bytes, heap {} of {}",
        board::NAME,
        stack,
        size,
        used,
        heap::SIZE
    );
    check::pass();
}

/// Calls a service, and looks whether its reply has these texts in it.
async fn call(runtime: CoreRuntime, service: &str, args: Json<'_>, wanted: &[&str]) {
    let mut buf = alloc::vec![0; VALUE];
    match runtime.services().call(service, args, &mut buf).await {
        Ok(reply) => {
            let missing = wanted.iter().find(|text| !reply.as_str().contains(**text));
            if let Some(missing) = missing {
                check::fail(format_args!("{service}: {missing} is not in {reply}"));
            }
        }
        Err(error) => check::fail(format_args!("{service}: {error}")),
    }
}

async fn publish(runtime: CoreRuntime, topic: &str, payload: Json<'_>) {
    let receivers = runtime.bus().publish(topic, payload).await;
    expect!(topic, receivers.is_ok_and(|receivers| receivers > 0));
}

async fn pause(millis: u64) {
    Timer::after(embassy_time::Duration::from_millis(millis)).await;
}

async fn is_state(runtime: CoreRuntime, key: &str, value: &str) -> bool {
    let mut buf = [0; 64];
    let found = runtime.state().get(key, &mut buf).await;
    found.is_ok_and(|found| found.is_some_and(|found| found.as_str() == value))
}

async fn devices(runtime: CoreRuntime) {
    let lamp = json_literal!(r#"{"id":"lamp","name":"Hall","type":"light"}"#);
    call(runtime, "devices.create", lamp, &[r#""id":"lamp""#]).await;
    let mapping = json_literal!(r#"{"external_id":"zigbee-1","internal_id":"lamp"}"#);
    call(runtime, "devices.create_mapping", mapping, &[]).await;
}

async fn presence_and_rules(runtime: CoreRuntime) {
    for rule in [HALL, REPORTED, MORNING] {
        call(runtime, "automation.create", rule, &[r#""enabled":true"#]).await;
    }
    let motion = json_literal!(r#"{"on":true}"#);
    publish(runtime, "sensor.hall.motion", motion).await;
    pause(20).await;
    let why = [
        "stopped",
        "/conditions/0",
        "state presence.anyone is false, wanted eq true",
    ];
    call(runtime, "automation.trace", json_literal!(r#""hall""#), &why).await;

    let anna = json_literal!(r#"{"person":"anna","present":true}"#);
    call(runtime, "presence.set", anna, &[r#""present":true"#]).await;
    expect!(
        "somebody is at home",
        is_state(runtime, "presence.anyone", "true").await
    );
    publish(runtime, "sensor.hall.motion", motion).await;
    pause(100).await;
    call(
        runtime,
        "devices.get",
        json_literal!(r#""lamp""#),
        &[r#""desired":{"on":true}"#],
    )
    .await;
    pause(400).await;
    call(
        runtime,
        "devices.get",
        json_literal!(r#""lamp""#),
        &[r#""desired":{"on":false}"#],
    )
    .await;
    call(
        runtime,
        "automation.trace",
        json_literal!(r#"{"id":"hall","limit":1}"#),
        &["done", "/actions/2"],
    )
    .await;
}

async fn reports(runtime: CoreRuntime) {
    let report = json_literal!(r#"{"external_id":"zigbee-1","state":{"on":false}}"#);
    publish(runtime, "external.device_state_reported", report).await;
    pause(50).await;
    expect!(
        "the report is in the state",
        runtime.state().exists("hall.lamp").await == Ok(true)
    );
}

async fn time_of_day(runtime: CoreRuntime) {
    // 2026-07-01 04:59:59 by UTC is a second before seven in the summer of Berlin.
    let mut text = [0; 24];
    let zero = 1_782_881_999_000 - u64::from(runtime.now().as_millis());
    let zero = kernel_core::json::to_json(&zero, &mut text).unwrap_or(Json::NULL);
    let set = runtime.state().set(name!("clock.zero_unix_ms"), zero).await;
    expect!("the clock is set", set.is_ok());
    pause(500).await;
    expect!(
        "it is too early",
        !is_state(runtime, "house.morning", "true").await
    );
    pause(700).await;
    expect!("it is seven", is_state(runtime, "house.morning", "true").await);
}

async fn restart(runtime: CoreRuntime) {
    for plugin in ["devices", "presence", "automation"] {
        let reloaded = SUPERVISOR.reload(runtime, plugin).await;
        expect!(plugin, reloaded == Ok(PluginState::Started));
    }
    call(
        runtime,
        "devices.get",
        json_literal!(r#""lamp""#),
        &[r#""name":"Hall""#],
    )
    .await;
    call(
        runtime,
        "presence.list",
        json_literal!("null"),
        &[r#""anyone":true"#],
    )
    .await;
    call(
        runtime,
        "automation.list",
        json_literal!("null"),
        &[r#""total":3"#, r#""skipped_total":0"#],
    )
    .await;
    publish(runtime, "sensor.attic.motion", json_literal!(r#"{"on":true}"#)).await;
    pause(100).await;
    call(
        runtime,
        "devices.get",
        json_literal!(r#""lamp""#),
        &[r#""desired":{"on":true}"#],
    )
    .await;
}
