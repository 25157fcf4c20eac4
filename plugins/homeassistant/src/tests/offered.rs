use serde_json::{Map, Value, json};

use crate::effect::Effect;
use crate::offered::{LeftOut, Offered};
use crate::own::{Own, Said};
use crate::status::Counts;

const ZIGBEE: &str = include_str!("../../tests/fixtures/properties.json");

fn offered() -> Offered {
    Offered::new("homeassistant", "core_runtime", LeftOut::default())
}

fn own(id: &str, kind: &str, reported: Value, properties: Option<Value>) -> Own {
    let said = |properties: Value| Said {
        provider: "zigbee2mqtt".into(),
        manufacturer: Some("IKEA".into()),
        model: Some("LED1".into()),
        properties: properties.as_object().unwrap().clone(),
        ..Said::default()
    };
    Own {
        id: id.into(),
        name: format!("The {id}"),
        kind: kind.into(),
        room: Some("Kitchen".into()),
        online: true,
        reported: reported.as_object().unwrap().clone(),
        said: properties.map(said),
    }
}

/// What is sent, by topic: JSON where it is, and `null` for what is cleared.
fn sent(effects: &[Effect]) -> Map<String, Value> {
    let of = |effect: &Effect| match effect {
        Effect::Send(topic, payload, true) => {
            let value = match payload.as_str() {
                "" => Value::Null,
                text => serde_json::from_str(text).unwrap_or(json!(text)),
            };
            (topic.clone(), value)
        }
        other => panic!("{other:?}"),
    };
    effects.iter().map(of).collect()
}

/// The configuration of an entity, without what all have.
fn config(device: Own, entity: &str) -> Value {
    let slug = crate::names::slug(&device.id);
    let topics = sent(&offered().refresh(vec![device]));
    let (component, key) = entity.split_once('/').unwrap();
    let topic = format!("homeassistant/{component}/core_runtime/{slug}-{key}/config");
    let mut config = topics
        .get(&topic)
        .unwrap_or_else(|| panic!("{topic} is not in {:?}", topics.keys()))
        .clone();
    for common in [
        "unique_id",
        "availability",
        "availability_mode",
        "qos",
        "device",
        "origin",
    ] {
        assert!(
            config.as_object_mut().unwrap().remove(common).is_some(),
            "{common}"
        );
    }
    config
}

/// The entities of a device, as `component/key`.
fn entities(device: Own) -> Vec<String> {
    let slug = crate::names::slug(&device.id);
    let topics = sent(&offered().refresh(vec![device]));
    let configs = topics
        .keys()
        .filter_map(|topic| topic.strip_prefix("homeassistant/")?.strip_suffix("/config"));
    configs
        .map(|path| path.replace(&format!("core_runtime/{slug}-"), ""))
        .collect()
}

fn zigbee(kind: &str) -> Own {
    let all: Value = serde_json::from_str(ZIGBEE).unwrap();
    own("thing", kind, json!({}), Some(all[kind].clone()))
}

#[test]
fn a_device_has_its_entities() {
    for (device, expected) in [
        (own("lamp", "light", json!({}), None), vec!["light/light"]),
        (
            own("lamp", "light", json!({"on": true, "brightness": 5}), None),
            vec!["light/light"],
        ),
        (
            own("door", "door_sensor", json!({"open": true}), None),
            vec!["binary_sensor/open"],
        ),
        (
            own(
                "plug",
                "generic",
                json!({"on": true, "power": 5, "name": "x", "a": [1]}),
                None,
            ),
            vec!["sensor/name", "sensor/power", "switch/on"],
        ),
        (
            own(
                "heat",
                "thermostat",
                json!({"temperature": 20.5, "target": 21, "heating": true}),
                None,
            ),
            vec!["binary_sensor/heating", "climate/climate", "sensor/temperature"],
        ),
        (
            zigbee("light"),
            vec!["light/light", "select/power_on_behavior", "sensor/linkquality"],
        ),
        (
            zigbee("switch"),
            vec![
                "binary_sensor/update",
                "select/mode_left",
                "sensor/action",
                "sensor/power",
                "switch/child_lock",
                "switch/on_left",
                "switch/on_right",
            ],
        ),
        (zigbee("cover"), vec!["cover/cover", "sensor/battery"]),
        (
            zigbee("thermostat"),
            vec![
                "binary_sensor/heating",
                "climate/climate",
                "number/offset",
                "sensor/temperature",
            ],
        ),
        (zigbee("lock"), vec!["button/ring", "lock/locked"]),
        (zigbee("dimmers"), vec!["light/light_l1", "light/light_l2"]),
    ] {
        assert_eq!(entities(device.clone()), expected, "{device:?}");
    }
}

