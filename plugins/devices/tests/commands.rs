//! From a command to the report that meets it.

use std::time::Duration;

use devices::Devices;
use plugin_kit::kernel_core::Error;
use plugin_kit::test::{Published, TestRuntime};
use serde_json::{Value, json};

/// The time of day at which a test's runtime begins.
const BEGIN: f64 = 1_767_225_600.0;

/// A kitchen lamp, mapped.
fn house() -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<Devices>(());
    rt.start().unwrap();
    let lamp = json!({"id": "lamp_kitchen", "name": "Lamp", "type": "light"});
    rt.call("devices.create", &lamp).unwrap();
    let mapping = json!({"external_id": "zigbee-1", "internal_id": "lamp_kitchen"});
    rt.call("devices.create_mapping", &mapping).unwrap();
    rt
}

fn report(rt: &mut TestRuntime, state: Value) -> Result<u32, Error> {
    let payload = json!({"external_id": "zigbee-1", "state": state});
    rt.publish("external.device_state_reported", &payload)
}

fn lamp(rt: &mut TestRuntime) -> Value {
    rt.call("devices.get", "lamp_kitchen").unwrap()
}

fn events(rt: &mut TestRuntime) -> Vec<(String, Value)> {
    let pair = |event: Published| (event.topic, event.payload);
    rt.take_published().into_iter().map(pair).collect()
}

#[test]
fn a_command_is_stored_published_and_met_by_a_report() -> Result<(), Error> {
    let mut rt = house();
    let created = lamp(&mut rt);
    assert_eq!(
        created,
        json!({
            "id": "lamp_kitchen", "name": "Lamp", "type": "light",
            "state": {"desired": {}, "reported": {}, "pending": false},
            "created_at": BEGIN, "updated_at": BEGIN, "last_seen": null, "online": false,
            "home_id": null, "home_name": null, "room_id": null, "room_name": null,
        })
    );
    rt.advance(Duration::from_millis(1_500))?;
    let queued = rt.call(
        "devices.set_state",
        &json!({"id": "lamp_kitchen", "state": {"on": true, "level": 50}}),
    )?;
    let state = json!({"desired": {"on": true, "level": 50}, "reported": {}, "pending": true});
    assert_eq!(
        queued,
        json!({"ok": true, "queued": true, "external_id": "zigbee-1", "state": state})
    );
    let stored = rt.stored("devices", "lamp_kitchen").unwrap();
    assert_eq!(
        (&stored["state"], &stored["updated_at"]),
        (&state, &json!(BEGIN + 1.5))
    );
    assert_eq!(
        events(&mut rt),
        [(
            "internal.device_command_requested".to_owned(),
            json!({
                "internal_id": "lamp_kitchen", "external_id": "zigbee-1",
                "command": "set_state", "params": {"on": true, "level": 50},
            })
        )]
    );

    report(&mut rt, json!({"on": true, "watts": 3}))?;
    assert_eq!(
        lamp(&mut rt)["state"]["pending"],
        true,
        "the level is still to come"
    );
    report(&mut rt, json!({"level": 50.0}))?;
    let now = lamp(&mut rt);
    assert_eq!(
        now["state"],
        json!({
            "desired": {"on": true, "level": 50},
            "reported": {"on": true, "watts": 3, "level": 50.0},
            "pending": false,
        })
    );
    assert_eq!(
        (&now["online"], &now["last_seen"]),
        (&json!(true), &json!(BEGIN + 1.5))
    );
    assert_eq!(rt.stored("devices", "lamp_kitchen").unwrap(), now);
    let changed = |old: Value, new: Value| {
        let payload = json!({"device_id": "lamp_kitchen", "old": old, "new": new});
        ("device.state_changed".to_owned(), payload)
    };
    assert_eq!(
        events(&mut rt),
        [
            ("device.online".to_owned(), json!({"device_id": "lamp_kitchen"})),
            changed(json!({}), json!({"on": true, "watts": 3})),
            changed(
                json!({"on": true, "watts": 3}),
                json!({"on": true, "watts": 3, "level": 50.0})
            ),
        ]
    );
    Ok(())
}

