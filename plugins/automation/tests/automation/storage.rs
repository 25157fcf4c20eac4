//! Rules that are created, changed, deleted, and what a restart leaves of them.

use serde_json::{Value, json};

use crate::house::{House, seconds};

fn motion() -> Value {
    json!({"triggers": [{"event": "motion"}], "name": "Hall", "mode": "queued", "max": 5})
}

#[test]
fn a_rule_is_given_back_as_it_was_created() {
    let mut house = House::new();
    house.rule("hall", motion());
    let mut rule = motion();
    rule["id"] = json!("hall");
    rule["actions"] = json!([{"service": "lamp.set", "args": {"$event": ""}}]);
    assert_eq!(house.rt.stored("automation", "hall"), Some(rule.clone()));
    house.publish("motion", json!(null));
    let got = house.rt.call("automation.get", "hall").unwrap();
    let last_run = got["last_run"].as_u64().unwrap();
    assert_eq!(
        got,
        json!({
            "id": "hall", "name": "Hall", "enabled": true, "mode": "queued", "active": 0, "runs": 1,
            "last_run": last_run, "rule": rule
        })
    );
    assert_eq!(last_run / 1_000, crate::house::BEGIN);
    let error = house.rt.call("automation.create", &rule).unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (
            "already_exists",
            "there is a rule hall: automation.update changes it"
        )
    );
}

#[test]
fn an_update_changes_what_it_names() {
    let mut house = House::new();
    house.rule("hall", motion());
    let change = json!({"id": "hall", "mode": "single", "max": null, "triggers": [{"event": "door"}]});
    let changed = house.rt.call("automation.update", &change).unwrap();
    assert_eq!(
        (&changed["mode"], &changed["name"]),
        (&json!("single"), &json!("Hall"))
    );
    assert_eq!(changed["rule"].get("max"), None);
    house.publish("motion", json!(1));
    assert_eq!(house.calls().len(), 0);
    house.publish("door", json!(1));
    assert_eq!(house.calls().len(), 1);
    let stored = house.rt.stored("automation", "hall").unwrap();
    let wrong = json!({"id": "hall", "triggers": [{"event": "a..b"}]});
    let error = house.rt.call("automation.update", &wrong).unwrap_err();
    assert!(error.message().starts_with("/triggers/0/event: "), "{error}");
    assert_eq!(house.rt.stored("automation", "hall").unwrap(), stored);
    house.publish("door", json!(1));
    assert_eq!(house.calls().len(), 1, "it is as it was");
    assert_eq!(house.traces("hall").len(), 2, "what was noted before stays");
}

#[test]
fn a_change_of_a_rule_with_a_state_trigger_knows_the_values_still() {
    let mut house = House::new();
    house.set("door", json!("closed"));
    house.rule("it", json!({"triggers": [{"state": "door", "from": "closed"}]}));
    house
        .rt
        .call("automation.update", &json!({"id": "it", "name": "other"}))
        .unwrap();
    house.set("door", json!("open"));
    assert_eq!(house.calls().len(), 1);
}

#[test]
fn a_rule_that_is_disabled_or_deleted_does_nothing() {
    let mut house = House::new();
    house.rule("hall", motion());
    assert_eq!(house.rt.call("automation.disable", "hall").unwrap(), true);
    assert_eq!(house.rt.call("automation.disable", "hall").unwrap(), false);
    assert_eq!(house.stats()["filters"], 0);
    house.publish("motion", json!(1));
    assert_eq!(house.calls().len(), 0);
    assert_eq!(house.rt.stored("automation", "hall").unwrap()["enabled"], false);
    assert_eq!(house.rt.call("automation.enable", "hall").unwrap(), true);
    house.publish("motion", json!(1));
    assert_eq!(house.calls().len(), 1);
    assert_eq!(house.rt.call("automation.delete", "hall").unwrap(), true);
    assert_eq!(house.rt.call("automation.delete", "hall").unwrap(), false);
    house.publish("motion", json!(1));
    assert_eq!(house.calls().len(), 0);
    assert_eq!(house.rt.stored("automation", "hall"), None);
    assert_eq!(
        house.rt.call("automation.get", "hall").unwrap_err().code(),
        "not_found"
    );
    house.rule("hall", motion());
    assert_eq!(
        house.traces("hall"),
        [] as [Value; 0],
        "a new rule knows nothing of the one before"
    );
}

