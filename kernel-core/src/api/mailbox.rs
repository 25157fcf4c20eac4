//! The mailbox: one message at a time, and the answer to it.

use serde::Serialize;

use super::ask::{Ask, nothing};
use super::context::Context;
use crate::call::Answer;
use crate::error::Error;
use crate::fault::Fault;
use crate::id::{CallId, Cause, PluginId};
use crate::json::{Json, Writer, to_json};
use crate::kernel::{Before, Op, Step};
use crate::time::Instant;

/// An event as its receiver sees it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'b> {
    /// Its place in the total order of the bus. (On a chip it wraps around after 2^32 events.)
    pub seq: u64,
    /// When it was published.
    pub time: Instant,
    /// Who published it.
    pub source: PluginId,
    /// What led to it.
    pub cause: Cause,
    /// How many events this plugin lost directly before this one, because it was too slow.
    pub lost: u32,
    topic: &'b [u8],
    payload: &'b [u8],
}

impl<'b> Event<'b> {
    /// The topic.
    pub fn topic(&self) -> &'b str {
        core::str::from_utf8(self.topic).unwrap_or("")
    }

    /// The payload.
    pub fn payload(&self) -> Json<'b> {
        Json::trusted(self.payload)
    }
}

/// A call as the one who answers it sees it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'b> {
    /// Its identity.
    pub id: CallId,
    /// Who calls.
    pub caller: PluginId,
    service: &'b [u8],
    args: &'b [u8],
}

impl<'b> Request<'b> {
    /// The service's name.
    pub fn service(&self) -> &'b str {
        core::str::from_utf8(self.service).unwrap_or("")
    }

    /// The arguments.
    pub fn args(&self) -> Json<'b> {
        Json::trusted(self.args)
    }

    /// The arguments as bytes: those of a storage request are not JSON.
    pub(crate) fn bytes(&self) -> &'b [u8] {
        self.args
    }
}

/// Where the reply to a call is written: the rest of the plugin's buffer, behind the message.
pub struct Reply<'b> {
    pub(crate) scratch: &'b mut [u8],
}

/// The proof that a call was answered.
#[derive(Debug)]
pub struct Replied {
    /// Bytes of the reply in the buffer; `None` for one that is answered later.
    pub(crate) len: Option<usize>,
}

impl<'b> Reply<'b> {
    /// Answers with JSON text.
    ///
    /// # Errors
    /// `too_large` when it does not fit into the plugin's buffer. A caller that is gone does not matter, and a
    /// reply that does not fit into the call's buffer reaches the caller as `reply_too_large`.
    pub fn raw(self, reply: Json<'_>) -> Result<Replied, Error> {
        let (bytes, max) = (reply.as_bytes(), self.scratch.len() as u32);
        let to = self
            .scratch
            .get_mut(..bytes.len())
            .ok_or(Fault::TooLarge { max })?;
        to.copy_from_slice(bytes);
        Ok(Replied {
            len: Some(bytes.len()),
        })
    }

    /// Answers with a value.
    ///
    /// # Errors
    /// `encode` when the value is not JSON or does not fit into the plugin's buffer.
    pub fn json<T: Serialize + ?Sized>(self, reply: &T) -> Result<Replied, Error> {
        let json = to_json(reply, self.scratch)?;
        Ok(Replied {
            len: Some(json.as_bytes().len()),
        })
    }

    /// Answers with a string, such as `format_args!("Hello, {name}!")`.
    ///
    /// # Errors
    /// `too_large` when the text does not fit into the plugin's buffer.
    pub fn text(self, reply: impl core::fmt::Display) -> Result<Replied, Error> {
        let max = self.scratch.len() as u32;
        let mut writer = Writer::new(self.scratch);
        writer.string_display(reply);
        let json = writer.finish().ok_or(Fault::TooLarge { max })?;
        Ok(Replied {
            len: Some(json.as_bytes().len()),
        })
    }

    /// Answers later, by [`Mailbox::reply`] with the request's identity, from another task that was given it. Until
    /// then the call runs on, at most until its deadline.
    pub fn later(self) -> Replied {
        Replied { len: None }
    }
}

