//! Conditions, and what the trace says of the one that stopped a run.

use serde_json::{Value, json};

use crate::house::{BEGIN, House, seconds};

/// Whether a rule with this condition runs; else where and why it was stopped.
fn check(house: &mut House, condition: &Value, payload: &Value) -> Result<(), (String, String)> {
    house.rule(
        "it",
        json!({"triggers": [{"event": "go"}], "conditions": [condition]}),
    );
    house.publish("go", payload.clone());
    let trace = house.traces("it").remove(0);
    let ran = house.calls().len() == 1;
    house.rt.call("automation.delete", "it").unwrap();
    assert_eq!(trace["outcome"] == "done", ran, "{trace}");
    match ran {
        true => Ok(()),
        false => {
            assert_eq!(
                (&trace["outcome"], &trace["run"]),
                (&json!("stopped"), &json!(null))
            );
            let text = |name: &str| trace[name].as_str().unwrap().to_owned();
            Err((text("path"), text("why")))
        }
    }
}

#[test]
fn comparisons_hold_or_say_what_was_there() {
    let mut house = House::new();
    house.set("here.n", json!(5));
    house.set("here.o", json!({"mode": "eco", "list": [1, 2]}));
    let holds = [
        json!({"state": "here.n", "eq": 5}),
        json!({"state": "here.n", "eq": 5.0}),
        json!({"state": "here.n", "ne": 6, "gt": 4, "ge": 5, "lt": 5.1, "le": 5}),
        json!({"state": "here.n", "in": [1, 5]}),
        json!({"state": "here.n", "exists": true}),
        json!({"state": "not.here", "exists": false}),
        json!({"state": "not.here", "ne": 1}),
        json!({"state": "not.here", "eq": null}),
        json!({"state": "here.o", "at": "/mode", "eq": "eco", "gt": "aaa"}),
        json!({"state": "here.o", "at": "/list", "eq": [1, 2.0]}),
        json!({"state": "here.o", "eq": {"mode": "eco", "list": [1, 2]}}),
        json!({"event": "/payload/a/1", "eq": "y"}),
        json!({"event": "/payload/n", "eq": {"$state": "here.n"}}),
        json!({"event": "/topic", "eq": "go"}),
    ];
    let payload = json!({"a": ["x", "y"], "n": 5});
    for condition in &holds {
        assert_eq!(check(&mut house, condition, &payload), Ok(()), "{condition}");
        let not = json!({"not": condition});
        let stopped = check(&mut house, &not, &payload).unwrap_err();
        assert_eq!(
            stopped,
            (
                "/conditions/0".to_owned(),
                "what must not hold does hold".to_owned()
            )
        );
    }
    let fails = [
        (
            json!({"state": "here.n", "eq": 6}),
            "state here.n is 5, wanted eq 6",
        ),
        (
            json!({"state": "here.n", "gt": 4, "lt": 5}),
            "state here.n is 5, wanted lt 5",
        ),
        (
            json!({"state": "here.n", "gt": "a"}),
            r#"state here.n is 5, wanted gt "a""#,
        ),
        (
            json!({"state": "not.here", "gt": 1}),
            "state not.here is not there, wanted gt 1",
        ),
        (
            json!({"state": "not.here", "exists": true}),
            "state not.here is not there, wanted exists true",
        ),
        (
            json!({"state": "here.o", "at": "/x", "eq": 1}),
            "state here.o/x is not there, wanted eq 1",
        ),
        (
            json!({"event": "/payload/n", "in": [1, 2]}),
            "event /payload/n is 5, wanted in [1,2]",
        ),
    ];
    for (condition, why) in fails {
        let stopped = check(&mut house, &condition, &payload).unwrap_err();
        assert_eq!(
            stopped,
            ("/conditions/0".to_owned(), why.to_owned()),
            "{condition}"
        );
    }
}

#[test]
fn the_part_that_stopped_is_named() {
    let mut house = House::new();
    let yes = json!({"event": "/payload", "eq": 1});
    let no = json!({"event": "/payload", "eq": 2});
    let all = json!({"and": [yes, {"or": [no, {"and": [yes, yes]}]}, no]});
    let stopped = check(&mut house, &all, &json!(1)).unwrap_err();
    assert_eq!(
        stopped,
        (
            "/conditions/0/and/2".to_owned(),
            "event /payload is 1, wanted eq 2".to_owned()
        )
    );
    let any = json!({"or": [no, {"and": [yes, no]}]});
    let stopped = check(&mut house, &any, &json!(1)).unwrap_err();
    assert_eq!(
        stopped,
        ("/conditions/0".to_owned(), "none of 2 holds".to_owned())
    );
    assert_eq!(check(&mut house, &json!({"or": [no, yes]}), &json!(1)), Ok(()));
    assert_eq!(check(&mut house, &json!({"and": []}), &json!(1)), Ok(()));
}

#[test]
fn windows_of_time_go_over_midnight_and_belong_to_the_day_on_which_they_begin() {
    let mut house = House::with(json!({"timezone": "Europe/Berlin"}));
    // January 2, 2026, was a Friday; Berlin is an hour ahead.
    let at =
        |day: u64, hour: u64, minute: u64| seconds(BEGIN + day * 86_400 + hour * 3_600 + minute * 60 - 3_600);
    let night = json!({"time": {"after": "22:00", "before": "06:00", "weekdays": ["fri"]}});
    let cases = [
        (
            at(1, 21, 59),
            Err("it is fri 21:59, wanted after 22:00 before 06:00 on fri"),
        ),
        (at(1, 22, 0), Ok(())),
        (at(2, 5, 59), Ok(())),
        (
            at(2, 6, 0),
            Err("it is sat 06:00, wanted after 22:00 before 06:00 on fri"),
        ),
        (
            at(2, 23, 0),
            Err("it is sat 23:00, wanted after 22:00 before 06:00 on fri"),
        ),
        (
            at(1, 5, 0),
            Err("it is fri 05:00, wanted after 22:00 before 06:00 on fri"),
        ),
    ];
    for (time, expected) in cases {
        house.rt.set_time(time);
        let found = check(&mut house, &night, &json!(0)).map_err(|(_, why)| why);
        assert_eq!(found, expected.map_err(str::to_owned));
    }
    house.rt.set_time(at(1, 12, 0));
    for (window, holds) in [
        (json!({"after": "12:00"}), true),
        (json!({"before": "12:00"}), false),
        (json!({"after": "08:00", "before": "13:00:30"}), true),
        (json!({"weekdays": ["sat", "sun"]}), false),
        (json!({"weekdays": ["fri"]}), true),
    ] {
        let found = check(&mut house, &json!({"time": window}), &json!(0));
        assert_eq!(found.is_ok(), holds, "{window}");
    }
}

#[test]
fn what_is_stopped_again_and_again_is_one_entry_that_hides_nothing() {
    let mut house = House::new();
    house.rule(
        "it",
        json!({
            "triggers": [{"event": "go"}],
            "conditions": [{"event": "/payload", "gt": 10}],
        }),
    );
    house.publish("go", json!(11));
    for value in 0..10 {
        house.publish("go", json!(value));
    }
    let traces = house.traces("it");
    assert_eq!(traces.len(), 2);
    assert_eq!(
        (&traces[0]["outcome"], &traces[0]["times"]),
        (&json!("stopped"), &json!(10))
    );
    assert_eq!(
        traces[0]["why"], "event /payload is 9, wanted gt 10",
        "the last one"
    );
    assert_eq!(traces[1]["outcome"], "done");
    assert_eq!(house.stats()["stopped"], 10);
}
