//! Presence: what is said, what is stored and shown, and when events come.

use std::time::Duration;

use plugin_kit::schema::Described;
use plugin_kit::test::{TestRuntime, bad_inputs};
use presence::{MAX_PEOPLE, PresencePlugin};
use serde_json::{Value, json};

const BEGIN: u64 = 1_767_225_600_000;

fn started() -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<PresencePlugin>(());
    rt.start().unwrap();
    rt
}

fn set(rt: &mut TestRuntime, person: &str, present: bool) -> Value {
    rt.call("presence.set", &json!({"person": person, "present": present}))
        .unwrap()
}

fn events(rt: &TestRuntime) -> Vec<(&str, &str)> {
    let events = rt.published().iter();
    events
        .map(|event| (event.topic.as_str(), event.payload["person"].as_str().unwrap()))
        .collect()
}

#[test]
fn events_come_on_a_change_only() {
    let mut rt = started();
    assert_eq!(rt.state("presence.anyone"), Some(json!(false)));
    set(&mut rt, "anna", false);
    assert_eq!(events(&rt), [], "nobody knew her to be here");
    set(&mut rt, "anna", true);
    set(&mut rt, "anna", true);
    set(&mut rt, "Бен", true);
    set(&mut rt, "anna", false);
    set(&mut rt, "anna", false);
    assert_eq!(
        events(&rt),
        [
            ("presence.entered", "anna"),
            ("presence.entered", "Бен"),
            ("presence.left", "anna")
        ]
    );
    assert_eq!(rt.state("presence.anna"), Some(json!(false)));
    assert_eq!(rt.state("presence.Бен"), Some(json!(true)));
    assert_eq!(rt.state("presence.anyone"), Some(json!(true)));
    set(&mut rt, "Бен", false);
    assert_eq!(rt.state("presence.anyone"), Some(json!(false)));
}

#[test]
fn since_is_the_time_of_the_last_change() {
    let mut rt = started();
    let minute = Duration::from_secs(60);
    let since = |presence: &Value| presence["since"].as_u64().unwrap();
    assert_eq!(since(&set(&mut rt, "anna", true)), BEGIN);
    rt.advance(minute).unwrap();
    assert_eq!(since(&set(&mut rt, "anna", true)), BEGIN);
    assert_eq!(since(&set(&mut rt, "anna", false)), BEGIN + 60_000);
    let got = rt.call("presence.get", &json!({"person": "anna"})).unwrap();
    assert_eq!(
        got,
        json!({"person": "anna", "present": false, "since": BEGIN + 60_000})
    );
}

#[test]
fn who_is_at_home_survives_a_restart_and_nobody_enters_by_it() {
    let mut rt = started();
    set(&mut rt, "anna", true);
    set(&mut rt, "ben", false);
    let before = rt.call("presence.list", &()).unwrap();
    rt.stop().unwrap();
    assert_eq!(rt.state("presence.anyone"), None);
    rt.start().unwrap();
    assert_eq!(rt.call("presence.list", &()).unwrap(), before);
    assert_eq!(rt.state("presence.anna"), Some(json!(true)));
    assert_eq!(rt.state("presence.ben"), Some(json!(false)));
    assert_eq!(rt.state("presence.anyone"), Some(json!(true)));
    assert_eq!(events(&rt), [("presence.entered", "anna")]);
}

#[test]
fn a_person_is_forgotten() {
    let mut rt = started();
    set(&mut rt, "anna", true);
    let anna = json!({"person": "anna"});
    assert_eq!(rt.call("presence.delete", &anna).unwrap(), true);
    assert_eq!(rt.call("presence.delete", &anna).unwrap(), false);
    assert_eq!(rt.call("presence.get", &anna).unwrap_err().code(), "not_found");
    assert_eq!(
        events(&rt),
        [("presence.entered", "anna"), ("presence.left", "anna")]
    );
    assert_eq!(
        (rt.state("presence.anna"), rt.stored("presence", "anna")),
        (None, None)
    );
    assert_eq!(rt.state("presence.anyone"), Some(json!(false)));
}

