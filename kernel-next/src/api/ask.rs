//! An operation under way, as a future.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll, Waker};
use core::time::Duration;

use crate::error::Error;
use crate::fault::Fault;
use crate::id::{CallId, PluginId};
use crate::json::Json;
use crate::kernel::{Done, Op, Ticket, Waist};

/// An operation under way. Await it; or, where the kernel is in memory and the operation does not wait, take its
/// outcome at once by [`Ask::now`].
///
/// # Cancellation
/// Dropped before it is done, it has not happened, unless the method that made it says otherwise.
#[must_use = "nothing happens until it is awaited, or `now` is called"]
pub struct Ask<'a, T> {
    base: Base<'a>,
    pick: fn(Done, &'a [u8]) -> T,
}

/// The part that is the same for all.
pub(crate) struct Base<'a> {
    waist: &'static dyn Waist,
    who: PluginId,
    op: Op<'a>,
    ticket: Ticket,
    buf: &'a mut [u8],
}

impl<'a> Base<'a> {
    pub(crate) fn new(waist: &'static dyn Waist, who: PluginId, op: Op<'a>, buf: &'a mut [u8]) -> Self {
        Base { waist, who, op, ticket: Ticket::NONE, buf }
    }

    #[inline(never)]
    fn poll(&mut self, waker: Option<&Waker>) -> Poll<Result<Done, Fault>> {
        self.waist.run(self.who, &mut self.op, &mut self.ticket, waker, self.buf)
    }

    fn take(&mut self, done: Done) -> &'a [u8] {
        let buf: &'a mut [u8] = core::mem::take(&mut self.buf);
        buf.get(..done.len).unwrap_or(&[])
    }
}

impl Drop for Base<'_> {
    fn drop(&mut self) {
        if self.ticket != Ticket::NONE {
            self.waist.leave(self.who, self.ticket);
        }
    }
}

impl<'a, T> Ask<'a, T> {
    pub(crate) fn new(base: Base<'a>, pick: fn(Done, &'a [u8]) -> T) -> Self {
        Ask { base, pick }
    }

    /// The outcome at once, for an operation that does not wait, on a kernel in memory.
    ///
    /// # Errors
    /// Those of the operation; [`Fault::Timeout`] where it would wait, and then it has not happened.
    pub fn now(mut self) -> Result<T, Fault> {
        match self.base.poll(None) {
            Poll::Ready(Ok(done)) => Ok((self.pick)(done, self.base.take(done))),
            Poll::Ready(Err(fault)) => Err(fault),
            Poll::Pending => Err(Fault::Timeout),
        }
    }
}

impl<'a, T> Future for Ask<'a, T> {
    type Output = Result<T, Fault>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match this.base.poll(Some(cx.waker())) {
            Poll::Ready(Ok(done)) => Poll::Ready(Ok((this.pick)(done, this.base.take(done)))),
            Poll::Ready(Err(fault)) => Poll::Ready(Err(fault)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Why a call has no reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallError {
    /// It was refused, or ended without an answer.
    Fault(Fault),
    /// The callee answered with this error.
    Failed(Error),
}

impl CallError {
    /// The stable code, for programs.
    pub fn code(&self) -> &str {
        match self {
            CallError::Fault(fault) => fault.code(),
            CallError::Failed(error) => error.code(),
        }
    }
}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        CallError::Fault(fault)
    }
}

impl core::fmt::Display for CallError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            CallError::Fault(fault) => fault.fmt(f),
            CallError::Failed(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for CallError {}

/// A call under way: it begins when it is first polled, and resolves to the reply.
///
/// # Cancellation
/// Dropping it cancels the call: one that waits in the callee's mailbox is never seen there; one that is being
/// handled runs on, and its reply is refused.
#[must_use = "the call begins when it is awaited"]
pub struct Calling<'a>(Base<'a>);

impl<'a> Calling<'a> {
    pub(crate) fn new(base: Base<'a>) -> Self {
        Calling(base)
    }

    /// The call's identity, once it has begun.
    pub fn id(&self) -> Option<CallId> {
        self.0.ticket.call()
    }

    /// Like the future, with what is not there told apart from an empty reply, and without taking the reply for
    /// JSON.
    pub(crate) fn poll_bytes(&mut self, waker: &Waker) -> Poll<Result<Option<&'a [u8]>, CallError>> {
        match self.0.poll(Some(waker)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(done)) => Poll::Ready(Ok((!done.absent).then(|| self.0.take(done)))),
            Poll::Ready(Err(fault)) => Poll::Ready(Err(self.error(fault))),
        }
    }

    #[cold]
    #[inline(never)]
    fn error(&mut self, fault: Fault) -> CallError {
        if fault != Fault::Failed {
            return CallError::Fault(fault);
        }
        let mut error = None;
        let mut op = Op::CallError(&mut error);
        let base = &mut self.0;
        let _ = base.waist.run(base.who, &mut op, &mut base.ticket, None, &mut []);
        error.map_or(CallError::Fault(Fault::Gone), CallError::Failed)
    }
}

impl<'a> Future for Calling<'a> {
    type Output = Result<Json<'a>, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let looked = self.get_mut().poll_bytes(cx.waker());
        looked.map_ok(|reply| Json::trusted(reply.unwrap_or(b"null")))
    }
}

/// The operation of a call.
pub(crate) fn call_op<'a>(
    service: &'a str,
    args: (&'a [u8], &'a [&'a [u8]]),
    limit: Option<Duration>,
    parent: Option<CallId>,
) -> Op<'a> {
    Op::Call { service, args, limit, parent }
}
