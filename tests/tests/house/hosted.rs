//! The same in a real host: SQLite, threads, and arguments that are checked by the schemas first.

use std::path::Path;
use std::time::Instant;

use devices::Devices;
use host_std::{Config, Host, block_on};
use kernel_core::{CoreRuntime, Json};
use plugin_kit::schema::Described;
use plugin_kit::test::bad_inputs;
use rusqlite::Connection;
use serde_json::{Value, json};
use sim::Sim;
use tests::wasm::call;

use crate::{alone, memory, row, until};

/// A database as the Python original makes it, with these rows.
pub(crate) fn original(path: &Path, rows: &[(&str, String, Value)]) {
    let mut database = Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TABLE storage (namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, \
             PRIMARY KEY (namespace, key))",
        )
        .unwrap();
    let all = database.transaction().unwrap();
    for (namespace, key, value) in rows {
        let row = (namespace, key, value.to_string());
        all.execute("INSERT INTO storage VALUES (?, ?, ?)", row).unwrap();
    }
    all.commit().unwrap();
}

/// A host with the devices and the simulated house, the settings of which are these lines.
fn host(folder: &Path, settings: &str) -> Host {
    let file = folder.join("config.toml");
    std::fs::write(&file, format!("[plugins.sim.settings]\n{settings}\n")).unwrap();
    let database = folder.join("runtime.db");
    let config = Config::from_vars(|name| match name {
        "RUNTIME_DB_PATH" => Some(database.clone().into_os_string()),
        "RUNTIME_CONFIG" => Some(file.clone().into_os_string()),
        _ => None,
    });
    Host::builder()
        .described_plugin::<Devices>()
        .described_plugin::<Sim>()
        .start(config.unwrap())
        .unwrap()
}

pub(crate) fn publish(runtime: CoreRuntime, topic: &str, payload: &Value) {
    let text = payload.to_string();
    block_on(runtime.bus().publish(topic, Json::parse(&text).unwrap())).unwrap();
}

#[test]
fn a_database_of_the_original_is_taken_over_and_lived_in() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let old = json!({"id": "lamp_1", "name": "Lamp", "type": "light", "state": {"power": "off"}});
    original(
        &folder.path().join("runtime.db"),
        &[
            ("devices", "lamp_1".to_owned(), old),
            (
                "devices_mappings",
                "yandex-1".to_owned(),
                json!({"internal_id": "lamp_1"}),
            ),
            (
                "devices_external",
                "yandex-1".to_owned(),
                json!({"external_id": "yandex-1", "provider": "yandex"}),
            ),
        ],
    );
    let host = host(folder.path(), "populate = true\nstep_ms = 100\ndelay_ms = 0");
    let runtime = host.runtime();
    let devices = || call(runtime, "devices.list", &Value::Null).unwrap();
    until("the house is populated", || {
        devices().as_array().map(Vec::len) == Some(18)
    });
    publish(
        runtime,
        "external.device_state_reported",
        &json!({"external_id": "yandex-1", "state": {"on": true}}),
    );
    until("the report is taken", || {
        let lamp = call(runtime, "devices.get", &json!("lamp_1")).unwrap();
        lamp["state"]["reported"] == json!({"on": true}) && lamp["online"] == true
    });
    let queued = call(runtime, "devices.turn_on", &json!("lamp_kitchen")).unwrap();
    assert_eq!(queued["external_id"], "sim-lamp_kitchen");
    until("the command is obeyed", || {
        let lamp = call(
            runtime,
            "devices.get",
            &json!({"args": ["lamp_kitchen"], "kwargs": {}}),
        )
        .unwrap();
        lamp["state"] == json!({"desired": {"on": true}, "reported": {"on": true}, "pending": false})
    });
    host.shutdown();
}

/// The schemas let pass what the services take, and nothing else.
#[test]
fn examples_pass_the_schemas_and_bad_inputs_do_not() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let lamp = ("devices", "lamp_kitchen".to_owned(), row("lamp_kitchen"));
    let mapping = (
        "devices_mappings",
        "zigbee-0x01".to_owned(),
        json!({"internal_id": "lamp_kitchen"}),
    );
    original(
        &folder.path().join("runtime.db"),
        &[lamp.clone(), mapping.clone()],
    );
    let host = host(folder.path(), "");
    let runtime = host.runtime();
    let mut count = 0;
    for service in Devices::services().iter().chain(&Sim::services()) {
        for input in bad_inputs(service)
            .iter()
            .filter(|input| input.args.to_string().len() < 60_000)
        {
            let error = call(runtime, service.name, &input.args).unwrap_err();
            let is_meant = ["invalid_argument", "not_found"]
                .iter()
                .any(|code| error.starts_with(code));
            assert!(is_meant, "{}: {}: {error}", service.name, input.what);
            count += 1;
        }
    }
    println!("{count} bad inputs were refused by the host and its plugins");
    for service in Devices::services() {
        for example in &service.examples {
            call(runtime, "devices.create", &json!("lamp_kitchen")).unwrap();
            let mapping = json!({"external_id": "zigbee-0x01", "internal_id": "lamp_kitchen"});
            call(runtime, "devices.create_mapping", &mapping).unwrap();
            call(runtime, service.name, example)
                .unwrap_or_else(|error| panic!("{} {example}: {error}", service.name));
        }
    }
    // As plugins of the original call.
    for (service, args) in [
        ("devices.list", json!(null)),
        ("devices.list_external", json!("zigbee")),
        (
            "devices.create",
            json!({"args": ["lamp_kitchen", "Lamp"], "kwargs": {"device_type": "light"}}),
        ),
        (
            "devices.set_state",
            json!({"args": ["lamp_kitchen", {"on": true}], "kwargs": {}}),
        ),
        (
            "devices.auto_map_external",
            json!({"args": [], "kwargs": {"provider": null}}),
        ),
    ] {
        call(runtime, service, &args).unwrap_or_else(|error| panic!("{service} {args}: {error}"));
    }
    host.shutdown();
}

#[test]
fn ten_thousand_devices_in_sqlite() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut rows = Vec::new();
    for number in 0..10_000 {
        let id = format!("lamp_{number:05}");
        rows.push(("devices", id.clone(), row(&id)));
        rows.push((
            "devices_mappings",
            format!("x-{number}"),
            json!({"internal_id": id}),
        ));
    }
    original(&folder.path().join("runtime.db"), &rows);
    drop(rows);
    let begun = Instant::now();
    let host = host(folder.path(), "lamps = 0");
    let runtime = host.runtime();
    println!("10,000 devices in SQLite: started after {:.1?}", begun.elapsed());
    let begun = Instant::now();
    let last = 499;
    for number in 0..=last {
        let payload = json!({"external_id": format!("x-{}", number * 20), "state": {"on": true}});
        publish(runtime, "external.device_state_reported", &payload);
    }
    let id = json!(format!("lamp_{:05}", last * 20));
    until("the last report is taken", || {
        call(runtime, "devices.get", &id).unwrap()["online"] == true
    });
    let each = begun.elapsed() / (last + 1);
    println!(
        "{each:.0?} a report that is durable, one after another; {} KiB of memory",
        memory()
    );
    let page = call(runtime, "devices.list", &json!({"limit": 1000})).unwrap();
    assert!(page.to_string().len() <= 64 * 1024 && !page["next"].is_null());
    host.shutdown();
}