#[test]
fn what_nobody_asked_for_holds_no_command_up() -> Result<(), Error> {
    let mut rt = house();
    rt.call("devices.turn_off", "lamp_kitchen")?;
    report(&mut rt, json!({"on": false}))?;
    // Somebody at the switch, while a command for something else is under way.
    rt.call(
        "devices.set_state",
        &json!({"id": "lamp_kitchen", "state": {"level": 10}}),
    )?;
    report(&mut rt, json!({"on": true, "level": 10}))?;
    assert_eq!(lamp(&mut rt)["state"]["pending"], false);
    // What was met and is asked for again waits for a report again.
    rt.call(
        "devices.set_state",
        &json!({"id": "lamp_kitchen", "state": {"level": 10}}),
    )?;
    assert_eq!(lamp(&mut rt)["state"]["pending"], true);
    report(&mut rt, json!({"level": 10}))?;
    assert_eq!(lamp(&mut rt)["state"]["pending"], false);
    Ok(())
}

#[test]
fn turning_on_and_off_is_a_command_of_its_own() -> Result<(), Error> {
    let mut rt = house();
    for (service, command, on) in [
        ("devices.turn_on", "turn_on", true),
        ("devices.turn_off", "turn_off", false),
    ] {
        for args in [
            json!("lamp_kitchen"),
            json!({"id": "lamp_kitchen"}),
            json!({"args": ["lamp_kitchen"], "kwargs": {}}),
            json!({"args": [], "kwargs": {"device_id": "lamp_kitchen"}}),
        ] {
            let queued = rt.call(service, &args)?;
            assert_eq!(queued["state"]["desired"], json!({"on": on}));
            let published = events(&mut rt);
            assert_eq!(published.len(), 1);
            assert_eq!(
                (&published[0].1["command"], &published[0].1["params"]),
                (&json!(command), &json!({"on": on}))
            );
        }
    }
    Ok(())
}

#[test]
fn a_device_that_is_not_mapped_is_commanded_without_an_external_id() -> Result<(), Error> {
    let mut rt = house();
    rt.call("devices.create", "lonely")?;
    assert_eq!(rt.call("devices.turn_on", "lonely")?["external_id"], json!(null));
    assert_eq!(events(&mut rt)[0].1["external_id"], json!(null));
    Ok(())
}

#[test]
fn a_report_that_says_nothing_new_writes_nothing_and_publishes_nothing() -> Result<(), Error> {
    let mut rt = house();
    report(&mut rt, json!({"on": true}))?;
    let before = rt.rows("devices");
    events(&mut rt);
    rt.advance(Duration::from_secs(60))?;
    report(&mut rt, json!({"on": true}))?;
    report(&mut rt, json!({}))?;
    assert_eq!((rt.rows("devices"), events(&mut rt)), (before, vec![]));
    assert_eq!(
        lamp(&mut rt)["last_seen"],
        BEGIN + 60.0,
        "it is known all the same"
    );
    Ok(())
}

#[test]
fn a_report_by_service_is_the_same() -> Result<(), Error> {
    let mut rt = house();
    rt.call("devices.turn_on", "lamp_kitchen")?;
    let received = rt.call(
        "devices.report",
        &json!({"id": "lamp_kitchen", "state": {"on": true}}),
    )?;
    assert_eq!(received, json!({"ok": true, "changed": true, "pending": false}));
    let received = rt.call(
        "devices.report",
        &json!({"external_id": "zigbee-1", "state": {"on": true}}),
    )?;
    assert_eq!(received, json!({"ok": true, "changed": false, "pending": false}));
    let both = json!({"id": "lamp_kitchen", "external_id": "zigbee-1", "state": {}});
    assert_eq!(
        rt.call("devices.report", &both).unwrap_err().code(),
        "invalid_argument"
    );
    Ok(())
}

#[test]
fn a_report_of_what_is_not_mapped_is_nobodys_mistake_and_one_that_is_none_is() {
    let mut rt = house();
    let before = rt.rows("devices");
    let stranger = json!({"external_id": "zigbee-2", "state": {"on": true}});
    assert_eq!(rt.publish("external.device_state_reported", &stranger), Ok(1));
    for wrong in [
        json!(5),
        json!({"external_id": "zigbee-1"}),
        json!({"external_id": "zigbee-1", "state": 5}),
    ] {
        let error = rt.publish("external.device_state_reported", &wrong).unwrap_err();
        assert_eq!(error.code(), "invalid_argument", "{wrong}");
    }
    assert_eq!((rt.rows("devices"), events(&mut rt)), (before, vec![]));
}

