//! A network of many kinds of devices, as Zigbee2MQTT describes them, and one that is malformed.

use serde_json::{Map, Value, json};

use crate::bridge::Bridge;
use crate::effect::{DISCOVERED, Effect, HAPPENED, REMOVED, REPORTED};
use crate::network;

const DEVICES: &str = include_str!("../tests/fixtures/devices.json");
const GROUPS: &str = include_str!("../tests/fixtures/groups.json");
const STATES: &str = include_str!("../tests/fixtures/states.json");
const MALFORMED: &str = include_str!("../tests/fixtures/malformed.json");

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A bridge that knows the network, and all that came of it.
fn bridge() -> (Bridge, Vec<Effect>) {
    let mut bridge = Bridge::new("zigbee2mqtt", true);
    let mut effects = bridge.connected();
    for (topic, text) in [
        ("bridge/state", r#"{"state":"online"}"#),
        ("bridge/groups", GROUPS),
        ("bridge/devices", DEVICES),
    ] {
        effects.extend(bridge.message(&format!("zigbee2mqtt/{topic}"), text.as_bytes(), true));
    }
    (bridge, effects)
}

fn say(bridge: &mut Bridge, below: &str, payload: &Value) -> Vec<Effect> {
    bridge.message(
        &format!("zigbee2mqtt/{below}"),
        payload.to_string().as_bytes(),
        false,
    )
}

fn published(effects: &[Effect], wanted: &str) -> Vec<Value> {
    let of = |effect: &Effect| match effect {
        Effect::Publish(topic, payload) if *topic == wanted => Some(payload.clone()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

/// The external id of the device of this name.
fn id(name: &str) -> String {
    let devices = value(DEVICES);
    let device = devices
        .as_array()
        .unwrap()
        .iter()
        .find(|device| device["friendly_name"] == name);
    format!(
        "zigbee2mqtt-{}",
        device.unwrap()["ieee_address"].as_str().unwrap()
    )
}

fn discovered(name: &str) -> Value {
    let all = published(&bridge().1, DISCOVERED);
    all.into_iter().find(|found| found["name"] == name).unwrap()
}

/// What the house is said about the state of this device.
fn state(name: &str) -> Value {
    let (mut bridge, _) = bridge();
    let effects = say(&mut bridge, name, &value(STATES)[name]);
    let report = published(&effects, REPORTED).remove(0);
    assert_eq!(
        (&report["external_id"], &report["online"]),
        (&json!(id(name)), &json!(true))
    );
    report["state"].clone()
}

fn command(name: &str, params: Value) -> Result<Value, String> {
    let Value::Object(params) = params else {
        unreachable!()
    };
    let command = bridge().0.command(&id(name), &params).unwrap()?;
    assert_eq!(command.topic, format!("zigbee2mqtt/{name}/set"));
    Ok(command.payload)
}

#[test]
fn each_kind_of_device_has_its_type() {
    for (name, kind) in [
        ("kitchen/ceiling", "light"),
        ("bedroom lamp", "light"),
        ("living colour", "light"),
        ("desk plug", "switch"),
        ("hall switch", "switch"),
        ("remote", "remote"),
        ("front door", "door_sensor"),
        ("hall motion", "motion_sensor"),
        ("bathroom climate", "temperature_sensor"),
        ("sink leak", "leak_sensor"),
        ("smoke", "smoke_sensor"),
        ("washing machine", "vibration_sensor"),
        ("office air", "air_quality_sensor"),
        ("sofa presence", "presence_sensor"),
        ("bathroom valve", "thermostat"),
        ("bedroom blind", "cover"),
        ("venetian", "cover"),
        ("lock", "lock"),
        ("siren", "siren"),
        ("fan", "fan"),
        ("curtain motor", "cover"),
        ("dimmer module", "light"),
        ("power strip", "switch"),
        ("ir blaster", "ir_blaster"),
        ("soil", "soil_sensor"),
        ("meter", "meter"),
        ("co detector", "carbon_monoxide_sensor"),
        ("all lights", "light"),
    ] {
        let found = discovered(name);
        assert_eq!(
            (&found["type"], &found["provider"]),
            (&json!(kind), &json!("zigbee2mqtt")),
            "{name}"
        );
    }
    let (bridge, effects) = bridge();
    let figures = bridge.figures();
    assert_eq!((figures.devices, figures.groups, figures.available), (27, 1, 28));
    let skipped: Vec<_> = figures
        .skipped
        .iter()
        .map(|skipped| skipped.what.as_str())
        .collect();
    assert_eq!(skipped, ["default_bind_group"]);
    assert!(effects.contains(&Effect::Adopt));
}

#[test]
fn properties_have_units_ranges_and_say_whether_they_can_be_set() {
    for (name, field, schema) in [
        (
            "kitchen/ceiling",
            "brightness",
            json!({"type": "number", "minimum": 0, "maximum": 100, "unit": "%"}),
        ),
        ("kitchen/ceiling", "on", json!({"type": "boolean"})),
        (
            "kitchen/ceiling",
            "linkquality",
            json!({"type": "number", "minimum": 0, "maximum": 255, "unit": "lqi", "readOnly": true}),
        ),
        (
            "bedroom lamp",
            "color_temp",
            json!({"type": "number", "minimum": 250, "maximum": 454, "unit": "mired"}),
        ),
        (
            "living colour",
            "color_xy",
            json!({"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}}),
        ),
        (
            "desk plug",
            "power",
            json!({"type": "number", "unit": "W", "readOnly": true}),
        ),
        ("hall switch", "on_left", json!({"type": "boolean"})),
        ("front door", "open", json!({"type": "boolean", "readOnly": true})),
        (
            "hall motion",
            "motion",
            json!({"type": "boolean", "readOnly": true}),
        ),
        (
            "hall motion",
            "occupancy_timeout",
            json!({"type": "number", "minimum": 0, "maximum": 65535, "unit": "s"}),
        ),
        (
            "sofa presence",
            "minimum_range",
            json!({"type": "number", "minimum": 0, "maximum": 9.5, "multipleOf": 0.15, "unit": "m"}),
        ),
        (
            "bathroom valve",
            "target",
            json!({"type": "number", "minimum": 5, "maximum": 30, "multipleOf": 0.5, "unit": "°C"}),
        ),
        (
            "bathroom valve",
            "heating",
            json!({"type": "boolean", "readOnly": true}),
        ),
        ("bathroom valve", "mode", json!({"enum": ["off", "heat", "auto"]})),
        (
            "bedroom blind",
            "stop",
            json!({"type": "boolean", "writeOnly": true}),
        ),
        (
            "venetian",
            "tilt",
            json!({"type": "number", "minimum": 0, "maximum": 100, "unit": "%"}),
        ),
        ("lock", "locked", json!({"type": "boolean"})),
        (
            "meter",
            "peaks",
            json!({"type": "array", "items": {"type": "number"}, "minItems": 0, "maxItems": 24, "readOnly": true}),
        ),
    ] {
        assert_eq!(discovered(name)["properties"][field], schema, "{name} {field}");
    }
    let group = discovered("all lights");
    let fields: Vec<_> = group["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        fields,
        [
            "brightness",
            "color_hs",
            "color_temp",
            "color_temp_startup",
            "color_xy",
            "level_config",
            "on"
        ]
    );
    assert_eq!(group["external_id"], "zigbee2mqtt-group-1");
}

#[test]
fn states_are_those_of_the_house() {
    for (name, fields) in [
        (
            "kitchen/ceiling",
            json!({"on": true, "brightness": 50, "power_on_behavior": "previous", "linkquality": 102}),
        ),
        (
            "living colour",
            json!({"on": true, "brightness": 30, "color_temp": 454, "color_mode": "xy", "linkquality": 134,
                "color_xy": {"x": 0.5056, "y": 0.4152}, "color_hs": {"hue": 24, "saturation": 91}}),
        ),
        (
            "hall switch",
            json!({"on_left": true, "on_right": false, "power": 12.5, "device_temperature": 31,
                "operation_mode_left": "control_left_relay", "linkquality": 200}),
        ),
        (
            "front door",
            json!({"battery": 97, "open": false, "device_temperature": 22, "voltage": 3015, "power_outage_count": 4,
                "linkquality": 78}),
        ),
        (
            "curtain motor",
            json!({"position": 42, "invert_cover": false, "motor_speed_mode": "low", "linkquality": 95}),
        ),
        (
            "lock",
            json!({"locked": true, "lock_state": "locked", "battery": 90, "auto_relock_time": 30, "linkquality": 81}),
        ),
        (
            "fan",
            json!({"on": true, "fan_mode": "medium", "linkquality": 121}),
        ),
        (
            "meter",
            json!({"power": 1840, "energy": 10432.2, "voltage_phase_b": 229.7, "peaks": [1200, 980.5, 2010], "linkquality": 143}),
        ),
    ] {
        assert_eq!(state(name), fields, "{name}");
    }
    let valve = state("bathroom valve");
    assert_eq!(
        (&valve["target"], &valve["temperature"]),
        (&json!(21.5), &json!(20.3))
    );
    assert_eq!(
        (&valve["heating"], &valve["child_lock"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        valve["schedule"]["weekdays"],
        json!({"hour": 6, "minute": 30, "temperature": 21})
    );
    // Nothing that the devices of the network say is refused.
    let (mut bridge, _) = bridge();
    for (name, fields) in value(STATES).as_object().unwrap() {
        assert!(!say(&mut bridge, name, fields).is_empty());
    }
    assert_eq!(bridge.counts.refused().len(), 0, "{:?}", bridge.counts);
}

#[test]
fn commands_are_translated() {
    for (name, params, payload) in [
        (
            "kitchen/ceiling",
            json!({"on": true, "brightness": 50}),
            json!({"state": "ON", "brightness": 127}),
        ),
        (
            "living colour",
            json!({"color_hs": {"hue": 20, "saturation": 80}}),
            json!({"color": {"hue": 20, "saturation": 80}}),
        ),
        (
            "hall switch",
            json!({"on_right": false}),
            json!({"state_right": "OFF"}),
        ),
        ("bedroom blind", json!({"position": 30}), json!({"position": 30})),
        ("bedroom blind", json!({"stop": true}), json!({"state": "STOP"})),
        ("bedroom blind", json!({"open": false}), json!({"state": "CLOSE"})),
        ("lock", json!({"locked": true}), json!({"state": "LOCK"})),
        (
            "lock",
            json!({"pin_code": {"user": 1, "pin_code": "1234"}}),
            json!({"pin_code": {"user": 1, "pin_code": "1234"}}),
        ),
        (
            "bathroom valve",
            json!({"target": 19.5, "mode": "heat"}),
            json!({"current_heating_setpoint": 19.5, "system_mode": "heat"}),
        ),
        (
            "siren",
            json!({"warning": {"mode": "fire", "strobe": true}}),
            json!({"warning": {"mode": "fire", "strobe": true}}),
        ),
        ("fan", json!({"on": false}), json!({"fan_state": "OFF"})),
        (
            "ir blaster",
            json!({"ir_code_to_send": "BXc="}),
            json!({"ir_code_to_send": "BXc="}),
        ),
    ] {
        assert_eq!(command(name, params), Ok(payload), "{name}");
    }
}

#[test]
fn commands_that_do_not_fit_are_refused_with_what_is_allowed() {
    for (name, params, why) in [
        (
            "kitchen/ceiling",
            json!({"brightness": 101}),
            "brightness: 101; allowed is a number from 0 to 100",
        ),
        (
            "kitchen/ceiling",
            json!({"on": "ON"}),
            "on: \"ON\"; allowed is true or false",
        ),
        (
            "bathroom valve",
            json!({"target": 4.5}),
            "target: 4.5; allowed is a number from 5 to 30",
        ),
        (
            "bathroom valve",
            json!({"mode": "cool"}),
            "mode: \"cool\"; allowed is one of \"off\", \"heat\", \"auto\"",
        ),
        ("desk plug", json!({"power": 5}), "power: it can only be read"),
        (
            "front door",
            json!({"on": true}),
            "on: it has no such property; nothing of it can be set",
        ),
        (
            "bedroom blind",
            json!({"open": true, "stop": true}),
            "stop: something else sets the same",
        ),
        (
            "fan",
            json!({"speed": 3, "on": true}),
            "speed: it has no such property; what can be set is on, fan_mode",
        ),
    ] {
        assert_eq!(command(name, params).unwrap_err(), why, "{name}");
    }
    let (mut bridge, _) = bridge();
    let on = Map::from_iter([("on".to_owned(), json!(true))]);
    assert_eq!(bridge.command("sim-lamp", &on), None, "it is of somebody else");
    assert_eq!(
        bridge.command("zigbee2mqtt-0x99", &on),
        None,
        "it may be of another network"
    );
    say(
        &mut bridge,
        "bridge/response/device/remove",
        &json!({"data": {"id": "fan"}, "status": "ok"}),
    );
    let gone = bridge.command(&id("fan"), &on).unwrap();
    assert_eq!(gone.unwrap_err(), "Zigbee2MQTT does not list it any more");
    say(&mut bridge, "bridge/state", &json!({"state": "offline"}));
    let lamp = id("kitchen/ceiling");
    assert_eq!(
        bridge.command(&lamp, &on).unwrap().unwrap_err(),
        "Zigbee2MQTT is off line"
    );
    bridge.disconnected();
    let refused = bridge.command(&lamp, &on).unwrap();
    assert_eq!(refused.unwrap_err(), "there is no connection to the broker");
}

#[test]
fn what_nobody_reports_is_so_once_it_is_sent() {
    let (mut bridge, _) = bridge();
    let stop = Map::from_iter([("stop".to_owned(), json!(true))]);
    let blind = id("bedroom blind");
    let command = bridge.command(&blind, &stop).unwrap().unwrap();
    assert_eq!(command.is_so, stop);
    let effects = bridge.is_so(&blind, command.is_so);
    assert_eq!(published(&effects, REPORTED)[0]["state"], json!({"stop": true}));
}

#[test]
fn a_press_is_a_change_each_time_and_not_said_again() {
    let (mut bridge, _) = bridge();
    let press = json!({"action": "toggle", "battery": 74});
    for _ in 0..2 {
        let effects = say(&mut bridge, "remote", &press);
        let states: Vec<_> = published(&effects, REPORTED)
            .iter()
            .map(|report| report["state"].clone())
            .collect();
        assert_eq!(
            states,
            [
                json!({"battery": 74}),
                json!({"action": "toggle"}),
                json!({"action": null})
            ]
        );
        let happened = json!({"external_id": id("remote"), "provider": "zigbee2mqtt", "event": "action", "value": "toggle"});
        assert_eq!(published(&effects, HAPPENED), [happened]);
    }
    let retained = bridge.message("zigbee2mqtt/remote", press.to_string().as_bytes(), true);
    assert_eq!(published(&retained, HAPPENED), [json!(null); 0]);
    assert_eq!(
        published(&say(&mut bridge, "remote", &json!({"action": ""})), HAPPENED),
        [json!(null); 0]
    );
    let again = bridge.report_all();
    assert!(
        !json!(published(&again, REPORTED))
            .to_string()
            .contains("action\":\"toggle")
    );
}

#[test]
fn availability_is_that_of_the_device_and_of_the_bridge() {
    let (mut bridge, _) = bridge();
    let online = |effects: &[Effect]| -> Vec<Value> {
        published(effects, REPORTED)
            .iter()
            .map(|report| report["online"].clone())
            .collect()
    };
    let effects = say(
        &mut bridge,
        "kitchen/ceiling/availability",
        &json!({"state": "offline"}),
    );
    assert_eq!(online(&effects), [false]);
    assert!(
        say(
            &mut bridge,
            "kitchen/ceiling/availability",
            &json!({"state": "offline"})
        )
        .is_empty()
    );
    // A state that is said of a device that is off line does not make it be on line.
    assert_eq!(
        online(&say(&mut bridge, "kitchen/ceiling", &json!({"state": "ON"}))),
        [false]
    );
    let old = bridge.message("zigbee2mqtt/kitchen/ceiling/availability", b"online", true);
    assert_eq!(online(&old), [true], "as older versions say it");
    assert_eq!(
        online(&say(&mut bridge, "bridge/state", &json!({"state": "offline"}))),
        [false; 28]
    );
    assert_eq!(
        online(&bridge.message("zigbee2mqtt/bridge/state", b"online", true)),
        [true; 28]
    );
    assert!(say(&mut bridge, "desk plug/availability", &json!({"state": "asleep"})).is_empty());
    assert_eq!(bridge.counts.refused()["neither online nor offline"], 1);
}

#[test]
fn a_rename_keeps_the_device_and_a_removal_is_announced() {
    let (mut bridge, _) = bridge();
    let lamp = id("kitchen/ceiling");
    say(&mut bridge, "kitchen/ceiling", &json!({"state": "ON"}));
    let renamed = json!({"data": {"from": "kitchen/ceiling", "to": "pantry", "homeassistant_rename": false}, "status": "ok"});
    let effects = say(&mut bridge, "bridge/response/device/rename", &renamed);
    assert_eq!(published(&effects, DISCOVERED)[0]["name"], "pantry");
    assert_eq!(published(&effects, DISCOVERED)[0]["external_id"], lamp);
    assert!(effects.contains(&Effect::Listen(vec![
        "zigbee2mqtt/pantry".into(),
        "zigbee2mqtt/pantry/availability".into()
    ])));
    let report = published(&say(&mut bridge, "pantry", &json!({"brightness": 254})), REPORTED).remove(0);
    assert_eq!(
        report,
        json!({"external_id": lamp, "state": {"on": true, "brightness": 100}, "online": true})
    );
    // The list says the same, and once more another name.
    let list = DEVICES.replace("kitchen/ceiling", "pantry");
    let effects = bridge.message("zigbee2mqtt/bridge/devices", list.as_bytes(), true);
    assert_eq!(effects, []);
    let list = DEVICES.replace("kitchen/ceiling", "cellar");
    let effects = bridge.message("zigbee2mqtt/bridge/devices", list.as_bytes(), true);
    assert_eq!(published(&effects, DISCOVERED)[0]["name"], "cellar");
    assert!(!effects.contains(&Effect::Adopt));

    let left = json!({"type": "device_leave", "data": {"ieee_address": lamp.trim_start_matches("zigbee2mqtt-"), "friendly_name": "cellar"}});
    let effects = say(&mut bridge, "bridge/event", &left);
    let removed = json!({"external_id": lamp, "provider": "zigbee2mqtt", "name": "cellar"});
    assert_eq!(published(&effects, REMOVED), [removed]);
    assert_eq!(published(&effects, REPORTED)[0]["online"], false);
    let removed = json!({"data": {"id": "fan", "block": false, "force": false}, "status": "ok"});
    let effects = say(&mut bridge, "bridge/response/device/remove", &removed);
    assert_eq!(published(&effects, REMOVED)[0]["name"], "fan");
    let effects = bridge.message("zigbee2mqtt/bridge/devices", b"[]", true);
    assert_eq!(
        published(&effects, REMOVED).len(),
        26,
        "the others, and the group of them"
    );
    let failed = json!({"data": {}, "status": "error", "error": "no such device"});
    assert!(say(&mut bridge, "bridge/response/device/remove", &failed).is_empty());
}

#[test]
fn two_devices_may_change_their_names_with_one_another() {
    let (mut bridge, _) = bridge();
    let list = DEVICES
        .replace("\"fan\"", "\"?\"")
        .replace("\"siren\"", "\"fan\"")
        .replace("\"?\"", "\"siren\"");
    let effects = bridge.message("zigbee2mqtt/bridge/devices", list.as_bytes(), true);
    assert!(
        !effects.iter().any(|effect| matches!(effect, Effect::Leave(_))),
        "{effects:?}"
    );
    let report = say(&mut bridge, "fan", &json!({"battery": 5}));
    assert_eq!(published(&report, REPORTED)[0]["external_id"], id("siren"));
}

#[test]
fn what_is_malformed_is_left_out_with_a_reason_and_the_rest_is_there() {
    let good = value(DEVICES)[1].clone();
    let cases = value(MALFORMED);
    assert!(cases.as_array().unwrap().len() > 35);
    for case in cases.as_array().unwrap() {
        let list = json!([case[1], good]);
        let listed = network::devices(&list).unwrap();
        let reasons: Vec<_> = listed
            .skipped
            .iter()
            .map(|skipped| skipped.reason.as_str())
            .collect();
        assert_eq!(reasons, [case[2].as_str().unwrap()], "{}", case[0]);
        assert!(
            listed
                .devices
                .iter()
                .any(|device| device.name == "kitchen/ceiling")
        );
        assert!(listed.skipped.iter().all(|skipped| skipped.what.len() < 400));
    }
}

#[test]
fn messages_that_make_no_sense_are_counted() {
    let (mut bridge, _) = bridge();
    for (below, payload, why) in [
        ("bridge/devices", "{", "a payload that is not JSON"),
        ("bridge/devices", "{}", "bridge/devices is no array"),
        ("bridge/groups", "5", "bridge/groups is no array"),
        ("bridge/state", "perhaps", "neither online nor offline"),
        ("bridge/event", "{}", "an event without a type"),
        (
            "bridge/event",
            r#"{"type":"device_leave"}"#,
            "an event without data",
        ),
        (
            "bridge/response/device/rename",
            r#"{"status":"ok","data":{}}"#,
            "a response without names",
        ),
        ("bridge/logging", "{}", "a topic that was not asked for"),
        ("fan", "[1]", "a state that is no object"),
        ("fan", "\u{0}", "a payload that is not JSON"),
        ("nobody", "{}", "a device that is not listed"),
        (
            "fan",
            r#"{"fan_state":7}"#,
            "a value of another kind than the device exposes",
        ),
    ] {
        let before = bridge.counts.refused().get(why).copied().unwrap_or(0);
        bridge.message(&format!("zigbee2mqtt/{below}"), payload.as_bytes(), false);
        assert_eq!(
            bridge.counts.refused().get(why),
            Some(&(before + 1)),
            "{below} {payload}"
        );
    }
    let long = "x".repeat(65 * 1024);
    bridge.message("zigbee2mqtt/fan", long.as_bytes(), false);
    let code = json!({"learned_ir_code": "x".repeat(3_000)});
    say(&mut bridge, "ir blaster", &code);
    bridge.message("elsewhere/fan", b"{}", false);
    let refused = bridge.counts.refused();
    for why in [
        "a message of more than 64 KiB",
        "a value that the house has no room for",
        "a topic of somebody else",
    ] {
        assert_eq!(refused[why], 1, "{why}");
    }
    assert_eq!(bridge.figures().devices, 27, "what was known is known");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Any one value of the lists in place of another: whatever comes of it, nothing panics, and what is published fits
    /// into the house.
    #[test]
    fn spoiled_lists_do_no_harm(seed in 0usize..100_000, with in 0usize..6) {
        let mut list = value(DEVICES);
        let mut count = 0;
        let spoiled = [json!(null), json!(-1e300), json!("\u{0}"), json!([[]]), json!({}), json!(true)];
        let total = leaves(&mut list, &mut count, usize::MAX, &Value::Null);
        count = 0;
        leaves(&mut list, &mut count, seed % total, &spoiled[with]);
        let (mut bridge, _) = bridge();
        let effects = bridge.message("zigbee2mqtt/bridge/devices", list.to_string().as_bytes(), true);
        for found in published(&effects, DISCOVERED) {
            proptest::prop_assert!(found.to_string().len() <= 32 * 1024);
        }
        for (name, fields) in value(STATES).as_object().unwrap() {
            say(&mut bridge, name, fields);
        }
        proptest::prop_assert!(bridge.figures().devices >= 26);
    }
}

/// Counts all values, and replaces the one of this number.
fn leaves(value: &mut Value, count: &mut usize, at: usize, with: &Value) -> usize {
    // The list itself stays one.
    if *count == at && *count > 0 {
        *value = with.clone();
    }
    *count += 1;
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| {
            leaves(item, count, at, with);
        }),
        Value::Object(fields) => fields.values_mut().for_each(|item| {
            leaves(item, count, at, with);
        }),
        _ => {}
    }
    *count
}
