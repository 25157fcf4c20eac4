//! The house, by itself.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use plugin_kit::kernel_core::Error;
use plugin_kit::schema::Described;
use plugin_kit::test::{Published, TestRuntime, bad_inputs};
use serde_json::{Value, json};
use sim::Sim;

fn started(settings: Value) -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<Sim>(settings);
    rt.start().unwrap();
    rt
}

fn of<'e>(events: &'e [Published], topic: &str) -> Vec<&'e Value> {
    let here = events.iter().filter(|event| event.topic == topic);
    here.map(|event| &event.payload).collect()
}

/// Lets hours go by, whose events are not looked at.
fn hours(rt: &mut TestRuntime, count: u32) -> Result<(), Error> {
    for _ in 0..count {
        rt.advance(Duration::from_secs(3_600))?;
        rt.take_published();
    }
    Ok(())
}

#[test]
fn all_devices_are_found_and_report() -> Result<(), Error> {
    let mut rt = started(json!({"lamps": 50, "drop_offs": 0}));
    rt.advance(Duration::from_secs(130))?;
    let events = rt.take_published();
    let found = of(&events, "external.device_discovered");
    assert_eq!(found.len(), 61);
    let expected = json!({
        "external_id": "sim-lamp_kitchen_2", "provider": "sim", "name": "Kitchen lamp 2", "type": "light",
        "room_id": "kitchen", "room_name": "Kitchen", "state": {"on": false},
    });
    assert_eq!(found[8], &expected);
    for device in &found {
        let reports = of(&events, "external.device_state_reported");
        let of_it = reports
            .iter()
            .filter(|report| report["external_id"] == device["external_id"]);
        assert!(of_it.count() >= 2, "{device}");
    }
    // Whoever comes later hears of them within the hour, as they were said to be.
    rt.advance(Duration::from_secs(3_600))?;
    assert_eq!(of(&rt.take_published(), "external.device_discovered"), found);
    Ok(())
}

#[test]
fn a_device_that_drops_off_is_silent_and_obeys_once_it_is_back() -> Result<(), Error> {
    let mut rt = started(json!({"drop_offs": 0}));
    rt.advance(Duration::from_secs(5))?;
    rt.call(
        "sim.drop_off",
        &json!({"external_id": "sim-lamp_kitchen", "seconds": 600}),
    )?;
    assert_eq!(rt.call("sim.status", &())?["away"], json!(["sim-lamp_kitchen"]));
    let command = json!({"external_id": "sim-lamp_kitchen", "command": "turn_on", "params": {"on": true}});
    rt.publish("internal.device_command_requested", &command)?;
    assert_eq!(rt.call("sim.status", &())?["waiting"], 1);
    rt.take_published();
    rt.advance(Duration::from_secs(590))?;
    let is_it = |report: &&&Value| report["external_id"] == "sim-lamp_kitchen";
    let events = rt.take_published();
    assert_eq!(
        of(&events, "external.device_state_reported")
            .iter()
            .filter(is_it)
            .count(),
        0
    );
    rt.advance(Duration::from_secs(15))?;
    let events = rt.take_published();
    let reports = of(&events, "external.device_state_reported");
    assert_eq!(reports.iter().find(is_it).unwrap()["state"], json!({"on": true}));
    let status = rt.call("sim.status", &())?;
    assert_eq!((&status["away"], &status["waiting"]), (&json!([]), &json!(0)));
    Ok(())
}

#[test]
fn people_come_and_go_and_it_is_said_once() -> Result<(), Error> {
    let calls = Rc::new(RefCell::new(Vec::new()));
    let mut rt = TestRuntime::new();
    rt.add::<Sim>(json!({"people": 2}));
    let kept = calls.clone();
    rt.fake("presence.set", move |args| {
        kept.borrow_mut()
            .push((args["person"].clone(), args["present"].clone()));
        Ok(Value::Null)
    });
    rt.start()?;
    // The time begins at midnight, on a Thursday.
    hours(&mut rt, 24)?;
    for person in ["anna", "ben"] {
        let calls = calls.borrow();
        let of_one = calls.iter().filter(|(who, _)| who == person);
        let said: Vec<_> = of_one.map(|(_, present)| present == true).collect();
        assert_eq!(said, [true, false, true], "{person}");
    }
    assert_eq!(rt.call("sim.status", &())?["present"], json!(["anna", "ben"]));
    Ok(())
}

#[test]
fn without_a_time_of_day_it_begins_at_midnight() -> Result<(), Error> {
    let mut rt = started(json!({}));
    rt.runtime().state().delete("clock.zero_unix_ms").now().unwrap();
    hours(&mut rt, 12)?;
    assert_eq!(rt.call("sim.status", &())?["present"], json!([]));
    Ok(())
}

#[test]
fn bad_inputs_and_settings_are_refused() {
    let mut rt = started(json!({}));
    let before = rt.call("sim.status", &()).unwrap();
    let mut count = 0;
    for service in Sim::services() {
        for input in bad_inputs(&service) {
            let error = rt.call(service.name, &input.args).unwrap_err();
            assert!(
                ["invalid_argument", "not_found"].contains(&error.code()),
                "{}: {error}",
                input.what
            );
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
    assert_eq!(rt.call("sim.status", &()).unwrap(), before);
    for (settings, message) in [
        (json!({"people": 9}), "people is 9: 0 to 8 is allowed"),
        (json!({"step_ms": 5}), "step_ms is 5: 100 to 60000 is allowed"),
        (json!({"lamps": 1001}), "lamps is 1001: 0 to 1000 is allowed"),
        (json!({"speed": 5}), "unknown field `speed`"),
        (json!({"seed": -1}), "seed"),
    ] {
        let mut rt = TestRuntime::new();
        rt.add::<Sim>(settings);
        let error = rt.start().unwrap_err();
        assert_eq!(error.code(), "invalid_settings");
        assert!(error.message().contains(message), "{error}");
    }
}
