//! What travels inside the messages: events, and the items of the lists.
//!
//! Their fields are the protocol: only ever add at the end.

use serde::{Deserialize, Serialize};

use super::protocol::Failure;
use super::raw::Raw;
use crate::id::Cause;
use crate::log::PluginSet;
use crate::plugin::{PluginCounters, PluginState};

/// An event as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event<'a> {
    /// Its place in the total order.
    pub seq: u64,
    /// When it was published, in microseconds on the platform's clock.
    pub time: u64,
    /// Who published it: a plugin, `kernel` or `operator`; empty when that plugin is gone.
    pub source: &'a str,
    /// What led to it.
    pub cause: Cause,
    /// Who gets it, by plugin slot.
    pub receivers: PluginSet,
    /// The topic.
    pub topic: &'a str,
    /// The payload.
    pub payload: Raw<'a>,
}

/// A plugin as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plugin<'a> {
    /// Its slot: its number in a [`PluginSet`].
    pub index: u8,
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// One sentence on what it does.
    pub description: &'a str,
    /// Who wrote it.
    pub author: &'a str,
    /// The installed plugins it depends on.
    pub dependencies: PluginSet,
    /// Where it runs: what its platform says, `remote` for one on the other side of a link.
    pub placement: &'a str,
    /// Where it is in its life.
    pub state: PluginState,
    /// The hook it is in, or `idle`.
    pub hook: &'a str,
    /// Its last error; both texts are empty when there was none.
    pub error: Failure<'a>,
    /// Its counters.
    pub counters: PluginCounters,
}

/// A service as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service<'a> {
    /// The name it is called by.
    pub name: &'a str,
    /// The plugin that answers it.
    pub owner: &'a str,
    /// One sentence for people.
    pub description: &'a str,
    /// Its version.
    pub version: &'a str,
    /// True when callers should look for another one.
    pub deprecated: bool,
    /// Calls that ended.
    pub calls: u64,
    /// Those that ended without a reply.
    pub errors: u64,
    /// Microseconds of all of them together.
    pub busy_micros: u64,
    /// Microseconds of the slowest one.
    pub worst_micros: u32,
    /// How many calls took how long, four bytes each, little-endian: bucket `i` counts those of less than
    /// `4^(i+2)` µs, the last one all others. As many as the capacity `latency_buckets`.
    pub latency: Raw<'a>,
}

impl Service<'_> {
    /// The buckets of [`Service::latency`] as numbers.
    pub fn latency(&self) -> impl Iterator<Item = u32> {
        let (buckets, _) = self.latency.0.as_chunks::<4>();
        buckets.iter().map(|bucket| u32::from_le_bytes(*bucket))
    }
}

/// A call in flight as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call<'a> {
    /// The call.
    pub call: u32,
    /// The service; empty for a storage request.
    pub service: &'a str,
    /// Who called.
    pub caller: &'a str,
    /// Who is to answer; `storage` for a storage request.
    pub callee: &'a str,
    /// True once the callee has taken it.
    pub running: bool,
    /// Microseconds since it began.
    pub age_micros: u64,
    /// The call it belongs to.
    pub parent: Option<u32>,
}

/// A state entry as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct State<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its value; `None` when it is too long for the link.
    pub value: Option<Raw<'a>>,
    /// Its version.
    pub version: u64,
    /// How long it still lives, in milliseconds; `None` for ever.
    pub ttl_ms: Option<u64>,
    /// Who wrote it last.
    pub owner: &'a str,
}
