//! The SQLite database behind the storage.
//!
//! One table of namespace, key and JSON text, one connection, one thread that uses it. Everything here
//! is synchronous; the storage's thread collects the writes of many plugins into one group, so that they
//! share one flush of the disk.
//!
//! ```text
//! open.rs    a path         -> a sound, locked database of ours, or an error that says why not
//! lock.rs    one runtime per database
//! place.rs   whether the file is still where it was opened
//! schema.rs  the table, and which files have it
//! names.rs   the names that rows may have
//! read.rs    get, list_keys, namespaces
//! write.rs   set, delete, clear_namespace
//! backup.rs  copies, checked and put in place
//! look.rs    a look that changes nothing
//! group.rs   begin .. commit, and atomic batches inside
//! error.rs   what can go wrong
//! ```
//!
//! Values are stored as the text that was given, byte for byte, and checked to be JSON both when they
//! are written and when they are read.

mod backup;
mod error;
mod group;
mod lock;
mod look;
mod names;
mod open;
mod place;
mod read;
mod schema;
mod write;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use kernel_core::Json;
use rusqlite::Connection;
use tracing::warn;

pub use backup::{Checked, CopyError, backup, check, restore};
pub use error::{OpenError, StorageError};
pub use group::BatchOp;
pub use lock::Holder;
pub use look::{check_untouched, holder};
pub use open::{Options, Synchronous};
pub(crate) use place::beside;

use group::Group;

/// How long closing waits for another program that is reading the database.
const CLOSE_PATIENCE: Duration = Duration::from_millis(250);

/// An open database. Dropping it closes it; [`close`](Self::close) also says whether that went well.
///
/// Outside a group ([`begin`](Self::begin)) each write is durable when it returns.
pub struct Database {
    // Dropped in this order: the lock is released after the database is closed.
    conn: Connection,
    group: Group,
    place: place::Place,
    /// Names were passed over, and that was said.
    passed_over: bool,
    _lock: lock::LockFile,
}

impl Database {
    /// Reads the value of `key` into `out`, which is cleared first: the JSON text as it was stored.
    /// False if there is no such key.
    ///
    /// # Errors
    ///
    /// [`StorageError::Corrupt`] when the row holds something else than JSON text.
    pub fn get(&mut self, namespace: &str, key: &str, out: &mut Vec<u8>) -> Result<bool, StorageError> {
        out.clear();
        let result = read::get(&self.conn, namespace, key, out);
        self.noted(result)
    }

    /// Stores `value`, which must be JSON text, under `key`, replacing what is there.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidValue`] when it is not JSON; [`StorageError::Full`] and the others when it
    /// could not be written. Nothing is stored then; inside a group see [`commit`](Self::commit).
    pub fn set(&mut self, namespace: &str, key: &str, value: &[u8]) -> Result<(), StorageError> {
        let text = json_text(namespace, key, value)?;
        self.writable()?;
        let result = write::set(&self.conn, namespace, key, text);
        self.noted(result)
    }

    /// Says whether the file is still the one that was opened: one that was removed or replaced takes what is written
    /// with it.
    ///
    /// # Errors
    ///
    /// [`StorageError::Moved`].
    pub fn check_place(&self) -> Result<(), StorageError> {
        self.place.check()
    }

    /// Removes `key`. False if it was not there.
    ///
    /// # Errors
    ///
    /// When it could not be written; the row is still there then.
    pub fn delete(&mut self, namespace: &str, key: &str) -> Result<bool, StorageError> {
        self.writable()?;
        let result = write::delete(&self.conn, namespace, key);
        self.noted(result)
    }

    /// Removes every key of `namespace` and says how many there were.
    ///
    /// # Errors
    ///
    /// When it could not be written; all the rows are still there then.
    pub fn clear_namespace(&mut self, namespace: &str) -> Result<u64, StorageError> {
        self.writable()?;
        let result = write::clear(&self.conn, namespace);
        self.noted(result)
    }

    /// Lists the keys of `namespace` into `out`, which is cleared first: those after `after` in byte
    /// order, at most `limit`. Pass the last key of one page to get the next. Names that no runtime takes, written by
    /// another program, are passed over, which is logged.
    ///
    /// # Errors
    ///
    /// When the file cannot be read; `out` is empty then.
    pub fn list_keys(
        &mut self,
        namespace: &str,
        after: Option<&str>,
        limit: usize,
        out: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        out.clear();
        let result = read::keys(&self.conn, namespace, after, limit, out);
        self.listed(result, out)
    }

    /// Lists the namespaces that have keys into `out`, paged as in [`list_keys`](Self::list_keys).
    ///
    /// # Errors
    ///
    /// As for [`list_keys`](Self::list_keys).
    pub fn namespaces(
        &mut self,
        after: Option<&str>,
        limit: usize,
        out: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        out.clear();
        let result = read::namespaces(&self.conn, after, limit, out);
        self.listed(result, out)
    }

    /// Says once that names were passed over.
    fn listed(
        &mut self,
        result: Result<u64, StorageError>,
        out: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        match self.noted(result) {
            Ok(passed_over) => {
                if passed_over > 0 && !std::mem::replace(&mut self.passed_over, true) {
                    warn!(
                        "the database has names that no runtime takes, written by another program: lists leave them \
                         out; `core-runtime storage check` names them"
                    );
                }
                Ok(())
            }
            Err(error) => {
                out.clear();
                Err(error)
            }
        }
    }

    /// Copies what is in the write-ahead log into the file, as far as nobody who reads is in the way.
    ///
    /// # Errors
    ///
    /// When it could not be done; everything is in the log as before.
    pub fn checkpoint(&mut self) -> Result<(), StorageError> {
        let result = self
            .conn
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        self.noted(result.map_err(StorageError::from))
    }

    /// Folds the write-ahead log into the file, closes it and releases the lock. An open group is
    /// rolled back. A log that another program is still reading stays beside the file; it loses nothing.
    ///
    /// # Errors
    ///
    /// When the log could not be folded in. It stays beside the file, with every commit in it, and the
    /// next [`open`](Self::open) reads it.
    pub fn close(mut self) -> Result<(), StorageError> {
        let rolled_back = self.rollback();
        let folded = self
            .conn
            .busy_timeout(CLOSE_PATIENCE)
            .and_then(|()| {
                self.conn
                    .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            })
            .map_err(StorageError::from);
        let closed = self.conn.close().map_err(|(_, error)| StorageError::from(error));
        rolled_back.and(folded).and(closed)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.conn.path())
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// `value` as text, if it is JSON.
fn json_text<'a>(namespace: &str, key: &str, value: &'a [u8]) -> Result<&'a str, StorageError> {
    json_fault(value).map_err(|reason| StorageError::InvalidValue {
        namespace: namespace.to_owned(),
        key: key.to_owned(),
        reason,
    })
}

/// `bytes` as text, if it is JSON by the kernel's judge, or what is wrong with it.
fn json_fault(bytes: &[u8]) -> Result<&str, String> {
    match Json::new(bytes) {
        // JSON is UTF-8: the judge has seen to it.
        Ok(_) => std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}")),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}
