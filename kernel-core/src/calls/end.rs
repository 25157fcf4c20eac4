//! How a call ends: with a reply or without, and its slot is free again.

use core::task::{Poll, Waker};

use super::{CallSlot, Fault, Outcome, Phase, STORAGE, What, fill, room};
use crate::copy::copy;
use crate::error::{Error, cut};
use crate::id::{CallId, PluginId};
use crate::kernel::{Core, keep_waker};
use crate::table::Link;

impl Core {
    /// Answers a running call; false when nobody waits for it any more.
    pub(crate) fn reply(
        &mut self,
        id: CallId,
        callee: Option<PluginId>,
        answer: Result<&[u8], &Error>,
    ) -> bool {
        let calls = &mut self.calls;
        let index = calls.index(id);
        let Some(slot) = calls.slots.get_mut(index) else {
            return false;
        };
        if slot.id != id || slot.phase != Phase::Running || slot.callee != callee.unwrap_or(STORAGE) {
            return false;
        }
        match answer {
            Ok(bytes) => match room(calls.bytes, index, calls.size, bytes.len()) {
                Some(to) => {
                    copy(to, bytes);
                    slot.len = bytes.len() as u32;
                    self.finish(index, Outcome::Reply);
                }
                None => self.fail_call(id, "reply_too_large", ""),
            },
            Err(error) => self.fail_call(id, error.code(), error.message()),
        }
        true
    }

    /// Answers a running call with an error, as much of it as has room.
    #[cold]
    pub(super) fn fail_call(&mut self, id: CallId, code: &str, message: &str) {
        let calls = &mut self.calls;
        let (index, size) = (calls.index(id), calls.size);
        let Some(slot) = calls.slots.get_mut(index).filter(|slot| slot.id == id) else {
            return;
        };
        let code = cut(code, size.min(u8::MAX as usize));
        let message = cut(message, size.saturating_sub(code.len()));
        // They have been cut to the buffer's size.
        slot.len = fill(calls.bytes, index, size, &[code.as_bytes(), message.as_bytes()]).unwrap_or(0);
        slot.code = code.len() as u8;
        self.finish(index, Outcome::Error);
    }

    /// Answers a running storage request with "not there".
    pub(crate) fn reply_absent(&mut self, id: CallId) {
        self.finish_call(id, Outcome::Absent);
    }

    /// Ends a call that is not done yet, wherever it is.
    pub(crate) fn finish_call(&mut self, id: CallId, outcome: Outcome) {
        if self.calls.get(id).is_some() {
            self.finish(self.calls.index(id), outcome);
        }
    }

    /// Ends the call in a slot; one that is done already is counted at the latest.
    fn finish(&mut self, index: usize, outcome: Outcome) {
        let Some(slot) = self.calls.slots.get_mut(index) else {
            return;
        };
        if slot.phase == Phase::Done {
            return self.count_end(index, None);
        }
        let callee = slot.callee;
        let phase = core::mem::replace(&mut slot.phase, Phase::Done);
        slot.outcome = outcome;
        slot.uncounted = true;
        // A handler that replies ends at once, as a rule, and looks at the clock then.
        let handled = outcome == Outcome::Reply && self.plugins.answering(callee) == Some(slot.id);
        let waker = slot.waker.take();
        self.wake(waker);
        if phase == Phase::Queued {
            self.unqueue(callee, index);
        }
        if outcome == Outcome::Timeout {
            self.calls.timed_out = self.calls.timed_out.wrapping_add(1);
        }
        if !handled {
            self.count_end(index, None);
        }
    }

    /// The handler of the call ended: so did the call with it, unless somebody saw that before.
    pub(crate) fn handler_ended(&mut self, id: CallId, now: u64) {
        if self.calls.get(id).is_some() {
            self.count_end(self.calls.index(id), Some(now));
        }
    }

    /// Counts the time of a call that ended, once: until `now`, or by the clock where that is not known.
    #[inline(never)]
    fn count_end(&mut self, index: usize, now: Option<u64>) {
        let Some(slot) = self.calls.slots.get_mut(index) else {
            return;
        };
        if core::mem::take(&mut slot.uncounted)
            && let What::Service(service) = slot.what
        {
            let (started, failed) = (slot.started, slot.outcome != Outcome::Reply);
            let took = now.unwrap_or_else(|| self.now()).saturating_sub(started);
            self.count_call(service as usize, failed, took);
        }
    }