#[test]
fn entities_say_what_they_are() {
    let topic = "core_runtime/thing/state";
    let color = json!({"schema": "json", "name": null, "state_topic": "core_runtime/thing/light", "command_topic": "core_runtime/thing/set/light",
        "color_mode": true, "supported_color_modes": ["xy", "color_temp"], "brightness": true, "brightness_scale": 100,
        "min_mireds": 150, "max_mireds": 500});
    assert_eq!(config(zigbee("light"), "light/light"), color);
    for (kind, entity, expected) in [
        (
            "light",
            "sensor/linkquality",
            json!({"name": "Linkquality", "state_topic": topic, "unit_of_measurement": "lqi",
            "value_template": "{{ value_json.get(\"linkquality\") }}", "state_class": "measurement", "entity_category": "diagnostic"}),
        ),
        (
            "switch",
            "sensor/power",
            json!({"name": "Power", "state_topic": topic, "unit_of_measurement": "W", "device_class": "power",
            "state_class": "measurement", "value_template": "{{ value_json.get(\"power\") }}"}),
        ),
        (
            "switch",
            "switch/on_left",
            json!({"name": "On left", "state_topic": topic, "command_topic": "core_runtime/thing/set/on_left",
            "value_template": "{{ {True: 'ON', False: 'OFF'}.get(value_json.get(\"on_left\"), 'None') }}"}),
        ),
        (
            "thermostat",
            "number/offset",
            json!({"name": "Offset", "state_topic": topic, "command_topic": "core_runtime/thing/set/offset",
            "value_template": "{{ value_json.get(\"offset\") }}", "min": -5.0, "max": 5.0, "step": 0.1, "mode": "box", "entity_category": "config", "unit_of_measurement": "°C"}),
        ),
        (
            "cover",
            "cover/cover",
            json!({"name": null, "command_topic": "core_runtime/thing/set/cover", "position_topic": topic,
            "position_template": "{{ '' if value_json.get(\"position\") is none else value_json.get(\"position\") }}",
            "set_position_topic": "core_runtime/thing/set/position"}),
        ),
        (
            "thermostat",
            "climate/climate",
            json!({"name": null, "temperature_unit": "C", "temperature_state_topic": topic,
            "temperature_state_template": "{{ value_json.get(\"target\") }}", "temperature_command_topic": "core_runtime/thing/set/target",
            "min_temp": 5.0, "max_temp": 30.0, "temp_step": 0.5, "current_temperature_topic": topic,
            "current_temperature_template": "{{ value_json.get(\"temperature\") }}", "modes": ["off", "heat", "auto"],
            "mode_state_topic": topic, "mode_state_template": "{{ value_json.get(\"mode\") }}", "mode_command_topic": "core_runtime/thing/set/mode",
            "action_topic": topic, "action_template": "{{ {True: 'heating', False: 'idle'}.get(value_json.get(\"heating\"), 'None') }}"}),
        ),
    ] {
        assert_eq!(config(zigbee(kind), entity), expected, "{kind} {entity}");
    }
}

