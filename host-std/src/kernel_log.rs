//! What the kernel says on the bus about plugins, as log lines.
//!
//! A reader of the whole log with its own thread. While events pour in it looks from time to time, so
//! that publishers need not wake it for each.

use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use kernel_core::{INVALID_SETTINGS, Kernel, PluginId, Tap, TapRecord, Tapped};
use serde::Deserialize;
use tracing::{error, info, warn};

use crate::host_error::HostError;
use crate::worker::Worker;

/// How long it lets events gather after it has read what there was.
const GATHER: Duration = Duration::from_millis(1);

/// The kernel's own events are smaller; others are passed over.
const LONGEST: usize = 1024;

/// Starts the thread, which names `config` where a plugin's settings are wrong; `None` when the capacity `taps` is used up, and nothing is logged then.
pub(crate) fn spawn(kernel: Kernel, config: Option<PathBuf>) -> Result<Option<Worker>, HostError> {
    let Ok(tap) = Tap::open(kernel, None) else {
        warn!("the log cannot read the bus: raise the capacity `taps`");
        return Ok(None);
    };
    // Plugins may publish under any topic; only the kernel's own word counts.
    let mut tap = tap.only(PluginId::KERNEL);
    Worker::spawn("log", move |stop| {
        let config = config.as_deref();
        let mut buf = [0; LONGEST];
        crate::park::block_on(async {
            let mut stop = pin!(stop.asked());
            loop {
                let stopped = poll_fn(|cx| {
                    if stop.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(true);
                    }
                    tap.poll_next(cx, &mut buf).map(|found| {
                        note(found, config);
                        false
                    })
                })
                .await;
                while let Some(found) = tap.try_next(&mut buf) {
                    note(found, config);
                }
                if stopped {
                    return;
                }
                thread::park_timeout(GATHER);
            }
        });
    })
    .map(Some)
}

fn note(found: Tapped<'_>, config: Option<&Path>) {
    match found {
        Tapped::Record(record) => note_record(&record, config),
        Tapped::Lost { count, .. } => {
            warn!(
                "{count} events passed faster than the log could read; changes of plugins may be among them"
            );
        }
        _ => {}
    }
}

#[derive(Deserialize)]
struct Change<'a> {
    state: &'a str,
    #[serde(default)]
    code: String,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
#[serde(tag = "warning", rename_all = "snake_case")]
enum Warning<'a> {
    SlowHandler {
        hook: &'a str,
        micros: u64,
    },
    EventCycle {
        plugins: Vec<String>,
    },
    ShareUsed {
        capacity: String,
        share: u32,
    },
    HandlerFailed {
        hook: &'a str,
        code: String,
        error: String,
        #[serde(default)]
        topic: String,
        #[serde(default)]
        seq: u64,
        more: u32,
    },
}

/// Where the settings are that a plugin failed of.
fn place_of_settings(plugin: &str, code: &str, config: Option<&Path>) -> String {
    match config {
        _ if code != INVALID_SETTINGS => String::new(),
        Some(file) => format!(", in [plugins.{plugin}.settings] of {}", file.display()),
        None => format!(", and RUNTIME_CONFIG names no file with [plugins.{plugin}.settings]"),
    }
}

fn note_record(record: &TapRecord<'_>, config: Option<&Path>) {
    if let Some(plugin) = record.topic.strip_prefix("runtime.plugin.") {
        match serde_json::from_slice(record.payload) {
            Ok(Change {
                state: "FAILED",
                code,
                error,
            }) => {
                let place = place_of_settings(plugin, &code, config);
                error!(plugin, code, "plugin {plugin} FAILED: {code}: {error}{place}");
            }
            Ok(Change { state, .. }) => info!(plugin, "plugin {plugin} {state}"),
            Err(_) => {}
        }
    } else if let Some(plugin) = record.topic.strip_prefix("runtime.warning.") {
        match serde_json::from_slice(record.payload) {
            Ok(Warning::SlowHandler { hook, micros }) => {
                let millis = micros / 1000;
                warn!(
                    plugin,
                    warning = "slow_handler",
                    "plugin {plugin}: {hook} took {millis} ms, longer than it should (slow_handler_ms)"
                );
            }
            Ok(Warning::HandlerFailed {
                hook,
                code,
                error,
                topic,
                seq,
                more,
            }) => {
                let at = match seq {
                    0 => String::new(),
                    seq => format!(" at event {seq}, {topic}"),
                };
                let more = match more {
                    0 => String::new(),
                    more => format!(" ({more} more before it)"),
                };
                warn!(
                    plugin,
                    warning = "handler_failed",
                    "plugin {plugin}: {hook} failed{at}: {code}: {error}{more}"
                );
            }
            Ok(Warning::EventCycle { plugins }) => {
                let plugins = plugins.join(", ");
                warn!(
                    plugin,
                    warning = "event_cycle",
                    "plugin {plugin} was refused an event that too many others had caused: {plugins} answer one \
                     another's events without end"
                );
            }
            Ok(Warning::ShareUsed { capacity, share }) => {
                warn!(
                    plugin,
                    warning = "share_used",
                    "plugin {plugin} was refused more of the capacity `{capacity}`: it holds its share, {share}"
                );
            }
            Err(_) => {}
        }
    }
}
