//! Opening: nothing is written to a file before it has been found sound and ours.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{Access, access};

use super::error::OpenError;
use super::group::Group;
use super::lock::LockFile;
use super::place::{self, beside};
use super::{Database, schema};

/// SQLite's smallest page, so also the smallest database that is not an empty file.
const SMALLEST_DATABASE: u64 = 512;

/// The write-ahead log is cut back to this many bytes after a burst has made it longer.
const WAL_SIZE_KEPT: i64 = 4 * 1024 * 1024;

/// How hard a commit presses on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Each commit is flushed to the disk: what was acknowledged survives a power cut. The default.
    #[default]
    Full,
    /// Commits are flushed from time to time: a power cut may lose the last ones, never the file;
    /// a crash of the program loses nothing.
    Normal,
}

/// How to open a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Durability of a commit; [`Synchronous::Full`] by default.
    pub synchronous: Synchronous,
    /// Whether to read the whole file and check every page and index before using it. On by default;
    /// without it, damage is found only when an operation meets it.
    pub integrity_check: bool,
    /// How long to wait for another program's lock on the file, rounded down to whole milliseconds;
    /// 2 seconds by default.
    pub busy_timeout: Duration,
    /// The size the database file may grow to, in bytes, rounded down to whole pages; beyond it
    /// writes fail as on a full disk. A file that is larger already keeps its size. `None`, the
    /// default, leaves it to the disk.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::Full,
            integrity_check: true,
            busy_timeout: Duration::from_secs(2),
            max_bytes: None,
        }
    }
}

impl Database {
    /// Opens the database at `path`, creating it and its directories where they are missing.
    ///
    /// A file of the Python service (`user_version` 0 and the same table) is adopted as it is. The
    /// database is used in WAL mode and locked against other runtimes by a file named `<path>.lock`.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is wrong and what to do. A file that is refused keeps every byte, with
    /// one exception that SQLite cannot read without: a transaction cut short in rollback-journal mode
    /// is undone first.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let place = locate(path)?;
        let lock = LockFile::acquire(&place.file)?;
        let path = place.file;
        let found = inspect(&path)?;

        if found == Found::Nothing {
            create(&path)?;
        }
        let sqlite = |error: rusqlite::Error| OpenError::from_sqlite(&path, &error);
        // No URI: a file named "file:x?mode=memory" is a file.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&path, flags).map_err(sqlite)?;
        conn.busy_timeout(options.busy_timeout).map_err(sqlite)?;
        // A connection that is closed folds the log into the file; a damaged file must not be written.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(sqlite)?;
        conn.pragma_update(None, "cell_size_check", true)
            .map_err(sqlite)?;

        if options.integrity_check {
            check_integrity(&conn, &path)?;
        }
        check_length(&conn, &path, &found)?;
        schema::examine(&conn, &path)?;

        configure(&conn, &path, &options)?;
        schema::adopt(&conn).map_err(sqlite)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
            .map_err(sqlite)?;
        if found == Found::Nothing {
            for directory in &place.to_sync {
                sync_directory(directory);
            }
        }
        Ok(Self {
            conn,
            group: Group::None,
            place: place::Place::of(&path),
            passed_over: false,
            _lock: lock,
        })
    }
}

struct Place {
    /// The file, without symbolic links, so that two names of one database share one lock.
    file: PathBuf,
    /// The directories that got a new entry.
    to_sync: Vec<PathBuf>,
}

fn locate(path: &Path) -> Result<Place, OpenError> {
    let not_a_file = || OpenError::NotAFile {
        path: path.to_path_buf(),
    };
    let name = path.file_name().ok_or_else(not_a_file)?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory_error = |cause: io::Error| OpenError::Directory {
        path: parent.to_path_buf(),
        cause,
    };

    let mut to_sync = Vec::new();
    for ancestor in parent.ancestors() {
        to_sync.push(match ancestor.as_os_str().is_empty() {
            true => PathBuf::from("."),
            false => ancestor.to_path_buf(),
        });
        if ancestor.is_dir() {
            break;
        }
    }
    let mut directories = DirBuilder::new();
    directories
        .recursive(true)
        .mode(0o700)
        .create(parent)
        .map_err(directory_error)?;
    let mut file = parent.canonicalize().map_err(directory_error)?.join(name);

    if file.is_symlink() {
        file = file.canonicalize().map_err(|error| OpenError::Io {
            path: path.to_path_buf(),
            reason: format!("it is a symbolic link that leads nowhere: {error}"),
        })?;
    }
    match fs::metadata(&file) {
        Ok(metadata) if !metadata.is_file() => Err(not_a_file()),
        _ => Ok(Place { file, to_sync }),
    }
}