#[test]
fn entities_of_a_device_belong_together() {
    let topics = sent(&offered().refresh(vec![own(
        "lamp",
        "light",
        json!({"on": true}),
        Some(json!({"on": {"type": "boolean"}})),
    )]));
    let config = &topics["homeassistant/light/core_runtime/lamp-light/config"];
    assert_eq!(config["unique_id"], "core_runtime_lamp_light");
    let device = json!({"identifiers": ["core_runtime_lamp"], "name": "The lamp", "manufacturer": "IKEA", "model": "LED1", "suggested_area": "Kitchen"});
    assert_eq!(config["device"], device);
    assert_eq!(
        config["availability"],
        json!([{"topic": "core_runtime/status"}, {"topic": "core_runtime/lamp/availability"}])
    );
    assert_eq!(topics["core_runtime/lamp/availability"], "online");
    assert_eq!(topics["core_runtime/lamp/state"], json!({"on": true}));
    assert_eq!(topics["core_runtime/lamp/light"], json!({"state": "ON"}));
}

#[test]
fn only_what_changed_is_published() {
    let mut offered = offered();
    let lamp = own("lamp", "light", json!({"on": true}), None);
    offered.refresh(vec![lamp.clone()]);
    assert_eq!(offered.refresh(vec![lamp.clone()]), []);
    let on = |on: bool| json!({"on": on}).as_object().unwrap().clone();
    let effects = offered.changed("lamp", on(false)).unwrap();
    assert_eq!(
        json!(sent(&effects)),
        json!({"core_runtime/lamp/state": {"on": false}, "core_runtime/lamp/light": {"state": "OFF"}})
    );
    assert_eq!(offered.changed("lamp", on(false)).unwrap(), []);
    assert_eq!(
        json!(sent(&offered.online("lamp", false).unwrap())),
        json!({"core_runtime/lamp/availability": "offline"})
    );
    assert_eq!(offered.changed("nobody", on(true)), None);
    assert_eq!(sent(&offered.again()).len(), 4);

    // Another name is another configuration; one that is gone is cleared.
    let renamed = Own {
        name: "Ceiling".into(),
        reported: on(false),
        online: false,
        ..lamp
    };
    let effects = sent(&offered.refresh(vec![renamed]));
    assert_eq!(effects.len(), 1);
    assert_eq!(
        effects["homeassistant/light/core_runtime/lamp-light/config"]["device"]["name"],
        "Ceiling"
    );
    let gone = json!({
        "homeassistant/light/core_runtime/lamp-light/config": null, "core_runtime/lamp/state": null,
        "core_runtime/lamp/light": null, "core_runtime/lamp/availability": null,
    });
    assert_eq!(json!(sent(&offered.refresh(Vec::new()))), gone);
}

#[test]
fn a_device_that_reports_more_has_more() {
    let mut offered = offered();
    offered.refresh(vec![own("lamp", "light", json!({"on": true}), None)]);
    let more = json!({"on": true, "brightness": 5, "power": 2});
    let effects = sent(
        &offered
            .changed("lamp", more.as_object().unwrap().clone())
            .unwrap(),
    );
    assert_eq!(
        effects["homeassistant/light/core_runtime/lamp-light/config"]["brightness"],
        true
    );
    assert!(effects.contains_key("homeassistant/sensor/core_runtime/lamp-power/config"));
    assert_eq!(offered.figures(), (1, 2));
}

