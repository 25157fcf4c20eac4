//! How a call begins: a slot is taken, filled and queued, and the callee takes it off its queue.

use core::task::Waker;

use super::{CallSlot, Calls, Fault, Phase, STORAGE, What, fill};
use crate::copy::copy;
use crate::id::{CallId, Cause, PluginId};
use crate::kernel::Core;
use crate::lifecycle::PluginSlot;
use crate::log::places;
use crate::table::Link;

/// A call about to begin.
pub(crate) struct NewCall<'a> {
    pub(crate) caller: PluginId,
    /// The plugin that answers; `None` for the storage.
    pub(crate) callee: Option<PluginId>,
    pub(crate) what: What,
    pub(crate) parent: Option<CallId>,
    pub(crate) limit: Option<u64>,
    /// The task that waits for it already.
    pub(crate) waker: Option<&'a Waker>,
}

/// Which call another one belongs to.
#[derive(Clone, Copy)]
pub(crate) enum Parent {
    /// The one that its caller answers now.
    Answering,
    /// This one.
    Is(Option<CallId>),
}

/// A call that its callee took: who calls, and what was copied.
pub(crate) struct Taken {
    pub(crate) caller: PluginId,
    pub(crate) name: usize,
    pub(crate) len: usize,
}

impl Calls {
    /// Takes a free slot with the arguments in its buffer.
    fn claim(&mut self, pieces: &[&[u8]]) -> Result<(usize, &mut CallSlot), Fault> {
        let index = match self.free.index() {
            Some(index) => index,
            None => self.fresh,
        };
        let capacity = self.slots.len() as u32;
        let Some(slot) = self.slots.get_mut(index) else {
            return Err(Fault::Full { capacity });
        };
        slot.len = fill(self.bytes, index, self.size, pieces)?;
        if self.free == Link::NONE {
            self.fresh = self.fresh.wrapping_add(1);
            slot.id = CallId::from_bits(self.mask.wrapping_add(1) | index as u32);
        } else {
            self.free = slot.link;
        }
        self.usage.set_used(self.usage.used.wrapping_add(1));
        slot.link = Link::NONE;
        Ok((index, slot))
    }
}

impl Core {
    /// Takes a slot, copies the arguments into it and queues it at the callee.
    pub(crate) fn begin_call(&mut self, call: &NewCall<'_>, pieces: &[&[u8]]) -> Result<CallId, Fault> {
        let inherited = match call.parent {
            Some(parent) => self.calls.get(parent).map_or(u64::MAX, |slot| slot.deadline),
            None => u64::MAX,
        };
        let limit = call.limit.unwrap_or(self.calls.timeout);
        // Written piece by piece: a chip has few registers.
        let (index, slot) = self.calls.claim(pieces)?;
        slot.phase = Phase::Queued;
        slot.what = call.what;
        slot.caller = call.caller;
        slot.callee = call.callee.unwrap_or(STORAGE);
        slot.parent = call.parent.unwrap_or(CallId::NONE);
        slot.waker = call.waker.cloned();
        slot.place = self.bus.log.next_seq();
        slot.started = (self.clock)();
        slot.deadline = slot.started.saturating_add(limit).min(inherited);
        let (id, deadline) = (slot.id, slot.deadline);
        let waker = match call.callee {
            Some(callee) => self.plugins.at_mut(callee.index()).and_then(|plugin| {
                self.calls.enqueue(&mut plugin.queue, index);
                plugin.take_waker()
            }),
            None => {
                let mut queue = self.calls.storage;
                self.calls.enqueue(&mut queue, index);
                self.calls.storage = queue;
                self.calls.storage_waker.take()
            }
        };
        self.wake(waker);
        if let Some(caller) = self.plugins.get_mut(call.caller) {
            caller.open_calls = caller.open_calls.wrapping_add(1);
            caller.counters.calls_out = caller.counters.calls_out.wrapping_add(1);
        }
        self.arm(deadline);
        Ok(id)
    }

    /// Calls a service on behalf of `who`.
    pub(crate) fn call_service(
        &mut self,
        who: PluginId,
        parent: Parent,
        service: &str,
        args: &[u8],
        limit: Option<u64>,
        waker: Option<&Waker>,
    ) -> Result<CallId, Fault> {
        let caller = self.plugins.get(who);
        if caller.is_none() && who.is_plugin() {
            return Err(Fault::Unloaded);
        }
        let parent = match (parent, caller.map(|slot| slot.handling())) {
            (Parent::Is(parent), _) => parent,
            (Parent::Answering, Some(Cause::Call(parent))) => Some(parent),
            (Parent::Answering, _) => None,
        };
        let serial = caller.is_some_and(|slot| slot.serial);
        let index = self.find_service(service).ok_or(Fault::NotFound)?;
        let callee = self.callee(index)?;
        if self.closes_cycle(who, serial, callee, parent) {
            return Err(Fault::Cycle);
        }
        let call = NewCall {
            caller: who,
            callee: Some(callee),
            what: What::Service(index as u16),
            parent,
            limit,
            waker,
        };
        self.begin_call(&call, &[args])
    }

    /// The next call of a queue, if any.
    pub(crate) fn peek_call(&self, callee: Option<PluginId>) -> Option<CallId> {
        let queue = match callee {
            Some(callee) => self.plugins.get(callee)?.queue,
            None => self.calls.storage,
        };
        self.calls.at(queue.0.index()?).map(|(id, _)| id)
    }

    /// The callee takes the call off its queue; gives its slot's number.
    pub(crate) fn take_call(&mut self, id: CallId) -> Option<usize> {
        let index = self.calls.index(id);
        let slot = self.calls.get_mut(id)?;
        slot.phase = Phase::Running;
        slot.place = 0;
        let callee = slot.callee;
        if let Some(plugin) = self.unqueue(callee, index) {
            plugin.counters.calls_in = plugin.counters.calls_in.wrapping_add(1);
        }
        Some(index)
    }

    /// A plugin takes the call off its queue, the service's name and the arguments copied into
    /// `buf`; `None` when they have no room there, which the call is answered with.
    pub(crate) fn take_service_call(&mut self, id: CallId, buf: &mut [u8]) -> Option<Taken> {
        let index = self.take_call(id)?;
        let slot = self.calls.slots.get(index)?;
        let What::Service(service) = slot.what else {
            return None;
        };
        let name = self.service_bytes(service as usize);
        let args = self.calls.content_at(index, slot.len);
        let taken = Taken {
            caller: slot.caller,
            name: name.len(),
            len: args.len(),
        };
        match places(buf, taken.name, taken.len) {
            Some((to_name, to_args)) => {
                copy(to_name, name);
                copy(to_args, args);
                Some(taken)
            }
            None => {
                let message = "the arguments do not fit into the plugin's buffer";
                self.fail_call(id, "too_large", message);
                None
            }
        }
    }

    /// Takes a call out of the queue of `callee`; gives the callee, when it is a plugin.
    pub(super) fn unqueue(&mut self, callee: PluginId, index: usize) -> Option<&mut PluginSlot> {
        if callee == STORAGE {
            let mut queue = self.calls.storage;
            self.calls.unqueue(&mut queue, index);
            self.calls.storage = queue;
            return None;
        }
        // By slot: the life may be over already, and the queue still has to be kept in order.
        let plugin = self.plugins.at_mut(callee.index())?;
        self.calls.unqueue(&mut plugin.queue, index);
        Some(plugin)
    }
}
