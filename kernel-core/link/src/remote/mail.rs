//! The message for the plugin: one at a time; the next one comes when the one before is handled.

use core::task::{Poll, Waker};

use kernel_core::{Fault, Instant, Step};

use super::inner::{Inner, keep};
use crate::{ToClient, protocol};

/// Where the message is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The runtime is to send one.
    Waits,
    /// It is here.
    Here,
    /// The plugin handles it, or has not begun its life yet: the runtime waits for its word.
    Taken,
}

pub(super) struct Mail<const B: usize> {
    phase: Phase,
    step: Step,
    buf: [u8; B],
    /// Events lost on the link since the last one.
    lost: u32,
    pub(super) waker: Option<Waker>,
}

impl<const B: usize> Mail<B> {
    pub(super) const fn new() -> Self {
        Mail {
            phase: Phase::Waits,
            step: Step::Ended,
            buf: [0; B],
            lost: 0,
            waker: None,
        }
    }

    pub(super) fn reset(&mut self) {
        self.phase = Phase::Waits;
        self.lost = 0;
    }

    /// True when the runtime waits for the plugin's word, which is given with this.
    pub(super) fn release(&mut self) -> bool {
        let taken = self.phase == Phase::Taken;
        if taken {
            self.phase = Phase::Waits;
        }
        taken
    }

    fn put(&mut self, step: Step, first: &str, second: &[u8]) -> bool {
        let (start, first_len, second_len) = step.texts();
        if let Some(to) = self.buf.get_mut(start..start.saturating_add(second_len))
            && first_len == first.len()
        {
            to.copy_from_slice(second);
        } else {
            return false;
        }
        if let Some(to) = self.buf.get_mut(..first_len) {
            to.copy_from_slice(first.as_bytes());
        }
        self.step = step;
        self.phase = Phase::Here;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        true
    }
}

impl<const N: usize, const B: usize> Inner<N, B> {
    /// The message before is done: the next one, when it is here.
    pub(super) fn next(
        &mut self,
        step: &mut Step,
        waker: Option<&Waker>,
        buf: &mut [u8],
    ) -> Poll<Result<u32, Fault>> {
        if self.mail.release() {
            self.flags.step_done = true;
            self.send();
        }
        if self.mail.phase != Phase::Here {
            keep(&mut self.mail.waker, waker);
            return Poll::Pending;
        }
        let (start, _, second) = self.mail.step.texts();
        let len = start.saturating_add(second);
        self.mail.phase = Phase::Taken;
        match (buf.get_mut(..len), self.mail.buf.get(..len)) {
            (Some(to), Some(from)) => to.copy_from_slice(from),
            _ => {
                // As the kernel does: what has no room is lost, and a call is answered so.
                let max = buf.len() as u32;
                self.too_large(max);
                keep(&mut self.mail.waker, waker);
                return Poll::Pending;
            }
        }
        *step = self.mail.step;
        Poll::Ready(Ok(0))
    }

    /// The message has no room: it is answered, and the next one may come.
    fn too_large(&mut self, max: u32) {
        match self.mail.step {
            Step::Call { id, .. } => self.flags.too_large = Some((id.to_bits(), max)),
            _ => self.mail.lost = self.mail.lost.saturating_add(1),
        }
        self.mail.phase = Phase::Waits;
        self.flags.step_done = true;
        self.send();
    }

    /// A message for the plugin came.
    pub(super) fn deliver(&mut self, message: ToClient<'_>) {
        let (step, first, second) = match message {
            ToClient::Step {
                step: protocol::Step::Ended,
                id,
            } => {
                self.there = Some(kernel_core::PluginId::from_bits(id));
                self.mail.reset();
                self.mail.phase = Phase::Taken;
                self.flags.step_done = false;
                return self.end_life();
            }
            ToClient::Step { step, .. } => {
                let step = match step {
                    protocol::Step::Load => Step::Load,
                    protocol::Step::Start => Step::Start,
                    protocol::Step::Stop => Step::Stop,
                    protocol::Step::Tick => Step::Tick,
                    _ => Step::Unload,
                };
                (step, "", &[][..])
            }
            ToClient::Deliver { source, lost, event } => {
                let step = Step::Event {
                    seq: event.seq,
                    time: Instant::from_micros(event.time),
                    source: self.here(source),
                    cause: event.cause,
                    lost: lost.saturating_add(core::mem::take(&mut self.mail.lost)),
                    topic: event.topic.len(),
                    payload: event.payload.0.len(),
                };
                (step, event.topic, event.payload.0)
            }
            ToClient::Called {
                call,
                caller,
                service,
                args,
            } => {
                let step = Step::Call {
                    id: kernel_core::CallId::from_bits(call),
                    caller: self.here(caller),
                    service: service.len(),
                    args: args.0.len(),
                };
                (step, service, args.0)
            }
            ToClient::Lost { count, .. } => {
                self.mail.lost = self.mail.lost.saturating_add(count as u32);
                return;
            }
            _ => return,
        };
        if !self.mail.put(step, first, second) {
            self.mail.step = step;
            self.too_large(B as u32);
        }
    }
}
