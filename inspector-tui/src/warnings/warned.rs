//! What the kernel's own events warn of.

use std::sync::Arc;

use super::find::{Finding, finding};
use super::{Kind, Level};

/// What an event of the kernel warns of. (Slow handlers are counted: the snapshots tell of them.)
pub(super) fn warned(topic: &str, payload: &[u8]) -> Option<Finding> {
    let plugin = Arc::from(topic.strip_prefix("runtime.warning.")?);
    match serde_json::from_slice(payload).ok()? {
        Warned::SlowHandler {} => None,
        Warned::HandlerFailed {
            hook,
            code,
            error,
            topic,
            seq,
            more,
        } => {
            let at = seq.map_or(String::new(), |seq| format!(" at event {seq}, {topic}"));
            let more = match more {
                0 => String::new(),
                more => format!("; {more} more before it"),
            };
            Some(Finding {
                about: Arc::from(topic),
                ..finding(
                    Kind::HandlerFailed,
                    Level::Error,
                    &plugin,
                    format!("{hook} failed{at}: {code}: {error}{more}"),
                    "The plugin goes on with the next message: remove the cause that the error names.",
                )
            })
        }
        Warned::EventCycle { plugins } => Some(finding(
            Kind::EventCycle,
            Level::Error,
            &plugin,
            format!(
                "was refused an event that too many others had caused: {} answer one another's events",
                plugins.join(", ")
            ),
            "Stop one of them, and let it tell its own events from those of others.",
        )),
        Warned::ShareUsed { capacity, share } => Some(Finding {
            about: Arc::from(&*capacity),
            ..finding(
                Kind::ShareUsed,
                Level::Warning,
                &plugin,
                format!("was refused more of the capacity `{capacity}`: it holds its share, {share}"),
                "Let it give back what it does not need, or raise the capacity.",
            )
        }),
    }
}

#[derive(serde::Deserialize)]
#[serde(tag = "warning", rename_all = "snake_case")]
enum Warned {
    SlowHandler {},
    HandlerFailed {
        hook: String,
        code: String,
        error: String,
        #[serde(default)]
        topic: String,
        seq: Option<u64>,
        more: u64,
    },
    EventCycle {
        plugins: Vec<String>,
    },
    ShareUsed {
        capacity: String,
        share: u32,
    },
}
