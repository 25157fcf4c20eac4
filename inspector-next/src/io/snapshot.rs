//! The snapshot: seven requests, collected into one.

use std::time::Instant;

use kernel_link::{self as link, Reply};

use super::convert::{self, Texts};
use crate::facts::{Call, Plugin, Service, Snapshot, State, Subscription};

/// One of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Metrics,
    Health,
    Plugins,
    Services,
    Calls,
    States,
    Subscriptions,
}

impl Part {
    /// The metrics come first: the stream goes on from where they are.
    pub(super) const ALL: [Part; 7] = [
        Part::Metrics,
        Part::Health,
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
    /// The number of its first request; the others follow.
    first: u32,
    /// When it was asked for.
    pub(super) begun: Instant,
    /// When something of it came last.
    pub(super) progress: Instant,
    /// A frame was damaged meanwhile, perhaps one of its own.
    pub(super) damaged: bool,
    done: [bool; Part::ALL.len()],
    health: Option<link::Health>,
    metrics: Option<kernel_core::Metrics>,
    plugins: Vec<Plugin>,
    services: Vec<Service>,
    calls: Vec<Call>,
    states: Vec<State>,
    subscriptions: Vec<Subscription>,
}

impl Collecting {
    pub(super) fn new(first: u32) -> Self {
        let now = Instant::now();
        Collecting {
            first,
            begun: now,
            progress: now,
            damaged: false,
            done: [false; Part::ALL.len()],
            health: None,
            metrics: None,
            plugins: Vec::new(),
            services: Vec::new(),
            calls: Vec::new(),
            states: Vec::new(),
            subscriptions: Vec::new(),
        }
    }

    /// The requests with their numbers.
    pub(super) fn requests(&self) -> impl Iterator<Item = (u32, Part)> + use<> {
        (self.first..).zip(Part::ALL)
    }

    /// Takes a reply; false when it is not one of this snapshot's.
    pub(super) fn take(&mut self, id: u32, reply: &Reply<'_>, texts: &mut Texts) -> bool {
        let index = id.wrapping_sub(self.first) as usize;
        let Some(done) = self.done.get_mut(index) else {
            return false;
        };
        self.progress = Instant::now();
        match reply {
            Reply::Plugin(plugin) => self.plugins.push(texts.plugin(plugin)),
            Reply::Service(service) => self.services.push(texts.service(service)),
            Reply::Call(call) => self.calls.push(texts.call(call)),
            Reply::State(state) => self.states.push(texts.state(state)),
            Reply::Subscription { plugin, filter } => self.subscriptions.push(Subscription {
                plugin: texts.keep(plugin),
                filter: (*filter).to_owned(),
            }),
            Reply::Health(health) => {
                self.health = Some(*health);
                *done = true;
            }
            Reply::Metrics(metrics) => {
                self.metrics = Some(*metrics);
                *done = true;
            }
            Reply::End => *done = true,
            // A chip keeps none.
            Reply::Failed(why) if index == 0 && why.code() == "unknown" => {
                self.metrics = Some(kernel_core::Metrics::default());
                *done = true;
            }
            // An item that is too large for the link: it is left out, and the list goes on.
            _ => {}
        }
        true
    }

    /// True when all of it is there.
    pub(super) fn is_done(&self) -> bool {
        self.done.iter().all(|done| *done) && self.health.is_some() && self.metrics.is_some()
    }

    /// The snapshot at this time of the runtime's clock, once all of it is there.
    pub(super) fn finish(&mut self, now: u64) -> Option<Snapshot> {
        if !self.is_done() {
            return None;
        }
        Some(Snapshot {
            health: convert::health(&self.health.take()?, &self.states),
            metrics: convert::metrics(&self.metrics.take()?, now, &self.services),
            plugins: std::mem::take(&mut self.plugins),
            services: std::mem::take(&mut self.services),
            calls: std::mem::take(&mut self.calls),
            states: std::mem::take(&mut self.states),
            subscriptions: std::mem::take(&mut self.subscriptions),
        })
    }
}
