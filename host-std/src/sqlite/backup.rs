//! Copies of a database: made while it is in use, checked, and put in its place.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::error::OpenError;
use super::lock::LockFile;
use super::open::{check_integrity, sync_directory};
use super::place::beside;
use super::{json_fault, names, schema};

/// How often, and how long apart, a database that another program has locked is tried.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// How many faults are named.
const NAMED: usize = 20;

/// Why there is no copy. What was there before is untouched.
#[derive(Debug)]
#[non_exhaustive]
pub enum CopyError {
    /// The database that is to be copied, or replaced, cannot be used.
    Database(OpenError),
    /// Something is at the copy's path already.
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The copy cannot be written.
    Write {
        /// Where.
        path: PathBuf,
        /// What was answered.
        reason: String,
    },
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CopyError::Database(error) => error.fmt(f),
            CopyError::Exists { path } => write!(f, "{path:?} is there already: name another file"),
            CopyError::Write { path, reason } => write!(f, "cannot write {path:?}: {reason}"),
        }
    }
}

impl std::error::Error for CopyError {}

impl From<OpenError> for CopyError {
    fn from(error: OpenError) -> Self {
        CopyError::Database(error)
    }
}

/// What a [`check`] found in a sound database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many values there are.
    pub values: u64,
    /// How many of them no runtime can read or name.
    pub faults: u64,
    /// Where the first of them are, and what is wrong.
    pub named: Vec<String>,
}

/// Copies the database at `from`, which may be in use, to a new file.
///
/// # Errors
/// [`CopyError`]; there is no new file then.
pub fn backup(from: &Path, to: &Path) -> Result<(), CopyError> {
    if to.symlink_metadata().is_ok() {
        return Err(CopyError::Exists {
            path: to.to_path_buf(),
        });
    }
    let source = read_only(from)?;
    schema::examine(&source, from)?;
    let part = copy(&source, to)?;
    put(&part, to)
}

/// Reads the whole database at this path: every page, and every value.
///
/// # Errors
/// When the file is not a sound database of a runtime.
pub fn check(path: &Path) -> Result<Checked, OpenError> {
    check_all(&read_only(path)?, path)
}

/// [`check`], over a connection that is there.
pub(super) fn check_all(conn: &Connection, path: &Path) -> Result<Checked, OpenError> {
    check_integrity(conn, path)?;
    schema::examine(conn, path)?;
    let failed = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    let mut checked = Checked::default();
    let mut rows = conn
        .prepare("SELECT namespace, key, value FROM storage")
        .map_err(failed)?;
    let mut rows = rows.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        checked.values += 1;
        let columns = (row.get_ref(0), row.get_ref(1), row.get_ref(2));
        let (Ok(namespace), Ok(key), Ok(value)) = columns else {
            continue;
        };
        let name_fault = match (names::namespace(namespace), names::key(key)) {
            (Err(why), _) => Some(format!("its namespace {why}")),
            (_, Err(why)) => Some(format!("its key {why}")),
            _ => None,
        };
        let fault = name_fault.or_else(|| match value {
            ValueRef::Text(bytes) => json_fault(bytes).err(),
            other => Some(format!("it is {}, not text", other.data_type())),
        });
        if let Some(why) = fault {
            checked.faults += 1;
            if checked.named.len() < NAMED {
                checked.named.push(format!(
                    "{:?}/{:?}: {why}",
                    names::shown(namespace),
                    names::shown(key)
                ));
            }
        }
    }
    Ok(checked)
}

/// Puts a copy of the database `from` in the place of the one at `to`, which no runtime may use. The one that was there
/// is kept beside it: where.
///
/// # Errors
/// [`CopyError`]; what was at `to` is there as before.
pub fn restore(from: &Path, to: &Path) -> Result<Option<PathBuf>, CopyError> {
    let source = read_only(from)?;
    check_integrity(&source, from)?;
    schema::examine(&source, from)?;
    let _lock = LockFile::acquire(to)?;
    let part = copy(&source, to)?;
    let before = match to.symlink_metadata() {
        Ok(_) => Some(set_aside(to)?),
        Err(_) => None,
    };
    put(&part, to)?;
    Ok(before)
}

/// The database, to be read alone.
pub(super) fn read_only(path: &Path) -> Result<Connection, OpenError> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => {
            return Err(OpenError::NotAFile {
                path: path.to_path_buf(),
            });
        }
        Err(cause) => {
            return Err(OpenError::Io {
                path: path.to_path_buf(),
                reason: cause.to_string(),
            });
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| OpenError::from_sqlite(path, &error))
}

/// Copies the database into a file beside `to`, on the disk when this returns.
fn copy(source: &Connection, to: &Path) -> Result<PathBuf, CopyError> {
    let part = beside(to, ".part");
    let outcome = copy_into(source, &part);
    if outcome.is_err() {
        let _ = fs::remove_file(&part);
    }
    match outcome {
        Ok(()) => Ok(part),
        Err(reason) => Err(CopyError::Write { path: part, reason }),
    }
}

fn copy_into(source: &Connection, part: &Path) -> Result<(), String> {
    let text = |error: rusqlite::Error| error.to_string();
    // What a copy that was broken off has left.
    let _ = fs::remove_file(part);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(part);
    let file = file.map_err(|cause| cause.to_string())?;
    let mut target = Connection::open(part).map_err(text)?;
    let copying = Backup::new(source, &mut target).map_err(text)?;
    let mut tries = 0;
    // All in one step: between two of them a writer would make it begin anew.
    while copying.step(-1).map_err(text)? != StepResult::Done {
        tries += 1;
        if tries > TRIES {
            return Err("another program has the database locked; try again".to_owned());
        }
        thread::sleep(PAUSE);
    }
    drop(copying);
    // One file, without a log beside it.
    target
        .pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))
        .map_err(text)?;
    target.close().map_err(|(_, error)| text(error))?;
    file.sync_all().map_err(|cause| cause.to_string())
}

fn put(part: &Path, to: &Path) -> Result<(), CopyError> {
    let renamed = fs::rename(part, to);
    if let Some(directory) = to.parent() {
        sync_directory(if directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            directory
        });
    }
    renamed.map_err(|cause| CopyError::Write {
        path: to.to_path_buf(),
        reason: cause.to_string(),
    })
}

/// Gives the database, with its log, another name: which.
fn set_aside(database: &Path) -> Result<PathBuf, CopyError> {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let aside = beside(database, &format!(".before-restore-{seconds}"));
    // The log first: a database without it would be taken for a whole one.
    for suffix in ["-wal", "-shm", ""] {
        match fs::rename(beside(database, suffix), beside(&aside, suffix)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound || suffix.is_empty() => {
                return Err(CopyError::Write {
                    path: aside,
                    reason: cause.to_string(),
                });
            }
            _ => {}
        }
    }
    Ok(aside)
}
