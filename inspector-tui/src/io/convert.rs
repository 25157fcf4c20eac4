//! The link's messages as owned facts.

use std::collections::HashSet;
use std::sync::Arc;

use kernel_link::{self as link, Reply};

use kernel_core::STATUS;
use kernel_core::storage::STORAGE;

use crate::facts::{Call, Cause, Event, Health, LostAt, Metrics, Plugin, PluginCounters, Service, State};

/// Texts that come again and again, each kept once.
#[derive(Debug, Default)]
pub(super) struct Texts(HashSet<Arc<str>>);

/// A runtime that makes up topics without end should not fill the memory.
const MANY: usize = 8192;

impl Texts {
    pub(super) fn keep(&mut self, text: &str) -> Arc<str> {
        if let Some(kept) = self.0.get(text) {
            return kept.clone();
        }
        if self.0.len() >= MANY {
            self.0.clear();
        }
        let kept: Arc<str> = text.into();
        self.0.insert(kept.clone());
        kept
    }

    pub(super) fn event(&mut self, event: &link::Event<'_>) -> Event {
        Event {
            seq: event.seq,
            time: event.time,
            source: self.keep(event.source),
            cause: cause(event.cause),
            receivers: event.receivers,
            topic: self.keep(event.topic),
            payload: event.payload.0.into(),
        }
    }

    pub(super) fn plugin(&mut self, plugin: &link::Plugin<'_>) -> Plugin {
        Plugin {
            index: plugin.index,
            name: self.keep(plugin.name),
            version: plugin.version.to_owned(),
            description: plugin.description.to_owned(),
            author: plugin.author.to_owned(),
            dependencies: plugin.dependencies,
            placement: plugin.placement.to_owned(),
            state: plugin.state,
            hook: plugin.hook.to_owned(),
            error: failure(plugin.error),
            counters: counters(&plugin.counters),
        }
    }

    pub(super) fn service(&mut self, service: &link::Service<'_>) -> Service {
        Service {
            name: self.keep(service.name),
            owner: self.keep(service.owner),
            description: service.description.to_owned(),
            version: service.version.to_owned(),
            deprecated: service.deprecated,
            calls: service.counters.calls.into(),
            errors: service.counters.errors.into(),
            busy_micros: service.counters.busy_micros,
            worst_micros: service.counters.worst_micros,
            latency: service.latency.to_vec(),
        }
    }

    pub(super) fn call(&mut self, call: &link::Call<'_>) -> Call {
        Call {
            call: call.call,
            service: self.keep(call.service),
            caller: self.keep(call.caller),
            callee: self.keep(call.callee),
            running: call.running,
            age_micros: u64::from(call.age_ms) * 1_000,
            parent: call.parent,
        }
    }

    pub(super) fn state(&mut self, state: &link::State<'_>) -> State {
        State {
            key: self.keep(state.key),
            value: state
                .value
                .map(|value| String::from_utf8_lossy(value.0).into_owned()),
            version: state.version,
            ttl_ms: state.ttl_ms,
            owner: self.keep(state.owner),
        }
    }
}

fn counters(of: &kernel_core::PluginCounters) -> PluginCounters {
    PluginCounters {
        events: of.events as usize,
        dropped: of.dropped as usize,
        lag: of.lag as usize,
        lag_high_water: of.lag_high_water as usize,
        calls_in: of.calls as usize,
        published: of.published as usize,
        errors: of.errors as usize,
        slow: of.slow as usize,
        handled: of.handled as usize,
        busy_micros: of.busy_micros,
        worst_micros: of.worst_micros,
        failures: of.failures as usize,
    }
}

/// The metrics at a time of the runtime's clock, with what else of the snapshot belongs to them.
pub(super) fn metrics(of: &kernel_core::Metrics, now: u64, services: &[Service]) -> Metrics {
    let storage = services.iter().find(|service| &*service.name == STORAGE);
    Metrics {
        now,
        plugins: of.plugins.into(),
        filters: of.filters.into(),
        services: of.services.into(),
        calls: of.calls.into(),
        state_entries: of.state_entries.into(),
        state_bytes: of.state_bytes.into(),
        log_bytes: of.log_bytes.into(),
        names: of.names.into(),
        waits: of.waits.into(),
        taps: of.taps.into(),
        refused: of.refused as usize,
        dropped: of.dropped as usize,
        timed_out: of.timed_out as usize,
        storage_errors: storage.map_or(0, |service| usize::try_from(service.errors).unwrap_or(usize::MAX)),
        next_seq: of.next_seq,
    }
}

/// The health, with what the state says of it.
pub(super) fn health(of: &link::Health, states: &[State]) -> Health {
    let status = states.iter().find(|state| &*state.key == STATUS);
    Health {
        plugins: of.plugins as usize,
        started: of.started as usize,
        failed: of.failed,
        storage: of.storage,
        running: status.is_none_or(|state| state.value.as_deref() == Some("\"running\"")),
    }
}

fn cause(cause: kernel_core::Cause) -> Cause {
    match cause {
        kernel_core::Cause::None => Cause::None,
        kernel_core::Cause::Event(seq) => Cause::Event(seq),
        kernel_core::Cause::Call(call) => Cause::Call(call.to_bits()),
    }
}

pub(super) fn lost_at(at: link::LostAt) -> LostAt {
    match at {
        link::LostAt::Bus => LostAt::Bus,
        link::LostAt::Link => LostAt::Link,
    }
}

/// The error that the runtime answered with, as code and message.
pub(super) fn failure(failure: link::Failure<'_>) -> (String, String) {
    let message = match failure {
        link::Failure::Error { message, .. } => message.to_owned(),
        other => other.to_string(),
    };
    (failure.code().to_owned(), message)
}

/// An answer that this version does not understand.
pub(super) fn unexpected(reply: &Reply<'_>) -> (String, String) {
    let text = format!("{reply:?}");
    let kind = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    (
        "protocol".to_owned(),
        format!(
            "the runtime answered with {kind}, which makes no sense here: use the inspector of the runtime's version"
        ),
    )
}