    /// The caller looks whether its call is done, and takes the reply into `buf`. The call is free
    /// then, unless it failed: its error is still to be taken.
    pub(crate) fn poll_call(
        &mut self,
        id: CallId,
        waker: &Waker,
        buf: &mut [u8],
    ) -> Poll<Result<Option<usize>, Fault>> {
        let calls = &mut self.calls;
        let index = calls.index(id);
        let Some(slot) = calls.get_mut(id) else {
            return Poll::Ready(Err(Fault::Gone));
        };
        if slot.phase != Phase::Done {
            keep_waker(&mut slot.waker, waker);
            return Poll::Pending;
        }
        let (len, outcome) = (slot.len, slot.outcome);
        let result = match outcome {
            Outcome::Reply => match buf.get_mut(..len as usize) {
                Some(to) => {
                    copy(to, calls.content_at(index, len));
                    Ok(Some(len as usize))
                }
                None => Err(Fault::ReplyTooLarge {
                    len,
                    max: buf.len() as u32,
                }),
            },
            Outcome::Absent => Ok(None),
            Outcome::Error => return Poll::Ready(Err(Fault::Failed)),
            Outcome::Timeout => Err(Fault::Timeout),
            Outcome::Gone => Err(Fault::Gone),
            Outcome::Unavailable => Err(Fault::Unavailable),
        };
        self.free(index);
        Poll::Ready(result)
    }

    /// The error that a call failed with; the call is free then.
    pub(crate) fn take_call_error(&mut self, id: CallId) -> Option<Error> {
        let slot = self.calls.get(id)?;
        let text = core::str::from_utf8(self.calls.bytes_of(slot)).unwrap_or("");
        let (code, message) = text.split_at_checked(slot.code as usize).unwrap_or(("", text));
        let error = Error::new(code, message);
        self.free_call(id);
        Some(error)
    }

    /// The caller no longer waits: the slot becomes free, wherever the call is.
    pub(crate) fn free_call(&mut self, id: CallId) {
        if self.calls.get(id).is_some() {
            self.free(self.calls.index(id));
        }
    }

    /// Frees the slot, in which there is a call.
    fn free(&mut self, index: usize) {
        if let Some(slot) = self.calls.slots.get(index) {
            if slot.phase == Phase::Queued {
                self.unqueue(slot.callee, index);
            } else if slot.uncounted {
                self.count_end(index, None);
            }
        }
        let calls = &mut self.calls;
        let Some(slot) = calls.slots.get_mut(index) else {
            return;
        };
        // The next use; zero is no call's identity.
        let use_step = calls.mask.wrapping_add(1);
        slot.id = match slot.id.to_bits().wrapping_add(use_step) {
            0 => CallId::from_bits(use_step),
            next => CallId::from_bits(next),
        };
        slot.phase = Phase::Free;
        slot.waker = None;
        slot.link = calls.free;
        let caller = slot.caller;
        calls.free = Link::to(index);
        calls.usage.used = calls.usage.used.wrapping_sub(1);
        if let Some(caller) = self.plugins.get_mut(caller) {
            caller.open_calls = caller.open_calls.wrapping_sub(1);
        }
    }

    /// Ends every call in flight that `which` picks.
    pub(crate) fn finish_calls(&mut self, outcome: Outcome, which: &dyn Fn(&CallSlot) -> bool) {
        for index in 0..self.calls.extent() {
            if let Some((_, slot)) = self.calls.at(index)
                && which(slot)
            {
                // Also one that is done: whatever picks it may be about to go.
                self.finish(index, outcome);
            }
        }
    }

    /// The plugin stops: what waits in its queue is answered at once.
    pub(crate) fn refuse_queued(&mut self, index: usize) {
        self.finish_calls(Outcome::Unavailable, &|slot| {
            slot.phase == Phase::Queued && slot.callee.index() == index
        });
    }

    /// This life of a plugin is over: calls to it are gone, calls by it are freed.
    pub(crate) fn reclaim_calls(&mut self, who: PluginId) {
        self.finish_calls(Outcome::Gone, &|slot| slot.callee == who);
        for index in 0..self.calls.extent() {
            if self.calls.at(index).is_some_and(|(_, slot)| slot.caller == who) {
                self.free(index);
            }
        }
        if let Some(slot) = self.plugins.at_mut(who.index()) {
            slot.open_calls = 0;
            slot.queue = (Link::NONE, Link::NONE);
        }
    }

    /// Ends what is late; gives the next deadline.
    pub(crate) fn expire_calls(&mut self, now: u64) -> u64 {
        self.finish_calls(Outcome::Timeout, &|slot| slot.deadline <= now);
        (0..self.calls.extent())
            .filter_map(|index| self.calls.at(index))
            .filter(|(_, slot)| slot.phase != Phase::Done)
            .fold(u64::MAX, |next, (_, slot)| next.min(slot.deadline))
    }
}
