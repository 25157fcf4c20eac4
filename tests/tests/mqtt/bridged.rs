//! What is bridged, and what is not.

use serde_json::{Value, json};
use tests::mqtt::{Broker, free_port};

use crate::support::{House, until};

fn settings(broker: &str, version: &str) -> String {
    format!(
        r#"broker = "{broker}"
version = "{version}"
availability = "home/status"
reconnect_max_s = 1
rules = [
    {{ from_broker = "in/+/state", to_topic = "in.*.state" }},
    {{ from_broker = "text/#", to_topic = "text.>", qos = 0, payload = "text" }},
    {{ from_broker = "raw/+", to_topic = "raw.*", qos = 2, payload = "base64" }},
    {{ from_topic = "out.>", to_broker = "out/#", qos = 2 }},
    {{ from_topic = "kept.*", to_broker = "kept/+", retain = true, payload = "text" }},
]"#
    )
}

fn both_directions(version: &str) {
    let broker = Broker::start().unwrap();
    let house = House::start(&[("mqtt", &settings(&broker.address(), version))]);
    house.until_connected("mqtt");

    // To the bus.
    let publish = |topic: &str, payload: &str, qos: &str| {
        broker
            .run("mosquitto_pub", &["-t", topic, "-m", payload, "-q", qos])
            .unwrap();
    };
    publish("in/hall/state", r#"{"on":true}"#, "1");
    publish("in/a b//state", "1", "1");
    publish("in/a b.c/state", "2", "2");
    publish("in/hall/state", "no json", "1");
    publish("text/1.5//x", "21 °C", "0");
    publish("raw/x", "\u{7}", "2");
    let expected = [
        ("in.hall.state", json!({"on": true})),
        ("in.a%20b%2Ec.state", json!(2)),
        ("text.1%2E5.%.x", json!("21 °C")),
        ("raw.x", json!("Bw==")),
    ];
    for (topic, payload) in expected {
        assert_eq!(house.events(topic, 1), [(topic.to_owned(), payload)]);
    }
    // A level more is another topic.
    assert_eq!(house.status("mqtt")["bridged"]["to_bus"], 4);
    assert_eq!(house.status("mqtt")["bridged"]["bad_payload"], 1);

    // To the broker, each QoS; what is retained is there for who comes later.
    let listener = broker
        .begin(
            "mosquitto_sub",
            &["-t", "out/#", "-q", "2", "-C", "2", "-W", "30", "-v"],
        )
        .unwrap();
    until("the listener has subscribed", || {
        house.publish("out.a%20b.x", &json!({"n": 1}));
        let status = house.status("mqtt");
        (status["connection"]["acknowledged"].as_u64() >= Some(3)).then_some(())
    });
    let heard = String::from_utf8(listener.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(heard.lines().next(), Some(r#"out/a b/x {"n":1}"#), "{heard}");
    house.publish("kept.lamp", &json!("on"));
    house.publish("kept.50%", &json!("on"));
    house.publish("kept.x", &json!({}));
    let qos = |qos: u8| {
        house.call(
            "mqtt.publish",
            &json!({"topic": format!("called/{qos}"), "payload": "x", "qos": qos, "retain": true}),
        )
    };
    for level in 0..3 {
        assert_eq!(qos(level).unwrap(), Value::Null);
    }
    let kept = broker
        .run(
            "mosquitto_sub",
            &["-t", "kept/#", "-C", "1", "-W", "30", "-F", "%t %r %q %p"],
        )
        .unwrap();
    assert_eq!(kept, "kept/lamp 1 0 on");
    let called = broker.run(
        "mosquitto_sub",
        &[
            "-t", "called/+", "-q", "2", "-C", "3", "-W", "30", "-F", "%t %q %p",
        ],
    );
    assert_eq!(called.unwrap(), "called/0 0 x\ncalled/1 1 x\ncalled/2 2 x");
    let status = house.status("mqtt");
    assert_eq!(status["bridged"]["not_mapped"], 1, "{status}");
    assert_eq!(status["bridged"]["bad_payload"], 2, "{status}");
    assert_eq!(status["connection"]["in_flight"], 0, "{status}");
    assert_eq!(status["connection"]["dropped"], 0, "{status}");
}

#[test]
fn both_directions_with_mqtt_5() {
    both_directions("5");
}

#[test]
fn both_directions_with_mqtt_3() {
    both_directions("3.1.1");
}

#[test]
fn the_last_will_says_that_the_program_was_killed() {
    let broker = Broker::start().unwrap();
    let mut house = House::start(&[("mqtt", &settings(&broker.address(), "5"))]);
    let status = |expected: &str| {
        until(expected, || {
            let heard = broker.run("mosquitto_sub", &["-t", "home/status", "-C", "1", "-W", "5"]);
            (heard.as_deref() == Ok(expected)).then_some(())
        });
    };
    status("online");
    house.0.kill();
    status("offline");
    house.0.start_again().unwrap();
    status("online");
    // One that leaves says so itself.
    assert_eq!(house.0.terminate().unwrap(), Some(0));
    status("offline");
}

#[test]
fn a_retained_message_is_published_once() {
    let mut broker =
        Broker::new("allow_anonymous true\npersistence true\npersistence_location FOLDER/\n").unwrap();
    broker.start_again().unwrap();
    broker
        .run(
            "mosquitto_pub",
            &["-t", "in/hall/state", "-m", "7", "-r", "-q", "1"],
        )
        .unwrap();
    broker.save().unwrap();
    let house = House::start(&[("mqtt", &settings(&broker.address(), "3.1.1"))]);
    assert_eq!(house.events("in.hall.state", 1)[0].1, json!(7));
    for round in 1..=2 {
        broker.kill();
        broker.start_again().unwrap();
        until("it comes again, and is passed over", || {
            (house.status("mqtt")["bridged"]["retained_passed"] == round).then_some(())
        });
    }
    assert_eq!(house.status("mqtt")["bridged"]["to_bus"], 1);
}

#[test]
fn a_broker_that_comes_late_gets_what_waited_and_what_did_not_wait_is_counted() {
    let port = free_port().unwrap();
    let address = format!("mqtt://127.0.0.1:{port}");
    let rules = r#"rules = [{ from_topic = "out.*", to_broker = "out/+", retain = true }]"#;
    let house = House::start(&[(
        "mqtt",
        &format!("broker = \"{address}\"\nqueue = 3\nreconnect_max_s = 1\n{rules}"),
    )]);
    for number in 0..5 {
        house.publish(&format!("out.{number}"), &json!(number));
    }
    let status = house.status("mqtt");
    assert_eq!(status["connection"]["dropped"], 2, "{status}");
    assert!(
        status["connection"]["last_error"]
            .as_str()
            .unwrap()
            .contains("refused"),
        "{status}"
    );
    let broker = Broker::at(port, "allow_anonymous true\n").unwrap();
    let heard = broker
        .run("mosquitto_sub", &["-t", "out/+", "-C", "3", "-W", "30"])
        .unwrap();
    let mut heard: Vec<_> = heard.lines().collect();
    heard.sort_unstable();
    assert_eq!(heard, ["2", "3", "4"]);
    until("all are acknowledged", || {
        let status = house.status("mqtt");
        (status["connection"]["acknowledged"] == 3 && status["connection"]["dropped"] == 2).then_some(())
    });
}

#[test]
fn two_brokers_are_two_plugins_and_nothing_goes_round() {
    let (one, two) = (Broker::start().unwrap(), Broker::start().unwrap());
    let rules = r#"rules = [
    { from_broker = "loop/#", to_topic = "loop.>" },
    { from_topic = "loop.>", to_broker = "loop/#" },
]"#;
    let settings = |broker: &Broker| format!("broker = \"{}\"\n{rules}", broker.address());
    let house = House::start(&[("mqtt", &settings(&one)), ("garage", &settings(&two))]);
    house.until_connected("mqtt");
    house.until_connected("garage");
    let listen = |broker: &Broker| {
        broker
            .begin("mosquitto_sub", &["-t", "loop/#", "-q", "1", "-W", "5"])
            .unwrap()
    };
    let heard = [listen(&one), listen(&two)];
    // A subscription has no sign of its own.
    std::thread::sleep(std::time::Duration::from_secs(1));
    one.run("mosquitto_pub", &["-t", "loop/of_one", "-m", "1", "-q", "1"])
        .unwrap();
    house.publish("loop.of_bus", &json!(2));
    house
        .call("garage.publish", &json!({"topic": "loop/of_call", "payload": 3}))
        .unwrap();
    let heard = heard.map(|listener| {
        let text = String::from_utf8(listener.wait_with_output().unwrap().stdout).unwrap();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    });
    // What one has goes by the bus to the other, and no further.
    assert_eq!(
        heard,
        [
            ["1", "2"].map(str::to_owned).to_vec(),
            ["1", "2", "3"].map(str::to_owned).to_vec()
        ]
    );
    let names: Vec<_> = house
        .events("loop.>", 2)
        .into_iter()
        .map(|(topic, _)| topic)
        .collect();
    assert_eq!(names, ["loop.of_one", "loop.of_bus"]);
    let status = house.status("garage");
    assert_eq!(status["broker"], json!(two.address()), "{status}");
    assert_eq!(status["bridged"]["to_broker"], 2, "{status}");
}

#[test]
fn what_is_too_large_is_counted_and_not_silent() {
    let broker = Broker::new("allow_anonymous true\nmax_packet_size 20000\n");
    let mut broker = broker.unwrap();
    broker.start_again().unwrap();
    let rules = r#"rules = [{ from_topic = "out.*", to_broker = "out/+" }, { from_broker = "in/+", to_topic = "in.*" }]"#;
    let house = House::start(&[(
        "mqtt",
        &format!("broker = \"{}\"\nmax_packet = 10000\n{rules}", broker.address()),
    )]);
    house.until_connected("mqtt");
    let large = "x".repeat(10_000);
    house.publish("out.large", &json!(large));
    let error = house
        .call("mqtt.publish", &json!({"topic": "a", "payload": large}))
        .unwrap_err();
    assert!(error.contains("too_large"), "{error}");
    until("it is counted", || {
        (house.status("mqtt")["bridged"]["too_large"] == 1).then_some(())
    });
    assert_eq!(house.status("mqtt")["connected"], true);
}
