//! What one snapshot, or two, show to be wrong.

use std::sync::Arc;

use kernel_core::{PluginState, STORAGE_FAULT};

use super::{Kind, Level, RESTART_WINDOW};
use crate::facts::{LostAt, Plugin, Service, Snapshot, Usage};

/// The parts of a capacity, in percent, from which on it is near full, and nearly out.
const NEAR: u64 = 80;
const NEARLY_OUT: u64 = 95;
/// In how many snapshots in a row a lag must grow, and how many events it must be.
const LAG_STREAK: u32 = 3;
const LAG: usize = 8;
/// How many restarts within the window are a loop.
const LOOP: usize = 2;

/// Something wrong, as of one snapshot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    pub(super) kind: Kind,
    pub(super) level: Level,
    pub(super) plugin: Arc<str>,
    pub(super) about: Arc<str>,
    pub(super) what: String,
    pub(super) advice: &'static str,
}

pub(super) fn finding(
    kind: Kind,
    level: Level,
    plugin: &Arc<str>,
    what: String,
    advice: &'static str,
) -> Finding {
    Finding {
        kind,
        level,
        plugin: plugin.clone(),
        about: Arc::default(),
        what,
        advice,
    }
}

fn runtime() -> Arc<str> {
    Arc::from("runtime")
}

/// What is wrong as long as it is so.
pub(super) fn lasting(now: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    for plugin in &now.plugins {
        if plugin.state == PluginState::Failed {
            findings.push(finding(
                Kind::Failed,
                Level::Error,
                &plugin.name,
                format!("failed: {}", last_error(plugin)),
                "It comes back after a pause, unless it failed too often or its settings are wrong: remove the cause, start it.",
            ));
        }
    }
    let fault = now.states.iter().find(|state| &*state.key == STORAGE_FAULT);
    if let Some(text) = fault.and_then(|state| state.value.as_deref()) {
        findings.push(finding(
            Kind::StorageFault,
            Level::Error,
            &Arc::from("storage"),
            serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()),
            "Do what it says; it is over once the database is written and read again.",
        ));
    }
    let metrics = &now.metrics;
    // The log is always as full as it can be, and plugins are installed by hand: they say nothing here.
    for (name, usage, advice) in [
        (
            "filters",
            metrics.filters,
            "Subscribe with fewer, wider filters, or raise the capacity `filters`.",
        ),
        ("services", metrics.services, "Raise the capacity `services`."),
        (
            "calls",
            metrics.calls,
            "See under Services which calls are in flight and who does not answer; or raise the capacity `calls`.",
        ),
        (
            "state_entries",
            metrics.state_entries,
            "Delete state entries or give them a time to live; or raise the capacity `state_entries`.",
        ),
        (
            "state_bytes",
            metrics.state_bytes,
            "Store long values in the storage; or raise the capacity `state_bytes`.",
        ),
        (
            "names",
            metrics.names,
            "Use fewer different names made at run time; or raise the capacity `names`.",
        ),
    ] {
        findings.extend(capacity(name, usage, advice));
    }
    findings
}

fn capacity(name: &str, usage: Usage, advice: &'static str) -> Option<Finding> {
    let percent = (usage.used as u64 * 100).checked_div(usage.capacity as u64)?;
    let level = match percent {
        ..NEAR => return None,
        NEAR..NEARLY_OUT => Level::Warning,
        _ => Level::Error,
    };
    Some(Finding {
        about: Arc::from(name),
        ..finding(
            Kind::Capacity,
            level,
            &runtime(),
            format!(
                "`{name}` is {percent} % full: {} of {} in use, {} at most so far",
                usage.used, usage.capacity, usage.high_water
            ),
            advice,
        )
    })
}

/// What happened between two snapshots of the same run.
pub(super) fn happened(before: &Snapshot, after: &Snapshot) -> Vec<Finding> {
    let seconds = after.metrics.now.saturating_sub(before.metrics.now) as f64 / 1e6;
    let mut findings = Vec::new();
    for plugin in &after.plugins {
        let Some(was) = before.plugins.iter().find(|was| was.name == plugin.name) else {
            continue;
        };
        let slow = plugin.counters.slow.saturating_sub(was.counters.slow);
        if slow > 0 {
            findings.push(finding(
                Kind::SlowHandler,
                Level::Warning,
                &plugin.name,
                format!(
                    "{slow} of its handlers took longer than its budget within {seconds:.1} s; the slowest so far took {}",
                    micros(u64::from(plugin.counters.worst_micros))
                ),
                "Give the plugin a thread of its own in the configuration, or let its handlers do less before they return.",
            ));
        }
        let dropped = plugin.counters.dropped.saturating_sub(was.counters.dropped);
        if dropped > 0 {
            findings.push(finding(
                Kind::Dropped,
                Level::Error,
                &plugin.name,
                format!(
                    "lost {dropped} events within {seconds:.1} s, {} in all: it reads too slowly",
                    plugin.counters.dropped
                ),
                "Subscribe it to less, make its handlers shorter, or raise the capacity `log_bytes`.",
            ));
        }
    }
    findings.extend(deprecated(before, after, seconds));
    findings.extend(timed_out(before, after, seconds));
    let (was, is) = (&before.metrics, &after.metrics);
    let failed = is.storage_errors.saturating_sub(was.storage_errors);
    if failed > 0 {
        findings.push(finding(
            Kind::Storage,
            Level::Error,
            &Arc::from("storage"),
            format!(
                "{failed} storage requests failed within {seconds:.1} s, {} in all",
                is.storage_errors
            ),
            "Look at the log of the host for the reason: a full or slow disk, or a damaged file.",
        ));
    }
    let refused = is.refused.saturating_sub(was.refused);
    if refused > 0 {
        findings.push(finding(
            Kind::Refused,
            Level::Error,
            &runtime(),
            format!(
                "{refused} events were refused within {seconds:.1} s, {} in all: the log had no room for them",
                is.refused
            ),
            "Find the plugin with the greatest lag, or raise the capacity `log_bytes`.",
        ));
    }
    findings
}

