//! What led to an event and what followed from it, as spans of one trace.
//!
//! A span begins when its event was published and ends with the last event that came of it, near or far. A call's
//! span goes from the first to the last of the events that were published while it was answered.

pub mod export;

use std::collections::HashMap;

use crate::chain::{self, KnownCall, Step};
use crate::facts::Cause;
use crate::ring::{Ring, Row, RowId};

/// The most spans of a trace.
pub const MAX_SPANS: usize = 512;

/// What a span is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// An event that is here.
    Event(RowId),
    /// A call, and what was seen of it in flight.
    Call(u32, Option<KnownCall>),
    /// An event that is not here: lost, too old, or not seen.
    Missing {
        /// Its sequence number.
        seq: u64,
        /// True when it was lost.
        lost: bool,
    },
}

/// A span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Of what.
    pub what: What,
    /// The span that led to it, by its place.
    pub parent: Option<usize>,
    /// How many are above it.
    pub depth: usize,
    /// When it began, in microseconds on the target's clock.
    pub start: u64,
    /// When the last that came of it was published.
    pub end: u64,
}

/// A trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Its spans, each one after what led to it, and before what came of it.
    pub spans: Vec<Span>,
    /// The place of the event that it is the trace of.
    pub here: usize,
    /// True when there were more than [`MAX_SPANS`], or more events than are looked through.
    pub cut: bool,
}

struct Node {
    what: What,
    parent: Option<usize>,
    time: Option<u64>,
}

/// The trace of the event in a row; `None` when no event is there. `call` says what was seen of a call.
pub fn trace(ring: &Ring, row: RowId, call: impl Fn(u32) -> Option<KnownCall>) -> Option<Trace> {
    let time = |row| Some(ring.get(row)?.event()?.time);
    let event = ring.get(row)?.event()?;
    let mut nodes: Vec<Node> = Vec::new();
    let mut known: HashMap<Cause, usize> = HashMap::new();
    let mut add = |nodes: &mut Vec<Node>, what: What, parent, of: Cause| {
        let time = match what {
            What::Event(row) => time(row),
            _ => None,
        };
        nodes.push(Node { what, parent, time });
        known.insert(of, nodes.len() - 1);
        nodes.len() - 1
    };
    let mut first = row;
    let mut above = None;
    let back = chain::chain(ring, row, &call).causes;
    for step in back.into_iter().rev() {
        let (what, of) = match step {
            Step::Event(row) => {
                first = first.min(row);
                (What::Event(row), Cause::Event(ring.get(row)?.event()?.seq))
            }
            Step::Call { call, known } => {
                // What was published before, while the same call was answered.
                first = first.min(row.saturating_sub(chain::REACH));
                (What::Call(call, known), Cause::Call(call))
            }
            Step::Lost { seq, .. } => (What::Missing { seq, lost: true }, Cause::Event(seq)),
            Step::Gone { seq } => (What::Missing { seq, lost: false }, Cause::Event(seq)),
        };
        above = Some(add(&mut nodes, what, above, of));
    }
    let here = add(&mut nodes, What::Event(row), above, Cause::Event(event.seq));
    let (begin, end) = ring.run_of(row);
    let upto = end.min(row + chain::REACH);
    let mut cut = upto < end;
    for at in first.max(begin)..upto {
        let Some(Row::Event(event)) = ring.get(at) else {
            continue;
        };
        let own = Cause::Event(event.seq);
        if event.cause == Cause::None || known.contains_key(&own) {
            continue;
        }
        if let Cause::Call(id) = event.cause
            && !known.contains_key(&event.cause)
            && let Some(seen) = call(id)
            && let Some(parent) = seen
                .parent
                .and_then(|parent| known.get(&Cause::Call(parent)).copied())
        {
            nodes.push(Node {
                what: What::Call(id, Some(seen)),
                parent: Some(parent),
                time: None,
            });
            known.insert(event.cause, nodes.len() - 1);
        }
        if let Some(parent) = known.get(&event.cause).copied() {
            if nodes.len() >= MAX_SPANS {
                cut = true;
                break;
            }
            nodes.push(Node {
                what: What::Event(at),
                parent: Some(parent),
                time: Some(event.time),
            });
            known.insert(own, nodes.len() - 1);
        }
    }
    Some(laid_out(&nodes, here, event.time, cut))
}

/// The nodes with their times, each before what came of it.
fn laid_out(nodes: &[Node], here: usize, now: u64, cut: bool) -> Trace {
    let mut times: Vec<Option<(u64, u64)>> = nodes.iter().map(|node| node.time.map(|at| (at, at))).collect();
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut roots = Vec::new();
    // What came of a node stands after it, so that the last ones come first here.
    for (at, node) in nodes.iter().enumerate().rev() {
        let Some(parent) = node.parent else {
            roots.push(at);
            continue;
        };
        below[parent].push(at);
        if let Some((start, end)) = times[at] {
            let own = times[parent];
            let (first, last) = own.unwrap_or((start, end));
            // An event begins when it was published, whatever came of it.
            let first = if nodes[parent].time.is_some() {
                first
            } else {
                first.min(start)
            };
            times[parent] = Some((first, last.max(end)));
        }
    }
    let mut trace = Trace {
        cut,
        ..Trace::default()
    };
    let mut todo: Vec<(usize, Option<usize>, usize)> =
        roots.into_iter().map(|root| (root, None, 0)).collect();
    while let Some((at, parent, depth)) = todo.pop() {
        let (start, end) = times[at].unwrap_or((now, now));
        let place = trace.spans.len();
        if at == here {
            trace.here = place;
        }
        trace.spans.push(Span {
            what: nodes[at].what.clone(),
            parent,
            depth,
            start,
            end,
        });
        let mut children = std::mem::take(&mut below[at]);
        children.sort_by_key(|child| std::cmp::Reverse((times[*child], *child)));
        todo.extend(children.into_iter().map(|child| (child, Some(place), depth + 1)));
    }
    trace
}

impl Trace {
    /// When the first of it was and when the last, in microseconds on the target's clock.
    pub fn time(&self) -> (u64, u64) {
        let start = self.spans.iter().map(|span| span.start).min().unwrap_or(0);
        let end = self.spans.iter().map(|span| span.end).max().unwrap_or(0);
        (start, end)
    }
}

/// What a span is called, and who published it or answered.
pub fn names<'a>(ring: &'a Ring, span: &'a Span) -> (String, &'a str) {
    match &span.what {
        What::Event(row) => match ring.get(*row).and_then(Row::event) {
            Some(event) => (event.topic.to_owned(), event.source),
            None => ("an event that is not kept any more".to_owned(), ""),
        },
        What::Call(_, Some(known)) if known.service.is_empty() => {
            ("a storage request".to_owned(), &known.callee)
        }
        What::Call(_, Some(known)) => (format!("call of {}", known.service), &known.callee),
        What::Call(call, None) => (format!("call {call}, which ended before it was seen"), ""),
        What::Missing { seq, lost: true } => (format!("event #{seq}, which was lost"), ""),
        What::Missing { seq, lost: false } => (format!("event #{seq}, which is not kept any more"), ""),
    }
}

#[cfg(test)]
mod tests;
