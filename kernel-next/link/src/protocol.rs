//! The messages of the link. Their order and fields are the protocol: only ever add at the end.
//!
//! What a chip knows comes first in each enum, what only a host or a remote plugin knows behind it, so that a chip
//! is built without the tail.

use kernel_next::PluginState;
use serde::{Deserialize, Serialize};

use crate::items::{Call, Event, Health, Plugin, Service, State};
use crate::{Failure, Raw};

/// The versions of the protocol that this side speaks: the oldest and the newest.
pub const VERSIONS: Versions = Versions { oldest: 3, newest: 3 };

/// A range of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The oldest.
    pub oldest: u16,
    /// The newest.
    pub newest: u16,
}

impl Versions {
    /// The newest version that both speak.
    pub const fn common(self, other: Versions) -> Option<u16> {
        let newest = if self.newest < other.newest {
            self.newest
        } else {
            other.newest
        };
        let oldest = if self.oldest > other.oldest {
            self.oldest
        } else {
            other.oldest
        };
        if newest >= oldest { Some(newest) } else { None }
    }
}

/// From the client to the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ToRuntime<'a> {
    /// Opens a session, and ends one that was open on the same line: the first message.
    Hello {
        /// [`VERSIONS`].
        versions: Versions,
        /// A number of the client's choice that comes back, so that an answer to somebody who had
        /// the line before is told apart.
        nonce: u32,
        /// Who the client is, for people.
        name: &'a str,
        /// What proves that it may connect, where the runtime asks for that; else empty.
        token: &'a str,
    },
    /// Asks for something; the answer bears the same number.
    Request {
        /// A number of the client's choice.
        id: u32,
        /// What is asked for.
        what: Request<'a>,
    },
    /// Allows this many more [`ToClient::Event`]s.
    Credit(u32),
    /// Gives a request up: a call is cancelled; an answer that is not on its way yet does not come any more.
    Cancel {
        /// The request's number.
        id: u32,
    },
    /// The client is there: to be sent when it had nothing else to say for half a keep-alive period.
    KeepAlive,
    /// The session's plugin has handled what it was sent last, and waits for the next message.
    #[cfg(feature = "full")]
    StepDone {
        /// Why it was not handled well.
        error: Option<Failure<'a>>,
    },
    /// The session's plugin answers a call.
    #[cfg(feature = "full")]
    Answer {
        /// The call.
        call: u32,
        /// The reply, or the error.
        result: Result<Raw<'a>, Failure<'a>>,
    },
}

