//! The operations of the waist as requests, and their replies as what they come to.

use core::task::{Poll, Waker};

use kernel_core::{
    Answer, Before, CallId, Capacity, Error, Fault, Instant, Op, PluginId, Span, Step, Ticket, Waist,
};

use super::Remote;
use super::inner::{Inner, Phase, keep};
use super::outgoing::encode;
use super::replies::finish;
use crate::{Failure, Raw, Reply, Request, ToRuntime, frame};

impl<const N: usize, const B: usize> Waist for Remote<N, B> {
    fn run(
        &self,
        who: PluginId,
        op: &mut Op<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
        buf: &mut [u8],
    ) -> Poll<Result<u32, Fault>> {
        self.with(|inner| inner.run(who, op, ticket, waker, buf))
            .unwrap_or(Poll::Ready(Err(Fault::Unavailable)))
    }

    fn leave(&self, _: PluginId, ticket: Ticket) {
        self.with(|inner| inner.leave(ticket));
    }

    fn now(&self) -> Instant {
        (self.clock)()
    }
}

impl<const N: usize, const B: usize> Inner<N, B> {
    fn run(
        &mut self,
        who: PluginId,
        op: &mut Op<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
        buf: &mut [u8],
    ) -> Poll<Result<u32, Fault>> {
        if who != self.who() {
            if let Op::Next { step, .. } = op {
                **step = Step::Ended;
                return Poll::Ready(Ok(0));
            }
            return Poll::Ready(Err(Fault::Unloaded));
        }
        match op {
            Op::Next { before, step } => {
                while !matches!(before, Before::Done) {
                    if self.conclude(before, waker, buf).is_pending() {
                        return Poll::Pending;
                    }
                }
                self.next(step, waker, buf)
            }
            Op::Alive => {
                keep(&mut self.mail.waker, waker);
                Poll::Ready(Ok(0))
            }
            Op::Fail(error) => self.fail(error, waker),
            Op::Reply(call, answer) => self.answer(*call, *answer, waker),
            op => self.ask(op, ticket, waker, buf),
        }
    }

    /// Sends what became of the message before, a part at a time.
    fn conclude(&mut self, before: &mut Before<'_>, waker: Option<&Waker>, buf: &[u8]) -> Poll<()> {
        let (sent, rest) = match *before {
            Before::Failed { call: None, error } => (self.fail(error, waker), Before::Done),
            Before::Failed {
                call: Some(call),
                error,
            } => {
                let rest = match error.is_by_caller() {
                    true => Before::Done,
                    false => Before::Failed { call: None, error },
                };
                (self.answer(call, Answer::Error(error), waker), rest)
            }
            _ => match before.reply(buf) {
                Some((call, reply)) => (self.answer(call, Answer::Bytes(reply), waker), Before::Done),
                None => (Poll::Ready(Ok(0)), Before::Done),
            },
        };
        if sent.is_pending() {
            return Poll::Pending;
        }
        *before = rest;
        Poll::Ready(())
    }

    fn fail(&mut self, error: &Error, waker: Option<&Waker>) -> Poll<Result<u32, Fault>> {
        let failure = Failure::Error {
            code: error.code(),
            message: error.message(),
        };
        let done = self.control(&ToRuntime::StepDone { error: Some(failure) }, waker);
        if done.is_ready() {
            self.mail.release();
        }
        done
    }

    fn answer(
        &mut self,
        call: CallId,
        answer: Answer<'_>,
        waker: Option<&Waker>,
    ) -> Poll<Result<u32, Fault>> {
        let result = match answer {
            Answer::Bytes(bytes) => Ok(Raw(bytes)),
            Answer::Error(error) => Err(Failure::Error {
                code: error.code(),
                message: error.message(),
            }),
            Answer::Fault(fault) => Err(Failure::of(fault)),
            _ => Err(Failure::of(Fault::Absent)),
        };
        let call = call.to_bits();
        match self.control(&ToRuntime::Answer { call, result }, waker) {
            Poll::Ready(Err(fault)) => {
                let result = Err(Failure::of(fault));
                self.control(&ToRuntime::Answer { call, result }, waker)
            }
            other => other,
        }
    }

    /// Sends what is not answered, once there is room for it.
    fn control(&mut self, message: &ToRuntime<'_>, waker: Option<&Waker>) -> Poll<Result<u32, Fault>> {
        if self.control_len > 0 {
            keep(&mut self.control_waker, waker);
            return Poll::Pending;
        }
        let most = self.max_message.min(B);
        let room = self.control.get_mut(..most).unwrap_or_default();
        match encode(message, [].into_iter(), room) {
            Some(len) => {
                self.control_len = len;
                self.send();
                Poll::Ready(Ok(0))
            }
            None => Poll::Ready(Err(Fault::TooLarge { max: most as u32 })),
        }
    }

