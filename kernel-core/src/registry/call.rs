//! A call in flight, as its caller holds it.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::{CallError, ServiceRegistry};
use crate::calls::{Fault, Parent};
use crate::id::{CallId, PluginId};
use crate::json::Json;
use crate::kernel::Kernel;
use crate::time::micros;

/// A call in flight. Dropping it cancels the call.
pub struct PendingCall {
    kernel: Kernel,
    id: CallId,
    /// The kernel still keeps the call.
    open: bool,
}

impl PendingCall {
    pub(crate) fn new(kernel: Kernel, id: CallId) -> PendingCall {
        PendingCall {
            kernel,
            id,
            open: true,
        }
    }

    /// The call's identity: its correlation id on the link.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Waits for the reply and copies it into `buf`.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Cancellation
    /// Dropping it cancels the call.
    pub async fn reply<'b>(mut self, buf: &'b mut [u8]) -> Result<Json<'b>, CallError> {
        match poll_fn(|cx| self.poll_fault(cx, buf)).await {
            Ok(len) => Ok(reply_in(buf, len)),
            Err(fault) => Err(self.error(fault)),
        }
    }

    /// The reply's length once it is in `buf`. Must not be polled again after `Ready`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn poll_reply(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, CallError>> {
        match self.poll_fault(cx, buf) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(len)) => Poll::Ready(Ok(len.unwrap_or(0))),
            Poll::Ready(Err(fault)) => Poll::Ready(Err(self.error(fault))),
        }
    }

    /// [`PendingCall::poll_reply`] with "not there" told apart.
    #[cfg(feature = "link")]
    pub(crate) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<Option<usize>, CallError>> {
        match self.poll_fault(cx, buf) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(len)) => Poll::Ready(Ok(len)),
            Poll::Ready(Err(fault)) => Poll::Ready(Err(self.error(fault))),
        }
    }

    /// [`PendingCall::poll_reply`] for requests that may be answered with "not there".
    pub(crate) async fn answer(mut self, buf: &mut [u8]) -> Result<Option<usize>, CallError> {
        match poll_fn(|cx| self.poll_fault(cx, buf)).await {
            Ok(len) => Ok(len),
            Err(fault) => Err(self.error(fault)),
        }
    }

    /// Looks for the reply. A call that has ended is no longer the kernel's, except for its error.
    fn poll_fault(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<Option<usize>, Fault>> {
        let id = self.id;
        let looked = self.kernel.with(|core| core.poll_call(id, cx.waker(), buf));
        if !matches!(looked, Poll::Pending | Poll::Ready(Err(Fault::Failed))) {
            self.open = false;
        }
        looked
    }

    /// The error for the caller, with the callee's own where that is it.
    #[cold]
    #[inline(never)]
    fn error(&mut self, fault: Fault) -> CallError {
        let id = self.id;
        let failed = (fault == Fault::Failed)
            .then(|| self.kernel.with(|core| core.take_call_error(id)))
            .flatten();
        match failed {
            Some(error) => {
                self.open = false;
                CallError::Failed(error)
            }
            None => fault.into(),
        }
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        if self.open {
            let id = self.id;
            self.kernel.with(|core| core.free_call(id));
        }
    }
}

fn reply_in(buf: &[u8], len: Option<usize>) -> Json<'_> {
    Json::trusted(buf.get(..len.unwrap_or(0)).unwrap_or(&[]))
}

/// A call from its begin to its reply, as one future: it enters the kernel once for each.
pub(crate) struct Calling<'s, 'b> {
    who: PluginId,
    service: &'s str,
    args: Json<'s>,
    limit: Option<Duration>,
    buf: &'b mut [u8],
    /// Has no identity before it began.
    call: PendingCall,
}

impl<'s, 'b> Calling<'s, 'b> {
    pub(crate) fn new(
        registry: ServiceRegistry,
        service: &'s str,
        args: Json<'s>,
        limit: Option<Duration>,
        buf: &'b mut [u8],
    ) -> Self {
        let ServiceRegistry { kernel, who } = registry;
        let call = PendingCall {
            kernel,
            id: CallId::NONE,
            open: false,
        };
        Calling {
            who,
            service,
            args,
            limit,
            buf,
            call,
        }
    }
}

impl<'b> Future for Calling<'_, 'b> {
    type Output = Result<Json<'b>, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.call.id != CallId::NONE {
            return match this.call.poll_fault(cx, this.buf) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(len)) => {
                    let buf: &'b mut [u8] = core::mem::take(&mut this.buf);
                    Poll::Ready(Ok(reply_in(buf, len)))
                }
                Poll::Ready(Err(fault)) => Poll::Ready(Err(this.call.error(fault))),
            };
        }
        let begun = this.call.kernel.with(|core| {
            let (args, limit) = (this.args.as_bytes(), this.limit.map(micros));
            core.call_service(
                this.who,
                Parent::Answering,
                this.service,
                args,
                limit,
                Some(cx.waker()),
            )
        });
        match begun {
            Ok(id) => {
                this.call.id = id;
                this.call.open = true;
                Poll::Pending
            }
            Err(fault) => Poll::Ready(Err(CallError::from(fault))),
        }
    }
}