fn grown<'a>(before: &'a Snapshot, after: &'a Snapshot) -> impl Iterator<Item = (&'a Service, u64, u64)> {
    after.services.iter().filter_map(|service| {
        let was = before.services.iter().find(|was| was.name == service.name)?;
        let calls = service.calls.saturating_sub(was.calls);
        (calls > 0).then(|| (service, calls, service.errors.saturating_sub(was.errors)))
    })
}

fn deprecated(before: &Snapshot, after: &Snapshot, seconds: f64) -> Vec<Finding> {
    // Most services are not: the comparison is made for those that are.
    if !after.services.iter().any(|service| service.deprecated) {
        return Vec::new();
    }
    grown(before, after)
        .filter(|(service, ..)| service.deprecated)
        .map(|(service, calls, _)| {
            let calling = after.calls.iter().chain(&before.calls);
            let caller = calling.into_iter().find(|call| call.service == service.name);
            let by = caller.map_or(String::new(), |call| format!(", by `{}` among others", call.caller));
            Finding {
                about: service.name.clone(),
                ..finding(
                    Kind::Deprecated,
                    Level::Warning,
                    &service.owner,
                    format!(
                        "its service `{}` ({}) is deprecated and was called {calls} times within {seconds:.1} s{by}",
                        service.name, service.version
                    ),
                    "Let the callers use the service that its description names.",
                )
            }
        })
        .collect()
}

fn timed_out(before: &Snapshot, after: &Snapshot, seconds: f64) -> Option<Finding> {
    let count = after.metrics.timed_out.saturating_sub(before.metrics.timed_out);
    if count == 0 {
        return None;
    }
    // The runtime counts deadlines for all services together, and errors for each.
    let mut failing: Vec<_> = grown(before, after).filter(|(.., errors)| *errors > 0).collect();
    failing.sort_by_key(|(.., errors)| std::cmp::Reverse(*errors));
    let (owner, about, names) = match failing.first() {
        Some((service, ..)) => {
            let names = failing
                .iter()
                .take(3)
                .map(|(service, _, errors)| format!("`{}` ({errors})", service.name));
            let names = names.collect::<Vec<_>>().join(", ");
            (
                service.owner.clone(),
                service.name.clone(),
                format!("; services with errors meanwhile: {names}"),
            )
        }
        None => (runtime(), Arc::default(), String::new()),
    };
    Some(Finding {
        about,
        ..finding(
            Kind::TimedOut,
            Level::Error,
            &owner,
            format!(
                "{count} calls ended by their deadline within {seconds:.1} s, {} in all{names}",
                after.metrics.timed_out
            ),
            "See under Services which calls are in flight; a plugin that waits for another's call holds up its own.",
        )
    })
}

/// A plugin's lag grew in this many snapshots in a row, from `start` on.
pub(super) fn growing_lag(plugin: &Plugin, streak: u32, start: usize) -> Option<Finding> {
    let lag = plugin.counters.lag;
    (streak >= LAG_STREAK && lag >= LAG).then(|| {
        finding(
            Kind::GrowingLag,
            Level::Warning,
            &plugin.name,
            format!(
                "{lag} events are unread, {} more than {streak} snapshots ago; its task is in `{}`",
                lag.saturating_sub(start),
                plugin.hook
            ),
            "Events are lost when the log is full: make its handlers shorter, subscribe it to less, or give it a thread of its own.",
        )
    })
}

/// A plugin was restarted this many times within the window.
pub(super) fn restart_loop(plugin: &Plugin, count: usize) -> Option<Finding> {
    (count >= LOOP).then(|| {
        finding(
            Kind::RestartLoop,
            Level::Error,
            &plugin.name,
            format!(
                "restarted {count} times within {} s, {} times in all: {}",
                RESTART_WINDOW.as_secs(),
                plugin.counters.failures,
                last_error(plugin)
            ),
            "Stop the plugin, remove the cause that the error names, then start it again.",
        )
    })
}

/// The inspector itself missed events.
pub(super) fn missed(at: LostAt, count: u64, total: u64) -> Finding {
    let (place, advice) = match at {
        LostAt::Bus => (
            "bus",
            "The bus was faster than this inspector or its line: raise the capacity `log_bytes`.",
        ),
        LostAt::Link => (
            "link",
            "The line damaged messages, was interrupted, or the events are longer than a message may be.",
        ),
    };
    Finding {
        about: Arc::from(place),
        ..finding(
            Kind::Missed,
            Level::Warning,
            &Arc::from("inspector"),
            format!("{count} events are missing here, lost on the {place}; {total} in all"),
            advice,
        )
    }
}

fn last_error(plugin: &Plugin) -> String {
    match &plugin.error {
        (code, message) if code.is_empty() && message.is_empty() => "it left no error".to_owned(),
        (code, message) if code.is_empty() => message.clone(),
        (code, message) => format!("{code}: {message}"),
    }
}

fn micros(micros: u64) -> String {
    match micros {
        ..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
}
