//! The graph as a tree that can be walked: from a plugin to what it sends, who gets that, and what comes of it there.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel_core::subject;

use super::{Flow, Graph};
use crate::chain::KnownCall;
use crate::facts::{Service, Snapshot};

/// How deep it is walked.
pub const MAX_DEPTH: usize = 16;
/// The most lines.
const MAX_LINES: usize = 5_000;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A plugin, or another source such as an operator.
    Source,
    /// A topic that it sends on.
    Sends,
    /// Who gets it.
    To,
    /// A filter that it subscribed to.
    Hears,
    /// A service of its own.
    Answers,
    /// A service that it was seen to call.
    Calls,
}

/// What a line is marked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    None,
    /// Nobody hears it.
    Nobody,
    /// It leads to itself.
    Loop,
}

/// A line of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// How deep it is.
    pub depth: usize,
    /// What it is found again by.
    pub id: String,
    /// Whether what is below is shown; `None` when there is nothing.
    pub open: Option<bool>,
    /// What it is.
    pub kind: Kind,
    /// The plugin, topic, filter or service.
    pub name: String,
    /// Events or calls.
    pub count: u64,
    /// Of them a second.
    pub rate: f64,
    /// A mark,
    pub mark: Mark,
    /// and what else there is to say.
    pub note: String,
}

/// What the tree is made of.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// What was sent.
    pub graph: &'a Graph,
    /// Plugins, subscriptions and services.
    pub snapshot: Option<&'a Snapshot>,
    /// The calls that were seen in flight.
    pub calls: &'a [KnownCall],
}

impl<'a> Whole<'a> {
    /// The names of all that send, hear or answer, plugins first.
    pub fn sources(&self) -> Vec<Arc<str>> {
        let plugins = self.snapshot.map_or(&[][..], |snapshot| &snapshot.plugins);
        let mut all: Vec<Arc<str>> = plugins.iter().map(|plugin| plugin.name.clone()).collect();
        let senders = self.graph.flows.iter().map(|flow| &flow.source);
        for other in senders.chain(self.calls.iter().map(|call| &call.caller)) {
            if !all.contains(other) {
                all.push(other.clone());
            }
        }
        all
    }

    /// Who got any event of a flow.
    pub fn receivers(&self, flow: &Flow) -> Vec<Arc<str>> {
        let name = |slot: u8| {
            let plugins = self.snapshot.map_or(&[][..], |snapshot| &snapshot.plugins);
            let plugin = plugins.iter().find(|plugin| plugin.index == slot);
            plugin.map_or_else(|| format!("slot {slot}").into(), |plugin| plugin.name.clone())
        };
        (0..128)
            .filter(|slot| flow.receivers >> slot & 1 == 1)
            .map(name)
            .collect()
    }

    /// The services that each was seen to call: caller, service, who answered, and how many calls were seen.
    pub fn calls(&self) -> BTreeMap<(&'a str, &'a str, &'a str), u64> {
        let mut calls = BTreeMap::new();
        for call in self.calls {
            let service = if call.service.is_empty() {
                "a storage request"
            } else {
                &*call.service
            };
            *calls.entry((&*call.caller, service, &*call.callee)).or_default() += 1;
        }
        calls
    }

    fn services(&self, owner: &str) -> impl Iterator<Item = &'a Service> {
        let all = self.snapshot.map_or(&[][..], |snapshot| &snapshot.services);
        all.iter().filter(move |service| &*service.owner == owner)
    }
}

/// The lines of the tree in which only what `is_open` says shows what is below it.
pub fn lines(whole: Whole<'_>, is_open: impl Fn(&str) -> bool) -> Vec<Line> {
    let mut walk = Walk {
        whole,
        is_open: &is_open,
        lines: Vec::new(),
    };
    for source in whole.sources() {
        walk.source(&source);
    }
    walk.lines
}

struct Walk<'a> {
    whole: Whole<'a>,
    is_open: &'a dyn Fn(&str) -> bool,
    lines: Vec<Line>,
}

