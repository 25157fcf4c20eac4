//! A storage that is full: what cannot be stored did not happen.

use std::time::Duration;

use devices::Devices;
use plugin_kit::kernel_core::Error;
use plugin_kit::test::TestRuntime;
use serde_json::{Value, json};

/// A lamp that is mapped and on line.
fn house() -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<Devices>(());
    rt.start().unwrap();
    rt.call("devices.create", "lamp").unwrap();
    let mapping = json!({"external_id": "x", "internal_id": "lamp"});
    rt.call("devices.create_mapping", &mapping).unwrap();
    rt.publish("external.device_discovered", &json!({"external_id": "y"}))
        .unwrap();
    report(&mut rt, false).unwrap();
    rt.take_published();
    rt
}

fn report(rt: &mut TestRuntime, on: bool) -> Result<u32, Error> {
    let payload = json!({"external_id": "x", "state": {"on": on}});
    rt.publish("external.device_state_reported", &payload)
}

/// All that can be asked.
fn seen(rt: &mut TestRuntime) -> Vec<Value> {
    let lists = ["devices.list", "devices.list_mappings", "devices.list_external"];
    lists.map(|service| rt.call(service, &()).unwrap()).into()
}

#[test]
fn what_cannot_be_stored_did_not_happen() {
    let mut rt = house();
    let before = seen(&mut rt);
    rt.set_storage_full(true);
    for (service, args) in [
        ("devices.create", json!("door")),
        ("devices.create", json!({"id": "lamp", "name": "Other"})),
        ("devices.update", json!({"id": "lamp", "name": "Other"})),
        ("devices.delete", json!("lamp")),
        ("devices.set_state", json!({"id": "lamp", "state": {"on": true}})),
        ("devices.turn_on", json!("lamp")),
        ("devices.report", json!({"id": "lamp", "state": {"on": true}})),
        (
            "devices.create_mapping",
            json!({"external_id": "z", "internal_id": "lamp"}),
        ),
        ("devices.delete_mapping", json!("x")),
        ("devices.auto_map_external", json!(null)),
    ] {
        let error = rt.call(service, &args).unwrap_err();
        assert_eq!(error.code(), "storage_full", "{service}: {error}");
        assert_eq!(seen(&mut rt), before, "{service}");
    }
    assert_eq!(report(&mut rt, true).unwrap_err().code(), "storage_full");
    let found = json!({"external_id": "new"});
    let error = rt.publish("external.device_discovered", &found).unwrap_err();
    assert_eq!(error.code(), "storage_full");
    assert_eq!(seen(&mut rt), before);
    assert!(rt.published().is_empty(), "{:?}", rt.published());

    rt.set_storage_full(false);
    assert_eq!(rt.call("devices.turn_on", "lamp").unwrap()["external_id"], "x");
    report(&mut rt, true).unwrap();
    let topics: Vec<&str> = rt.published().iter().map(|event| event.topic.as_str()).collect();
    assert_eq!(
        topics,
        ["internal.device_command_requested", "device.state_changed"]
    );
}

#[test]
fn a_device_that_falls_silent_is_said_to_be_off_line_once_that_can_be_stored() {
    let mut rt = house();
    rt.set_storage_full(true);
    let error = rt.advance(Duration::from_secs(320)).unwrap_err();
    assert_eq!(error.code(), "storage_full");
    assert!(rt.published().is_empty());
    rt.set_storage_full(false);
    rt.advance(Duration::from_secs(10)).unwrap();
    assert_eq!(rt.published().len(), 1);
    assert_eq!(rt.published()[0].topic, "device.offline");
}

/// A report that changes nothing writes nothing, and so a full storage does not matter to it.
#[test]
fn reports_of_the_same_need_no_storage() {
    let mut rt = house();
    rt.set_storage_full(true);
    let writes = rt.storage_writes();
    for _ in 0..100 {
        rt.advance(Duration::from_secs(60)).unwrap();
        report(&mut rt, false).unwrap();
    }
    assert_eq!(rt.storage_writes(), writes);
    assert_eq!(rt.call("devices.get", "lamp").unwrap()["online"], true);
}
