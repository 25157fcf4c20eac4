//! A terminal with the inspector in it.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{ControlModes, InputModes, LocalModes, OutputModes, tcgetattr};
use vt100::MouseProtocolMode;

/// How long is waited for what should come at once.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a frame begins with: a synchronized update.
const FRAME: &[u8] = b"\x1b[?2026h";
/// And what it ends with.
const FRAME_END: &[u8] = b"\x1b[?2026l";
/// Where is the cursor? A real terminal answers.
const CURSOR_QUERY: &[u8] = b"\x1b[6n";

struct Seen {
    parser: vt100::Parser,
    frames: u64,
    bytes: u64,
    asked: u64,
    /// What was written since the program began, as long as it is short.
    written: Vec<u8>,
    ended: bool,
    /// Nobody looks at it any more.
    closed: bool,
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
}

impl Seen {
    /// True in the middle of a frame.
    fn is_drawing(&self) -> bool {
        let last = |sought: &[u8]| {
            self.written
                .windows(sought.len())
                .rposition(|window| window == sought)
        };
        last(FRAME) > last(FRAME_END)
    }
}

type Shared = Arc<(Mutex<Seen>, Condvar)>;
type Keys = Arc<Mutex<Box<dyn Write + Send>>>;

/// How a terminal handles what is typed and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    local: LocalModes,
    input: InputModes,
    output: OutputModes,
    control: ControlModes,
}

impl Modes {
    /// True when keys are handed over as they are.
    pub fn is_raw(&self) -> bool {
        !self
            .local
            .intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }
}

/// A program in a terminal of its own; killed with this value.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    // Without it the other side hangs up.
    master: Option<Box<dyn MasterPty + Send>>,
    device: PathBuf,
    keys: Keys,
    seen: Shared,
    before: Modes,
    /// When the program was started.
    pub started: Instant,
}

/// What is started in a terminal.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// The program.
    pub program: &'a Path,
    /// What it is told.
    pub arguments: &'a [&'a str],
    /// Variables, beside those of a terminal that knows UTF-8 and 256 colours.
    pub variables: &'a [(&'a str, &'a str)],
    /// Where it runs.
    pub folder: Option<&'a Path>,
    /// Columns and rows.
    pub size: (u16, u16),
}

impl<'a> Start<'a> {
    /// A program with its arguments, in 80 columns and 24 rows.
    pub fn new(program: &'a Path, arguments: &'a [&'a str]) -> Self {
        Start {
            program,
            arguments,
            variables: &[],
            folder: None,
            size: (80, 24),
        }
    }
}

impl Terminal {
    /// Starts a program in a terminal.
    ///
    /// # Errors
    /// When there is no terminal, or no such program.
    pub fn start(start: Start<'_>) -> Result<Terminal, String> {
        let failed = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
        let (columns, rows) = start.size;
        let pty = native_pty_system()
            .openpty(size(columns, rows))
            .map_err(|error| failed("no terminal", &error))?;
        let device = pty.master.tty_name().ok_or("the terminal has no name")?;
        let before = modes(&device)?;
        let mut command = CommandBuilder::new(start.program);
        command.args(start.arguments);
        for name in [
            "NO_COLOR",
            "LC_ALL",
            "LC_CTYPE",
            "RUNTIME_SOCKET",
            "RUNTIME_DB_PATH",
        ] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for (name, value) in start.variables {
            command.env(name, value);
        }
        if let Some(folder) = start.folder {
            command.cwd(folder);
        }
        let output = pty
            .master
            .try_clone_reader()
            .map_err(|error| failed("the terminal's output", &error))?;
        let keys = pty
            .master
            .take_writer()
            .map_err(|error| failed("the terminal's input", &error))?;
        let keys: Keys = Arc::new(Mutex::new(keys));
        let seen: Shared = Arc::new((
            Mutex::new(Seen {
                parser: vt100::Parser::new(at_least_one(rows), at_least_one(columns), 0),
                frames: 0,
                bytes: 0,
                asked: 0,
                written: Vec::new(),
                ended: false,
                closed: false,
            }),
            Condvar::new(),
        ));
        let started = Instant::now();
        let child = pty
            .slave
            .spawn_command(command)
            .map_err(|error| failed(&format!("{} does not start", start.program.display()), &error))?;
        drop(pty.slave);
        let (shown, answers) = (seen.clone(), keys.clone());
        thread::Builder::new()
            .name("terminal".into())
            .spawn(move || watch(output, &shown, &answers))
            .map_err(|error| failed("no thread for the terminal", &error))?;
        Ok(Terminal {
            child,
            master: Some(pty.master),
            device,
            keys,
            seen,
            before,
            started,
        })
    }

