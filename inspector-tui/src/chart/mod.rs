//! Numbers over time: what is charted, and the samples of it, taken from the events that are kept.
//!
//! A line keeps at most [`MAX_POINTS`] points. When it is full, its older half is thinned to one point for two that
//! says the lowest and the highest of both: what is recent stays sharp, and what is old stays.

mod history;
mod line;
mod picture;
pub mod scale;
pub mod svg;

use kernel_core::subject;

use crate::facts::{CHANGED, Snapshot};
use crate::filter::{field_path, number, text_at, topic_filter};
use crate::ring::{EventRow, Ring, Row, RowId};

pub use history::{Heat, History, capacities};
pub use line::{Line, MAX_POINTS, Point};
pub use picture::{Drawn, Picture};

use std::time::Instant;

/// The most lines of a chart: the first topics that were seen.
pub const MAX_LINES: usize = 32;
/// How many rows are looked at between two looks at the clock.
const SLICE: usize = 256;
/// How many events are looked back through for the numbers of a payload.
const BACK: u64 = 50_000;
const SECOND: u64 = 1_000_000;

/// What is charted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// The number at a path of the payloads of the topics that a filter matches, a line a topic.
    Field {
        /// The filter.
        filter: String,
        /// The names on the way to the number; none for the payload itself.
        path: Vec<String>,
    },
    /// Events a second of these topics, a line a topic.
    Rate(String),
    /// The use of every capacity.
    Capacities,
    /// How long calls took, as a heat map.
    Latency,
}

impl Spec {
    /// The number at `path` of the topics of `filter`; without a path their rates.
    ///
    /// # Errors
    /// Why one of them makes no sense.
    pub fn new(filter: &str, path: Option<&str>) -> Result<Spec, String> {
        topic_filter(filter).map_err(|error| error.reason)?;
        let filter = filter.to_owned();
        match path {
            None => Ok(Spec::Rate(filter)),
            Some(path) => match field_path(path) {
                Ok(path) => Ok(Spec::Field { filter, path }),
                Err(error) => Err(error.reason),
            },
        }
    }

    /// The same of what is typed: a filter, and a path or nothing after it.
    ///
    /// # Errors
    /// Why it makes no sense.
    pub fn parse(text: &str) -> Result<Spec, String> {
        let mut words = text.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(filter), path, None) => Spec::new(filter, path),
            _ => Err(format!(
                "`{text}` is no chart: write a topic filter and a field, such as `sensor.*.temperature value`, or a filter alone for rates"
            )),
        }
    }

    /// What a chart of it is called.
    pub fn title(&self) -> String {
        match self {
            Spec::Field { filter, path } if path.is_empty() => format!("{filter} ."),
            Spec::Field { filter, path } => format!("{filter} {}", path.join(".")),
            Spec::Rate(filter) => format!("events a second of {filter}"),
            Spec::Capacities => "use of the capacities".to_owned(),
            Spec::Latency => "how long calls took".to_owned(),
        }
    }

    fn filter(&self) -> Option<&str> {
        match self {
            Spec::Field { filter, .. } | Spec::Rate(filter) => Some(filter),
            Spec::Capacities | Spec::Latency => None,
        }
    }
}

/// What was found out about a topic, as long as its generation is the same.
#[derive(Clone, Copy, Debug, Default)]
struct Memo {
    /// The generation and one: zero is nothing.
    stamp: u64,
    of: Of,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Of {
    /// Not charted.
    #[default]
    Other,
    /// Charted as soon as it has a number.
    Wanted,
    Line(usize),
    /// There is no room for its line.
    NoRoom,
}

/// A chart: its lines, and how far the events were looked at.
#[derive(Clone, Debug)]
pub struct Chart {
    spec: Spec,
    lines: Vec<Line>,
    topics: Vec<Memo>,
    next: RowId,
    left_out: u64,
}

impl Chart {
    /// A chart of what is kept in the ring and what comes.
    pub fn new(spec: Spec) -> Self {
        Chart {
            spec,
            lines: Vec::new(),
            topics: Vec::new(),
            next: 0,
            left_out: 0,
        }
    }

    /// What is charted.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Its lines, in the order in which they were first seen; those of the capacities are of the history.
    pub fn of<'a>(&'a self, history: &'a History) -> &'a [Line] {
        match self.spec {
            Spec::Capacities => history.capacities(),
            _ => &self.lines,
        }
    }

    /// How many samples are of topics that have no room: more than [`MAX_LINES`].
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Looks at the events that were not looked at, until `deadline`; true when there is more to do.
    pub(crate) fn work(&mut self, ring: &Ring, deadline: Instant) -> bool {
        if self.spec.filter().is_none() {
            return false;
        }
        self.next = self.next.max(ring.first());
        while self.next < ring.end() {
            let upto = (self.next + SLICE as u64).min(ring.end());
            for row in self.next..upto {
                match ring.get(row) {
                    Some(Row::Event(event)) => self.event(&event),
                    // Its clock begins again: what was before has no place on the same axis.
                    Some(Row::Restarted) => self.lines.clear(),
                    _ => {}
                }
                if self.lines.is_empty() {
                    self.topics.clear();
                }
            }
            self.next = upto;
            if Instant::now() >= deadline {
                break;
            }
        }
        self.next < ring.end()
    }