#[test]
fn lights_are_said_as_home_assistant_reads_them() {
    for (reported, expected) in [
        (
            json!({"on": true, "brightness": 50}),
            json!({"state": "ON", "brightness": 50}),
        ),
        (json!({}), json!({"state": null})),
        (
            json!({"on": true, "color_xy": {"x": 0.3, "y": 0.4}, "color_temp": 300, "color_mode": "xy"}),
            json!({"state": "ON", "color_temp": 300, "color_mode": "xy", "color": {"x": 0.3, "y": 0.4}}),
        ),
        (
            json!({"on": true, "color_xy": {"x": 0.3, "y": 0.4}, "color_temp": 300, "color_mode": "color_temp"}),
            json!({"state": "ON", "color_temp": 300, "color_mode": "color_temp", "color": {"x": 0.3, "y": 0.4}}),
        ),
        (
            json!({"on": false, "color_hs": {"hue": 20, "saturation": 80}}),
            json!({"state": "OFF", "color_mode": "hs", "color": {"h": 20, "s": 80}}),
        ),
        (
            json!({"on": true, "color_temp": 250}),
            json!({"state": "ON", "color_temp": 250, "color_mode": "color_temp"}),
        ),
    ] {
        assert_eq!(
            crate::values::light(reported.as_object().unwrap(), ""),
            expected,
            "{reported}"
        );
    }
}

