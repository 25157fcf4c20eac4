//! Triggers by events and by the state.

use serde_json::json;

use crate::house::{House, seconds};

#[test]
fn an_event_triggers_when_its_filter_and_its_condition_match() {
    let mut house = House::new();
    house.rule(
        "hot",
        json!({"triggers": [
            {"event": "sensor.*.temperature", "when": {"event": "/payload/value", "gt": 25}}
        ]}),
    );
    house.publish("sensor.hall.temperature", json!({"value": 25}));
    house.publish("sensor.hall.humidity", json!({"value": 70}));
    house.publish("sensor.hall.temperature.raw", json!({"value": 70}));
    assert_eq!(house.calls(), [] as [serde_json::Value; 0]);
    assert_eq!(
        house.traces("hot"),
        [] as [serde_json::Value; 0],
        "what does not match is no trigger"
    );
    house.publish("sensor.attic.temperature", json!({"value": 25.5}));
    assert_eq!(
        house.calls(),
        [json!({
            "kind": "event", "topic": "sensor.attic.temperature", "payload": {"value": 25.5}
        })]
    );
    let trace = house.traces("hot").remove(0);
    assert_eq!(
        (&trace["outcome"], &trace["trigger"], &trace["run"]),
        (&json!("done"), &json!(0), &json!(1))
    );
    assert_eq!(trace["event"]["payload"]["value"], 25.5);
    let action = &trace["actions"][0];
    assert_eq!(
        (&action["path"], &action["what"]),
        (&json!("/actions/0"), &json!("service lamp.set"))
    );
    assert!(
        action["answer"].as_str().unwrap().starts_with(r#"{"args":"#),
        "{action}"
    );
}

#[test]
fn two_triggers_that_match_one_event_run_a_rule_once() {
    let mut house = House::new();
    house.rule(
        "both",
        json!({"triggers": [{"event": "a.*"}, {"event": "*.b"}, {"event": ">"}]}),
    );
    house.publish("a.b", json!(1));
    assert_eq!(house.calls().len(), 1);
    house.publish("c", json!(1));
    assert_eq!(house.calls().len(), 1);
}

#[test]
fn a_change_of_the_state_triggers_by_what_was_and_what_is() {
    let mut house = House::new();
    house.set("door.front", json!("closed"));
    house.rule(
        "opened",
        json!({"triggers": [{"state": "door.*", "from": "closed", "to": "open"}]}),
    );
    house.rule("any", json!({"triggers": [{"state": "door.front"}]}));
    house.set("door.front", json!("open"));
    let event = json!({"kind": "state", "key": "door.front", "from": "closed", "to": "open"});
    assert_eq!(
        house.calls(),
        [event.clone(), event],
        "what was there before the rule is known"
    );
    house.set("door.front", json!("open"));
    assert_eq!(house.calls().len(), 0, "the same value again is no change");
    house.set("door.front", json!("ajar"));
    assert_eq!(house.calls().len(), 1);
    house.set("door.front", json!("open"));
    assert_eq!(house.calls().len(), 1, "not from closed");
    house.set("door.back", json!("open"));
    assert_eq!(house.calls().len(), 0, "from nothing");
    house.rt.runtime().state().delete("door.front").now().unwrap();
    house.pass(seconds(1));
    assert_eq!(house.calls()[0]["to"], json!(null));
}

#[test]
fn numbers_are_the_same_however_they_are_written() {
    let mut house = House::new();
    house.set("level", json!(1));
    house.rule("level", json!({"triggers": [{"state": "level", "to": 2}]}));
    house.set("level", json!(1.0));
    house.set("level", json!(2.0));
    assert_eq!(house.calls().len(), 1);
}

#[test]
fn a_value_has_to_last_for_a_time() {
    let mut house = House::new();
    house.rule(
        "left_open",
        json!({"triggers": [{"state": "door.*", "to": "open", "for": 300}]}),
    );
    house.set("door.a", json!("open"));
    house.pass(seconds(200));
    house.set("door.b", json!("open"));
    house.set("door.a", json!("closed"));
    house.pass(seconds(200));
    assert_eq!(
        house.calls().len(),
        0,
        "a was closed, b is not open for long enough"
    );
    house.pass(seconds(120));
    assert_eq!(house.calls()[0]["key"], "door.b");
    house.pass(seconds(1_000));
    assert_eq!(house.calls().len(), 0, "once is enough");
    house.set("door.b", json!("closed"));
    house.set("door.b", json!("open"));
    house.pass(seconds(299));
    assert_eq!(house.calls().len(), 0);
    house.pass(seconds(2));
    assert_eq!(house.calls().len(), 1);
}

#[test]
fn a_threshold_that_lasts_is_not_begun_anew_by_each_value_above_it() {
    let mut house = House::new();
    house.rule(
        "hot",
        json!({"triggers": [
            {"state": "kitchen.celsius", "when": {"event": "/to", "gt": 25}, "for": 60}
        ]}),
    );
    for celsius in [24, 26, 27, 28] {
        house.set("kitchen.celsius", json!(celsius));
        house.pass(seconds(19));
    }
    house.pass(seconds(10));
    assert_eq!(house.calls().len(), 1, "60 s after it became 26");
    house.set("kitchen.celsius", json!(29));
    house.pass(seconds(100));
    assert_eq!(house.calls().len(), 0);
}

#[test]
fn an_interval_goes_by_the_monotonic_clock() {
    let mut house = House::new();
    house.rule("minute", json!({"triggers": [{"every": 60}]}));
    house.pass(seconds(59));
    assert_eq!(house.calls().len(), 0);
    house.pass(seconds(2));
    assert_eq!(house.calls(), [json!({"kind": "every"})]);
    let elapsed = seconds(crate::house::BEGIN + 61);
    house.rt.set_time(elapsed + seconds(86_400 * 30));
    house.pass(seconds(59));
    assert_eq!(house.calls().len(), 1, "a month by the clock is nothing to it");
    house.pass(seconds(600));
    assert_eq!(house.calls().len(), 10);
}

#[test]
fn a_rule_is_triggered_by_hand() {
    let mut house = House::new();
    house.rule(
        "by_hand",
        json!({"enabled": false, "conditions": [{"event": "/payload/on", "eq": true}]}),
    );
    let reply = house
        .rt
        .call(
            "automation.trigger",
            &json!({"id": "by_hand", "payload": {"on": true}}),
        )
        .unwrap();
    assert_eq!(reply, json!({"run": 1, "refused": null}));
    house.pass(seconds(1));
    assert_eq!(
        house.calls(),
        [json!({"kind": "manual", "payload": {"on": true}})]
    );
    let reply = house
        .rt
        .call(
            "automation.trigger",
            &json!({"id": "by_hand", "payload": {"on": false}}),
        )
        .unwrap();
    assert_eq!(reply["run"], json!(null));
    assert_eq!(
        reply["refused"]["why"],
        "event /payload/on is false, wanted eq true"
    );
    let skip = json!({"id": "by_hand", "skip_conditions": true});
    assert_eq!(house.rt.call("automation.trigger", &skip).unwrap()["run"], 2);
    house.pass(seconds(1));
    assert_eq!(house.calls().len(), 1);
    let error = house.rt.call("automation.trigger", "nobody").unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("not_found", "there is no rule nobody")
    );
}
