//! What the snapshots say, over time: the use of each capacity, and how long calls took.

use super::line::{Line, MAX_POINTS};
use crate::facts::{Metrics, Service, Snapshot, Usage};

/// The calls of a stretch of time, by how long they took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heat {
    /// When it ended, in microseconds on the target's clock.
    pub at: u64,
    /// As in [`Service::latency`](crate::facts::Service::latency), of all services together.
    pub counts: Vec<u64>,
}

/// The history of a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    capacities: Vec<Line>,
    heat: Vec<Heat>,
    latest: u64,
}

/// The capacities that a history is kept of.
pub fn capacities(of: &Metrics) -> [(&'static str, Usage); 10] {
    [
        ("plugins", of.plugins),
        ("filters", of.filters),
        ("services", of.services),
        ("calls", of.calls),
        ("states", of.state_entries),
        ("values", of.state_bytes),
        ("log", of.log_bytes),
        ("names", of.names),
        ("waits", of.waits),
        ("taps", of.taps),
    ]
}

impl History {
    /// The use of each capacity in percent.
    pub fn capacities(&self) -> &[Line] {
        &self.capacities
    }

    /// How long calls took, oldest first.
    pub fn heat(&self) -> &[Heat] {
        &self.heat
    }

    /// Takes a snapshot over; `before` is the one before it, of the same run.
    pub(crate) fn take(&mut self, before: Option<&Snapshot>, after: &Snapshot) {
        let at = after.metrics.now;
        let all = capacities(&after.metrics);
        if before.is_none() {
            let line = |(name, _): &(&str, Usage)| Line::new(name, "%".to_owned());
            (self.capacities, self.heat) = (all.iter().map(line).collect(), Vec::new());
        }
        for (line, (_, usage)) in self.capacities.iter_mut().zip(all) {
            line.push(at, usage.used as f64 * 100.0 / usage.capacity.max(1) as f64);
        }
        let Some(before) = before else { return };
        let mut counts: Vec<u64> = Vec::new();
        for (nth, service) in after.services.iter().enumerate() {
            let same = |was: &&Service| was.name == service.name;
            // They hardly ever change their places.
            let was = before.services.get(nth).filter(same);
            let was = was.or_else(|| before.services.iter().find(same));
            let was = was.map_or(&[][..], |was| &was.latency);
            counts.resize(counts.len().max(service.latency.len()), 0);
            for (at, count) in service.latency.iter().enumerate() {
                let grown = count.saturating_sub(was.get(at).copied().unwrap_or(0));
                counts[at] += u64::from(grown);
            }
        }
        if self.heat.len() >= MAX_POINTS {
            // The older half is thinned, as a line is.
            let mut half: Vec<Heat> = self.heat.drain(..MAX_POINTS / 2).collect();
            let pairs = half.chunks_mut(2).map(|pair| {
                let (first, rest) = pair.split_at_mut(1);
                let mut one = first[0].clone();
                for other in rest {
                    one.at = other.at;
                    one.counts.resize(one.counts.len().max(other.counts.len()), 0);
                    one.counts
                        .iter_mut()
                        .zip(&other.counts)
                        .for_each(|(one, other)| *one += other);
                }
                one
            });
            let pairs: Vec<Heat> = pairs.collect();
            self.heat.splice(0..0, pairs);
        }
        self.heat.push(Heat { at, counts });
    }

    /// The latest time that was heard of on the target's clock, in microseconds.
    pub fn latest(&self) -> u64 {
        self.latest
    }

    pub(crate) fn heard(&mut self, at: u64) {
        self.latest = self.latest.max(at);
    }

    pub(crate) fn restart(&mut self) {
        *self = History::default();
    }
}