    /// Sends a request, or looks for its reply.
    fn ask(
        &mut self,
        op: &mut Op<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
        buf: &mut [u8],
    ) -> Poll<Result<u32, Fault>> {
        let Some(id) = ticket.as_other() else {
            // Without a waker nothing waits, and an answer always has to be waited for.
            return match waker {
                Some(_) => match self.begin(op, waker) {
                    Ok(id) => {
                        *ticket = Ticket::other(id);
                        Poll::Pending
                    }
                    Err(fault) => Poll::Ready(Err(fault)),
                },
                None => Poll::Pending,
            };
        };
        let place = id as usize & 0xff;
        let (there, who) = (self.there, self.who());
        let Some(slot) = self.slots.get_mut(place).filter(|slot| slot.id == id) else {
            *ticket = Ticket::NONE;
            return Poll::Ready(Err(Fault::Gone));
        };
        *ticket = Ticket::NONE;
        let outcome = match slot.phase {
            Phase::Done => match frame::decode::<Reply<'_>>(slot.bytes()) {
                Ok(reply) => finish(op, ticket, reply, buf),
                Err(_) => Err(Fault::Unavailable),
            },
            Phase::TooLarge => Err(Fault::Buffer { len: slot.len as u32 }),
            _ => {
                keep(&mut slot.waker, waker);
                *ticket = Ticket::other(id);
                return Poll::Pending;
            }
        };
        if let (Ok(_), Op::Entry(_, info)) = (outcome, op)
            && there == Some(info.owner)
        {
            info.owner = who;
        }
        slot.renew(place);
        Poll::Ready(outcome)
    }

    fn begin(&mut self, op: &Op<'_>, waker: Option<&Waker>) -> Result<u32, Fault> {
        let there = self.there;
        let most = match self.max_message {
            0 => B,
            most => most.min(B),
        };
        let who = self.who();
        let full = Fault::Full {
            capacity: Capacity::Calls,
            size: N as u32,
        };
        let mut slots = self.slots.iter_mut().enumerate();
        let (place, slot) = slots.find(|(_, slot)| slot.phase == Phase::Free).ok_or(full)?;
        slot.renew(place);
        let id = slot.id;
        let room = slot.buf.get_mut(..most).unwrap_or_default();
        let too_large = Fault::TooLarge { max: most as u32 };
        let plain = |what: Request<'_>, room: &mut [u8]| {
            encode(&ToRuntime::Request { id, what }, [].into_iter(), room).ok_or(too_large)
        };
        let len = match op {
            Op::Call {
                service,
                args,
                limit,
                parent,
            } => {
                let what = Request::Call {
                    service,
                    timeout_ms: limit.map_or(0, |limit| limit.as_millis().max(1)),
                    parent: parent.map(CallId::to_bits),
                    args: Raw(&[]),
                };
                let pieces = [args.0].into_iter().chain(args.1.iter().copied());
                encode(&ToRuntime::Request { id, what }, pieces, room).ok_or(too_large)?
            }
            Op::Update(writes) => {
                // The heads of all, which the pieces borrow.
                let mut heads = heapless::Vec::<[u8; 6], { kernel_core::storage::MAX_BATCH }>::new();
                for (key, value) in *writes {
                    let [a, b] = (key.as_str().len() as u16).to_le_bytes();
                    let [c, d, e, f] = (value.as_bytes().len() as u32).to_le_bytes();
                    heads.push([a, b, c, d, e, f]).map_err(|_| too_large)?;
                }
                let pieces = heads.iter().zip(*writes).flat_map(|(head, (key, value))| {
                    [head.as_slice(), key.as_str().as_bytes(), value.as_bytes()]
                });
                let what = Request::StateUpdate { entries: Raw(&[]) };
                encode(&ToRuntime::Request { id, what }, pieces, room).ok_or(too_large)?
            }
            op => plain(request(op, there, who).ok_or(Fault::Unavailable)?, room)?,
        };
        slot.len = len;
        slot.phase = Phase::Queued;
        keep(&mut slot.waker, waker);
        self.send();
        Ok(id)
    }

    fn leave(&mut self, ticket: Ticket) {
        let Some(id) = ticket.as_other() else { return };
        let place = id as usize & 0xff;
        let Some(slot) = self.slots.get_mut(place).filter(|slot| slot.id == id) else {
            return;
        };
        match slot.phase {
            Phase::Sent => {
                slot.phase = Phase::Cancelled;
                slot.waker = None;
                self.send();
            }
            Phase::Cancelled => {}
            _ => slot.renew(place),
        }
    }
}

/// The request of an operation that has no pieces.
fn request<'a>(op: &'a Op<'_>, there: Option<PluginId>, who: PluginId) -> Option<Request<'a>> {
    Some(match op {
        Op::Publish {
            topic,
            payload,
            limit,
        } => Request::Publish {
            topic,
            timeout_ms: limit.as_millis(),
            payload: Raw::json(*payload),
        },
        Op::Subscribe(filter) => Request::Subscribe {
            filter: filter.as_str(),
        },
        Op::Unsubscribe(filter) => Request::Unsubscribe { filter },
        Op::Register(service) => {
            let [name, description, version] = service.texts();
            Request::Register {
                service: name,
                description,
                version,
                deprecated: service.is_deprecated(),
            }
        }
        Op::Unregister(service) => Request::Unregister { service },
        Op::HasService(service) => Request::HasService { service },
        Op::Get(key) => Request::StateGet { key },
        Op::Set {
            key,
            value,
            ttl,
            expected,
        } => Request::StateSet {
            key: key.as_str(),
            ttl_ms: ttl.map(|ttl| ttl.as_millis() as u64),
            expected: *expected,
            value: Raw::json(*value),
        },
        Op::Delete(key, expected) => Request::StateDelete {
            key,
            expected: *expected,
        },
        Op::Clear => Request::StateClear,
        Op::Entry(prefix, info) => Request::StateEntry {
            prefix,
            cursor: info.cursor,
        },
        Op::Interval(span) => Request::Interval { ms: span.as_millis() },
        Op::Sleep(span) => Request::Sleep {
            ms: Span::as_millis(*span),
        },
        Op::NameOf(id) => {
            let id = if *id == who { there.unwrap_or(*id) } else { *id };
            Request::NameOf { id: id.to_bits() }
        }
        Op::Settings => Request::Settings,
        _ => return None,
    })
}
