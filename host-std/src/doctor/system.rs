//! The program and the machine: versions, the clock, the disk, limits.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::process::{Resource, getrlimit};

use super::Finding;
use super::files::parent;

/// Below this much room no write may be relied on, in bytes.
const NO_ROOM: u64 = 16 * 1024 * 1024;
/// Below this much it is time to look for more.
const LITTLE_ROOM: u64 = 256 * 1024 * 1024;

/// Fewer files than this are not enough for as many clients and plugins as the runtime takes.
const FEW_FILES: u64 = 512;

/// The clock may be so far behind a file that was just written: some file systems round.
const SLACK: Duration = Duration::from_secs(5);

/// How long a program of the system may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What this program is, and on what it runs.
pub(super) fn program() -> Vec<Finding> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let bridges = if cfg!(feature = "bridges") {
        "with"
    } else {
        "without"
    };
    vec![Finding::ok(
        "program",
        format!(
            "core-runtime {} for {}, {bridges} bridges; {} {} {}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::ARCH,
            std::env::consts::OS,
            kernel.trim(),
            name.unwrap_or_default().trim_matches('"'),
        ),
    )]
}

/// The running program's file may have been replaced by an upgrade.
pub(super) fn replaced(pid: u32, findings: &mut Vec<Finding>) {
    let program = fs::read_link(format!("/proc/{pid}/exe"));
    let gone = program.is_ok_and(|program| program.as_os_str().as_encoded_bytes().ends_with(b" (deleted)"));
    if gone {
        findings.push(Finding::warning(
            "versions",
            format!("the program of the running runtime, process {pid}, was replaced or removed since it was started"),
            "restart the runtime, so that it is the one that is installed",
        ));
    }
}

/// The clock, beside the program's file and the database.
pub(super) fn clock(database: &Path, findings: &mut Vec<Finding>) {
    let now = SystemTime::now();
    let later = |file: &Path| {
        let written = fs::metadata(file).and_then(|found| found.modified()).ok()?;
        written.duration_since(now + SLACK).ok()?;
        Some(shown(written))
    };
    let wrong = |what: String| {
        Finding::problem(
            "clock",
            format!("it is {} by the clock, which is before {what}", shown(now)),
            "set the clock: rules by the time of day, certificates and histories go by it",
        )
    };
    let program = std::env::current_exe().unwrap_or_default();
    if let Some(built) = later(&program) {
        return findings.push(wrong(format!("this program was made, {built}")));
    }
    if let Some(written) = later(database) {
        return findings.push(wrong(format!("the database was written, {written}")));
    }
    findings.push(match synchronised() {
        Some(false) => Finding::warning(
            "clock",
            format!("{}, which is not synchronised", shown(now)),
            "install chrony or systemd-timesyncd, or see why it has no server",
        ),
        Some(true) => Finding::ok("clock", format!("{}, synchronised", shown(now))),
        None => Finding::ok(
            "clock",
            format!("{}; whether it is synchronised is not known", shown(now)),
        ),
    });
}

/// Whether the system says that its clock is synchronised; `None` where it does not say.
fn synchronised() -> Option<bool> {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Some(true);
    }
    let mut asked = Command::new("timedatectl")
        .args(["show", "-p", "NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let until = Instant::now() + PATIENCE;
    while asked.try_wait().ok()?.is_none() {
        if Instant::now() > until {
            let _ = asked.kill();
            let _ = asked.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let answer = asked.wait_with_output().ok()?;
    match answer.stdout.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

/// The room for the database.
pub(super) fn disk(database: &Path, findings: &mut Vec<Finding>) {
    let there = parent(database).ancestors().find(|folder| folder.exists());
    let there = there
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let Ok(found) = statvfs(there) else {
        return;
    };
    let shown = there.display();
    if found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return findings.push(Finding::problem(
            "disk",
            format!("{shown} is on a file system that is read-only"),
            "a damaged disk is often mounted so: see `dmesg`, or choose another RUNTIME_DB_PATH",
        ));
    }
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    // Some file systems do not count them.
    let no_files = found.f_files > 0 && found.f_favail == 0;
    findings.push(room(&shown.to_string(), free, no_files));
}

fn room(place: &str, free: u64, no_files: bool) -> Finding {
    let text = format!("{} MiB are free at {place}", free / 1024 / 1024);
    match free {
        _ if no_files => Finding::problem(
            "disk",
            format!("the file system of {place} has no room for one more file"),
            "delete files there",
        ),
        ..NO_ROOM => Finding::problem("disk", text, "free some space: writes fail when there is none"),
        NO_ROOM..LITTLE_ROOM => Finding::warning("disk", text, "free some space before there is none"),
        _ => Finding::ok("disk", text),
    }
}

/// What the system lets a process have.
pub(super) fn limits(findings: &mut Vec<Finding>) {
    let files = getrlimit(Resource::Nofile).current;
    findings.push(match files {
        Some(few @ ..FEW_FILES) => Finding::warning(
            "limits",
            format!("a process started here may have {few} files open"),
            format!("allow at least {FEW_FILES}, by `ulimit -n` or LimitNOFILE="),
        ),
        Some(files) => Finding::ok(
            "limits",
            format!("a process started here may have {files} files open"),
        ),
        None => Finding::ok(
            "limits",
            "a process started here may have any number of files open",
        ),
    });
}

/// A time in UTC, to the second.
fn shown(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let text = crate::calendar::rfc3339(since.as_secs().saturating_mul(1_000_000));
    format!(
        "{} UTC",
        text.split('.').next().unwrap_or(&text).replace('T', " ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn room_is_judged_by_what_is_left() {
        let level = |free, no_files| room("/", free, no_files).level;
        assert_eq!(level(0, false), Level::Problem);
        assert_eq!(level(NO_ROOM, false), Level::Warning);
        assert_eq!(level(LITTLE_ROOM, false), Level::Ok);
        assert_eq!(level(LITTLE_ROOM, true), Level::Problem);
    }

    #[test]
    fn a_time_is_shown_to_the_second() {
        let at = UNIX_EPOCH + Duration::from_millis(86_400_500);
        assert_eq!(shown(at), "1970-01-02 00:00:00 UTC");
    }
}
