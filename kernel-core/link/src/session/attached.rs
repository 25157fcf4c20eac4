//! A session's plugin: its mailbox is read by the session and sent to the client, one message at a time. The next
//! one is taken when the client says that it has handled the one before, so that what the plugin publishes and
//! calls meanwhile is known to come of it, and the deadlines of its hooks are the kernel's.

use core::task::{Context, Poll};

use heapless::String;
use kernel_core::subject::MAX_NAME;
use kernel_core::{
    Answer, AttachedPlugin, Attachment, Before, CallId, Error, Fault, Json, Kernel, Op, Overflow, PluginId,
    PluginSet, Step as KernelStep, Ticket,
};

use crate::items::Event;
use crate::session::State;
use crate::{Failure, LostAt, Raw, Step, ToClient};

/// A session's plugin; dropping it takes it out of the runtime.
pub(crate) struct Attached {
    plugin: AttachedPlugin,
    /// Who it is in the life that the client knows of.
    pub(crate) id: PluginId,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// The client waits for the next message.
    Waits,
    /// It handles one.
    Handles,
    /// It was told that this life is over.
    Ended,
}

impl Attached {
    pub(crate) fn new(
        kernel: Kernel,
        name: &str,
        version: &str,
        description: &str,
        dependencies: &str,
        blocks: bool,
        restarts: bool,
    ) -> Result<Attached, Fault> {
        let overflow = if blocks {
            Overflow::Block
        } else {
            Overflow::DropOldest
        };
        let attachment = Attachment {
            name,
            runtime: "",
            version,
            description,
            dependencies,
            overflow,
            restarts,
            placement: "remote",
        };
        let plugin = AttachedPlugin::attach(kernel, &attachment)?;
        let id = plugin.context().id();
        Ok(Attached {
            plugin,
            id,
            phase: Phase::Waits,
        })
    }
}

impl State<'_> {
    /// The client has handled a message.
    pub(crate) fn step_done(&mut self, error: Option<Failure<'_>>) {
        let Some(attached) = &mut self.attached else {
            return;
        };
        match attached.phase {
            Phase::Handles => attached.phase = Phase::Waits,
            Phase::Ended => {
                attached.id = attached.plugin.context().id();
                attached.phase = Phase::Waits;
                return;
            }
            Phase::Waits => return,
        }
        if let Some(failure) = error {
            // What comes of it: the life is over, which the next message says.
            let _ = self.run(&mut Op::Fail(&error_of(failure)));
        }
    }

    /// The client answers a call. A caller that is gone does not matter.
    pub(crate) fn answer(&mut self, call: CallId, result: Result<Raw<'_>, Failure<'_>>) {
        let error;
        let answer = match result {
            Ok(raw) => match Json::new(raw.0) {
                Ok(json) => Answer::Bytes(json.as_bytes()),
                Err(error) => Answer::Fault(Fault::NotJson {
                    at: error.offset() as u32,
                }),
            },
            Err(failure) => match failure.fault() {
                Some(fault) => Answer::Fault(fault),
                None => {
                    error = error_of(failure);
                    Answer::Error(&error)
                }
            },
        };
        let who = self.callee_of(call);
        let (waist, mut ticket) = (self.kernel.waist(), Ticket::NONE);
        let _ = waist.run(who, &mut Op::Reply(call, answer), &mut ticket, None, &mut []);
    }

    /// Sends the plugin's next message, when the client waits for one.
    pub(crate) fn poll_attached(&mut self, cx: &mut Context<'_>) {
        let State {
            attached: Some(attached),
            out,
            work,
            kernel,
            ..
        } = self
        else {
            return;
        };
        if !out.ready() {
            return;
        }
        let (who, waist, mut ticket) = (attached.id, kernel.waist(), Ticket::NONE);
        let mut step = KernelStep::Ended;
        match attached.phase {
            Phase::Ended => return,
            Phase::Handles => {
                // Its deadline may end the life before the client is done.
                let alive = waist.run(who, &mut Op::Alive, &mut ticket, Some(cx.waker()), &mut []);
                if !matches!(alive, Poll::Ready(Err(_))) {
                    return;
                }
            }
            Phase::Waits => {
                let before = Before::Done;
                let mut next = Op::Next {
                    before,
                    step: &mut step,
                };
                match waist.run(who, &mut next, &mut ticket, Some(cx.waker()), work) {
                    Poll::Pending => return,
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(_)) => step = KernelStep::Ended,
                }
            }
        }
        attached.phase = Phase::Handles;
        let (second, first_len, second_len) = step.texts();
        let first = core::str::from_utf8(work.get(..first_len).unwrap_or(&[])).unwrap_or("");
        let payload = Raw(work.get(second..second.saturating_add(second_len)).unwrap_or(&[]));
        let mut name = String::<MAX_NAME>::new();
        let id = who.to_bits();
        let message = match step {
            KernelStep::Load => ToClient::Step { step: Step::Load, id },
            KernelStep::Start => ToClient::Step {
                step: Step::Start,
                id,
            },
            KernelStep::Stop => ToClient::Step { step: Step::Stop, id },
            KernelStep::Unload => ToClient::Step {
                step: Step::Unload,
                id,
            },
            KernelStep::Tick => ToClient::Step { step: Step::Tick, id },
            KernelStep::Ended => {
                attached.phase = Phase::Ended;
                let id = attached.plugin.context().id().to_bits();
                ToClient::Step {
                    step: Step::Ended,
                    id,
                }
            }
            KernelStep::Event {
                seq,
                time,
                source,
                cause,
                lost,
                ..
            } => {
                let mut buf = [0; MAX_NAME];
                let len = waist.run(who, &mut Op::NameOf(source), &mut ticket, None, &mut buf);
                if let Poll::Ready(Ok(len)) = len {
                    let text = core::str::from_utf8(buf.get(..len as usize).unwrap_or(&[]));
                    // It has room: no name is longer.
                    let _ = name.push_str(text.unwrap_or(""));
                }
                let event = Event {
                    seq,
                    time: time.as_micros(),
                    source: &name,
                    cause,
                    receivers: PluginSet::default().into(),
                    topic: first,
                    payload,
                };
                ToClient::Deliver {
                    source: source.to_bits(),
                    lost,
                    event,
                }
            }
            KernelStep::Call { id, caller, .. } => ToClient::Called {
                call: id.to_bits(),
                caller: caller.to_bits(),
                service: first,
                args: payload,
            },
        };
        if !out.send(&message) {
            // Larger than a message: the event is lost, the call is answered so.
            attached.phase = Phase::Waits;
            match step {
                KernelStep::Event { seq, .. } => {
                    out.send(&ToClient::Lost {
                        from: seq,
                        count: 1,
                        at: LostAt::Link,
                    });
                }
                KernelStep::Call { id, .. } => {
                    let answer = Answer::Fault(Fault::TooLarge {
                        max: out.max_message() as u32,
                    });
                    let _ = waist.run(who, &mut Op::Reply(id, answer), &mut ticket, None, &mut []);
                }
                _ => {}
            }
        }
        self.said();
    }
}

/// A failure of the client's plugin as the kernel keeps it.
fn error_of(failure: Failure<'_>) -> Error {
    match failure.fault() {
        Some(fault) => fault.into(),
        None => match failure {
            Failure::Error { code, message } => Error::new(code, message),
            other => Error::new(other.code(), ""),
        },
    }
}
