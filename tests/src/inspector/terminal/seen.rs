//! What a program wrote to its terminal: read on a thread, which answers what a terminal is asked.

use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What a frame begins with: a synchronized update.
const FRAME: &[u8] = b"\x1b[?2026h";
/// And what it ends with.
const FRAME_END: &[u8] = b"\x1b[?2026l";
/// Where is the cursor? A real terminal answers.
const CURSOR_QUERY: &[u8] = b"\x1b[6n";

pub(super) type Shared = Arc<(Mutex<Seen>, Condvar)>;
pub(super) type Keys = Arc<Mutex<Box<dyn Write + Send>>>;

pub(super) struct Seen {
    pub(super) parser: vt100::Parser,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) asked: u64,
    /// What was written since the program began, as long as it is short.
    pub(super) written: Vec<u8>,
    pub(super) ended: bool,
    /// Nobody looks at it any more.
    pub(super) closed: bool,
}

impl Seen {
    /// How often `sought` ends in what came last, of which `fresh` bytes are new.
    fn fresh(&self, sought: &[u8], fresh: usize) -> u64 {
        let from = self.written.len().saturating_sub(fresh + sought.len() - 1);
        let found = self.written.get(from..).unwrap_or_default();
        found
            .windows(sought.len())
            .filter(|window| *window == sought)
            .count() as u64
    }

    /// True in the middle of a frame.
    pub(super) fn is_drawing(&self) -> bool {
        let last = |sought: &[u8]| {
            self.written
                .windows(sought.len())
                .rposition(|window| window == sought)
        };
        last(FRAME) > last(FRAME_END)
    }
}

/// Keeps what is written, and answers what a terminal is asked.
pub(super) fn watch(mut output: impl Read, shown: &Shared, answers: &Keys) {
    let mut chunk = vec![0; 1 << 16];
    loop {
        let read = output.read(&mut chunk).unwrap_or(0);
        let text = chunk.get(..read).unwrap_or_default();
        let mut seen = lock(shown);
        if text.is_empty() || seen.closed {
            // Before the others are told that it is over.
            drop(output);
            seen.ended = true;
            shown.1.notify_all();
            return;
        }
        seen.written.extend_from_slice(text);
        let (frames, asked) = (seen.fresh(FRAME, read), seen.fresh(CURSOR_QUERY, read));
        let cut = seen.written.len().saturating_sub(1 << 16);
        seen.written.drain(..cut);
        seen.frames += frames;
        seen.asked += asked;
        seen.bytes += read as u64;
        seen.parser.process(text);
        let (row, column) = seen.parser.screen().cursor_position();
        drop(seen);
        for _ in 0..asked {
            let mut to = answers.lock().unwrap_or_else(PoisonError::into_inner);
            // A program that has ended wants no answer.
            let _ = write!(to, "\x1b[{};{}R", row + 1, column + 1).and_then(|()| to.flush());
        }
        shown.1.notify_all();
    }
}

pub(super) fn text(screen: &vt100::Screen) -> String {
    let columns = screen.size().1.get();
    let mut text = String::new();
    for row in screen.rows(0, columns) {
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text.truncate(text.trim_end_matches('\n').len());
    text
}

pub(super) fn lock(seen: &Shared) -> MutexGuard<'_, Seen> {
    seen.0.lock().unwrap_or_else(PoisonError::into_inner)
}
