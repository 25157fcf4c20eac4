//! A device of the network, and how it is.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::effect::{Effect, HAPPENED, REPORTED};
use crate::network::{Device, PROVIDER, is_event};
use crate::payload::parsed;
use crate::status::Counts;

/// The most bytes of a value, and of all values of a device.
const MAX_VALUE: usize = 2 * 1024;
const MAX_STATE: usize = 7 * 1024;

/// A device or a group, and how it is.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) device: Device,
    pub(crate) state: Map<String, Value>,
    /// What Zigbee2MQTT says; nothing where it does not look after devices.
    pub(crate) available: Option<bool>,
}

#[derive(Serialize)]
struct Report<'a> {
    external_id: &'a str,
    state: &'a Map<String, Value>,
    online: bool,
}

impl Entry {
    pub(crate) fn is_online(&self, bridge_is_online: bool) -> bool {
        bridge_is_online && self.available.unwrap_or(true)
    }

    pub(crate) fn report(&self, bridge_is_online: bool) -> Effect {
        report(
            &self.device.external_id,
            &self.state,
            self.is_online(bridge_is_online),
        )
    }

    /// Keeps a value; false where there is no room for it.
    pub(crate) fn keep(&mut self, field: &str, value: Value) -> bool {
        if value.to_string().len() > MAX_VALUE {
            return false;
        }
        let old = self.state.insert(field.into(), value);
        let fits = Value::Object(self.state.clone()).to_string().len() <= MAX_STATE;
        if !fits {
            self.state.remove(field);
            self.state.extend(old.map(|old| (field.to_owned(), old)));
        }
        fits
    }
}

/// A message about the state of a device.
pub(crate) fn state(
    entry: &mut Entry,
    payload: &[u8],
    is_retained: bool,
    bridge_is_online: bool,
    counts: &mut Counts,
) -> Result<Vec<Effect>, &'static str> {
    let fields = parsed(payload)?;
    let fields = fields.as_object().ok_or("a state that is no object")?;
    let mut happened = Map::new();
    for (wire, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let said: Vec<_> = entry.device.said(wire).cloned().collect();
        let decoded: Vec<_> = said
            .iter()
            .filter_map(|property| Some((property, property.kind.decode(value)?)))
            .collect();
        let what = || format!("{}: {wire}", entry.device.name);
        if decoded.is_empty() && !said.is_empty() {
            counts.refuse("a value of another kind than the device exposes", &what());
        }
        for (property, value) in decoded {
            if is_event(property) {
                // What is retained happened before, and an empty one is none.
                if !is_retained && value != "" {
                    happened.insert(property.field.clone(), value);
                }
            } else if property.access.published && !entry.keep(&property.field, value) {
                counts.refuse(
                    "a value that the house has no room for",
                    &format!("{}: {wire}", entry.device.name),
                );
            }
        }
    }
    if let Some(mode) = fields.get("color_mode").filter(|mode| mode.is_string())
        && entry.device.property("color_mode").is_none()
        && entry.device.kind == "light"
    {
        entry.keep("color_mode", mode.clone());
    }
    let mut effects = vec![entry.report(bridge_is_online)];
    for (field, value) in happened {
        effects.extend(occurred(entry, &field, value, bridge_is_online));
    }
    Ok(effects)
}

/// Something happened, such as the press of a button: said as an event, and as a value that is there and gone again, so
/// that a second press is a change as well.
fn occurred(entry: &Entry, field: &str, value: Value, bridge_is_online: bool) -> Vec<Effect> {
    let (id, is_online) = (&entry.device.external_id, entry.is_online(bridge_is_online));
    let pulse = |value: Value| report(id, &Map::from_iter([(field.to_owned(), value)]), is_online);
    let event = json!({"external_id": id, "provider": PROVIDER, "event": field, "value": value});
    vec![Effect::Publish(HAPPENED, event), pulse(value), pulse(Value::Null)]
}

pub(crate) fn report(external_id: &str, state: &Map<String, Value>, online: bool) -> Effect {
    let report = Report {
        external_id,
        state,
        online,
    };
    Effect::Publish(REPORTED, json!(report))
}
