//! The link's messages as owned facts.

use std::collections::HashSet;
use std::sync::Arc;

use kernel_core::link::{self, Reply};

use crate::facts::{Call, Cause, Event, LostAt, Plugin, Service, State};

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
            error: (plugin.error.code.to_owned(), plugin.error.message.to_owned()),
            counters: plugin.counters,
        }
    }

    pub(super) fn service(&mut self, service: &link::Service<'_>) -> Service {
        Service {
            name: self.keep(service.name),
            owner: self.keep(service.owner),
            description: service.description.to_owned(),
            version: service.version.to_owned(),
            deprecated: service.deprecated,
            calls: service.calls,
            errors: service.errors,
            busy_micros: service.busy_micros,
            worst_micros: service.worst_micros,
            latency: service.latency().collect(),
        }
    }

    pub(super) fn call(&mut self, call: &link::Call<'_>) -> Call {
        Call {
            call: call.call,
            service: self.keep(call.service),
            caller: self.keep(call.caller),
            callee: self.keep(call.callee),
            running: call.running,
            age_micros: call.age_micros,
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
    (failure.code.to_owned(), failure.message.to_owned())
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
