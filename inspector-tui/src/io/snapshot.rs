//! The snapshot: seven requests, one after the other, for a chip answers no two lists at once.

use std::time::Instant;

use kernel_link::{self as link, Reply};

use link_dial::{Listed, Texts};

use super::convert;
use crate::facts::{Call, Plugin, Service, Snapshot, State, Subscription};

/// One of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Health,
    Metrics,
    Plugins,
    Services,
    Calls,
    States,
    Subscriptions,
}

impl Part {
    /// The health comes first: the stream goes on from where it is.
    const ALL: [Part; 7] = [
        Part::Health,
        Part::Metrics,
        Part::Plugins,
        Part::Services,
        Part::Calls,
        Part::States,
        Part::Subscriptions,
    ];

    pub(super) fn request(self) -> link::Request<'static> {
        match self {
            Part::Metrics => link::Request::Metrics,
            Part::Health => link::Request::Health,
            Part::Plugins => link::Request::Plugins,
            Part::Services => link::Request::Services,
            Part::Calls => link::Request::Calls,
            Part::States => link::Request::States { prefix: "" },
            Part::Subscriptions => link::Request::Subscriptions,
        }
    }
}

/// A snapshot on its way.
#[derive(Debug)]
pub(super) struct Collecting {
    /// The number of the request that is under way.
    asked: u32,
    /// How many parts are complete.
    done: usize,
    /// When it was asked for.
    pub(super) begun: Instant,
    /// When something of it came last.
    pub(super) progress: Instant,
    /// A frame was damaged meanwhile, perhaps one of its own.
    pub(super) damaged: bool,
    health: Option<link::Health>,
    metrics: Option<kernel_core::Metrics>,
    plugins: Vec<Plugin>,
    services: Vec<Service>,
    calls: Vec<Call>,
    states: Vec<State>,
    subscriptions: Vec<Subscription>,
}

/// The code of the error when the client's key lacks a scope.
pub(super) const DENIED: &str = "denied";

impl Collecting {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Collecting {
            asked: 0,
            done: 0,
            begun: now,
            progress: now,
            damaged: false,
            health: None,
            metrics: None,
            plugins: Vec::new(),
            services: Vec::new(),
            calls: Vec::new(),
            states: Vec::new(),
            subscriptions: Vec::new(),
        }
    }

    /// The part to ask for under this number; `None` when all of it is there.
    pub(super) fn ask(&mut self, id: u32) -> Option<Part> {
        self.asked = id;
        Part::ALL.get(self.done).copied()
    }

    /// True when nothing can be shown at all: whoever has this key may not even look.
    pub(super) fn is_refused(&self, id: u32, reply: &Reply<'_>) -> bool {
        let denied = matches!(reply, Reply::Failed(why) if why.code() == DENIED);
        denied && id == self.asked && self.done == 0
    }

    /// Takes a reply; true when its part is complete, and the next one is to be asked for.
    pub(super) fn take(&mut self, id: u32, reply: &Reply<'_>, texts: &mut Texts) -> bool {
        if id != self.asked || self.is_done() {
            return false;
        }
        self.progress = Instant::now();
        match reply {
            Reply::Plugin(_) => self.plugins.extend(Plugin::of(reply, texts)),
            Reply::Service(_) => self.services.extend(Service::of(reply, texts)),
            Reply::Call(_) => self.calls.extend(Call::of(reply, texts)),
            Reply::State(_) => self.states.extend(State::of(reply, texts)),
            Reply::Subscription { .. } => self.subscriptions.extend(Subscription::of(reply, texts)),
            Reply::Health(health) => {
                self.health = Some(*health);
                return self.complete();
            }
            Reply::Metrics(metrics) => {
                self.metrics = Some(*metrics);
                return self.complete();
            }
            Reply::End => return self.complete(),
            // A chip may have no such list, and a key may not allow it.
            Reply::Failed(why) if matches!(why.code(), "unknown" | DENIED) => return self.complete(),
            // An item that is too large for the link: it is left out, and the list goes on.
            _ => {}
        }
        false
    }

    fn complete(&mut self) -> bool {
        self.done += 1;
        true
    }

    /// True when all of it is there.
    pub(super) fn is_done(&self) -> bool {
        self.done >= Part::ALL.len()
    }

    /// The snapshot at this time of the runtime's clock, once all of it is there.
    pub(super) fn finish(&mut self, now: u64) -> Option<Snapshot> {
        if !self.is_done() {
            return None;
        }
        let health = self.health.take().unwrap_or_default();
        let metrics = self.metrics.take().unwrap_or(kernel_core::Metrics {
            next_seq: health.next_seq,
            ..kernel_core::Metrics::default()
        });
        Some(Snapshot {
            health: convert::health(&health, &self.states),
            metrics: convert::metrics(&metrics, now, &self.services),
            plugins: std::mem::take(&mut self.plugins),
            services: std::mem::take(&mut self.services),
            calls: std::mem::take(&mut self.calls),
            states: std::mem::take(&mut self.states),
            subscriptions: std::mem::take(&mut self.subscriptions),
        })
    }
}
