//! A device that others offer, and what of it the house is said.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::effect::{Effect, REPORTED};
use crate::entity::{Entity, Part};

/// The most bytes of a value, and of all values of a device.
const MAX_VALUE: usize = 2 * 1024;
const MAX_STATE: usize = 7 * 1024;

/// A device, and how it is.
#[derive(Debug, Default)]
pub(crate) struct Device {
    pub(crate) state: Map<String, Value>,
    pub(crate) discovery: Value,
    pub(crate) is_online: bool,
}

impl Device {
    /// Keeps a value; false where there is no room for it.
    pub(crate) fn keep(&mut self, field: String, value: Value) -> bool {
        if value.to_string().len() > MAX_VALUE {
            return false;
        }
        let old = self.state.insert(field.clone(), value);
        let fits = Value::Object(self.state.clone()).to_string().len() <= MAX_STATE;
        if !fits {
            self.state.remove(&field);
            self.state.extend(old.map(|old| (field, old)));
        }
        fits
    }
}

/// The event that says how a device is.
pub(crate) fn report(id: &str, state: &Map<String, Value>, online: bool) -> Effect {
    Effect::Publish(
        REPORTED,
        json!({"external_id": id, "state": state, "online": online}),
    )
}

/// What a part is, in the words of JSON Schema.
pub(crate) fn schema(entity: &Entity, part: &Part) -> Value {
    let mut schema = part.codec.schema();
    if let Some(unit) = &part.unit {
        schema.insert("unit".into(), json!(unit));
    }
    if !entity.is_writable(part) {
        schema.insert("readOnly".into(), json!(true));
    }
    Value::Object(schema)
}

/// What a device is: by what it is for, or by what it measures.
pub(crate) fn kind(entities: &[&Entity]) -> &'static str {
    let has = |component: &str| entities.iter().any(|entity| entity.component == component);
    for (component, kind) in [
        ("climate", "thermostat"),
        ("lock", "lock"),
        ("cover", "cover"),
        ("light", "light"),
        ("fan", "fan"),
        ("switch", "switch"),
    ] {
        if has(component) {
            return kind;
        }
    }
    let roles = entities
        .iter()
        .flat_map(|entity| entity.parts.iter().filter_map(|part| part.role));
    let roles: BTreeSet<&str> = roles.collect();
    for (role, kind) in [
        ("smoke", "smoke_sensor"),
        ("gas", "gas_sensor"),
        ("carbon_monoxide", "carbon_monoxide_sensor"),
        ("water_leak", "leak_sensor"),
        ("open", "door_sensor"),
        ("presence", "presence_sensor"),
        ("motion", "motion_sensor"),
        ("vibration", "vibration_sensor"),
        ("co2", "air_quality_sensor"),
        ("pm25", "air_quality_sensor"),
        ("soil_moisture", "soil_sensor"),
        ("temperature", "temperature_sensor"),
        ("humidity", "humidity_sensor"),
        ("illuminance", "illuminance_sensor"),
        ("energy", "meter"),
        ("power", "meter"),
    ] {
        if roles.contains(role) {
            return kind;
        }
    }
    "generic"
}
