//! The mailbox: lifecycle steps, ticks, events and calls, one at a time.
//!
//! Lifecycle steps come first. Events and calls come in the order in which they came in: a call is
//! handled after the events that were published before it.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll};

use serde::Serialize;

use super::{Context, PluginState};
use crate::bus::Overflow;
use crate::error::Error;
use crate::id::{CallId, Cause, PluginId};
use crate::json::{Json, Writer, to_json};
use crate::kernel::{Core, Kernel};
use crate::lifecycle::Hook;
use crate::log::{Head, split};
use crate::timer::On;

/// An event as its receiver sees it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'b> {
    /// Its place in the total order of the bus.
    pub seq: u64,
    /// When it was published, in microseconds on the platform's clock.
    pub time: u64,
    /// Who published it.
    pub source: PluginId,
    /// What led to it.
    pub cause: Cause,
    /// How many events this plugin lost directly before this one, because it was too slow.
    pub lost: usize,
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
}

/// Where the reply to a call goes.
pub struct Reply<'b> {
    kernel: Kernel,
    who: PluginId,
    id: CallId,
    scratch: &'b mut [u8],
}

/// The proof that a call was answered.
#[derive(Debug)]
pub struct Replied(());

impl<'b> Reply<'b> {
    /// Answers with JSON text.
    ///
    /// # Errors
    /// None: a caller that is gone does not matter, and a reply that does not fit into the call's
    /// buffer reaches the caller as the error `reply_too_large`.
    pub fn raw(self, reply: Json<'_>) -> Result<Replied, Error> {
        self.kernel.with(|core| {
            core.reply(self.id, Some(self.who), Ok(reply.as_bytes()));
        });
        Ok(Replied(()))
    }

    /// Answers with a value.
    ///
    /// # Errors
    /// `encode` when the value is not JSON or does not fit into the plugin's buffer.
    pub fn json<T: Serialize + ?Sized>(mut self, reply: &T) -> Result<Replied, Error> {
        let scratch = core::mem::take(&mut self.scratch);
        let json = to_json(reply, scratch)?;
        self.raw(json)
    }

    /// Answers with a string, such as `format_args!("Hello, {name}!")`.
    ///
    /// # Errors
    /// `encode` when the text does not fit into the plugin's buffer.
    pub fn text(mut self, reply: impl core::fmt::Display) -> Result<Replied, Error> {
        let mut writer = Writer::new(core::mem::take(&mut self.scratch));
        writer.string_display(reply);
        let json = writer
            .finish_trusted()
            .ok_or(crate::json::EncodeError::TooSmall)?;
        self.raw(json)
    }

    /// Answers with an error.
    pub fn error(self, error: &Error) -> Replied {
        self.kernel.with(|core| {
            core.reply(self.id, Some(self.who), Err(error));
        });
        Replied(())
    }

