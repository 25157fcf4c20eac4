//! What services answer.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::state::State;

/// That a command is under way.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Queued {
    /// True.
    pub ok: bool,
    /// True: whether the device did it, its report says.
    pub queued: bool,
    /// The integration's id; `null` for a device without one, which nobody obeys.
    pub external_id: Option<String>,
    /// The device's state now.
    pub state: State,
}

/// What came of a report.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Received {
    /// True.
    pub ok: bool,
    /// Whether what the device reported is other than before.
    pub changed: bool,
    /// Whether the device still has not reported what was asked for.
    pub pending: bool,
}

/// A device that is gone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Deleted {
    /// True.
    pub ok: bool,
    /// Its id.
    pub id: String,
}

/// A mapping that was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Mapped {
    /// True.
    pub ok: bool,
    /// The integration's id.
    pub external_id: String,
    /// The device's id.
    pub internal_id: String,
}

/// A mapping that is gone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Unmapped {
    /// True.
    pub ok: bool,
    /// The integration's id.
    pub external_id: String,
}

/// What was mapped.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct AutoMapped {
    /// True.
    pub ok: bool,
    /// Devices that were made and mapped.
    pub created: u32,
    /// Those that were mapped before.
    pub skipped: u32,
    /// What could not be mapped, and why: the first eight.
    pub errors: Vec<String>,
    /// Whether there is more to do: call again.
    pub more: bool,
}

/// A list: all of it, or a page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Listed<T> {
    /// All, where neither `limit` nor `after` was said.
    All(Vec<T>),
    /// A page.
    Page(Page<T>),
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Page<T> {
    /// What is on it, in the order of the keys; it may be nothing where there is a next one, for what was looked at was
    /// not wanted.
    pub items: Vec<T>,
    /// The `after` of the next page; `null` on the last one.
    pub next: Option<String>,
    /// Rows that do not fit, and were left out.
    pub skipped: u32,
    /// What is wrong with them: the first eight.
    pub errors: Vec<String>,
}
