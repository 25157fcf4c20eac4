//! Rows that others wrote.

use devices::Devices;
use plugin_kit::kernel_core::Error;
use plugin_kit::test::TestRuntime;
use serde_json::{Value, json};

/// Rows as the Python original wrote them, from its first version on.
fn original() -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.store(
        "devices",
        "device-yandex-light-kitchen",
        &json!({
            "id": "device-yandex-light-kitchen", "name": "Свет на кухне", "type": "light",
            "state": {"desired": {"on": true, "brightness": 75}, "reported": {"on": false}, "pending": true},
            "created_at": 1_735_000_000.123_456, "updated_at": 1_735_000_100.5, "last_seen": 1_735_000_090.0,
            "online": true, "last_ws_update": null, "home_id": "h1", "home_name": "Дом", "room_id": null,
            "room_name": null, "icon_url": "https://example.org/i.svg", "capabilities": ["on_off", "range"],
            "owner_id": "u1", "shared_with": ["u2"],
        }),
    );
    rt.store(
        "devices",
        "lamp_1",
        &json!({"id": "lamp_1", "name": "Lamp", "type": "generic", "state": {"power": "off"}}),
    );
    rt.store(
        "devices_mappings",
        "yandex-light-kitchen",
        &json!({"internal_id": "device-yandex-light-kitchen"}),
    );
    rt.store("devices_mappings", "old", "lamp_1");
    rt.store(
        "devices_external",
        "yandex-light-kitchen",
        &json!({"provider": "yandex", "external_id": "yandex-light-kitchen", "type": "light",
            "capabilities": ["on_off", "brightness"], "state": {"on": true, "brightness": 75}}),
    );
    rt
}

#[test]
fn rows_of_the_original_are_taken_over() -> Result<(), Error> {
    let mut rt = original();
    rt.add::<Devices>(());
    let before = rt.rows("devices");
    rt.start()?;
    assert_eq!(rt.rows("devices"), before, "reading writes nothing");
    let kitchen = rt.call("devices.get", "device-yandex-light-kitchen")?;
    assert_eq!(kitchen, before["device-yandex-light-kitchen"]);
    assert_eq!(rt.call("devices.list", &())?.as_array().unwrap().len(), 2);
    let first = rt.call("devices.get", "lamp_1")?;
    assert_eq!(
        first["state"],
        json!({"desired": {"on": false}, "reported": {"on": false}, "pending": false})
    );

    let report = json!({"external_id": "yandex-light-kitchen", "state": {"on": true, "brightness": 75}, "source": "ws"});
    rt.publish("external.device_state_reported", &report)?;
    let stored = rt.stored("devices", "device-yandex-light-kitchen").unwrap();
    let mut expected = kitchen.clone();
    expected["state"]["reported"] = json!({"on": true, "brightness": 75});
    expected["state"]["pending"] = json!(false);
    expected["last_seen"] = json!(1_767_225_600.0);
    expected["updated_at"] = json!(1_767_225_600.0);
    assert_eq!(stored, expected, "and what is not known is kept");

    assert_eq!(rt.call("devices.turn_on", "lamp_1")?["external_id"], "old");
    rt.publish(
        "external.device_state_reported",
        &json!({"external_id": "old", "state": {"on": true}}),
    )?;
    assert_eq!(
        rt.call("devices.get", "lamp_1")?["state"]["reported"],
        json!({"on": true})
    );
    assert_eq!(rt.call("devices.auto_map_external", &())?["skipped"], 1);
    Ok(())
}

#[test]
fn a_row_that_does_not_fit_is_named_counted_and_kept() -> Result<(), Error> {
    let mut rt = original();
    let wrong: [(&str, Value); 3] = [
        ("a_number", json!(5)),
        (
            "no_state",
            json!({"id": "no_state", "name": "x", "type": "y", "state": {"desired": []}}),
        ),
        ("other_id", json!({"id": "somebody", "name": "x", "type": "y"})),
    ];
    for (key, row) in &wrong {
        rt.store("devices", key, row);
    }
    rt.store("devices_mappings", "broken", &json!({"internal": 1}));
    rt.store("devices_external", "broken", &json!([1, 2]));
    rt.add::<Devices>(());
    rt.start()?;
    let lines = rt
        .logs()
        .iter()
        .filter(|(_, line)| line.contains("devices/a_number"));
    assert_eq!(lines.count(), 1);
    let before = rt.rows("devices");

    let page = rt.call("devices.list", &json!({"limit": 100}))?;
    assert_eq!(
        (page["items"].as_array().unwrap().len(), &page["skipped"]),
        (2, &json!(3))
    );
    assert!(
        page["errors"][0]
            .as_str()
            .unwrap()
            .starts_with("invalid_row: devices/a_number: "),
        "{page}"
    );
    assert_eq!(rt.call("devices.list", &())?.as_array().unwrap().len(), 2);
    assert_eq!(
        rt.call("devices.list_mappings", &json!({"limit": 9}))?["skipped"],
        1
    );
    assert_eq!(
        rt.call("devices.list_external", &json!({"limit": 9}))?["skipped"],
        1
    );
    let mapped = rt.call("devices.auto_map_external", &())?;
    assert!(
        mapped["errors"][0]
            .as_str()
            .unwrap()
            .contains("devices_external/broken"),
        "{mapped}"
    );

    for (key, _) in &wrong {
        for (service, args) in [
            ("devices.get", json!(key)),
            ("devices.turn_on", json!(key)),
            ("devices.create", json!({"id": key, "name": "new"})),
            ("devices.update", json!({"id": key, "name": "new"})),
            ("devices.report", json!({"id": key, "state": {"on": true}})),
        ] {
            let error = rt.call(service, &args).unwrap_err();
            assert_eq!(error.code(), "invalid_row", "{service} {key}");
            assert!(error.message().contains(&format!("devices/{key}")), "{error}");
        }
    }
    assert_eq!(rt.rows("devices"), before);
    rt.advance(std::time::Duration::from_secs(600))?;
    rt.call("devices.delete", "a_number")?;
    assert_eq!(
        rt.stored("devices", "a_number"),
        None,
        "who wants it gone gets it gone"
    );
    Ok(())
}

#[test]
fn a_mapping_to_nothing_is_said() {
    let mut rt = original();
    rt.store("devices_mappings", "dangling", &json!({"internal_id": "nobody"}));
    rt.add::<Devices>(());
    rt.start().unwrap();
    let report = json!({"external_id": "dangling", "state": {"on": true}});
    let error = rt.publish("external.device_state_reported", &report).unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("not_found", "there is no device \"nobody\"")
    );
}
