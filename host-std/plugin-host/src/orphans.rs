//! Processes that a plugin started and left alone: they come to the runtime as their parent, which ends them. So no
//! descendant of a plugin gets out of the runtime's sight, and none passes for an operator.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tracing::warn;

use crate::process;

/// Deaths that come together are looked at together.
const GATHER: Duration = Duration::from_millis(100);

/// Ends orphans of plugins as they come, for ever.
pub(crate) async fn run() {
    let adopted = set_child_subreaper(Some(getpid()));
    let deaths = adopted
        .map_err(Into::into)
        .and_then(|()| signal(SignalKind::child()));
    let mut deaths = match deaths {
        Ok(deaths) => deaths,
        Err(cause) => return warn!("children that plugins leave alone are not seen: {cause}"),
    };
    while deaths.recv().await.is_some() {
        sleep(GATHER).await;
        // A program may have children of its own. Those of plugins are restricted, and it is not.
        if Process::own().is_some_and(|own| own.restricted) {
            continue;
        }
        for process in all().filter_map(Process::of) {
            if process.parent == getpid().as_raw_nonzero().get()
                && process.restricted
                && !process::is_known(process.pid)
            {
                end(process.pid);
            }
        }
    }
}

fn end(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, Signal::KILL);
        // It may take a moment to die: its death is a death as well.
        let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    }
}

/// Whether the process of this number was started by a plugin, whichever way.
pub fn is_of_a_plugin(pid: u32) -> bool {
    let own = std::process::id() as i32;
    let unrestricted = Process::own().is_some_and(|own| !own.restricted);
    let Some(mut process) = Process::of(pid as i32).filter(|process| process.pid != own) else {
        return false;
    };
    if unrestricted && !process.restricted {
        return false;
    }
    while process.parent > 1 {
        if process.parent == own {
            return true;
        }
        match Process::of(process.parent) {
            Some(parent) => process = parent,
            None => return false,
        }
    }
    false
}

fn all() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// What the system says of a process.
struct Process {
    pid: i32,
    parent: i32,
    /// It can get no more rights than it has: so is all that was in the sandbox once.
    restricted: bool,
}

impl Process {
    fn own() -> Option<Process> {
        Process::of(std::process::id() as i32)
    }

    fn of(pid: i32) -> Option<Process> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse::<i32>().ok()
        };
        Some(Process {
            pid,
            parent: field("PPid:")?,
            restricted: field("NoNewPrivs:") == Some(1),
        })
    }
}
