//! The home: its plugins, its events, and a snapshot of it at any second.

use crate::facts::Usage;
use serde_json::json;

use crate::facts::{
    Call, Cause, Event, Health, Metrics, Plugin, PluginCounters, PluginState, Service, Slots, Snapshot,
    State, Subscription,
};

/// An event of the home.
pub(crate) fn event(seq: u64, second: u64) -> Event {
    let time = second * 1_000_000 + seq % 40 * 23_457 + 11_400_000_000;
    let (topic, source, payload, cause, receivers) = match seq % 5 {
        0 => (
            "sensor.kitchen.temperature",
            "thermometer",
            format!("{}", 190 + seq % 37),
            Cause::None,
            set(&[1, 4]),
        ),
        1 => (
            "heating.switch",
            "thermostat",
            seq.is_multiple_of(2).to_string(),
            Cause::Event(seq - 1),
            set(&[2]),
        ),
        2 => (
            "device.lamp.state",
            "lights",
            format!(
                r#"{{"on":{},"level":{},"room":"kitchen","by":["motion","clock"]}}"#,
                seq.is_multiple_of(2),
                seq % 100
            ),
            Cause::Event(seq - 1),
            set(&[4]),
        ),
        3 => (
            "дом.дверь.звонок",
            "door",
            r#"{"кто":"почтальон","日本":"語"}"#.into(),
            Cause::Call(7),
            set(&[3]),
        ),
        _ => (
            "hostile.\u{1b}[31m",
            "radio",
            "\"\u{1b}]0;owned\u{7}\u{202e}\"".into(),
            Cause::None,
            set(&[]),
        ),
    };
    Event {
        seq,
        time,
        source: source.into(),
        cause,
        receivers,
        topic: topic.into(),
        payload: payload.into_bytes().into(),
    }
}

