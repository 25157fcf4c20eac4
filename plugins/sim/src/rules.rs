//! Rules that a house may have which is populated: what a newcomer sees happen.

/// What their ids begin with.
pub(crate) const PREFIX: &str = "sim-";

/// Each is what `automation.create` takes. The rooms have what the settings give a house unless they say otherwise.
pub(crate) const RULES: [&str; 5] = [
    r#"{
        "id": "sim-light-in-the-kitchen", "name": "Light in the kitchen while somebody is there, when it is dark",
        "mode": "restart",
        "triggers": [{"event": "device.state_changed", "when": {"and": [
            {"event": "/payload/device_id", "eq": "motion_kitchen"}, {"event": "/payload/new/motion", "eq": true}]}}],
        "conditions": [{"time": {"after": "17:00", "before": "08:00"}}],
        "actions": [
            {"service": "devices.turn_on", "args": "lamp_kitchen"},
            {"delay": 300},
            {"service": "devices.turn_off", "args": "lamp_kitchen"}]
    }"#,
    r#"{
        "id": "sim-evening", "name": "The living room is lit in the evening, when somebody is at home",
        "triggers": [{"time": "18:00"}],
        "conditions": [{"state": "presence.anyone", "eq": true}],
        "actions": [{"service": "devices.set_state", "args": {"id": "dimmer_living", "state": {"brightness": 60}}}]
    }"#,
    r#"{
        "id": "sim-nobody-at-home", "name": "Nobody at home: lights off, and less heating",
        "triggers": [{"state": "presence.anyone", "to": false, "for": 60}],
        "actions": [
            {"service": "devices.turn_off", "args": "lamp_living", "on_error": "continue"},
            {"service": "devices.turn_off", "args": "dimmer_living", "on_error": "continue"},
            {"service": "devices.set_state", "args": {"id": "thermostat_kitchen", "state": {"target": 18}}}]
    }"#,
    r#"{
        "id": "sim-welcome", "name": "Somebody comes home: warm, and a light in the hall",
        "mode": "restart",
        "triggers": [{"event": "presence.entered"}],
        "actions": [
            {"service": "devices.set_state", "args": {"id": "thermostat_kitchen", "state": {"target": 21}}},
            {"service": "devices.turn_on", "args": "lamp_hall", "on_error": "continue"},
            {"delay": 600},
            {"service": "devices.turn_off", "args": "lamp_hall", "on_error": "continue"}]
    }"#,
    r#"{
        "id": "sim-night", "name": "Good night",
        "triggers": [{"time": "23:30"}],
        "actions": [
            {"service": "devices.turn_off", "args": "dimmer_living"},
            {"service": "devices.set_state", "args": {"id": "thermostat_kitchen", "state": {"target": 18}}}]
    }"#,
];
