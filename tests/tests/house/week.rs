//! A simulated week of the whole house: every command ends in a report, no rule runs for ever, the history answers, and
//! nothing grows.

use std::collections::BTreeMap;
use std::time::Duration;

use automation::AutomationPlugin;
use devices::Devices;
use history::HistoryPlugin;
use logger::LoggerPlugin;
use plugin_kit::test::TestRuntime;
use presence::PresencePlugin;
use serde_json::{Value, json};
use sim::Sim;

use crate::{alone, memory};

const HOUR: Duration = Duration::from_secs(3_600);
/// More memory than this is growth, in KiB: what the history has not written yet, and what the allocator keeps.
const GROWTH: u64 = 4 * 1024;

#[test]
fn a_week_of_the_whole_house() {
    let _alone = alone();
    let mut rt = TestRuntime::new();
    rt.add::<LoggerPlugin>(());
    rt.add::<Devices>(());
    rt.add::<PresencePlugin>(());
    rt.add::<AutomationPlugin>(json!({"timezone": "Europe/Berlin", "latitude": 52.5, "longitude": 13.4}));
    rt.add::<HistoryPlugin>(json!({"states": ["presence.*"]}));
    rt.add::<Sim>(json!({"seed": 5, "populate": true}));
    rt.start().unwrap();

    let mut topics = BTreeMap::<String, u32>::new();
    let mut memories = Vec::new();
    for _day in 0..7 {
        for _hour in 0..24 {
            rt.advance(HOUR).unwrap();
            for event in rt.take_published() {
                *topics.entry(event.topic).or_default() += 1;
            }
        }
        memories.push(memory());
    }
    let count = |topic: &str| topics.get(topic).copied().unwrap_or(0);
    let (commands, reports) = (
        count("internal.device_command_requested"),
        count("external.device_state_reported"),
    );
    assert!(commands > 100 && reports > 10_000, "{topics:?}");
    assert!(
        count("presence.entered") > 5 && count("presence.left") > 5,
        "{topics:?}"
    );
    assert_eq!(
        (count("automation.loop"), count("automation.failed")),
        (0, 0),
        "{topics:?}"
    );

    // Every command ended in a report: what still waits is of a device that is away.
    let away = rt.call("sim.status", &()).unwrap()["away"].to_string();
    for device in rt.call("devices.list", &()).unwrap().as_array().unwrap() {
        let id = device["id"].as_str().unwrap();
        assert!(
            device["state"]["pending"] == false || away.contains(id),
            "{device}"
        );
    }
    // Each rule ran, and its trace says how.
    for rule in rt.call("automation.list", &json!({})).unwrap()["rules"]
        .as_array()
        .unwrap()
    {
        let traces = rt.call("automation.trace", &json!({"id": rule["id"]})).unwrap();
        let traces = traces["traces"].as_array().unwrap();
        assert!(!traces.is_empty(), "{rule}");
    }
    // The history has the whole week.
    let begin = 1_767_225_600_000u64;
    let query = json!({"key": "thermostat_kitchen.temperature", "from": begin, "to": begin + 7 * 86_400_000, "limit": 1000});
    let mut points = 0;
    let mut from = begin;
    loop {
        let mut query = query.clone();
        query["from"] = from.into();
        let answer = rt.call("history.query", &query).unwrap();
        points += answer["points"].as_array().unwrap().len();
        match answer["next"].as_u64() {
            Some(next) => from = next,
            None => break,
        }
    }
    assert!(points > 100, "{points} points of the thermostat");
    let stats: Value = rt.call("history.stats", &()).unwrap();
    let metrics = rt.runtime().metrics();
    assert_eq!((metrics.dropped, metrics.refused, metrics.timed_out), (0, 0, 0));
    println!(
        "a week: {commands} commands, {reports} reports, {} changes, {points} points of one temperature; memory {} KiB \
         after two days, {} KiB after seven; {stats}",
        count("device.state_changed"),
        memories[1],
        memories[6],
    );
    assert!(memories[6] <= memories[1] + GROWTH, "{memories:?}");
}
