//! A terminal with the inspector in it.

mod modes;
mod screen;
mod seen;

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use modes::modes;
use seen::{Keys, Seen, Shared, lock, watch};

pub use modes::Modes;

/// How long is waited for what should come at once.
const PATIENCE: Duration = Duration::from_secs(20);

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
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
