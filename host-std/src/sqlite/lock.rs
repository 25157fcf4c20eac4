//! One runtime per database: an advisory lock on a file beside it.
//!
//! The lock belongs to the open file, so the system drops it when the process dies, however it dies.
//! The text in the file only tells people who holds it. It can be stale, left by a process that
//! crashed, so it is never taken as a sign that the lock is held.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;
use rustix::process::{Pid, test_kill_process};

use super::error::OpenError;
use super::place::beside;

/// How often, and how long apart, a note that names no living process is read again: its writer may
/// have locked the file a moment ago and not have written yet.
const NOTE_READS: u32 = 10;
const NOTE_PAUSE: Duration = Duration::from_millis(20);

/// A note is three short lines; anything longer was not written by a runtime.
const NOTE_LIMIT: u64 = 4096;

/// The process that has a database open, from the note in its lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// When it opened the database, in seconds since the Unix epoch.
    pub since: u64,
    /// The program's file name.
    pub command: String,
}

impl Holder {
    fn current() -> Self {
        let command = std::env::args_os()
            .next()
            .and_then(|program| {
                let name = Path::new(&program).file_name()?;
                Some(name.to_string_lossy().replace(char::is_control, " "))
            })
            .unwrap_or_else(|| "unknown".to_owned());
        Self {
            pid: std::process::id(),
            since: unix_seconds(),
            command,
        }
    }

    fn parse(note: &str) -> Option<Self> {
        let mut lines = note.lines();
        let holder = Self {
            pid: lines.next()?.strip_prefix("pid=")?.parse().ok()?,
            since: lines.next()?.strip_prefix("since=")?.parse().ok()?,
            command: lines.next()?.strip_prefix("command=")?.to_owned(),
        };
        Some(holder)
    }

    fn note(&self) -> String {
        format!(
            "pid={}\nsince={}\ncommand={}\n",
            self.pid, self.since, self.command
        )
    }

    fn is_alive(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        match pid.map(test_kill_process) {
            Some(Ok(())) => true,
            Some(Err(error)) => error == rustix::io::Errno::PERM,
            None => false,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = unix_seconds().saturating_sub(self.since);
        let (number, unit) = match seconds {
            0..120 => (seconds, "s"),
            120..7_200 => (seconds / 60, "min"),
            7_200..172_800 => (seconds / 3_600, "h"),
            _ => (seconds / 86_400, "days"),
        };
        write!(
            f,
            "{} with process id {}, since {number} {unit}",
            self.command, self.pid
        )
    }
}

/// The held lock; dropping it, or the end of the process, releases it.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
}

impl LockFile {
    /// Where the lock of the database at `database` is: its name with `.lock` after it.
    pub(super) fn path_of(database: &Path) -> PathBuf {
        beside(database, ".lock")
    }

    /// The process that wrote the note at this path, if it lives.
    pub(super) fn note(path: &Path) -> Option<Holder> {
        let mut note = String::new();
        let file = File::open(path).ok()?;
        file.take(NOTE_LIMIT).read_to_string(&mut note).ok()?;
        Holder::parse(&note).filter(Holder::is_alive)
    }

    /// Takes the lock of `database`, or says who has it.
    pub(super) fn acquire(database: &Path) -> Result<Self, OpenError> {
        let path = Self::path_of(database);
        let failed = |cause: io::Error| match cause.kind() {
            io::ErrorKind::StorageFull => OpenError::Full {
                path: database.to_path_buf(),
            },
            _ => OpenError::LockFile {
                path: path.clone(),
                cause,
            },
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            // A symbolic link that somebody put there leads to another's file.
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Held {
                    path: database.to_path_buf(),
                    holder: read_holder(&mut file),
                });
            }
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        write_note(&mut file, &Holder::current().note()).map_err(failed)?;
        Ok(Self { file })
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // The file stays: removing it would let two processes lock two files of the same name.
        let _ = self.file.set_len(0);
    }
}

fn write_note(file: &mut File, note: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(note.as_bytes())
}

fn read_holder(file: &mut File) -> Option<Holder> {
    for attempt in 0..NOTE_READS {
        if attempt > 0 {
            thread::sleep(NOTE_PAUSE);
        }
        let mut note = String::new();
        file.rewind().ok()?;
        let read = Read::by_ref(file).take(NOTE_LIMIT).read_to_string(&mut note);
        if read.is_ok()
            && let Some(holder) = Holder::parse(&note)
            && holder.is_alive()
        {
            return Some(holder);
        }
    }
    None
}

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