    /// The process's number.
    ///
    /// # Errors
    /// When it has ended.
    pub fn pid(&self) -> Result<u32, String> {
        self.child
            .process_id()
            .ok_or_else(|| "the program has ended".to_owned())
    }

    /// Presses keys: what a terminal sends for them.
    ///
    /// # Errors
    /// When nobody reads them any more.
    pub fn press(&self, keys: &str) -> Result<(), String> {
        let mut to = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        to.write_all(keys.as_bytes())
            .and_then(|()| to.flush())
            .map_err(|error| format!("the terminal takes no key: {error}"))
    }

    /// Sends the program a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<(), String> {
        let pid = i32::try_from(self.pid()?).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or("the program has no number")?;
        kill_process(pid, signal).map_err(|error| format!("the program takes no signal: {error}"))
    }

    /// Makes it larger or smaller.
    ///
    /// # Errors
    /// When it is gone.
    pub fn resize(&self, columns: u16, rows: u16) -> Result<(), String> {
        let master = self.master.as_ref().ok_or("the terminal is gone")?;
        // The program draws for the new size once it is told.
        lock(&self.seen)
            .parser
            .set_size(at_least_one(rows), at_least_one(columns));
        master
            .resize(size(columns, rows))
            .map_err(|error| format!("the terminal keeps its size: {error}"))
    }

    /// Takes the terminal away from the program, as closing its window does.
    ///
    /// # Errors
    /// When the program does not answer to a key before that.
    pub fn hang_up(&mut self) -> Result<(), String> {
        lock(&self.seen).closed = true;
        // The reader has a copy of the terminal and waits for something to be written.
        self.press("?")?;
        let deadline = Instant::now() + PATIENCE;
        self.until_all_is_read(deadline)?;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        *keys = Box::new(std::io::sink());
        self.master = None;
        Ok(())
    }

    /// Waits until the screen's text is as it should be, and says when it was.
    ///
    /// # Errors
    /// When it never was, with the text.
    pub fn until(&self, what: &str, mut is_so: impl FnMut(&str) -> bool) -> Result<Instant, String> {
        self.until_screen(what, |screen| is_so(&text(screen)))
    }

    /// Waits until the screen is as it should be, and says when it was.
    ///
    /// # Errors
    /// When it never was, with its text.
    pub fn until_screen(
        &self,
        what: &str,
        mut is_so: impl FnMut(&vt100::Screen) -> bool,
    ) -> Result<Instant, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = lock(&self.seen);
        loop {
            // What is drawn in one piece is looked at in one piece.
            if !seen.is_drawing() && is_so(seen.parser.screen()) {
                return Ok(Instant::now());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if seen.ended || left.is_zero() {
                let text = text(seen.parser.screen());
                return Err(format!("{what} did not come; the screen was:\n{text}"));
            }
            seen = self
                .seen
                .1
                .wait_timeout(seen, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(seen, _)| seen);
        }
    }

    /// Waits until this is on the screen.
    ///
    /// # Errors
    /// When it never was, with the text.
    pub fn see(&self, sought: &str) -> Result<Instant, String> {
        self.until(&format!("{sought:?}"), |text| text.contains(sought))
    }

    /// Waits until this is no longer on the screen.
    ///
    /// # Errors
    /// When it stays, with the text.
    pub fn see_no(&self, sought: &str) -> Result<Instant, String> {
        self.until(&format!("a screen without {sought:?}"), |text| {
            !text.contains(sought)
        })
    }

    /// Waits until one row has all of this.
    ///
    /// # Errors
    /// When there never was one, with the text.
    pub fn see_row(&self, sought: &[&str]) -> Result<Instant, String> {
        self.until(&format!("a row with {sought:?}"), |text| {
            text.lines()
                .any(|row| sought.iter().all(|sought| row.contains(sought)))
        })
    }

