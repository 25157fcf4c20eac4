//! Devices of the house, as they are offered to others: what there is of them, and of which kind.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A device of the house.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Own {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) room: Option<String>,
    pub(crate) online: bool,
    pub(crate) reported: Map<String, Value>,
    /// What its integration says of it, where that is known.
    pub(crate) said: Option<Said>,
}

/// What an integration says of a device that it found.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Said {
    #[serde(default)]
    pub(crate) external_id: String,
    #[serde(default)]
    pub(crate) provider: String,
    /// Each in the words of JSON Schema.
    #[serde(default)]
    pub(crate) properties: Map<String, Value>,
    #[serde(default)]
    pub(crate) manufacturer: Option<String>,
    #[serde(default)]
    pub(crate) model: Option<String>,
}

/// A device, as `devices.list` has it; what else it has is not looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    room_name: Option<String>,
    #[serde(default)]
    online: bool,
    state: State,
}

#[derive(Debug, Deserialize)]
struct State {
    #[serde(default)]
    reported: Map<String, Value>,
}

impl Listed {
    /// The device's id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The device, with what its integration says.
    pub(crate) fn own(self, said: Option<Said>) -> Own {
        Own {
            id: self.id,
            name: self.name,
            kind: self.kind,
            room: self.room_name,
            online: self.online,
            reported: self.state.reported,
            said,
        }
    }
}

/// A property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) is: Is,
    pub(crate) unit: Option<String>,
    pub(crate) is_read: bool,
    pub(crate) is_written: bool,
}

/// The values of a property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Is {
    Switch,
    Number {
        min: Option<f64>,
        max: Option<f64>,
        step: Option<f64>,
    },
    Text,
    Choice(Vec<String>),
    /// An object of these.
    Object(Vec<String>),
}

impl Own {
    /// Its properties: those that its integration says; else what it reports, and what one of its type has.
    pub(crate) fn properties(&self) -> Vec<Property> {
        if let Some(said) = self.said.as_ref().filter(|said| !said.properties.is_empty()) {
            let read = said.properties.iter();
            return read
                .filter_map(|(name, schema)| read_schema(name, schema))
                .collect();
        }
        let mut fields: Map<String, Value> = usual(&self.kind).into_iter().collect();
        fields.extend(self.reported.clone());
        let inferred = fields.iter().filter_map(|(name, value)| self.infer(name, value));
        inferred.collect()
    }

    fn infer(&self, name: &str, value: &Value) -> Option<Property> {
        let written = match self.kind.as_str() {
            "light" => ["on", "brightness", "color_temp", "color_xy", "color_hs"].contains(&name),
            "cover" => ["open", "position", "tilt", "stop"].contains(&name),
            "thermostat" => ["target", "on"].contains(&name),
            "lock" => name == "locked",
            _ => name == "on",
        };
        let is = match value {
            Value::Bool(_) => Is::Switch,
            Value::Number(_) => {
                let (min, max) = match name {
                    "brightness" | "position" | "tilt" => (Some(0.0), Some(100.0)),
                    "target" => (Some(5.0), Some(30.0)),
                    _ => (None, None),
                };
                Is::Number { min, max, step: None }
            }
            Value::String(_) => Is::Text,
            Value::Object(fields) => Is::Object(fields.keys().cloned().collect()),
            _ => return None,
        };
        let unit = match name {
            "temperature" | "target" => Some("°C".to_owned()),
            "humidity" | "battery" => Some("%".to_owned()),
            _ => None,
        };
        Some(Property {
            name: name.into(),
            is,
            unit,
            is_read: true,
            is_written: written,
        })
    }
}

/// What one of a type has at least.
fn usual(kind: &str) -> Vec<(String, Value)> {
    let fields = match kind {
        "light" | "switch" | "fan" => vec![("on", json!(false))],
        "cover" => vec![("open", json!(false))],
        "lock" => vec![("locked", json!(false))],
        "thermostat" => vec![("target", json!(20)), ("temperature", json!(20))],
        _ => Vec::new(),
    };
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn read_schema(name: &str, schema: &Value) -> Option<Property> {
    let number = |key: &str| schema[key].as_f64();
    let is = match schema["type"].as_str() {
        Some("boolean") => Is::Switch,
        Some("number" | "integer") => Is::Number {
            min: number("minimum"),
            max: number("maximum"),
            step: number("multipleOf"),
        },
        Some("object") => {
            let properties = schema["properties"].as_object()?;
            Is::Object(properties.keys().cloned().collect())
        }
        Some("string") => Is::Text,
        _ => {
            let values = schema["enum"].as_array()?.iter();
            let texts: Option<Vec<_>> = values.map(|value| value.as_str().map(String::from)).collect();
            texts.map_or(Is::Text, Is::Choice)
        }
    };
    let flag = |key: &str| schema[key] == true;
    Some(Property {
        name: name.into(),
        is,
        unit: schema["unit"].as_str().map(String::from),
        is_read: !flag("writeOnly"),
        is_written: !flag("readOnly"),
    })
}
