//! The operations of the waist: the one place where a life is checked and where each is counted.

use core::task::{Poll, Waker};

use super::waist::TicketState;
use super::{Core, Op, Step, Ticket};
use crate::bus::{NewRecord, Origin};
use crate::call::NewCall;
use crate::fault::{Capacity, Fault};
use crate::id::{CallId, PluginId};
use crate::json::Json;
use crate::state::CHANGED;
use crate::subject::{check_topic, is_below};
use crate::time::{Deadline, Instant, On, Span};

impl Core {
    /// Carries out one operation: see [`Waist::run`](super::Waist::run).
    pub(super) fn run(
        &mut self,
        who: PluginId,
        op: &mut Op<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
        buf: &mut [u8],
    ) -> Poll<Result<u32, Fault>> {
        if who.is_plugin() && self.lives.get(who).is_none() {
            if let Op::Next { step, .. } = op {
                **step = Step::Ended;
                return Poll::Ready(Ok(0));
            }
            return Poll::Ready(Err(Fault::Unloaded));
        }
        // Of those that wait, each says itself when it is done.
        let done = match op {
            Op::Next { before, step } => {
                self.conclude(who, core::mem::take(before), buf);
                return self.next(who, waker, buf, step);
            }
            Op::Publish {
                topic,
                payload,
                limit,
            } => return self.publish_or_wait(who, topic, *payload, *limit, ticket, waker),
            Op::Call {
                service,
                args,
                limit,
                parent,
            } => {
                let id = match ticket.call() {
                    Some(id) => id,
                    None => self.begin_call(who, service, *args, *limit, *parent)?,
                };
                let looked = self.calls.poll(id, waker, buf);
                *ticket = Ticket::NONE;
                if looked.is_pending() {
                    ticket.state = TicketState::Call(id);
                }
                return looked;
            }
            Op::Sleep(span) => {
                let now = self.now();
                match self.wait(On::Time, now, now.due(*span), ticket, waker) {
                    Ok(()) => return Poll::Pending,
                    Err(Fault::Timeout) => Ok(0),
                    Err(fault) => Err(fault),
                }
            }
            Op::Alive => {
                if let (Some(slot), Some(waker)) = (self.lives.get_mut(who), waker) {
                    slot.keep_waker(waker);
                }
                Ok(0)
            }
            Op::Fail(error) => {
                self.handler_failed(who, error);
                Ok(0)
            }
            Op::Subscribe(filter) => {
                if !who.is_plugin() {
                    return Poll::Ready(Err(Fault::Denied));
                }
                self.check_share(who, Capacity::Filters, 1)?;
                let added = self.bus.subscribe(who, *filter, &mut self.names)?;
                self.hold(who, Capacity::Filters, added as i32);
                found(added)
            }
            Op::Unsubscribe(filter) => {
                let was = self.bus.unsubscribe(who, filter, &mut self.names);
                self.hold(who, Capacity::Filters, -(was as i32));
                found(was)
            }
            Op::Register(service) => {
                if !who.is_plugin() {
                    return Poll::Ready(Err(Fault::Denied));
                }
                self.check_share(who, Capacity::Services, 1)?;
                #[cfg(feature = "large")]
                self.take_yielding(who, service.name.as_str());
                self.calls.services.register(who, service, &mut self.names)?;
                self.hold(who, Capacity::Services, 1);
                Ok(0)
            }
            Op::Unregister(name) => {
                // Another service may get its place while its handler runs.
                #[cfg(feature = "large")]
                if let Some(slot) = self.lives.get_mut(who)
                    && self.calls.services.find(name, &self.names) == Some(slot.more.service as usize)
                {
                    slot.more.service = u16::MAX;
                }
                let was = self.calls.unregister(who, name, &mut self.names, &mut self.wakes);
                self.hold(who, Capacity::Services, -(was as i32));
                found(was)
            }
            Op::HasService(name) => found(self.calls.services.find(name, &self.names).is_some()),
            Op::Reply(id, answer) => found(self.calls.reply(*id, who, *answer, &mut self.wakes)),
            Op::Get(key) => {
                let entry = self.state.get(key, &self.names, self.clock);
                let entry = entry.ok_or(Fault::Absent)?;
                ticket.version = entry.version;
                Ok(self.state.copy(entry, buf)?.len() as u32)
            }
            Op::Set {
                key,
                value,
                ttl,
                expected,
            } => {
                ticket.version = self.set_state(who, &[(*key, *value)], *ttl, *expected)?;
                Ok(0)
            }
            Op::Update(writes) => self.set_state(who, writes, None, None).map(|_| 0),
            Op::Delete(key, expected) => self.delete_state(who, key, *expected).and_then(found),
            Op::Clear => Ok(self.clear_state(who)),
            Op::Entry(prefix, entry) => self.next_entry(prefix, entry, buf),
            Op::Interval(interval) => {
                let now = self.now();
                if let Some(slot) = self.lives.get_mut(who) {
                    let due = slot.set_interval(*interval, now);
                    self.arm(due);
                }
                Ok(0)
            }
            Op::NameOf(id) => copy_out(self.name_of(*id).as_bytes(), buf),
            Op::Settings => {
                #[cfg(feature = "large")]
                if let Some(settings) = self.lives.get(who).and_then(|slot| slot.more.settings) {
                    return Poll::Ready(copy_out(settings.as_bytes(), buf));
                }
                copy_out(b"{}", buf)
            }
        };
        Poll::Ready(done)
    }

