//! 2,000 rules: what one more costs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::{House, SOON};

/// A house with so many rules of all kinds, of which each event triggers one.
fn house(rules: usize, settings: Value) -> House {
    let mut house = House::with(settings);
    for number in 0..rules {
        let trigger = match number % 4 {
            0 => json!({"event": format!("device.lamp-{number}.changed")}),
            1 => json!({"state": format!("sensor.room-{number}.motion"), "to": true}),
            2 => json!({"event": format!("sensor.*.kind-{number}"), "when": {"event": "/payload", "gt": 5}}),
            _ => json!({"time": format!("{:02}:{:02}", number / 60 % 24, number % 60)}),
        };
        let action = json!({"publish": "done", "payload": number});
        house.rule(
            &format!("rule-{number}"),
            json!({"triggers": [trigger], "actions": [action]}),
        );
    }
    house
}

/// Events of each kind, and what the automation looked at for each of them.
fn look(house: &mut House, rounds: usize) -> ([f64; 2], Duration) {
    let before = house.stats();
    let began = Instant::now();
    let mut events = 0;
    for round in 0..rounds {
        house.rt.publish("device.lamp-8.changed", &round).unwrap();
        house.rt.publish("sensor.hall.kind-10", &6).unwrap();
        house.rt.publish("device.lamp-none.changed", &round).unwrap();
        events += 3;
    }
    let took = began.elapsed();
    house.pass(SOON);
    assert_eq!(house.published("done").len(), rounds * 2);
    let after = house.stats();
    let looked = ["candidates", "steps"].map(|what| {
        let count = after[what].as_u64().unwrap() - before[what].as_u64().unwrap();
        count as f64 / f64::from(events)
    });
    (looked, took / events as u32)
}

#[test]
fn one_more_rule_costs_nothing_where_an_event_is_not_of_it() {
    // More rounds than a rule may run in a minute are no use.
    let rounds = 50;
    let mut measured = Vec::new();
    for rules in [200, 2_000] {
        let began = Instant::now();
        // As many subscriptions as they are: in the test's kernel there is room for 256.
        let mut house = house(rules, json!({"max_filters": 100}));
        let made = began.elapsed() / rules as u32;
        let (looked, took) = look(&mut house, rounds);
        let stats = house.stats();
        println!(
            "{rules} rules: {made:?} to create one, {looked:.2?} triggers and steps and {took:?} for an event, \
             {} subscriptions, covering: {}",
            stats["filters"], stats["covering"]
        );
        assert!(stats["filters"].as_u64().unwrap() <= 100, "{stats}");
        assert_eq!(stats["covering"], true);
        measured.push(looked);
    }
    let ([few, _], [many, _]) = (measured[0], measured[1]);
    assert_eq!(
        (few, many < 1.0),
        (many, true),
        "as many triggers for an event, and none for one of no rule"
    );
    // By the covering subscriptions more events come that are of no rule: those of the rules' own.
    let ratio = measured[1][1] / measured[0][1];
    assert!(
        (0.99..1.5).contains(&ratio),
        "{ratio} times the steps for ten times the rules"
    );
}

#[test]
fn rules_work_the_same_under_subscriptions_that_cover_more() {
    for most in [1, 2, 7, 100] {
        let mut house = house(60, json!({"max_filters": most}));
        let stats = house.stats();
        assert!(stats["filters"].as_u64().unwrap() <= most, "{most}: {stats}");
        look(&mut house, 3);
        house.set("sensor.room-5.motion", json!(true));
        assert_eq!(house.published("done"), [json!(5)]);
        for number in 0..60 {
            house
                .rt
                .call("automation.delete", &json!(format!("rule-{number}")))
                .unwrap();
        }
        assert_eq!(house.stats()["filters"], 0, "{most}");
        assert_eq!(house.rt.publish("device.lamp-8.changed", &1), Ok(0));
    }
}

#[test]
fn two_thousand_times_of_day_come_each_at_its_own() {
    let mut house = house(2_000, json!({"max_filters": 100}));
    house.pass(Duration::from_secs(86_400));
    let done = house.published("done");
    assert_eq!(done.len(), 500);
    let stats = house.stats();
    assert_eq!(
        (&stats["runs"], &stats["active"], &stats["refused"]),
        (&json!(500), &json!(0), &json!(0))
    );
}

#[test]
fn a_kernel_without_room_for_more_subscriptions_gets_fewer_that_cover_them() {
    // The test's kernel has room for 256, of which one plugin holds its share.
    let mut house = house(400, json!({}));
    let stats = house.stats();
    assert_eq!(stats["covering"], true);
    look(&mut house, 3);
}
