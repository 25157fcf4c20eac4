//! What travels inside the messages: events, and the items of the lists.
//!
//! Their fields are the protocol: only ever add at the end.

use kernel_core::{Cause, LATENCY_BUCKETS, PluginCounters, PluginSet, PluginState, ServiceCounters};
use serde::{Deserialize, Serialize};

use crate::{Failure, Raw};

/// A set of plugins by their slots, the same for kernels of every size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots(pub [u32; 4]);

impl Slots {
    /// True when the plugin in this slot is in the set.
    pub fn contains(&self, index: usize) -> bool {
        let word = self.0.get(index / 32).copied().unwrap_or(0);
        word.wrapping_shr(index as u32 % 32) & 1 != 0
    }

    /// The slots in the set, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        let set = *self;
        (0..128).filter(move |index| set.contains(*index))
    }

    /// How many plugins are in the set.
    pub fn len(&self) -> usize {
        self.0
            .iter()
            .fold(0u32, |sum, word| sum.wrapping_add(word.count_ones())) as usize
    }

    /// True when no plugin is in the set.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }
}

impl Slots {
    pub(crate) fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 32) {
            *word |= 1u32.wrapping_shl(index as u32 % 32);
        }
    }
}

impl From<PluginSet> for Slots {
    fn from(set: PluginSet) -> Self {
        let mut slots = Slots::default();
        set.iter().for_each(|index| slots.insert(index));
        slots
    }
}

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
    pub receivers: Slots,
    /// The topic.
    pub topic: &'a str,
    /// The payload.
    pub payload: Raw<'a>,
}

/// A plugin as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plugin<'a> {
    /// Its slot: its number in [`Slots`].
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
    pub dependencies: Slots,
    /// Where it runs: what its platform says, `remote` for one on the other side of a link.
    pub placement: &'a str,
    /// Where it is in its life.
    pub state: PluginState,
    /// The hook it is in, or `idle`.
    pub hook: &'a str,
    /// Its last error: an [`Failure::Error`] whose texts are empty when there was none.
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
    /// What is counted of it.
    pub counters: ServiceCounters,
    /// How many calls took how long: bucket `i` counts those of less than `4^(i+2)` µs, the last one all others.
    pub latency: [u32; LATENCY_BUCKETS],
}

/// A call in flight as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call<'a> {
    /// The call.
    pub call: u32,
    /// The service.
    pub service: &'a str,
    /// Who called.
    pub caller: &'a str,
    /// Who is to answer.
    pub callee: &'a str,
    /// True once the callee has taken it.
    pub running: bool,
    /// Milliseconds since it began.
    pub age_ms: u32,
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

/// How the runtime is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Plugins that are installed.
    pub plugins: u32,
    /// Those that are started.
    pub started: u32,
    /// Those that failed.
    pub failed: Slots,
    /// True when a storage is served.
    pub storage: bool,
    /// The sequence number that the next event gets.
    pub next_seq: u64,
}

impl From<kernel_core::Health> for Health {
    fn from(health: kernel_core::Health) -> Self {
        Health {
            plugins: health.plugins,
            started: health.started,
            failed: health.failed.into(),
            storage: health.storage,
            next_seq: health.next_seq,
        }
    }
}