/// What is at the path before SQLite touches it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// A file, and whether a log or journal beside it has yet to be applied.
    File {
        unfinished: bool,
    },
}

/// Looks for what SQLite would take for a new database and overwrite.
pub(super) fn inspect(path: &Path) -> Result<Found, OpenError> {
    let length = match fs::metadata(path) {
        Ok(metadata) => Some(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(OpenError::Io {
                path: path.to_path_buf(),
                reason: error.to_string(),
            });
        }
    };
    if length.is_some()
        && let Err(error) = access(path, Access::READ_OK | Access::WRITE_OK)
    {
        return Err(OpenError::ReadOnly {
            path: path.to_path_buf(),
            reason: io::Error::from(error).to_string(),
        });
    }
    let log = length_beside(path, "-wal");
    match length {
        // SQLite deletes the log of an empty database, and with it commits that were acknowledged.
        None | Some(0) if log > 0 => Err(OpenError::Damaged {
            path: path.to_path_buf(),
            reason: format!("the file is empty or missing, but its write-ahead log of {log} bytes is there"),
        }),
        None => Ok(Found::Nothing),
        Some(1..SMALLEST_DATABASE) => Err(OpenError::NotADatabase {
            path: path.to_path_buf(),
        }),
        Some(_) => Ok(Found::File {
            unfinished: log > 0 || length_beside(path, "-journal") > 0,
        }),
    }
}

/// Creates the file for its owner alone; SQLite gives its log the same mode.
fn create(path: &Path) -> Result<(), OpenError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    made.map(drop).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => OpenError::Full {
            path: path.to_path_buf(),
        },
        _ => OpenError::Io {
            path: path.to_path_buf(),
            reason: format!("it cannot be created: {error}"),
        },
    })
}

fn length_beside(path: &Path, suffix: &str) -> u64 {
    fs::metadata(beside(path, suffix)).map_or(0, |metadata| metadata.len())
}

/// SQLite reads a last page that was cut short as if it ended in zeros. That is right where a log will
/// complete it, and a loss anywhere else.
pub(super) fn check_length(conn: &Connection, path: &Path, found: &Found) -> Result<(), OpenError> {
    if *found != (Found::File { unfinished: false }) {
        return Ok(());
    }
    let page: i64 = conn
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .map_err(|error| OpenError::from_sqlite(path, &error))?;
    let page = u64::try_from(page).unwrap_or(1).max(1);
    let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
    match length % page {
        0 => Ok(()),
        rest => Err(OpenError::Damaged {
            path: path.to_path_buf(),
            reason: format!("the file is cut short: its last page has {rest} of {page} bytes"),
        }),
    }
}

pub(super) fn check_integrity(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    let mut statement = conn.prepare("PRAGMA integrity_check(3)").map_err(sqlite)?;
    let mut rows = statement.query([]).map_err(sqlite)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(sqlite)? {
        found.push(row.get::<_, String>(0).map_err(sqlite)?);
    }
    match found.as_slice() {
        [line] if line == "ok" => Ok(()),
        lines => Err(OpenError::Damaged {
            path: path.to_path_buf(),
            reason: lines.join("; ").replace('\n', ", "),
        }),
    }
}

fn configure(conn: &Connection, path: &Path, options: &Options) -> Result<(), OpenError> {
    let sqlite = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    let mode: String = conn
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(sqlite)?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(OpenError::Io {
            path: path.to_path_buf(),
            reason: format!(
                "its file system does not support write-ahead logging (journal mode stays {mode}); \
                 use a local disk"
            ),
        });
    }
    let synchronous = match options.synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    conn.pragma_update(None, "synchronous", synchronous)
        .map_err(sqlite)?;
    // macOS keeps a plain fsync in the drive's cache.
    conn.pragma_update(None, "fullfsync", options.synchronous == Synchronous::Full)
        .map_err(sqlite)?;
    conn.pragma_update_and_check(None, "journal_size_limit", WAL_SIZE_KEPT, |_| Ok(()))
        .map_err(sqlite)?;
    if let Some(bytes) = options.max_bytes {
        let page: i64 = conn
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .map_err(sqlite)?;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let pages = (bytes / page.max(1)).clamp(1, i64::from(u32::MAX - 1));
        conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .map_err(sqlite)?;
    }
    Ok(())
}

/// Some file systems refuse to sync a directory; the file itself was synced by SQLite already.
pub(super) fn sync_directory(path: &Path) {
    if let Ok(directory) = File::open(path) {
        let _ = directory.sync_all();
    }
}
