//! What a mailbox yields next: steps of the plugin's life first, then ticks, events and calls, one at a time.
//! Events and calls come in the order in which they came in: a call after the events published before it.

use core::task::{Poll, Waker};

use super::{Before, Core, Step};
use crate::bus::{Next, Origin, Position, Seq, wide};
use crate::call::Answer;
use crate::fault::Fault;
use crate::id::PluginId;
use crate::life::{Ended, Hook, Wanted};
use crate::time::Instant;

/// How often a mailbox looks for a message under one lock, where what it finds cannot be taken.
const TRIES: u32 = 16;

/// What a mailbox found.
enum Look {
    Found,
    Nothing,
    /// What was there could not be taken: there may be more.
    Again,
}

impl Core {
    /// Answers the call before, or notes that the message before was not handled.
    pub(super) fn conclude(&mut self, who: PluginId, before: Before<'_>, buf: &[u8]) {
        if let Some((call, reply)) = before.reply(buf) {
            // Whoever called may be gone.
            self.calls.reply(call, who, Answer::Bytes(reply), &mut self.wakes);
        }
        if let Before::Failed { call, error } = before {
            if let Some(call) = call {
                self.calls.reply(call, who, Answer::Error(error), &mut self.wakes);
            }
            if call.is_none() || !error.is_by_caller() {
                self.handler_failed(who, error);
            }
        }
    }

    /// Ends the hook before and begins the next one.
    pub(super) fn next(
        &mut self,
        who: PluginId,
        waker: Option<&Waker>,
        buf: &mut [u8],
        step: &mut Step,
    ) -> Poll<Result<u32, Fault>> {
        let now = self.now();
        let index = who.index();
        if self.end_hook(who, now) {
            // It is unloaded: that was its last.
            *step = Step::Ended;
            return Poll::Ready(Ok(0));
        }
        let Some(slot) = self.lives.get_mut(who) else {
            return Poll::Ready(Err(Fault::Unloaded));
        };
        match slot.wanted() {
            Wanted::Step(hook) => {
                *step = match hook {
                    Hook::Load => Step::Load,
                    Hook::Start => Step::Start,
                    Hook::Stop => Step::Stop,
                    _ => Step::Unload,
                };
                let due = slot.begin(hook, Origin::NONE, now);
                self.arm(due);
                self.begin_step(index, hook);
                return Poll::Ready(Ok(0));
            }
            Wanted::Messages => {
                for _ in 0..TRIES {
                    match self.next_message(who, now, buf, step) {
                        Look::Found => return Poll::Ready(Ok(0)),
                        Look::Nothing => break,
                        // Nobody wakes the task for what is there already.
                        Look::Again => self.wakes.plugins.insert(index),
                    }
                }
            }
            Wanted::Nothing => {}
        }
        if let (Some(slot), Some(waker)) = (self.lives.get_mut(who), waker) {
            slot.keep_waker(waker);
        }
        Poll::Pending
    }

    /// Looks for a message: a tick, an event or a call.
    fn next_message(&mut self, who: PluginId, now: Instant, buf: &mut [u8], step: &mut Step) -> Look {
        let index = who.index();
        let call = self.calls.first(index).map(|call| call.arrival);
        let event = match self.bus.next(index) {
            Next::Event(at) => Some(at),
            Next::Nothing => None,
            Next::Again => return Look::Again,
        };
        let Some(slot) = self.lives.get_mut(who) else {
            return Look::Nothing;
        };
        if let Some(next) = slot.take_tick(now, event.is_some() || call.is_some()) {
            let due = slot.begin(Hook::Tick, Origin::NONE, now);
            self.arm(due.first(next));
            *step = Step::Tick;
            return Look::Found;
        }
        let taken = match (event, call) {
            (Some(at), Some(arrival)) if self.is_after(at, arrival) => self.next_call(who, now, buf, step),
            (Some(at), _) => self.next_event(who, at, now, buf, step),
            (None, Some(_)) => self.next_call(who, now, buf, step),
            (None, None) => return Look::Nothing,
        };
        if taken { Look::Found } else { Look::Again }
    }

    /// True when the event at this position was published after a call came in.
    fn is_after(&self, at: Position, arrival: Seq) -> bool {
        let seq = self.bus.read(at).map_or(arrival, |record| record.head.seq);
        seq.wrapping_sub(arrival) <= Seq::MAX >> 1
    }

    /// Takes the event at this position; false when it has no room in the buffer, and then it is lost.
    fn next_event(
        &mut self,
        who: PluginId,
        at: Position,
        now: Instant,
        buf: &mut [u8],
        step: &mut Step,
    ) -> bool {
        let index = who.index();
        let Some(record) = self.bus.read(at) else {
            return false;
        };
        let head = record.head;
        let Some(to) = buf.get_mut(..record.text.len()) else {
            self.bus.missed(index, at);
            self.made_room(index);
            return false;
        };
        to.copy_from_slice(record.text);
        let lost = self.bus.taken(index, at);
        *step = Step::Event {
            seq: wide(head.seq),
            time: head.time,
            source: head.source,
            cause: head.cause,
            lost,
            topic: head.topic as usize,
            payload: head.payload as usize,
        };
        let origin = Origin::event(&head, at);
        self.begin_handler(who, Hook::Event, origin, now);
        self.made_room(index);
        true
    }

    /// Takes the first call in the queue; false when it has no room in the buffer, and then it was answered so.
    fn next_call(&mut self, who: PluginId, now: Instant, buf: &mut [u8], step: &mut Step) -> bool {
        let Some(taken) = self.calls.take(who.index(), buf, &self.names, &mut self.wakes) else {
            return false;
        };
        *step = Step::Call {
            id: taken.id,
            caller: taken.caller,
            service: taken.name,
            args: taken.len,
        };
        let origin = Origin::call(taken.id, taken.hops);
        self.begin_handler(who, Hook::Call, origin, now);
        if let Some(slot) = self.lives.get_mut(who) {
            slot.calls = slot.calls.wrapping_add(1);
            #[cfg(feature = "large")]
            {
                slot.more.service = taken.service;
            }
        }
        true
    }

    fn begin_handler(&mut self, who: PluginId, hook: Hook, origin: Origin, now: Instant) {
        if let Some(slot) = self.lives.get_mut(who) {
            let due = slot.begin(hook, origin, now);
            self.arm(due);
        }
    }

    /// Ends the present hook well; true when the plugin's life ended with it.
    fn end_hook(&mut self, who: PluginId, now: Instant) -> bool {
        #[cfg(feature = "large")]
        self.count_call(who, now);
        let Some(slot) = self.lives.get_mut(who) else {
            return true;
        };
        match slot.end(now) {
            Ended::No => false,
            Ended::Entered(state) => self.entered(who, state),
            #[cfg(feature = "large")]
            Ended::Slow(hook, took) => {
                self.warn_slow(who, hook, took);
                false
            }
        }
    }

    /// Counts the time of the call whose handler ends now.
    #[cfg(feature = "large")]
    fn count_call(&mut self, who: PluginId, now: Instant) {
        if let Some(slot) = self.lives.get(who)
            && slot.hook() == Hook::Call
            && let Some(service) = self.calls.services.at_mut(slot.more.service as usize)
            && service.owner == who
        {
            service.took(slot.took(now));
        }
    }
}
