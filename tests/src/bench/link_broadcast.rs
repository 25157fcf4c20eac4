//! The peer of a watch: a tokio `broadcast` channel whose one receiver encodes each event and writes it to a Unix
//! socket, as many at a time as wait.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use kernel_core::Cause;
use kernel_link::{Event, Raw, Slots, ToClient};
use tokio::io::AsyncWriteExt;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use super::harness::Contender;
use super::link_events::{BURST, Progress, WINDOW, read_decoding, spawn};
use super::publish::{Message, message};

/// More than are ever on the way.
const QUEUE: usize = 2 * WINDOW as usize;
/// Written at once, at most.
const PIECE: usize = 64 * 1024;

/// The peer; its reader decodes as a watching client does.
///
/// # Errors
/// When it does not start.
pub(super) fn contender() -> Result<Contender<'static>, String> {
    let (ours, theirs) = UnixStream::pair().map_err(|cause| format!("no socket: {cause}"))?;
    let (sender, receiver) = channel::<Message>(QUEUE);
    let progress = Progress::new();
    let seen = progress.clone();
    spawn("reader", move || read_decoding(theirs, &seen))?;
    spawn("sender", move || {
        serve(ours, receiver).map_err(|cause| format!("the socket: {cause}"))
    })?;
    Ok(Contender::new("tokio broadcast, encoded", move |count| {
        let begun = Instant::now();
        publish_all(&sender, &progress, count)?;
        Ok(begun.elapsed())
    }))
}

fn publish_all(sender: &Sender<Message>, progress: &Progress, count: u64) -> Result<(), String> {
    let before = progress.seen();
    for published in 0..count {
        if published % BURST == 0 && before + published >= progress.seen() + WINDOW {
            progress.wait(before + published + BURST - WINDOW)?;
        }
        sender.send(message()).map_err(|_| "nobody receives".to_owned())?;
    }
    progress.wait(before + count)
}

fn serve(stream: UnixStream, mut events: Receiver<Message>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        stream.set_nonblocking(true)?;
        let mut stream = tokio::net::UnixStream::from_std(stream)?;
        let (mut seq, mut piece) = (0, Vec::with_capacity(PIECE));
        loop {
            let mut next = match events.recv().await {
                Ok(message) => Some(message),
                Err(RecvError::Closed) => return Ok(()),
                Err(RecvError::Lagged(lost)) => return Err(io::Error::other(format!("{lost} lost"))),
            };
            piece.clear();
            while let Some((topic, payload)) = next {
                seq += 1;
                encode(seq, &topic, &payload, &mut piece)?;
                next = match piece.len() < PIECE - 1024 {
                    true => events.try_recv().ok(),
                    false => None,
                };
            }
            stream.write_all(&piece).await?;
        }
    })
}

fn encode(seq: u64, topic: &str, payload: &[u8], to: &mut Vec<u8>) -> io::Result<()> {
    let event = ToClient::Event(Event {
        seq,
        time: seq,
        source: "operator",
        cause: Cause::None,
        receivers: Slots::default(),
        topic,
        payload: Raw(payload),
    });
    let start = to.len();
    to.extend_from_slice(&[0; 4]);
    *to = postcard::to_extend(&event, std::mem::take(to)).map_err(io::Error::other)?;
    let len = u32::try_from(to.len() - start - 4).map_err(io::Error::other)?;
    if let Some(head) = to.get_mut(start..start + 4) {
        head.copy_from_slice(&len.to_le_bytes());
    }
    Ok(())
}
