//! Events to a client that watches, over the Unix socket, beside a channel whose receiver encodes them.
//!
//! For reference a thread only writes the bytes that the runtime sent, which were kept, in pieces of as many events
//! as the runtime put into one. The reader is the same client for all, which decodes every event.
//!
//! The publisher stays at most [`WINDOW`] events ahead of the client, so that none is lost.

use std::cell::RefCell;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use kernel_link::{Client, ClientError, Reply, Request, ToClient};

use super::harness::{Contender, Settings, compare};
use super::hosted::Hosted;
use super::link_broadcast;
use super::publish::{PAYLOAD, TOPIC};
use super::report::{Goal, Row};
use crate::client::{self, Blocking};
use host_std::block_on;

/// Events published before the client has them, far fewer than the log holds.
pub(super) const WINDOW: u64 = 8192;
/// Events published between two looks at how far the client is.
pub(super) const BURST: u64 = 512;
/// Events that are kept for the peer to write again.
const KEPT: u64 = 4096;
/// How long an event may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The comparison, and the rate.
///
/// # Errors
/// When an event was lost.
pub(super) fn run(settings: &Settings) -> Result<Vec<Row>, String> {
    let hosted = Hosted::start()?;
    let (frames, batch) = sample(&hosted)?;
    let contenders = vec![
        ours(hosted)?,
        link_broadcast::contender()?,
        raw(&frames, batch)?.for_reference(),
    ];
    let row = compare(
        &settings.finer().longer(2),
        "event to a watching client",
        contenders,
        Some(1.5),
    )?;
    let rate = 1e9 / row.ours.median.max(1e-3);
    let rate = Row::figure(
        "events to a watching client",
        "/s",
        &[rate],
        Goal::AtLeast(2_500_000.0),
    );
    Ok(vec![row, rate])
}

/// How far a reader is, and whom to tell.
#[derive(Clone)]
pub(super) struct Progress {
    seen: Arc<AtomicU64>,
    wanted: Arc<AtomicU64>,
    waiting: Thread,
}

impl Progress {
    /// For a reader whose writer is this thread.
    pub(super) fn new() -> Progress {
        Progress {
            seen: Arc::default(),
            wanted: Arc::new(AtomicU64::new(u64::MAX)),
            waiting: thread::current(),
        }
    }

    pub(super) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    fn add(&self, count: u64) {
        let seen = self.seen.fetch_add(count, Ordering::SeqCst) + count;
        if seen >= self.wanted.load(Ordering::SeqCst) {
            self.waiting.unpark();
        }
    }

    /// Waits until the reader has seen so many.
    pub(super) fn wait(&self, wanted: u64) -> Result<(), String> {
        let begun = Instant::now();
        self.wanted.store(wanted, Ordering::SeqCst);
        while self.seen() < wanted {
            thread::park_timeout(Duration::from_millis(100));
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} events came of {wanted}", self.seen()));
            }
        }
        self.wanted.store(u64::MAX, Ordering::SeqCst);
        Ok(())
    }
}

fn ours(hosted: Hosted) -> Result<Contender<'static>, String> {
    let progress = Progress::new();
    let (socket, seen) = (hosted.socket().to_path_buf(), progress.clone());
    let (ready, watching) = channel();
    spawn("watcher", move || watch(&socket, &seen, &ready))?;
    // Without a word the thread has failed, and said why.
    watching.recv().map_err(|_| "the watcher ended".to_owned())?;
    Ok(Contender::new("ours", move |count| {
        let begun = Instant::now();
        publish_all(&hosted, &progress, count)?;
        Ok(begun.elapsed())
    }))
}

/// Publishes so many and waits until the client has them.
fn publish_all(hosted: &Hosted, progress: &Progress, count: u64) -> Result<(), String> {
    let bus = hosted.runtime().bus();
    let before = progress.seen();
    for published in 0..count {
        if published % BURST == 0 && before + published >= progress.seen() + WINDOW {
            progress.wait(before + published + BURST - WINDOW)?;
        }
        bus.try_publish(TOPIC, PAYLOAD)
            .map_err(|cause| format!("not published: {cause}"))?;
    }
    progress.wait(before + count)
}

/// Counts what comes until the connection ends.
fn watch(socket: &Path, progress: &Progress, ready: &Sender<()>) -> Result<(), String> {
    let mut memory = client::memory();
    let mut client = client::connect(socket, &mut memory, None)?;
    begin_watch(&mut client)?;
    let _ = ready.send(());
    read_events(&mut client, progress)
}

fn begin_watch(client: &mut Client<'_, Blocking, Blocking>) -> Result<(), String> {
    let filter = "home.>";
    let what = Request::Watch {
        filter,
        since: None,
        credit: u32::MAX,
    };
    block_on(async {
        client.request(2, what).await.map_err(|cause| cause.to_string())?;
        match client.next().await.map_err(|cause| cause.to_string())? {
            ToClient::Reply {
                id: 2,
                what: Reply::Count(_),
            } => Ok(()),
            other => Err(format!("no watch: {other:?}")),
        }
    })
}

