//! What the runtime's side of a session knows, and what of it goes out.

pub(crate) mod attached;
pub(crate) mod flights;
pub(crate) mod lists;
pub(crate) mod peer;
pub(crate) mod watch;

use core::task::{Context, Poll};

use heapless::Deque;
use heapless::String;
use kernel_core::{CoreRuntime, Fault, Kernel, Op, PluginId, Span, Ticket};

use crate::frame;
use crate::frame::{FrameError, Framing};
use crate::parked::Parked;
use crate::{Config, FLIGHTS, Failure, Refusal, Reply, ToClient};
use attached::Attached;
use flights::{Flight, JOBS, Job};
use peer::Peer;
use watch::Watch;

/// Bytes of the prefix of a list of state entries, and of a watch's filter.
pub(crate) const TEXT: usize = 128;

/// Everything of one session that is not a byte stream.
pub(crate) struct State<'b> {
    pub(crate) kernel: Kernel,
    pub(crate) config: &'b Config<'b>,
    pub(crate) out: Outbox<'b>,
    /// Where rows and values are copied to on their way out.
    pub(crate) work: &'b mut [u8],
    pub(crate) open: bool,
    pub(crate) flights: [Option<Flight>; FLIGHTS],
    /// The prefix of the list of state entries that is in flight.
    pub(crate) prefix: String<TEXT>,
    pub(crate) jobs: Deque<Job, JOBS>,
    pub(crate) watch: Option<Watch>,
    pub(crate) attached: Option<Attached>,
    pub(crate) peer: Option<Peer>,
    pub(crate) parked: Parked<'b>,
    /// Something was done that another part of the session may wait for.
    pub(crate) moved: bool,
    timer: Ticket,
    /// Ticks since something was heard, and whether something was said since the last one.
    silent: u8,
    spoke: bool,
}

/// Ticks in a keep-alive period.
const TICKS: u32 = 4;

impl<'b> State<'b> {
    pub(crate) fn new(
        kernel: Kernel,
        config: &'b Config<'b>,
        out: &'b mut [u8],
        most: usize,
        work: &'b mut [u8],
        parked: &'b mut [u8],
    ) -> Self {
        State {
            kernel,
            config,
            out: Outbox::new(config.framing, out, most),
            work,
            open: false,
            flights: [const { None }; FLIGHTS],
            prefix: String::new(),
            jobs: Deque::new(),
            watch: None,
            attached: None,
            peer: None,
            parked: Parked::new(parked),
            moved: false,
            timer: Ticket::NONE,
            silent: 0,
            spoke: false,
        }
    }

    pub(crate) fn runtime(&self) -> CoreRuntime {
        CoreRuntime::new(self.kernel)
    }

    /// On whose behalf the session acts.
    pub(crate) fn who(&self) -> PluginId {
        if let Some(attached) = &self.attached {
            return attached.id;
        }
        PluginId::OPERATOR
    }

    /// Ends all that the client began: it has gone, or begins anew.
    #[inline(never)]
    pub(crate) fn reset(&mut self) {
        for at in 0..FLIGHTS {
            self.give_up(at);
        }
        self.jobs.clear();
        {
            self.watch = None;
        }
        {
            self.attached = None;
            self.peer = None;
            self.parked.clear();
        }
        self.open = false;
        self.moved = true;
        self.kernel
            .waist()
            .leave(PluginId::OPERATOR, core::mem::take(&mut self.timer));
    }

    /// Something came from the client.
    pub(crate) fn heard(&mut self) {
        self.silent = 0;
    }