#[test]
fn rules_survive_a_restart() {
    let mut house = House::new();
    house.rule("hall", motion());
    house.rule(
        "off",
        json!({"enabled": false, "triggers": [{"event": "motion"}]}),
    );
    house.rule("night", json!({"triggers": [{"time": "23:00"}]}));
    house.rule("door", json!({"triggers": [{"state": "door", "from": "closed"}]}));
    house.rt.stop().unwrap();
    house.set("door", json!("closed"));
    house.rt.start().unwrap();
    house.publish("motion", json!(1));
    house.set("door", json!("open"));
    assert_eq!(house.calls().len(), 2);
    house.pass(seconds(24 * 3_600));
    assert_eq!(house.calls(), [json!({"kind": "time", "time": "23:00"})]);
    let list = house.rt.call("automation.list", &()).unwrap();
    let rules: Vec<_> = list["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (&rule["id"], &rule["enabled"]))
        .collect();
    assert_eq!(
        rules,
        [("door", true), ("hall", true), ("night", true), ("off", false)]
            .map(|(id, on)| (json!(id), json!(on)))
            .iter()
            .map(|(id, on)| (id, on))
            .collect::<Vec<_>>()
    );
    assert_eq!(
        (&list["total"], &list["next"], &list["skipped_total"]),
        (&json!(4), &Value::Null, &json!(0))
    );
}

#[test]
fn a_list_comes_in_pages() {
    let mut house = House::new();
    for number in 0..7 {
        house.rule(&format!("rule-{number}"), motion());
    }
    let (mut after, mut seen) = (String::new(), Vec::new());
    loop {
        let page = house
            .rt
            .call("automation.list", &json!({"after": after, "limit": 3}))
            .unwrap();
        assert_eq!(page["total"], 7);
        seen.extend(
            page["rules"]
                .as_array()
                .unwrap()
                .iter()
                .map(|rule| rule["id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(
        seen,
        (0..7).map(|number| format!("rule-{number}")).collect::<Vec<_>>()
    );
}

#[test]
fn rows_that_are_no_rules_are_skipped_and_shown() {
    let mut house = House::new();
    house.rule("good", motion());
    house.rt.stop().unwrap();
    let rows = [
        ("no-actions", json!({"id": "no-actions"})),
        ("not-an-object", json!([1, 2])),
        (
            "of-another",
            json!({"id": "other", "actions": [{"publish": "a"}]}),
        ),
        (
            "unknown",
            json!({"id": "unknown", "actions": [{"explode": true}]}),
        ),
        (
            "sun",
            json!({"id": "sun", "triggers": [{"sun": "sunset"}], "actions": [{"publish": "a"}]}),
        ),
    ];
    for (id, row) in &rows {
        house.rt.store("automation", id, row);
    }
    house.rt.start().unwrap();
    let list = house.rt.call("automation.list", &()).unwrap();
    assert_eq!((&list["total"], &list["skipped_total"]), (&json!(1), &json!(5)));
    let skipped = list["skipped"].as_array().unwrap();
    let errors: Vec<_> = skipped
        .iter()
        .map(|row| (row["id"].as_str().unwrap(), row["error"].as_str().unwrap()))
        .collect();
    assert!(errors[0].1.contains("`actions` is missing"), "{errors:?}");
    assert!(
        errors[1].0 == "not-an-object" && errors[1].1.starts_with("invalid_value: "),
        "{errors:?}"
    );
    assert!(errors[2].1.contains("other"), "{errors:?}");
    assert!(errors[3].1.contains("latitude"), "{errors:?}");
    assert!(
        errors[4]
            .1
            .contains("/actions/0: one of these is missing: service"),
        "{errors:?}"
    );
    let error = house.rt.call("automation.get", "unknown").unwrap_err();
    assert!(
        error.code() == "not_found" && error.message().contains("/actions/0"),
        "{error}"
    );
    let again = json!({"id": "unknown", "actions": [{"publish": "a"}]});
    let error = house.rt.call("automation.create", &again).unwrap_err();
    assert_eq!(error.code(), "already_exists");
    assert_eq!(house.rt.call("automation.delete", "unknown").unwrap(), true);
    house.rt.call("automation.create", &again).unwrap();
    house.publish("motion", json!(1));
    assert_eq!(house.calls().len(), 1, "the others are well");
}
