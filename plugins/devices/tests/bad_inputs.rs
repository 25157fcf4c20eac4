//! Bad inputs to every service.

use devices::{Devices, MAX_DEPTH, MAX_DISCOVERY, MAX_EXTERNAL_ID, MAX_FIELD, MAX_FIELDS, MAX_STATE};
use plugin_kit::schema::Described;
use plugin_kit::test::{TestRuntime, bad_inputs};
use serde_json::{Map, Value, json};

/// A house in which the examples of all services fit.
fn house() -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<Devices>(());
    rt.start().unwrap();
    rt.call(
        "devices.create",
        &json!({"id": "lamp_kitchen", "name": "Lamp", "type": "light"}),
    )
    .unwrap();
    let mapping = json!({"external_id": "zigbee-0x01", "internal_id": "lamp_kitchen"});
    rt.call("devices.create_mapping", &mapping).unwrap();
    let found = json!({"external_id": "zigbee-0x01", "provider": "zigbee"});
    rt.publish("external.device_discovered", &found).unwrap();
    rt.take_published();
    rt
}

fn everything(rt: &TestRuntime) -> [std::collections::BTreeMap<String, Value>; 3] {
    ["devices", "devices_mappings", "devices_external"].map(|namespace| rt.rows(namespace))
}

#[test]
fn each_is_refused_and_changes_nothing() {
    let mut rt = house();
    let before = everything(&rt);
    let known = rt.call("devices.get", "lamp_kitchen").unwrap();
    let mut count = 0;
    for service in Devices::services() {
        let bad = bad_inputs(&service);
        assert!(bad.len() >= 20, "{}: {} bad inputs", service.name, bad.len());
        for input in bad {
            let what = format!(
                "{}: {}: {:.200}",
                service.name,
                input.what,
                input.args.to_string()
            );
            let Err(error) = rt.call(service.name, &input.args) else {
                panic!("{what}: it was taken");
            };
            assert!(
                ["invalid_argument", "not_found"].contains(&error.code()),
                "{what}: {error}"
            );
            assert!(!error.message().is_empty(), "{what}");
            assert_eq!(everything(&rt), before, "{what}");
            assert!(rt.published().is_empty(), "{what}");
            count += 1;
        }
    }
    assert_eq!(rt.call("devices.get", "lamp_kitchen").unwrap(), known);
    println!("{count} bad inputs were refused");
    assert!(count > 500, "{count}");
}

#[test]
fn each_example_is_taken() {
    for service in Devices::services() {
        assert!(
            !service.description.is_empty() && !service.examples.is_empty(),
            "{}",
            service.name
        );
        for example in &service.examples {
            let mut rt = house();
            let reply = rt.call(service.name, example);
            assert!(reply.is_ok(), "{} {example}: {reply:?}", service.name);
        }
    }
}

#[test]
fn a_state_has_its_limits() {
    let mut rt = house();
    let before = everything(&rt);
    let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    let many = |count: usize| {
        (0..count)
            .map(|n| (format!("f{n}"), json!(n)))
            .collect::<Map<_, _>>()
    };
    for state in [
        json!({}),
        json!({"x": deep(MAX_DEPTH + 1)}),
        json!(many(MAX_FIELDS + 1)),
        json!({"x".repeat(MAX_FIELD + 1): 1}),
        json!({"": 1}),
        json!({"a\u{1}": 1}),
        json!({"x": "x".repeat(MAX_STATE)}),
    ] {
        let error = rt
            .call(
                "devices.set_state",
                &json!({"id": "lamp_kitchen", "state": state}),
            )
            .unwrap_err();
        assert_eq!(error.code(), "invalid_argument", "{error}");
        assert!(error.message().starts_with("state"), "{error}");
        if state == json!({}) {
            continue;
        }
        let report = json!({"external_id": "zigbee-0x01", "state": state});
        assert_eq!(
            rt.publish("external.device_state_reported", &report)
                .unwrap_err()
                .code(),
            "invalid_argument"
        );
    }
    assert_eq!(everything(&rt), before);
    assert!(rt.published().is_empty());
    // It grows by no more than its limits, also by and by.
    rt.call(
        "devices.set_state",
        &json!({"id": "lamp_kitchen", "state": many(MAX_FIELDS)}),
    )
    .unwrap();
    let error = rt.call("devices.turn_on", "lamp_kitchen").unwrap_err();
    assert_eq!(
        error.message(),
        "state.desired: 65 fields, at most 64 are allowed"
    );
    rt.call(
        "devices.set_state",
        &json!({"id": "lamp_kitchen", "state": {"f1": deep(MAX_DEPTH)}}),
    )
    .unwrap();
}

#[test]
fn what_is_found_has_its_limits() {
    let mut rt = house();
    let before = everything(&rt);
    for found in [
        json!(5),
        json!({}),
        json!({"external_id": 5}),
        json!({"external_id": ""}),
        json!({"external_id": "x".repeat(MAX_EXTERNAL_ID + 1)}),
        json!({"external_id": "a\nb"}),
        json!({"external_id": "x", "notes": "x".repeat(MAX_DISCOVERY)}),
    ] {
        let error = rt.publish("external.device_discovered", &found).unwrap_err();
        assert_eq!(error.code(), "invalid_argument", "{error}");
    }
    assert_eq!(everything(&rt), before);
}
