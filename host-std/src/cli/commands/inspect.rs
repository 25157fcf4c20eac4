//! `plugins`, `services`, `health` and `metrics`.

use std::collections::BTreeMap;

use clap::Args;
use kernel_core::{STATUS, STORAGE_FAULT};
use kernel_link::{Raw, Reply, Request};
use link_dial::{Plugin, PluginDocument, Service, names_of};
use serde_json::{Value, json};

use super::services::ask;
use crate::cli::check;
use crate::cli::connect::{Link, Patience, SOON};
use crate::cli::exit::Failure;
use crate::cli::json;
use crate::cli::output::{Align, Out, Table};
use crate::cli::time::span;

pub(crate) const PLUGINS_HELP: &str = "\
JSON: an array, in the order of installation, of
  {name, version, description, author, state, hook, placement, dependencies: [name],
   error: {code, message} or null,
   not_enforced?: [what],
   counters: {events, published, dropped, lag, lag_high_water, calls_in, errors, failures, slow,
              handled, busy_micros, worst_micros}}
`state` is UNLOADED, LOADED, STARTED, STOPPED or FAILED; `hook` is what it is doing, or idle; `placement` is \
shared, own thread, process, wasm, http, remote, or what a board says; `error` is its last one; `not_enforced` is what a plugin \
that was installed at run time is not kept from on the runtime's system.";

/// Placements of plugins that are installed at run time.
const INSTALLED: [&str; 3] = ["process", "wasm", "http"];

pub(crate) const SERVICES_HELP: &str = "\
JSON: an array, by name, of
  {name, plugin, version, description, deprecated, calls, errors, busy_micros, worst_micros, latency: [n]}
`latency` counts the calls of less than 16, 64, 256, ... us, its last element all others; boards may keep none.

With a service's name: {name, plugin, version, description, deprecated, schema?, returns?, reads?, examples?}, the schemas of its \
arguments and its reply as JSON Schema.";

pub(crate) const HEALTH_HELP: &str = "\
It is well when it runs, has storage that takes writes, and no plugin has failed.

JSON: {ok, running, storage, storage_fault, plugins, started, failed: [name]}
`storage_fault` is what the storage's database was last found wrong with, null once it can be written and read again.";

pub(crate) const METRICS_HELP: &str = "\
JSON: {plugins, filters, services, calls, state_entries, state_bytes, log_bytes, names, waits, taps:
    each {used, high_water, capacity},
  refused, cycles, shares, dropped, timed_out, next_seq}
`refused` are events, `cycles` those of them that too many others had caused, `shares` operations of \
plugins that held their share of a capacity, and `dropped` events lost by subscribers that were too slow.";

#[derive(Debug, Args)]
pub(crate) struct ServicesArgs {
    /// The service to show
    #[arg(value_parser = check::topic)]
    service: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Exit with status 1 when it is not well
    #[arg(long)]
    check: bool,
}