    fn event(&mut self, event: &EventRow<'_>) {
        let (at, stamp) = (event.names.topic.0 as usize, u64::from(event.names.topic.1) + 1);
        let mut of = match self.topics.get(at) {
            Some(memo) if memo.stamp == stamp => memo.of,
            _ if self
                .spec
                .filter()
                .is_some_and(|filter| subject::matches(filter, event.topic)) =>
            {
                Of::Wanted
            }
            _ => Of::Other,
        };
        if of != Of::Other {
            let value = match &self.spec {
                Spec::Field { path, .. } => number(event.payload, path),
                _ => Some(1.0),
            };
            if let Some(value) = value {
                of = self.sample(of, event.topic, event.time, value, Some(event.payload));
            }
        }
        if self.topics.len() <= at {
            self.topics.resize(at + 1, Memo::default());
        }
        self.topics[at] = Memo { stamp, of };
    }

    /// Adds a sample to the line of a topic, or to a new one; which one it was.
    fn sample(&mut self, of: Of, topic: &str, at: u64, value: f64, payload: Option<&[u8]>) -> Of {
        let of = match of {
            Of::Line(line) => Of::Line(line),
            _ => match self.lines.iter().position(|line| &*line.name == topic) {
                Some(line) => Of::Line(line),
                None if self.lines.len() == MAX_LINES => Of::NoRoom,
                None => {
                    let unit = match (&self.spec, payload) {
                        (Spec::Field { path, .. }, Some(payload)) => unit(payload, path),
                        (Spec::Rate(_), _) => "/s".to_owned(),
                        _ => String::new(),
                    };
                    self.lines.push(Line::new(topic, unit));
                    Of::Line(self.lines.len() - 1)
                }
            },
        };
        match of {
            Of::Line(line) => match self.spec {
                Spec::Rate(_) => self.lines[line].count_in_second(at),
                _ => self.lines[line].push(at, value),
            },
            _ => self.left_out += 1,
        }
        of
    }

    /// Takes the state of a snapshot over, where states are charted: one that does not change has no events. What
    /// was before it comes first: the first snapshot of a connection is older than the past events after it.
    pub(crate) fn snapshot(&mut self, ring: &Ring, snapshot: &Snapshot) {
        if self.next < ring.end() {
            return;
        }
        let Spec::Field { filter, path } = &self.spec else {
            return;
        };
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        if first != "value" || !filter.starts_with(CHANGED) {
            return;
        }
        let mut found = Vec::new();
        for state in &snapshot.states {
            let topic = format!("{CHANGED}{}", state.key);
            let value = state
                .value
                .as_deref()
                .and_then(|value| number(value.as_bytes(), rest));
            if let Some(value) = value.filter(|_| subject::matches(filter, &topic)) {
                found.push((topic, value));
            }
        }
        for (topic, value) in found {
            self.sample(Of::Wanted, &topic, snapshot.metrics.now, value, None);
        }
    }

    /// The chart of another number of the same payloads: the one after the present one, or before it.
    pub fn turned(&self, ring: &Ring, forward: bool) -> Option<Spec> {
        let Spec::Field { filter, path } = &self.spec else {
            return None;
        };
        let from = ring.first().max(ring.end().saturating_sub(BACK));
        let event = (from..ring.end()).rev().find_map(|row| {
            let event = ring.get(row)?.event()?;
            subject::matches(filter, event.topic).then_some(event)
        })?;
        let all = numbers(event.payload);
        let at = all.iter().position(|known| known == path).unwrap_or(0);
        let next = (at + if forward { 1 } else { all.len().saturating_sub(1) }) % all.len().max(1);
        Some(Spec::Field {
            filter: filter.clone(),
            path: all.get(next)?.clone(),
        })
    }
}

/// The calls that a bucket of [`Heat::counts`] has: less than its end; the last one has none.
pub fn bucket(nth: usize, of: usize) -> String {
    let micros = |nth: u32| match 4u64.saturating_pow(nth + 2) {
        end @ ..1_000 => format!("{end}us"),
        end @ 1_000..1_000_000 => format!("{}ms", end / 1_000),
        end => format!("{}s", end / 1_000_000),
    };
    match nth + 1 == of {
        true => format!("from {}", micros(nth.saturating_sub(1) as u32)),
        false => format!("to {}", micros(nth as u32)),
    }
}

/// The unit that stands beside a number.
fn unit(payload: &[u8], path: &[String]) -> String {
    let Some((_, parent)) = path.split_last() else {
        return String::new();
    };
    ["unit", "unit_of_measurement"]
        .iter()
        .find_map(|name| text_at(payload, &[parent, &[(*name).to_owned()]].concat()))
        .unwrap_or_default()
}

/// The paths of all numbers of a payload, the one that is most likely meant first.
pub fn numbers(payload: &[u8]) -> Vec<Vec<String>> {
    fn walk(value: &serde_json::Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        let mut below = |name: String, value: &serde_json::Value| {
            path.push(name);
            walk(value, path, found);
            path.pop();
        };
        match value {
            serde_json::Value::Number(_) => found.push(path.clone()),
            serde_json::Value::Object(members) => {
                members
                    .iter()
                    .for_each(|(name, value)| below(name.clone(), value));
            }
            serde_json::Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(at, value)| below(at.to_string(), value));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_slice(payload) {
        walk(&value, &mut Vec::new(), &mut found);
    }
    found.sort_by_key(|path: &Vec<String>| path.last().is_none_or(|name| name != "value"));
    found
}

#[cfg(test)]
mod tests;
