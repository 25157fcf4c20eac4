//! The messages of the link. Their order and fields are the protocol: only ever add at the end.

use serde::{Deserialize, Serialize};

use super::items::{Call, Event, Plugin, Service, State};
use super::raw::Raw;
use crate::id::Cause;
use crate::plugin::PluginState;
use crate::runtime::{Health, Metrics};

/// The version of the protocol; both sides must have the same.
pub const VERSION: u16 = 2;

/// From the client to the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ToRuntime<'a> {
    /// Opens a session, and ends one that was open on the same line: the first message.
    Hello {
        /// [`VERSION`].
        version: u16,
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
    /// Gives a request up: a call is cancelled; there is no answer any more.
    Cancel {
        /// The request's number.
        id: u32,
    },
    /// A remote plugin took the step it was told to, or failed to.
    StepDone {
        /// Why it failed.
        error: Option<Failure<'a>>,
    },
    /// A remote plugin answers a call.
    Answer {
        /// The call.
        call: u32,
        /// The reply, or the error.
        result: Result<Raw<'a>, Failure<'a>>,
    },
}

/// An error as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure<'a> {
    /// The stable code, for programs.
    pub code: &'a str,
    /// The message, for people.
    pub message: &'a str,
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
        /// The arguments.
        args: Raw<'a>,
        /// The deadline in milliseconds from now; 0 for the runtime's default.
        timeout_ms: u32,
        /// The call this one belongs to, for a remote plugin that answers one.
        parent: Option<u32>,
    },
    /// Publishes an event: [`Reply::Count`] of its receivers.
    Publish {
        /// The topic.
        topic: &'a str,
        /// The payload.
        payload: Raw<'a>,
        /// What led to it, where the client knows.
        cause: Cause,
    },
    /// Sends the events that match, in place of what was watched before: [`Reply::Count`] is the
    /// sequence number of the first record looked at.
    Watch {
        /// The filter; `>` for everything.
        filter: &'a str,
        /// The first record of interest; `None` for what comes from now on.
        since: Option<u64>,
        /// How many events may be sent before more is allowed by [`ToRuntime::Credit`].
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
    /// Lists the state entries whose key begins so: [`Reply::State`].
    States {
        /// The prefix; empty for all.
        prefix: &'a str,
    },
    /// [`Reply::Health`].
    Health,
    /// [`Reply::Metrics`].
    Metrics,
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
        /// The value.
        value: Raw<'a>,
        /// The time to live in milliseconds.
        ttl_ms: Option<u64>,
        /// The version it must have; 0 for "there is none".
        expected: Option<u64>,
    },
    /// Deletes a state value: [`Reply::Done`] or [`Reply::Absent`].
    StateDelete {
        /// The key.
        key: &'a str,
        /// The version it must have.
        expected: Option<u64>,
    },
    /// Reads a stored value: [`Reply::Json`] or [`Reply::Absent`].
    StorageGet {
        /// The namespace.
        namespace: &'a str,
        /// The key.
        key: &'a str,
    },
    /// Stores a value: [`Reply::Done`] once it is durable.
    StorageSet {
        /// The namespace.
        namespace: &'a str,
        /// The key.
        key: &'a str,
        /// The value.
        value: Raw<'a>,
    },
    /// Deletes a stored value: [`Reply::Done`] or [`Reply::Absent`].
    StorageDelete {
        /// The namespace.
        namespace: &'a str,
        /// The key.
        key: &'a str,
    },
    /// Deletes all values of a namespace: [`Reply::Count`].
    StorageClear {
        /// The namespace.
        namespace: &'a str,
    },
    /// A page of a namespace's keys: [`Reply::Names`].
    StorageKeys {
        /// The namespace.
        namespace: &'a str,
        /// The key before the first one; empty for the first page.
        after: &'a str,
        /// The most keys.
        limit: u16,
    },
    /// A page of the namespaces: [`Reply::Names`].
    StorageNamespaces {
        /// The namespace before the first one; empty for the first page.
        after: &'a str,
        /// The most namespaces.
        limit: u16,
    },
    /// Makes this session a plugin, which the runtime starts at once: [`Reply::Done`]. It goes when
    /// the session ends, with all it registered.
    Attach {
        /// The plugin's name.
        name: &'a str,
        /// Its version.
        version: &'a str,
        /// One sentence on what it does.
        description: &'a str,
    },
    /// Registers a service of the session's plugin: [`Reply::Done`].
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
    Unregister {
        /// The service's name.
        service: &'a str,
    },
    /// Subscribes the session's plugin: [`Reply::Done`].
    Subscribe {
        /// The filter.
        filter: &'a str,
    },
    /// Takes a subscription back: [`Reply::Done`] or [`Reply::Absent`].
    Unsubscribe {
        /// The filter.
        filter: &'a str,
    },
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
        /// The runtime's [`VERSION`].
        version: u16,
        /// The client's number.
        nonce: u32,
        /// Who the runtime is, for people.
        name: &'a str,
        /// The longest message it takes, in bytes before framing.
        max_message: u32,
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
    /// A remote plugin is to take a step, and to say [`ToRuntime::StepDone`].
    Step(Step),
    /// A remote plugin gets an event.
    Deliver {
        /// The event.
        event: Event<'a>,
        /// How many events the plugin lost directly before this one.
        lost: u64,
    },
    /// A remote plugin is called, and is to say [`ToRuntime::Answer`].
    Called {
        /// The call.
        call: u32,
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

/// A step in a remote plugin's life.
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
    /// This life is over and everything was taken back; there is nothing to confirm.
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
    /// What is used of each capacity.
    Metrics(Metrics),
    /// The state a plugin is in now.
    PluginState(PluginState),
    /// A page of names, as [`Page`](crate::storage::Page) reads it.
    Names(Raw<'a>),
}
