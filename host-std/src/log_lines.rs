//! Log lines on their way to the standard error.
//!
//! ```text
//! every thread ──▶ queue ──▶ thread "log-lines" ──▶ standard error ──▶ whoever reads the log
//! ```
//!
//! A reader that stops reading, a terminal on hold for instance, holds up the one thread that writes.
//! Whoever logs goes on: what the queue has no room for is dropped, counted, and told of later.

use std::io::{self, Write};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::warn;

use crate::escape::escape;

/// How much may wait for the reader.
const MOST_BYTES: usize = 1024 * 1024;

/// The lines of this process.
pub(crate) static LINES: Lines = Lines::new();

pub(crate) struct Lines {
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    bytes: Vec<u8>,
    lost: u64,
    /// There is a thread that writes.
    served: bool,
    /// It has taken lines that are not written yet.
    writing: bool,
}

impl Lines {
    const fn new() -> Self {
        Lines {
            queue: Mutex::new(Queue {
                bytes: Vec::new(),
                lost: 0,
                served: false,
                writing: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Starts the thread; without one, each line is written by whoever logs it.
    pub(crate) fn serve(&'static self) {
        self.lock().served = true;
        let thread = thread::Builder::new().name("log-lines".to_owned());
        if thread.spawn(|| self.write_to(io::stderr())).is_err() {
            self.lock().served = false;
        }
    }

    /// Waits until what was logged is written, or `limit` is over.
    pub(crate) fn flush(&self, limit: Duration) {
        let busy = |queue: &mut Queue| queue.served && (queue.writing || !queue.bytes.is_empty());
        // A lock that is poisoned has nothing to wait for.
        let _ = self.changed.wait_timeout_while(self.lock(), limit, busy);
    }

    fn push(&self, line: &[u8]) -> io::Result<()> {
        let mut queue = self.lock();
        if !queue.served {
            drop(queue);
            return io::stderr().write_all(line);
        }
        if queue.bytes.len().saturating_add(line.len()) > MOST_BYTES {
            queue.lost += 1;
            return Ok(());
        }
        queue.bytes.extend_from_slice(line);
        drop(queue);
        self.changed.notify_all();
        Ok(())
    }

    fn write_to(&self, mut to: impl Write) {
        let mut bytes = Vec::new();
        loop {
            let lost = self.take(&mut bytes);
            // A reader that is gone is not waited for, and told nothing.
            let _ = to.write_all(&bytes);
            bytes.clear();
            if lost > 0 {
                warn!("{lost} lines of this log were dropped: they came faster than they were read");
            }
        }
    }

    /// Waits for lines and takes them; gives how many there was no room for behind them.
    fn take(&self, bytes: &mut Vec<u8>) -> u64 {
        let mut queue = self.lock();
        queue.writing = false;
        self.changed.notify_all();
        while queue.bytes.is_empty() {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.writing = true;
        mem::swap(bytes, &mut queue.bytes);
        mem::take(&mut queue.lost)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the subscriber writes: each line in one piece.
pub(crate) struct Line {
    /// It is for people; else it is JSON, which escapes by itself.
    pub(crate) text: bool,
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.text {
            true => LINES.push(safe(line).as_bytes()),
            false => LINES.push(line),
        }?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line with what an error's or a plugin's text would forge lines with written out. What is left of escape
/// characters are the subscriber's own colours: it escapes those of others.
fn safe(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let (line, end) = match line.strip_suffix('\n') {
        Some(line) => (line, "\n"),
        None => (&*line, ""),
    };
    let mut text = String::with_capacity(line.len() + 1);
    for piece in line.split_inclusive('\u{1b}') {
        let plain = piece.strip_suffix('\u{1b}').unwrap_or(piece);
        text.push_str(&escape(plain));
        text.push_str(&piece[plain.len()..]);
    }
    text.push_str(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_forges_a_line() {
        assert_eq!(safe("one\ntwo\u{202e}\r\n".as_bytes()), "one\\ntwo\\u{202e}\\r\n");
        assert_eq!(
            safe("\u{1b}[2mdim\u{1b}[0m\n".as_bytes()),
            "\u{1b}[2mdim\u{1b}[0m\n"
        );
        assert_eq!(safe(b"\xff\n"), "\u{fffd}\n");
    }

    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Takes each write only when it is told to.
    struct Slow(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_logs_never_waits_and_what_is_dropped_is_counted() {
        static LINES: Lines = Lines::new();
        let (go, told) = channel();
        let (written, lines) = channel();
        LINES.lock().served = true;
        thread::spawn(move || LINES.write_to(Slow(told, written)));
        let line = [b'x'; 1024];
        LINES.push(&line).unwrap();
        while !LINES.lock().writing {
            thread::yield_now();
        }
        // Nobody reads: the queue fills, and no push hangs.
        for _ in 0..MOST_BYTES / line.len() + 3 {
            LINES.push(&line).unwrap();
        }
        assert_eq!(LINES.lock().lost, 3);
        LINES.flush(Duration::from_millis(1));
        for size in [line.len(), MOST_BYTES] {
            go.send(()).unwrap();
            assert_eq!(lines.recv().unwrap().len(), size);
        }
        LINES.flush(Duration::from_secs(60));
        assert!(LINES.lock().bytes.is_empty() && LINES.lock().lost == 0);
    }
}
