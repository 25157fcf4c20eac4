//! The shapes of `--json`. They are stable: fields are only ever added.
//!
//! Times and spans are in the unit that the field's name ends with. The help of each command
//! (`core-runtime help COMMAND`) says the same in words.

use kernel_core::{Cause, Metrics, PluginCounters};
use kernel_link as link;
use serde::Serialize;
use serde_json::value::RawValue;

use super::exit::Failure;
use super::output::{checked, reformat};
use super::time::rfc3339;

/// Anybody's JSON value, as it was written.
pub(crate) fn value(bytes: &[u8]) -> Result<Box<RawValue>, Failure> {
    let text = reformat(checked(bytes)?, false);
    RawValue::from_string(text).map_err(|_| Failure::unexpected())
}

/// An error: `{"code", "message"}`.
#[derive(Debug, Serialize)]
pub(crate) struct Error {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// An item of `plugins`.
#[derive(Debug, Serialize)]
pub(crate) struct Plugin {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) author: String,
    /// `UNLOADED`, `LOADED`, `STARTED`, `STOPPED` or `FAILED`.
    pub(crate) state: &'static str,
    /// The hook it is in, or `idle`.
    pub(crate) hook: String,
    /// Where it runs: `shared`, `own thread`, `remote`, or what a board says.
    pub(crate) placement: String,
    /// The installed plugins it depends on.
    pub(crate) dependencies: Vec<String>,
    /// Its last error.
    pub(crate) error: Option<Error>,
    pub(crate) counters: Counters,
    /// What it is not kept from on the runtime's system; of a plugin that is installed at run time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_enforced: Option<Vec<String>>,
}

/// What is counted of a plugin since it was installed.
#[derive(Debug, Serialize)]
pub(crate) struct Counters {
    pub(crate) events: u32,
    pub(crate) published: u32,
    pub(crate) dropped: u32,
    pub(crate) lag: u32,
    pub(crate) lag_high_water: u32,
    pub(crate) calls_in: u32,
    pub(crate) errors: u32,
    pub(crate) failures: u32,
    pub(crate) slow: u32,
    pub(crate) handled: u32,
    pub(crate) busy_micros: u64,
    pub(crate) worst_micros: u32,
}

impl From<PluginCounters> for Counters {
    fn from(counters: PluginCounters) -> Self {
        Counters {
            events: counters.events,
            published: counters.published,
            dropped: counters.dropped,
            lag: counters.lag,
            lag_high_water: counters.lag_high_water,
            calls_in: counters.calls,
            errors: counters.errors,
            failures: counters.failures,
            slow: counters.slow,
            handled: counters.handled,
            busy_micros: counters.busy_micros,
            worst_micros: counters.worst_micros,
        }
    }
}

/// An item of `services`.
#[derive(Debug, Serialize)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) plugin: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) deprecated: bool,
    pub(crate) calls: u32,
    pub(crate) errors: u32,
    pub(crate) busy_micros: u64,
    pub(crate) worst_micros: u32,
    /// How many calls took how long: element `i` counts those of less than `4^(i+2)` µs.
    pub(crate) latency: Vec<u32>,
}

impl From<link::Service<'_>> for Service {
    fn from(service: link::Service<'_>) -> Self {
        Service {
            name: service.name.to_owned(),
            plugin: service.owner.to_owned(),
            version: service.version.to_owned(),
            description: service.description.to_owned(),
            deprecated: service.deprecated,
            calls: service.counters.calls,
            errors: service.counters.errors,
            busy_micros: service.counters.busy_micros,
            worst_micros: service.counters.worst_micros,
            latency: service.latency.to_vec(),
        }
    }
}

/// An item of `subscriptions`.
#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subscription {
    pub(crate) plugin: String,
    pub(crate) filter: String,
}

/// An item of `calls`.
#[derive(Debug, Serialize)]
pub(crate) struct Call {
    pub(crate) call: u32,
    /// `storage` for a storage request.
    pub(crate) service: String,
    pub(crate) caller: String,
    pub(crate) callee: String,
    /// True once the callee has taken it.
    pub(crate) running: bool,
    /// In whole milliseconds.
    pub(crate) age_micros: u64,
    /// The call it belongs to.
    pub(crate) parent: Option<u32>,
}

impl From<link::Call<'_>> for Call {
    fn from(call: link::Call<'_>) -> Self {
        Call {
            call: call.call,
            service: call.service.to_owned(),
            caller: call.caller.to_owned(),
            callee: call.callee.to_owned(),
            running: call.running,
            age_micros: u64::from(call.age_ms) * 1000,
            parent: call.parent,
        }
    }
}

/// An item of `state list`.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    pub(crate) key: String,
    /// `null` also for a value that is too long for the link; then `too_long` is true.
    pub(crate) value: Option<Box<RawValue>>,
    pub(crate) too_long: bool,
    pub(crate) version: u64,
    /// How long it still lives; `null` for ever.
    pub(crate) ttl_ms: Option<u64>,
    /// Who wrote it last.
    pub(crate) owner: String,
}

