//! The database against real files: everything here opens, writes and reads SQLite on disk.

mod damage;
mod groups;
mod opening;
mod rows;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use super::place::beside;
use super::{Database, OpenError, Options, StorageError};

/// A directory of its own, and the path of a database in it that does not exist yet.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runtime.db");
    (directory, path)
}

fn open(path: &Path) -> Database {
    Database::open(path, quick()).unwrap()
}

fn refusal(path: &Path) -> OpenError {
    Database::open(path, quick()).unwrap_err()
}

/// The defaults, without waiting long for a lock that will not be released.
fn quick() -> Options {
    Options {
        busy_timeout: Duration::from_millis(20),
        ..Options::default()
    }
}

fn value(database: &mut Database, namespace: &str, key: &str) -> Option<String> {
    let mut out = Vec::new();
    let found = database.get(namespace, key, &mut out).unwrap();
    found.then(|| String::from_utf8(out).unwrap())
}

fn keys(database: &mut Database, namespace: &str) -> Vec<String> {
    let mut out = Vec::new();
    database.list_keys(namespace, None, usize::MAX, &mut out).unwrap();
    out
}

/// A file as a Python program with the `sqlite3` module leaves it: rollback journal, `user_version` 0.
fn python_file(path: &Path, rows: &[(&str, &str, &str)]) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(
        "PRAGMA journal_mode = DELETE;
         CREATE TABLE IF NOT EXISTS storage (
             namespace TEXT NOT NULL,
             key TEXT NOT NULL,
             value TEXT NOT NULL,
             PRIMARY KEY (namespace, key)
         )",
    )
    .unwrap();
    conn.execute_batch("BEGIN").unwrap();
    for (namespace, key, value) in rows {
        conn.execute(
            "INSERT OR REPLACE INTO storage VALUES (?, ?, ?)",
            [namespace, key, value],
        )
        .unwrap();
    }
    conn.execute_batch("COMMIT").unwrap();
}