/// What can be asked for.
///
/// Each is answered by one [`ToClient::Reply`], except the lists: each of their items is a reply,
/// and [`Reply::End`] follows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Request<'a> {
    /// Nothing: [`Reply::Done`] at once.
    Ping,
    /// Calls a service: [`Reply::Json`].
    Call {
        /// The service's name.
        service: &'a str,
        /// The deadline in milliseconds from now; 0 for the runtime's default.
        timeout_ms: u32,
        /// The call this one belongs to, for a plugin that answers several at a time.
        parent: Option<u32>,
        /// The arguments. (The last field: a client may append them in pieces.)
        args: Raw<'a>,
    },
    /// Publishes an event: [`Reply::Count`] of its receivers.
    Publish {
        /// The topic.
        topic: &'a str,
        /// How long subscribers that make publishers wait may make it wait, in milliseconds; 0 for not at all. A
        /// chip never waits. One such publish of a session may be in flight.
        timeout_ms: u32,
        /// The payload.
        payload: Raw<'a>,
    },
    /// Sends the events that match, in place of what was watched before: [`Reply::Count`] is the
    /// sequence number of the first record looked at.
    Watch {
        /// The filter; `>` for everything.
        filter: &'a str,
        /// The first record of interest; `None` for what comes from now on.
        since: Option<u64>,
        /// How many events may be sent before more is allowed by [`ToRuntime::Credit`]; all ones for no limit.
        credit: u32,
    },
    /// Ends the watch: [`Reply::Done`].
    Unwatch,
    /// Lists the plugins: [`Reply::Plugin`].
    Plugins,
    /// Lists the services: [`Reply::Service`].
    Services,
    /// Lists the subscriptions: [`Reply::Subscription`].
    Subscriptions,
    /// Lists the calls in flight: [`Reply::Call`].
    Calls,
    /// Lists the state entries whose key begins so: [`Reply::State`]. One such list of a session may be in flight.
    States {
        /// The prefix; empty for all.
        prefix: &'a str,
    },
    /// [`Reply::Health`].
    Health,
    /// Leads a plugin to another state: [`Reply::PluginState`].
    Manage {
        /// What is done with it.
        action: Action,
        /// The plugin's name.
        plugin: &'a str,
    },
    /// Reads a state value: [`Reply::State`] or [`Reply::Absent`].
    StateGet {
        /// The key.
        key: &'a str,
    },
    /// Sets a state value: [`Reply::Count`] is its version.
    StateSet {
        /// The key.
        key: &'a str,
        /// The time to live in milliseconds, cut to 49 days.
        ttl_ms: Option<u64>,
        /// The version it must have; 0 for "there is none".
        expected: Option<u64>,
        /// The value.
        value: Raw<'a>,
    },
    /// Deletes a state value: [`Reply::Done`] or [`Reply::Absent`].
    StateDelete {
        /// The key.
        key: &'a str,
        /// The version it must have.
        expected: Option<u64>,
    },
    /// [`Reply::Metrics`].
    #[cfg(feature = "full")]
    Metrics,
    /// Sets several state values, all or none: [`Reply::Done`].
    #[cfg(feature = "full")]
    StateUpdate {
        /// Of each: two bytes of the key's length, four of the value's, little-endian, key, value.
        entries: Raw<'a>,
    },
    /// Deletes all state values that the session's plugin wrote last, or all but the kernel's: [`Reply::Count`].
    #[cfg(feature = "full")]
    StateClear,
    /// The next state entry at or after a place: [`Reply::Entry`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    StateEntry {
        /// The beginning of its key.
        prefix: &'a str,
        /// The place; begin with 0.
        cursor: u32,
    },
    /// Reads a stored value: [`Reply::Json`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    StorageGet {
        /// The namespace.
        namespace: &'a str,
        /// The key.
        key: &'a str,
    },
    /// Stores a value: [`Reply::Done`] once it is durable.
    #[cfg(feature = "full")]
    StorageSet {
        /// The namespace.
        namespace: &'a str,
        /// The key.
        key: &'a str,
        /// The value.
        value: Raw<'a>,
    },
    /// Deletes a stored value: [`Reply::Done`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    StorageDelete {
        /// The namespace.
        namespace: &'a str,
        /// The key.
        key: &'a str,
    },
    /// Deletes all values of a namespace: [`Reply::Count`].
    #[cfg(feature = "full")]
    StorageClear {
        /// The namespace.
        namespace: &'a str,
    },
    /// A page of a namespace's keys: [`Reply::Names`].
    #[cfg(feature = "full")]
    StorageKeys {
        /// The namespace.
        namespace: &'a str,
        /// The key before the first one; empty for the first page.
        after: &'a str,
        /// The most keys.
        limit: u16,
    },
    /// A page of the namespaces: [`Reply::Names`].
    #[cfg(feature = "full")]
    StorageNamespaces {
        /// The namespace before the first one; empty for the first page.
        after: &'a str,
        /// The most namespaces.
        limit: u16,
    },
    /// Several writes in a namespace, all or none: [`Reply::Done`] once they are durable.
    #[cfg(feature = "full")]
    StorageBatch {
        /// The namespace.
        namespace: &'a str,
        /// Of each: a byte that is 1 for set and 2 for delete, one byte of the key's length, four of the value's,
        /// little-endian, key, value.
        ops: Raw<'a>,
    },
    /// Makes this session a plugin, which the runtime starts at once: [`Reply::Attached`]. It goes when
    /// the session ends, with all it registered.
    #[cfg(feature = "full")]
    Attach {
        /// The plugin's name.
        name: &'a str,
        /// Its version.
        version: &'a str,
        /// One sentence on what it does.
        description: &'a str,
        /// The plugins that must be started before it, with commas between.
        dependencies: &'a str,
        /// True when publishers wait for it, false when it loses its oldest events.
        blocks: bool,
        /// Whether a supervisor starts it again after a failure.
        restarts: bool,
    },
    /// Registers a service of the session's plugin: [`Reply::Done`].
    #[cfg(feature = "full")]
    Register {
        /// The service's name.
        service: &'a str,
        /// One sentence for people.
        description: &'a str,
        /// Its version.
        version: &'a str,
        /// True when callers should look for another one.
        deprecated: bool,
    },
    /// Takes a service back: [`Reply::Done`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    Unregister {
        /// The service's name.
        service: &'a str,
    },
    /// Subscribes the session's plugin: [`Reply::Done`], [`Reply::Absent`] when it was subscribed already.
    #[cfg(feature = "full")]
    Subscribe {
        /// The filter.
        filter: &'a str,
    },
    /// Takes a subscription back: [`Reply::Done`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    Unsubscribe {
        /// The filter.
        filter: &'a str,
    },
    /// Is there such a service? [`Reply::Done`] or [`Reply::Absent`].
    #[cfg(feature = "full")]
    HasService {
        /// Its name.
        service: &'a str,
    },
    /// Waits: [`Reply::Done`] after so long.
    #[cfg(feature = "full")]
    Sleep {
        /// Milliseconds.
        ms: u32,
    },
    /// A tick for the session's plugin every so often: [`Reply::Done`].
    #[cfg(feature = "full")]
    Interval {
        /// Milliseconds; 0 for no more.
        ms: u32,
    },
    /// The name of whoever this is: [`Reply::Text`].
    #[cfg(feature = "full")]
    NameOf {
        /// As in [`ToClient::Deliver`].
        id: u32,
    },
    /// The settings of the session's plugin: [`Reply::Json`].
    #[cfg(feature = "full")]
    Settings,
}

