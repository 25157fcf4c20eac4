//! Rules that trigger themselves: by the shortest way, through others, through a plugin, and after a pause.

use std::time::Duration;

use plugin_kit::prelude::*;
use serde_json::{Value, json};

use crate::house::{House, seconds};

/// Answers an event with another one.
#[derive(Default)]
struct Echo;

#[plugin(name = "echo")]
impl Echo {
    #[on("echo.ping")]
    async fn ping(&mut self, cx: &Context) -> Result<(), Error> {
        cx.publish_value("echo.pong", &1).await?;
        Ok(())
    }
}

/// Lets the loop run for a while; the notices of it.
fn notices(house: &mut House, begin: &str) -> Vec<Value> {
    // Errors are what is expected here.
    let _ = house.rt.publish(begin, &json!(1));
    let _ = house.rt.advance(seconds(5));
    house.published("automation.loop")
}

#[test]
fn a_rule_that_answers_its_own_event_is_stopped_and_named() {
    let mut house = House::new();
    house.rule(
        "self",
        json!({"triggers": [{"event": "go"}], "actions": [{"publish": "go"}]}),
    );
    house.rule("other", json!({"triggers": [{"event": "else"}]}));
    let notices = notices(&mut house, "go");
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(notices[0]["id"], "self");
    let why = notices[0]["why"].as_str().unwrap();
    assert!(
        why.contains("events caused one another") && why.ends_with("rests for a minute"),
        "{why}"
    );
    let runs = house.stats()["runs"].as_u64().unwrap();
    assert!(runs < 70, "{runs}");
    let trace = house.traces("self").remove(0);
    assert_eq!(trace["outcome"], "failed");
    assert!(
        trace["why"].as_str().unwrap().starts_with("event_cycle: "),
        "{trace}"
    );
    house.publish("else", json!(null));
    assert_eq!(house.calls().len(), 1, "others run on");
    house.publish("go", json!(null));
    assert_eq!(house.stats()["runs"], runs + 1, "the rule rests");
    assert_eq!(
        house.traces("self")[0]["why"],
        "the rule had too many runs and rests for 55 s more"
    );
}

#[test]
fn a_ring_of_rules_and_state_is_stopped() {
    let mut house = House::new();
    house.rule("a", json!({"triggers": [{"event": "a"}], "actions": [{"set_state": "ring", "value": {"$event": "/topic"}}]}));
    house.rule("b", json!({"triggers": [{"state": "ring"}], "actions": [{"set_state": "ring", "value": null}, {"publish": "a"}]}));
    house.rule(
        "c",
        json!({"triggers": [{"state": "ring", "to": null}], "actions": [{"publish": "a"}]}),
    );
    let notices = notices(&mut house, "a");
    assert!(!notices.is_empty());
    assert!(house.stats()["runs"].as_u64().unwrap() < 500, "{}", house.stats());
    let before = house.stats()["runs"].clone();
    house.pass(seconds(50));
    assert_eq!(house.stats()["runs"], before, "it has come to rest");
}

#[test]
fn a_ring_through_another_plugin_is_stopped() {
    let mut house = House::new();
    house.rt.add::<Echo>(());
    house.rt.start().unwrap();
    house.rule(
        "ping",
        json!({"triggers": [{"event": "echo.pong"}], "actions": [{"publish": "echo.ping"}]}),
    );
    let _ = notices(&mut house, "echo.ping");
    let runs = house.stats()["runs"].as_u64().unwrap();
    assert!(runs < 70, "{runs}");
}

#[test]
fn a_rule_that_triggers_itself_after_a_pause_is_stopped_by_its_rate() {
    let mut house = House::with(json!({"max_runs_per_minute": 20}));
    house.rule(
        "blink",
        json!({
            "mode": "parallel",
            "triggers": [{"event": "go"}],
            "actions": [{"delay": 0.1}, {"publish": "go"}]
        }),
    );
    let notices = notices(&mut house, "go");
    assert_eq!(
        notices,
        [json!({
            "id": "blink", "why": "more than 20 runs in a minute: the rule rests for a minute"
        })]
    );
    let traces = house.traces("blink");
    assert_eq!(
        (&traces[0]["outcome"], &traces[0]["why"]),
        (
            &json!("refused"),
            &json!("more than 20 runs in a minute: the rule rests for a minute")
        )
    );
    assert_eq!(traces[1]["outcome"], "done");
    assert_eq!(house.stats()["runs"], 20);
}

#[test]
fn a_rule_that_is_triggered_often_and_not_by_itself_runs() {
    let mut house = House::new();
    house.rule("often", json!({"triggers": [{"every": 1}]}));
    house.pass(Duration::from_secs(300));
    assert_eq!(house.calls().len(), 300);
    assert_eq!(house.stats()["refused"], 0);
}
