//! Requests on their way out, and those whose answer is awaited.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use kernel_link::{self as link, Raw, Reply, ToRuntime};
use link_dial::{Names, code_and_message};

use super::convert::unexpected;
use super::snapshot::Part;
use crate::facts::{Answer, Request};

/// Names on one page.
const PAGE: u16 = 200;

/// How long an answer may take beyond the request's own deadline: on a serial line it may be lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a publish may wait for subscribers that make publishers wait, in milliseconds.
const PUBLISH_MS: u32 = 5_000;

/// Answers that are awaited at the same time: fewer than a runtime has in flight for one client.
const MANY: usize = 12;

/// A message to the runtime.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outgoing {
    /// What the user asked for.
    Asked(u32, Request),
    /// A part of the snapshot.
    Part(u32, Part),
    /// All events from a record on.
    Watch { id: u32, since: u64, credit: u32 },
    /// More events.
    Credit(u32),
}

impl Outgoing {
    pub(super) fn message(&self) -> ToRuntime<'_> {
        let (id, what) = match self {
            Outgoing::Credit(more) => return ToRuntime::Credit(*more),
            Outgoing::Watch { id, since, credit } => {
                let what = link::Request::Watch {
                    filter: ">",
                    since: Some(*since),
                    credit: *credit,
                };
                (*id, what)
            }
            Outgoing::Part(id, part) => (*id, part.request()),
            Outgoing::Asked(id, request) => (*id, wire(request)),
        };
        ToRuntime::Request { id, what }
    }

    /// The bytes of the message before framing.
    pub(super) fn size(&self) -> usize {
        postcard::experimental::serialized_size(&self.message()).unwrap_or(usize::MAX)
    }
}

/// The service that says what services take, where the runtime has it.
const DESCRIBES: &str = "plugins.services";

fn wire(request: &Request) -> link::Request<'_> {
    match request {
        Request::Call {
            service,
            args,
            timeout,
        } => link::Request::Call {
            service,
            args: Raw(args.as_bytes()),
            timeout_ms: timeout.map_or(0, |timeout| {
                u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).max(1)
            }),
            parent: None,
        },
        Request::Describe { question, .. } => link::Request::Call {
            service: DESCRIBES,
            args: Raw(question.as_bytes()),
            timeout_ms: 0,
            parent: None,
        },
        Request::Publish { topic, payload } => link::Request::Publish {
            topic,
            payload: Raw(payload.as_bytes()),
            timeout_ms: PUBLISH_MS,
        },
        Request::Manage { action, plugin } => link::Request::Manage {
            action: *action,
            plugin,
        },
        Request::StateSet {
            key,
            value,
            ttl,
            expected,
        } => link::Request::StateSet {
            key,
            value: Raw(value.as_bytes()),
            ttl_ms: ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
            expected: *expected,
        },
        Request::StateDelete { key, expected } => link::Request::StateDelete {
            key,
            expected: *expected,
        },
        Request::StorageNamespaces { after } => link::Request::StorageNamespaces { after, limit: PAGE },
        Request::StorageKeys { namespace, after } => link::Request::StorageKeys {
            namespace,
            after,
            limit: PAGE,
        },
        Request::StorageGet { namespace, key } => link::Request::StorageGet { namespace, key },
        Request::StorageSet {
            namespace,
            key,
            value,
        } => link::Request::StorageSet {
            namespace,
            key,
            value: Raw(value.as_bytes()),
        },
        Request::StorageDelete { namespace, key } => link::Request::StorageDelete { namespace, key },
    }
}

/// A request whose answer is awaited.
#[derive(Debug)]
pub(super) struct Awaited {
    /// The model's number for it.
    pub(super) id: u32,
    pub(super) sent: Instant,
    /// It may have changed something.
    pub(super) acts: bool,
    until: Instant,
}

/// Those whose answers are awaited, by their numbers on the link.
#[derive(Debug, Default)]
pub(super) struct Pending(HashMap<u32, Awaited>);

impl Pending {
    /// True when so many are awaited that another one has to wait.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MANY
    }

    /// Waits for the answer to a request.
    pub(super) fn add(&mut self, wire: u32, id: u32, request: &Request) {
        let limit = match request {
            Request::Call {
                timeout: Some(timeout),
                ..
            } => *timeout,
            _ => Duration::ZERO,
        };
        let sent = Instant::now();
        self.0.insert(
            wire,
            Awaited {
                id,
                sent,
                acts: request.acts(),
                until: sent + limit + PATIENCE,
            },
        );
    }

    pub(super) fn take(&mut self, wire: u32) -> Option<Awaited> {
        self.0.remove(&wire)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that will not be answered any more.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<Awaited> {
        self.0
            .extract_if(|_, awaited| awaited.until <= now)
            .map(|(_, awaited)| awaited)
            .collect()
    }

    /// All of them.
    pub(super) fn drain(&mut self) -> Vec<Awaited> {
        self.0.drain().map(|(_, awaited)| awaited).collect()
    }
}

/// A reply as an answer.
pub(super) fn answer(reply: &Reply<'_>) -> Answer {
    match reply {
        Reply::Done => Answer::Done,
        Reply::Absent => Answer::Absent,
        Reply::Count(count) => Answer::Count(*count),
        Reply::Json(json) => Answer::Json(String::from_utf8_lossy(json.0).into_owned()),
        Reply::PluginState(state) => Answer::PluginState(*state),
        Reply::Names(page) => {
            let Names { names, more } = Names::of(page);
            Answer::Names { names, more }
        }
        Reply::Failed(why) => {
            let (code, message) = code_and_message(*why);
            Answer::Failed(code, message)
        }
        other => {
            let (code, message) = unexpected(other);
            Answer::Failed(code, message)
        }
    }
}
