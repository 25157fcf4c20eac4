//! What the services take and answer.

use alloc::string::String;
use alloc::vec::Vec;

use plugin_kit::Arguments;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The arguments of `history.query`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// The series, such as `lamp_kitchen.brightness`, or `state:presence.anna`.
    #[cfg_attr(feature = "host", schemars(length(min = 1, max = 200)))]
    pub key: String,
    /// From this time on, in milliseconds since the Unix epoch; a day before `to` unless given.
    #[serde(default)]
    pub from: Option<u64>,
    /// Up to this time and without it; now unless given.
    #[serde(default)]
    pub to: Option<u64>,
    /// The most points that are wanted; 500 unless given.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(range(min = 1, max = 1000)))]
    pub limit: Option<u32>,
}

impl Arguments for HistoryQuery {
    const NAMES: &'static [&'static str] = &["key", "from", "to", "limit"];
}

/// The answer of `history.query`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct HistoryAnswer {
    /// The series.
    pub key: String,
    /// Its points in the order of their times; there may be none, and more behind `next`.
    pub points: Vec<HistoryPoint>,
    /// Where to go on: the `from` of the next query; `None` at the end.
    pub next: Option<u64>,
}

/// A value that was reported, or the figures of an interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct HistoryPoint {
    /// When it was reported, or the interval begins, in milliseconds since the Unix epoch.
    pub time: u64,
    /// The value; of an interval that at its end.
    pub value: Value,
    /// Values that were reported in the interval; `None` for one value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The least number of the interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The mean of its numbers over the time that each held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// The greatest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// The arguments of `history.keys`; all may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HistoryKeys {
    /// Those that begin so.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(max = 200)))]
    pub prefix: Option<String>,
    /// Those after this one.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(length(max = 200)))]
    pub after: Option<String>,
    /// The most that are wanted; 500 unless given.
    #[serde(default)]
    #[cfg_attr(feature = "host", schemars(range(min = 1, max = 1000)))]
    pub limit: Option<u32>,
}

impl Arguments for HistoryKeys {
    const NAMES: &'static [&'static str] = &["prefix", "after", "limit"];
}

/// The answer of `history.keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct HistoryNames {
    /// The series, by name.
    pub keys: Vec<String>,
    /// The `after` of the next call; `None` at the end.
    pub next: Option<String>,
}

/// The answer of `history.stats`. Counts are of this life of the plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct HistoryStats {
    /// Series that are known.
    pub series: u64,
    /// Bytes of what is not written yet, of `pending_rows` rows.
    pub pending_bytes: u64,
    /// Rows of values.
    pub raw_rows: u64,
    /// Values that were recorded.
    pub recorded: u64,
    /// Of these, those that were taken out again, because their series had most of what is not written yet.
    pub thinned: u64,
    /// Values for which there was no room.
    pub dropped: u64,
    /// Values that are none: of too many series, with a name that is too long, too deep, or of a time that is long past.
    pub refused: u64,
    /// Requests to write that the storage carried out.
    pub writes: u64,
    /// Requests that it refused.
    pub errors: u64,
    /// Why, the last time; `None` when it works.
    pub error: Option<String>,
}
