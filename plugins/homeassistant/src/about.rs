//! What discovery says of a device: who it is, and what it is made of.

use serde_json::{Map, Value};

use crate::config::Config;
use crate::names::{PROVIDER, cut};

/// The most bytes of an id.
const MAX_ID: usize = 180;

/// A device, as an entity of it says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct About {
    /// What it is called in the house.
    pub(crate) external_id: String,
    pub(crate) name: Option<String>,
    /// What the entity is called.
    pub(crate) label: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) area: Option<String>,
}

/// The device of an entity; an entity without one is a device of its own.
///
/// # Errors
/// That nothing tells it from others.
pub(crate) fn about(config: Config<'_>, object: &str) -> Result<About, String> {
    let none = Map::new();
    let device = config.0.get("device").and_then(Value::as_object).unwrap_or(&none);
    let said = Config(device);
    let id = identifier(device)
        .or_else(|| config.text("unique_id").map(String::from))
        .unwrap_or_else(|| object.into());
    if id.is_empty() || id.len() > MAX_ID || id.chars().any(char::is_control) {
        return Err("an identifier that is too long or not printable".into());
    }
    let short = |key| said.text(key).map(|text| cut(text, 200));
    Ok(About {
        external_id: format!("{PROVIDER}-{id}"),
        name: short("name"),
        label: config.text("name").map(|name| cut(name, 200)),
        manufacturer: short("manufacturer"),
        model: short("model"),
        area: short("suggested_area"),
    })
}

/// The first of its identifiers, or of its connections.
fn identifier(device: &Map<String, Value>) -> Option<String> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(String::from);
    let identifiers = match device.get("identifiers") {
        Some(Value::Array(items)) => items.iter().find_map(text),
        Some(other) => text(other),
        None => None,
    };
    let connections = device.get("connections").and_then(Value::as_array);
    identifiers.or_else(|| connections?.iter().find_map(|pair| text(pair.get(1)?)))
}
