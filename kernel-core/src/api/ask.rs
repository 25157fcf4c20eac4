//! An operation under way, as a future.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll, Waker};
use core::time::Duration;

use crate::fault::Fault;
use crate::id::{CallId, PluginId};
use crate::json::Json;
use crate::kernel::{Op, Ticket, Waist};
use crate::time::Span;

/// An operation under way. Await it; or, where the kernel is in memory and the operation does not wait, take its
/// outcome at once by [`Ask::now`].
///
/// # Cancellation
/// Dropped before it is done, it has not happened, unless the method that made it says otherwise.
#[must_use = "nothing happens until it is awaited, or `now` is called"]
pub struct Ask<'k, 'b, T> {
    base: Base<'k, 'b>,
    pick: Pick<'b, T>,
}

/// What an operation came to, the caller's buffer, and the version of a value, as its outcome.
pub(crate) type Pick<'b, T> = fn(Result<u32, Fault>, &'b [u8], u64) -> Result<T, Fault>;

/// The part that is the same for all: an operation with what it borrows, and the buffer that its texts come into.
pub(crate) struct Base<'k, 'b> {
    waist: &'static dyn Waist,
    who: PluginId,
    op: Op<'k>,
    ticket: Ticket,
    buf: &'b mut [u8],
}

impl<'k, 'b> Base<'k, 'b> {
    pub(crate) fn new(waist: &'static dyn Waist, who: PluginId, op: Op<'k>, buf: &'b mut [u8]) -> Self {
        Base {
            waist,
            who,
            op,
            ticket: Ticket::NONE,
            buf,
        }
    }

    #[inline(never)]
    fn poll(&mut self, waker: Option<&Waker>) -> Poll<Result<u32, Fault>> {
        self.waist
            .run(self.who, &mut self.op, &mut self.ticket, waker, self.buf)
    }

    fn take(&mut self) -> &'b [u8] {
        let buf: &'b mut [u8] = core::mem::take(&mut self.buf);
        buf
    }
}

impl Drop for Base<'_, '_> {
    fn drop(&mut self) {
        if self.ticket.is_held() {
            self.waist.leave(self.who, self.ticket);
        }
    }
}

impl<'k, 'b, T> Ask<'k, 'b, T> {
    pub(crate) fn new(base: Base<'k, 'b>, pick: Pick<'b, T>) -> Self {
        Ask { base, pick }
    }

    fn outcome(&mut self, outcome: Result<u32, Fault>) -> Result<T, Fault> {
        (self.pick)(outcome, self.base.take(), self.base.ticket.version())
    }

    /// The outcome at once, for an operation that does not wait, on a kernel in memory.
    ///
    /// # Errors
    /// Those of the operation; [`Fault::Timeout`] where it would wait, and then it has not happened.
    pub fn now(mut self) -> Result<T, Fault> {
        match self.base.poll(None) {
            Poll::Ready(outcome) => self.outcome(outcome),
            Poll::Pending => Err(Fault::Timeout),
        }
    }
}

impl<T> Future for Ask<'_, '_, T> {
    type Output = Result<T, Fault>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match this.base.poll(Some(cx.waker())) {
            Poll::Ready(outcome) => Poll::Ready(this.outcome(outcome)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// The outcome of an operation that comes to nothing.
pub(crate) fn nothing(outcome: Result<u32, Fault>, _: &[u8], _: u64) -> Result<(), Fault> {
    outcome.map(|_| ())
}

/// The outcome of an operation that comes to whether there was something.
pub(crate) fn whether(outcome: Result<u32, Fault>, _: &[u8], _: u64) -> Result<bool, Fault> {
    match outcome {
        Ok(_) => Ok(true),
        Err(Fault::Absent) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// The outcome of an operation that comes to a count.
pub(crate) fn count(outcome: Result<u32, Fault>, _: &[u8], _: u64) -> Result<u32, Fault> {
    outcome
}

/// The first bytes of the buffer.
pub(crate) fn first(buf: &[u8], len: u32) -> &[u8] {
    buf.get(..len as usize).unwrap_or(&[])
}

/// Why a call has no reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallError<'b> {
    /// It was refused, or ended without an answer.
    Fault(Fault),
    /// The callee answered with an error of its own. It is in the caller's buffer, and cut where it did not fit.
    Failed {
        /// Its code.
        code: &'b str,
        /// Its message.
        message: &'b str,
    },
}

impl<'b> CallError<'b> {
    /// The stable code, for programs.
    pub fn code(&self) -> &'b str {
        match self {
            CallError::Fault(fault) => fault.code(),
            CallError::Failed { code, .. } => code,
        }
    }
}

impl From<Fault> for CallError<'_> {
    fn from(fault: Fault) -> Self {
        CallError::Fault(fault)
    }
}

impl core::fmt::Display for CallError<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            CallError::Fault(fault) => fault.fmt(f),
            CallError::Failed { code, message: "" } => f.write_str(code),
            CallError::Failed { code, message } => write!(f, "{code}: {message}"),
        }
    }
}

impl core::error::Error for CallError<'_> {}

/// A call under way: it begins when it is first polled, and resolves to the reply.
///
/// # Cancellation
/// Dropping it cancels the call: one that waits in the callee's mailbox is never seen there; one that is being
/// handled runs on, and its reply is refused.
#[must_use = "the call begins when it is awaited"]
pub struct Calling<'k, 'b>(Base<'k, 'b>);

impl<'k, 'b> Calling<'k, 'b> {
    pub(crate) fn new(base: Base<'k, 'b>) -> Self {
        Calling(base)
    }

    /// The call's identity, once it has begun.
    pub fn id(&self) -> Option<CallId> {
        self.0.ticket.call()
    }

    /// Like the future, without taking the reply for JSON.
    pub(crate) fn poll_bytes(&mut self, waker: &Waker) -> Poll<Result<&'b [u8], CallError<'b>>> {
        match self.0.poll(Some(waker)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(len)) => Poll::Ready(Ok(first(self.0.take(), len))),
            Poll::Ready(Err(fault)) => Poll::Ready(Err(self.error(fault))),
        }
    }

    #[cold]
    fn error(&mut self, fault: Fault) -> CallError<'b> {
        let Fault::Failed { code, len } = fault else {
            return CallError::Fault(fault);
        };
        let text = first(self.0.take(), len);
        let (code, message) = text.split_at_checked(code as usize).unwrap_or((text, &[]));
        CallError::Failed {
            code: text_of(code),
            message: text_of(message),
        }
    }
}

/// As much of this as is text.
fn text_of(bytes: &[u8]) -> &str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => core::str::from_utf8(first(bytes, error.valid_up_to() as u32)).unwrap_or(""),
    }
}

impl<'b> Future for Calling<'_, 'b> {
    type Output = Result<Json<'b>, CallError<'b>>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        self.get_mut().poll_bytes(cx.waker()).map_ok(Json::trusted)
    }
}

/// The operation of a call.
pub(crate) fn call_op<'a>(
    service: &'a str,
    args: (&'a [u8], &'a [&'a [u8]]),
    limit: Option<Duration>,
    parent: Option<CallId>,
) -> Op<'a> {
    Op::Call {
        service,
        args,
        limit: limit.map(Span::of),
        parent,
    }
}
