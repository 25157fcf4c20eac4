//! Who talks to whom: what was really sent, by whom, on which topic, to whom, and what came of it.
//!
//! A flow is what one source sends on one topic. Flows that lead to one another in a ring are a loop.

pub mod export;
mod loops;
pub mod tree;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::RandomState;

use crate::facts::{Cause, Slots};
use crate::ring::{EventRow, NameIds, Ring, Row, RowId};

/// The most flows; what has no room is counted as others.
pub const MAX_FLOWS: usize = 8192;
/// How many names of rows are remembered before all are looked up anew.
const MEMORY: usize = 4 * MAX_FLOWS;
/// How many rows are looked at between two looks at the clock.
const SLICE: u64 = 256;

/// What one source sends on one topic.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Who.
    pub source: Arc<str>,
    /// Where.
    pub topic: Arc<str>,
    /// How many events.
    pub count: u64,
    /// Who got any of them: a bit a plugin's slot.
    pub receivers: u128,
    /// The flows that it led to, by their place, and how often.
    pub led_to: BTreeMap<usize, u64>,
    /// The loop that it is in: the place of one of its flows, the same for all of them.
    pub in_loop: Option<usize>,
    /// The receivers that were counted in last.
    set: Option<(u32, u32)>,
}

/// All flows of a run.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    flows: Vec<Flow>,
    by_name: HashMap<(Arc<str>, Arc<str>), usize>,
    memory: HashMap<[(u32, u32); 2], Option<usize>, RandomState>,
    next: RowId,
    /// The first and the last time that an event was sent at.
    time: Option<(u64, u64)>,
    others: u64,
    new_edge: bool,
}

impl Graph {
    /// The flows, in the order in which they were first seen.
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// How many events were of flows that have no room.
    pub fn others(&self) -> u64 {
        self.others
    }

    /// The events of a flow a second, over the whole time that was seen; at least a second.
    pub fn rate(&self, flow: &Flow) -> f64 {
        flow.count as f64 / self.seconds()
    }

    /// The seconds that were seen, at least one.
    pub fn seconds(&self) -> f64 {
        let span = self.time.map_or(0, |(first, last)| last.saturating_sub(first));
        (span as f64 / 1e6).max(1.0)
    }

    /// Looks at the events that were not looked at, until `deadline`; true when there is more to do.
    pub(crate) fn work(&mut self, ring: &Ring, deadline: Instant) -> bool {
        self.next = self.next.max(ring.first());
        while self.next < ring.end() {
            let upto = (self.next + SLICE).min(ring.end());
            for row in self.next..upto {
                match ring.get(row) {
                    Some(Row::Event(event)) => self.event(ring, row, &event),
                    // Plugins and times of another run are not those of this one.
                    Some(Row::Restarted) => {
                        *self = Graph {
                            next: row,
                            ..Graph::default()
                        };
                    }
                    _ => {}
                }
            }
            self.next = upto;
            if Instant::now() >= deadline {
                break;
            }
        }
        if std::mem::take(&mut self.new_edge) {
            loops::find(&mut self.flows);
        }
        self.next < ring.end()
    }

    fn event(&mut self, ring: &Ring, row: RowId, event: &EventRow<'_>) {
        self.time = match self.time {
            None => Some((event.time, event.time)),
            Some((first, last)) => Some((first.min(event.time), last.max(event.time))),
        };
        let Some(at) = self.place(event) else {
            self.others += 1;
            return;
        };
        let cause = match event.cause {
            Cause::Event(seq) => ring.find(row, seq).and_then(|row| ring.get(row)?.event()),
            _ => None,
        };
        let cause = cause.and_then(|cause| self.place(&cause));
        let flow = &mut self.flows[at];
        flow.count += 1;
        if flow.set != Some(event.names.receivers) {
            flow.set = Some(event.names.receivers);
            flow.receivers |= bits(&event.receivers);
        }
        if let Some(cause) = cause {
            let count = self.flows[cause].led_to.entry(at).or_default();
            self.new_edge |= *count == 0;
            *count += 1;
        }
    }

    /// The flow that an event belongs to; `None` when there is no room for it.
    fn place(&mut self, event: &EventRow<'_>) -> Option<usize> {
        let NameIds { topic, source, .. } = event.names;
        if let Some(place) = self.memory.get(&[source, topic]) {
            return *place;
        }
        let name = (Arc::from(event.source), Arc::from(event.topic));
        let place = match self.by_name.get(&name) {
            Some(place) => Some(*place),
            None if self.flows.len() == MAX_FLOWS => None,
            None => {
                self.flows.push(Flow {
                    source: Arc::clone(&name.0),
                    topic: Arc::clone(&name.1),
                    count: 0,
                    receivers: 0,
                    led_to: BTreeMap::new(),
                    in_loop: None,
                    set: None,
                });
                self.by_name.insert(name, self.flows.len() - 1);
                Some(self.flows.len() - 1)
            }
        };
        if self.memory.len() >= MEMORY {
            self.memory.clear();
        }
        self.memory.insert([source, topic], place);
        place
    }
}

fn bits(set: &Slots) -> u128 {
    set.iter().fold(0, |bits, slot| bits | 1u128 << slot)
}

#[cfg(test)]
mod tests;
