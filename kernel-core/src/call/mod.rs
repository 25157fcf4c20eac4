//! Calls live here, in slots of the kernel, each with the buffer that carries the arguments in and the reply
//! out.
//!
//! ```text
//!           begin            the callee takes it         reply
//!   Free ──────────▶ Queued ─────────────────▶ Running ────────▶ Done ──┐
//!    ▲                  │                         │                     │ the caller takes the reply
//!    │                  └── deadline, gone ───────┴────────▶ Done ──────┤
//!    └──────────────────── the caller drops the call ◀──────────────────┘
//! ```
//!
//! A slot's identity changes whenever it becomes free, so that a late reply finds nobody.

mod cycle;
mod services;
mod slots;

pub(crate) use services::Services;
pub use services::{LATENCY_BUCKETS, Registered, Service, ServiceCounters};
pub use slots::{CallSlot, CalleeSlot, Phase};
pub(crate) use slots::{NewCall, Outcome, Taken};

use core::task::{Poll, Waker};
use core::time::Duration;

use crate::error::Error;
use crate::fault::{Capacity, Fault};
use crate::id::{CallId, PluginId};
use crate::mem::{Names, Usage, keep_waker};
use crate::time::{Deadline, Instant, Span};
use crate::wake::Wakes;

/// What a callee answers.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// JSON, or whatever bytes the two have agreed on.
    Bytes(&'a [u8]),
    /// What was asked for is not there.
    Absent,
    /// An error of the callee's own.
    Error(&'a Error),
    /// The same, in words that are not kept.
    Failed {
        /// Its code.
        code: &'a str,
        /// Its message.
        message: &'a str,
    },
    /// A fault.
    Fault(Fault),
}

pub(crate) struct Calls {
    pub(crate) services: Services,
    slots: &'static mut [CallSlot],
    bytes: &'static mut [u8],
    /// Bytes of one buffer.
    size: usize,
    callees: &'static mut [CalleeSlot],
    /// Calls that ever began.
    turn: u32,
    /// No slot from here on was ever used.
    extent: usize,
    usage: Usage,
    /// How long a call may take that says nothing else.
    pub(crate) timeout: Span,
    /// Calls that ended by their deadline.
    pub(crate) timed_out: u32,
}

impl Calls {
    pub(crate) fn new(
        services: Services,
        slots: &'static mut [CallSlot],
        bytes: &'static mut [u8],
        size: usize,
        callees: &'static mut [CalleeSlot],
    ) -> Self {
        let most = slots.len().min(CallId::MOST);
        let slots = slots.get_mut(..most).unwrap_or_default();
        Calls {
            services,
            usage: Usage::of(slots.len()),
            slots,
            bytes,
            size,
            callees,
            turn: 0,
            extent: 0,
            timeout: const { Span::of(Duration::from_secs(30)) },
            timed_out: 0,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    pub(crate) fn extent(&self) -> usize {
        self.extent
    }

    /// The call in this slot.
    pub(crate) fn at(&self, index: usize) -> Option<&CallSlot> {
        self.slots.get(index).filter(|slot| slot.phase != Phase::Free)
    }

    pub(crate) fn get(&self, id: CallId) -> Option<&CallSlot> {
        self.at(id.slot()).filter(|slot| slot.id == id)
    }

    fn get_mut(&mut self, id: CallId) -> Option<&mut CallSlot> {
        let slot = self.slots.get_mut(id.slot())?;
        (slot.id == id && slot.phase != Phase::Free).then_some(slot)
    }

    fn buffer(&mut self, index: usize, len: usize) -> Option<&mut [u8]> {
        let start = index.wrapping_mul(self.size);
        let end = start.wrapping_add(len);
        (len <= self.size).then_some(())?;
        self.bytes.get_mut(start..end)
    }

    /// The bytes of a call's arguments, or of its reply.
    pub(crate) fn content(&self, index: usize) -> &[u8] {
        let len = self.at(index).map_or(0, |slot| slot.len as usize);
        let start = index.wrapping_mul(self.size);
        self.bytes.get(start..start.wrapping_add(len)).unwrap_or(&[])
    }

    /// A plugin handles one message at a time (`serial`), or several.
    pub(crate) fn set_serial(&mut self, index: usize, serial: bool) {
        if let Some(callee) = self.callees.get_mut(index) {
            callee.serial = serial;
        }
    }

    /// Calls in flight that this plugin made.
    pub(crate) fn open_by(&self, index: usize) -> u32 {
        self.callees.get(index).map_or(0, |plugin| plugin.open as u32)
    }

    /// Takes a slot, copies the arguments into it and queues it at the callee.
    pub(crate) fn begin(&mut self, new: &NewCall<'_>) -> Result<CallId, Fault> {
        let parent_due = self.get(new.parent).map_or(Deadline::NONE, |parent| parent.due);
        let (first, others) = new.args;
        let len = others
            .iter()
            .fold(first.len(), |len, piece| len.saturating_add(piece.len()));
        if len > self.size {
            return Err(Fault::TooLarge {
                max: self.size as u32,
            });
        }
        let full = self.usage.full(Capacity::Calls);
        let index = self
            .slots
            .iter()
            .position(|slot| slot.phase == Phase::Free)
            .ok_or(full)?;
        self.extent = self.extent.max(index.wrapping_add(1));
        self.turn = self.turn.wrapping_add(1);
        let turn = self.turn;
        let slot = self.slots.get_mut(index).ok_or(full)?;
        slot.id = CallId::new(index, slot.id.to_bits()).next();
        slot.turn = turn;
        slot.phase = Phase::Queued;
        slot.hops = new.hops;
        slot.service = new.service;
        slot.caller = new.caller;
        slot.callee = new.callee;
        slot.parent = new.parent;
        slot.due = new.due.first(parent_due);
        slot.arrival = new.arrival;
        slot.since = new.now;
        slot.len = len as u32;
        slot.waker = None;
        let id = slot.id;
        let mut rest = self.buffer(index, len).unwrap_or_default();
        for piece in core::iter::once(&first).chain(others) {
            let Some((to, after)) = rest.split_at_mut_checked(piece.len()) else {
                break;
            };
            to.copy_from_slice(piece);
            rest = after;
        }
        self.usage.take(1);
        if let Some(caller) = self.callees.get_mut(new.caller.index()) {
            caller.open = caller.open.wrapping_add(1);
        }
        if let Some(callee) = self.callees.get_mut(new.callee.index()) {
            callee.queued = callee.queued.wrapping_add(1);
        }
        Ok(id)
    }

    /// A call is no longer in its callee's queue.
    fn unqueue(&mut self, callee: usize) {
        if let Some(callee) = self.callees.get_mut(callee) {
            callee.queued = callee.queued.saturating_sub(1);
        }
    }

    /// The call that is first in this plugin's queue: its slot's number.
    fn first_index(&self, callee: usize) -> Option<usize> {
        if self.callees.get(callee)?.queued == 0 {
            return None;
        }
        // The turn wraps around: the first is the one that came in the longest ago.
        let (mut first, mut longest) = (None, (true, 0));
        for (index, slot) in self.slots.iter().enumerate().take(self.extent) {
            let waited = (self.is_anothers_turn(slot), self.turn.wrapping_sub(slot.turn));
            if slot.phase == Phase::Queued
                && slot.callee.index() == callee
                && (first.is_none() || waited > longest)
            {
                (first, longest) = (Some(index), waited);
            }
        }
        first
    }

    /// True when the callee's last call was somebody else's: one caller's queue does not keep all others waiting.
    #[cfg(feature = "large")]
    fn is_anothers_turn(&self, slot: &CallSlot) -> bool {
        let callee = self.callees.get(slot.callee.index());
        callee.is_some_and(|callee| callee.last != slot.caller)
    }

    #[cfg(not(feature = "large"))]
    fn is_anothers_turn(&self, _: &CallSlot) -> bool {
        true
    }

    /// The call that is first in this plugin's queue.
    #[inline]
    pub(crate) fn first(&self, callee: usize) -> Option<&CallSlot> {
        self.slots.get(self.first_index(callee)?)
    }

    /// Takes the first call off this plugin's queue and copies its service's name and its arguments into `buf`;
    /// `None` when there is none, or when it has no room there and was answered so.
    pub(crate) fn take(
        &mut self,
        callee: usize,
        buf: &mut [u8],
        names: &Names,
        wakes: &mut Wakes,
    ) -> Option<Taken> {
        let index = self.first_index(callee)?;
        self.unqueue(callee);
        let slot = self.slots.get_mut(index)?;
        slot.phase = Phase::Running;
        #[cfg(feature = "large")]
        if let Some(callee) = self.callees.get_mut(callee) {
            callee.last = slot.caller;
        }
        let (id, len) = (slot.id, slot.len as usize);
        let name = match self.services.at(slot.service as usize) {
            Some(service) => names.bytes_of(service.name),
            None => &[],
        };
        let taken = Taken {
            id,
            caller: slot.caller,
            #[cfg(feature = "large")]
            service: slot.service,
            hops: slot.hops,
            name: name.len(),
            len,
        };
        let max = buf.len() as u32;
        let room = buf.split_at_mut_checked(name.len());
        if let Some((to, rest)) = room
            && let Some(rest) = rest.get_mut(..len)
        {
            to.copy_from_slice(name);
            rest.copy_from_slice(self.content(index));
            return Some(taken);
        }
        self.finish(index, Outcome::Fault(Fault::TooLarge { max }), wakes);
        None
    }

    /// Ends a running call with its callee's answer; false when nobody waits for it any more, or it is not
    /// this plugin's to answer.
    pub(crate) fn reply(&mut self, id: CallId, who: PluginId, answer: Answer<'_>, wakes: &mut Wakes) -> bool {
        match self.get(id) {
            Some(slot) if slot.phase == Phase::Running && slot.callee == who => {}
            _ => return false,
        }
        let (index, max) = (id.slot(), self.size);
        let (pieces, outcome): ([&[u8]; 2], _) = match answer {
            Answer::Bytes(bytes) => ([bytes, &[]], Outcome::Bytes),
            Answer::Absent => ([&[], &[]], Outcome::Fault(Fault::Absent)),
            Answer::Error(error) => failed(error.code(), error.message(), max),
            Answer::Failed { code, message } => failed(code, message, max),
            Answer::Fault(fault) => ([&[], &[]], Outcome::Fault(fault)),
        };
        let len = pieces[0].len().saturating_add(pieces[1].len());
        let Some(buffer) = self.buffer(index, len) else {
            self.finish(index, Outcome::Fault(Fault::Buffer { len: len as u32 }), wakes);
            return true;
        };
        if let Some((first, second)) = buffer.split_at_mut_checked(pieces[0].len()) {
            first.copy_from_slice(pieces[0]);
            second.copy_from_slice(pieces[1]);
        }
        if let Some(slot) = self.slots.get_mut(index) {
            slot.len = len as u32;
        }
        self.finish(index, outcome, wakes);
        true
    }

    /// Ends the call in a slot, unless it is done.
    fn finish(&mut self, index: usize, outcome: Outcome, wakes: &mut Wakes) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        if matches!(slot.phase, Phase::Done | Phase::Free) {
            return;
        }
        let queued = slot.phase == Phase::Queued;
        let (callee, service) = (slot.callee.index(), slot.service as usize);
        slot.phase = Phase::Done;
        slot.outcome = outcome;
        if let Some(waker) = slot.waker.take() {
            wakes.task(&waker);
        }
        if queued {
            self.unqueue(callee);
        }
        if let Some(service) = self.services.at_mut(service) {
            service.calls = service.calls.wrapping_add(1);
            let served = match outcome {
                Outcome::Bytes | Outcome::Fault(Fault::Absent) => true,
                Outcome::Error { by_caller, .. } => by_caller,
                Outcome::Fault(_) => false,
            };
            if !served {
                service.errors = service.errors.wrapping_add(1);
            }
        }
    }

    /// The caller looks whether its call is done, and takes the reply, or the callee's error, into `buf`: the
    /// reply's length. The call is free then.
    pub(crate) fn poll(
        &mut self,
        id: CallId,
        waker: Option<&Waker>,
        buf: &mut [u8],
    ) -> Poll<Result<u32, Fault>> {
        let Some(slot) = self.get_mut(id) else {
            return Poll::Ready(Err(Fault::Gone));
        };
        if slot.phase != Phase::Done {
            if let Some(waker) = waker {
                keep_waker(&mut slot.waker, waker);
            }
            return Poll::Pending;
        }
        let (len, outcome) = (slot.len, slot.outcome);
        let content = self.content(id.slot());
        let room = content.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..room), content.get(..room)) {
            to.copy_from_slice(from);
        }
        self.free(id);
        Poll::Ready(match outcome {
            Outcome::Bytes if room < len as usize => Err(Fault::Buffer { len }),
            Outcome::Bytes => Ok(len),
            Outcome::Error { code, .. } => Err(Fault::Failed {
                code,
                len: room as u32,
            }),
            Outcome::Fault(fault) => Err(fault),
        })
    }

    /// The caller no longer waits: the slot becomes free, wherever the call is.
    pub(crate) fn free(&mut self, id: CallId) {
        let Some(slot) = self.get_mut(id) else { return };
        let (caller, callee) = (slot.caller.index(), slot.callee.index());
        slot.waker = None;
        if core::mem::replace(&mut slot.phase, Phase::Free) == Phase::Queued {
            self.unqueue(callee);
        }
        self.usage.give(1);
        if let Some(caller) = self.callees.get_mut(caller) {
            caller.open = caller.open.saturating_sub(1);
        }
    }

    /// Ends every call in flight that `which` picks.
    fn finish_all(&mut self, fault: Fault, wakes: &mut Wakes, which: impl Fn(&CallSlot) -> bool) {
        for index in 0..self.extent {
            if self.at(index).is_some_and(&which) {
                self.finish(index, Outcome::Fault(fault), wakes);
            }
        }
    }

    /// The plugin stops: what waits in its queue is answered at once.
    pub(crate) fn refuse_queued(&mut self, callee: usize, wakes: &mut Wakes) {
        self.finish_all(Fault::Unavailable, wakes, |slot| {
            slot.phase == Phase::Queued && slot.callee.index() == callee
        });
    }

    /// Takes a service back; its calls end as gone. False when this plugin has none of this name.
    pub(crate) fn unregister(
        &mut self,
        who: PluginId,
        name: &str,
        names: &mut Names,
        wakes: &mut Wakes,
    ) -> bool {
        let Some(index) = self.services.find(name, names) else {
            return false;
        };
        if self.services.at(index).is_none_or(|service| service.owner != who) {
            return false;
        }
        self.finish_all(Fault::Gone, wakes, |slot| {
            slot.service as usize == index && slot.callee == who
        });
        self.services.remove(index, names);
        true
    }

    /// This life of a plugin is over: its services and the calls it made are taken back, calls to it are gone.
    pub(crate) fn reclaim(&mut self, who: PluginId, names: &mut Names, wakes: &mut Wakes) {
        self.finish_all(Fault::Gone, wakes, |slot| slot.callee == who);
        for index in 0..self.extent {
            if let Some(slot) = self.at(index)
                && slot.caller == who
            {
                self.free(slot.id);
            }
        }
        for index in 0..self.services.extent() {
            if self
                .services
                .at(index)
                .is_some_and(|service| service.owner == who)
            {
                self.services.remove(index, names);
            }
        }
    }

    /// Ends what is late; the next deadline.
    pub(crate) fn expire(&mut self, now: Instant, wakes: &mut Wakes) -> Deadline {
        let mut next = Deadline::NONE;
        for index in 0..self.extent {
            let Some(slot) = self.at(index).filter(|slot| slot.phase != Phase::Done) else {
                continue;
            };
            if slot.due.is_due(now) {
                self.timed_out = self.timed_out.wrapping_add(1);
                self.finish(index, Outcome::Fault(Fault::Timeout), wakes);
            } else {
                next = next.first(slot.due);
            }
        }
        next
    }
}

/// A callee's own error: its texts, cut to so many bytes, and the outcome that says what they are.
fn failed<'a>(code: &'a str, message: &'a str, max: usize) -> ([&'a [u8]; 2], Outcome) {
    let code = crate::error::cut(code, max.min(u8::MAX as usize));
    let message = crate::error::cut(message, max.saturating_sub(code.len()));
    let outcome = Outcome::Error {
        code: code.len() as u8,
        by_caller: code == crate::error::INVALID_ARGUMENT,
    };
    ([code.as_bytes(), message.as_bytes()], outcome)
}