#[test]
fn commands_become_states_that_are_wanted() {
    for (kind, key, payload, expected) in [
        (
            "light",
            "light",
            r#"{"state":"ON","brightness":40,"color":{"x":0.3,"y":0.4},"transition":2}"#,
            json!({"on": true, "brightness": 40, "color_xy": {"x": 0.3, "y": 0.4}}),
        ),
        ("light", "light", r#"{"state":"OFF"}"#, json!({"on": false})),
        (
            "light",
            "light",
            r#"{"state":"ON","color_temp":300}"#,
            json!({"on": true, "color_temp": 300}),
        ),
        (
            "dimmers",
            "light_l2",
            r#"{"state":"ON","brightness":4}"#,
            json!({"on_l2": true, "brightness_l2": 4}),
        ),
        (
            "light",
            "power_on_behavior",
            "previous",
            json!({"power_on_behavior": "previous"}),
        ),
        ("switch", "on_left", "ON", json!({"on_left": true})),
        ("cover", "cover", "OPEN", json!({"open": true})),
        ("cover", "cover", "STOP", json!({"stop": true})),
        ("cover", "position", "42", json!({"position": 42})),
        ("thermostat", "target", "20.5", json!({"target": 20.5})),
        ("thermostat", "mode", "heat", json!({"mode": "heat"})),
        ("lock", "locked", "OFF", json!({"locked": false})),
        ("lock", "ring", "ON", json!({"ring": true})),
    ] {
        let (mut offered, mut counts) = (offered(), Counts::default());
        offered.refresh(vec![zigbee(kind)]);
        let topic = format!("core_runtime/thing/set/{key}");
        let effects = offered.command(&topic, payload.as_bytes(), false, &mut counts);
        assert_eq!(
            effects,
            Some(vec![Effect::SetState("thing".into(), expected)]),
            "{kind} {key}: {counts:?}"
        );
    }
}

#[test]
fn commands_that_make_no_sense_are_counted() {
    let (mut offered, mut counts) = (offered(), Counts::default());
    offered.refresh(vec![zigbee("light"), own("plug", "switch", json!({}), None)]);
    for (topic, payload, why) in [
        (
            "core_runtime/plug/set/on",
            "on",
            "a command that is neither ON nor OFF",
        ),
        (
            "core_runtime/plug/set/power",
            "ON",
            "a command for what a device does not have",
        ),
        (
            "core_runtime/nobody/set/on",
            "ON",
            "a command for a device that is not offered",
        ),
        (
            "core_runtime/thing/set/light",
            "ON",
            "a command of a light that is not JSON",
        ),
        (
            "core_runtime/thing/set/light",
            "{}",
            "a command of a light without ON and OFF",
        ),
        (
            "core_runtime/thing/set/light",
            r#"{"state":"ON","brightness":"x"}"#,
            "a command of a light with what is no number",
        ),
    ] {
        assert_eq!(
            offered.command(topic, payload.as_bytes(), false, &mut counts),
            Some(vec![])
        );
        assert_eq!(counts.refused().get(why), Some(&1), "{counts:?}");
    }
    assert_eq!(
        offered.command("core_runtime/plug/set/on", b"ON", true, &mut counts),
        Some(vec![])
    );
    assert_eq!(
        offered.command("core_runtime/plug/set/on", b"\xff", false, &mut counts),
        Some(vec![])
    );
    assert_eq!(counts.refused().len(), 8);
    assert_eq!(
        offered.command("core_runtime/plug/state", b"{}", false, &mut counts),
        None
    );
    assert_eq!(
        offered.command("elsewhere/plug/set/on", b"ON", false, &mut counts),
        None
    );
}

#[test]
fn what_was_offered_once_is_taken_back_once_it_is_known_what_there_is() {
    let mut offered = offered();
    let config = json!({"state_topic": "core_runtime/old/light", "availability": [{"topic": "core_runtime/status"}, {"topic": "core_runtime/old/availability"}]});
    let config = config.to_string();
    assert_eq!(
        offered.heard("light/core_runtime/old-light", config.as_bytes()),
        [],
        "it may be there"
    );
    assert_eq!(offered.heard("light/others/old-light", config.as_bytes()), []);
    let effects = sent(&offered.refresh(vec![own("lamp", "light", json!({}), None)]));
    let gone: Vec<_> = effects
        .iter()
        .filter(|(_, value)| value.is_null())
        .map(|(topic, _)| topic.as_str())
        .collect();
    assert_eq!(
        gone,
        [
            "core_runtime/old/availability",
            "core_runtime/old/light",
            "homeassistant/light/core_runtime/old-light/config"
        ]
    );
    assert_eq!(
        offered.heard("light/core_runtime/lamp-light", config.as_bytes()),
        [],
        "that is there"
    );
    let late = sent(&offered.heard("switch/core_runtime/lamp-on", b"not JSON"));
    assert_eq!(
        json!(late),
        json!({"homeassistant/switch/core_runtime/lamp-on/config": null})
    );
}

#[test]
fn what_was_found_is_not_offered_nor_what_is_left_out() {
    let left_out = LeftOut {
        ids: ["secret".to_owned()].into(),
        providers: ["zigbee2mqtt".to_owned()].into(),
    };
    let mut offered = Offered::new("homeassistant", "core_runtime", left_out);
    let said = |id: &str, provider: &str| Said {
        external_id: id.into(),
        provider: provider.into(),
        ..Said::default()
    };
    assert!(offered.hear(said("zigbee2mqtt-1", "zigbee2mqtt")) && offered.hear(said("sim-1", "sim")));
    assert!(!offered.hear(said("sim-1", "sim")), "that is known");
    assert!(!offered.hear(said("homeassistant-1", "homeassistant")));
    for (id, external, is_offered) in [
        ("lamp", "sim-1", true),
        ("lamp", "nobody-1", true),
        ("lamp", "homeassistant-1", false),
        ("lamp", "zigbee2mqtt-1", false),
        ("secret", "sim-1", false),
    ] {
        assert_eq!(
            offered.is_offered(id, &[external.to_owned()]),
            is_offered,
            "{id} {external}"
        );
    }
    assert!(offered.is_offered("lamp", &[]));
}

#[test]
fn names_that_topics_have_no_room_for() {
    let topics = sent(&offered().refresh(vec![own("лампа/+#", "light", json!({}), None)]));
    for topic in topics.keys() {
        assert!(topic.is_ascii() && !topic.contains(['+', '#']), "{topic}");
    }
    let fields = own("x", "generic", json!({"a \"b\" }}": 5, "a/b": true}), None);
    let configs = sent(&offered().refresh(vec![fields]));
    let templates: Vec<_> = configs
        .values()
        .filter_map(|config| config["value_template"].as_str())
        .collect();
    assert!(
        templates.contains(&r#"{{ value_json.get("a \"b\" }}") }}"#),
        "{templates:?}"
    );
}
