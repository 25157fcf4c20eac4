//! What is recorded, when it is written, and what queries answer.

use std::time::Duration;

use plugin_kit::test::TestRuntime;
use serde_json::json;

use crate::support::{BEGIN, MINUTE, all, pass, query, report, rows, started, stats};

#[test]
fn each_scalar_of_a_device_is_a_series_and_only_changes_are_kept() {
    let mut rt = started(json!({}));
    report(
        &mut rt,
        "lamp",
        json!({"on": true, "color": {"x": 0.5}, "modes": [1]}),
    );
    pass(&mut rt, 1);
    report(&mut rt, "lamp", json!({"on": true, "color": {"x": 0.6}}));
    pass(&mut rt, 1);
    report(&mut rt, "lamp", json!({"on": false}));
    assert_eq!(all(&mut rt, "lamp.on"), [(0, json!(true)), (2, json!(false))]);
    assert_eq!(all(&mut rt, "lamp.color.x"), [(0, json!(0.5)), (1, json!(0.6))]);
    let keys = rt.call("history.keys", &json!({"prefix": "lamp."})).unwrap();
    assert_eq!(keys, json!({"keys": ["lamp.color.x", "lamp.on"], "next": null}));
    let unknown = rt.call("history.query", "lamp.off").unwrap_err();
    assert_eq!(
        (unknown.code(), unknown.message()),
        (
            "not_found",
            "there is no series lamp.off: history.keys lists them"
        )
    );
    // What is no report is none.
    for wrong in [
        json!(5),
        json!({"new": {}}),
        json!({"device_id": 5, "new": {}}),
        json!({"device_id": "a"}),
    ] {
        rt.publish("device.state_changed", &wrong).unwrap();
    }
    assert_eq!(
        (&stats(&mut rt)["refused"], &stats(&mut rt)["recorded"]),
        (&json!(4), &json!(4))
    );
}

#[test]
fn states_that_a_filter_matches_are_series_as_well() {
    let mut rt = started(json!({"states": ["presence.*", "house.>"], "devices": false}));
    let set = |rt: &TestRuntime, key: &str, value: &str| {
        let value = plugin_kit::kernel_core::Json::parse(value)
            .unwrap()
            .as_str()
            .to_owned();
        let value = plugin_kit::kernel_core::Json::parse(value.leak()).unwrap();
        rt.runtime().state().set(key, value).now().unwrap();
    };
    set(&rt, "presence.anna", "true");
    set(&rt, "house.mode.now", r#"{"name": "night"}"#);
    set(&rt, "other", "1");
    report(&mut rt, "lamp", json!({"on": true}));
    pass(&mut rt, 1);
    rt.runtime().state().delete("house.mode.now").now().unwrap();
    rt.runtime().state().delete("presence.anna").now().unwrap();
    pass(&mut rt, 1);
    assert_eq!(
        all(&mut rt, "state:presence.anna"),
        [(0, json!(true)), (1, json!(null))]
    );
    assert_eq!(
        all(&mut rt, "state:house.mode.now.name"),
        [(0, json!("night")), (1, json!(null))]
    );
    let keys = rt.call("history.keys", &()).unwrap();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "{keys}");
}

#[test]
fn what_is_collected_is_written_when_it_is_time_and_at_the_end() {
    let mut rt = started(json!({"flush_minutes": 15}));
    let before = rt.storage_writes();
    for minute in 0..14 {
        report(&mut rt, "meter", json!({"power": minute}));
        pass(&mut rt, 1);
    }
    // A crash would lose these.
    assert_eq!(rows(&rt, "raw|"), 0);
    pass(&mut rt, 1);
    assert_eq!((rows(&rt, "raw|"), rows(&rt, "keys|")), (1, 1));
    report(&mut rt, "meter", json!({"power": 14}));
    rt.stop().unwrap();
    assert_eq!(rows(&rt, "raw|"), 2);
    let writes = rt.storage_writes();
    // The names at the beginning, and when one was new.
    assert!(writes.requests - before.requests <= 3, "{writes:?}");
    // Another life knows all of it.
    rt.start().unwrap();
    let expected: Vec<_> = (0..14)
        .chain([15])
        .zip(0..15)
        .map(|(minute, power)| (minute, json!(power)))
        .collect();
    assert_eq!(all(&mut rt, "meter.power"), expected);
    // Nothing new, nothing written.
    let before = rt.storage_writes();
    pass(&mut rt, 120);
    assert!(rt.storage_writes().requests <= before.requests + 1);
}

