//! Floods, refusals, crashes, damage, and what does not fit.

use std::time::Duration;

use history::HistoryPlugin;
use plugin_kit::schema::Described;
use plugin_kit::test::{TestRuntime, bad_inputs};
use serde_json::{Value, json};

use crate::support::{BEGIN, all, pass, query, report, rows, started, stats};

#[test]
fn a_flood_of_one_series_costs_the_others_nothing_and_takes_no_room() {
    let mut rt = started(json!({"pending_rows": 1}));
    let before = rt.storage_writes();
    for minute in 0..60 {
        report(&mut rt, "door", json!({"open": minute % 2 == 0}));
        for number in 0..500 {
            report(
                &mut rt,
                "mad",
                json!({"value": minute * 1_000 + number, "text": format!("{number}")}),
            );
            rt.advance(Duration::from_millis(100)).unwrap();
        }
        rt.advance(Duration::from_secs(10)).unwrap();
        assert!(stats(&mut rt)["pending_bytes"].as_u64().unwrap() <= 57_792);
    }
    assert_eq!(all(&mut rt, "door.open").len(), 60);
    let now = stats(&mut rt);
    assert!(
        now["thinned"].as_u64().unwrap() > 10_000 && now["dropped"] == 0,
        "{now}"
    );
    let mad = query(&mut rt, json!({"key": "mad.value", "limit": 1000}));
    let values: Vec<_> = mad["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["value"].as_u64().unwrap())
        .collect();
    assert!(
        values.len() > 500 && values.is_sorted() && values[0] < 100,
        "{values:?}"
    );
    // At most four times as often as without a flood and eight times at once, a row each.
    let writes = rt.storage_writes();
    assert!(writes.requests - before.requests <= 4 * 4 + 8 + 3, "{writes:?}");
    assert!(writes.bytes - before.bytes < 27 * 58_000, "{writes:?}");
}

#[test]
fn a_house_that_reports_all_at_once_is_recorded_whole() {
    let mut rt = started(json!({"max_series": 20_000}));
    for device in 0..200 {
        let fields = (0..50).map(|field| (format!("field_{field}"), json!(format!("text {device} {field}"))));
        report(
            &mut rt,
            &format!("device_{device}"),
            fields.collect::<serde_json::Map<_, _>>().into(),
        );
    }
    let now = stats(&mut rt);
    assert_eq!(
        (&now["series"], &now["recorded"]),
        (&json!(10_000), &json!(10_000))
    );
    assert_eq!(
        (&now["thinned"], &now["dropped"], &now["refused"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert_eq!(all(&mut rt, "device_0.field_0"), [(0, json!("text 0 0"))]);
    // Rows are no longer than the storage takes.
    rt.stop().unwrap();
    assert!(
        rt.rows("history")
            .values()
            .all(|row| row.to_string().len() <= 64_000)
    );
}

#[test]
fn series_are_bounded_and_what_is_beyond_is_counted() {
    let mut rt = started(json!({"max_series": 10}));
    for number in 0..30 {
        report(&mut rt, &format!("d{number:02}"), json!({"on": true}));
    }
    let now = stats(&mut rt);
    assert_eq!((&now["series"], &now["refused"]), (&json!(10), &json!(20)));
    assert_eq!(all(&mut rt, "d09.on").len(), 1);
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = rt
            .call("history.keys", &json!({"limit": 3, "after": after}))
            .unwrap();
        seen.extend(page["keys"].as_array().unwrap().clone());
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(seen.len(), 10);
}

#[test]
fn what_the_storage_refuses_is_kept_and_written_later() {
    let mut rt = started(json!({"flush_minutes": 1}));
    rt.set_storage_full(true);
    for minute in 0..30 {
        report(&mut rt, "meter", json!({"power": minute}));
        pass(&mut rt, 1);
    }
    let now = stats(&mut rt);
    assert!(
        now["errors"].as_u64().unwrap() >= 20 && now["error"].as_str().unwrap().contains("full"),
        "{now}"
    );
    assert_eq!(rows(&rt, "raw|"), 0);
    assert_eq!(all(&mut rt, "meter.power").len(), 30);
    let said = rt
        .logs()
        .iter()
        .filter(|(_, text)| text.contains("the storage refuses"))
        .count();
    assert_eq!(said, 1, "{:?}", rt.logs());
    rt.set_storage_full(false);
    pass(&mut rt, 2);
    assert_eq!((rows(&rt, "raw|"), &stats(&mut rt)["error"]), (1, &Value::Null));
    assert_eq!(all(&mut rt, "meter.power").len(), 30);
}

#[test]
fn a_crash_between_figures_and_the_end_of_their_values_does_no_harm() {
    let day = BEGIN / 86_400_000 - 30;
    let (key, raw) = (
        format!("day|{day:06}|lamp.level"),
        format!("raw|{:014}|{:014}", day * 86_400_000 + 9, day * 86_400_000),
    );
    let figures = json!({"minutes": 60, "rows": [[0, 5, 9, 1.0, 4.0, 9.0]]});
    // A part of the values is gone: what they would have as figures is not what they had.
    let values = json!({"lamp.level": [[0, 1], [9, 3]]});
    for (until, count) in [(day + 1, 5), (day, 2)] {
        let mut rt = TestRuntime::new();
        rt.store("history", "keys|0000", &json!({"lamp.level": day}));
        rt.store("history", "meta", &json!({"figures_until": until}));
        rt.store("history", &key, &figures);
        rt.store("history", &raw, &values);
        rt.add::<HistoryPlugin>(());
        rt.start().unwrap();
        pass(&mut rt, 70);
        assert_eq!(
            (rows(&rt, "raw|"), rt.stored("history", "meta").unwrap()),
            (0, json!({"figures_until": day + 1}))
        );
        let answer = query(&mut rt, json!({"key": "lamp.level", "from": 0}));
        assert_eq!(answer["points"][0]["count"], count, "{answer}");
    }
}

#[test]
fn a_clock_that_is_wrong_for_a_while_costs_nothing() {
    let mut rt = started(json!({"raw_days": 1, "keep_days": 2}));
    for minute in 0..100 {
        report(&mut rt, "meter", json!({"power": minute}));
        pass(&mut rt, 1);
    }
    let now = BEGIN + 100 * 60_000;
    // In ten years, for a while.
    rt.set_time(Duration::from_millis(now) + Duration::from_secs(10 * 365 * 86_400));
    pass(&mut rt, 50);
    rt.set_time(Duration::from_millis(now));
    pass(&mut rt, 50);
    assert_eq!(all(&mut rt, "meter.power").len(), 100);
    // For good.
    rt.set_time(Duration::from_millis(now) + Duration::from_secs(10 * 365 * 86_400));
    pass(&mut rt, 70);
    assert_eq!((rows(&rt, "raw|"), rows(&rt, "day|")), (0, 0));
}

#[test]
fn rows_that_are_damaged_are_passed_over() {
    let mut rt = TestRuntime::new();
    rt.store("history", "keys|0000", "damaged");
    rt.store("history", &format!("raw|{BEGIN:014}|{BEGIN:014}"), &json!([1]));
    rt.add::<HistoryPlugin>(());
    rt.start().unwrap();
    report(&mut rt, "lamp", json!({"on": true}));
    assert_eq!(all(&mut rt, "lamp.on").len(), 1);
    let warned = rt
        .logs()
        .iter()
        .filter(|(_, text)| text.contains("cannot be read"))
        .count();
    assert_eq!(warned, 2, "{:?}", rt.logs());
    rt.stop().unwrap();
    rt.start().unwrap();
    assert_eq!(all(&mut rt, "lamp.on").len(), 1);
}

#[test]
fn settings_that_are_wrong_are_named_with_what_is_allowed() {
    for (settings, message) in [
        (json!({"devices": 1}), "devices is 1; allowed is true or false"),
        (
            json!({"states": "a"}),
            "states is \"a\"; allowed is a list, each of it a filter of state keys",
        ),
        (
            json!({"states": ["a", "b..c"]}),
            "states is \"b..c\"; allowed is a list, each of it a filter of state keys",
        ),
        (
            json!({"flush_minutes": 0}),
            "flush_minutes is 0; allowed is a whole number from 1 to 720",
        ),
        (
            json!({"interval_minutes": 70}),
            "interval_minutes is 70; allowed is what a day has a whole number of, such as 15, 30, 60",
        ),
        (
            json!({"raw_days": 10, "keep_days": 9}),
            "keep_days is 9; allowed is raw_days, 10, or more",
        ),
    ] {
        let mut rt = TestRuntime::new();
        rt.add::<HistoryPlugin>(settings);
        let error = rt.start().unwrap_err();
        assert_eq!((error.code(), error.message()), ("invalid_settings", message));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut rt = started(json!({}));
    report(&mut rt, "lamp_kitchen", json!({"brightness": 5}));
    let before = rt.storage_writes();
    let mut tried = 0;
    for service in HistoryPlugin::services() {
        for bad in bad_inputs(&service) {
            let error = rt.call(service.name, &bad.args).expect_err(&bad.what);
            assert!(
                ["invalid_argument", "not_found"].contains(&error.code()),
                "{}: {error}",
                bad.what
            );
            tried += 1;
        }
    }
    println!("{tried} bad inputs");
    assert!(tried > 60, "{tried}");
    assert_eq!(rt.storage_writes(), before);
    let error = rt
        .call(
            "history.query",
            &json!({"key": "lamp_kitchen.brightness", "from": 5, "to": 4}),
        )
        .unwrap_err();
    assert_eq!(error.message(), "from is 5; allowed is at most to, which is 4");
}
