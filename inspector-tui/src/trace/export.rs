//! A trace for programs that show traces: OpenTelemetry (OTLP as JSON) and Chrome's trace format.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Span, Trace, What, names};
use crate::facts::Cause;
use crate::ring::{Ring, Row};

/// What a trace is of, beside its spans.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// The events.
    pub ring: &'a Ring,
    /// The unix time of the clock's zero, in microseconds; without it times are since then.
    pub epoch: Option<u64>,
    /// The runtime's name.
    pub runtime: &'a str,
}

impl Of<'_> {
    /// A number for a span: an event's sequence number, or a call's with a bit that no event has.
    fn id(&self, span: &Span) -> u64 {
        match span.what {
            What::Event(row) => self
                .ring
                .get(row)
                .and_then(Row::event)
                .map_or(0, |event| event.seq),
            What::Call(call, _) => 1 << 63 | u64::from(call),
            What::Missing { seq, .. } => seq,
        }
    }

    fn facts(&self, span: &Span) -> Vec<(&'static str, Value)> {
        match &span.what {
            What::Event(row) => self
                .ring
                .get(*row)
                .and_then(Row::event)
                .map_or_else(Vec::new, |event| {
                    let payload = String::from_utf8_lossy(event.payload).into_owned();
                    vec![
                        ("seq", json!(event.seq)),
                        ("topic", json!(event.topic)),
                        ("source", json!(event.source)),
                        ("receivers", json!(event.receivers.iter().count())),
                        ("payload", json!(payload)),
                        ("caused", json!(event.cause != Cause::None)),
                    ]
                }),
            What::Call(call, known) => {
                let mut facts = vec![("call", json!(call))];
                if let Some(known) = known {
                    facts.push(("service", json!(&*known.service)));
                    facts.push(("caller", json!(&*known.caller)));
                    facts.push(("callee", json!(&*known.callee)));
                }
                facts
            }
            What::Missing { seq, lost } => vec![("seq", json!(seq)), ("lost", json!(lost))],
        }
    }
}

/// As an OTLP request in JSON: each source is a service.
pub fn otlp(trace: &Trace, of: Of<'_>) -> Value {
    let epoch = of.epoch.unwrap_or(0);
    let root = trace.spans.first().map_or(0, |span| of.id(span));
    let trace_id = format!("{epoch:016x}{root:016x}");
    let span_id = |span: &Span| format!("{:016x}", of.id(span));
    let nanos = |micros: u64| ((u128::from(epoch) + u128::from(micros)) * 1_000).to_string();
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let mut services: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for span in &trace.spans {
        let (name, source) = names(of.ring, span);
        let attributes: Vec<Value> = of
            .facts(span)
            .into_iter()
            .map(|(key, value)| match value {
                Value::Number(number) => json!({ "key": key, "value": { "intValue": number.to_string() } }),
                Value::Bool(yes) => json!({ "key": key, "value": { "boolValue": yes } }),
                other => text(key, other.as_str().unwrap_or_default()),
            })
            .collect();
        let mut one = json!({
            "traceId": trace_id,
            "spanId": span_id(span),
            "name": name,
            // Of a producer or a server.
            "kind": if matches!(span.what, What::Call(..)) { 2 } else { 4 },
            "startTimeUnixNano": nanos(span.start),
            "endTimeUnixNano": nanos(span.end),
            "attributes": attributes,
        });
        if let Some(parent) = span.parent.and_then(|parent| trace.spans.get(parent)) {
            one["parentSpanId"] = json!(span_id(parent));
        }
        services.entry(source).or_default().push(one);
    }
    let resources = services.into_iter().map(|(source, spans)| {
        let source = if source.is_empty() { "unknown" } else { source };
        json!({
            "resource": { "attributes": [text("service.name", source), text("service.namespace", of.runtime)] },
            "scopeSpans": [{ "scope": { "name": "core-inspector" }, "spans": spans }],
        })
    });
    json!({ "resourceSpans": resources.collect::<Vec<_>>() })
}

/// As Chrome's trace format: each source is a thread.
pub fn chrome(trace: &Trace, of: Of<'_>) -> Value {
    let mut threads: Vec<&str> = Vec::new();
    let mut events: Vec<Value> = Vec::new();
    for span in &trace.spans {
        let (name, source) = names(of.ring, span);
        let thread = threads
            .iter()
            .position(|known| *known == source)
            .unwrap_or_else(|| {
                threads.push(source);
                threads.len() - 1
            });
        let args: serde_json::Map<String, Value> = of
            .facts(span)
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        events.push(json!({
            "name": name, "cat": "event", "ph": "X", "pid": 1, "tid": thread,
            "ts": span.start, "dur": span.end - span.start, "args": args,
        }));
    }
    let name = |what: &str, tid: usize, name: &str| json!({ "name": what, "ph": "M", "pid": 1, "tid": tid, "args": { "name": name } });
    events.push(name("process_name", 0, of.runtime));
    events.extend(
        threads
            .iter()
            .enumerate()
            .map(|(tid, source)| name("thread_name", tid, source)),
    );
    json!({ "displayTimeUnit": "ms", "traceEvents": events })
}
