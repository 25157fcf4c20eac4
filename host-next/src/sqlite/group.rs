//! Group commit: many writes, one flush.
//!
//! ```text
//! begin --> set, delete, batch, ... --> commit --> every write of the group is durable
//!                                  \-> rollback, or a failed commit --> none is stored
//! ```
//!
//! A single write is atomic by itself. A batch of several runs under a savepoint, so that it can fail
//! alone. A full disk or a failing one may make SQLite undo the whole transaction in the middle of the
//! group; the group is then *lost*: later writes and the commit repeat the error, and nothing of it is
//! stored.

use super::error::StorageError;
use super::{Database, json_text, write};

/// One step of a [`Database::batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchOp<'a> {
    /// Store `value`, replacing what is there.
    Set {
        /// The namespace.
        namespace: &'a str,
        /// The key.
        key: &'a str,
        /// JSON text.
        value: &'a [u8],
    },
    /// Remove the key; a key that is not there is no error.
    Delete {
        /// The namespace.
        namespace: &'a str,
        /// The key.
        key: &'a str,
    },
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Group {
    None,
    Open,
    Lost(StorageError),
}

impl Database {
    /// Opens a group. Until [`commit`](Self::commit), writes are visible to this database only.
    ///
    /// # Errors
    ///
    /// [`StorageError::Busy`] when another program is writing; [`StorageError::Internal`] when a group
    /// is open already, which stays open.
    pub fn begin(&mut self) -> Result<(), StorageError> {
        if self.group != Group::None {
            return Err(misuse("begin was called inside an open group"));
        }
        if !self.conn.is_autocommit() {
            self.execute("ROLLBACK")?;
        }
        // IMMEDIATE takes the write lock now, so that a busy database is told before any write.
        self.execute("BEGIN IMMEDIATE")?;
        self.group = Group::Open;
        Ok(())
    }

    /// Makes every write of the group durable (see [`Synchronous`](super::Synchronous)) and ends it.
    ///
    /// # Errors
    ///
    /// The group has ended and nothing of it is stored: every write of it must be reported as failed,
    /// also those that were answered with `Ok`. [`StorageError::Internal`] when no group is open.
    pub fn commit(&mut self) -> Result<(), StorageError> {
        match std::mem::replace(&mut self.group, Group::None) {
            Group::None => return Err(misuse("commit was called without a group")),
            Group::Lost(error) => return Err(error),
            Group::Open => {}
        }
        let result = self.execute("COMMIT");
        if result.is_err() && !self.conn.is_autocommit() {
            self.execute("ROLLBACK")?;
        }
        result
    }

    /// Ends the group, if one is open, and stores nothing of it.
    ///
    /// # Errors
    ///
    /// When SQLite cannot undo; the next [`begin`](Self::begin) tries again.
    pub fn rollback(&mut self) -> Result<(), StorageError> {
        self.group = Group::None;
        if self.conn.is_autocommit() {
            return Ok(());
        }
        self.execute("ROLLBACK")
    }

    /// Does all of `ops` in order, or none. Inside a group it becomes durable with the group, and a
    /// batch that fails leaves the rest of the group as it was; outside one it is durable on return.
    ///
    /// # Errors
    ///
    /// As for [`set`](Self::set). Nothing of the batch is stored.
    pub fn batch(&mut self, ops: &[BatchOp<'_>]) -> Result<(), StorageError> {
        if self.group == Group::None {
            self.begin()?;
            return match self.apply(ops) {
                Ok(()) => self.commit(),
                Err(error) => {
                    self.rollback()?;
                    Err(error)
                }
            };
        }
        self.writable()?;
        if ops.len() < 2 {
            return self.apply(ops);
        }
        self.execute("SAVEPOINT batch")?;
        let result = self.apply(ops).and_then(|()| self.execute("RELEASE batch"));
        if result.is_err() && self.group == Group::Open {
            self.undo_batch()?;
        }
        result
    }

    fn apply(&mut self, ops: &[BatchOp<'_>]) -> Result<(), StorageError> {
        for op in ops {
            let result = match *op {
                BatchOp::Set {
                    namespace,
                    key,
                    value,
                } => json_text(namespace, key, value)
                    .and_then(|text| write::set(&self.conn, namespace, key, text)),
                BatchOp::Delete { namespace, key } => write::delete(&self.conn, namespace, key).map(|_| ()),
            };
            self.noted(result)?;
        }
        Ok(())
    }

    /// Half a batch must never be committed: where it alone cannot be undone, the group is lost.
    fn undo_batch(&mut self) -> Result<(), StorageError> {
        let undone = self
            .execute("ROLLBACK TO batch")
            .and_then(|()| self.execute("RELEASE batch"));
        if let Err(error) = undone {
            self.group = Group::Lost(error.clone());
            if !self.conn.is_autocommit() {
                self.execute("ROLLBACK")?;
            }
            return Err(error);
        }
        Ok(())
    }

    /// Refuses writes after the group was lost: they would be stored at once, outside any group.
    pub(super) fn writable(&self) -> Result<(), StorageError> {
        match &self.group {
            Group::Lost(error) => Err(error.clone()),
            Group::None | Group::Open => Ok(()),
        }
    }

    /// Passes `result` on, after noting whether the failure has ended the open transaction.
    pub(super) fn noted<T>(&mut self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        if let Err(error) = &result
            && self.group == Group::Open
            && self.conn.is_autocommit()
        {
            self.group = Group::Lost(error.clone());
        }
        result
    }

    fn execute(&mut self, sql: &str) -> Result<(), StorageError> {
        let result = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map(|_| ())
            .map_err(StorageError::from);
        self.noted(result)
    }
}

fn misuse(message: &str) -> StorageError {
    StorageError::Internal {
        message: message.to_owned(),
    }
}
