//! Whether a row passes the terms of a filter.

use std::sync::Arc;

use kernel_core::subject;

use super::field::field_holds;
use super::parse::{Filter, Term, What};
use crate::ring::{EventRow, Row};

/// What was found out about a name, for as long as its generation is the same.
#[derive(Clone, Copy, Debug, Default)]
struct Memo {
    /// The generation and one: zero is nothing.
    stamp: u64,
    passes: bool,
    /// Which of the text terms the topic contains, by their place.
    contains: u32,
}

/// A filter's terms, ready to be asked.
#[derive(Clone, Debug)]
pub struct Matcher {
    terms: Vec<Term>,
    /// The receivers that each `recv:` term means, by its place among the terms.
    receivers: Vec<u128>,
    topics: Vec<Memo>,
    sources: Vec<Memo>,
    sets: Vec<Memo>,
    asks: Asks,
}

/// What the terms ask for at all.
#[derive(Clone, Copy, Debug, Default)]
struct Asks {
    sources: bool,
    receivers: bool,
    texts: bool,
    fields: bool,
    lost: bool,
}

impl Matcher {
    /// The terms of a filter; `plugins` are the plugins' names by slot.
    pub fn new(filter: &Filter, plugins: &[(u8, Arc<str>)]) -> Self {
        let terms = filter.terms.clone();
        let receivers = terms
            .iter()
            .map(|term| match &term.what {
                What::Receiver(needle) => plugins
                    .iter()
                    .filter(|(_, name)| needle.is_in(name.as_bytes()))
                    .fold(0, |bits, (slot, _)| {
                        bits | 1u128.checked_shl(u32::from(*slot)).unwrap_or(0)
                    }),
                _ => 0,
            })
            .collect();
        let mut asks = Asks::default();
        for term in &terms {
            match term.what {
                What::Topic(_) | What::Column(..) => {}
                What::Source(_) => asks.sources = true,
                What::Receiver(_) => asks.receivers = true,
                What::Lost(_) => asks.lost = true,
                What::Field { .. } => asks.fields = true,
                What::Text(_) => asks.texts = true,
            }
        }
        Matcher {
            terms,
            receivers,
            topics: Vec::new(),
            sources: Vec::new(),
            sets: Vec::new(),
            asks,
        }
    }

    /// True when the terms ask for receivers, so that they depend on the plugins' names.
    pub fn asks_for_receivers(&self) -> bool {
        self.asks.receivers
    }

    /// True when a row passes.
    pub fn passes(&mut self, row: &Row<'_>) -> bool {
        match row {
            Row::Event(event) => self.event_passes(event),
            Row::Restarted => true,
            Row::Lost { at, .. } => self.terms.iter().all(|term| match &term.what {
                What::Lost(wanted) => wanted.is_none_or(|wanted| wanted == *at) != term.negated,
                _ => true,
            }),
        }
    }

    fn event_passes(&mut self, event: &EventRow<'_>) -> bool {
        if self.asks.lost
            && self
                .terms
                .iter()
                .any(|term| matches!(term.what, What::Lost(_)) && !term.negated)
        {
            return false;
        }
        let terms = &self.terms;
        let topic = remembered(&mut self.topics, event.names.topic, || {
            about_topic(terms, event.topic)
        });
        if !topic.passes {
            return false;
        }
        if self.asks.sources {
            let source = remembered(&mut self.sources, event.names.source, || Memo {
                passes: terms.iter().all(|term| match &term.what {
                    What::Source(needle) => needle.is_in(event.source.as_bytes()) != term.negated,
                    _ => true,
                }),
                ..Memo::default()
            });
            if !source.passes {
                return false;
            }
        }
        if self.asks.receivers {
            let wanted = &self.receivers;
            let set = remembered(&mut self.sets, event.names.receivers, || {
                let got = event.receivers.iter().fold(0, |bits, slot| bits | 1u128 << slot);
                Memo {
                    passes: terms.iter().zip(wanted).all(|(term, wanted)| {
                        !matches!(term.what, What::Receiver(_)) || (got & wanted != 0) != term.negated
                    }),
                    ..Memo::default()
                }
            });
            if !set.passes {
                return false;
            }
        }
        let texts = !self.asks.texts
            || terms.iter().enumerate().all(|(at, term)| match &term.what {
                What::Text(needle) => {
                    let found = topic.contains & 1 << at != 0 || needle.is_in(event.payload);
                    found != term.negated
                }
                _ => true,
            });
        texts
            && (!self.asks.fields
                || terms.iter().all(|term| match &term.what {
                    What::Field {
                        path,
                        operator,
                        operand,
                    } => field_holds(event.payload, path, *operator, operand) != term.negated,
                    _ => true,
                }))
    }
}

fn about_topic(terms: &[Term], topic: &str) -> Memo {
    let mut memo = Memo {
        passes: true,
        ..Memo::default()
    };
    for (at, term) in terms.iter().enumerate() {
        match &term.what {
            What::Topic(filter) => memo.passes &= subject::matches(filter, topic) != term.negated,
            What::Text(needle) if needle.is_in(topic.as_bytes()) => memo.contains |= 1 << at,
            _ => {}
        }
    }
    memo
}

fn remembered(memos: &mut Vec<Memo>, (number, generation): (u32, u32), find: impl FnOnce() -> Memo) -> Memo {
    let at = number as usize;
    let stamp = u64::from(generation) + 1;
    if let Some(memo) = memos.get(at).filter(|memo| memo.stamp == stamp) {
        return *memo;
    }
    let memo = Memo { stamp, ..find() };
    if memos.len() <= at {
        memos.resize(at + 1, Memo::default());
    }
    if let Some(place) = memos.get_mut(at) {
        *place = memo;
    }
    memo
}
