//! What changed from one snapshot to the next.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::chain::KnownCall;
use crate::facts::Snapshot;

/// What a plugin did in a second, from the last two snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PluginRates {
    /// Events delivered to it.
    pub events: f64,
    /// Events it lost.
    pub dropped: f64,
    /// Calls it was given to answer.
    pub calls: f64,
    /// Hooks and handlers that returned an error.
    pub errors: f64,
    /// The part of the time it spent in handlers, from 0 to 1.
    pub busy: f64,
    /// The mean time of a handler in microseconds between the two snapshots.
    pub mean_micros: Option<f64>,
}

/// What a service did in a second, from the last two snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServiceRates {
    /// Calls that ended.
    pub calls: f64,
    /// Those that ended without a reply.
    pub errors: f64,
    /// The mean time of a call in microseconds between the two snapshots.
    pub mean_micros: Option<f64>,
}

/// What changed from one snapshot to the next.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    plugins: HashMap<Arc<str>, PluginRates>,
    services: HashMap<Arc<str>, ServiceRates>,
    states: HashMap<Arc<str>, (u64, Instant)>,
    calls: HashMap<u32, KnownCall>,
}

impl Watched {
    /// A plugin's rates; `None` before its second snapshot.
    pub fn plugin(&self, name: &str) -> Option<&PluginRates> {
        self.plugins.get(name)
    }

    /// A service's rates; `None` before its second snapshot.
    pub fn service(&self, name: &str) -> Option<&ServiceRates> {
        self.services.get(name)
    }

    /// When a state's value was last seen to change; `None` when it was not.
    pub fn state_changed(&self, key: &str) -> Option<Instant> {
        self.states.get(key).map(|(_, at)| *at)
    }

    /// What was seen of a call while it was in flight.
    pub fn call(&self, call: u32) -> Option<KnownCall> {
        self.calls.get(&call).cloned()
    }

    pub(super) fn restart(&mut self) {
        *self = Watched::default();
    }

    pub(super) fn take(
        &mut self,
        _before: Option<&Snapshot>,
        _after: &Snapshot,
        _before_at: Option<Instant>,
        _now: Instant,
    ) {
    }
}

/// The time that a part of the calls (0 to 1) took at most, in microseconds, from a service's
/// histogram; `None` when there were none. The last bucket has no end: it gives `worst`.
pub fn percentile(latency: &[u32], worst: u32, part: f64) -> Option<u64> {
    let total: u64 = latency.iter().map(|count| u64::from(*count)).sum();
    if total == 0 {
        return None;
    }
    let wanted = (total as f64 * part).ceil().max(1.0) as u64;
    let mut seen = 0;
    for (at, count) in latency.iter().enumerate() {
        seen += u64::from(*count);
        if seen >= wanted {
            let last = at + 1 == latency.len();
            let end = 4u64.saturating_pow(at as u32 + 2);
            return Some(if last {
                u64::from(worst)
            } else {
                end.min(u64::from(worst))
            });
        }
    }
    None
}