/// Counts events until the other side hangs up, which is how it is told to end.
fn read_events(client: &mut Client<'_, Blocking, Blocking>, progress: &Progress) -> Result<(), String> {
    block_on(async {
        loop {
            match client.next().await {
                Ok(ToClient::Event(event)) if event.topic == TOPIC => progress.add(1),
                Err(ClientError::Closed) => return Ok(()),
                Ok(other) => return Err(format!("not an event of ours: {other:?}")),
                Err(cause) => return Err(cause.to_string()),
            }
        }
    })
}

/// The bytes of [`KEPT`] events as the runtime sends them, and how many it puts into one piece.
fn sample(hosted: &Hosted) -> Result<(Vec<u8>, usize), String> {
    let kept = Rc::new(RefCell::new(Vec::new()));
    let mut memory = client::memory();
    let mut client = client::connect(hosted.socket(), &mut memory, Some(kept.clone()))?;
    begin_watch(&mut client)?;
    kept.borrow_mut().clear();
    let bus = hosted.runtime().bus();
    for _ in 0..KEPT {
        bus.try_publish(TOPIC, PAYLOAD)
            .map_err(|cause| format!("not published: {cause}"))?;
    }
    let (mut pieces, mut at) = (0, 0);
    for _ in 0..KEPT {
        match block_on(client.next()) {
            Ok(ToClient::Event(_)) => {}
            Ok(other) => return Err(format!("not an event: {other:?}")),
            Err(cause) => return Err(cause.to_string()),
        }
        // The client reads again when it has no whole event left.
        let len = kept.borrow().len();
        pieces += usize::from(len > at);
        at = len;
    }
    let frames = kept.borrow().clone();
    Ok((frames, (KEPT as usize).div_ceil(pieces)))
}

/// Counts what a client gets from this stream.
pub(super) fn read_decoding(stream: UnixStream, progress: &Progress) -> Result<(), String> {
    let mut memory = client::memory();
    read_events(&mut client::on(stream, &mut memory, None)?, progress)
}

/// Ends its reader when it goes.
struct Hangup(UnixStream);

impl Drop for Hangup {
    fn drop(&mut self) {
        // A reader that is gone already needs no end.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Who only writes what is there already.
fn raw(frames: &[u8], batch: usize) -> Result<Contender<'static>, String> {
    let (write, stream) = UnixStream::pair().map_err(|cause| format!("no socket: {cause}"))?;
    let progress = Progress::new();
    let seen = progress.clone();
    spawn("reader", move || read_decoding(stream, &seen))?;
    let pieces: Vec<(u64, Vec<u8>)> = pieces(frames, batch);
    let mut write = Hangup(write);
    let contender = Contender::new("raw writes", move |count| {
        let before = progress.seen();
        let begun = Instant::now();
        let mut left = count;
        for (events, bytes) in pieces.iter().cycle() {
            if left == 0 {
                break;
            }
            let bytes = if *events <= left {
                bytes.as_slice()
            } else {
                first(bytes, left)
            };
            write
                .0
                .write_all(bytes)
                .map_err(|cause| format!("not written: {cause}"))?;
            left -= (*events).min(left);
        }
        progress.wait(before + count)?;
        Ok(begun.elapsed())
    });
    Ok(contender)
}

/// The frames in pieces of so many, each with how many it has.
fn pieces(frames: &[u8], batch: usize) -> Vec<(u64, Vec<u8>)> {
    let whole = whole(frames);
    let pieces = whole.chunks(batch);
    pieces.map(|piece| (piece.len() as u64, piece.concat())).collect()
}

/// The first so many frames.
fn first(bytes: &[u8], frames: u64) -> &[u8] {
    let len = whole(bytes)
        .iter()
        .take(frames as usize)
        .map(|frame| frame.len())
        .sum();
    bytes.get(..len).unwrap_or(&[])
}

/// The frames one by one, each with its length before it.
fn whole(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let Some((head, _)) = bytes.split_first_chunk::<4>()
        && let Some((frame, rest)) = bytes.split_at_checked(4 + u32::from_le_bytes(*head) as usize)
    {
        frames.push(frame);
        bytes = rest;
    }
    frames
}

/// A thread that says why it failed. Whoever waits for it finds out by its own patience.
pub(super) fn spawn(
    name: &str,
    work: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> Result<(), String> {
    let title = name.to_owned();
    let told = move || {
        if let Err(why) = work() {
            eprintln!("bench: the {title} ended: {why}");
        }
    };
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(told);
    spawned
        .map(drop)
        .map_err(|cause| format!("no thread for the {name}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_kept_whole() {
        let frames = [1, 0, 0, 0, 9, 0, 0, 0, 0, 2, 0, 0, 0, 8, 7];
        let (one, other) = frames.split_at(9);
        assert_eq!(pieces(&frames, 2), [(2, one.to_vec()), (1, other.to_vec())]);
        assert_eq!(first(&frames, 2), one);
        assert_eq!(first(&frames, 3), frames);
        assert!(first(&frames, 0).is_empty());
    }
}
