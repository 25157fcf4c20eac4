//! What services take.

use alloc::string::String;
use alloc::vec::Vec;

use plugin_kit::Arguments;
use serde::{Deserialize, Deserializer};

use crate::state::Fields;

/// What the original calls arguments by name.
const ALIASES: &[(&str, &str)] = &[("device_id", "id"), ("device_type", "type")];

macro_rules! arguments {
    ($($name:ident: $names:expr;)*) => {
        $(impl Arguments for $name {
            const NAMES: &'static [&'static str] = &$names;
            const ALIASES: &'static [(&'static str, &'static str)] = ALIASES;
        })*
    };
}

arguments! {
    DeviceId: ["id"];
    Create: ["id", "name", "type", "owner_id", "shared_with"];
    Update: ["id"];
    SetState: ["id", "state"];
    Report: ["id", "state", "online"];
    CreateMapping: ["external_id", "internal_id"];
    ExternalId: ["external_id"];
    Provider: ["provider"];
    List: [];
    ListDevices: [];
    ListExternal: ["provider"];
    Reported: [];
}

/// A device.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeviceId {
    /// The device's id.
    #[cfg_attr(feature = "host", schemars(extend("x-existing" = true)))]
    pub id: String,
}

/// A device to be made.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// Its id, one token of a topic.
    #[cfg_attr(
        feature = "host",
        schemars(length(min = 1, max = 128), extend("pattern" = r"^[^\s\x00-\x1f\x7f.*>]+$"))
    )]
    pub id: String,
    /// Its name, for people; `Unknown` unless said.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub name: Option<String>,
    /// What it is, one token of a topic; `generic` unless said.
    #[serde(default, rename = "type")]
    #[cfg_attr(
        feature = "host",
        schemars(length(min = 1, max = 64), extend("pattern" = r"^[^\s\x00-\x1f\x7f.*>]+$"))
    )]
    pub kind: Option<String>,
    /// The home that it is in.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub home_id: Option<String>,
    /// That home's name.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub home_name: Option<String>,
    /// The room that it is in.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub room_id: Option<String>,
    /// That room's name.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub room_name: Option<String>,
    /// Whose it is.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub owner_id: Option<String>,
    /// Who else may use it.
    #[serde(default)]
    #[cfg_attr(
        feature = "host",
        schemars(length(max = 64), inner(length(min = 1, max = 200)))
    )]
    pub shared_with: Option<Vec<String>>,
}

/// What is to be other in a device; what is not said stays, and `null` takes away.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The device's id.
    #[cfg_attr(feature = "host", schemars(extend("x-existing" = true)))]
    pub id: String,
    /// Its name, for people.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub name: Option<String>,
    /// What it is.
    #[serde(default, rename = "type")]
    #[cfg_attr(
        feature = "host",
        schemars(length(min = 1, max = 64), extend("pattern" = r"^[^\s\x00-\x1f\x7f.*>]+$"))
    )]
    pub kind: Option<String>,
    /// The home that it is in.
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub home_id: Option<Option<String>>,
    /// That home's name.
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub home_name: Option<Option<String>>,
    /// The room that it is in.
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub room_id: Option<Option<String>>,
    /// That room's name.
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub room_name: Option<Option<String>>,
    /// Whose it is.
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub owner_id: Option<Option<String>>,
    /// Who else may use it.
    #[serde(default, deserialize_with = "said")]
    #[cfg_attr(
        feature = "host",
        schemars(length(max = 64), inner(length(min = 1, max = 200)))
    )]
    pub shared_with: Option<Option<Vec<String>>>,
}

/// A value that is there, also where it is `null`.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// What is wanted of a device.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetState {
    /// The device's id.
    #[cfg_attr(feature = "host", schemars(extend("x-existing" = true)))]
    pub id: String,
    /// The fields that are to be other.
    pub state: Fields,
}

/// What a device reports, by its own id or by its integration's.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The device's id.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(extend("x-existing" = true)))]
    pub id: Option<String>,
    /// Or its integration's.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(extend("x-existing" = true)))]
    pub external_id: Option<String>,
    /// The fields that it reports.
    pub state: Fields,
    /// False where the integration knows that it is off line.
    #[serde(default)]
    pub online: Option<bool>,
}

/// The payload of `external.device_state_reported`; what else it has is not looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Reported {
    pub(crate) external_id: String,
    pub(crate) state: Fields,
    #[serde(default)]
    pub(crate) online: Option<bool>,
}

/// Which device an integration's id stands for.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateMapping {
    /// The integration's id.
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub external_id: String,
    /// The device's id.
    #[cfg_attr(feature = "host", schemars(extend("x-existing" = true)))]
    pub internal_id: String,
}

/// A mapping.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExternalId {
    /// The integration's id.
    #[cfg_attr(feature = "host", schemars(extend("x-existing" = true)))]
    pub external_id: String,
}

/// An integration.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Only what has this `provider`.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub provider: Option<String>,
}

/// How much of a list.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The most items, 1 to 1,000: the reply is a page.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(range(min = 1, max = 1000)))]
    pub limit: Option<u16>,
    /// The `next` of the page before: the reply is a page.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 255)))]
    pub after: Option<String>,
}

/// How much of the list of devices, and of which of them.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ListDevices {
    /// The most items, 1 to 1,000: the reply is a page.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(range(min = 1, max = 1000)))]
    pub limit: Option<u16>,
    /// The `next` of the page before: the reply is a page.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 255)))]
    pub after: Option<String>,
    /// Only devices that this user may use: its own, those that are shared with it, and those without an owner.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub user: Option<String>,
}

/// How much of a list, of one integration or of all.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ListExternal {
    /// Only what has this `provider`.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub provider: Option<String>,
    /// The most items, 1 to 1,000: the reply is a page.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(range(min = 1, max = 1000)))]
    pub limit: Option<u16>,
    /// The `next` of the page before: the reply is a page.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 255)))]
    pub after: Option<String>,
}