impl Walk<'_> {
    /// Adds a line; true when what is below it is to come.
    fn line(&mut self, line: Line) -> bool {
        if self.lines.len() >= MAX_LINES {
            return false;
        }
        let below = line.open.is_some() && line.depth < MAX_DEPTH;
        let open = below && (self.is_open)(&line.id);
        self.lines.push(Line {
            open: below.then_some(open),
            ..line
        });
        open
    }

    fn source(&mut self, source: &str) {
        let whole = self.whole;
        let Whole { graph, snapshot, .. } = whole;
        let mut sent: Vec<usize> = (0..graph.flows.len())
            .filter(|at| &*graph.flows[*at].source == source)
            .collect();
        sent.sort_by_key(|at| std::cmp::Reverse(graph.flows[*at].count));
        let heard = snapshot.map_or(&[][..], |snapshot| &snapshot.subscriptions);
        let heard: Vec<_> = heard.iter().filter(|heard| &*heard.plugin == source).collect();
        let answered = whole.services(source).count();
        let calls = whole.calls();
        let calls: Vec<_> = calls
            .iter()
            .filter(|((caller, ..), _)| *caller == source)
            .collect();
        let count = sent.iter().map(|at| graph.flows[*at].count).sum();
        let has_any = !(sent.is_empty() && heard.is_empty() && calls.is_empty()) || answered > 0;
        let line = Line {
            depth: 0,
            id: source.to_owned(),
            open: has_any.then_some(false),
            kind: Kind::Source,
            name: if source.is_empty() {
                "nobody knows who"
            } else {
                source
            }
            .to_owned(),
            count,
            rate: count as f64 / graph.seconds(),
            mark: Mark::None,
            note: String::new(),
        };
        if !self.line(line) {
            return;
        }
        for at in sent {
            self.flow(at, 1, source, graph.flows[at].count);
        }
        let slot = snapshot.and_then(|snapshot| {
            let plugin = snapshot.plugins.iter().find(|plugin| &*plugin.name == source);
            plugin.map(|plugin| plugin.index)
        });
        for heard in heard {
            let got = |flow: &&Flow| {
                slot.is_some_and(|slot| flow.receivers >> slot & 1 == 1)
                    && subject::matches(&heard.filter, &flow.topic)
            };
            let count = graph.flows.iter().filter(got).map(|flow| flow.count).sum::<u64>();
            self.leaf(Kind::Hears, source, &heard.filter, count, String::new());
        }
        let mut idle = 0;
        for service in whole.services(source) {
            let errors = match service.errors {
                0 => String::new(),
                errors => format!("{errors} errors"),
            };
            match service.calls {
                0 => idle += 1,
                calls => self.leaf(Kind::Answers, source, &service.name, calls, errors),
            }
        }
        if idle > 0 {
            let services = if idle == 1 { "service" } else { "services" };
            let name = format!("{idle} {services} that nobody called");
            self.leaf(Kind::Answers, source, &name, 0, String::new());
        }
        for ((_, service, callee), seen) in calls {
            self.leaf(
                Kind::Calls,
                source,
                service,
                *seen,
                format!("{callee}, as far as it was seen in flight"),
            );
        }
    }

    fn leaf(&mut self, kind: Kind, source: &str, name: &str, count: u64, note: String) {
        self.line(Line {
            depth: 1,
            id: format!("{source} {kind:?} {name}"),
            open: None,
            kind,
            name: name.to_owned(),
            count,
            rate: 0.0,
            mark: Mark::None,
            note,
        });
    }

    /// A flow, who gets it, and what each of them sends because of it.
    fn flow(&mut self, at: usize, depth: usize, above: &str, count: u64) {
        let graph = self.whole.graph;
        let flow = &graph.flows[at];
        let receivers = self.whole.receivers(flow);
        let id = format!("{above} {}", flow.topic);
        let (mark, note) = match (flow.in_loop, receivers.is_empty()) {
            (Some(_), _) => (Mark::Loop, "loop: it leads to itself".to_owned()),
            (None, true) => (Mark::Nobody, "nobody hears it".to_owned()),
            (None, false) => (Mark::None, String::new()),
        };
        let line = Line {
            depth,
            id: id.clone(),
            open: (!receivers.is_empty() || !flow.led_to.is_empty()).then_some(false),
            kind: Kind::Sends,
            name: flow.topic.to_string(),
            count,
            rate: count as f64 / graph.seconds(),
            mark,
            note,
        };
        if !self.line(line) {
            return;
        }
        let mut of = receivers;
        // One that sent because of it and is not among them: its slot is another plugin's now.
        of.extend(flow.led_to.keys().map(|to| graph.flows[*to].source.clone()));
        let mut done = Vec::new();
        for receiver in of {
            if done.contains(&receiver) {
                continue;
            }
            let led: Vec<(usize, u64)> = flow
                .led_to
                .iter()
                .filter(|(to, _)| graph.flows[**to].source == receiver)
                .map(|(to, count)| (*to, *count))
                .collect();
            let id = format!("{id} {receiver}");
            let line = Line {
                depth: depth + 1,
                id: id.clone(),
                open: (!led.is_empty()).then_some(false),
                kind: Kind::To,
                name: receiver.to_string(),
                count: 0,
                rate: 0.0,
                mark: Mark::None,
                note: String::new(),
            };
            if self.line(line) {
                for (to, count) in led {
                    self.flow(to, depth + 2, &id, count);
                }
            }
            done.push(receiver);
        }
    }
}
