//! The devices of a Zigbee network in the house: what Zigbee2MQTT publishes, through a real broker and the real program.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::listener::{Listener, publish};
use tests::mqtt::Broker;
use tests::runtime::Runtime;

const DEVICES: &str = include_str!("../../plugins/zigbee2mqtt/tests/fixtures/devices.json");
const GROUPS: &str = include_str!("../../plugins/zigbee2mqtt/tests/fixtures/groups.json");
const STATES: &str = include_str!("../../plugins/zigbee2mqtt/tests/fixtures/states.json");

struct House {
    runtime: Runtime,
    broker: Broker,
}

impl House {
    /// A house whose broker has this network.
    fn start(devices: &str) -> House {
        House::with(devices, "")
    }

    /// The same, with this in its configuration.
    fn with(devices: &str, more: &str) -> House {
        let broker = Broker::start().unwrap();
        let house = House {
            runtime: Runtime::new().unwrap(),
            broker,
        };
        house.network(devices);
        let mut house = house;
        let config = house.runtime.folder().join("zigbee.toml");
        let text = format!(
            "[runtime]\nplugins = [\"devices\", \"zigbee2mqtt\", \"example\"]\n\
             [plugins.zigbee2mqtt.settings]\nbroker = \"mqtt://127.0.0.1:{}\"\nreport_seconds = 2\nreconnect_max_s = 1\n{more}",
            house.broker.port()
        );
        std::fs::write(&config, text).unwrap();
        house.runtime.set_variable("RUNTIME_CONFIG", config);
        house.runtime.start_again().unwrap();
        let watch = "timeout 900 \"$CORE_RUNTIME\" watch 'external.*' --since 1 >events.ndjson 2>&1 &";
        house.runtime.shell(watch).unwrap();
        house
    }

