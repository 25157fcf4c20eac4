//! A look at a database that changes nothing of it: no file is made beside it, no log folded in.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::backup::{self, Checked};
use super::error::OpenError;
use super::lock::{Holder, LockFile};
use super::open::{self, Found};

/// The process that has the database at this path open, by the note in its lock file and the system's list of locks.
pub fn holder(database: &Path) -> Option<Holder> {
    let database = fs::canonicalize(database).unwrap_or_else(|_| database.to_path_buf());
    let path = LockFile::path_of(&database);
    let holder = LockFile::note(&path)?;
    let inode = format!(":{}", fs::metadata(&path).ok()?.ino());
    // The note is stale where its process was killed; its number may be another's now.
    let held = match fs::read_to_string("/proc/locks") {
        Ok(locks) => locks
            .lines()
            .any(|line| line.split_whitespace().any(|field| field.ends_with(&inode))),
        Err(_) => true,
    };
    held.then_some(holder)
}

/// [`check`](super::check), without a trace; `held` says whether a runtime has it open.
///
/// # Errors
/// When the file is not a sound database that a runtime can open.
pub fn check_untouched(path: &Path, held: bool) -> Result<Checked, OpenError> {
    let file = fs::canonicalize(path).map_err(|cause| OpenError::Io {
        path: path.to_path_buf(),
        reason: cause.to_string(),
    });
    // The log may be there alone.
    let file = file.unwrap_or_else(|_| path.to_path_buf());
    if fs::metadata(&file).is_ok_and(|found| !found.is_file()) {
        return Err(OpenError::NotAFile { path: file });
    }
    let found = open::inspect(&file)?;
    let conn = match found {
        _ if held => backup::read_only(&file)?,
        Found::File { unfinished: true } => with_its_log(&file)?,
        _ => immutable(&file)?,
    };
    let checked = backup::check_all(&conn, &file)?;
    if !held {
        open::check_length(&conn, &file, &found)?;
    }
    Ok(checked)
}

/// A file that nobody has open and that has no log: SQLite looks for nothing beside it.
fn immutable(path: &Path) -> Result<Connection, OpenError> {
    let Some(text) = path.to_str() else {
        return Err(OpenError::Io {
            path: path.to_path_buf(),
            reason: io::Error::from(io::ErrorKind::InvalidFilename).to_string(),
        });
    };
    let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
        .map_err(|error| OpenError::from_sqlite(path, &error))
}

/// A file whose log was left by a crash. Alone with it, SQLite keeps its list of the log in memory; the log stays.
fn with_its_log(path: &Path) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(failed)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(failed)?;
    conn.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))
        .map_err(failed)?;
    conn.pragma_update(None, "query_only", true).map_err(failed)?;
    Ok(conn)
}