#[test]
fn names_that_are_no_token_are_refused() {
    let mut rt = started();
    for name in ["a b", "a.b", "*", ">", "a\n", "anyone"] {
        let error = rt
            .call("presence.set", &json!({"person": name, "present": true}))
            .unwrap_err();
        assert_eq!(error.code(), "invalid_argument", "{name:?}: {error}");
        assert!(error.message().starts_with("person: "), "{name:?}: {error}");
    }
    assert_eq!(rt.call("presence.list", &()).unwrap()["people"], json!([]));
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut rt = started();
    set(&mut rt, "anna", true);
    let before = (rt.call("presence.list", &()).unwrap(), rt.rows("presence"));
    let mut tried = 0;
    for service in PresencePlugin::services() {
        for bad in bad_inputs(&service) {
            let result = rt.call(service.name, &bad.args);
            // To forget somebody who cannot be there is nothing, and no mistake.
            if service.name == "presence.delete" && result == Ok(json!(false)) {
                continue;
            }
            let error = result.expect_err(&bad.what);
            assert!(
                ["invalid_argument", "not_found"].contains(&error.code()),
                "{}: {error}",
                bad.what
            );
            assert!(!error.message().is_empty(), "{}", bad.what);
            tried += 1;
        }
    }
    println!("{tried} bad inputs");
    assert!(tried > 60, "{tried}");
    assert_eq!(
        (rt.call("presence.list", &()).unwrap(), rt.rows("presence")),
        before
    );
    assert_eq!(events(&rt), [("presence.entered", "anna")]);
}

#[test]
fn arguments_may_come_by_place() {
    let mut rt = started();
    rt.call("presence.set", &json!({"args": ["anna", true], "kwargs": {}}))
        .unwrap();
    assert_eq!(rt.call("presence.get", "anna").unwrap()["present"], true);
    let by_both = json!({"args": ["anna"], "kwargs": {"present": false}});
    assert_eq!(rt.call("presence.set", &by_both).unwrap()["present"], false);
}

#[test]
fn one_more_than_can_be_known_is_refused() {
    let mut rt = started();
    for number in 0..MAX_PEOPLE {
        set(&mut rt, &format!("person-{number}"), true);
    }
    let one_more = json!({"person": "one-more", "present": true});
    let error = rt.call("presence.set", &one_more).unwrap_err();
    assert_eq!(error.code(), "too_many_people", "{error}");
    assert!(error.message().contains("64"), "{error}");
    assert_eq!(rt.state("presence.one-more"), None);
    rt.call("presence.delete", &json!({"person": "person-5"}))
        .unwrap();
    rt.call("presence.set", &one_more).unwrap();
}

#[test]
fn rows_that_cannot_be_read_are_skipped_and_shown() {
    let mut rt = TestRuntime::new();
    rt.store(
        "presence",
        "anna",
        &json!({"person": "anna", "present": true, "since": null}),
    );
    rt.store(
        "presence",
        "ben",
        &json!({"person": "carl", "present": true, "since": 5}),
    );
    rt.store("presence", "dora", &json!("at home"));
    rt.store(
        "presence",
        "e e",
        &json!({"person": "e e", "present": true, "since": 5}),
    );
    rt.add::<PresencePlugin>(());
    rt.start().unwrap();
    let list = rt.call("presence.list", &()).unwrap();
    assert_eq!(
        list["people"],
        json!([{"person": "anna", "present": true, "since": null}])
    );
    let skipped: Vec<_> = list["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["key"])
        .collect();
    assert_eq!(skipped, ["ben", "dora", "e e"]);
    assert!(
        list["skipped"][0]["error"].as_str().unwrap().contains("carl"),
        "{list}"
    );
    assert!(rt.stored("presence", "dora").is_some(), "it is left as it is");
}

#[test]
fn every_service_has_a_schema_and_its_examples_fit() {
    let services = PresencePlugin::services();
    let names: Vec<_> = services.iter().map(|service| service.name).collect();
    assert_eq!(
        names,
        ["presence.set", "presence.get", "presence.list", "presence.delete"]
    );
    let mut rt = started();
    for service in &services {
        assert!(
            service.returns.is_some() && !service.description.is_empty(),
            "{}",
            service.name
        );
        for example in &service.examples {
            rt.call(service.name, example).unwrap();
        }
    }
    let lengths = &services[0].args.as_ref().unwrap()["anyOf"][0]["properties"]["person"];
    assert_eq!(lengths["maxLength"], presence::MAX_NAME);
}