#[test]
fn old_values_become_figures_and_old_figures_go() {
    let mut rt = started(json!({"raw_days": 1, "keep_days": 3, "interval_minutes": 60}));
    report(&mut rt, "gone", json!(1));
    for hour in 0..24 * 6 {
        report(
            &mut rt,
            "room",
            json!({"celsius": hour, "mode": if hour % 2 == 0 { "a" } else { "b" }}),
        );
        pass(&mut rt, 45);
        report(&mut rt, "room", json!({"celsius": hour + 2}));
        pass(&mut rt, 15);
    }
    // Today is the 7th day: of the 6th there are values, of the 4th and 5th figures, the others are gone.
    pass(&mut rt, 2);
    let points = |rt: &mut TestRuntime, key: &str| {
        let answer = query(rt, json!({"key": key, "from": 0, "limit": 1000}));
        answer["points"].as_array().unwrap().clone()
    };
    let all = points(&mut rt, "room.celsius");
    let (figures, values): (Vec<_>, Vec<_>) = all.iter().partition(|point| point.get("count").is_some());
    assert_eq!(
        (figures.len(), values.len()),
        (24 * 2, 48),
        "{:?}",
        stats(&mut rt)
    );
    let day = 24 * 60 * MINUTE;
    let third = BEGIN + 3 * day;
    // From the second hour on the value before counts, for no time.
    assert_eq!(
        *figures[1],
        json!({"time": third + 60 * MINUTE, "value": 75, "count": 2, "min": 73.0, "mean": 73.5, "max": 75.0})
    );
    let modes = points(&mut rt, "room.mode");
    assert_eq!(modes[0], json!({"time": third, "value": "a", "count": 1}));
    // Paged, it is the same, at whatever place a page ends.
    for limit in [1, 7, 24, 48, 50, 95] {
        let (mut from, mut paged) = (0, Vec::new());
        loop {
            let answer = query(
                &mut rt,
                json!({"key": "room.celsius", "from": from, "limit": limit}),
            );
            paged.extend(answer["points"].as_array().unwrap().clone());
            match answer["next"].as_u64() {
                Some(next) => from = next,
                None => break,
            }
        }
        assert_eq!(paged, all, "{limit}");
    }
    // Half of it.
    let some = query(
        &mut rt,
        json!({"key": "room.celsius", "from": third + day, "to": third + 2 * day, "limit": 1000}),
    );
    assert_eq!(some["points"].as_array().unwrap().len(), 24);
    let keys = rt.call("history.keys", &()).unwrap();
    assert_eq!(
        keys["keys"],
        json!(["room.celsius", "room.mode"]),
        "of `gone` there is nothing left"
    );
    assert_eq!(rows(&rt, "day|"), 2 * 2);
}

#[test]
fn a_clock_that_is_set_loses_nothing() {
    let mut rt = started(json!({}));
    let mut expected = Vec::new();
    for (number, begin) in [100, 50, 75, 5_000].into_iter().enumerate() {
        rt.set_time(Duration::from_millis(BEGIN + begin * MINUTE));
        for minute in 0..20 {
            let value = number * 100 + minute as usize;
            report(&mut rt, "meter", json!({"power": value}));
            expected.push((begin + minute, json!(value)));
            pass(&mut rt, 1);
        }
    }
    // Of two values of one time the later one is there; here there are none.
    expected.sort_by_key(|(minute, _)| *minute);
    assert_eq!(all(&mut rt, "meter.power"), expected);
    for limit in [1, 3, 19, 40] {
        let (mut from, mut seen) = (0, 0);
        loop {
            let answer = query(
                &mut rt,
                json!({"key": "meter.power", "from": from, "limit": limit}),
            );
            seen += answer["points"].as_array().unwrap().len();
            match answer["next"].as_u64() {
                Some(next) => from = next,
                None => break,
            }
        }
        assert_eq!(seen, expected.len(), "{limit}");
    }
}

#[test]
fn answers_fit_into_replies_however_long_the_texts_are() {
    let mut rt = started(json!({"pending_rows": 8}));
    for number in 0..600 {
        let text = format!("{number:03}{}", "\"".repeat(125));
        report(&mut rt, "sign", json!({ "text": text }));
        pass(&mut rt, 1);
    }
    let (mut from, mut seen, mut answers) = (0, Vec::new(), 0);
    loop {
        let answer = query(&mut rt, json!({"key": "sign.text", "from": from, "limit": 1000}));
        assert!(answer.to_string().len() <= 64_000);
        let points = answer["points"].as_array().unwrap().iter();
        seen.extend(points.map(|point| point["value"].as_str().unwrap()[..3].parse::<usize>().unwrap()));
        answers += 1;
        match answer["next"].as_u64() {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(seen, (0..600).collect::<Vec<_>>());
    assert!(answers >= 3, "{answers}");
}
