//! What the services take and answer, and what is stored and published.

use alloc::string::String;
use alloc::vec::Vec;

use plugin_kit::Arguments;
use serde::{Deserialize, Serialize};

/// The arguments of `presence.set`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetPresence {
    /// Who.
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 64)))]
    pub person: String,
    /// Whether at home.
    pub present: bool,
}

impl Arguments for SetPresence {
    const NAMES: &'static [&'static str] = &["person", "present"];
}

/// The arguments of `presence.get` and `presence.delete`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Who.
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 64)))]
    pub person: String,
}

impl Arguments for Person {
    const NAMES: &'static [&'static str] = &["person"];
}

/// What is known of a person; also what is stored.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Presence {
    /// Who.
    pub person: String,
    /// Whether at home.
    pub present: bool,
    /// Since when: milliseconds of the Unix epoch; `None` when nobody had set the clock.
    pub since: Option<u64>,
}

/// The answer of `presence.list`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct People {
    /// Those who are known, by name.
    pub people: Vec<Presence>,
    /// Whether somebody is at home.
    pub anyone: bool,
    /// Rows of the storage that could not be read, with the reason. They are left as they are.
    pub skipped: Vec<Skipped>,
}

/// A row of the storage that could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Skipped {
    /// Its key.
    pub key: String,
    /// Why.
    pub error: String,
}

/// The payload of `presence.entered` and `presence.left`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Changed<'a> {
    /// Who.
    pub person: &'a str,
}
