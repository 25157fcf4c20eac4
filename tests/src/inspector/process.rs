//! What a process takes, from `/proc`.

use std::fs;
use std::time::{Duration, Instant};

/// Ticks of the processor's time in a second: the same on all of Linux's architectures.
const TICKS: f64 = 100.0;

/// A process's use of the processor between two moments.
#[derive(Debug)]
pub(super) struct Meter {
    pid: u32,
    since: Instant,
    ticks: u64,
}

impl Meter {
    pub(super) fn start(pid: u32) -> Result<Meter, String> {
        Ok(Meter {
            pid,
            since: Instant::now(),
            ticks: ticks(pid)?,
        })
    }

    /// Percent of a core since the start.
    pub(super) fn percent(&self) -> Result<f64, String> {
        let used = ticks(self.pid)?.saturating_sub(self.ticks) as f64 / TICKS;
        Ok(100.0 * used / self.elapsed().as_secs_f64())
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

fn read(pid: u32, file: &str) -> Result<String, String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).map_err(|error| format!("{path}: {error}: did the inspector end?"))
}

fn ticks(pid: u32) -> Result<u64, String> {
    let stat = read(pid, "stat")?;
    // After the name in parentheses: user and system time are the 12th and 13th field.
    let fields = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let mut times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    match (times.next(), times.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok(user + system),
        _ => Err(format!("/proc/{pid}/stat makes no sense: {stat:?}")),
    }
}

/// Mebibytes of it that are in memory.
pub(super) fn resident(pid: u32) -> Result<f64, String> {
    let status = read(pid, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kibibytes
        .map(|kibibytes| kibibytes / 1024.0)
        .ok_or_else(|| format!("/proc/{pid}/status says no VmRSS"))
}