    /// What is on the screen, without the spaces at the ends of its rows.
    pub fn text(&self) -> String {
        text(lock(&self.seen).parser.screen())
    }

    /// What can be read off the screen now.
    ///
    /// # Errors
    /// When it cannot, with the text.
    pub fn read<T>(&self, find: impl FnOnce(&str) -> Option<T>) -> Result<T, String> {
        let text = self.text();
        find(&text).ok_or_else(|| format!("what is looked for is not on the screen:\n{text}"))
    }

    /// Frames and bytes that were drawn so far.
    pub fn drawn(&self) -> (u64, u64) {
        let seen = lock(&self.seen);
        (seen.frames, seen.bytes)
    }

    /// How often the program asked where the cursor is, and waited for the answer.
    pub fn asked(&self) -> u64 {
        lock(&self.seen).asked
    }

    /// How the terminal handles keys now.
    ///
    /// # Errors
    /// When it is gone.
    pub fn modes(&self) -> Result<Modes, String> {
        modes(&self.device)
    }

    /// Waits until the program has ended and all it wrote is on the screen.
    ///
    /// # Errors
    /// When it does not end.
    pub fn ended(&mut self) -> Result<ExitStatus, String> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let status = self
                .child
                .try_wait()
                .map_err(|error| format!("the program is lost: {error}"))?;
            if let Some(status) = status {
                if self.master.is_some() {
                    self.until_all_is_read(deadline)?;
                }
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(format!(
            "the program did not end; the screen was:\n{}",
            self.text()
        ))
    }

    fn until_all_is_read(&self, deadline: Instant) -> Result<(), String> {
        let mut seen = lock(&self.seen);
        while !seen.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err("somebody still has the terminal open".to_owned());
            }
            seen = self
                .seen
                .1
                .wait_timeout(seen, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(seen, _)| seen);
        }
        Ok(())
    }

    /// What of the terminal is not as it was before the program began: nothing, when it was given back.
    ///
    /// # Errors
    /// When it is gone.
    pub fn not_given_back(&self) -> Result<Vec<String>, String> {
        let mut wrong = Vec::new();
        let now = self.modes()?;
        if now != self.before {
            wrong.push(format!("its modes were {:?} and are {now:?}", self.before));
        }
        let seen = lock(&self.seen);
        let screen = seen.parser.screen();
        let checks = [
            (screen.alternate_screen(), "the alternate screen is still there"),
            (screen.hide_cursor(), "the cursor is hidden"),
            (screen.bracketed_paste(), "pastes are bracketed"),
            (
                screen.mouse_protocol_mode() != MouseProtocolMode::None,
                "the mouse is still reported",
            ),
            (
                screen.fgcolor() != vt100::Color::Default || screen.bgcolor() != vt100::Color::Default,
                "colours are left",
            ),
            (
                screen.bold() || screen.dim() || screen.inverse() || screen.underline(),
                "text attributes are left",
            ),
        ];
        wrong.extend(
            checks
                .iter()
                .filter(|(is_so, _)| *is_so)
                .map(|(_, what)| (*what).to_owned()),
        );
        if seen.is_drawing() {
            wrong.push("a synchronized update is still under way".to_owned());
        }
        Ok(wrong)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps what is written, and answers what a terminal is asked.
fn watch(mut output: impl Read, shown: &Shared, answers: &Keys) {
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

fn text(screen: &vt100::Screen) -> String {
    let columns = screen.size().1.get();
    let mut text = String::new();
    for row in screen.rows(0, columns) {
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text.truncate(text.trim_end_matches('\n').len());
    text
}

fn modes(device: &Path) -> Result<Modes, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", device.display());
    let line = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NOCTTY.bits() as i32)
        .open(device)
        .map_err(|error| failed(&error))?;
    let modes = tcgetattr(&line).map_err(|error| failed(&error))?;
    Ok(Modes {
        local: modes.local_modes,
        input: modes.input_modes,
        output: modes.output_modes,
        control: modes.control_modes,
    })
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn at_least_one(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap_or(NonZeroU16::MIN)
}

fn lock(seen: &Shared) -> MutexGuard<'_, Seen> {
    seen.0.lock().unwrap_or_else(PoisonError::into_inner)
}
