//! A session on one byte stream, in one task.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use embedded_io_async::{Read, Write};
use kernel_core::Kernel;

use super::session::State;
use crate::frame::FrameError;
use crate::inbox::Inbox;
use crate::shared::Shared;
use crate::{Config, End};

/// The least bytes of each of the three buffers: for what comes in, for texts and values, and for what goes out.
const LEAST: usize = 60;
/// Turns in a row, after which the session gives way to the other tasks of its executor.
const TURNS: u32 = 32;

/// Serves one client until it goes away, with the kernel's manager for lifecycle commands.
///
/// `memory` is divided into three buffers of the same size (five with the feature `host`); the longest message is a
/// little shorter than one of them.
///
/// It takes one of the kernel's `waits` for the keep-alive and one for a lifecycle command, and the kernel's timers
/// must run.
///
/// # Cancellation
/// As if the client had gone away: its calls are cancelled.
pub async fn serve<R: Read, W: Write<Error = R::Error>>(
    kernel: Kernel,
    config: &Config<'_>,
    mut read: R,
    mut write: W,
    memory: &mut [u8],
) -> End<R::Error> {
    let part = third(memory.len());
    if part < LEAST {
        return End::NoMemory;
    }
    let (inbox, rest) = memory.split_at_mut(part);
    let (work, rest) = rest.split_at_mut(part);
    let mut state = State::new(kernel, config, rest.split_at_mut(part).0, work);
    let shared = Shared::new(&mut state);

    let mut reading = pin!(async {
        let mut inbox = Inbox::new(config.framing, inbox);
        loop {
            while let Some(found) = inbox.next() {
                if found == Err(FrameError::Lost) {
                    return End::Malformed;
                }
                let message = found.map(|range| inbox.frame(range));
                if State::needs_room(message) {
                    shared.until(|state| state.out.ready()).await;
                }
                shared.with(|state| state.receive(message));
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

    poll_fn(|cx| {
        for _ in 0..TURNS {
            if let Poll::Ready(end) = reading.as_mut().poll(cx) {
                return Poll::Ready(end);
            }
            if let Poll::Ready(end) = writing.as_mut().poll(cx) {
                return Poll::Ready(end);
            }
            match shared.with(|state| (state.poll(cx), core::mem::take(&mut state.moved))) {
                Some((true, _)) => return Poll::Ready(End::Silent),
                Some((false, true)) => {}
                _ => return Poll::Pending,
            }
        }
        // What is left goes on when the others had their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// A third or a little less, without a division that a chip does not have.
fn third(len: usize) -> usize {
    let quarter = len / 4;
    let (part, rest) = (quarter.wrapping_add(quarter / 4), quarter / 16);
    part.wrapping_add(rest).wrapping_add(rest / 4)
}
