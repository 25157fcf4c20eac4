//! Calls in flight: a bounded number, each looked after whenever the session is polled.

use core::task::{Context, Poll, Waker};

use kernel_core::{Fault, Op, PluginId, Ticket};

use super::outbox::{FAILED, JSON};
use super::session::State;
use crate::failure::text_of;
use crate::{FLIGHTS, Refusal};

impl State<'_> {
    /// Begins a call; its answer comes when it is done.
    #[inline(never)]
    pub(super) fn begin_call(&mut self, id: u32, op: &mut Op<'_>) -> Result<(), Refusal> {
        let free = |(_, ticket): &(u32, Ticket)| !ticket.is_held();
        let place = self.calls.iter().position(free);
        let place = place.ok_or(Refusal::InFlight(FLIGHTS as u32))?;
        if let Some(call) = self.calls.get_mut(place) {
            call.0 = id;
        }
        self.go_on(place, op, None);
        Ok(())
    }

    /// Looks after the calls, while there is room for answers.
    #[inline(never)]
    pub(super) fn poll_calls(&mut self, cx: &mut Context<'_>) {
        for place in 0..FLIGHTS {
            if self.calls.get(place).is_none_or(|(_, ticket)| !ticket.is_held()) {
                continue;
            }
            if !self.out.ready() {
                return;
            }
            // It has begun: its arguments are with the kernel.
            let mut op = Op::Call {
                service: "",
                args: (&[], &[]),
                limit: None,
                parent: None,
            };
            self.go_on(place, &mut op, Some(cx.waker()));
        }
    }

    #[inline(never)]
    fn go_on(&mut self, place: usize, op: &mut Op<'_>, waker: Option<&Waker>) {
        let Some((id, ticket)) = self.calls.get_mut(place) else {
            return;
        };
        let (id, waist) = (*id, self.kernel.waist());
        let Poll::Ready(outcome) = waist.run(PluginId::OPERATOR, op, ticket, waker, self.work) else {
            return;
        };
        self.give_up(place);
        let len = match outcome {
            Ok(len) => {
                let mut put = self.out.reply(id, JSON);
                put.bytes(self.work.get(..len as usize).unwrap_or(&[]));
                put.end()
            }
            Err(Fault::Failed { code, len }) => {
                // The callee's own error, its texts in the work buffer.
                let text = self.work.get(..len as usize).unwrap_or(&[]);
                let (code, message) = text.split_at_checked(code as usize).unwrap_or((text, &[]));
                let mut put = self.out.reply(id, FAILED);
                put.error(text_of(code), text_of(message));
                put.end()
            }
            Err(fault) => return self.out.fault(id, fault),
        };
        self.out.replied(id, len);
    }

    /// Ends the call in this place, if there is one, without an answer.
    #[inline(never)]
    pub(super) fn give_up(&mut self, place: usize) {
        if let Some((_, ticket)) = self.calls.get_mut(place) {
            let ticket = core::mem::take(ticket);
            self.kernel.waist().leave(PluginId::OPERATOR, ticket);
        }
        self.moved = true;
    }

    /// The client gives a request up.
    #[inline(never)]
    pub(super) fn cancel(&mut self, id: u32) {
        for place in 0..FLIGHTS {
            if self.calls.get(place).is_some_and(|call| call.0 == id) {
                self.give_up(place);
            }
        }
        #[cfg(feature = "lists")]
        if self.list.as_ref().is_some_and(|list| list.id == id) {
            self.list = None;
        }
        #[cfg(feature = "manage")]
        if self.job.as_ref().is_some_and(|job| job.id == id) {
            self.job = None;
        }
    }
}
