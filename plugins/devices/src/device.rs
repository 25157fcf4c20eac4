//! A device, as it is stored and as services answer with it; and the other rows.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use serde::de::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::state::{Fields, State};

/// A device. Times are seconds since the Unix epoch, `null` where the time of day was not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Device {
    /// Its id, which is its key in the storage.
    #[serde(default)]
    pub id: String,
    /// Its name, for people.
    #[serde(default = "unknown")]
    pub name: String,
    /// What it is, such as `light`.
    #[serde(rename = "type", default = "generic")]
    pub kind: String,
    /// What is wanted of it and what it reports.
    #[serde(default, deserialize_with = "State::read")]
    pub state: State,
    /// When it was created.
    #[serde(default)]
    pub created_at: Option<f64>,
    /// When anything of it changed.
    #[serde(default)]
    pub updated_at: Option<f64>,
    /// When it was heard of last; `null` for never.
    #[serde(default)]
    pub last_seen: Option<f64>,
    /// Whether it was heard of within the time that the settings allow.
    #[serde(default)]
    pub online: bool,
    /// The home that it is in.
    #[serde(default)]
    pub home_id: Option<String>,
    /// That home's name.
    #[serde(default)]
    pub home_name: Option<String>,
    /// The room that it is in.
    #[serde(default)]
    pub room_id: Option<String>,
    /// That room's name.
    #[serde(default)]
    pub room_name: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// Who else may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_with: Option<Vec<String>>,
    /// What somebody else keeps here.
    #[serde(flatten)]
    pub more: Fields,
}

pub(crate) fn unknown() -> String {
    "Unknown".to_owned()
}

pub(crate) fn generic() -> String {
    "generic".to_owned()
}

/// What is stored in one of the namespaces.
pub(crate) trait Row: Sized {
    const NAMESPACE: &'static str;

    /// The row of this key.
    fn read(key: &str, text: &[u8]) -> Result<Self, serde_json::Error>;
}

impl Device {
    /// Whether this user may use it: one without an owner is everybody's.
    pub(crate) fn is_for(&self, user: &str) -> bool {
        let shared = self.shared_with.as_deref().unwrap_or(&[]);
        self.owner_id.as_deref().is_none_or(|owner| owner == user) || shared.iter().any(|with| with == user)
    }
}

impl Row for Device {
    const NAMESPACE: &'static str = "devices";

    fn read(key: &str, text: &[u8]) -> Result<Self, serde_json::Error> {
        let mut device: Device = serde_json::from_slice(text)?;
        if device.id.is_empty() {
            device.id = key.to_owned();
        }
        match device.id == key {
            true => Ok(device),
            false => Err(serde_json::Error::custom(format_args!(
                "its id is {:?}",
                device.id
            ))),
        }
    }
}

/// Which device an integration's own id stands for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Mapping {
    /// The integration's id.
    pub external_id: String,
    /// The device's id.
    pub internal_id: String,
}

/// What is stored of a mapping, at the key of its external id.
#[derive(Serialize, Deserialize)]
pub(crate) struct MappingRow {
    pub(crate) internal_id: String,
}

impl Row for Mapping {
    const NAMESPACE: &'static str = "devices_mappings";

    fn read(key: &str, text: &[u8]) -> Result<Self, serde_json::Error> {
        let internal_id = match serde_json::from_slice(text)? {
            // The first mappings were the id alone.
            Value::String(id) => id,
            other => MappingRow::deserialize(other)?.internal_id,
        };
        Ok(Mapping {
            external_id: key.to_owned(),
            internal_id,
        })
    }
}

/// What an integration said of a device that it found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct External {
    /// The integration's id.
    pub external_id: String,
    /// The payload of `external.device_discovered`.
    pub payload: Fields,
}

impl External {
    /// The first of these fields of the payload that is a text, and not an empty one.
    pub(crate) fn text(&self, names: &[&str]) -> Option<&str> {
        names
            .iter()
            .filter_map(|name| self.payload.get(*name)?.as_str())
            .find(|text| !text.is_empty())
    }
}

impl Row for External {
    const NAMESPACE: &'static str = "devices_external";

    fn read(key: &str, text: &[u8]) -> Result<Self, serde_json::Error> {
        Ok(External {
            external_id: key.to_owned(),
            payload: serde_json::from_slice(text)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_is_written_as_it_was_read() {
        let row = json!({
            "id": "lamp", "name": "Lamp", "type": "light",
            "state": {"desired": {"on": false}, "reported": {"on": false}, "pending": false},
            "created_at": 1_700_000_000.25, "updated_at": 1_700_000_000.25, "last_seen": null, "online": false,
            "last_ws_update": null, "home_id": null, "home_name": null, "room_id": "r", "room_name": "Room",
            "icon_url": "x", "capabilities": ["on_off"], "shared_with": ["anna"],
        });
        let text = serde_json::to_vec(&row).unwrap();
        let device = Device::read("lamp", &text).unwrap();
        assert_eq!(serde_json::to_value(&device).unwrap(), row);
    }

    #[test]
    fn rows_of_all_ages_are_read() {
        let first = br#"{"name": "Lamp", "type": "light", "state": {"power": "on"}}"#;
        let device = Device::read("lamp", first).unwrap();
        assert_eq!(
            (device.id.as_str(), &device.state.reported["on"]),
            ("lamp", &json!(true))
        );
        assert!(device.created_at.is_none() && !device.online);
        for mapping in [&br#""lamp""#[..], br#"{"internal_id": "lamp"}"#] {
            assert_eq!(Mapping::read("ext", mapping).unwrap().internal_id, "lamp");
        }
    }

    #[test]
    fn what_is_no_row_is_said() {
        for wrong in [
            "5",
            "[]",
            r#"{"id": "other"}"#,
            r#"{"name": 5}"#,
            r#"{"state": 5}"#,
        ] {
            assert!(Device::read("lamp", wrong.as_bytes()).is_err(), "{wrong}");
        }
        for wrong in ["5", "{}", r#"{"internal_id": 5}"#] {
            assert!(Mapping::read("ext", wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(External::read("ext", b"[]").is_err());
    }
}
