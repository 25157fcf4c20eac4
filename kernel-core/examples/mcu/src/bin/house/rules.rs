//! What rules are to do.

use cortex_m_semihosting::hprintln;
use kernel_core::{CoreRuntime, Json, json_literal, name};
use kernel_supervisor::Supervisor;
use mcu::expect;

use crate::checks::{call, until};

/// The lamp goes off for a while when somebody rings, if anybody is at home.
const RING: Json<'static> = json_literal!(
    r#"{"id":"ring","triggers":[{"event":"door.*.ring","when":{"event":"/payload/times","gt":1}}],
    "conditions":[{"state":"presence.anyone","eq":true}],
    "actions":[{"service":"devices.turn_off","args":"lamp_kitchen"},{"delay":1.5},
        {"service":"devices.turn_on","args":"lamp_kitchen"}]}"#
);

/// By day only.
const DAY: Json<'static> = json_literal!(
    r#"{"id":"day","triggers":[{"event":"door.*.ring"}],
    "conditions":[{"time":{"after":"08:00","before":"17:00"}}],
    "actions":[{"set_state":"house.day","value":true}]}"#
);

/// At a time, which is an hour later than by UTC.
const EVENING: Json<'static> = json_literal!(
    r#"{"id":"evening","triggers":[{"time":"19:30"}],
    "actions":[{"set_state":"house.evening","value":true}]}"#
);

/// 2026-01-01T18:29:59Z.
const BEFORE: u64 = 1_767_292_199_000;

pub(crate) async fn run(runtime: CoreRuntime, supervisor: &'static Supervisor<8>) {
    for rule in [RING, DAY, EVENING] {
        let created = call(runtime, "automation.create", rule).await;
        if let Err(error) = &created {
            hprintln!("{}: {}", rule, error);
        }
        expect!("a rule is created", created.is_ok());
    }
    rings(runtime).await;
    goes_by_the_clock(runtime).await;
    let reloaded = supervisor.reload(runtime, "automation").await;
    expect!("the automation is reloaded", reloaded.is_ok());
    // These, and those that the simulated house has made.
    let first = json_literal!(r#"{"limit":1}"#);
    until(runtime, "automation.list", first, r#""total":8,"skipped":[]"#).await;
    rings(runtime).await;
}

/// What one rule does, and why another one does not.
async fn rings(runtime: CoreRuntime) {
    let lamp = json_literal!(r#""lamp_kitchen""#);
    let payload = json_literal!(r#"{"times":2}"#);
    let receivers = runtime.bus().publish("door.front.ring", payload).await;
    expect!("the automation listens", receivers == Ok(1));
    until(
        runtime,
        "devices.get",
        lamp,
        r#""reported":{"on":false},"pending":false"#,
    )
    .await;
    until(
        runtime,
        "devices.get",
        lamp,
        r#""reported":{"on":true},"pending":false"#,
    )
    .await;
    let last = json_literal!(r#"{"id":"ring","limit":1}"#);
    until(runtime, "automation.trace", last, r#""outcome":"done""#).await;
    let why = ", wanted after 08:00 before 17:00";
    until(
        runtime,
        "automation.trace",
        json_literal!(r#"{"id":"day","limit":1}"#),
        why,
    )
    .await;
}

async fn goes_by_the_clock(runtime: CoreRuntime) {
    let mut text = [0; 24];
    let zero = BEFORE - u64::from(runtime.now().as_millis());
    let zero = kernel_core::json::to_json(&zero, &mut text).unwrap_or(Json::NULL);
    let set = runtime.state().set(name!("clock.zero_unix_ms"), zero).await;
    expect!("the clock is set", set.is_ok());
    let last = json_literal!(r#"{"id":"evening","limit":1}"#);
    until(runtime, "automation.trace", last, r#""outcome":"done""#).await;
    let evening = runtime.state().exists("house.evening").await;
    expect!("it is evening", evening == Ok(true));
}