pub(crate) async fn plugins(link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let found: Vec<Plugin> = link.open().await?.list(Request::Plugins).await?;
    let mut documents: Vec<_> = found.iter().map(|plugin| plugin.document(&found)).collect();
    // A node's is where it is.
    let at_run_time = |plugin: &Plugin| {
        INSTALLED.contains(&plugin.placement.as_str()) || plugin.placement.contains([':', '/'])
    };
    let known = match found.iter().any(at_run_time) {
        true => add_not_enforced(&mut documents, link).await,
        false => Ok(()),
    };
    if out.is_json() {
        return out.document(&documents);
    }
    let mut open = not_restricted(&documents);
    if known.is_err() {
        let unknown =
            "what is not restricted is not known: the plugin `plugins` of the runtime does not answer";
        open.push(unknown.to_owned());
    }
    let mut table = Table::new(&[
        ("NAME", Align::Left),
        ("VERSION", Align::Left),
        ("STATE", Align::Left),
        ("PLACEMENT", Align::Left),
        ("DOING", Align::Left),
        ("EVENTS", Align::Right),
        ("LOST", Align::Right),
        ("LAG", Align::Right),
        ("CALLS", Align::Right),
        ("ERRORS", Align::Right),
        ("WORST", Align::Right),
        ("FAILURES", Align::Right),
        ("LAST ERROR", Align::Left),
    ]);
    for plugin in &found {
        let counters = plugin.counters;
        table.row([
            plugin.name.to_string(),
            plugin.version.clone(),
            plugin.state.as_str().to_owned(),
            plugin.placement.clone(),
            plugin.hook.clone(),
            counters.events.to_string(),
            counters.dropped.to_string(),
            counters.lag.to_string(),
            counters.calls_in.to_string(),
            counters.errors.to_string(),
            span(counters.worst_micros.into()),
            counters.failures.to_string(),
            match &plugin.error {
                (code, message) if code.is_empty() && message.is_empty() => String::new(),
                (code, message) => format!("{code}: {message}"),
            },
        ]);
    }
    out.table(&table)?;
    open.iter().try_for_each(|line| out.line(line))
}

