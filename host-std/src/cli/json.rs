//! The shapes of `--json`. They are stable: fields are only ever added.
//!
//! Times and spans are in the unit that the field's name ends with. The help of each command
//! (`core-runtime help COMMAND`) says the same in words.

use kernel_core::Metrics;
use kernel_link::{self as link, LostAt};
use link_dial::Cause;
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
        failed: Vec<String>,
    ) -> Self {
        HealthReport {
            ok: running && health.storage && storage_fault.is_none() && health.failed.is_empty(),
            running,
            storage: health.storage,
            storage_fault,
            plugins: health.plugins,
            started: health.started,
            failed,
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
    pub(crate) cause: Cause,
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
            cause: event.cause.into(),
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

/// A line of `watch` in the place of events that were gone before they could be sent.
#[derive(Debug, Serialize)]
pub(crate) struct Lost {
    /// How many, whether they would have matched or not.
    pub(crate) lost: u64,
    /// The sequence number of the first.
    pub(crate) from: u64,
    /// `bus`: its log had moved on; `link`: larger than a message of the link.
    pub(crate) at: LostAt,
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

/// `state delete`, `storage set`, `storage delete` and `storage clear`.
#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    /// How many values were stored or deleted.
    pub(crate) changed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_core::Cause;
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
