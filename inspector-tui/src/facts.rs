//! What the target says, owned: the link's messages once they have left the I/O thread, and what
//! the I/O thread is asked to do. This is all that the model and a recording know of the link.

mod play;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use kernel_core::PluginState;
pub use kernel_link::{Action, LostAt, Slots};
pub use link_dial::{Call, Cause, Plugin, PluginCounters, Service, State, Subscription};
pub use play::{Place, Play, Playing};

/// How the topics of changes of the state begin; the key follows.
pub const CHANGED: &str = "state.changed.";

/// How the runtime is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Plugins that are installed.
    pub plugins: usize,
    /// Those that are started.
    pub started: usize,
    /// Those that failed.
    pub failed: Slots,
    /// True when a storage is served.
    pub storage: bool,
    /// True when it says that it runs, in the state, or says nothing of that.
    pub running: bool,
}

impl Health {
    /// True when the runtime runs, has storage, and no plugin has failed.
    pub fn is_ok(&self) -> bool {
        self.running && self.storage && self.failed.is_empty()
    }
}

/// How much of a capacity is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// How much is in use now.
    pub used: usize,
    /// The most that was ever in use.
    pub high_water: usize,
    /// How much there is.
    pub capacity: usize,
}

impl From<kernel_core::Usage> for Usage {
    fn from(usage: kernel_core::Usage) -> Self {
        Usage {
            used: usage.used as usize,
            high_water: usage.high_water as usize,
            capacity: usage.capacity as usize,
        }
    }
}

/// The use of every capacity, and what was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// Microseconds since the clock's zero, which is when the runtime began.
    pub now: u64,
    /// Plugins installed.
    pub plugins: Usage,
    /// Subscriptions.
    pub filters: Usage,
    /// Services.
    pub services: Usage,
    /// Calls and storage requests in flight.
    pub calls: Usage,
    /// State entries.
    pub state_entries: Usage,
    /// Bytes of state values, in whole blocks.
    pub state_bytes: Usage,
    /// Bytes of the bus log.
    pub log_bytes: Usage,
    /// Names made at run time.
    pub names: Usage,
    /// Tasks that wait.
    pub waits: Usage,
    /// Readers of the log.
    pub taps: Usage,
    /// Events refused.
    pub refused: usize,
    /// Events lost by subscribers that were too slow, all together.
    pub dropped: usize,
    /// Calls that ended by their deadline.
    pub timed_out: usize,
    /// Storage requests that failed.
    pub storage_errors: usize,
    /// The sequence number that the next event gets.
    pub next_seq: u64,
}

impl Metrics {
    /// Events published.
    pub fn published(&self) -> usize {
        usize::try_from(self.next_seq.saturating_sub(1)).unwrap_or(usize::MAX)
    }
}

/// An event, as it is taken over from the link or from a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the total order.
    pub seq: u64,
    /// When it was published, in microseconds on the target's clock.
    pub time: u64,
    /// Who published it; empty when nobody knows any more.
    pub source: Arc<str>,
    /// What led to it.
    pub cause: Cause,
    /// Who got it, by plugin slot.
    pub receivers: Slots,
    /// The topic.
    pub topic: Arc<str>,
    /// The payload: a JSON text.
    pub payload: Box<[u8]>,
}

/// One item of the stream, in the order of the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An event.
    Event(Event),
    /// A gap: `count` events from the sequence number `from` on are missing.
    Lost {
        /// The first one missing.
        from: u64,
        /// How many.
        count: u64,
        /// Where.
        at: LostAt,
    },
}

/// Everything but the events, as of one moment; polled once a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// How the runtime is.
    pub health: Health,
    /// What is used of each capacity.
    pub metrics: Metrics,
    /// The plugins, by slot.
    pub plugins: Vec<Plugin>,
    /// The services.
    pub services: Vec<Service>,
    /// The calls in flight.
    pub calls: Vec<Call>,
    /// The state entries.
    pub states: Vec<State>,
    /// The subscriptions.
    pub subscriptions: Vec<Subscription>,
}

/// What a request was answered with.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Done.
    Done,
    /// There is no such thing.
    Absent,
    /// A number: receivers, a version, or values deleted.
    Count(u64),
    /// A JSON text.
    Json(String),
    /// The state a plugin is in now.
    PluginState(PluginState),
    /// A page of keys or namespaces, in order.
    Names {
        /// The names.
        names: Vec<String>,
        /// True when there are more after the last one.
        more: bool,
    },
    /// It failed: code and message.
    Failed(String, String),
}