/// What a plugin's task is to do next.
pub enum Message<'b> {
    /// Load: register services and subscriptions.
    Load,
    /// Start.
    Start,
    /// Handle an event.
    Event(Event<'b>),
    /// Answer a call, by [`Mailbox::reply`].
    Call(Request<'b>),
    /// An interval went by.
    Tick,
    /// Stop.
    Stop,
    /// Say goodbye; after it comes `Ended`.
    Unload,
    /// This life is over: unloaded, or failed by a deadline. Nothing more comes.
    Ended,
}

/// A plugin's mailbox in one life: for plugins that write their own loop in place of
/// [`drive`](crate::drive), because they wait for more than messages.
///
/// Taking the next message says that the one before was handled well; see [`Mailbox::fail`] for
/// the other case.
#[derive(Clone, Copy)]
pub struct Mailbox {
    cx: Context,
}

impl Mailbox {
    /// The mailbox of the plugin, and the life, that this context is of.
    pub const fn new(cx: Context) -> Self {
        Mailbox { cx }
    }

    /// The plugin's way to the kernel.
    pub const fn context(&self) -> Context {
        self.cx
    }

    /// Waits for the next message and copies it into `buf`, which must have room for the largest
    /// event or call the plugin gets. An event that has no room there is lost, and counted; a call is answered
    /// so.
    ///
    /// # Cancellation
    /// No message is lost; the one before counts as handled.
    pub async fn next<'b>(&self, buf: &'b mut [u8]) -> Message<'b> {
        let mut step = Step::Ended;
        // An error says that the life is over.
        if self.step(Before::Done, &mut step, buf).await.is_err() {
            return Message::Ended;
        }
        message(&step, buf)
    }

    /// The next message if there is one now, on a kernel in memory.
    pub fn try_next<'b>(&self, buf: &'b mut [u8]) -> Option<Message<'b>> {
        let mut step = Step::Ended;
        match self.step(Before::Done, &mut step, buf).now() {
            Ok(()) => Some(message(&step, buf)),
            Err(Fault::Timeout) => None,
            Err(_) => Some(Message::Ended),
        }
    }

    pub(crate) fn step<'a, 'b>(
        &self,
        before: Before<'a>,
        step: &'a mut Step,
        buf: &'b mut [u8],
    ) -> Ask<'a, 'b, ()> {
        Ask::new(self.cx.ask(Op::Next { before, step }, buf), nothing)
    }

    /// Says that the last message was not handled: a lifecycle step leaves the plugin FAILED and
    /// this life over; an event or a tick is counted as an error.
    pub fn fail<'a>(&self, error: &'a Error) -> Ask<'a, 'static, ()> {
        self.cx.order(Op::Fail(error))
    }

    /// Answers a call; resolves to false when nobody waits for it any more.
    pub fn reply<'a>(&self, call: CallId, answer: Result<Json<'a>, &'a Error>) -> Ask<'a, 'static, bool> {
        let answer = match answer {
            Ok(json) => Answer::Bytes(json.as_bytes()),
            Err(error) => Answer::Error(error),
        };
        self.answer(call, answer)
    }

    pub(crate) fn answer<'a>(&self, call: CallId, answer: Answer<'a>) -> Ask<'a, 'static, bool> {
        self.cx.whether(Op::Reply(call, answer))
    }
}

/// The message whose texts are in `buf`.
#[cfg_attr(not(feature = "large"), inline(never))]
pub(crate) fn message<'b>(step: &Step, buf: &'b [u8]) -> Message<'b> {
    let (second, first_len, second_len) = step.texts();
    let first = buf.get(..first_len).unwrap_or(&[]);
    let end = second.saturating_add(second_len);
    let second = buf.get(second..end).unwrap_or(&[]);
    match *step {
        Step::Load => Message::Load,
        Step::Start => Message::Start,
        Step::Stop => Message::Stop,
        Step::Unload => Message::Unload,
        Step::Tick => Message::Tick,
        Step::Ended => Message::Ended,
        Step::Event {
            seq,
            time,
            source,
            cause,
            lost,
            ..
        } => Message::Event(Event {
            seq,
            time,
            source,
            cause,
            lost,
            topic: first,
            payload: second,
        }),
        Step::Call { id, caller, .. } => Message::Call(Request {
            id,
            caller,
            service: first,
            args: second,
        }),
    }
}
