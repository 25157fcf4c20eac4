//! Calls live here: a fixed pool of slots, each with the buffer that carries the arguments in and
//! the reply out. Storage requests are calls too, with the storage as the callee.
//!
//! ```text
//!            begin            the callee takes it         reply
//!   Free ───────────▶ Queued ─────────────────▶ Running ────────▶ Done ──┐
//!    ▲                   │                         │                     │ the caller takes the reply
//!    │                   └── timeout, gone ────────┴────────▶ Done ──────┤
//!    └───────────────────── the caller drops the call ◀──────────────────┘
//! ```
//!
//! The generation goes up whenever a slot becomes free, so that a late reply finds nobody.

use core::task::{Poll, Waker};

use crate::error::{Error, cut};
use crate::fixed::Empty;
use crate::id::{CallId, PluginId};
use crate::kernel::{Core, keep_waker};
use crate::log::PluginSet;
use crate::registry::CallError;
use crate::storage::{Done, Op};
use crate::table::{Link, Usage, linkable};

/// Where a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Phase {
    #[default]
    Free,
    Queued,
    Running,
    Done(Outcome),
}

/// How a call ended. Counted from 3, so that zero is a free slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Outcome {
    /// The buffer holds the reply.
    Reply = 3,
    /// The buffer holds an error: this many bytes of code, then the message.
    Error(u8),
    /// As a reply: what was asked for is not there.
    Absent,
    Timeout,
    Gone,
    Unavailable,
}

/// What a call asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// The service in this slot of the registry.
    Service(u16),
    /// The storage; the buffer begins with a namespace and a key of these lengths.
    Storage { op: Op, namespace: u8, key: u16 },
}

/// A call's slot: opaque memory of a kernel.
#[derive(Debug)]
pub struct CallSlot {
    pub(crate) phase: Phase,
    pub(crate) what: Option<What>,
    generation: u16,
    pub(crate) caller: Option<PluginId>,
    pub(crate) callee: Option<PluginId>,
    pub(crate) parent: Option<CallId>,
    deadline: u64,
    pub(crate) started: u64,
    /// The event log's next sequence number when the call came in: its place in the callee's queue.
    pub(crate) arrival: u64,
    len: u32,
    /// A write that is carried out and not committed: what it is to be answered with.
    pub(crate) staged: Option<Done>,
    waker: Option<Waker>,
    link: Link,
}

impl Empty for CallSlot {
    const EMPTY: Self = CallSlot {
        phase: Phase::Free,
        what: None,
        generation: 0,
        caller: None,
        callee: None,
        parent: None,
        deadline: 0,
        started: 0,
        arrival: 0,
        len: 0,
        staged: None,
        waker: None,
        link: Link::NONE,
    };
}

pub(crate) struct Calls {
    slots: &'static mut [CallSlot],
    bytes: &'static mut [u8],
    size: usize,
    free: Link,
    fresh: usize,
    usage: Usage,
    pub(crate) timeout: u64,
    pub(crate) storage: (Link, Link),
    pub(crate) storage_waker: Option<Waker>,
    pub(crate) timed_out: usize,
}

/// A call about to begin.
pub(crate) struct NewCall {
    pub(crate) caller: PluginId,
    pub(crate) callee: Option<PluginId>,
    pub(crate) what: What,
    pub(crate) parent: Option<CallId>,
    pub(crate) limit: Option<u64>,
}