/// Adds what the plugins that were installed at run time are not kept from.
async fn add_not_enforced(plugins: &mut [PluginDocument<'_>], link: &mut Link) -> Result<(), Failure> {
    let mut after = String::new();
    loop {
        let page = ask(link, "plugins.list", &json!({ "after": after }), SOON).await?;
        let rows = page.as_array().ok_or_else(Failure::unexpected)?;
        for row in rows {
            after = row
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let found = plugins.iter_mut().find(|plugin| plugin.name == after);
            if let (Some(plugin), Some(list)) = (found, row.get("not_enforced")) {
                plugin.not_enforced = serde_json::from_value(list.clone()).ok();
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}

/// Lines that say what they are not kept from, and who.
fn not_restricted(plugins: &[PluginDocument<'_>]) -> Vec<String> {
    let mut whose: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for plugin in plugins {
        if let Some(list) = plugin.not_enforced.as_ref().filter(|list| !list.is_empty()) {
            whose.entry(list.join(", ")).or_default().push(plugin.name);
        }
    }
    let line = |(list, names): (String, Vec<&str>)| {
        format!("not restricted on this system ({}): {list}", names.join(", "))
    };
    whose.into_iter().map(line).collect()
}

pub(crate) async fn services(args: ServicesArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    if let Some(name) = args.service {
        return service(&name, link, out).await;
    }
    let mut session = link.open().await?;
    let mut services: Vec<Service> = session.list(Request::Services).await?;
    services.sort_by(|one, two| one.name.cmp(&two.name));
    if out.is_json() {
        return out.document(&services);
    }
    let mut table = Table::new(&[
        ("NAME", Align::Left),
        ("PLUGIN", Align::Left),
        ("VERSION", Align::Left),
        ("CALLS", Align::Right),
        ("ERRORS", Align::Right),
        ("MEAN", Align::Right),
        ("WORST", Align::Right),
        ("DESCRIPTION", Align::Left),
    ]);
    for service in services {
        let mean = service.busy_micros.checked_div(service.calls).unwrap_or(0);
        let description = match service.deprecated {
            true => format!("(deprecated) {}", service.description),
            false => service.description,
        };
        table.row([
            service.name.to_string(),
            service.owner.to_string(),
            service.version,
            service.calls.to_string(),
            service.errors.to_string(),
            span(mean),
            span(service.worst_micros.into()),
            description,
        ]);
    }
    out.table(&table)
}

/// One service, with all that its plugin says of it.
async fn service(name: &str, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let all = ask(link, "plugins.services", &json!({ "name": name }), SOON).await?;
    let found = all.as_array().ok_or_else(Failure::unexpected)?.first();
    let missing = || {
        Failure::No(format!(
            "there is no service {name}; `core-runtime services` lists those there are"
        ))
    };
    out.value(found.ok_or_else(missing)?.to_string().as_bytes())
}

/// The text that a JSON string holds.
pub(super) fn text_of(json: Raw<'_>) -> String {
    serde_json::from_slice(json.0).unwrap_or_else(|_| String::from_utf8_lossy(json.0).into_owned())
}

pub(crate) async fn health(args: &HealthArgs, link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let mut session = link.open().await?;
    let health = session.ask(Request::Health, Patience::For(SOON), |reply| match reply {
        Reply::Health(health) => Some(health),
        _ => None,
    });
    let health = health.await?;
    let status = session.ask(
        Request::StateGet { key: STATUS },
        Patience::For(SOON),
        |reply| match reply {
            Reply::State(state) => Some(state.value.is_some_and(|value| value.0 == b"\"running\"")),
            Reply::Absent => Some(false),
            _ => None,
        },
    );
    let running = status.await?;
    let fault = session.ask(
        Request::StateGet { key: STORAGE_FAULT },
        Patience::For(SOON),
        |reply| match reply {
            Reply::State(state) => Some(state.value.map(text_of)),
            Reply::Absent => Some(None),
            _ => None,
        },
    );
    let fault = fault.await?;
    let failed = names_of(&health.failed, &session.list(Request::Plugins).await?);
    let report = json::HealthReport::new(health, running, fault, failed);
    if out.is_json() {
        out.document(&report)?;
    } else {
        let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
        table.row(["ok".to_owned(), yes(report.ok)]);
        table.row(["running".to_owned(), yes(report.running)]);
        table.row(["storage".to_owned(), yes(report.storage)]);
        if let Some(fault) = &report.storage_fault {
            table.row(["storage fault".to_owned(), fault.clone()]);
        }
        let started = format!("{} of {} started", report.started, report.plugins);
        table.row(["plugins".to_owned(), started]);
        if !report.failed.is_empty() {
            table.row(["failed".to_owned(), report.failed.join(", ")]);
        }
        out.table(&table)?;
    }
    if args.check && !report.ok {
        out.flush()?;
        return Err(Failure::No("the runtime is not well".to_owned()));
    }
    Ok(())
}

pub(crate) async fn metrics(link: &mut Link, out: &mut Out) -> Result<(), Failure> {
    let mut session = link.open().await?;
    let metrics = session.ask(Request::Metrics, Patience::For(SOON), |reply| match reply {
        Reply::Metrics(metrics) => Some(metrics),
        _ => None,
    });
    let metrics: json::MetricsReport = metrics.await?;
    if out.is_json() {
        return out.document(&metrics);
    }
    let mut table = Table::new(&[
        ("CAPACITY", Align::Left),
        ("USED", Align::Right),
        ("MOST", Align::Right),
        ("OF", Align::Right),
    ]);
    for (name, usage) in [
        ("plugins", metrics.plugins),
        ("filters", metrics.filters),
        ("services", metrics.services),
        ("calls", metrics.calls),
        ("state_entries", metrics.state_entries),
        ("state_bytes", metrics.state_bytes),
        ("log_bytes", metrics.log_bytes),
        ("names", metrics.names),
        ("waits", metrics.waits),
        ("taps", metrics.taps),
    ] {
        table.row([
            name.to_owned(),
            usage.used.to_string(),
            usage.high_water.to_string(),
            usage.capacity.to_string(),
        ]);
    }
    out.table(&table)?;
    out.line("")?;
    let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
    for (name, value) in [
        ("events refused", metrics.refused.to_string()),
        ("of these, cycles", metrics.cycles.to_string()),
        ("shares used up", metrics.shares.to_string()),
        ("events lost", metrics.dropped.to_string()),
        ("next event", metrics.next_seq.to_string()),
        ("calls timed out", metrics.timed_out.to_string()),
    ] {
        table.row([name.to_owned(), value]);
    }
    out.table(&table)
}