#[test]
fn a_device_not_heard_of_is_off_line_once_and_comes_back() -> Result<(), Error> {
    let mut rt = house();
    report(&mut rt, json!({"on": true}))?;
    events(&mut rt);
    rt.advance(Duration::from_secs(200))?;
    report(&mut rt, json!({"on": true}))?;
    rt.advance(Duration::from_secs(299))?;
    assert_eq!(
        (lamp(&mut rt)["online"].clone(), events(&mut rt)),
        (json!(true), vec![])
    );
    rt.advance(Duration::from_secs(11))?;
    let offline = ("device.offline".to_owned(), json!({"device_id": "lamp_kitchen"}));
    assert_eq!(events(&mut rt), std::slice::from_ref(&offline));
    let stored = rt.stored("devices", "lamp_kitchen").unwrap();
    assert_eq!(
        (&stored["online"], &stored["last_seen"]),
        (&json!(false), &json!(BEGIN + 200.0))
    );
    rt.advance(Duration::from_secs(3_600))?;
    assert_eq!(events(&mut rt), []);
    report(&mut rt, json!({"on": true}))?;
    let online = ("device.online".to_owned(), json!({"device_id": "lamp_kitchen"}));
    assert_eq!(events(&mut rt), [online]);
    // An integration that knows it says so itself.
    let gone = json!({"external_id": "zigbee-1", "state": {}, "online": false});
    rt.publish("external.device_state_reported", &gone)?;
    rt.publish("external.device_state_reported", &gone)?;
    assert_eq!(events(&mut rt), [offline]);
    Ok(())
}

#[test]
fn what_is_known_outlives_the_plugin() -> Result<(), Error> {
    let mut rt = house();
    report(&mut rt, json!({"on": false}))?;
    rt.call("devices.turn_on", "lamp_kitchen")?;
    let before = lamp(&mut rt);
    rt.stop()?;
    rt.advance(Duration::from_secs(600))?;
    rt.start()?;
    assert_eq!(
        lamp(&mut rt),
        before,
        "nobody listened: it is not off line before its time"
    );
    report(&mut rt, json!({"on": true}))?;
    assert_eq!(lamp(&mut rt)["state"]["pending"], false);
    rt.stop()?;
    rt.start()?;
    events(&mut rt);
    rt.advance(Duration::from_secs(310))?;
    assert_eq!(
        events(&mut rt)[0].0,
        "device.offline",
        "also where it never reported since"
    );
    Ok(())
}

#[test]
fn without_a_time_of_day_there_are_no_times() -> Result<(), Error> {
    let mut rt = house();
    rt.runtime().state().delete("clock.zero_unix_ms").now().unwrap();
    let door = rt.call("devices.create", "door")?;
    assert_eq!(
        (&door["created_at"], &door["updated_at"]),
        (&json!(null), &json!(null))
    );
    rt.call("devices.report", &json!({"id": "door", "state": {"open": true}}))?;
    let door = rt.call("devices.get", "door")?;
    assert_eq!(
        (&door["last_seen"], &door["online"]),
        (&json!(null), &json!(true))
    );
    rt.advance(Duration::from_secs(310))?;
    assert_eq!(rt.call("devices.get", "door")?["online"], false);
    Ok(())
}

#[test]
fn settings_that_do_not_fit_are_refused_with_what_is_allowed() {
    for (settings, message) in [
        (
            json!({"offline_after_seconds": 0}),
            "offline_after_seconds is 0: 1 to 604800 is allowed",
        ),
        (
            json!({"reply_bytes": 100}),
            "reply_bytes is 100: 256 to 65536 is allowed",
        ),
        (json!({"offline_after_seconds": "long"}), "offline_after_seconds"),
        (json!({"offline": 5}), "unknown field `offline`"),
    ] {
        let mut rt = TestRuntime::new();
        rt.add::<Devices>(&settings);
        let error = rt.start().unwrap_err();
        assert_eq!(error.code(), "invalid_settings");
        assert!(error.message().contains(message), "{error}");
    }
    let mut rt = TestRuntime::new();
    rt.add::<Devices>(json!({"offline_after_seconds": 20}));
    rt.start().unwrap();
    rt.call("devices.create", "door").unwrap();
    rt.call("devices.report", &json!({"id": "door", "state": {}}))
        .unwrap();
    rt.advance(Duration::from_secs(22)).unwrap();
    assert_eq!(rt.call("devices.get", "door").unwrap()["online"], false);
}