impl State {
    pub(crate) fn new(state: link::State<'_>) -> Result<Self, Failure> {
        Ok(State {
            key: state.key.to_owned(),
            value: state.value.map(|raw| value(raw.0)).transpose()?,
            too_long: state.value.is_none(),
            version: state.version,
            ttl_ms: state.ttl_ms,
            owner: state.owner.to_owned(),
        })
    }
}

/// `health`.
#[derive(Debug, Serialize)]
pub(crate) struct HealthReport {
    /// It runs, has storage, and no plugin has failed.
    pub(crate) ok: bool,
    pub(crate) running: bool,
    pub(crate) storage: bool,
    /// What is wrong with the storage, if anything is.
    pub(crate) storage_fault: Option<String>,
    pub(crate) plugins: u32,
    pub(crate) started: u32,
    /// The names of the plugins that failed.
    pub(crate) failed: Vec<String>,
}

impl HealthReport {
    pub(crate) fn new(
        health: link::Health,
        running: bool,
        storage_fault: Option<String>,
        name: impl Fn(usize) -> String,
    ) -> Self {
        HealthReport {
            ok: running && health.storage && storage_fault.is_none() && health.failed.is_empty(),
            running,
            storage: health.storage,
            storage_fault,
            plugins: health.plugins,
            started: health.started,
            failed: health.failed.iter().map(name).collect(),
        }
    }
}

/// `metrics`: the kernel's own fields. Each capacity is `{"used", "high_water", "capacity"}`.
pub(crate) type MetricsReport = Metrics;

/// A line of `watch`.
#[derive(Debug, Serialize)]
pub(crate) struct Event {
    pub(crate) seq: u64,
    pub(crate) time: Time,
    /// The same moment on the runtime's own clock.
    pub(crate) micros: u64,
    pub(crate) topic: String,
    pub(crate) source: String,
    pub(crate) cause: Option<Reason>,
    /// How many plugins get it.
    pub(crate) receivers: usize,
    pub(crate) payload: Box<RawValue>,
}

impl Event {
    pub(crate) fn new(event: link::Event<'_>, epoch: Option<u64>) -> Result<Self, Failure> {
        Ok(Event {
            seq: event.seq,
            time: match epoch {
                Some(epoch) => Time::Wall(rfc3339(epoch.saturating_add(event.time))),
                None => Time::SinceBoot(event.time as f64 / 1e6),
            },
            micros: event.time,
            topic: event.topic.to_owned(),
            source: event.source.to_owned(),
            cause: match event.cause {
                Cause::None => None,
                Cause::Event(seq) => Some(Reason::Event(seq)),
                Cause::Call(call) => Some(Reason::Call(call.to_bits())),
            },
            receivers: event.receivers.len(),
            payload: value(event.payload.0)?,
        })
    }
}

/// RFC 3339 where the runtime knows the wall time, else seconds since it began.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Time {
    Wall(String),
    SinceBoot(f64),
}

/// What led to an event: `{"event": seq}` or `{"call": number}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reason {
    Event(u64),
    Call(u32),
}

/// A line of `watch` in the place of events that were gone before they could be sent.
#[derive(Debug, Serialize)]
pub(crate) struct Lost {
    /// How many, whether they would have matched or not.
    pub(crate) lost: u64,
    /// The sequence number of the first.
    pub(crate) from: u64,
    /// `bus`: its log had moved on; `link`: larger than a message of the link.
    pub(crate) at: &'static str,
}

/// `publish`.
#[derive(Debug, Serialize)]
pub(crate) struct Published {
    pub(crate) receivers: u64,
}

/// `plugin start` and its like.
#[derive(Debug, Serialize)]
pub(crate) struct PluginState {
    pub(crate) plugin: String,
    pub(crate) state: &'static str,
}

/// `state set`.
#[derive(Debug, Serialize)]
pub(crate) struct StateSet {
    pub(crate) key: String,
    pub(crate) version: u64,
}

/// `storage list` and `storage namespaces`.
#[derive(Debug, Serialize)]
pub(crate) struct Names {
    pub(crate) names: Vec<String>,
    /// True when `--limit` left some out.
    pub(crate) more: bool,
}

/// `state delete`, `storage set`, `storage delete` and `storage clear`.
#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    /// How many values were stored or deleted.
    pub(crate) changed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_link::Raw;

    fn event<'a>(payload: &'a [u8], cause: Cause) -> link::Event<'a> {
        link::Event {
            seq: 7,
            time: 1_500_000,
            source: "lamp",
            cause,
            receivers: Default::default(),
            topic: "a.b",
            payload: Raw(payload),
        }
    }

    #[test]
    fn an_event_is_one_line() {
        let shown = |event, epoch| serde_json::to_string(&Event::new(event, epoch).unwrap()).unwrap();
        assert_eq!(
            shown(event(b"{\n \"x\": 1.50 }", Cause::Event(3)), Some(1_000_000)),
            r#"{"seq":7,"time":"1970-01-01T00:00:02.500000Z","micros":1500000,"topic":"a.b","source":"lamp","cause":{"event":3},"receivers":0,"payload":{"x":1.50}}"#
        );
        assert!(shown(event(b"null", Cause::None), None).contains(r#""time":1.5,"#));
        assert!(Event::new(event(b"nonsense", Cause::None), None).is_err());
    }
}
