//! The runtime's side of the link: one session on one byte stream, in one task.
//!
//! Three loops share the session: one reads and dispatches requests, one sends what comes by
//! itself (answers of calls, events, a remote plugin's messages), one writes. A client that does
//! not read makes only its own session wait.

use core::future::{Future, pending, poll_fn};
use core::pin::pin;
use core::task::Poll;

use embedded_io_async::{Read, Write};

use super::frame::{self, Inbox, overhead};
use super::outbox::Outbox;
use super::protocol::{Action, Failure, Reply, ToClient};
use super::session::{Job, Session};
use crate::kernel::Kernel;

/// Who the runtime is, and whom it lets in.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// The runtime's name and version, for people.
    pub name: &'a str,
    /// What a client must know; `None` where the line itself says who may use it.
    pub token: Option<&'a str>,
    /// The unix time of the clock's zero, in microseconds, where the platform knows it.
    pub epoch: Option<u64>,
}

impl core::fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Identity")
            .field("name", &self.name)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End<E> {
    /// The client closed the stream.
    Closed,
    /// The stream failed.
    Failed(E),
    /// `memory` is too small for a session.
    NoMemory,
    /// The client did not open its session in time: see [`serve_until`].
    Silent,
}

/// Serves one client until it goes away.
///
/// `memory` is divided into five buffers of the same size; the longest message is a little shorter
/// than one of them. To carry every event and call, give it five times the larger of the longest
/// event and the capacity `call_bytes`, with some 200 bytes for each of the five on top.
///
/// # Cancellation
/// As if the client had gone away: its calls are cancelled, its plugin is taken out.
pub async fn serve<R: Read, W: Write<Error = R::Error>>(
    kernel: Kernel,
    identity: &Identity<'_>,
    read: R,
    write: W,
    memory: &mut [u8],
) -> End<R::Error> {
    serve_until(kernel, identity, read, write, memory, pending()).await
}

/// [`serve`] for as long as the client has opened its session by the time that `patience` is done: for
/// streams of which there are only so many. Tell a client that has not why, by [`refuse`].
///
/// # Cancellation
/// See [`serve`].
pub async fn serve_until<R: Read, W: Write<Error = R::Error>>(
    kernel: Kernel,
    identity: &Identity<'_>,
    mut read: R,
    mut write: W,
    memory: &mut [u8],
    patience: impl Future<Output = ()>,
) -> End<R::Error> {
    let part = memory.len() / 5;
    let mut parts = memory.chunks_exact_mut(part.max(1));
    let (Some(inbox), Some(work), Some(scratch), Some(back), Some(mut front)) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return End::NoMemory;
    };
    if part < 64 {
        return End::NoMemory;
    }
    let max_message = part.saturating_sub(overhead(part));
    let session = Session::new(kernel, identity, max_message, Outbox::new(scratch, back), work);
    let session = &session;

    let mut reading = pin!(async {
        let mut inbox = Inbox::new(inbox);
        loop {
            while let Some(frame) = inbox.next_frame() {
                let message = match frame {
                    Ok(frame) => frame::decode(frame),
                    Err(error) => Err(error),
                };
                session.until_ready().await;
                match message {
                    Ok(message) => session.dispatch(message).await,
                    Err(error) => {
                        let failure = Failure {
                            code: "bad_frame",
                            message: error.as_str(),
                        };
                        session.send(&ToClient::Refused(failure));
                    }
                }
            }
            match read.read(inbox.room()).await {
                Ok(0) => return End::Closed,
                Ok(count) => inbox.filled(count),
                Err(error) => return End::Failed(error),
            }
        }
    });
    let mut writing = pin!(async {
        loop {
            poll_fn(|_| {
                if session.out.borrow().has_frames() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            let len = session.out.borrow_mut().swap(&mut front);
            session.touch();
            if let Err(error) = write.write_all(front.get(..len).unwrap_or(&[])).await {
                return End::Failed(error);
            }
            if let Err(error) = write.flush().await {
                return End::Failed(error);
            }
        }
    });
    let mut managing = pin!(session.manage());
    let mut patience = pin!(Some(patience));

    let end = poll_fn(|cx| {
        // Bounded, so that a busy session does not keep its thread; what is left wakes it again.
        for _ in 0..32 {
            if let Poll::Ready(end) = reading.as_mut().poll(cx) {
                return Poll::Ready(end);
            }
            if session.open.get() {
                // A timer that nobody needs any more would be in the way of every wait.
                patience.set(None);
            } else if let Some(patience) = patience.as_mut().as_pin_mut()
                && patience.poll(cx).is_ready()
            {
                return Poll::Ready(End::Silent);
            }
            let _: Poll<()> = managing.as_mut().poll(cx);
            let mut moved = false;
            if session.ready() {
                moved |= session.poll_flights(cx);
            }
            moved |= session.poll_remote(cx);
            moved |= session.poll_watch(cx);
            if let Poll::Ready(end) = writing.as_mut().poll(cx) {
                return Poll::Ready(end);
            }
            if !session.take_dirty() && !moved {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    session.reset();
    end
}

/// Tells a client that it is not served, and why: in place of [`serve`], when there are too many, or
/// after [`serve_until`].
///
/// # Errors
/// When the stream fails.
///
/// # Cancellation
/// The client may get a part of the message.
pub async fn refuse<W: Write>(mut write: W, why: Failure<'_>) -> Result<(), W::Error> {
    let (mut message, mut framed) = ([0; 256], [0; 256 + overhead(256)]);
    let frame = frame::encode(&ToClient::Refused(why), &mut message)
        .ok()
        .and_then(|len| message.get(..len))
        .and_then(|encoded| frame::stuff(encoded, &mut framed).ok())
        .and_then(|len| framed.get(..len));
    write.write_all(frame.unwrap_or(&[])).await?;
    write.flush().await
}

impl Session<'_> {
    /// Carries out lifecycle commands, one after the other, while the session goes on.
    async fn manage(&self) {
        loop {
            let Job { id, action, plugin } = poll_fn(|_| match self.job.borrow_mut().take() {
                Some(job) => Poll::Ready(job),
                None => Poll::Pending,
            })
            .await;
            let plugins = self.runtime().plugins();
            let outcome = match action {
                Action::Load => plugins.load(&plugin).await,
                Action::Start => plugins.start(&plugin).await,
                Action::Stop => plugins.stop(&plugin).await,
                Action::Unload => plugins.unload(&plugin).await,
                Action::Reload => plugins.reload(&plugin).await,
            };
            self.until_ready().await;
            match outcome {
                Ok(state) => self.reply(id, Reply::PluginState(state)),
                Err(error) => self.fail(id, error.code(), &error),
            }
        }
    }
}