    fn network(&self, devices: &str) {
        self.say("bridge/state", r#"{"state":"online"}"#, true);
        self.say("bridge/groups", GROUPS, true);
        self.say("bridge/devices", devices, true);
    }

    fn say(&self, below: &str, payload: &str, retain: bool) {
        publish(&self.broker, &format!("zigbee2mqtt/{below}"), payload, retain).unwrap();
    }

    fn call(&self, service: &str, args: &Value) -> Value {
        let reply = self.runtime.run(&format!("call {service} '{args}'")).unwrap();
        serde_json::from_str(&reply).unwrap()
    }

    fn device(&self, id: &str) -> Value {
        self.call("devices.get", &json!({"id": id}))
    }

    fn set(&self, id: &str, state: Value) -> Value {
        self.call("devices.set_state", &json!({"id": id, "state": state}))
    }

    fn count(&self) -> usize {
        self.call("devices.list_mappings", &json!({"limit": 1000}))["items"]
            .as_array()
            .unwrap()
            .len()
    }

    /// The last event of this topic.
    fn event(&self, topic: &str) -> Option<Value> {
        let text = std::fs::read_to_string(self.runtime.folder().join("events.ndjson")).unwrap();
        let mut events = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let last = events.rfind(|event| event["topic"] == topic);
        last.map(|event| event["payload"].clone())
    }

    fn until(&self, what: &str, mut yes: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !yes() {
            assert!(
                begun.elapsed() < Duration::from_secs(90),
                "never: {what}: {}",
                self.call("zigbee2mqtt.status", &json!({}))
            );
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The id that the house makes for the device of this name.
fn id(name: &str) -> String {
    let devices: Value = serde_json::from_str(DEVICES).unwrap();
    let found = devices
        .as_array()
        .unwrap()
        .iter()
        .find(|device| device["friendly_name"] == name);
    format!(
        "device-zigbee2mqtt-{}",
        found.unwrap()["ieee_address"].as_str().unwrap()
    )
}

#[test]
fn a_zigbee_network_is_in_the_house() {
    let mut house = House::start(DEVICES);
    house.until("all are there", || house.count() == 28);

    // Types, units and ranges.
    let lamp = id("kitchen/ceiling");
    assert_eq!(
        (
            house.device(&lamp)["type"].clone(),
            house.device(&lamp)["name"].clone()
        ),
        (json!("light"), json!("kitchen/ceiling"))
    );
    let external = house.call(
        "devices.list_external",
        &json!({"provider": "zigbee2mqtt", "limit": 1000}),
    );
    let found = |id: &str| {
        let items = external["items"].as_array().unwrap();
        items
            .iter()
            .find(|item| format!("device-{}", item["external_id"].as_str().unwrap()) == id)
            .unwrap()["payload"]["properties"]
            .clone()
    };
    assert_eq!(
        found(&lamp)["brightness"],
        json!({"type": "number", "minimum": 0, "maximum": 100, "unit": "%"})
    );
    assert_eq!(
        found(&id("desk plug"))["power"],
        json!({"type": "number", "unit": "W", "readOnly": true})
    );

    // A device is asked how it is; and all say so.
    let states: Value = serde_json::from_str(STATES).unwrap();
    for (name, state) in states.as_object().unwrap() {
        house.say(name, &state.to_string(), false);
    }
    let valve = id("bathroom valve");
    house.until("states are reported", || {
        house.device(&valve)["state"]["reported"]["target"] == 21.5
    });
    house.until("the lamp is on", || {
        house.device(&lamp)["state"]["reported"]["on"] == true
    });
    assert_eq!(house.device(&lamp)["online"], true);

    // A command, and what comes of it.
    let sent = Listener::start(&house.broker, "zigbee2mqtt/+/set").unwrap();
    let nested = Listener::start(&house.broker, "zigbee2mqtt/+/+/set").unwrap();
    assert_eq!(
        house.set(&lamp, json!({"on": false, "brightness": 20}))["state"]["pending"],
        true
    );
    let (topic, payload) = nested.until("the command", |_, _| true).unwrap();
    let payload: Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(
        (topic.as_str(), payload),
        (
            "zigbee2mqtt/kitchen/ceiling/set",
            json!({"state": "OFF", "brightness": 51})
        )
    );
    house.say("kitchen/ceiling", r#"{"state":"OFF","brightness":51}"#, false);
    house.until("the lamp did it", || {
        house.device(&lamp)["state"]["pending"] == false
    });
    house.set("device-zigbee2mqtt-group-1", json!({"on": true}));
    let (topic, payload) = sent.until("the command of the group", |_, _| true).unwrap();
    assert_eq!(
        (topic.as_str(), payload.as_str()),
        ("zigbee2mqtt/all lights/set", r#"{"state":"ON"}"#)
    );

    // One that does not fit is refused, and nothing is sent.
    house.set(&valve, json!({"target": 99}));
    let refused = |house: &House| house.event("external.device_command_refused");
    house.until("it is refused", || refused(&house).is_some());
    let why = refused(&house).unwrap();
    assert_eq!(why["reason"], "target: 99; allowed is a number from 5 to 30");
    assert_eq!(why["internal_id"], json!(valve));
    assert_eq!(sent.come(), [], "nothing of it was sent");

    // Another name, the same device.
    house.say(
        "bridge/response/device/rename",
        r#"{"data":{"from":"kitchen/ceiling","to":"pantry"},"status":"ok"}"#,
        false,
    );
    house.say(
        "bridge/devices",
        &DEVICES.replace("kitchen/ceiling", "pantry"),
        true,
    );
    house.until("the new name is listened to", || {
        house.say("pantry", r#"{"state":"ON"}"#, false);
        house.device(&lamp)["state"]["reported"]["on"] == true
    });
    house.set(&lamp, json!({"on": false}));
    let (topic, _) = sent
        .until("the command by the new name", |topic, _| topic.contains("pantry"))
        .unwrap();
    assert_eq!(topic, "zigbee2mqtt/pantry/set");
    assert_eq!(house.count(), 28);

    // It is there, and not.
    house.say("pantry/availability", r#"{"state":"offline"}"#, true);
    house.until("it is off line", || house.device(&lamp)["online"] == false);
    house.say("pantry/availability", r#"{"state":"online"}"#, true);
    house.until("it is on line", || house.device(&lamp)["online"] == true);

    // A device leaves.
    let fan = id("fan");
    house.say(
        "bridge/response/device/remove",
        r#"{"data":{"id":"fan","block":false,"force":false},"status":"ok"}"#,
        false,
    );
    house.until("it is gone", || house.event("external.device_removed").is_some());
    assert_eq!(house.event("external.device_removed").unwrap()["name"], "fan");
    house.until("the house knows", || house.device(&fan)["online"] == false);

    // The broker goes, and comes back with nothing of what it had.
    house.broker.kill();
    house.until("that is seen", || {
        house.call("zigbee2mqtt.status", &json!({}))["connected"] == false
    });
    house.set(&lamp, json!({"on": true}));
    house.until("commands are refused", || {
        refused(&house).is_some_and(|why| why["reason"] == "there is no connection to the broker")
    });
    house.broker.start_again().unwrap();
    house.until("it is back", || {
        house.call("zigbee2mqtt.status", &json!({}))["connected"] == true
    });
    house.network(&DEVICES.replace("kitchen/ceiling", "pantry"));
    house.until("states arrive", || {
        house.say("pantry", r#"{"state":"ON"}"#, false);
        house.device(&lamp)["state"]["reported"]["on"] == true
    });
}

#[test]
fn a_house_that_comes_later_hears_of_all() {
    let house = House::with(DEVICES, "[plugins.devices]\nenabled = false\n");
    let known = || house.call("zigbee2mqtt.status", &json!({}))["devices"] == 27;
    house.until("the network is known", known);
    house.runtime.run("plugin start devices").unwrap();
    house.until("all are there", || house.count() == 28);
}

#[test]
fn what_is_malformed_is_counted_and_a_large_network_is_taken_in() {
    let devices: Value = serde_json::from_str(DEVICES).unwrap();
    let mut many = Vec::new();
    for copy in 0..10 {
        for device in devices.as_array().unwrap() {
            let mut device = device.clone();
            let address = device["ieee_address"].as_str().unwrap();
            device["ieee_address"] = json!(format!("0x{copy}{}", &address[3..]));
            device["friendly_name"] = json!(format!("{copy} {}", device["friendly_name"].as_str().unwrap()));
            many.push(device);
        }
    }
    many.push(json!({"friendly_name": "bad", "ieee_address": 5}));
    many.push(json!(null));
    let text = json!(many).to_string();
    assert!(text.len() > 300_000, "{} bytes", text.len());
    let house = House::start(&text);
    let begun = Instant::now();
    house.until("all are there", || house.count() == 271);
    println!(
        "{} devices in {} bytes are there after {:?}",
        270,
        text.len(),
        begun.elapsed()
    );
    let status = |house: &House| house.call("zigbee2mqtt.status", &json!({}));
    assert_eq!(status(&house)["devices"], 270);
    // A group without members, and the two that are malformed.
    assert_eq!(status(&house)["skipped"], 3, "{}", status(&house));
    for (below, payload) in [
        ("bridge/devices", "{"),
        ("bridge/devices", "17"),
        ("bridge/state", "\u{1}"),
        ("0 fan", "[[[[["),
        ("0 fan", r#"{"fan_state": {"a": null}}"#),
    ] {
        house.say(below, payload, false);
    }
    house.until("they are counted", || {
        let refused = status(&house)["refused"].clone();
        let counted: u64 = refused
            .as_object()
            .unwrap()
            .values()
            .filter_map(Value::as_u64)
            .sum();
        counted == 5
    });
    assert_eq!(status(&house)["devices"], 270, "what was known is known");
    assert_eq!(status(&house)["connected"], true);
}
