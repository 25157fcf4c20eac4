//! What is counted, for monitoring: OpenMetrics; and whether the runtime is well.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use kernel_core::{Context, Fault, STATUS, STORAGE_FAULT};
use kernel_link::Request;
use link_gateway::Answer;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::calls::unexpected;
use crate::params::Params;
use crate::plugins;
use crate::problem::Problem;
use crate::reply;
use crate::shared::Shared;

/// `GET /metrics`
pub(crate) async fn metrics(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::of(uri.query(), &[])?;
    let session = caller.session(&shared).await?;
    let Answer::Metrics(kernel) = session.ask(Request::Metrics).await? else {
        return Err(unexpected().into());
    };
    let Answer::Health(health) = session.ask(Request::Health).await? else {
        return Err(unexpected().into());
    };
    let plugins = plugins::all(&session).await?;
    let services = session.list(Request::Services).await?;

    let mut out = Exposition::default();
    out.family("runtime_events", "counter", None, "Events published on the bus");
    out.sample("runtime_events_total", &[], kernel.next_seq.saturating_sub(1));
    for (name, help, value) in [
        ("runtime_events_refused", "Events refused", kernel.refused),
        (
            "runtime_event_cycles",
            "Events refused because too many others had caused them",
            kernel.cycles,
        ),
        (
            "runtime_events_lost",
            "Events lost by subscribers that were too slow",
            kernel.dropped,
        ),
        (
            "runtime_calls_timed_out",
            "Calls that ended by their deadline",
            kernel.timed_out,
        ),
        (
            "runtime_shares_used",
            "Operations refused because a plugin held its share",
            kernel.shares,
        ),
    ] {
        out.family(name, "counter", None, help);
        out.sample(&format!("{name}_total"), &[], value.into());
    }
    let capacities = [
        ("plugins", kernel.plugins),
        ("filters", kernel.filters),
        ("services", kernel.services),
        ("calls", kernel.calls),
        ("state_entries", kernel.state_entries),
        ("state_bytes", kernel.state_bytes),
        ("log_bytes", kernel.log_bytes),
        ("names", kernel.names),
        ("waits", kernel.waits),
        ("taps", kernel.taps),
    ];
    for (name, help, of) in [
        ("runtime_capacity_used", "What is used of a capacity", 0),
        (
            "runtime_capacity_high_water",
            "The most that was ever used of a capacity",
            1,
        ),
        ("runtime_capacity_size", "A capacity", 2),
    ] {
        out.family(name, "gauge", None, help);
        for (capacity, usage) in capacities {
            let value = [usage.used, usage.high_water, usage.capacity][of];
            out.sample(name, &[("capacity", capacity)], value as u64);
        }
    }
    out.family("runtime_storage_up", "gauge", None, "1 when a storage is served");
    out.sample("runtime_storage_up", &[], health.storage.into());

    out.family(
        "runtime_plugin_started",
        "gauge",
        None,
        "1 for a plugin that is started",
    );
    for plugin in &plugins {
        let is_started = plugin["state"] == "STARTED";
        out.sample("runtime_plugin_started", &of_plugin(plugin), is_started.into());
    }
    for (name, field, help) in [
        ("runtime_plugin_events", "events", "Events that a plugin got"),
        (
            "runtime_plugin_events_published",
            "published",
            "Events that a plugin published",
        ),
        (
            "runtime_plugin_events_lost",
            "dropped",
            "Events that a plugin was too slow for",
        ),
        (
            "runtime_plugin_calls",
            "calls_in",
            "Calls and storage requests that a plugin got",
        ),
        (
            "runtime_plugin_errors",
            "errors",
            "Messages that a plugin answered with an error",
        ),
        (
            "runtime_plugin_failures",
            "failures",
            "Lives of a plugin that failed",
        ),
        (
            "runtime_plugin_slow",
            "slow",
            "Messages that took a plugin longer than its budget",
        ),
    ] {
        out.family(name, "counter", None, help);
        for plugin in &plugins {
            out.sample(
                &format!("{name}_total"),
                &of_plugin(plugin),
                whole(&plugin["counters"][field]),
            );
        }
    }
    out.family(
        "runtime_plugin_busy_seconds",
        "counter",
        Some("seconds"),
        "Time that a plugin took to handle messages",
    );
    for plugin in &plugins {
        let busy = &plugin["counters"]["busy_micros"];
        out.seconds(
            "runtime_plugin_busy_seconds_total",
            &of_plugin(plugin),
            whole(busy),
        );
    }
    out.family(
        "runtime_plugin_lag",
        "gauge",
        None,
        "Events that a plugin has yet to read",
    );
    for plugin in &plugins {
        out.sample(
            "runtime_plugin_lag",
            &of_plugin(plugin),
            whole(&plugin["counters"]["lag"]),
        );
    }
    latencies(&mut out, &services);
    out.family(
        "runtime_service_errors",
        "counter",
        None,
        "Calls of a service that were answered with an error",
    );
    for service in &services {
        out.sample(
            "runtime_service_errors_total",
            &of_service(service),
            whole(&service["errors"]),
        );
    }
    let mut response = Response::new(out.finish().into());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

/// How long calls took: buckets of less than 16, 64, 256, ... µs.
fn latencies(out: &mut Exposition, services: &[Value]) {
    let name = "runtime_service_call_seconds";
    out.family(
        name,
        "histogram",
        Some("seconds"),
        "How long calls of a service took",
    );
    for service in services {
        let labels = of_service(service);
        let buckets = service["latency"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let (mut below, mut limit) = (0, 16);
        for (at, bucket) in buckets.iter().enumerate() {
            below += whole(bucket);
            let limit_text = match at + 1 == buckets.len() {
                true => "+Inf".to_owned(),
                false => micros_as_seconds(limit),
            };
            limit *= 4;
            let labels = [labels[0], labels[1], ("le", &limit_text)];
            out.sample(&format!("{name}_bucket"), &labels, below);
        }
        out.sample(&format!("{name}_count"), &labels, below);
        out.seconds(&format!("{name}_sum"), &labels, whole(&service["busy_micros"]));
    }
}

fn of_plugin(plugin: &Value) -> [(&'static str, &str); 1] {
    [("plugin", plugin["name"].as_str().unwrap_or(""))]
}

fn of_service(service: &Value) -> [(&'static str, &str); 2] {
    [
        ("plugin", service["plugin"].as_str().unwrap_or("")),
        ("service", service["name"].as_str().unwrap_or("")),
    ]
}

fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn micros_as_seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A text in the format of OpenMetrics.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, unit: Option<&str>, help: &str) {
        self.line(format_args!("# TYPE {name} {kind}"));
        if let Some(unit) = unit {
            self.line(format_args!("# UNIT {name} {unit}"));
        }
        self.line(format_args!("# HELP {name} {help}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.write(name, labels, &value.to_string());
    }

    fn seconds(&mut self, name: &str, labels: &[(&str, &str)], micros: u64) {
        self.write(name, labels, &micros_as_seconds(micros));
    }

    fn write(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        let escaped = |text: &str| {
            text.replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n")
        };
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        match labels.is_empty() {
            true => self.line(format_args!("{name} {value}")),
            false => self.line(format_args!("{name}{{{}}} {value}", labels.join(","))),
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn finish(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}

/// `GET /healthz`: for whoever watches over the process, without a key, and so without details.
pub(crate) async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    let is_well = is_well(&shared.cx).await;
    let status = match is_well {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, reply::json(&json!({ "ok": is_well }))).into_response()
}

/// Whether the runtime has started and its storage takes writes.
async fn is_well(cx: &Context) -> bool {
    let mut buf = [0; 256];
    let is_running = match cx.state().get(STATUS, &mut buf).await {
        Ok(Some(value)) => value.as_bytes() == b"\"running\"",
        _ => false,
    };
    let fault = cx.state().get(STORAGE_FAULT, &mut buf).await;
    is_running && matches!(fault, Ok(None) | Err(Fault::Absent))
}
