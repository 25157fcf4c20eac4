//! What is wanted of a device, as Zigbee2MQTT is asked for it.

use serde_json::{Map, Value};

use crate::network::Device;

/// A command that fits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Command {
    pub(crate) topic: String,
    pub(crate) payload: Value,
    /// What nobody reports, and is so once it is sent.
    pub(crate) is_so: Map<String, Value>,
}

/// The command that sets these fields of a device, of a network with this base topic.
///
/// # Errors
/// What does not fit, all of it.
pub(crate) fn command(base: &str, device: &Device, params: &Map<String, Value>) -> Result<Command, String> {
    let (mut payload, mut is_so, mut wrong) = (Map::new(), Map::new(), Vec::new());
    for (field, value) in params {
        let encoded = match device.property(field) {
            Some(property) => property.encode(value).map(|encoded| (property, encoded)),
            None => Err(format!("{field}: it has no such property; {}", settable(device))),
        };
        match encoded {
            Ok((property, _)) if payload.contains_key(&property.wire) => {
                wrong.push(format!("{field}: something else sets the same"));
            }
            Ok((property, encoded)) => {
                if !property.access.published {
                    is_so.insert(field.clone(), value.clone());
                }
                payload.insert(property.wire.clone(), encoded);
            }
            Err(why) => wrong.push(why),
        }
    }
    match wrong.is_empty() {
        true => Ok(Command {
            topic: format!("{base}/{}/set", device.name),
            payload: Value::Object(payload),
            is_so,
        }),
        false => Err(wrong.join("; ")),
    }
}

fn settable(device: &Device) -> String {
    let settable = device.properties.iter().filter(|property| property.access.set);
    let settable: Vec<_> = settable.map(|property| property.field.as_str()).collect();
    match settable.is_empty() {
        true => "nothing of it can be set".into(),
        false => format!("what can be set is {}", settable.join(", ")),
    }
}
