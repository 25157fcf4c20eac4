//! The messages of the link. Their order and fields are the protocol: only ever add at the end.
//!
//! What a chip knows comes first in each enum, what only a host or a remote plugin knows behind it, so that a chip
//! is built without the tail.

use kernel_core::PluginState;
use serde::{Deserialize, Serialize};

use crate::items::{Call, Event, Health, Plugin, Service, State};
use crate::{Failure, Raw, Request};

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
    /// The session's plugin, or its peer, answers a call.
    #[cfg(feature = "full")]
    Answer {
        /// The call.
        call: u32,
        /// The reply, or the error.
        result: Result<Raw<'a>, Failure<'a>>,
    },
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
    /// A service that the session's peer offers is called: to be answered by [`ToRuntime::Answer`].
    #[cfg(feature = "full")]
    Asked {
        /// The call.
        call: u32,
        /// The number of the session's own request that the call comes of, when it comes of one.
        of: Option<u32>,
        /// How long it may take, in milliseconds; 0 for any time.
        left_ms: u32,
        /// The service.
        service: &'a str,
        /// The arguments.
        args: Raw<'a>,
    },
    /// Nobody waits any more for the answer to a call that was asked.
    #[cfg(feature = "full")]
    Withdrawn {
        /// The call.
        call: u32,
    },
}

/// Where records were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostAt {
    /// On the bus: its log had moved on before they could be sent.
    Bus,
    /// On the link: they are larger than one of its messages, were damaged on it, or there was no connection.
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
    Metrics(kernel_core::Metrics),
    /// A page of names, as [`Page`](kernel_core::storage::Page) reads it.
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
