//! What can go wrong with the database, as told to callers.
//!
//! Two families: [`OpenError`] for the one-time opening of a file, where the answer goes to a person
//! who has to fix something, and [`StorageError`] for each operation, where the answer goes to the
//! plugin that asked.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;

use super::lock::Holder;

/// Why a database could not be opened. The file is left exactly as it was found.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The path names something that is not a regular file: a directory, a device, or nothing at all.
    NotAFile {
        /// The path as it was asked for.
        path: PathBuf,
    },
    /// The directory of the database could not be created or reached.
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
    /// The lock file beside the database could not be created or locked.
    LockFile {
        /// The lock file.
        path: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
    /// Another runtime has this database open.
    Held {
        /// The database.
        path: PathBuf,
        /// Who holds it, or `None` when the holder left no readable note.
        holder: Option<Holder>,
    },
    /// Another program holds an SQLite lock on the file and did not let go in time.
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// The file is not an SQLite database.
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is an SQLite database, and is damaged.
    Damaged {
        /// The database.
        path: PathBuf,
        /// What the check found first.
        reason: String,
    },
    /// The file was written by a version of the schema that this program does not know.
    Version {
        /// The database.
        path: PathBuf,
        /// The `user_version` in the file.
        found: i64,
        /// The highest `user_version` this program reads.
        supported: i64,
    },
    /// The file is a sound SQLite database of another program, or of another layout.
    Schema {
        /// The database.
        path: PathBuf,
        /// How it differs from what is expected.
        reason: String,
    },
    /// The file or its file system does not allow writing.
    ReadOnly {
        /// The database.
        path: PathBuf,
        /// What the system answered.
        reason: String,
    },
    /// There is no room left to prepare the database.
    Full {
        /// The database.
        path: PathBuf,
    },
    /// Any other failure of the system or of SQLite.
    Io {
        /// The database.
        path: PathBuf,
        /// What was answered.
        reason: String,
    },
}

impl OpenError {
    pub(super) fn from_sqlite(path: &std::path::Path, error: &rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        let reason = describe(error);
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, reason },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path, reason },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            _ => Self::Io { path, reason },
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFile { path } => write!(
                f,
                "database {path:?} is not a regular file; name the file itself, e.g. data/runtime.db"
            ),
            Self::Directory { path, cause } => write!(
                f,
                "cannot use directory {path:?} for the database: {cause}; create it or choose another"
            ),
            Self::LockFile { path, cause } => write!(
                f,
                "cannot lock the database with {path:?}: {cause}; \
                 the directory must be writable and its file system must support file locks"
            ),
            Self::Held { path, holder } => {
                write!(f, "database {path:?} is in use by another runtime: ")?;
                match holder {
                    Some(holder) => write!(f, "{holder}")?,
                    None => f.write_str("one that left no note of its process id")?,
                }
                f.write_str("; stop that one or choose another database")
            }
            Self::Busy { path } => write!(
                f,
                "database {path:?} is locked by another program that uses the file \
                 (a database shell, a backup, the Python service); close it and try again"
            ),
            Self::NotADatabase { path } => write!(
                f,
                "file {path:?} is not an SQLite database; it was left untouched: \
                 choose another path, or move it away"
            ),
            Self::Damaged { path, reason } => write!(
                f,
                "database {path:?} is damaged: {reason}; it was left untouched: \
                 restore a backup, or move the file (with its -wal, if any) away to start afresh"
            ),
            Self::Version {
                path,
                found,
                supported,
            } => write!(
                f,
                "database {path:?} has schema version {found}, this program reads versions up to \
                 {supported}; use the program that wrote it"
            ),
            Self::Schema { path, reason } => write!(
                f,
                "database {path:?} is not a runtime database: {reason}; choose another path"
            ),
            Self::ReadOnly { path, reason } => write!(
                f,
                "database {path:?} cannot be written: {reason}; \
                 make the file and its directory writable for this user"
            ),
            Self::Full { path } => write!(
                f,
                "no room left on the disk for database {path:?}; free some space and try again"
            ),
            Self::Io { path, reason } => write!(f, "cannot open database {path:?}: {reason}"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Directory { cause, .. } | Self::LockFile { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

/// Why one storage operation failed. Nothing of a failed write is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageError {
    /// The row is there, and what it holds is not the JSON text that was stored.
    Corrupt {
        /// The namespace of the row.
        namespace: String,
        /// The key of the row (what could be read of it).
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database file itself is damaged.
    Damaged {
        /// What SQLite reported.
        reason: String,
    },
    /// The value offered for storing is not JSON text; nothing was stored.
    InvalidValue {
        /// The namespace it was meant for.
        namespace: String,
        /// The key it was meant for.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk is full, or the database has reached its size limit.
    Full,
    /// The database or its file system has become read-only.
    ReadOnly,
    /// The database file was removed or replaced while it was open: what is written would be lost with it.
    Moved {
        /// Where it was.
        path: PathBuf,
    },
    /// Another program held a lock on the database for longer than the busy timeout.
    Busy,
    /// The system failed to read or write.
    Io {
        /// What was reported.
        message: String,
    },
    /// The database was used wrongly, or SQLite failed in a way that has no better name.
    Internal {
        /// What was reported.
        message: String,
    },
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt {
                namespace,
                key,
                reason,
            } => write!(
                f,
                "stored value {namespace:?}/{key:?} is corrupt: {reason}; set or delete it"
            ),
            Self::Damaged { reason } => write!(
                f,
                "the database file is damaged, or cannot be read: {reason}; check the disk, then stop the runtime and \
                 restore a backup"
            ),
            Self::InvalidValue {
                namespace,
                key,
                reason,
            } => write!(
                f,
                "value for {namespace:?}/{key:?} was not stored: it must be JSON text: {reason}"
            ),
            Self::Full => {
                f.write_str("nothing was stored: the disk or the database is full; free some space and retry")
            }
            Self::Moved { path } => write!(
                f,
                "nothing was stored: the database file {path:?} was removed or replaced while the runtime uses it; \
                 put it back, or restart the runtime"
            ),
            Self::ReadOnly => {
                f.write_str("nothing was stored: the database has become read-only; check its file system")
            }
            Self::Busy => {
                f.write_str("nothing was done: another program keeps the database locked; close it and retry")
            }
            Self::Io { message } => write!(
                f,
                "the database could not be read or written: {message}; check the disk"
            ),
            Self::Internal { message } => write!(f, "the database failed: {message}"),
        }
    }
}

impl std::error::Error for StorageError {}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        let message = describe(&error);
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { reason: message },
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::NoLargeFileSupport,
            ) => Self::Io { message },
            _ => Self::Internal { message },
        }
    }
}

/// SQLite's own words, with the extended code that tells one kind of I/O error from another.
fn describe(error: &rusqlite::Error) -> String {
    match error.sqlite_error() {
        Some(code) => format!("{error} (SQLite code {})", code.extended_code),
        None => error.to_string(),
    }
}
