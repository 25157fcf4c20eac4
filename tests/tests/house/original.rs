//! A plugin that was written for the Python original, among the plugins of the house.

use std::fs;

use serde_json::{Value, json};
use tests::binary;
use tests::wasm::House;

use crate::{alone, until};

#[test]
fn an_integration_of_the_original_has_its_devices_and_says_what_it_does() {
    let _alone = alone();
    let builder = host_std::Host::builder()
        .built_in()
        .launcher(binary("host-std", "dev").unwrap());
    let house = House::start(builder).unwrap();
    let file = house.folder().join("cloud.py");
    fs::write(&file, include_str!("original.py")).unwrap();
    let row = house.install(&file).unwrap();
    assert_eq!(row["state"], "STARTED", "{row}");

    let none = Value::Null;
    let synced = house.call("cloud.sync_devices", &none).unwrap();
    assert_eq!(
        synced,
        json!({"found": 2, "mapped": {"ok": true, "created": 2, "skipped": 0, "errors": [], "more": false}})
    );
    let evening = house.call("cloud.evening", &none).unwrap();
    assert_eq!(
        evening["before"],
        json!({
            "device-cloud-light-kitchen": {"on": false, "brightness": 75},
            "device-cloud-sensor": {"temperature": 22.5},
        })
    );
    assert_eq!(
        (&evening["queued"], &evening["external_id"], &evening["manual"]),
        (
            &json!(true),
            &json!("cloud-light-kitchen"),
            &json!(["Вручную", "switch", "u1"])
        )
    );
    assert_eq!(
        evening["mappings"],
        json!({"cloud-light-kitchen": "device-cloud-light-kitchen", "cloud-sensor": "device-cloud-sensor"})
    );
    assert!(
        evening["unknown"].as_str().unwrap().contains("no-such-device"),
        "{evening}"
    );
    until("the lamp reports what it was asked for", || {
        let lamp = house
            .call("devices.get", &json!("device-cloud-light-kitchen"))
            .unwrap();
        lamp["state"]["reported"] == json!({"on": true, "brightness": 20})
            && lamp["state"]["pending"] == false
            && lamp["online"] == true
    });
    let lines = house.call("logger.recent", &none).unwrap().to_string();
    assert!(
        lines.contains("devices are found") && lines.contains("cloud"),
        "{lines}"
    );
    house.shutdown();
}