    /// The call's identity, for a plugin that answers later by [`Mailbox::reply`]. Until then the
    /// call runs on, at most until its deadline.
    pub fn later(self) -> CallId {
        self.id
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
    /// Answer a call.
    Call(Request<'b>, Reply<'b>),
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
/// [`drive`](super::drive), because they wait for more than messages.
///
/// Taking the next message says that the one before was handled well; see [`Mailbox::fail`] for
/// the other case.
pub struct Mailbox {
    cx: Context,
    /// Messages taken since the task last gave way.
    streak: u8,
}

/// Messages in a row after which the task gives way once to the others of its executor, so that one
/// plugin with events without end does not keep them from theirs.
const STREAK: u8 = 32;

/// A message as numbers; its two parts, of as many bytes as the `head` says, or of `service` and `len`, are
/// in the reader's buffer: see [`split`].
pub(crate) enum Step {
    Hook(Hook),
    Event {
        seq: u64,
        head: Head,
        lost: usize,
    },
    Call {
        id: CallId,
        caller: PluginId,
        service: usize,
        len: usize,
    },
    Ended,
}

impl Mailbox {
    /// The mailbox of the plugin installed in slot `index`, in its present life.
    pub(crate) fn open(kernel: Kernel, index: usize, serial: bool) -> Mailbox {
        let id = kernel.with(|core| {
            let slot = core.plugins.at_mut(index)?;
            slot.serial = serial;
            Some(slot.id(index))
        });
        Mailbox {
            cx: Context {
                kernel,
                id: id.unwrap_or(PluginId { index: 127, life: 0 }),
            },
            streak: 0,
        }
    }

    /// The plugin's way to the kernel.
    pub fn context(&self) -> Context {
        self.cx
    }

    /// Waits for the next message and copies it into `buf`, which must have room for the largest
    /// event or call the plugin gets, and its reply. An event that has no room there is lost, and
    /// counted.
    ///
    /// # Cancellation
    /// No message is lost; the one before counts as handled.
    pub fn next<'m, 'b>(&'m mut self, buf: &'b mut [u8]) -> impl Future<Output = Message<'b>> + use<'m, 'b> {
        Next { mailbox: self, buf }
    }

    /// The next message as numbers in `step`, its bytes in `buf`.
    pub(crate) fn poll_step(
        &mut self,
        task: &mut TaskContext<'_>,
        buf: &mut [u8],
        step: &mut Step,
    ) -> Poll<()> {
        let id = self.cx.id;
        loop {
            let found = self.cx.kernel.with(|core| {
                let found = core.next_step(id, buf, step);
                if found == Some(false)
                    && let Some(slot) = core.plugins.get_mut(id)
                {
                    slot.keep_waker(task.waker());
                }
                Some(found)
            });
            match found {
                Some(Some(true)) => return Poll::Ready(()),
                Some(None) => {}
                _ => return Poll::Pending,
            }
        }
    }

    /// Says that the last message was not handled: a lifecycle step leaves the plugin FAILED and
    /// this life over; an event or a tick is counted as an error.
    pub fn fail(&mut self, error: &Error) {
        let id = self.cx.id;
        self.cx.kernel.with(|core| {
            let hook = core.plugins.get(id).map(|slot| slot.hook);
            match hook {
                Some(Hook::Load | Hook::Start | Hook::Stop | Hook::Unload) => {
                    core.fail(id, error.code(), error.message());
                }
                _ => core.note_error(id, error.code(), error.message()),
            }
        });
    }

    /// Answers a call that was kept by [`Reply::later`]; false when nobody waits for it any more.
    pub fn reply(&self, call: CallId, answer: Result<Json<'_>, &Error>) -> bool {
        let who = Some(self.cx.id);
        let answered = self.cx.kernel.with(|core| {
            Some(match answer {
                Ok(json) => core.reply(call, who, Ok(json.as_bytes())),
                Err(error) => core.reply(call, who, Err(error)),
            })
        });
        answered.unwrap_or(false)
    }
}

/// See [`Mailbox::next`]. A struct rather than an `async fn`, which keeps what it is given twice.
struct Next<'m, 'b> {
    mailbox: &'m mut Mailbox,
    buf: &'b mut [u8],
}

impl<'b> Future for Next<'_, 'b> {
    type Output = Message<'b>;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Message<'b>> {
        let Next { mailbox, buf } = self.get_mut();
        let Context { kernel, id } = mailbox.cx;
        if mailbox.streak >= STREAK {
            mailbox.streak = 0;
            kernel.with(|core| core.end_hook(id, core.now()));
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut step = Step::Ended;
        if mailbox.poll_step(task, buf, &mut step).is_pending() {
            mailbox.streak = 0;
            return Poll::Pending;
        }
        mailbox.streak = mailbox.streak.wrapping_add(1);
        let buf = core::mem::take(buf);
        Poll::Ready(match step {
            Step::Hook(Hook::Load) => Message::Load,
            Step::Hook(Hook::Start) => Message::Start,
            Step::Hook(Hook::Stop) => Message::Stop,
            Step::Hook(Hook::Unload) => Message::Unload,
            Step::Hook(_) => Message::Tick,
            Step::Ended => Message::Ended,
            Step::Event { seq, head, lost } => {
                let header = head.header(seq);
                let (topic, payload, _) = split(buf, header.topic, header.payload);
                Message::Event(Event {
                    seq,
                    time: header.time,
                    source: header.source,
                    cause: header.cause,
                    lost,
                    topic,
                    payload,
                })
            }
            Step::Call {
                id: call,
                caller,
                service,
                len,
            } => {
                let (service, args, scratch) = split(buf, service, len);
                let request = Request {
                    id: call,
                    caller,
                    service,
                    args,
                };
                let reply = Reply {
                    kernel,
                    who: id,
                    id: call,
                    scratch,
                };
                Message::Call(request, reply)
            }
        })
    }
}

impl Core {
    /// Ends the hook before and begins the next one, which is put into `step` and its message into
    /// `buf`. `Some(false)`: nothing to do; `None`: there may be more, ask again.
    fn next_step(&mut self, id: PluginId, buf: &mut [u8], step: &mut Step) -> Option<bool> {
        let now = self.now();
        let Some(slot) = self.plugins.get_mut(id) else {
            *step = Step::Ended;
            return Some(true);
        };
        let handled = slot.handling();
        let ended = slot.end(now);
        let (steps, restarts) = ((slot.state, slot.goal), slot.restart_at.is_some());
        if let Cause::Call(call) = handled {
            self.handler_ended(call, now);
        }
        if let Some(ended) = ended {
            self.conclude(id, ended);
            return None;
        }
        use PluginState::{Failed, Loaded, Started, Stopped, Unloaded};
        if let (Started, Started | Loaded | Failed) = steps {
            return self.next_message(id, now, buf, step);
        }
        let hook = match steps {
            (_, Started) if self.is_waiting(id.index()) => return Some(false),
            (Unloaded | Failed, Loaded | Started) if !restarts => Hook::Load,
            (Loaded | Stopped, Started) => Hook::Start,
            (Started, Stopped | Unloaded) => Hook::Stop,
            (Loaded | Stopped, Unloaded) => Hook::Unload,
            _ => return Some(false),
        };
        self.begin_step(id.index(), hook);
        *step = Step::Hook(hook);
        Some(true)
    }

