//! Times of the day, the sun, and clocks that are set.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::{BEGIN, House, SOON, seconds};

const HOUR: u64 = 3_600;

/// The seconds of a time in UTC, such as `2026-03-29T01:00:00Z`.
fn utc(text: &str) -> u64 {
    u64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_second()).unwrap()
}

/// When a rule with this trigger runs in these days, in UTC.
fn runs(timezone: &str, trigger: Value, from: &str, days: u64) -> Vec<String> {
    let mut house = House::with(json!({"timezone": timezone, "traces": 1000}));
    house.rule("it", json!({"triggers": [trigger]}));
    house.rt.set_time(seconds(utc(from)));
    house.pass(seconds(days * 24 * HOUR));
    at(&mut house)
}

/// When the rule `it` ran, in UTC, to the second.
fn at(house: &mut House) -> Vec<String> {
    let traces = house.traces("it");
    let times = traces.iter().rev().map(|trace| trace["at"].as_i64().unwrap());
    let seconds = times.map(|at| jiff::Timestamp::from_second(at.div_euclid(1_000)).unwrap());
    seconds.map(|at| at.to_string()).collect()
}

#[test]
fn a_time_of_day_comes_once_a_day() {
    let trigger = json!({"time": "07:30"});
    assert_eq!(
        runs("Asia/Kolkata", trigger, "2026-05-01T00:00:00Z", 3),
        [
            "2026-05-01T02:00:00Z",
            "2026-05-02T02:00:00Z",
            "2026-05-03T02:00:00Z"
        ]
    );
    // 2026-05-01 is a Friday.
    let trigger = json!({"time": "23:59:59", "weekdays": ["sun", "tue"]});
    assert_eq!(
        runs("UTC", trigger, "2026-05-01T00:00:00Z", 8),
        ["2026-05-03T23:59:59Z", "2026-05-05T23:59:59Z"]
    );
}

const BERLIN: [&str; 2] = ["Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"];
const NEW_YORK: [&str; 2] = ["America/New_York", "EST5EDT,M3.2.0,M11.1.0"];

#[test]
fn a_time_that_does_not_exist_in_spring_comes_once_just_after_the_gap() {
    for zone in BERLIN {
        assert_eq!(
            runs(zone, json!({"time": "02:30"}), "2026-03-27T12:00:00Z", 3),
            [
                "2026-03-28T01:30:00Z",
                "2026-03-29T01:00:00Z",
                "2026-03-30T00:30:00Z"
            ],
            "{zone}"
        );
        assert_eq!(
            runs(
                zone,
                json!({"time": "02:00", "weekdays": ["sun"]}),
                "2026-03-27T12:00:00Z",
                3
            ),
            ["2026-03-29T01:00:00Z"]
        );
        assert_eq!(
            runs(zone, json!({"time": "03:00"}), "2026-03-28T12:00:00Z", 1),
            ["2026-03-29T01:00:00Z"]
        );
    }
    for zone in NEW_YORK {
        assert_eq!(
            runs(zone, json!({"time": "02:59:59"}), "2026-03-07T12:00:00Z", 2),
            ["2026-03-08T07:00:00Z", "2026-03-09T06:59:59Z"],
            "{zone}"
        );
    }
}

