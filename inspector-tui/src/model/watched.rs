//! What changed from one snapshot to the next.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::chain::KnownCall;
use crate::facts::{Plugin, Service, Snapshot};

/// How many calls that were seen in flight are kept.
const CALLS: usize = 1024;

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
    /// Versions of the states, and when they were seen to change.
    states: HashMap<Arc<str>, (u64, Option<Instant>)>,
    calls: HashMap<u32, KnownCall>,
    /// The calls, as they were first seen.
    order: VecDeque<u32>,
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
        self.states.get(key)?.1
    }

    /// What was seen of a call while it was in flight.
    pub fn call(&self, call: u32) -> Option<KnownCall> {
        self.calls.get(&call).cloned()
    }

    /// All calls that were seen in flight, the last ones.
    pub(super) fn calls(&self) -> Vec<KnownCall> {
        self.calls.values().cloned().collect()
    }

    pub(super) fn restart(&mut self) {
        *self = Watched::default();
    }

    /// Takes a snapshot over; `before` is the one before it, of the same run.
    pub(super) fn take(&mut self, before: Option<&Snapshot>, after: &Snapshot, now: Instant) {
        self.plugins.clear();
        self.services.clear();
        // By the runtime's clock: ours also has the time of the way in it.
        let micros = before.map_or(0, |before| after.metrics.now.saturating_sub(before.metrics.now));
        if let Some(before) = before
            && micros > 0
        {
            let seconds = micros as f64 / 1e6;
            for plugin in &after.plugins {
                if let Some(was) = before.plugins.iter().find(|was| was.name == plugin.name) {
                    self.plugins
                        .insert(plugin.name.clone(), plugin_rates(was, plugin, seconds));
                }
            }
            let was: HashMap<&str, &Service> = before
                .services
                .iter()
                .map(|service| (&*service.name, service))
                .collect();
            for service in &after.services {
                if let Some(was) = was.get(&*service.name) {
                    self.services
                        .insert(service.name.clone(), service_rates(was, service, seconds));
                }
            }
        }
        self.take_states(before.is_some(), after, now);
        for call in &after.calls {
            let known = KnownCall {
                service: call.service.clone(),
                caller: call.caller.clone(),
                callee: call.callee.clone(),
                parent: call.parent,
            };
            if self.calls.insert(call.call, known).is_none() {
                self.order.push_back(call.call);
                if self.order.len() > CALLS
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.calls.remove(&oldest);
                }
            }
        }
    }

    fn take_states(&mut self, had_one: bool, after: &Snapshot, now: Instant) {
        let mut before = std::mem::take(&mut self.states);
        for state in &after.states {
            let changed = match before.remove(&state.key) {
                Some((version, at)) if version == state.version => at,
                Some(_) => Some(now),
                // In the first snapshot nothing is new.
                None => had_one.then_some(now),
            };
            self.states.insert(state.key.clone(), (state.version, changed));
        }
    }
}

fn per_second(before: usize, after: usize, seconds: f64) -> f64 {
    after.saturating_sub(before) as f64 / seconds
}

fn plugin_rates(before: &Plugin, after: &Plugin, seconds: f64) -> PluginRates {
    let (b, a) = (&before.counters, &after.counters);
    let handled = a.handled.saturating_sub(b.handled);
    let busy = a.busy_micros.saturating_sub(b.busy_micros) as f64;
    PluginRates {
        events: per_second(b.events, a.events, seconds),
        dropped: per_second(b.dropped, a.dropped, seconds),
        calls: per_second(b.calls_in, a.calls_in, seconds),
        errors: per_second(b.errors, a.errors, seconds),
        busy: (busy / (seconds * 1e6)).min(1.0),
        mean_micros: (handled > 0).then(|| busy / handled as f64),
    }
}

fn service_rates(before: &Service, after: &Service, seconds: f64) -> ServiceRates {
    let calls = after.calls.saturating_sub(before.calls) as f64;
    let busy = after.busy_micros.saturating_sub(before.busy_micros) as f64;
    ServiceRates {
        calls: calls / seconds,
        errors: after.errors.saturating_sub(before.errors) as f64 / seconds,
        mean_micros: (calls > 0.0).then(|| busy / calls),
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
    let at = latency.iter().position(|count| {
        seen += u64::from(*count);
        seen >= wanted
    })?;
    let end = 4u64.saturating_pow(at as u32 + 2);
    Some(if at + 1 == latency.len() {
        u64::from(worst)
    } else {
        end.min(u64::from(worst))
    })
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_the_end_of_its_bucket() {
        // 90 of less than 16 µs, 9 of less than 256 µs, and one that took longer than all buckets.
        let latency = [90, 0, 9, 1];
        assert_eq!(percentile(&latency, 5000, 0.5), Some(16));
        assert_eq!(percentile(&latency, 5000, 0.9), Some(16));
        assert_eq!(percentile(&latency, 5000, 0.95), Some(256));
        assert_eq!(percentile(&latency, 5000, 1.0), Some(5000));
        assert_eq!(
            percentile(&[3, 0, 0], 9, 0.5),
            Some(9),
            "no call took longer than the slowest"
        );
        assert_eq!(percentile(&[], 0, 0.5), None);
        assert_eq!(percentile(&[0, 0], 0, 0.5), None);
    }
}
