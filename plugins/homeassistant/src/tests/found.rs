use serde_json::{Map, Value, json};

use crate::effect::{DISCOVERED, Effect, REMOVED, REPORTED};
use crate::found::Found;

const DISCOVERY: &str = include_str!("../../tests/fixtures/discovery.json");

fn messages() -> Map<String, Value> {
    serde_json::from_str(DISCOVERY).unwrap()
}

fn found() -> (Found, Vec<Effect>) {
    let mut found = Found::new("core_runtime", vec!["Zigbee2MQTT".into()]);
    for (path, config) in messages() {
        found.discovery(&path, config.to_string().as_bytes());
    }
    let effects = found.settle();
    (found, effects)
}

fn published(effects: &[Effect], wanted: &str) -> Vec<Value> {
    let of = |effect: &Effect| match effect {
        Effect::Publish(topic, payload) if *topic == wanted => Some(payload.clone()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn discovered(id: &str) -> Value {
    let all = published(&found().1, DISCOVERED);
    all.into_iter()
        .find(|found| found["external_id"] == format!("homeassistant-{id}"))
        .unwrap()
}

/// What the house is said last, once these messages came.
fn state(messages: &[(&str, &str)]) -> Value {
    let (mut found, _) = found();
    let mut last = Value::Null;
    for (topic, payload) in messages {
        let reports = published(&found.message(topic, payload.as_bytes()), REPORTED);
        last = reports.into_iter().next_back().unwrap_or(last);
    }
    assert_eq!(found.counts.refused().len(), 0, "{:?}", found.counts);
    last
}

fn command(id: &str, params: Value) -> Result<Vec<(String, String)>, String> {
    let Value::Object(params) = params else { panic!() };
    let command = found()
        .0
        .command(&format!("homeassistant-{id}"), &params)
        .unwrap()?;
    Ok(command
        .messages
        .into_iter()
        .map(|message| (message.topic, message.payload))
        .collect())
}

#[test]
fn entities_of_one_device_are_one_device() {
    let (found, effects) = found();
    assert_eq!(found.figures(), (18, 8));
    assert_eq!(found.counts.refused().len(), 0, "{:?}", found.counts);
    assert!(effects.contains(&Effect::Adopt));
    let bedside = discovered("a4cf12f3b2c1");
    assert_eq!(
        bedside,
        json!({
            "external_id": "homeassistant-a4cf12f3b2c1", "provider": "homeassistant", "name": "bedside", "type": "light",
            "manufacturer": "Espressif", "model": "d1_mini", "room_name": "Bedroom",
            "properties": {
                "on_lamp": {"type": "boolean"},
                "on_relay": {"type": "boolean"},
                "brightness": {"type": "number", "minimum": 0, "maximum": 100, "unit": "%"},
                "color_temp": {"type": "number", "minimum": 153, "maximum": 400, "unit": "mired"},
                "color_rgb": {"type": "object", "properties":
                    {"red": {"type": "number"}, "green": {"type": "number"}, "blue": {"type": "number"}}},
                "color_mode": {"type": "string", "readOnly": true},
                "temperature": {"type": "number", "unit": "°C", "readOnly": true},
                "wifi_signal": {"type": "number", "unit": "dBm", "readOnly": true},
                "motion": {"type": "boolean", "readOnly": true},
                "restart": {"type": "boolean", "writeOnly": true},
                "delay": {"type": "number", "minimum": 0, "maximum": 60, "unit": "s"},
                "mode": {"enum": ["eco", "boost"]},
            },
        })
    );
    for (id, kind, name) in [
        ("1C2E5A", "switch", "Heater plug"),
        ("hall_dimmer", "light", "Hall"),
        ("blind", "cover", "Blind"),
        ("trv", "thermostat", "Radiator"),
        ("door_lock", "lock", "Door"),
        ("attic_fan", "fan", "Attic"),
        ("weather-1", "temperature_sensor", "Weather"),
    ] {
        let found = discovered(id);
        assert_eq!(
            (&found["type"], &found["name"]),
            (&json!(kind), &json!(name)),
            "{id}"
        );
    }
    let weather = discovered("weather-1");
    let names: Vec<_> = weather["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(names, ["humidity", "rain", "temperature"]);
}

#[test]
fn names_do_not_depend_on_the_order() {
    let mut found = Found::new("core_runtime", Vec::new());
    for (path, config) in messages().into_iter().rev() {
        found.discovery(&path, config.to_string().as_bytes());
        found.settle();
    }
    let known = found.announce_all();
    assert!(known.contains(&Effect::Publish(DISCOVERED, discovered("a4cf12f3b2c1"))));
}

#[test]
fn states_are_read() {
    for (messages, expected) in [
        (
            vec![
                ("bedside/status", "online"),
                (
                    "bedside/light/lamp/state",
                    r#"{"state":"ON","brightness":128,"color_mode":"rgb","color":{"r":255,"g":0,"b":10}}"#,
                ),
                ("bedside/sensor/temperature/state", "21.4"),
                ("bedside/binary_sensor/pir/state", "OFF"),
                ("bedside/select/mode/state", "eco"),
            ],
            json!({"on_lamp": true, "brightness": 50, "color_mode": "rgb", "color_rgb": {"red": 255, "green": 0, "blue": 10},
                "temperature": 21.4, "motion": false, "mode": "eco"}),
        ),
        (
            vec![
                ("tasmota_1C2E5A/tele/LWT", "Online"),
                (
                    "tasmota_1C2E5A/tele/STATE",
                    r#"{"Time":"2024-01-01T00:00:00","POWER":"ON"}"#,
                ),
                ("tasmota_1C2E5A/tele/SENSOR", r#"{"ENERGY":{"Power":"1033.27"}}"#),
            ],
            json!({"on": true, "power": 1033.3}),
        ),
        (
            vec![
                ("hall/state", r#"{"power":"off","level":40}"#),
                ("hall/hs", "20,80"),
            ],
            json!({"on": false, "brightness": 40, "color_hs": {"hue": 20, "saturation": 80}}),
        ),
        (
            vec![("blind/position", "204"), ("blind/tilt", "35")],
            json!({"position": 20, "tilt": 35}),
        ),
        (
            vec![("trv", r#"{"local":20.5,"target":21,"mode":"heat","valve":12}"#)],
            json!({"temperature": 20.5, "target": 21, "mode": "heat", "heating": true}),
        ),
        (vec![("door", "LOCKED")], json!({"locked": true})),
        (
            vec![("attic", "ON"), ("attic/speed", "3")],
            json!({"on": true, "speed": 75}),
        ),
        (
            vec![
                ("weather/a", "online"),
                ("weather/b", "1"),
                (
                    "weather/state",
                    r#"{"temperature":3.5,"humidity":91,"rain":true}"#,
                ),
            ],
            json!({"temperature": 3.5, "humidity": 91, "rain": true}),
        ),
        // What is missing, not known or empty says nothing.
        (
            vec![("trv", r#"{"local":20.5,"target":null,"valve":0}"#)],
            json!({"temperature": 20.5, "heating": false}),
        ),
    ] {
        let report = state(&messages);
        assert_eq!(
            (&report["state"], &report["online"]),
            (&expected, &json!(true)),
            "{messages:?}"
        );
    }
}

#[test]
fn availability_is_what_the_topics_say() {
    assert_eq!(
        state(&[("bedside/sensor/temperature/state", "21")])["online"],
        false,
        "nobody said that it is there"
    );
    assert_eq!(
        state(&[("bedside/status", "online"), ("bedside/status", "offline")])["online"],
        false
    );
    let all = [("weather/a", "online"), ("weather/b", "1")];
    assert_eq!(state(&all)["online"], true);
    assert_eq!(state(&all[..1])["online"], false);
    assert_eq!(state(&[all[0], all[1], ("weather/b", "0")])["online"], false);
    // It stays known when the same is discovered anew.
    let (mut found, _) = found();
    found.message("tasmota_1C2E5A/tele/LWT", b"Online");
    for (path, config) in messages() {
        found.discovery(&path, config.to_string().as_bytes());
    }
    assert_eq!(found.settle(), []);
    let reports = published(&found.report_all(), REPORTED);
    let plug = reports
        .iter()
        .find(|report| report["external_id"] == "homeassistant-1C2E5A")
        .unwrap();
    assert_eq!(plug["online"], true);
}

#[test]
fn commands_are_written() {
    for (id, params, expected) in [
        (
            "a4cf12f3b2c1",
            json!({"on_lamp": true, "brightness": 50, "color_rgb": {"red": 1, "green": 2, "blue": 3}}),
            vec![(
                "bedside/light/lamp/command",
                r#"{"brightness":128,"color":{"b":3,"g":2,"r":1},"state":"ON"}"#,
            )],
        ),
        (
            "a4cf12f3b2c1",
            json!({"on_lamp": false}),
            vec![("bedside/light/lamp/command", r#"{"state":"OFF"}"#)],
        ),
        (
            "a4cf12f3b2c1",
            json!({"brightness": 1}),
            vec![("bedside/light/lamp/command", r#"{"brightness":3,"state":"ON"}"#)],
        ),
        (
            "a4cf12f3b2c1",
            json!({"on_relay": true, "delay": 30, "mode": "boost", "restart": true}),
            vec![
                ("bedside/button/restart/command", "PRESS"),
                ("bedside/number/delay/command", "30"),
                ("bedside/select/mode/command", "boost"),
                ("bedside/switch/relay/command", "ON"),
            ],
        ),
        (
            "1C2E5A",
            json!({"on": false}),
            vec![("tasmota_1C2E5A/cmnd/POWER", "OFF")],
        ),
        (
            "hall_dimmer",
            json!({"on": true, "brightness": 40, "color_hs": {"hue": 20, "saturation": 80}}),
            vec![
                ("hall/set", "on"),
                ("hall/brightness/set", "40"),
                ("hall/hs/set", "20,80"),
            ],
        ),
        (
            "blind",
            json!({"position": 20}),
            vec![("blind/position/set", "204")],
        ),
        ("blind", json!({"open": false}), vec![("blind/set", "CLOSE")]),
        ("blind", json!({"stop": true}), vec![("blind/set", "STOP")]),
        (
            "trv",
            json!({"target": 19.5, "mode": "off"}),
            vec![("trv/target/set", "19.5"), ("trv/mode/set", "off")],
        ),
        (
            "door_lock",
            json!({"locked": false}),
            vec![("door/set", "UNLOCK")],
        ),
        ("attic_fan", json!({"speed": 75}), vec![("attic/speed/set", "3")]),
    ] {
        let sent = command(id, params.clone()).unwrap();
        let sent: Vec<_> = sent
            .iter()
            .map(|(topic, payload)| (topic.as_str(), payload.as_str()))
            .collect();
        assert_eq!(sent, expected, "{params}");
    }
}

#[test]
fn commands_that_do_not_fit_are_refused_with_what_is_allowed() {
    for (id, params, why) in [
        (
            "trv",
            json!({"target": 31}),
            "target: 31; allowed is a number from 5 to 30",
        ),
        (
            "trv",
            json!({"mode": "cool"}),
            "mode: \"cool\"; allowed is one of off, heat",
        ),
        ("trv", json!({"heating": true}), "heating: it can only be read"),
        (
            "1C2E5A",
            json!({"on": "ON"}),
            "on: \"ON\"; allowed is true or false",
        ),
        (
            "1C2E5A",
            json!({"on": true, "brightness": 5}),
            "brightness: it has no such property",
        ),
    ] {
        assert_eq!(command(id, params).unwrap_err(), why);
    }
    assert!(found().0.command("homeassistant-nobody", &Map::new()).is_none());
}

#[test]
fn what_nobody_reports_is_so_once_it_is_sent() {
    let (mut found, _) = found();
    let params = Map::from_iter([("stop".to_owned(), json!(true))]);
    let is_so = found
        .command("homeassistant-blind", &params)
        .unwrap()
        .unwrap()
        .is_so;
    assert_eq!(is_so, params);
    assert_eq!(
        published(&found.is_so("homeassistant-blind", is_so), REPORTED)[0]["state"],
        json!({"stop": true})
    );
}

#[test]
fn what_this_program_offers_is_not_taken_back_nor_what_is_ignored() {
    let (mut found, _) = found();
    let before = found.figures();
    let lamp = |unique_id: &str, origin: &str| json!({"cmd_t": "x/set", "uniq_id": unique_id, "o": {"name": origin}, "dev": {"ids": ["x"]}});
    for (path, config) in [
        ("switch/core_runtime/lamp-on", lamp("anything", "anybody")),
        (
            "switch/elsewhere/lamp-on",
            lamp("core_runtime_lamp_on", "anybody"),
        ),
        ("switch/0x0/lamp", lamp("0x0", "Zigbee2MQTT")),
    ] {
        found.discovery(path, config.to_string().as_bytes());
    }
    assert_eq!(
        (found.settle(), found.figures(), found.ignored),
        (vec![], before, 1)
    );
    found.discovery(
        "switch/other/lamp",
        lamp("core_runtimes", "anybody").to_string().as_bytes(),
    );
    assert_eq!(found.figures().0, before.0 + 1, "that is somebody else's");
}

#[test]
fn what_is_not_offered_any_more_is_gone() {
    let (mut found, _) = found();
    found.discovery("light/bedside/lamp", b"");
    let effects = found.settle();
    let bedside = published(&effects, DISCOVERED).remove(0);
    assert_eq!(
        bedside["properties"]["on"],
        json!({"type": "boolean"}),
        "there is one of it now"
    );
    assert!(effects.contains(&Effect::Leave(vec!["bedside/light/lamp/state".into()])));
    found.discovery("cover/blind", b"{");
    assert_eq!(
        (found.settle(), found.figures().1),
        (vec![], 8),
        "what makes no sense changes nothing"
    );
    found.discovery("cover/blind", b"");
    let removed = json!({"external_id": "homeassistant-blind", "provider": "homeassistant"});
    assert_eq!(published(&found.settle(), REMOVED), [removed]);
    let refused = found.command("homeassistant-blind", &Map::new()).unwrap();
    assert_eq!(refused.unwrap_err(), "nobody offers it any more");
    let mut weather = messages()["device/weather"].clone();
    weather["cmps"]["rain"] = json!({"p": "binary_sensor"});
    found.discovery("device/weather", weather.to_string().as_bytes());
    let effects = found.settle();
    assert_eq!(
        published(&effects, DISCOVERED)[0]["properties"]
            .as_object()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn what_makes_no_sense_is_left_out_with_a_reason() {
    let (mut found, _) = found();
    let before = found.figures();
    let topic = |more: Value| {
        let mut config = json!({"stat_t": "a", "cmd_t": "b", "uniq_id": "u"});
        config
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        config.to_string()
    };
    for (path, payload, why) in [
        ("sensor/x", "{".to_owned(), "a discovery that is not JSON"),
        ("sensor/x", "[]".into(), "a discovery that is no object"),
        (
            "sensor/x",
            format!("\"{}\"", "x".repeat(70_000)),
            "a discovery of more than 64 KiB",
        ),
        ("a/b/c/d", "{}".into(), "a topic of another form"),
        (
            "vacuum/x",
            topic(json!({})),
            "the component \"vacuum\" is not known",
        ),
        (
            "sensor/x",
            topic(json!({"stat_t": null})),
            "state_topic is missing",
        ),
        (
            "sensor/x",
            topic(json!({"stat_t": "a/#"})),
            "state_topic is no topic",
        ),
        ("sensor/x", topic(json!({"stat_t": 5})), "state_topic is no topic"),
        (
            "sensor/x",
            topic(json!({"val_tpl": 5})),
            "value_template is no text",
        ),
        (
            "sensor/x",
            topic(json!({"val_tpl": "{{ states('x') }}"})),
            "value_template: a template with states, which is not known",
        ),
        (
            "switch/x",
            topic(json!({"cmd_t": null})),
            "command_topic is missing",
        ),
        ("select/x", topic(json!({})), "a select without options"),
        ("number/x", topic(json!({"min": "a"})), "min is no number"),
        (
            "light/x",
            topic(json!({"schema": "template"})),
            "lights of the schema \"template\" are not known",
        ),
        ("light/x", topic(json!({"bri_scl": 0})), "brightness_scale is 0"),
        ("cover/x", "{}".into(), "a cover without topics"),
        ("climate/x", "{}".into(), "a climate without topics"),
        (
            "sensor/x",
            topic(json!({"dev": {"ids": "\n"}})),
            "an identifier that is too long or not printable",
        ),
        ("sensor/x", topic(json!({"avty": [{}]})), "topic is missing"),
        ("device/x", "{}".into(), "components is missing, or no object"),
        (
            "device/x",
            r#"{"cmps":{"a":5}}"#.into(),
            "a component that is no object",
        ),
        (
            "device/x",
            r#"{"cmps":{"a":{"stat_t":"a","x":1}}}"#.into(),
            "a component without a platform",
        ),
    ] {
        let seen = found.counts.refused().get(why).copied().unwrap_or(0);
        found.discovery(path, payload.as_bytes());
        assert_eq!(
            found.counts.refused().get(why),
            Some(&(seen + 1)),
            "{path} {why}: {:?}",
            found.counts
        );
    }
    assert_eq!((found.settle(), found.figures()), (vec![], before));
    for (topic, payload, why) in [
        (
            "bedside/light/lamp/state",
            "ON".as_bytes(),
            "a state of a light that is not JSON",
        ),
        (
            "bedside/sensor/temperature/state",
            b"warm",
            "a value that is no number",
        ),
        ("hall/hs", b"1,2,3", "a colour of another number of parts"),
        (
            "door",
            b"\xff",
            "a message that is no text, or of more than 16 KiB",
        ),
    ] {
        found.message(topic, payload);
        assert_eq!(found.counts.refused().get(why), Some(&1), "{why}");
    }
    assert_eq!(found.message("nobody/reads/this", b"1"), []);
}

#[test]
fn there_is_an_end_of_what_is_taken_in() {
    let mut found = Found::new("core_runtime", Vec::new());
    for number in 0..2_100 {
        let config = json!({"stat_t": format!("s/{number}"), "uniq_id": number.to_string(), "dev": {"ids": format!("{}", number % 10)}});
        found.discovery(&format!("sensor/n{number}"), config.to_string().as_bytes());
    }
    let effects = found.settle();
    assert_eq!(found.figures(), (2_000, 10));
    for discovery in published(&effects, DISCOVERED) {
        assert_eq!(discovery["properties"].as_object().unwrap().len(), 60);
        assert!(discovery.to_string().len() < 32 * 1024);
    }
    let refused = found.counts.refused();
    assert_eq!(refused["more entities than there is room for"], 100);
    assert_eq!(refused["a property that a device has no room for"], 1_400);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Any one value of any message in place of another: nothing panics, and the other devices are there.
    #[test]
    fn spoiled_messages_do_no_harm(seed in 0usize..100_000, with in 0usize..6) {
        let mut all = Value::Object(messages());
        let spoiled = [json!(null), json!(-1e300), json!("\u{0}"), json!([[]]), json!({}), json!(true)];
        let total = walk(&mut all, &mut 0, usize::MAX, &Value::Null);
        walk(&mut all, &mut 0, seed % total, &spoiled[with]);
        let mut found = Found::new("core_runtime", Vec::new());
        for (path, config) in all.as_object().unwrap() {
            found.discovery(path, config.to_string().as_bytes());
        }
        let effects = found.settle();
        proptest::prop_assert!(published(&effects, DISCOVERED).len() >= 7);
        for topic in ["trv", "hall/state", "blind/position", "weather/state"] {
            found.message(topic, b"{\"local\":1}");
        }
    }
}

/// Counts all values but the outermost, and replaces the one of this number.
fn walk(value: &mut Value, count: &mut usize, at: usize, with: &Value) -> usize {
    if *count == at && *count > 0 {
        *value = with.clone();
    }
    *count += 1;
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| {
            walk(item, count, at, with);
        }),
        Value::Object(fields) => fields.values_mut().for_each(|item| {
            walk(item, count, at, with);
        }),
        _ => {}
    }
    *count
}
