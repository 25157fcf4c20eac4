//! How a call ends: with a reply or without, and its slot is free again.

use core::task::{Poll, Waker};

use super::{CallSlot, Fault, Outcome, Phase, STORAGE, What};
use crate::copy::copy;
use crate::error::{Error, cut};
use crate::id::{CallId, PluginId};
use crate::kernel::{Core, keep_waker};
use crate::table::Link;

/// What a callee answers.
type Answer<'a> = Result<&'a [&'a [u8]], &'a Error>;

impl Core {
    /// Answers a running call; false when nobody waits for it any more.
    pub(crate) fn reply(&mut self, id: CallId, callee: Option<PluginId>, answer: Answer<'_>) -> bool {
        let callee = callee.unwrap_or(STORAGE);
        let open = |slot: &&CallSlot| slot.phase == Phase::Running && slot.callee == callee;
        if self.calls.get(id).filter(open).is_none() {
            return false;
        }
        match answer {
            Ok(pieces) => match self.calls.fill(self.calls.index(id), pieces) {
                Ok(len) => {
                    if let Some(slot) = self.calls.get_mut(id) {
                        slot.len = len;
                    }
                    self.finish_call(id, Outcome::Reply);
                }
                Err(_) => self.fail_call(id, "reply_too_large", ""),
            },
            Err(error) => self.fail_call(id, error.code(), error.message()),
        }
        true
    }

    /// Answers a running call with an error, as much of it as has room.
    pub(super) fn fail_call(&mut self, id: CallId, code: &str, message: &str) {
        let code = cut(code, self.calls.size.min(u8::MAX as usize));
        let message = cut(message, self.calls.size.saturating_sub(code.len()));
        let index = self.calls.index(id);
        // They have been cut to the buffer's size.
        let len = self.calls.fill(index, &[code.as_bytes(), message.as_bytes()]);
        if let Some(slot) = self.calls.get_mut(id) {
            slot.len = len.unwrap_or(0);
            slot.code = code.len() as u8;
        }
        self.finish_call(id, Outcome::Error);
    }

    /// Answers a running storage request with "not there".
    pub(crate) fn reply_absent(&mut self, id: CallId) {
        self.finish_call(id, Outcome::Absent);
    }

    /// Ends a call that is not done yet, wherever it is.
    pub(crate) fn finish_call(&mut self, id: CallId, outcome: Outcome) {
        let index = self.calls.index(id);
        let Some(slot) = self.calls.get_mut(id) else {
            return;
        };
        let (callee, what, started) = (slot.callee, slot.what, slot.started);
        let phase = core::mem::replace(&mut slot.phase, Phase::Done);
        if phase == Phase::Done {
            return;
        }
        slot.outcome = outcome;
        let waker = slot.waker.take();
        self.wake(waker);
        if phase == Phase::Queued {
            self.unqueue(callee, index);
        }
        if outcome == Outcome::Timeout {
            self.calls.timed_out = self.calls.timed_out.wrapping_add(1);
        }
        if let What::Service(service) = what {
            let took = self.now().saturating_sub(started);
            self.count_call(service as usize, outcome != Outcome::Reply, took);
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
        let Some(slot) = self.calls.get_mut(id) else {
            return Poll::Ready(Err(Fault::Gone));
        };
        if slot.phase != Phase::Done {
            keep_waker(&mut slot.waker, waker);
            return Poll::Pending;
        }
        let len = slot.len as usize;
        let result = match slot.outcome {
            Outcome::Reply => match buf.get_mut(..len) {
                Some(to) => {
                    copy(to, self.calls.content(id));
                    Ok(Some(len))
                }
                None => Err(Fault::ReplyTooLarge {
                    len: len as u32,
                    max: buf.len() as u32,
                }),
            },
            Outcome::Absent => Ok(None),
            Outcome::Error => return Poll::Ready(Err(Fault::Failed)),
            Outcome::Timeout => Err(Fault::Timeout),
            Outcome::Gone => Err(Fault::Gone),
            Outcome::Unavailable => Err(Fault::Unavailable),
        };
        self.free_call(id);
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
        let index = self.calls.index(id);
        let Some(slot) = self.calls.get(id) else { return };
        let (caller, callee) = (slot.caller, slot.callee);
        if slot.phase == Phase::Queued {
            self.unqueue(callee, index);
        }
        let calls = &mut self.calls;
        // The next use; zero is no call's identity.
        let next = match id.to_bits().wrapping_add(calls.mask.wrapping_add(1)) {
            0 => calls.mask.wrapping_add(1),
            next => next,
        };
        if let Some(slot) = calls.slots.get_mut(index) {
            slot.phase = Phase::Free;
            slot.id = CallId::from_bits(next);
            slot.waker = None;
            slot.link = calls.free;
        }
        calls.free = Link::to(index);
        calls.usage.used = calls.usage.used.wrapping_sub(1);
        if let Some(caller) = self.plugins.get_mut(caller) {
            caller.open_calls = caller.open_calls.wrapping_sub(1);
        }
    }

    /// Ends every call in flight that `which` picks.
    pub(crate) fn finish_calls(&mut self, outcome: Outcome, which: &dyn Fn(&CallSlot) -> bool) {
        for index in 0..self.calls.extent() {
            if let Some((id, slot)) = self.calls.at(index)
                && which(slot)
            {
                self.finish_call(id, outcome);
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
            if let Some((id, slot)) = self.calls.at(index)
                && slot.caller == who
            {
                self.free_call(id);
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
