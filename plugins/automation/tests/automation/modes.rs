//! What happens when a rule is triggered while it runs.

use serde_json::{Value, json};

use crate::house::{House, seconds};

fn house(mode: Value) -> House {
    let mut house = House::new();
    let mut rule = json!({
        "triggers": [{"event": "go"}],
        "actions": [{"delay": 10}, {"service": "lamp.set", "args": {"$event": "/payload"}}]
    });
    rule.as_object_mut()
        .unwrap()
        .extend(mode.as_object().unwrap().clone());
    house.rule("it", rule);
    house
}

#[test]
fn single_refuses_another_one() {
    let mut house = house(json!({}));
    house.publish("go", json!(1));
    house.publish("go", json!(2));
    let traces = house.traces("it");
    assert_eq!(
        (&traces[1]["outcome"], &traces[1]["why"]),
        (&json!("refused"), &json!("mode single: a run is under way"))
    );
    assert_eq!(traces[0]["outcome"], "running");
    house.pass(seconds(20));
    assert_eq!(house.calls(), [json!(1)]);
    house.publish("go", json!(3));
    house.pass(seconds(20));
    assert_eq!(house.calls(), [json!(3)]);
    assert_eq!(house.stats()["refused"], 1);
}

#[test]
fn restart_ends_the_one_before() {
    let mut house = house(json!({"mode": "restart"}));
    house.publish("go", json!(1));
    house.pass(seconds(5));
    house.publish("go", json!(2));
    house.pass(seconds(6));
    assert_eq!(house.calls(), [] as [Value; 0]);
    assert_eq!(house.traces("it")[1]["why"], "run 2 began in its place");
    house.pass(seconds(5));
    assert_eq!(house.calls(), [json!(2)]);
    assert_eq!(house.outcomes("it"), ["done", "cancelled"]);
}

#[test]
fn queued_runs_them_one_after_another() {
    let mut house = house(json!({"mode": "queued", "max": 3}));
    for value in 1..=5 {
        house.publish("go", json!(value));
    }
    assert_eq!(
        house.outcomes("it")[..4],
        ["queued", "queued", "running", "refused"]
    );
    assert_eq!(house.traces("it")[3]["why"], "mode queued: 3 runs are under way");
    house.pass(seconds(10));
    assert_eq!(house.calls(), [json!(1)]);
    house.pass(seconds(10));
    assert_eq!(house.calls(), [json!(2)]);
    house.pass(seconds(11));
    assert_eq!(house.calls(), [json!(3)]);
    house.pass(seconds(60));
    assert_eq!(house.calls(), [] as [Value; 0], "the others were refused");
    assert_eq!(house.stats()["active"], 0);
}

#[test]
fn parallel_runs_them_side_by_side() {
    let mut house = house(json!({"mode": "parallel", "max": 2}));
    for value in 1..=3 {
        house.publish("go", json!(value));
    }
    assert_eq!(
        house.traces("it")[2]["why"],
        "mode parallel: 2 runs are under way"
    );
    house.pass(seconds(10));
    assert_eq!(house.calls(), [json!(1), json!(2)]);
}

#[test]
fn all_rules_together_have_a_limit() {
    let mut house = House::with(json!({"max_runs": 2}));
    for id in ["a", "b", "c"] {
        house.rule(
            id,
            json!({"triggers": [{"event": "go"}], "actions": [{"delay": 5}]}),
        );
    }
    house.publish("go", json!(null));
    assert_eq!(house.outcomes("c"), ["refused"]);
    assert_eq!(
        house.traces("c")[0]["why"],
        "2 runs are under way: see the setting max_runs"
    );
    house.pass(seconds(6));
    house.publish("go", json!(null));
    assert_eq!(house.outcomes("a"), ["running", "done"]);
}
