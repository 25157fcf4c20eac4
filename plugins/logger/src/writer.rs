//! The thread that writes the file.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kernel_core::Error;

use crate::file::RotatingFile;
use crate::settings::FileSettings;
use crate::types::FileStats;

/// Lines, and bytes of them, that wait to be written.
const MAX_LINES: usize = 4096;
const MAX_BYTES: usize = 1 << 20;

/// Bytes that are written at once; less than the shortest file.
const BATCH: usize = 32 * 1024;

/// After an error, how long nothing is tried.
const PAUSE: Duration = Duration::from_secs(1);

/// How long is waited for the last lines.
const PATIENCE: Duration = Duration::from_secs(1);

/// What plugin and thread share.
#[derive(Debug)]
struct Shared {
    stats: Mutex<FileStats>,
    waiting: AtomicUsize,
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut FileStats)) {
        change(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The plugin's side.
#[derive(Debug)]
pub(crate) struct LineWriter {
    lines: SyncSender<String>,
    done: Receiver<()>,
    shared: Arc<Shared>,
    /// The error that was said.
    said: Option<String>,
}

impl LineWriter {
    pub(crate) fn start(settings: FileSettings) -> Result<Self, Error> {
        let (lines, waiting) = sync_channel(MAX_LINES);
        let (end, done) = sync_channel(1);
        let stats = FileStats {
            path: settings.path.display().to_string(),
            ..FileStats::default()
        };
        let shared = Arc::new(Shared {
            stats: Mutex::new(stats),
            waiting: AtomicUsize::new(0),
        });
        let of = shared.clone();
        let thread = thread::Builder::new().name("logger".to_owned());
        let spawned = thread.spawn(move || {
            write(&waiting, RotatingFile::new(settings), &of);
            // Nobody waits any more where it took too long.
            let _ = end.send(());
        });
        spawned
            .map_err(|cause| Error::format("not_started", format_args!("no thread for the file: {cause}")))?;
        Ok(LineWriter {
            lines,
            done,
            shared,
            said: None,
        })
    }

    /// Has a line written, without waiting.
    pub(crate) fn push(&mut self, line: &str) {
        let len = line.len() + 1;
        let waiting = self.shared.waiting.fetch_add(len, Ordering::Relaxed);
        let sent = match waiting + len <= MAX_BYTES {
            true => self.lines.try_send(format!("{line}\n")),
            false => Err(TrySendError::Full(String::new())),
        };
        if sent.is_err() {
            self.shared.waiting.fetch_sub(len, Ordering::Relaxed);
            self.shared.change(|stats| stats.lost += 1);
        }
    }

    pub(crate) fn stats(&self) -> FileStats {
        self.shared
            .stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// An error that was not said yet; one that went away may be said again.
    pub(crate) fn new_error(&mut self) -> Option<String> {
        let stats = self.shared.stats.lock().unwrap_or_else(PoisonError::into_inner);
        if stats.error == self.said {
            return None;
        }
        self.said.clone_from(&stats.error);
        self.said.clone()
    }

    /// Has the last lines written; false when that takes too long, and goes on without anybody waiting.
    pub(crate) fn finish(self) -> bool {
        let LineWriter { lines, done, .. } = self;
        drop(lines);
        done.recv_timeout(PATIENCE).is_ok()
    }
}

/// Writes until nobody has lines any more.
fn write(lines: &Receiver<String>, mut file: RotatingFile, shared: &Shared) {
    let mut failed: Option<Instant> = None;
    let mut next = None;
    while let Some(first) = next.take().or_else(|| lines.recv().ok()) {
        let (mut batch, mut count) = (first, 1);
        for line in lines.try_iter() {
            if batch.len() + line.len() > BATCH {
                next = Some(line);
                break;
            }
            batch.push_str(&line);
            count += 1;
        }
        shared.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
        if failed.is_some_and(|since| since.elapsed() < PAUSE) {
            shared.change(|stats| stats.lost += count);
            continue;
        }
        let result = file.append(batch.as_bytes());
        failed = result.is_err().then(Instant::now);
        shared.change(|stats| match result {
            Ok(()) => {
                stats.written += count;
                stats.error = None;
            }
            Err(cause) => {
                stats.lost += count;
                stats.errors += 1;
                stats.error = Some(cause.to_string());
            }
        });
    }
}
