//! The waist: all that a plugin can do, as one small set of operations over bytes behind one function. The
//! kernel in memory carries them out; so does a client of the link, or whatever else runs plugins elsewhere.

use core::task::{Poll, Waker};

use crate::bus::{Seq, padded, wide};
use crate::call::{Answer, Service};
use crate::error::Error;
use crate::fault::Fault;
use crate::id::{CallId, Cause, PluginId};
use crate::json::Json;
use crate::subject::Name;
use crate::time::{Deadline, Instant, Span};

/// One operation.
#[derive(Debug)]
#[non_exhaustive]
pub enum Op<'a> {
    /// Wait for the next message, its texts in the caller's buffer.
    Next {
        /// What became of the message before.
        before: Before<'a>,
        /// The next one's numbers.
        step: &'a mut Step,
    },
    /// The message before was not handled well.
    Fail(&'a Error),
    /// Is this life of the plugin still the present one? Keeps the waker for when it ends.
    Alive,
    /// Publish an event, waiting at most `limit` for subscribers that make publishers wait.
    Publish {
        /// The topic.
        topic: &'a str,
        /// JSON.
        payload: Json<'a>,
        /// None: do not wait.
        limit: Span,
    },
    /// Hear events.
    Subscribe(Name<'a>),
    /// No longer hear events.
    Unsubscribe(&'a str),
    /// Offer a service.
    Register(&'a Service<'a>),
    /// No longer offer it.
    Unregister(&'a str),
    /// Is there a service of this name?
    HasService(&'a str),
    /// Call a service and wait for the reply, which comes into the caller's buffer.
    Call {
        /// The service.
        service: &'a str,
        /// The arguments: one piece, and further ones.
        args: (&'a [u8], &'a [&'a [u8]]),
        /// How long it may take; `None` for the kernel's default.
        limit: Option<Span>,
        /// What it belongs to; `None` for the call that the plugin answers now.
        parent: Option<CallId>,
    },
    /// Answer a call.
    Reply(CallId, Answer<'a>),
    /// Read a state value into the caller's buffer; its version is in the ticket then.
    Get(&'a str),
    /// Set a state value; its version is in the ticket then.
    Set {
        /// Its key.
        key: Name<'a>,
        /// The value.
        value: Json<'a>,
        /// How long it lives; `None` for ever.
        ttl: Option<Span>,
        /// The version that it must have, 0 for none; `None` for any.
        expected: Option<u64>,
    },
    /// Set state values, all or none.
    Update(&'a [(Name<'a>, Json<'a>)]),
    /// Delete a state value, if it has this version.
    Delete(&'a str, Option<u64>),
    /// Delete all state values that this plugin wrote last.
    Clear,
    /// The next state entry at or after this place whose key begins with a prefix: key and value come into the
    /// caller's buffer.
    Entry(&'a str, &'a mut EntryInfo),
    /// A tick every so often; none for no more.
    Interval(Span),
    /// Wait.
    Sleep(Span),
    /// The name of a plugin, into the caller's buffer.
    NameOf(PluginId),
    /// The plugin's settings, into the caller's buffer.
    Settings,
}

/// What an operation that is not done yet has taken, to be given back by [`Waist::leave`]; and the version of a value
/// that was read or set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ticket {
    pub(crate) state: TicketState,
    pub(crate) version: Seq,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum TicketState {
    #[default]
    None,
    /// A place among the waiting tasks, and until when.
    Wait {
        place: Option<u16>,
        due: Deadline,
    },
    Call(CallId),
    /// Whatever another implementation of the waist needs.
    Other(u32),
}

impl Ticket {
    /// Nothing taken.
    pub const NONE: Ticket = Ticket {
        state: TicketState::None,
        version: 0,
    };

    /// A ticket of an implementation outside the kernel.
    pub const fn other(number: u32) -> Ticket {
        Ticket {
            state: TicketState::Other(number),
            version: 0,
        }
    }

    /// The number of a ticket made by [`Ticket::other`].
    pub const fn as_other(self) -> Option<u32> {
        match self.state {
            TicketState::Other(number) => Some(number),
            _ => None,
        }
    }

    /// True while something is taken.
    pub const fn is_held(self) -> bool {
        !matches!(self.state, TicketState::None)
    }

    /// The version of the value that was read or set.
    pub const fn version(self) -> u64 {
        wide(self.version)
    }

    /// Says which version the value has that was read or set, in place of what was taken.
    pub const fn set_version(&mut self, version: u64) {
        *self = Ticket {
            state: TicketState::None,
            version: version as Seq,
        };
    }

    /// The call that it stands for: its identity while it is under way.
    pub const fn call(self) -> Option<CallId> {
        match self.state {
            TicketState::Call(id) => Some(id),
            _ => None,
        }
    }
}

/// What became of a message. An operation that is asked for again says it once.
#[derive(Clone, Copy, Debug, Default)]
pub enum Before<'a> {
    /// It was handled well, or there was none.
    #[default]
    Done,
    /// It was a call, and this much of the caller's buffer answers it.
    Replied {
        /// The call.
        call: CallId,
        /// Where the reply begins.
        start: usize,
        /// Its bytes.
        len: usize,
    },
    /// It was not handled; a call is answered so.
    Failed {
        /// The call, if it was one.
        call: Option<CallId>,
        /// Why.
        error: &'a Error,
    },
}

impl Before<'_> {
    /// The reply that is in the caller's buffer.
    pub fn reply<'b>(&self, buf: &'b [u8]) -> Option<(CallId, &'b [u8])> {
        match *self {
            Before::Replied { call, start, len } => {
                let reply = buf.get(start..start.saturating_add(len)).unwrap_or(&[]);
                Some((call, reply))
            }
            _ => None,
        }
    }
}

/// A message of a plugin's mailbox, as numbers; its texts are in the buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Step {
    /// This life is over.
    #[default]
    Ended,
    /// Load.
    Load,
    /// Start.
    Start,
    /// Stop.
    Stop,
    /// Unload.
    Unload,
    /// An interval went by.
    Tick,
    /// An event: the topic, filled up to four bytes, and the payload are in the buffer.
    Event {
        /// Its place in the order of the bus.
        seq: u64,
        /// When it was published.
        time: Instant,
        /// By whom.
        source: PluginId,
        /// Why.
        cause: Cause,
        /// Events lost before it.
        lost: u32,
        /// Bytes of the topic.
        topic: usize,
        /// Bytes of the payload.
        payload: usize,
    },
    /// A call: the service's name and the arguments are in the buffer.
    Call {
        /// Its identity.
        id: CallId,
        /// Who calls.
        caller: PluginId,
        /// Bytes of the service's name.
        service: usize,
        /// Bytes of the arguments.
        args: usize,
    },
}

impl Step {
    /// Where the second text begins, and the bytes of both: of the topic and the payload, or of the service's name
    /// and the arguments.
    pub fn texts(&self) -> (usize, usize, usize) {
        match *self {
            Step::Event { topic, payload, .. } => (padded(topic), topic, payload),
            Step::Call { service, args, .. } => (service, service, args),
            _ => (0, 0, 0),
        }
    }
}

/// A state entry's numbers, and where to look for the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryInfo {
    /// Begin with 0.
    pub cursor: u32,
    /// Bytes of the key.
    pub key: usize,
    /// Bytes of the value, which follows the key; `None` when it did not fit.
    pub value: Option<usize>,
    /// Its version.
    pub version: u64,
    /// How long it still lives; none for ever.
    pub ttl: Span,
    /// Who wrote it last.
    pub owner: PluginId,
}

impl EntryInfo {
    /// Not a place: with this cursor the entry whose key is the whole prefix is looked up.
    pub const EXACT: u32 = u32::MAX;

    /// Before the first entry.
    pub const START: EntryInfo = EntryInfo {
        cursor: 0,
        key: 0,
        value: None,
        version: 0,
        ttl: Span::NONE,
        owner: PluginId::KERNEL,
    };
}

/// All that a plugin can do.
pub trait Waist: Sync {
    /// Carries out `op` on behalf of `who`: bytes in the caller's buffer, or a count. `Pending` says that the waker is kept and the same operation is to be
    /// asked for again with the same ticket; an operation that is given up before it is done is to be told to
    /// [`Waist::leave`]. Without a waker nothing waits.
    ///
    /// # Errors
    /// The [`Fault`] for which it was refused, and nothing was changed then; [`Fault::Absent`] for what is not there.
    fn run(
        &self,
        who: PluginId,
        op: &mut Op<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
        buf: &mut [u8],
    ) -> Poll<Result<u32, Fault>>;

    /// Gives back what an operation took that was not done.
    fn leave(&self, who: PluginId, ticket: Ticket);

    /// The platform's time.
    fn now(&self) -> Instant;
}