    /// Gives back what an operation took that is not done.
    pub(crate) fn leave(&mut self, ticket: Ticket) {
        match ticket.state {
            TicketState::Wait {
                place: Some(place), ..
            } => self.waits.leave(place),
            TicketState::Call(id) => self.calls.free(id),
            _ => {}
        }
    }

    /// What `who` is doing now, as what led to what it does.
    #[cfg_attr(not(feature = "large"), inline(never))]
    pub(super) fn origin_of(&self, who: PluginId) -> Origin {
        let slot = self.lives.at(who.index());
        slot.map_or(Origin::NONE, |slot| slot.origin())
    }

    fn publish_or_wait(
        &mut self,
        who: PluginId,
        topic: &str,
        payload: Json<'_>,
        limit: Span,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
    ) -> Poll<Result<u32, Fault>> {
        let now = self.now();
        let done = match self.publish(who, topic, payload, now) {
            Err(Fault::Busy { subscriber }) if !limit.is_none() => {
                match self.wait(On::Room, now, now.due(limit), ticket, waker) {
                    Ok(()) => return Poll::Pending,
                    Err(Fault::Timeout) => Err(Fault::Slow { subscriber }),
                    Err(fault) => Err(fault),
                }
            }
            done => done,
        };
        self.leave(core::mem::take(ticket));
        if done.is_err() {
            self.bus.refused = self.bus.refused.wrapping_add(1);
        }
        Poll::Ready(done)
    }

    /// Holds a place among those who wait, at most until a deadline, which is that of its first call.
    pub(crate) fn wait(
        &mut self,
        on: On,
        now: Instant,
        due: Deadline,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
    ) -> Result<(), Fault> {
        let (mut place, due) = match ticket.state {
            TicketState::Wait { place, due } => (place, due),
            _ => (None, due),
        };
        let outcome = match waker {
            Some(waker) if !due.is_due(now) => self.waits.hold(&mut place, on, due, waker),
            _ => Err(Fault::Timeout),
        };
        if outcome.is_ok() {
            ticket.state = TicketState::Wait { place, due };
            self.arm(due);
        } else {
            self.leave(core::mem::take(ticket));
        }
        outcome
    }

    /// Publishes an event of a plugin's, or of the operator's: how many get it.
    fn publish(&mut self, who: PluginId, topic: &str, payload: Json<'_>, now: Instant) -> Result<u32, Fault> {
        let origin = self.origin_of(who);
        let record = NewRecord {
            source: who,
            origin,
            topic: [topic.as_bytes(), b""],
            payload: &[payload.as_bytes()],
        };
        let route = self.bus.route(&record.topic);
        if route.is_none() {
            check_topic(topic)?;
        }
        if is_below(topic, "runtime") || topic.starts_with(CHANGED) {
            return Err(Fault::Reserved);
        }
        let size = match self.bus.check(&record) {
            Ok(size) => size,
            Err(fault) => return Err(self.explain(who, origin, fault)),
        };
        if let Some(index) = self.bus.blocker(size, who) {
            let subscriber = self.lives.at(index).map_or(PluginId::KERNEL, |slot| slot.id());
            return Err(Fault::Busy { subscriber });
        }
        if let Some(slot) = self.lives.get_mut(who) {
            slot.published = slot.published.wrapping_add(1);
        }
        Ok(self
            .bus
            .publish(&record, size, route, now, &self.names, &mut self.wakes))
    }

