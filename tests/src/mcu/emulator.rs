//! Running the firmware on QEMU.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Board;

/// A running emulator; it ends with this value.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    output: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

/// How often something is looked at that is waited for.
const LOOK: Duration = Duration::from_millis(10);

/// How a firmware ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status: success when the firmware said so.
    pub status: ExitStatus,
    /// What it printed.
    pub output: String,
}

impl Emulator {
    /// Starts the firmware in `image`.
    ///
    /// # Errors
    /// When QEMU is not there, with what to do.
    pub fn start(board: Board, image: &Path, arguments: &[&str]) -> Result<Emulator, String> {
        let program = program();
        let mut child = Command::new(&program)
            .args(["-M", board.name(), "-display", "none", "-monitor", "none"])
            .args(["-semihosting-config", "enable=on,target=native"])
            .args(arguments)
            .arg("-kernel")
            .arg(image)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|cause| {
                format!(
                    "{} does not run: {cause}; install it, for instance by `apt-get install \
                     --no-install-recommends qemu-system-arm`, or say where it is by QEMU_SYSTEM_ARM",
                    program.display()
                )
            })?;
        let output = Arc::default();
        let reader = child.stdout.take().map(|stdout| {
            let output = Arc::clone(&output);
            std::thread::spawn(move || keep(stdout, &output))
        });
        Ok(Emulator {
            child,
            output,
            reader,
        })
    }

    /// Runs the firmware to its end, at most `limit`.
    ///
    /// # Errors
    /// When QEMU is not there, or the firmware does not end in time.
    pub fn run(board: Board, image: &Path, arguments: &[&str], limit: Duration) -> Result<Outcome, String> {
        let mut emulator = Emulator::start(board, image, arguments)?;
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if let Some(status) = emulator.ended()? {
                let output = emulator.all_output();
                return Ok(Outcome { status, output });
            }
            std::thread::sleep(LOOK);
        }
        let _ = emulator.child.kill();
        let output = emulator.all_output();
        Err(format!(
            "the firmware on {} did not end within {} s; it printed: {output:?}",
            board.name(),
            limit.as_secs()
        ))
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, String> {
        self.child
            .try_wait()
            .map_err(|cause| format!("QEMU is lost: {cause}"))
    }

    /// What `find` makes of the output so far, once it is there.
    ///
    /// # Errors
    /// When it is not within `limit`.
    pub fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>, limit: Duration) -> Result<T, String> {
        let until = Instant::now() + limit;
        loop {
            let output = self.output();
            if let Some(found) = find(&output) {
                return Ok(found);
            }
            if Instant::now() >= until {
                return Err(format!("it never said what was waited for: {output:?}"));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What the emulator and the firmware said so far.
    pub fn output(&self) -> String {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&output).into_owned()
    }

    /// What they said, once they have ended.
    fn all_output(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            // It ends with the emulator's end of the pipe, and does not panic.
            let _ = reader.join();
        }
        self.output()
    }
}

/// Reads to the end, so that the emulator never waits.
fn keep(mut from: ChildStdout, to: &Mutex<Vec<u8>>) {
    let mut buf = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buf) {
        let mut output = to.lock().unwrap_or_else(PoisonError::into_inner);
        output.extend(buf.get(..count).unwrap_or(&[]));
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> OsString {
    std::env::var_os("QEMU_SYSTEM_ARM").unwrap_or_else(|| "qemu-system-arm".into())
}