    /// Goes on with whatever goes on; true when the client is silent for too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let silent = self.poll_timer(cx);
        self.poll_flights(cx);
        self.poll_attached(cx);
        self.poll_peer(cx);
        self.poll_watch(cx);
        silent
    }

    /// Keeps the time: true when the client is silent for too long.
    #[inline(never)]
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let millis = match self.open {
            true => self.config.keep_alive_ms / TICKS,
            false => self.config.handshake_ms,
        };
        if millis == 0 {
            return false;
        }
        let mut tick = Op::Sleep(Span::from_millis(millis));
        let waist = self.kernel.waist();
        let Poll::Ready(Ok(_)) = waist.run(
            PluginId::OPERATOR,
            &mut tick,
            &mut self.timer,
            Some(cx.waker()),
            &mut [],
        ) else {
            return false;
        };
        self.moved = true;
        self.silent = self.silent.saturating_add(1);
        if !self.open || self.silent as u32 > TICKS {
            return true;
        }
        if !core::mem::take(&mut self.spoke) && self.out.ready() {
            self.send(&ToClient::KeepAlive);
            self.spoke = false;
        }
        false
    }

    /// Something was sent.
    pub(crate) fn said(&mut self) {
        self.moved = true;
        self.spoke = true;
    }

    /// Sends a message; to be used when the outbox is ready. False when it is larger than a frame.
    pub(crate) fn send(&mut self, message: &ToClient<'_>) -> bool {
        self.said();
        self.out.send(message)
    }

    /// Answers a request; an answer that is too large becomes an error.
    pub(crate) fn reply(&mut self, id: u32, what: &Reply<'_>) {
        self.said();
        self.out.reply(id, what);
    }

    /// Answers a request by what came of it.
    #[inline(never)]
    pub(crate) fn outcome(&mut self, id: u32, outcome: Result<Reply<'_>, Fault>) {
        let what = match outcome {
            Ok(what) => what,
            Err(Fault::Absent) => Reply::Absent,
            Err(fault) => Reply::Failed(Failure::of(fault)),
        };
        self.reply(id, &what);
    }

    #[inline(never)]
    pub(crate) fn refuse(&mut self, id: u32, refusal: Refusal) {
        self.reply(id, &Reply::Failed(Failure::Link(refusal)));
    }

    /// Carries out an operation that does not wait, texts in the work buffer.
    #[inline(never)]
    pub(crate) fn run(&mut self, op: &mut Op<'_>) -> Result<u32, Fault> {
        self.run_as(self.who(), op)
    }

    /// The same, on behalf of `who`.
    pub(crate) fn run_as(&mut self, who: PluginId, op: &mut Op<'_>) -> Result<u32, Fault> {
        match self
            .kernel
            .waist()
            .run(who, op, &mut Ticket::NONE.clone(), None, self.work)
        {
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

/// Frames on their way out: written one behind the other until whoever writes takes the buffer.
pub(crate) struct Outbox<'b> {
    framing: Framing,
    /// Empty while it is being written.
    buf: &'b mut [u8],
    len: usize,
    /// The largest frame.
    most: usize,
}

impl<'b> Outbox<'b> {
    pub(crate) fn new(framing: Framing, buf: &'b mut [u8], most: usize) -> Self {
        Outbox {
            framing,
            buf,
            len: 0,
            most,
        }
    }

    /// The longest message.
    pub(crate) fn max_message(&self) -> usize {
        self.framing.max_message(self.most)
    }

    /// True when the largest frame has room.
    pub(crate) fn ready(&self) -> bool {
        self.buf.len().saturating_sub(self.len) >= self.most
    }

    /// Puts a message behind the others; false when it is larger than a frame.
    #[inline(never)]
    pub(crate) fn send(&mut self, message: &ToClient<'_>) -> bool {
        self.put_frame(|framing, to| frame::encode(framing, message, to))
    }

    /// Sends the answer to a request; one that is too large becomes an error.
    #[inline(never)]
    pub(crate) fn reply(&mut self, id: u32, what: &Reply<'_>) {
        if !self.put_reply(id, what) {
            let refusal = Refusal::TooLarge(self.max_message() as u32);
            self.put_reply(id, &Reply::Failed(Failure::Link(refusal)));
        }
    }

    fn put_reply(&mut self, id: u32, what: &Reply<'_>) -> bool {
        // [`ToClient::Reply`], without a copy of the answer.
        const REPLY: u8 = 2;
        self.put_frame(|framing, to| frame::encode(framing, &(REPLY, id, what), to))
    }

    fn put_frame(&mut self, encode: impl FnOnce(Framing, &mut [u8]) -> Result<usize, FrameError>) -> bool {
        let end = self.len.saturating_add(self.most);
        let room = self.buf.get_mut(self.len..end).unwrap_or_default();
        match encode(self.framing, room) {
            Ok(len) => {
                self.len = self.len.saturating_add(len);
                true
            }
            Err(_) => false,
        }
    }

    /// Takes the buffer to be written, when there is something in it: the bytes of it that are.
    pub(crate) fn take(&mut self) -> Option<(&'b mut [u8], usize)> {
        (self.len > 0).then(|| (core::mem::take(&mut self.buf), core::mem::take(&mut self.len)))
    }

    /// Gives the buffer back.
    pub(crate) fn put(&mut self, buf: &'b mut [u8]) {
        self.buf = buf;
    }
}
