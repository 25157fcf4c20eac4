//! What carries a session: one task that reads and writes, and says now and then that the client is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use embedded_io_adapters::tokio_1::FromTokio;
use kernel_link::{FrameError, Framing, LostAt, Receiver, ToClient, ToRuntime};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::ring::{Lost, LostWhere, Seen};

/// The reader's buffer: no message of a runtime is as long.
const BUFFER: usize = 1024 * 1024;
/// What a frame has beside a message.
const HEAD: usize = 8;
/// The client says that it is there when it has said nothing for so long.
const QUIET: Duration = Duration::from_secs(5);

/// Whom answers and events are for.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) last_id: u32,
    pub(crate) asked: BTreeMap<u32, mpsc::UnboundedSender<Result<Answer, Failure>>>,
    pub(crate) events: Option<mpsc::UnboundedSender<Seen>>,
    /// Why the session is over.
    pub(crate) over: Option<Failure>,
}

pub(crate) type Shared = Arc<Mutex<Waiting>>;

pub(crate) fn lock(waiting: &Shared) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the runtime says when the session is open.
pub(crate) struct Opened {
    pub(crate) max_message: usize,
}

/// A message as a frame; `about` is how long it may be.
pub(crate) fn frame(message: &ToRuntime<'_>, about: usize) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; about + HEAD];
    let len = Framing::Stream.encode(message, &mut frame)?;
    frame.truncate(len);
    Ok(frame)
}

/// Carries the session until it ends; whoever still waits then knows why.
pub(crate) async fn carry(
    read: impl AsyncRead + Unpin,
    write: impl AsyncWrite + Unpin,
    frames: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Shared,
    opened: oneshot::Sender<Result<Opened, Failure>>,
) {
    let mut opened = Some(opened);
    let why = tokio::select! {
        why = receive(read, &waiting, &mut opened) => why,
        why = send(write, frames) => why,
    };
    let mut waiting = lock(&waiting);
    let why = waiting.over.get_or_insert(why).clone();
    waiting.events = None;
    for asked in std::mem::take(&mut waiting.asked).into_values() {
        // Whoever asked may not wait any more.
        let _ = asked.send(Err(why.clone()));
    }
    if let Some(opened) = opened {
        let _ = opened.send(Err(why));
    }
}

async fn receive(
    read: impl AsyncRead + Unpin,
    waiting: &Shared,
    opened: &mut Option<oneshot::Sender<Result<Opened, Failure>>>,
) -> Failure {
    // Zero pages, which cost nothing until a message is that long.
    let mut memory = vec![0; BUFFER];
    let mut receiver = Receiver::new(Framing::Stream, FromTokio::new(read), &mut memory);
    let (mut silence, mut epoch) = (None, None);
    loop {
        let next = match silence {
            Some(silence) => timeout(silence, receiver.next()).await,
            None => Ok(receiver.next().await),
        };
        let message = match next {
            Ok(Ok(message)) => message,
            Ok(Err(cause)) => return gone(&cause),
            Err(_) => return Failure::new("unavailable", "the runtime has said nothing for too long"),
        };
        match message {
            ToClient::Hello {
                max_message,
                keep_alive_ms,
                epoch: zero,
                ..
            } => {
                epoch = zero;
                silence = (keep_alive_ms > 0).then(|| Duration::from_millis(u64::from(keep_alive_ms) * 2));
                let hello = Opened {
                    max_message: max_message as usize,
                };
                if let Some(opened) = opened.take() {
                    let _ = opened.send(Ok(hello));
                }
            }
            ToClient::Refused(why) => return Failure::refused(why),
            ToClient::Reply { id, what } => {
                let answer = Answer::of(what);
                let mut waiting = lock(waiting);
                let asked = match Answer::has_more(&answer) {
                    true => waiting.asked.get(&id).cloned(),
                    false => waiting.asked.remove(&id),
                };
                if let Some(asked) = asked {
                    let _ = asked.send(answer);
                }
            }
            ToClient::Event(event) => see(waiting, Seen::event(event, epoch)),
            ToClient::Lost { from, count, at } => {
                let at = match at {
                    LostAt::Bus => LostWhere::Bus,
                    LostAt::Link => LostWhere::Link,
                };
                see(waiting, Seen::Lost(Lost { from, count, at }));
            }
            _ => {}
        }
    }
}

fn see(waiting: &Shared, seen: Seen) {
    if let Some(events) = &lock(waiting).events {
        // Whoever watched may have gone.
        let _ = events.send(seen);
    }
}

async fn send(mut write: impl AsyncWrite + Unpin, mut frames: mpsc::UnboundedReceiver<Vec<u8>>) -> Failure {
    let still_here = match frame(&ToRuntime::KeepAlive, 1) {
        Ok(frame) => frame,
        Err(cause) => return Failure::new("unexpected", cause.to_string()),
    };
    loop {
        let frame = tokio::select! {
            frame = frames.recv() => match frame {
                Some(frame) => frame,
                None => return Failure::new("gone", "the session was closed"),
            },
            () = sleep(QUIET) => still_here.clone(),
        };
        if let Err(cause) = write.write_all(&frame).await {
            return gone(&cause);
        }
        if let Err(cause) = write.flush().await {
            return gone(&cause);
        }
    }
}

fn gone(cause: &dyn std::fmt::Display) -> Failure {
    Failure::new("unavailable", format!("lost the runtime: {cause}"))
}