    fn begin_call(
        &mut self,
        who: PluginId,
        service: &str,
        args: (&[u8], &[&[u8]]),
        limit: Option<Span>,
        parent: Option<CallId>,
    ) -> Result<CallId, Fault> {
        let index = self
            .calls
            .services
            .find(service, &self.names)
            .ok_or(Fault::NotFound)?;
        let callee = self.calls.services.at(index).ok_or(Fault::NotFound)?.owner;
        if !self.bus.is_open(callee.index()) {
            return Err(Fault::Unavailable);
        }
        let origin = self.origin_of(who);
        let parent = parent.or(origin.as_call()).unwrap_or(CallId::NONE);
        if self.calls.closes_cycle(who, callee, parent) {
            return Err(Fault::Cycle);
        }
        self.check_share(who, Capacity::Calls, 1)?;
        let now = self.now();
        let due = now.due(limit.unwrap_or(self.calls.timeout));
        let id = self.calls.begin(&NewCall {
            caller: who,
            callee,
            service: index as u16,
            args,
            parent,
            due,
            now,
            hops: origin.hops,
            arrival: self.bus.next_seq(),
        })?;
        self.wakes.plugins.insert(callee.index());
        self.arm(due);
        Ok(id)
    }

    /// Whether a plugin may hold `more` of a capacity.
    #[cfg(feature = "large")]
    pub(super) fn check_share(&mut self, who: PluginId, capacity: Capacity, more: u32) -> Result<(), Fault> {
        let Some(slot) = self.lives.get(who) else {
            return Ok(());
        };
        let held = slot.more.held;
        let (held, usage) = match capacity {
            Capacity::Filters => (held.filters, self.bus.filters().usage()),
            Capacity::Services => (held.services, self.calls.services.usage()),
            Capacity::Calls => (self.calls.open_by(who.index()), self.calls.usage()),
            Capacity::StateEntries => (held.entries, self.state.usage().0),
            Capacity::StateBytes => (held.bytes, self.state.usage().1),
            _ => return Ok(()),
        };
        // Of what nobody else holds, this part; at least one.
        let free = usage.free().saturating_add(held) as u64;
        let share = (free.wrapping_mul(self.share as u64) / 256).max(1) as u32;
        if held.saturating_add(more) <= share || more > usage.free() {
            return Ok(());
        }
        self.shares_refused = self.shares_refused.wrapping_add(1);
        self.warn_share(who, capacity, share);
        Err(Fault::Share { capacity, share })
    }

    #[cfg(not(feature = "large"))]
    pub(super) fn check_share(&mut self, _: PluginId, _: Capacity, _: u32) -> Result<(), Fault> {
        Ok(())
    }

    /// Takes a service that gives way from its owner, for another plugin.
    #[cfg(feature = "large")]
    fn take_yielding(&mut self, who: PluginId, name: &str) {
        let index = self.calls.services.find(name, &self.names);
        let Some(service) = index.and_then(|index| self.calls.services.at(index)) else {
            return;
        };
        let owner = service.owner;
        if service.more.yields && owner != who {
            self.calls
                .unregister(owner, name, &mut self.names, &mut self.wakes);
            self.hold(owner, Capacity::Services, -1);
        }
    }

    /// Notes that a plugin holds more, or less, of a capacity.
    #[cfg(feature = "large")]
    pub(super) fn hold(&mut self, who: PluginId, capacity: Capacity, more: i32) {
        let Some(slot) = self.lives.get_mut(who) else {
            return;
        };
        let held = &mut slot.more.held;
        let held = match capacity {
            Capacity::Filters => &mut held.filters,
            Capacity::Services => &mut held.services,
            Capacity::StateEntries => &mut held.entries,
            Capacity::StateBytes => &mut held.bytes,
            _ => return,
        };
        *held = held.saturating_add_signed(more);
    }

    #[cfg(not(feature = "large"))]
    pub(super) fn hold(&mut self, _: PluginId, _: Capacity, _: i32) {}
}

fn copy_out(from: &[u8], buf: &mut [u8]) -> Result<u32, Fault> {
    let len = from.len() as u32;
    buf.get_mut(..from.len())
        .ok_or(Fault::Buffer { len })?
        .copy_from_slice(from);
    Ok(len)
}

fn found(found: bool) -> Result<u32, Fault> {
    if found { Ok(1) } else { Err(Fault::Absent) }
}