/// Something the target is asked to do, or for. Its text is what an action's dialog shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Call a service.
    Call {
        /// The service.
        service: String,
        /// The arguments, a JSON text.
        args: String,
        /// The deadline; `None` for the runtime's own.
        timeout: Option<Duration>,
    },
    /// Ask what a service takes, for its form.
    Describe {
        /// The service.
        service: String,
        /// The question, a JSON text.
        question: String,
    },
    /// Publish an event.
    Publish {
        /// The topic.
        topic: String,
        /// The payload, a JSON text.
        payload: String,
    },
    /// Lead a plugin to another state.
    Manage {
        /// What is done.
        action: Action,
        /// The plugin.
        plugin: String,
    },
    /// Set a state value.
    StateSet {
        /// The key.
        key: String,
        /// The value, a JSON text.
        value: String,
        /// The time to live; `None` for ever.
        ttl: Option<Duration>,
        /// The version it must have: that of when the dialog opened.
        expected: Option<u64>,
    },
    /// Delete a state value.
    StateDelete {
        /// The key.
        key: String,
        /// The version it must have.
        expected: Option<u64>,
    },
    /// A page of the namespaces.
    StorageNamespaces {
        /// The one before the first; empty for the first page.
        after: String,
    },
    /// A page of a namespace's keys.
    StorageKeys {
        /// The namespace.
        namespace: String,
        /// The key before the first one; empty for the first page.
        after: String,
    },
    /// Read a stored value.
    StorageGet {
        /// The namespace.
        namespace: String,
        /// The key.
        key: String,
    },
    /// Store a value.
    StorageSet {
        /// The namespace.
        namespace: String,
        /// The key.
        key: String,
        /// The value, a JSON text.
        value: String,
    },
    /// Delete a stored value.
    StorageDelete {
        /// The namespace.
        namespace: String,
        /// The key.
        key: String,
    },
}

impl Request {
    /// True for one that changes something: off with `--read-only`, and asked about first.
    pub fn acts(&self) -> bool {
        !matches!(
            self,
            Request::Describe { .. }
                | Request::StorageNamespaces { .. }
                | Request::StorageKeys { .. }
                | Request::StorageGet { .. }
        )
    }
}

/// To the I/O thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Send a request; its answer bears the same number.
    Request {
        /// The number.
        id: u32,
        /// The request.
        request: Request,
    },
    /// Try to connect now and not when the pause is over.
    Reconnect,
    /// Begin, or end with `None`, a recording to this file.
    Record(Option<std::path::PathBuf>),
    /// How large the recordings after this may become.
    Limit(Limit),
    /// Play the recording in another way.
    Play(Play),
}

/// How large a recording may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The bytes of a file, about: one that is full becomes FILE.1, and what comes goes into a new one.
    pub bytes: u64,
    /// How many full files are kept.
    pub keep: usize,
}

/// How the connection is.
#[derive(Clone, Debug, PartialEq)]
pub enum Connection {
    /// Being made, or waiting for the target's hello.
    Connecting,
    /// Open: the runtime's name for itself, and the unix time of its clock's zero in microseconds where it knows it.
    Open {
        /// Who the runtime is.
        name: String,
        /// The unix time of the clock's zero, in microseconds.
        epoch: Option<u64>,
        /// True when this is another start of the runtime than the one before: sequence numbers begin anew.
        restarted: bool,
    },
    /// Not there: why, and when it is tried again.
    Down {
        /// Why.
        reason: String,
        /// When it is tried again.
        retry_at: Instant,
    },
    /// A recording that was played to its end.
    Ended,
}

/// From the I/O thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// The connection changed.
    Connection(Connection),
    /// The state of things; the first one of a connection comes before its first items.
    Snapshot(Box<Snapshot>),
    /// Items of the stream, in order, as many as came together.
    Items(Vec<Item>),
    /// A request was answered, or could not be sent.
    Answer {
        /// The request's number.
        id: u32,
        /// The answer.
        answer: Answer,
        /// From sending to answer.
        took: Duration,
    },
    /// What whoever looks should know of the connection.
    Notice(String),
    /// Where the recording is that is played.
    Playing(Playing),
    /// The recording is played from its beginning: what was said before is to be forgotten.
    Rewound,
    /// The recording began, ended or failed.
    Recording(Result<Option<std::path::PathBuf>, String>),
}