impl Calls {
    pub(crate) fn new(slots: &'static mut [CallSlot], bytes: &'static mut [u8], size: usize) -> Self {
        let slots = linkable(slots);
        let usage = Usage {
            capacity: slots.len(),
            ..Usage::default()
        };
        Calls {
            slots,
            bytes,
            size,
            free: Link::NONE,
            fresh: 0,
            usage,
            timeout: 30_000_000,
            storage: (Link::NONE, Link::NONE),
            storage_waker: None,
            timed_out: 0,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// The slot of this very call.
    pub(crate) fn get(&self, id: CallId) -> Option<&CallSlot> {
        self.slots
            .get(id.index as usize)
            .filter(|s| s.generation == id.generation && s.phase != Phase::Free)
    }

    pub(crate) fn get_mut(&mut self, id: CallId) -> Option<&mut CallSlot> {
        self.slots
            .get_mut(id.index as usize)
            .filter(|s| s.generation == id.generation && s.phase != Phase::Free)
    }

    /// The `index`-th slot, when a call is in it.
    pub(crate) fn at(&self, index: usize) -> Option<(CallId, &CallSlot)> {
        let slot = self.slots.get(index).filter(|slot| slot.phase != Phase::Free)?;
        Some((
            CallId {
                index: index as u16,
                generation: slot.generation,
            },
            slot,
        ))
    }

    pub(crate) fn extent(&self) -> usize {
        self.fresh
    }

    /// What the slot's buffer holds.
    pub(crate) fn content(&self, id: CallId) -> &[u8] {
        let start = (id.index as usize).wrapping_mul(self.size);
        let len = self.get(id).map_or(0, |slot| slot.len as usize);
        self.bytes.get(start..start.wrapping_add(len)).unwrap_or(&[])
    }

    fn fill(&mut self, index: usize, pieces: &[&[u8]]) -> Result<(), (usize, usize)> {
        let len = pieces
            .iter()
            .fold(0usize, |n, piece| n.saturating_add(piece.len()));
        let start = index.wrapping_mul(self.size);
        let buffer = self
            .bytes
            .get_mut(start..start.wrapping_add(self.size))
            .unwrap_or(&mut []);
        if len > buffer.len() {
            return Err((len, buffer.len()));
        }
        let mut at = 0usize;
        for piece in pieces {
            let end = at.wrapping_add(piece.len());
            if let Some(to) = buffer.get_mut(at..end) {
                to.copy_from_slice(piece);
            }
            at = end;
        }
        if let Some(slot) = self.slots.get_mut(index) {
            slot.len = len as u32;
        }
        Ok(())
    }

    fn enqueue(&mut self, queue: (Link, Link), index: usize) -> (Link, Link) {
        let here = Link::to(index);
        if let Some(slot) = self.slots.get_mut(index) {
            slot.link = Link::NONE;
        }
        match queue.1.index().and_then(|last| self.slots.get_mut(last)) {
            Some(last) => {
                last.link = here;
                (queue.0, here)
            }
            None => (here, here),
        }
    }

    fn unqueue(&mut self, queue: (Link, Link), index: usize) -> (Link, Link) {
        let after = self.slots.get(index).map_or(Link::NONE, |slot| slot.link);
        if queue.0 == Link::to(index) {
            return (after, if after == Link::NONE { Link::NONE } else { queue.1 });
        }
        let mut at = queue.0;
        while let Some(slot) = at.index().and_then(|i| self.slots.get_mut(i)) {
            if slot.link == Link::to(index) {
                slot.link = after;
                return (queue.0, if after == Link::NONE { at } else { queue.1 });
            }
            at = slot.link;
        }
        queue
    }
}

impl Core {
    /// Takes a slot, copies the arguments into it and queues it at the callee.
    pub(crate) fn begin_call(&mut self, call: NewCall, pieces: &[&[u8]]) -> Result<CallId, CallError> {
        let now = self.now();
        if let Some(callee) = call.callee
            && self.closes_cycle(call.caller, callee, call.parent)
        {
            return Err(CallError::Cycle);
        }
        let calls = &mut self.calls;
        let index = match calls.free.index() {
            Some(index) => index,
            None => calls.fresh,
        };
        let full = CallError::Full {
            capacity: calls.slots.len(),
        };
        let next = calls.slots.get(index).ok_or(full)?.link;
        calls
            .fill(index, pieces)
            .map_err(|(len, max)| CallError::TooLarge { len, max })?;
        if calls.free == Link::NONE {
            calls.fresh = calls.fresh.wrapping_add(1);
        } else {
            calls.free = next;
        }
        calls.usage.set_used(calls.usage.used.wrapping_add(1));
        let limit = call.limit.unwrap_or(calls.timeout);
        let inherited = call
            .parent
            .and_then(|parent| calls.get(parent))
            .map_or(u64::MAX, |slot| slot.deadline);
        let deadline = now.saturating_add(limit).min(inherited);
        let arrival = self.bus.log.next_seq();
        let Some(slot) = calls.slots.get_mut(index) else {
            return Err(CallError::Unavailable);
        };
        slot.phase = Phase::Queued;
        slot.what = Some(call.what);
        slot.caller = Some(call.caller);
        slot.callee = call.callee;
        slot.parent = call.parent;
        slot.deadline = deadline;
        slot.started = now;
        slot.arrival = arrival;
        let id = CallId {
            index: index as u16,
            generation: slot.generation,
        };
        self.queue(call.callee, |calls, queue| calls.enqueue(queue, index));
        let waker = match call.callee {
            Some(callee) => self
                .plugins
                .get_mut(callee)
                .and_then(|plugin| plugin.take_waker()),
            None => self.calls.storage_waker.take(),
        };
        self.wake(waker);
        if let Some(caller) = self.plugins.get_mut(call.caller) {
            caller.open_calls = caller.open_calls.wrapping_add(1);
            caller.counters.calls_out = caller.counters.calls_out.wrapping_add(1);
        }
        self.arm(deadline);
        Ok(id)
    }

    /// The next call of a queue, if any.
    pub(crate) fn peek_call(&self, callee: Option<PluginId>) -> Option<CallId> {
        let queue = match callee {
            Some(callee) => self.plugins.get(callee)?.queue,
            None => self.calls.storage,
        };
        self.calls.at(queue.0.index()?).map(|(id, _)| id)
    }

    /// The callee takes the call off its queue.
    pub(crate) fn take_call(&mut self, id: CallId) {
        let Some(callee) = self.calls.get(id).map(|slot| slot.callee) else {
            return;
        };
        self.queue(callee, |calls, queue| calls.unqueue(queue, id.index as usize));
        if let Some(slot) = self.calls.get_mut(id) {
            slot.phase = Phase::Running;
        }
        if let Some(plugin) = callee.and_then(|callee| self.plugins.get_mut(callee)) {
            plugin.counters.calls_in = plugin.counters.calls_in.wrapping_add(1);
        }
    }

    /// Answers a running call; false when nobody waits for it any more.
    pub(crate) fn reply(
        &mut self,
        id: CallId,
        callee: Option<PluginId>,
        answer: Result<&[&[u8]], &Error>,
    ) -> bool {
        let open = |slot: &&CallSlot| slot.phase == Phase::Running && slot.callee == callee;
        if self.calls.get(id).filter(open).is_none() {
            return false;
        }
        let index = id.index as usize;
        let too_large;
        let (pieces, outcome): (&[&[u8]], _) = match answer {
            Ok(pieces) => (pieces, Outcome::Reply),
            Err(error) => {
                let code = cut(error.code(), self.calls.size);
                let message = cut(error.message(), self.calls.size.saturating_sub(code.len()));
                too_large = [code.as_bytes(), message.as_bytes()];
                (&too_large, Outcome::Error(code.len() as u8))
            }
        };
        let outcome = match self.calls.fill(index, pieces) {
            Ok(()) => outcome,
            Err(_) => {
                let code = cut("reply_too_large", self.calls.size);
                // It has been cut to the buffer's size.
                let _ = self.calls.fill(index, &[code.as_bytes()]);
                Outcome::Error(code.len() as u8)
            }
        };
        self.finish_call(id, outcome);
        true
    }

    /// Answers a running storage request with "not there".
    pub(crate) fn reply_absent(&mut self, id: CallId) {
        self.finish_call(id, Outcome::Absent);
    }

    /// Ends a call that is not done yet, wherever it is.
    pub(crate) fn finish_call(&mut self, id: CallId, outcome: Outcome) {
        let now = self.now();
        let Some(slot) = self.calls.get(id) else { return };
        let (callee, what, started) = (slot.callee, slot.what, slot.started);
        match slot.phase {
            Phase::Free | Phase::Done(_) => return,
            Phase::Queued => self.queue(callee, |calls, queue| calls.unqueue(queue, id.index as usize)),
            Phase::Running => {}
        }
        if outcome == Outcome::Timeout {
            self.calls.timed_out = self.calls.timed_out.wrapping_add(1);
        }
        if let Some(What::Service(service)) = what {
            let failed = outcome != Outcome::Reply;
            self.count_call(service as usize, failed, now.saturating_sub(started));
        }
        let Some(slot) = self.calls.get_mut(id) else {
            return;
        };
        slot.phase = Phase::Done(outcome);
        let waker = slot.waker.take();
        self.wake(waker);
    }

    /// The caller looks whether its call is done, and takes the reply into `buf`.
    pub(crate) fn poll_call(
        &mut self,
        id: CallId,
        waker: &Waker,
        buf: &mut [u8],
    ) -> Poll<Result<Option<usize>, CallError>> {
        let Some(slot) = self.calls.get_mut(id) else {
            return Poll::Ready(Err(CallError::Gone));
        };
        let Phase::Done(outcome) = slot.phase else {
            keep_waker(&mut slot.waker, waker);
            return Poll::Pending;
        };
        let content = self.calls.content(id);
        let result = match outcome {
            Outcome::Reply => match buf.get_mut(..content.len()) {
                Some(to) => {
                    to.copy_from_slice(content);
                    Ok(Some(content.len()))
                }
                None => Err(CallError::ReplyTooLarge {
                    len: content.len(),
                    max: buf.len(),
                }),
            },
            Outcome::Absent => Ok(None),
            Outcome::Error(code) => {
                let text = core::str::from_utf8(content).unwrap_or("");
                let (code, message) = text.split_at_checked(code as usize).unwrap_or(("", text));
                Err(CallError::Failed(Error::new(code, message)))
            }
            Outcome::Timeout => Err(CallError::Timeout),
            Outcome::Gone => Err(CallError::Gone),
            Outcome::Unavailable => Err(CallError::Unavailable),
        };
        self.free_call(id);
        Poll::Ready(result)
    }

    /// The caller no longer waits: the slot becomes free, wherever the call is.
    pub(crate) fn free_call(&mut self, id: CallId) {
        let Some(slot) = self.calls.get(id) else { return };
        let (caller, callee, phase) = (slot.caller, slot.callee, slot.phase);
        if phase == Phase::Queued {
            self.queue(callee, |calls, queue| calls.unqueue(queue, id.index as usize));
        }
        let free = self.calls.free;
        if let Some(slot) = self.calls.get_mut(id) {
            let generation = slot.generation.wrapping_add(1);
            *slot = CallSlot {
                generation,
                link: free,
                ..CallSlot::EMPTY
            };
        }
        self.calls.free = Link::to(id.index as usize);
        self.calls.usage.set_used(self.calls.usage.used.wrapping_sub(1));
        if let Some(caller) = caller.and_then(|caller| self.plugins.get_mut(caller)) {
            caller.open_calls = caller.open_calls.wrapping_sub(1);
        }
    }

    /// Ends every call in flight that `which` picks.
    pub(crate) fn finish_calls(&mut self, outcome: Outcome, which: impl Fn(&CallSlot) -> bool) {
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
        self.finish_calls(Outcome::Unavailable, |slot| {
            slot.phase == Phase::Queued && slot.callee.is_some_and(|callee| callee.index() == index)
        });
    }

    /// This life of a plugin is over: calls to it are gone, calls by it are freed.
    pub(crate) fn reclaim_calls(&mut self, who: PluginId) {
        self.finish_calls(Outcome::Gone, |slot| slot.callee == Some(who));
        for index in 0..self.calls.extent() {
            if let Some((id, slot)) = self.calls.at(index)
                && slot.caller == Some(who)
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
        self.finish_calls(Outcome::Timeout, |slot| slot.deadline <= now);
        (0..self.calls.extent())
            .filter_map(|index| self.calls.at(index))
            .filter(|(_, slot)| !matches!(slot.phase, Phase::Done(_)))
            .fold(u64::MAX, |next, (_, slot)| next.min(slot.deadline))
    }

    fn queue(
        &mut self,
        callee: Option<PluginId>,
        change: impl FnOnce(&mut Calls, (Link, Link)) -> (Link, Link),
    ) {
        match callee {
            // By slot: the life may be over already, and the queue still has to be kept in order.
            Some(callee) => {
                if let Some(plugin) = self.plugins.at_mut(callee.index()) {
                    plugin.queue = change(&mut self.calls, plugin.queue);
                }
            }
            None => {
                let queue = self.calls.storage;
                self.calls.storage = change(&mut self.calls, queue);
            }
        }
    }

    /// True when `callee` cannot answer before `caller` does: it is in the chain of calls that led
    /// here, or it waits, directly or through others, for a call that `caller` has to answer.
    fn closes_cycle(&self, caller: PluginId, callee: PluginId, parent: Option<CallId>) -> bool {
        if caller == callee {
            return true;
        }
        let mut at = parent;
        for _ in 0..self.calls.slots.len() {
            let Some(slot) = at.and_then(|id| self.calls.get(id)) else {
                break;
            };
            if slot.caller == Some(callee) {
                return true;
            }
            at = slot.parent;
        }
        let waits = |who: PluginId| {
            self.plugins
                .get(who)
                .is_some_and(|p| p.serial && p.open_calls > 0)
        };
        if !waits(callee) || !self.plugins.get(caller).is_some_and(|plugin| plugin.serial) {
            return false;
        }
        let mut blocked = PluginSet::default();
        blocked.insert(callee.index());
        loop {
            let before = blocked;
            for (_, slot) in (0..self.calls.extent()).filter_map(|index| self.calls.at(index)) {
                if let (Some(waiter), Some(awaited)) = (slot.caller, slot.callee)
                    && !matches!(slot.phase, Phase::Done(_))
                    && blocked.contains(waiter.index())
                    && waits(waiter)
                {
                    if awaited == caller {
                        return true;
                    }
                    blocked.insert(awaited.index());
                }
            }
            if blocked == before {
                return false;
            }
        }
    }
}
