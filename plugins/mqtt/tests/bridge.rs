//! What needs no broker.

use mqtt::Mqtt;
use plugin_kit::schema::Described;
use plugin_kit::test::{TestRuntime, bad_inputs};
use serde_json::{Value, json};

/// A port at which nobody listens.
const NOWHERE: &str = "mqtt://127.0.0.1:1";

fn started(settings: Value) -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<Mqtt>(settings);
    rt.start().unwrap();
    rt
}

fn refusal(settings: Value) -> String {
    let mut rt = TestRuntime::new();
    rt.add::<Mqtt>(settings);
    rt.start().unwrap_err().message().to_owned()
}

#[test]
fn a_mistake_in_the_settings_names_the_key() {
    for (settings, expected) in [
        (
            json!({"broker": "localhost"}),
            r#"broker is "localhost"; allowed is mqtt://"#,
        ),
        (
            json!({"broker": NOWHERE, "version": "4"}),
            r#"version is "4"; allowed is "5" or "3.1.1""#,
        ),
        (
            json!({"broker": NOWHERE, "queue": 0}),
            "queue is 0; allowed is a whole number from 1",
        ),
        (
            json!({"broker": NOWHERE, "availability": "a/#"}),
            r#"availability is "a/#""#,
        ),
        (
            json!({"broker": NOWHERE, "password": "secret"}),
            "password is no setting; there are: broker",
        ),
        (
            json!({"broker": NOWHERE, "rules": [{"from_broker": "+", "to_topic": "a"}]}),
            "rules[0].from_broker",
        ),
        (json!({"broker": 5}), "broker is 5"),
    ] {
        let error = refusal(settings);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_a_broker_that_is_away_does_not_get_is_counted_exactly() {
    let rules = json!([{"from_topic": "device.>", "to_broker": "home/#"}]);
    let mut rt = started(json!({"broker": NOWHERE, "queue": 100, "rules": rules}));
    for number in 0..1_500 {
        rt.publish("device.lamp", &number).unwrap();
    }
    rt.publish("device.50%", &0).unwrap();
    let status = rt.call("mqtt.status", &()).unwrap();
    let (connection, bridged) = (&status["connection"], &status["bridged"]);
    assert_eq!(
        bridged["to_broker"],
        json!(1_500 - bridged["lost_events"].as_u64().unwrap())
    );
    assert_eq!(bridged["not_mapped"], 1);
    assert_eq!(connection["queued"], 100);
    assert_eq!(
        connection["dropped"],
        json!(bridged["to_broker"].as_u64().unwrap() - 100)
    );
    assert_eq!(
        (&connection["sent"], &connection["connected"]),
        (&json!(0), &json!(false))
    );
}

#[test]
fn arguments_that_do_not_fit_are_refused_with_the_value() {
    let mut rt = started(json!({"broker": NOWHERE}));
    for (args, expected) in [
        (json!({"topic": "a/+", "payload": 1}), r#"topic is "a/+""#),
        (json!({"topic": "", "payload": 1}), r#"topic is """#),
        (json!({"topic": "a", "qos": 3}), "qos is 3; allowed is 0, 1 or 2"),
        (
            json!({"topic": "a", "payload": {}, "encoding": "base64"}),
            "a string in base64 is wanted",
        ),
        (json!({"topic": "a", "retained": true}), "retained"),
        (json!({}), "topic"),
    ] {
        let error = rt.call("mqtt.publish", &args).unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert!(error.message().contains(expected), "{error}");
    }
    let status = rt.call("mqtt.status", &()).unwrap();
    assert_eq!(status["connection"]["queued"], 0);
}

#[test]
fn bad_inputs_made_from_the_schemas_are_all_refused() {
    let mut rt = started(json!({"broker": NOWHERE}));
    let mut tried = 0;
    for service in Mqtt::services() {
        // A payload is any JSON.
        let is_good = |what: &str| what.contains("payload is ");
        for bad in bad_inputs(&service).into_iter().filter(|bad| !is_good(&bad.what)) {
            let error = rt.call(service.name, &bad.args).expect_err(&bad.what);
            assert_eq!(error.code(), "invalid_argument", "{}: {error}", bad.what);
            tried += 1;
        }
    }
    println!("{tried} bad inputs");
    assert!(tried > 40, "{tried}");
    let status = rt.call("mqtt.status", &()).unwrap();
    assert_eq!(status["connection"]["queued"], 0);
}