/// Everything but the events, at this second.
pub(crate) fn snapshot(second: u64) -> Snapshot {
    let s = second as usize;
    let counters = |rate: usize, lag: usize, worst: u32| PluginCounters {
        events: 12_000 + rate * s,
        lag,
        lag_high_water: lag.max(3),
        calls_in: 40 * rate + s,
        published: 7,
        handled: 12_040 + rate * s,
        busy_micros: 12_000 * 80 + (rate * s * 90) as u64,
        worst_micros: worst,
        ..PluginCounters::default()
    };
    let plugins = vec![
        plugin(
            0,
            "thermometer",
            PluginState::Started,
            counters(0, 0, 140),
            ("", ""),
        ),
        plugin(
            1,
            "thermostat",
            PluginState::Started,
            PluginCounters {
                slow: 3,
                ..counters(4, 12 + s, 48_200)
            },
            ("", ""),
        ),
        plugin(2, "lights", PluginState::Started, counters(3, 0, 912), ("", "")),
        plugin(
            3,
            "door",
            PluginState::Failed,
            PluginCounters {
                errors: 5,
                failures: 5,
                dropped: 40,
                ..counters(0, 0, 1_204_000)
            },
            ("timeout", "on_event did not end within 5 s"),
        ),
        plugin(
            4,
            "recorder",
            PluginState::Started,
            PluginCounters {
                dropped: 17,
                ..counters(9, 0, 2_310)
            },
            ("", ""),
        ),
        plugin(5, "radio", PluginState::Stopped, counters(0, 0, 77), ("", "")),
        plugin(
            6,
            "vacation",
            PluginState::Unloaded,
            PluginCounters::default(),
            ("", ""),
        ),
    ];
    Snapshot {
        health: Health {
            plugins: 7,
            started: 4,
            failed: set(&[3]),
            storage: true,
            running: true,
        },
        metrics: Metrics {
            now: 11_401_000_000 + second * 1_000_000,
            plugins: usage(7, 7, 16),
            filters: usage(21, 24, 64),
            services: usage(5, 6, 32),
            calls: usage(2, 14, 16),
            state_entries: usage(5, 9, 64),
            state_bytes: usage(1_024, 3_072, 16_384),
            log_bytes: usage(262_000, 262_144, 262_144),
            names: usage(30, 30, 32),
            waits: usage(4, 4, 16),
            taps: usage(1, 1, 4),
            refused: 2,
            dropped: 57,
            timed_out: 1,
            storage_errors: 0,
            next_seq: 12_001 + (0..second).map(wave).sum::<u64>(),
        },
        plugins,
        services: vec![
            service(
                "thermostat.target",
                "thermostat",
                412 + second * 2,
                [12, 240, 130, 20, 7, 2, 1, 0],
                61_300,
            ),
            service(
                "lights.scene",
                "lights",
                96 + second,
                [80, 10, 4, 2, 0, 0, 0, 0],
                940,
            ),
            service("lights.old", "lights", 9, [9, 0, 0, 0, 0, 0, 0, 0], 12),
            service("door.open", "door", 4, [0, 0, 0, 0, 1, 1, 1, 1], 1_204_000),
            service("recorder.export", "recorder", 0, [0; 8], 0),
        ],
        calls: vec![
            Call {
                call: 7,
                service: "thermostat.target".into(),
                caller: "lights".into(),
                callee: "thermostat".into(),
                running: true,
                age_micros: 12_400,
                parent: None,
            },
            Call {
                call: 9,
                service: "door.open".into(),
                caller: "operator".into(),
                callee: "door".into(),
                running: false,
                age_micros: 2_300_000,
                parent: None,
            },
        ],
        states: vec![
            state(
                "lights.scene",
                Some(r#"{"name":"evening","rooms":["kitchen","hall"]}"#),
                4,
                None,
                "lights",
            ),
            state("runtime.status", Some("\"running\""), 2, None, "runtime"),
            state(
                "thermostat.heating",
                Some(if second.is_multiple_of(2) { "true" } else { "false" }),
                300 + second,
                None,
                "thermostat",
            ),
            state(
                "door.guest",
                Some("\"почтальон\""),
                1,
                Some(95_000u64.saturating_sub(second * 1000)),
                "door",
            ),
            state("recorder.table", None, 88, None, "recorder"),
        ],
        subscriptions: vec![
            Subscription {
                plugin: "thermostat".into(),
                filter: "sensor.*.temperature".into(),
            },
            Subscription {
                plugin: "recorder".into(),
                filter: ">".into(),
            },
        ],
    }
}

/// A set of plugins.
fn set(slots: &[u32]) -> Slots {
    let bits: u32 = slots.iter().map(|slot| 1 << slot).sum();
    serde_json::from_value(json!([bits, 0, 0, 0])).expect("four words")
}

/// How many events a second had.
pub(super) fn wave(second: u64) -> u64 {
    8 + (second * 7 % 23)
}

fn usage(used: usize, high_water: usize, capacity: usize) -> Usage {
    Usage {
        used,
        high_water,
        capacity,
    }
}

fn plugin(
    index: u8,
    name: &str,
    state: PluginState,
    counters: PluginCounters,
    error: (&str, &str),
) -> Plugin {
    Plugin {
        index,
        name: name.into(),
        version: format!("1.{index}.0"),
        description: format!("What {name} does in this home, said in one sentence"),
        author: "The authors".into(),
        dependencies: if index == 2 { set(&[1]) } else { set(&[]) },
        placement: if index == 3 { "own thread" } else { "shared" }.into(),
        state,
        hook: if index == 1 { "on_event" } else { "idle" }.into(),
        error: (error.0.into(), error.1.into()),
        counters,
    }
}

fn service(name: &str, owner: &str, calls: u64, latency: [u32; 8], worst_micros: u32) -> Service {
    Service {
        name: name.into(),
        owner: owner.into(),
        description: "Sets the target: a whole number, 210 is 21.0 °C".into(),
        version: "1.0.0".into(),
        deprecated: name.ends_with("old"),
        calls,
        errors: calls / 40,
        busy_micros: calls * 700,
        worst_micros,
        latency: latency.to_vec(),
    }
}

fn state(key: &str, value: Option<&str>, version: u64, ttl_ms: Option<u64>, owner: &str) -> State {
    State {
        key: key.into(),
        value: value.map(str::to_owned),
        version,
        ttl_ms,
        owner: owner.into(),
    }
}
