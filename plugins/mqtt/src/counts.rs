//! What the bridge counts, and says once.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use plugin_kit::prelude::log;
use schemars::JsonSchema;
use serde::Serialize;

/// What was bridged since the plugin was started, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bridged {
    /// Events that were published for messages of the broker.
    pub to_bus: u64,
    /// Messages that were handed to the connection for events.
    pub to_broker: u64,
    /// Messages, and events, whose topic is none on the other side.
    pub not_mapped: u64,
    /// Messages, and events, whose payload is not what the rule says.
    pub bad_payload: u64,
    /// Messages that are too large for the bus, and events that are too large for the broker.
    pub too_large: u64,
    /// Messages that the bus did not take for another reason, such as a plugin that makes publishers wait, and events of
    /// while the connection was closed.
    pub not_published: u64,
    /// Retained messages that were passed over: the last ones of their topics, or as the rule says.
    pub retained_passed: u64,
    /// Messages that no rule is for, of a session that the broker kept from before.
    pub without_rule: u64,
    /// Events that the plugin lost because it was too slow: none of them reached the broker.
    pub lost_events: u64,
    /// Subscriptions that the broker refused.
    pub refused_subscriptions: u64,
}

/// The counters, and what was said of them.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    counters: Bridged,
    said: BTreeSet<&'static str>,
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self) -> Bridged {
        self.lock().counters.clone()
    }

    pub(crate) fn add(&self, count: impl FnOnce(&mut Bridged)) {
        count(&mut self.lock().counters);
    }

    /// Counts something that was not bridged; the first of a kind is in the log.
    pub(crate) fn left_out(
        &self,
        kind: &'static str,
        count: impl FnOnce(&mut Bridged),
        what: impl FnOnce() -> String,
    ) {
        let is_first = {
            let mut inner = self.lock();
            count(&mut inner.counters);
            inner.said.insert(kind)
        };
        if is_first {
            log::warn!("{}; the next ones are counted", what());
        }
    }
}
