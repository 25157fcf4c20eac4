//! Actions: what is done, with what, and what is said of it.

use std::time::Duration;

use plugin_kit::prelude::*;
use serde_json::{Value, json};

use crate::house::{House, SOON, seconds};

/// Takes its time.
#[derive(Default)]
struct Slow;

#[plugin(name = "slow")]
impl Slow {
    #[service(".work")]
    async fn work(&mut self, cx: &Context, seconds: u64) -> Result<u64, Error> {
        cx.sleep(Duration::from_secs(seconds)).await?;
        Ok(seconds)
    }
}

fn house_with_slow() -> House {
    let mut house = House::new();
    house.rt.add::<Slow>(());
    house.rt.start().unwrap();
    house
}

#[test]
fn templates_are_filled_in_with_the_event_the_state_and_answers_before() {
    let mut house = House::new();
    house.set("mode", json!({"name": "night", "level": 3}));
    house.rule(
        "it",
        json!({
            "triggers": [{"event": "button.*"}],
            "actions": [
                {"service": "lamp.set", "args": {"on": true, "n": 7}, "result": "first"},
                {"service": "lamp.set", "args": {
                    "id": {"$event": "/payload/id"},
                    "all": {"$event": ""},
                    "level": {"$state": "mode", "at": "/level"},
                    "list": [1, {"$state": "mode"}, {"$state": "not.there"}],
                    "before": {"$result": "first", "at": "/args/n"}
                }},
                {"publish": "it.done", "payload": {"answer": {"$result": "first", "at": "/ok"}}},
                {"set_state": "it.last", "value": {"$event": "/topic"}},
                {"publish": "it.nothing"},
                {"service": "lamp.set"}
            ]
        }),
    );
    house.publish("button.hall", json!({"id": "lamp_hall"}));
    let calls = house.calls();
    assert_eq!(
        calls[1],
        json!({
            "id": "lamp_hall",
            "all": {"kind": "event", "topic": "button.hall", "payload": {"id": "lamp_hall"}},
            "level": 3,
            "list": [1, {"name": "night", "level": 3}, null],
            "before": 7
        })
    );
    assert_eq!(calls[2], Value::Null);
    assert_eq!(house.rt.state("it.last"), Some(json!("button.hall")));
    let events = house.rt.take_published();
    let events: Vec<_> = events
        .iter()
        .map(|event| (event.topic.as_str(), &event.payload))
        .collect();
    assert_eq!(
        events,
        [
            ("it.done", &json!({"answer": true})),
            ("it.nothing", &Value::Null)
        ]
    );
    let trace = house.traces("it").remove(0);
    let actions = trace["actions"].as_array().unwrap().iter();
    let answers: Vec<_> = actions
        .map(|action| {
            (
                action["path"].as_str().unwrap(),
                action["answer"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        answers[2..5],
        [
            ("/actions/2", r#"{"receivers":0}"#),
            ("/actions/3", r#"{"version":3}"#),
            ("/actions/4", r#"{"receivers":0}"#)
        ]
    );
}

#[test]
fn a_state_that_is_set_may_have_an_end() {
    let mut house = House::new();
    house.rule(
        "it",
        json!({
            "triggers": [{"event": "go"}],
            "actions": [{"set_state": "it.busy", "value": true, "ttl": 30}]
        }),
    );
    house.publish("go", json!(null));
    assert_eq!(house.rt.state("it.busy"), Some(json!(true)));
    house.pass(seconds(31));
    assert_eq!(house.rt.state("it.busy"), None);
}

#[test]
fn a_delay_lets_others_run() {
    let mut house = House::new();
    house.rule(
        "slow",
        json!({
            "triggers": [{"event": "slow"}],
            "actions": [{"delay": 60}, {"service": "lamp.set", "args": "slow"}]
        }),
    );
    house.rule(
        "fast",
        json!({
            "triggers": [{"event": "fast"}],
            "actions": [{"service": "lamp.set", "args": "fast"}]
        }),
    );
    house.publish("slow", json!(null));
    assert_eq!(house.outcomes("slow"), ["running"]);
    for _ in 0..3 {
        house.publish("fast", json!(null));
    }
    assert_eq!(house.calls(), ["fast", "fast", "fast"]);
    house.pass(seconds(59));
    let ms = house.traces("slow")[0]["ms"].as_u64().unwrap();
    assert!((59_000..60_000).contains(&ms), "{ms}");
    assert_eq!(house.calls(), [] as [Value; 0]);
    house.pass(seconds(1));
    assert_eq!(house.calls(), ["slow"]);
    assert_eq!(house.outcomes("slow"), ["done"]);
    assert_eq!(house.traces("slow")[0]["actions"][0]["what"], "delay 60000 ms");
}

#[test]
fn a_slow_service_holds_nobody_up_and_has_a_deadline() {
    let mut house = house_with_slow();
    house.rule(
        "slow",
        json!({
            "triggers": [{"event": "slow"}],
            "mode": "parallel",
            "actions": [
                {"service": "slow.work", "args": {"$event": "/payload"}, "timeout": 10, "result": "took"},
                {"service": "lamp.set", "args": {"$result": "took"}}
            ]
        }),
    );
    house.rule(
        "fast",
        json!({
            "triggers": [{"event": "fast"}],
            "actions": [{"service": "lamp.set", "args": "fast"}]
        }),
    );
    house.publish("slow", json!(8));
    house.publish("fast", json!(null));
    assert_eq!(house.calls(), ["fast"], "while the other one waits");
    house.pass(seconds(7));
    assert_eq!(house.calls(), [] as [Value; 0]);
    house.pass(seconds(3));
    assert_eq!(house.calls(), [json!(8)]);
    let trace = house.traces("slow").remove(0);
    let took = trace["actions"][0]["ms"].as_u64().unwrap();
    assert!((8_000..8_300).contains(&took), "{trace}");

    house.publish("slow", json!(12));
    house.pass(seconds(11));
    let trace = house.traces("slow").remove(0);
    assert_eq!(
        (&trace["outcome"], &trace["path"]),
        (&json!("failed"), &json!("/actions/0"))
    );
    assert!(trace["why"].as_str().unwrap().starts_with("timeout: "), "{trace}");
    assert_eq!(house.calls(), [] as [Value; 0], "the run ended there");
    let failed = house.published("automation.failed");
    assert_eq!((&failed[0]["id"], &failed[0]["run"]), (&json!("slow"), &json!(3)));
    assert_eq!(failed[0]["path"], "/actions/0");
}

#[test]
fn an_error_ends_a_run_unless_it_is_to_go_on() {
    let mut house = House::new();
    let call = |more: Value| {
        let mut call = json!({"service": "lamp.set", "args": {"broken": true}});
        call.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        call
    };
    let after = json!({"service": "lamp.set", "args": "after"});
    house.rule(
        "stops",
        json!({"triggers": [{"event": "stops"}], "actions": [call(json!({})), after]}),
    );
    house.rule("goes_on", json!({"triggers": [{"event": "goes_on"}], "actions": [
        call(json!({"on_error": "continue", "result": "none"})),
        {"service": "nobody.there", "on_error": "continue"},
        {"choose": [{"if": {"result": "none", "exists": true}, "then": [{"publish": "wrong"}]}], "else": [after]}
    ]}));
    house.publish("stops", json!(null));
    assert_eq!(house.calls().len(), 1);
    let trace = house.traces("stops").remove(0);
    assert_eq!(trace["why"], "broken: the lamp is broken");
    assert_eq!(trace["actions"][0]["error"], "broken: the lamp is broken");
    house.publish("goes_on", json!(null));
    assert_eq!(house.calls(), [json!({"broken": true}), json!("after")]);
    let trace = house.traces("goes_on").remove(0);
    assert_eq!(trace["outcome"], "done");
    assert!(
        trace["actions"][1]["error"]
            .as_str()
            .unwrap()
            .starts_with("not_found"),
        "{trace}"
    );
    assert_eq!(house.stats()["failed"], 1);
}

#[test]
fn choose_takes_the_first_that_holds() {
    let mut house = House::new();
    let say = |what: &str| json!([{"service": "lamp.set", "args": what}]);
    house.rule(
        "it",
        json!({
            "triggers": [{"event": "go"}],
            "actions": [
                {"choose": [
                    {"if": {"event": "/payload", "gt": 20}, "then": say("hot")},
                    {"if": {"event": "/payload", "gt": 10}, "then": [
                        {"choose": [{"if": {"event": "/payload", "gt": 15}, "then": say("warm")}]},
                        {"service": "lamp.set", "args": "mild"}
                    ]}
                ], "else": say("cold")},
                {"service": "lamp.set", "args": "end"}
            ]
        }),
    );
    for (value, expected) in [
        (25, &["hot", "end"][..]),
        (17, &["warm", "mild", "end"]),
        (12, &["mild", "end"]),
        (5, &["cold", "end"]),
    ] {
        house.publish("go", json!(value));
        assert_eq!(house.calls(), expected);
    }
    let trace = house.traces("it").remove(0);
    let actions = trace["actions"].as_array().unwrap().iter();
    let said: Vec<_> = actions
        .map(|action| (&action["path"], &action["answer"]))
        .collect();
    assert_eq!(
        said[0],
        (
            &json!("/actions/0/choose/0/if"),
            &json!(r#""/actions/0/choose/0/if: event /payload is 5, wanted gt 20""#)
        )
    );
    assert_eq!(said[2].0, "/actions/0/else/0");
}

#[test]
fn what_a_run_waits_for_is_cancelled_with_it() {
    let mut house = house_with_slow();
    house.rule(
        "it",
        json!({
            "triggers": [{"event": "go"}],
            "actions": [{"service": "slow.work", "args": 20}, {"service": "lamp.set"}]
        }),
    );
    house.publish("go", json!(null));
    let calls = in_flight(&house);
    house.rt.call("automation.disable", "it").unwrap();
    house.pass(SOON);
    assert_eq!(in_flight(&house), calls - 1);
    house.pass(seconds(30));
    assert_eq!(house.calls(), [] as [Value; 0]);
    let trace = house.traces("it").remove(0);
    assert_eq!(
        (&trace["outcome"], &trace["why"]),
        (&json!("cancelled"), &json!("the rule was changed"))
    );
}

fn in_flight(house: &House) -> u32 {
    let usage = house.rt.runtime().metrics().calls;
    usage.used
}
