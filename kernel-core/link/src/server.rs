//! The runtime's side of the link: one session on one byte stream, in one task.
//!
//! Three parts share the session and are polled in turn: one reads and dispatches messages, one looks after what is
//! in flight and sends what comes by itself, one writes. None of them waits for another but for room to answer in:
//! a client that does not read makes only its own session wait.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use embedded_io_async::{Read, Write};
use kernel_core::{CoreRuntime, Kernel};

use crate::frame::{self, FrameError};
use crate::inbox::Inbox;
use crate::session::State;
use crate::shared::Shared;
use crate::{Access, ByToken, Config, Denied, End, Manage, ToRuntime};

/// Buffers that a session's memory is divided into: one for what comes in, one for rows and values, two for what
/// goes out, and one for a publish that waits.
const PARTS: usize = 5;
/// The least bytes of each.
const LEAST: usize = 64;
/// Turns in a row, after which the session gives way to the other tasks of its executor.
const TURNS: u32 = 32;

/// Serves one client until it goes away, with the kernel's manager for lifecycle commands.
///
/// `memory` is divided into five buffers of the same size (a chip's side: three); the longest message is
/// a little shorter than one of them. To carry every event and call, give it five times the larger of the longest
/// event and the capacity `call_bytes`, with some 200 bytes for each of the five on top.
///
/// It takes one of the kernel's `waits` for the keep-alive, and the kernel's timers must run.
///
/// # Cancellation
/// As if the client had gone away: its calls are cancelled, its plugin is taken out.
pub async fn serve<R: Read, W: Write<Error = R::Error>>(
    kernel: Kernel,
    config: &Config<'_>,
    read: R,
    write: W,
    memory: &mut [u8],
) -> End<R::Error> {
    let manager = CoreRuntime::new(kernel).plugins();
    let access = ByToken(config.token);
    serve_with(kernel, config, (&manager, &access), read, write, memory).await
}

/// [`serve`] with another [`Manage`] for lifecycle commands, such as a supervisor, and another [`Access`] than
/// [`ByToken`].
///
/// # Cancellation
/// See [`serve`].
pub async fn serve_with<R: Read, W: Write<Error = R::Error>>(
    kernel: Kernel,
    config: &Config<'_>,
    (manager, access): (&impl Manage, &impl Access),
    mut read: R,
    mut write: W,
    memory: &mut [u8],
) -> End<R::Error> {
    let part = memory.len() / PARTS;
    if part < LEAST {
        return End::NoMemory;
    }
    let (inbox, rest) = memory.split_at_mut(part);
    let (work, rest) = rest.split_at_mut(part);
    let (parked, out) = rest.split_at_mut(part);
    let mut state = State::new(kernel, config, out, part, work, parked);
    let shared = Shared::new(&mut state);

    let mut reading = pin!(async {
        let mut inbox = Inbox::new(config.framing, inbox);
        loop {
            while let Some(found) = inbox.next() {
                if found == Err(FrameError::Lost) {
                    return End::Malformed;
                }
                let message = found.map(|range| inbox.frame(range));
                let decoded = message.and_then(frame::decode);
                let verdict = match decoded {
                    Ok(ToRuntime::Hello { token, .. }) => access.admit(token).await,
                    Ok(ToRuntime::Request { what, .. }) if shared.with(|state| state.open) == Some(true) => {
                        access.allow(&what).await.map_err(Denied::Because)
                    }
                    _ => Ok(()),
                };
                // Behind the verdict, for which other things may have been sent.
                if State::needs_room(&decoded) {
                    shared.until(|state| state.out.ready()).await;
                }
                shared.with(|state| state.receive(decoded, message.unwrap_or(&[]), verdict));
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
            let (buf, len) = shared.find(|state| state.out.take()).await;
            if let Err(error) = write.write_all(buf.get(..len).unwrap_or(&[])).await {
                return End::Failed(error);
            }
            if let Err(error) = write.flush().await {
                return End::Failed(error);
            }
            shared.with(|state| {
                state.out.put(buf);
                state.moved = true;
            });
        }
    });
    let mut managing = pin!(async {
        loop {
            let job = shared.find(State::next_job).await;
            let outcome = manager.manage(job.action, &job.plugin).await;
            shared.until(|state| state.out.ready()).await;
            shared.with(|state| state.commanded(&job, outcome));
        }
    });

    poll_fn(|cx| {
        for _ in 0..TURNS {
            if let Poll::Ready(end) = reading.as_mut().poll(cx) {
                return Poll::Ready(end);
            }
            let _: Poll<()> = managing.as_mut().poll(cx);
            let silent = shared.with(|state| state.poll(cx));
            if silent == Some(true) {
                return Poll::Ready(End::Silent);
            }
            if let Poll::Ready(end) = writing.as_mut().poll(cx) {
                return Poll::Ready(end);
            }
            if shared.with(|state| core::mem::take(&mut state.moved)) != Some(true) {
                return Poll::Pending;
            }
        }
        // What is left goes on when the others had their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