    fn next_message(&mut self, id: PluginId, now: u64, buf: &mut [u8], step: &mut Step) -> Option<bool> {
        let index = id.index();
        let slot = self.plugins.at_mut(index)?;
        let call = slot.queue.0.index();
        if slot.interval > 0 && slot.tick(now, call.is_some()) {
            let next = slot.next_tick;
            self.arm(next);
            self.begin_handler(index, Hook::Tick, 0);
            *step = Step::Hook(Hook::Tick);
            return Some(true);
        }
        let call = call.and_then(|call| self.calls.at(call));
        let event = match slot.next_event(index, &self.bus.log) {
            Some(Err(())) => return None,
            Some(Ok(event)) => Some(event),
            None => None,
        };
        match (event, call) {
            (Some(event), call) if call.is_none_or(|(_, call)| event.at.seq < call.arrival()) => {
                let after = event.after();
                if event.texts.copy(buf).is_none() {
                    slot.missed(event.at);
                    slot.set_cursor(after);
                    self.wake_publishers(index);
                    return None;
                }
                *step = Step::Event {
                    seq: event.at.seq,
                    head: event.head(),
                    lost: slot.take_lost(),
                };
                slot.consumed(after);
                let due = slot.begin(Hook::Event, event.at.seq);
                let waited_for = slot.overflow() == Overflow::Block;
                self.arm(due);
                if waited_for {
                    self.wake_waiting(On::Space);
                }
                Some(true)
            }
            (_, Some((call, _))) => self.deliver_call(id, call, buf, step),
            _ => Some(false),
        }
    }

    fn deliver_call(&mut self, id: PluginId, call: CallId, buf: &mut [u8], step: &mut Step) -> Option<bool> {
        let taken = self.take_service_call(call, buf)?;
        *step = Step::Call {
            id: call,
            caller: taken.caller,
            service: taken.name,
            len: taken.len,
        };
        self.begin_handler(id.index(), Hook::Call, call.to_bits() as u64);
        Some(true)
    }
}