/// What can be done with a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// Load it.
    Load,
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Unload it.
    Unload,
    /// Unload it and bring it back.
    Reload,
}

/// From the runtime to the client.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ToClient<'a> {
    /// The session is open.
    Hello {
        /// The version that is spoken from now on.
        version: u16,
        /// The client's number.
        nonce: u32,
        /// Who the runtime is, for people.
        name: &'a str,
        /// The longest message it takes, in bytes before framing.
        max_message: u32,
        /// Either side that is silent for so many milliseconds is taken for gone; 0 for never.
        keep_alive_ms: u32,
        /// The platform's clock now, in microseconds.
        now: u64,
        /// The unix time of the clock's zero, in microseconds, where the platform knows it.
        epoch: Option<u64>,
    },
    /// The session was not opened, or a message made no sense.
    Refused(Failure<'a>),
    /// Answers a request.
    Reply {
        /// The request's number.
        id: u32,
        /// The answer.
        what: Reply<'a>,
    },
    /// An event that matches the watch.
    Event(Event<'a>),
    /// Records that are missing: this many, from this one on, whether they would have matched or not.
    Lost {
        /// The first one missing.
        from: u64,
        /// How many are missing.
        count: u64,
        /// Where they were lost.
        at: LostAt,
    },
    /// The runtime is there.
    KeepAlive,
    /// The session's plugin is to take a step, and to say [`ToRuntime::StepDone`].
    #[cfg(feature = "full")]
    Step {
        /// Which.
        step: Step,
        /// Who the plugin is; with [`Step::Ended`] who it is in its next life.
        id: u32,
    },
    /// The session's plugin gets an event, and is to say [`ToRuntime::StepDone`].
    #[cfg(feature = "full")]
    Deliver {
        /// Who published it.
        source: u32,
        /// How many events the plugin lost directly before this one.
        lost: u32,
        /// The event.
        event: Event<'a>,
    },
    /// The session's plugin is called, and is to say [`ToRuntime::Answer`] and [`ToRuntime::StepDone`].
    #[cfg(feature = "full")]
    Called {
        /// The call.
        call: u32,
        /// Who calls.
        caller: u32,
        /// The service.
        service: &'a str,
        /// The arguments.
        args: Raw<'a>,
    },
}

/// Where records were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LostAt {
    /// On the bus: its log had moved on before they could be sent.
    Bus,
    /// On the link: they are larger than one of its messages.
    Link,
}

/// A step in the life of a session's plugin.
#[cfg(feature = "full")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Step {
    /// Register services and subscriptions.
    Load,
    /// Start.
    Start,
    /// Stop.
    Stop,
    /// Say goodbye.
    Unload,
    /// An interval went by.
    Tick,
    /// This life is over and everything was taken back. [`ToRuntime::StepDone`] says that the plugin is there for
    /// the next life.
    Ended,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reply<'a> {
    /// Done.
    Done,
    /// There is no such thing.
    Absent,
    /// It failed.
    Failed(Failure<'a>),
    /// A number: see the request.
    Count(u64),
    /// A JSON text.
    Json(Raw<'a>),
    /// A plugin.
    Plugin(Plugin<'a>),
    /// A service.
    Service(Service<'a>),
    /// A subscription.
    Subscription {
        /// The subscriber.
        plugin: &'a str,
        /// Its filter.
        filter: &'a str,
    },
    /// A call in flight.
    Call(Call<'a>),
    /// A state entry.
    State(State<'a>),
    /// The list is at its end.
    End,
    /// How the runtime is.
    Health(Health),
    /// The state a plugin is in now.
    PluginState(PluginState),
    /// What is used of each capacity.
    #[cfg(feature = "full")]
    Metrics(kernel_next::Metrics),
    /// A page of names, as [`Page`](kernel_next::storage::Page) reads it.
    #[cfg(feature = "full")]
    Names(Raw<'a>),
    /// The session is a plugin now.
    #[cfg(feature = "full")]
    Attached {
        /// Who it is in its first life.
        id: u32,
    },
    /// A text.
    #[cfg(feature = "full")]
    Text(&'a str),
    /// A state entry.
    #[cfg(feature = "full")]
    Entry {
        /// Where the next one is looked for.
        cursor: u32,
        /// Who wrote it last.
        owner: u32,
        /// The entry.
        entry: State<'a>,
    },
}
