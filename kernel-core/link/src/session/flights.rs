//! What is in flight: a bounded number of operations, each looked after whenever the session is polled, so that
//! none keeps another, or the reading of the next message, from going on.

use core::task::{Context, Poll};

use heapless::String;
use kernel_core::Span;
use kernel_core::subject::MAX_NAME;
use kernel_core::{Fault, Op, Ticket};

use crate::Action;
use crate::failure::text_of;
use crate::session::State;
use crate::session::lists::List;
use crate::{FLIGHTS, Failure, Raw, Refusal, Reply};

/// How many lifecycle commands may wait for the one that is carried out; more are refused.
pub(crate) const JOBS: usize = 8;

/// An operation in flight.
pub(crate) struct Flight {
    /// The request's number.
    pub(crate) id: u32,
    pub(crate) kind: Kind,
    pub(crate) ticket: Ticket,
}

/// What it is, and what its answer looks like.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// A call, of a service or of the storage.
    Call(Shape),
    /// The publish that is parked.
    Publish,
    Sleep(Span),
    List(List, usize),
}

/// How the bytes of a call's reply are sent.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    Json,
    Done,
    Count,
    Names,
}

impl Shape {
    fn reply(self, bytes: &[u8]) -> Reply<'_> {
        match self {
            Shape::Json => Reply::Json(Raw(bytes)),
            Shape::Done => Reply::Done,
            Shape::Count => Reply::Count(
                bytes
                    .first_chunk()
                    .map_or(0, |count| u32::from_le_bytes(*count) as u64),
            ),
            Shape::Names => Reply::Names(Raw(bytes)),
        }
    }
}

/// A lifecycle command.
pub(crate) struct Job {
    pub(crate) id: u32,
    pub(crate) action: Action,
    pub(crate) plugin: String<MAX_NAME>,
}

impl State<'_> {
    /// The next lifecycle command.
    pub(crate) fn next_job(&mut self) -> Option<Job> {
        self.jobs.pop_front()
    }

    /// A place for one more operation; none is answered here.
    #[inline(never)]
    pub(crate) fn place(&mut self, id: u32) -> Option<usize> {
        let place = self.flights.iter().position(Option::is_none);
        if place.is_none() {
            self.refuse(id, Refusal::InFlight(FLIGHTS as u32));
        }
        place
    }

    /// Puts an operation in flight; it is looked after from the next poll on.
    #[inline(never)]
    pub(crate) fn fly(&mut self, place: usize, flight: Flight) {
        if let Some(to) = self.flights.get_mut(place) {
            *to = Some(flight);
        }
        self.moved = true;
    }

    /// Ends the operation in this place without an answer.
    #[inline(never)]
    pub(crate) fn give_up(&mut self, place: usize) {
        let who = self.who();
        if let Some(flight) = self.flights.get_mut(place).and_then(Option::take) {
            self.kernel.waist().leave(who, flight.ticket);
            if flight.kind == Kind::Publish {
                self.parked.clear();
            }
        }
    }

    /// The client gives a request up.
    #[inline(never)]
    pub(crate) fn cancel(&mut self, id: u32) {
        for place in 0..FLIGHTS {
            if self
                .flights
                .get(place)
                .is_some_and(|flight| matches!(flight, Some(flight) if flight.id == id))
            {
                self.give_up(place);
            }
        }
        for _ in 0..self.jobs.len() {
            match self.jobs.pop_front() {
                Some(job) if job.id != id => drop(self.jobs.push_back(job)),
                _ => {}
            }
        }
    }

    /// Looks after what is in flight, while there is room for answers.
    #[inline(never)]
    pub(crate) fn poll_flights(&mut self, cx: &mut Context<'_>) {
        let (who, publisher) = (self.who(), self.publisher());
        for place in 0..FLIGHTS {
            if !self.out.ready() {
                return;
            }
            let Some(flight) = self.flights.get_mut(place).and_then(Option::as_mut) else {
                continue;
            };
            let (id, kind) = (flight.id, flight.kind);
            let waker = Some(cx.waker());
            let waist = self.kernel.waist();
            let outcome = match kind {
                // It has begun, and its arguments are with the kernel.
                Kind::Call(_) => {
                    let mut op = Op::Call {
                        service: "",
                        args: (&[], &[]),
                        limit: None,
                        parent: None,
                    };
                    waist.run(who, &mut op, &mut flight.ticket, waker, self.work)
                }
                Kind::Publish => match self.parked.op() {
                    Some(mut op) => waist.run(publisher, &mut op, &mut flight.ticket, waker, &mut []),
                    None => Poll::Ready(Err(Fault::Unavailable)),
                },
                Kind::Sleep(span) => waist.run(who, &mut Op::Sleep(span), &mut flight.ticket, waker, &mut []),
                Kind::List(..) => {
                    self.send_rows(place);
                    continue;
                }
            };
            let Poll::Ready(outcome) = outcome else { continue };
            self.moved = true;
            // Of a life that is over, what the operation had taken is still to be given back.
            waist.leave(who, flight.ticket);
            if let Some(place) = self.flights.get_mut(place) {
                *place = None;
            }
            let what = match (outcome, kind) {
                (Ok(len), Kind::Call(shape)) => shape.reply(self.work.get(..len as usize).unwrap_or(&[])),
                (Ok(count), Kind::Publish) => Reply::Count(count as u64),
                (Ok(_), _) => Reply::Done,
                (Err(Fault::Absent), _) => Reply::Absent,
                (Err(fault), _) => Reply::Failed(failure(fault, self.work)),
            };
            self.out.reply(id, &what);
            if kind == Kind::Publish {
                self.parked.clear();
            }
        }
    }
}

/// A fault as it travels: a callee's own error with its texts, which are in `buf`.
pub(crate) fn failure(fault: Fault, buf: &[u8]) -> Failure<'_> {
    let Fault::Failed { code, len } = fault else {
        return Failure::of(fault);
    };
    let text = buf.get(..len as usize).unwrap_or(&[]);
    let (code, message) = text.split_at_checked(code as usize).unwrap_or((text, &[]));
    Failure::Error {
        code: text_of(code),
        message: text_of(message),
    }
}
