//! What a session knows, and what it does by itself: keep-alives, and whatever is in flight.

use core::task::{Context, Poll};

use kernel_core::{Fault, Kernel, Op, PluginId, Span, Ticket};

use super::outbox::Outbox;
use crate::{Config, FLIGHTS};

/// Everything of one session that is not a byte stream.
pub(super) struct State<'b> {
    pub(super) kernel: Kernel,
    pub(super) config: &'b Config<'b>,
    pub(super) out: Outbox<'b>,
    /// Where texts and values are copied to on their way out.
    pub(super) work: &'b mut [u8],
    pub(super) open: bool,
    /// Calls in flight: the request, and what the kernel has of it.
    pub(super) calls: [(u32, Ticket); FLIGHTS],
    #[cfg(feature = "lists")]
    pub(super) list: Option<super::lists::Listing>,
    #[cfg(feature = "manage")]
    pub(super) job: Option<super::manage::Job>,
    #[cfg(feature = "watch")]
    pub(super) watch: Option<super::watch::Watch>,
    #[cfg(feature = "peer")]
    pub(super) peer: super::peer::Peer,
    /// Something was done that another part of the session may wait for.
    pub(super) moved: bool,
    timer: Ticket,
    /// Ticks since something was heard.
    pub(super) silent: u8,
}

/// Ticks in a keep-alive period.
const TICKS: u32 = 4;

impl<'b> State<'b> {
    pub(super) fn new(kernel: Kernel, config: &'b Config<'b>, out: &'b mut [u8], work: &'b mut [u8]) -> Self {
        State {
            kernel,
            config,
            out: Outbox::new(config.framing, out),
            work,
            open: false,
            calls: [(0, Ticket::NONE); FLIGHTS],
            #[cfg(feature = "lists")]
            list: None,
            #[cfg(feature = "manage")]
            job: None,
            #[cfg(feature = "watch")]
            watch: None,
            #[cfg(feature = "peer")]
            peer: super::peer::Peer::NONE,
            moved: false,
            timer: Ticket::NONE,
            silent: 0,
        }
    }

    /// Ends all that the client began: it has gone, or begins anew.
    #[inline(never)]
    pub(super) fn reset(&mut self) {
        for place in 0..FLIGHTS {
            self.give_up(place);
        }
        self.leave_timer();
        #[cfg(feature = "peer")]
        self.end_peer();
        #[cfg(feature = "lists")]
        {
            self.list = None;
        }
        #[cfg(feature = "manage")]
        {
            self.job = None;
        }
        #[cfg(feature = "watch")]
        {
            self.watch = None;
        }
        self.open = false;
        self.moved = true;
    }

    fn leave_timer(&mut self) {
        let ticket = core::mem::take(&mut self.timer);
        self.kernel.waist().leave(PluginId::OPERATOR, ticket);
    }

    /// Goes on with what is in flight; true when the client is silent for too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if self.poll_timer(cx) {
            return true;
        }
        self.poll_calls(cx);
        #[cfg(feature = "lists")]
        self.poll_list();
        #[cfg(feature = "manage")]
        self.poll_job(cx);
        #[cfg(feature = "peer")]
        self.poll_peer(cx);
        #[cfg(feature = "watch")]
        self.poll_watch(cx);
        false
    }

    #[inline(never)]
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let millis = if self.open {
            self.config.keep_alive_ms / TICKS
        } else {
            self.config.handshake_ms
        };
        let mut tick = Op::Sleep(Span::from_millis(millis));
        let (waist, waker) = (self.kernel.waist(), Some(cx.waker()));
        if millis == 0
            || waist.run(PluginId::OPERATOR, &mut tick, &mut self.timer, waker, &mut []) != Poll::Ready(Ok(0))
        {
            return false;
        }
        self.moved = true;
        self.silent = self.silent.saturating_add(1);
        if !self.open || self.silent as u32 > TICKS {
            return true;
        }
        if !core::mem::take(&mut self.out.spoke) && self.out.ready() {
            let len = self.out.message(5).end();
            self.out.sent(len);
            self.out.spoke = false;
        }
        false
    }

    /// Carries out an operation that does not wait, texts in the work buffer.
    pub(super) fn run(&mut self, op: &mut Op<'_>) -> Result<u32, Fault> {
        self.run_with(op, &mut Ticket::NONE.clone())
    }

    /// The same, what else comes of it in a ticket.
    #[inline(never)]
    pub(super) fn run_with(&mut self, op: &mut Op<'_>, ticket: &mut Ticket) -> Result<u32, Fault> {
        self.run_as(PluginId::OPERATOR, op, ticket)
    }

    /// The same, on behalf of `who`.
    pub(super) fn run_as(
        &mut self,
        who: PluginId,
        op: &mut Op<'_>,
        ticket: &mut Ticket,
    ) -> Result<u32, Fault> {
        let waist = self.kernel.waist();
        match waist.run(who, op, ticket, None, self.work) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => Err(Fault::Unavailable),
        }
    }
}

impl Drop for State<'_> {
    fn drop(&mut self) {
        self.reset();
    }
}