#[test]
fn a_time_that_comes_twice_in_autumn_counts_once() {
    for zone in BERLIN {
        assert_eq!(
            runs(zone, json!({"time": "02:30"}), "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
            "{zone}"
        );
        assert_eq!(
            runs(zone, json!({"time": "03:00"}), "2026-10-24T12:00:00Z", 1),
            ["2026-10-25T02:00:00Z"]
        );
    }
    for zone in NEW_YORK {
        assert_eq!(
            runs(zone, json!({"time": "01:00"}), "2026-10-31T12:00:00Z", 2),
            ["2026-11-01T05:00:00Z", "2026-11-02T06:00:00Z"],
            "{zone}"
        );
    }
    // Between the two times, nothing is made up for.
    assert_eq!(
        runs(
            "Europe/Berlin",
            json!({"time": "02:30"}),
            "2026-10-25T00:45:00Z",
            1
        ),
        [] as [&str; 0]
    );
}

#[test]
fn the_day_of_the_change_has_as_many_hours_as_it_has() {
    // An interval is no time of the day.
    let hours = |from| runs("Europe/Berlin", json!({"every": HOUR}), from, 1).len();
    assert_eq!(
        (hours("2026-03-29T00:00:00Z"), hours("2026-10-25T00:00:00Z")),
        (24, 24)
    );
}

#[test]
fn the_sun_rises_and_sets_with_an_offset_on_some_days() {
    let settings = json!({"timezone": "Europe/London", "latitude": 51.47, "longitude": -0.46, "traces": 100});
    let mut house = House::with(settings);
    house.rule(
        "it",
        json!({"triggers": [
            {"sun": "sunset", "offset": -1800, "weekdays": ["fri"]},
            {"sun": "sunrise", "weekdays": ["sat"]}
        ]}),
    );
    // Christmas 2015, a Friday: sunset in London at 15:56; sunrise on Saturday at 08:05.
    house.rt.set_time(seconds(utc("2015-12-21T00:00:00Z")));
    house.pass(seconds(7 * 24 * HOUR));
    let found = at(&mut house);
    assert_eq!(found.len(), 2, "{found:?}");
    for (found, published) in found.iter().zip(["2015-12-25T15:26:00Z", "2015-12-26T08:06:00Z"]) {
        assert!(utc(found).abs_diff(utc(published)) <= 120, "{found}");
    }
    let event = house.calls().pop().unwrap();
    assert_eq!(event, json!({"kind": "sun", "sun": "sunrise"}));
}

#[test]
fn where_the_sun_does_not_set_the_next_sunset_is_waited_for() {
    let mut house = House::with(json!({"latitude": 69.65, "longitude": 18.96, "traces": 400}));
    house.rule("it", json!({"triggers": [{"sun": "sunset"}]}));
    house.rt.set_time(seconds(utc("2026-06-01T00:00:00Z")));
    house.pass(seconds(90 * 24 * HOUR));
    let found = at(&mut house);
    // Published for Tromso: the sun stays up until between July 22 and 27, by whether all of it counts or its edge.
    let first = utc(&found[0]);
    assert!(
        (utc("2026-07-20T00:00:00Z")..utc("2026-07-28T00:00:00Z")).contains(&first),
        "{}",
        found[0]
    );
    let days = (utc("2026-08-30T00:00:00Z") - first) / 86_400;
    assert!(
        (found.len() as u64).abs_diff(days) <= 1,
        "one each day from then on: {}",
        found.len()
    );
}

#[test]
fn a_clock_that_is_set_by_less_than_an_hour_neither_skips_nor_repeats() {
    let noon = BEGIN + 12 * HOUR;
    let mut house = House::with(json!({"traces": 100}));
    house.rule("it", json!({"triggers": [{"time": "12:00"}]}));
    house.rt.set_time(seconds(noon - 10));
    house.pass(SOON);
    house.rt.set_time(seconds(noon + 59 * 60));
    house.pass(SOON);
    assert_eq!(
        house.calls().len(),
        1,
        "what was stepped over is late, and not skipped"
    );
    house.rt.set_time(seconds(noon - 30));
    house.pass(seconds(60));
    assert_eq!(house.calls().len(), 0, "it was 12:00 before");
    house.rt.set_time(seconds(noon + 60));
    house.pass(seconds(24 * HOUR - 30));
    assert_eq!(house.calls().len(), 1, "the next day");

    for _ in 0..5 {
        house.rt.set_time(seconds(noon + 2 * 24 * HOUR - 1));
        house.pass(seconds(2));
    }
    assert_eq!(house.calls().len(), 1, "five times to the same second");
}

#[test]
fn a_clock_that_is_set_by_more_begins_anew() {
    let noon = BEGIN + 12 * HOUR;
    let mut house = House::new();
    house.rule("it", json!({"triggers": [{"time": "12:00"}]}));
    house.rt.set_time(seconds(noon + 2 * HOUR));
    house.pass(SOON);
    assert_eq!(house.calls().len(), 0, "nobody was there at noon");
    house.rt.set_time(seconds(noon - 2 * HOUR));
    house.pass(seconds(2 * HOUR + 1));
    assert_eq!(house.calls().len(), 1);
    house.rt.set_time(seconds(noon - HOUR - 3_000));
    house.pass(seconds(2 * HOUR));
    assert_eq!(
        house.calls().len(),
        1,
        "the clock was wrong, and it is noon again"
    );
}

#[test]
fn without_a_clock_what_goes_by_it_waits_until_it_is_set() {
    let mut house = House::new();
    house
        .rt
        .runtime()
        .state()
        .delete("clock.zero_unix_ms")
        .now()
        .unwrap();
    house.rule("it", json!({"triggers": [{"time": "12:00"}, {"every": 3600}]}));
    house.rule(
        "window",
        json!({"triggers": [{"event": "go"}], "conditions": [{"time": {"after": "00:00"}}]}),
    );
    house.pass(seconds(24 * HOUR + 60));
    assert_eq!(house.calls().len(), 24, "intervals need none");
    assert_eq!(house.traces("it")[0]["at"], Value::Null);
    house.publish("go", json!(null));
    assert_eq!(house.traces("window")[0]["why"], "the clock is not set");
    house.rt.set_time(seconds(BEGIN + 12 * HOUR - 60));
    house.pass(seconds(120));
    assert_eq!(house.calls(), [json!({"kind": "time", "time": "12:00"})]);
}

#[test]
fn a_plugin_that_ticks_late_runs_what_was_due() {
    let mut house = House::new();
    house.rule("it", json!({"triggers": [{"time": "00:10"}]}));
    house.pass(Duration::from_secs(9 * 60));
    house.rule(
        "slow",
        json!({"triggers": [{"every": 1}], "actions": [{"delay": 1}]}),
    );
    house.pass(Duration::from_secs(90));
    assert_eq!(house.calls().len(), 1);
}
