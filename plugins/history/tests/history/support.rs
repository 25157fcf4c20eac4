//! What the tests do with the plugin.

use std::time::Duration;

use history::HistoryPlugin;
use plugin_kit::test::TestRuntime;
use serde_json::{Value, json};

/// When the time of a test begins.
pub(crate) const BEGIN: u64 = 1_767_225_600_000;
pub(crate) const MINUTE: u64 = 60_000;

pub(crate) fn started(settings: Value) -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<HistoryPlugin>(settings);
    rt.start().unwrap();
    rt
}

pub(crate) fn report(rt: &mut TestRuntime, id: &str, new: Value) {
    let event = json!({"device_id": id, "old": {}, "new": new});
    rt.publish("device.state_changed", &event).unwrap();
}

pub(crate) fn pass(rt: &mut TestRuntime, minutes: u64) {
    rt.advance(Duration::from_secs(minutes * 60)).unwrap();
}

pub(crate) fn query(rt: &mut TestRuntime, args: Value) -> Value {
    rt.call("history.query", &args).unwrap()
}

/// All of a series: times in minutes from the beginning, and values.
pub(crate) fn all(rt: &mut TestRuntime, key: &str) -> Vec<(u64, Value)> {
    let answer = query(rt, json!({"key": key, "from": 0, "limit": 1000}));
    assert_eq!(answer["next"], Value::Null, "{answer}");
    let points = answer["points"].as_array().unwrap().iter();
    points
        .map(|point| {
            (
                (point["time"].as_u64().unwrap() - BEGIN) / MINUTE,
                point["value"].clone(),
            )
        })
        .collect()
}

pub(crate) fn stats(rt: &mut TestRuntime) -> Value {
    rt.call("history.stats", &()).unwrap()
}

pub(crate) fn rows(rt: &TestRuntime, prefix: &str) -> usize {
    rt.rows("history")
        .keys()
        .filter(|key| key.starts_with(prefix))
        .count()
}
