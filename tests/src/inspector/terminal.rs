//! A terminal of 160x50 with the inspector in it.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const WIDTH: NonZeroU16 = NonZeroU16::new(160).unwrap();
const HEIGHT: NonZeroU16 = NonZeroU16::new(50).unwrap();
/// How long is waited for what should come at once.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a frame begins with: a synchronized update.
const FRAME: &[u8] = b"\x1b[?2026h";

struct Seen {
    parser: vt100::Parser,
    frames: u64,
    bytes: u64,
    ended: bool,
}

type Shared = Arc<(Mutex<Seen>, Condvar)>;

/// The inspector in its terminal.
pub(super) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    // Without it the other side hangs up.
    _master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    seen: Shared,
    pub(super) started: Instant,
}

impl Terminal {
    pub(super) fn start(program: &Path, target: &Path) -> Result<Terminal, String> {
        let failed = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
        let size = PtySize {
            rows: HEIGHT.get(),
            cols: WIDTH.get(),
            pixel_width: 0,
            pixel_height: 0,
        };
        let pty = native_pty_system()
            .openpty(size)
            .map_err(|error| failed("no terminal", &error))?;
        let mut command = CommandBuilder::new(program);
        command.arg(target);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        let mut output = pty
            .master
            .try_clone_reader()
            .map_err(|error| failed("the terminal's output", &error))?;
        let keys = pty
            .master
            .take_writer()
            .map_err(|error| failed("the terminal's input", &error))?;
        let seen: Shared = Arc::new((
            Mutex::new(Seen {
                parser: vt100::Parser::new(HEIGHT, WIDTH, 0),
                frames: 0,
                bytes: 0,
                ended: false,
            }),
            Condvar::new(),
        ));
        let shown = seen.clone();
        let started = Instant::now();
        let child = pty
            .slave
            .spawn_command(command)
            .map_err(|error| failed("core-inspector does not start", &error))?;
        drop(pty.slave);
        thread::Builder::new()
            .name("terminal".into())
            .spawn(move || {
                let mut chunk = vec![0; 1 << 16];
                let mut carry = Vec::new();
                loop {
                    let read = output.read(&mut chunk).unwrap_or(0);
                    let text = chunk.get(..read).unwrap_or_default();
                    let mut seen = lock(&shown);
                    if text.is_empty() {
                        seen.ended = true;
                        shown.1.notify_all();
                        return;
                    }
                    carry.extend_from_slice(text);
                    let frames = carry
                        .windows(FRAME.len())
                        .filter(|window| *window == FRAME)
                        .count();
                    seen.frames += frames as u64;
                    carry.drain(..carry.len().saturating_sub(FRAME.len() - 1));
                    seen.bytes += read as u64;
                    seen.parser.process(text);
                    drop(seen);
                    shown.1.notify_all();
                }
            })
            .map_err(|error| failed("no thread for the terminal", &error))?;
        Ok(Terminal {
            child,
            _master: pty.master,
            keys,
            seen,
            started,
        })
    }

    pub(super) fn pid(&self) -> Result<u32, String> {
        self.child
            .process_id()
            .ok_or_else(|| "core-inspector has ended".to_owned())
    }

    /// Presses keys.
    pub(super) fn press(&mut self, keys: &str) -> Result<(), String> {
        self.keys
            .write_all(keys.as_bytes())
            .and_then(|()| self.keys.flush())
            .map_err(|error| format!("the terminal takes no key: {error}"))
    }

    /// Waits until the screen's text is as it should be, and says when it was.
    pub(super) fn until(&self, what: &str, mut is_so: impl FnMut(&str) -> bool) -> Result<Instant, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = lock(&self.seen);
        loop {
            let text = seen.parser.screen().contents();
            if is_so(&text) {
                return Ok(Instant::now());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if seen.ended || left.is_zero() {
                return Err(format!("{what} did not come; the screen was:\n{text}"));
            }
            seen = self
                .seen
                .1
                .wait_timeout(seen, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(seen, _)| seen);
        }
    }

    /// What can be read off the screen now.
    pub(super) fn read<T>(&self, find: impl FnOnce(&str) -> Option<T>) -> Result<T, String> {
        let text = lock(&self.seen).parser.screen().contents();
        find(&text).ok_or_else(|| format!("what is looked for is not on the screen:\n{text}"))
    }

    /// Frames and bytes that were drawn so far.
    pub(super) fn drawn(&self) -> (u64, u64) {
        let seen = lock(&self.seen);
        (seen.frames, seen.bytes)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lock(seen: &Shared) -> MutexGuard<'_, Seen> {
    seen.0.lock().unwrap_or_else(PoisonError::into_inner)
}
