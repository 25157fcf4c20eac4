//! What devices report, in the runtime's state.

use devices::Devices;
use plugin_kit::kernel_core::Error;
use plugin_kit::test::TestRuntime;
use serde_json::json;

fn house() -> TestRuntime {
    let mut rt = TestRuntime::new();
    rt.add::<Devices>(());
    rt.start().unwrap();
    rt
}

#[test]
fn the_state_has_what_was_reported() -> Result<(), Error> {
    let mut rt = house();
    rt.call("devices.create", "lamp_kitchen")?;
    assert_eq!(rt.state("device.lamp_kitchen"), Some(json!({})));
    rt.call("devices.turn_on", "lamp_kitchen")?;
    assert_eq!(
        rt.state("device.lamp_kitchen"),
        Some(json!({})),
        "nothing that is only wanted"
    );
    rt.call(
        "devices.report",
        &json!({"id": "lamp_kitchen", "state": {"on": true}}),
    )?;
    assert_eq!(rt.state("device.lamp_kitchen"), Some(json!({"on": true})));
    rt.stop()?;
    assert_eq!(rt.state("device.lamp_kitchen"), None);
    rt.start()?;
    assert_eq!(rt.state("device.lamp_kitchen"), Some(json!({"on": true})));
    rt.call("devices.delete", "lamp_kitchen")?;
    assert_eq!(rt.state("device.lamp_kitchen"), None);

    let mut rt = TestRuntime::new();
    rt.add::<Devices>(json!({"keep_state": false}));
    rt.start()?;
    rt.call("devices.create", "door")?;
    assert_eq!(rt.state("device.door"), None);
    Ok(())
}

/// The state is a convenience: what has no room there is not there, and all else goes on.
#[test]
fn a_state_without_room_has_fewer_devices() -> Result<(), Error> {
    let mut rt = house();
    for number in 0..400 {
        rt.call("devices.create", &format!("d{number}"))?;
    }
    rt.call("devices.report", &json!({"id": "d399", "state": {"open": true}}))?;
    assert_eq!(
        rt.call("devices.get", "d399")?["state"]["reported"],
        json!({"open": true})
    );
    assert_eq!(
        (rt.state("device.d0"), rt.state("device.d399")),
        (Some(json!({})), None)
    );
    let lines = rt
        .logs()
        .iter()
        .filter(|(_, line)| line.contains("is not kept in the state"));
    assert_eq!(lines.count(), 1);
    Ok(())
}

#[test]
fn a_device_whose_state_has_no_room_leaves_nothing_old_there() -> Result<(), Error> {
    let mut rt = house();
    let (mut there, mut gone) = (0, 0);
    for number in 0..100 {
        let id = format!("d{number}");
        rt.call("devices.create", &id)?;
        let text = "x".repeat(8_000);
        rt.call("devices.report", &json!({"id": id, "state": {"text": text}}))?;
        match rt.state(&format!("device.{id}")) {
            Some(state) => there += u32::from(state == json!({"text": text})),
            None => gone += 1,
        }
    }
    assert!(there > 0 && gone > 0 && there + gone == 100, "{there} {gone}");
    Ok(())
}
