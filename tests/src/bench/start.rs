//! The program itself: from its start on an empty folder until it says that it is running, and the memory
//! it has then.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use super::harness::Settings;
use super::hosted::folder;
use super::report::{Goal, Row};
use crate::binary;

const PATIENCE: Duration = Duration::from_secs(30);

/// The time and the memory.
///
/// # Errors
/// When the program cannot be built, or does not run.
pub(super) fn run(settings: &Settings) -> Result<Vec<Row>, String> {
    // In the profile of this program.
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let program = binary("host-std", profile)?;
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        let started = start(&program)?;
        times.push(started.took.as_secs_f64() * 1e3);
        memory.push(started.resident_kib as f64 / 1024.0);
    }
    Ok(vec![
        Row::figure(
            "start to running, empty database",
            "ms",
            &times,
            Goal::AtMost(30.0),
        ),
        Row::figure("resident memory then", "MiB", &memory, Goal::AtMost(16.0)),
    ])
}

struct Started {
    took: Duration,
    resident_kib: u64,
}

/// A running program, which ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Its folder goes as well, so there is nothing to end in order.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(program: &Path) -> Result<Started, String> {
    let folder = folder()?;
    let mut command = Command::new(program);
    command
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    // Without this machine's configuration.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RUNTIME_")) {
        command.env_remove(name);
    }
    let begun = Instant::now();
    let child = command
        .spawn()
        .map_err(|cause| format!("core-runtime does not start: {cause}"))?;
    let mut running = Running(child);
    let log = running.0.stderr.take().ok_or("its log is not piped")?;
    let (told, heard) = channel();
    // To the end, so that it never waits for its log.
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let _ = told.send((Instant::now(), line));
        }
    });
    let mut last = String::new();
    loop {
        let (at, line) = heard
            .recv_timeout(PATIENCE.saturating_sub(begun.elapsed()))
            .map_err(|_| format!("core-runtime does not say that it is running; it said last: {last:?}"))?;
        if line.contains(" running ") {
            return Ok(Started {
                took: at - begun,
                resident_kib: resident(running.0.id())?,
            });
        }
        last = line;
    }
}

/// The memory that a process has of its own and shares, in KiB.
pub(super) fn resident(process: u32) -> Result<u64, String> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).map_err(|cause| format!("{path}: {cause}"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB"))
        .and_then(|size| size.trim().parse().ok())
        .ok_or_else(|| format!("{path} does not tell the memory"))
}
