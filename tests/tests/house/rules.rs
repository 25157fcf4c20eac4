//! The rules of the demonstration, in a simulated house: they run, none fails, and none is taken for a loop.

use std::time::Duration;

use automation::AutomationPlugin;
use devices::Devices;
use plugin_kit::test::TestRuntime;
use presence::PresencePlugin;
use serde_json::{Value, json};
use sim::Sim;

use crate::alone;

const RULES: [&str; 4] = [
    "sim_kitchen_light",
    "sim_morning",
    "sim_nobody_home",
    "sim_somebody_home",
];

#[test]
fn the_rules_of_the_demonstration_run_for_days_and_none_fails() {
    let _alone = alone();
    let mut rt = TestRuntime::new();
    rt.add::<Devices>(());
    rt.add::<PresencePlugin>(());
    rt.add::<AutomationPlugin>(json!({"timezone": "Europe/Berlin", "traces": 200}));
    rt.add::<Sim>(json!({"populate": true, "rules": true}));
    rt.start().unwrap();
    let (mut switched, mut loops) = (0, 0);
    for _ in 0..3 * 24 * 6 {
        rt.advance(Duration::from_secs(600)).unwrap();
        for event in rt.take_published() {
            switched += u32::from(event.topic == "internal.device_command_requested");
            loops += u32::from(event.topic == "automation.loop");
        }
    }
    let list = rt.call("automation.list", &()).unwrap();
    let rules: Vec<_> = list["rules"].as_array().unwrap().iter().collect();
    let ids: Vec<_> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids, RULES);
    for rule in &rules {
        println!("{} ran {} times", rule["id"], rule["runs"]);
        assert!(rule["runs"].as_u64() >= Some(3), "{rule}");
    }
    let stats = rt.call("automation.stats", &()).unwrap();
    println!("{switched} commands; {stats}");
    assert_eq!(
        (&stats["failed"], &stats["refused"], loops),
        (&json!(0), &json!(0), 0),
        "{}",
        failed(&mut rt)
    );
    assert!(switched > 10, "{switched}");
}

/// The traces of runs that failed or were refused.
fn failed(rt: &mut TestRuntime) -> Value {
    let mut found = Vec::new();
    for id in RULES {
        let reply = rt
            .call("automation.trace", &json!({"id": id, "limit": 50}))
            .unwrap();
        let traces = reply["traces"].as_array().unwrap().iter();
        found.extend(
            traces
                .filter(|trace| ["failed", "refused"].contains(&trace["outcome"].as_str().unwrap()))
                .cloned(),
        );
    }
    Value::Array(found)
}
