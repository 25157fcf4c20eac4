//! A rule in which one value after another is another one: the error names its place.

use serde_json::{Value, json};

use crate::house::House;

/// A rule with everything in it.
fn everything() -> Value {
    json!({
        "id": "it", "name": "All", "enabled": false, "mode": "parallel", "max": 2,
        "triggers": [
            {"event": "a.*", "when": {"event": "/payload/a", "gt": 5}},
            {"state": "b.>", "from": 1, "to": 2, "when": {"state": "c", "at": "/x", "lt": 5}, "for": 10},
            {"time": "07:30", "weekdays": ["mon", "sun"]},
            {"every": 60},
            {"sun": "sunrise", "offset": -600, "weekdays": ["sat"]}
        ],
        "conditions": [
            {"or": [{"not": {"event": "/topic", "eq": "a"}}, {"and": [{"state": "c", "in": [1, 2]}]}]},
            {"time": {"after": "08:00", "before": "07:00", "weekdays": ["tue"]}}
        ],
        "actions": [
            {"service": "a.b", "args": {"x": {"$event": "/payload"}, "y": [{"$state": "c", "at": "/x"}]},
                "timeout": 5, "result": "r", "on_error": "continue"},
            {"publish": "t", "payload": {"z": {"$result": "r", "at": "/x"}}},
            {"set_state": "s", "value": 1, "ttl": 5},
            {"delay": 1.5},
            {"choose": [{"if": {"result": "r", "exists": true}, "then": [{"delay": 1}]}], "else": [{"publish": "u"}]}
        ]
    })
}

/// The places of a value and of all that is in it, as JSON pointers.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{path}/{index}"), found);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &format!("{path}/{name}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn whatever_is_spoiled_in_a_rule_is_named_by_its_place() {
    let mut house = House::with(json!({"latitude": 50, "longitude": 10}));
    let right = everything();
    house.rt.call("automation.create", &right).unwrap();
    house.rt.call("automation.delete", "it").unwrap();
    let mut all = Vec::new();
    places(&right, "", &mut all);
    let others = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("no.*.such"),
        json!("\u{0}\u{7f}🦀"),
        json!("x".repeat(300)),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"$event": 5}),
        json!({"no": {"such": "thing"}}),
    ];
    let (mut refused, mut taken) = (0, 0);
    for place in all.iter().filter(|place| !place.is_empty()) {
        for other in &others {
            let mut rule = right.clone();
            *rule.pointer_mut(place).unwrap() = other.clone();
            match house.rt.call("automation.create", &rule) {
                // A value may be any, a name any text.
                Ok(_) => {
                    taken += 1;
                    let id = json!({"id": rule["id"]});
                    assert_eq!(house.rt.call("automation.delete", &id).unwrap(), true);
                }
                Err(error) => {
                    refused += 1;
                    assert_eq!(error.code(), "invalid_argument", "{place} {other}: {error}");
                    let (named, why) = error.message().split_once(": ").unwrap();
                    // What does not fit together is said of what it is in.
                    let is_near = named.starts_with(place.as_str()) || place.starts_with(named);
                    let is_result = why.contains("there is no answer");
                    assert!(is_near || is_result, "{place} is {other}: {error}");
                    assert!(!why.is_empty());
                }
            }
            assert_eq!(house.rt.rows("automation").len(), 0);
        }
    }
    println!("{refused} refused, {taken} taken");
    assert!(refused > 700 && taken > 50, "{refused} {taken}");
}
