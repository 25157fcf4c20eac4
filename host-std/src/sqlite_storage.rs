//! The kernel's [`Storage`] over an SQLite [`Database`].
//!
//! ```text
//! a group with writes       begin, each request in order, commit: one flush of the disk for all
//! a group that was undone   each request again, alone: one that cannot be stored takes no other with it
//! a single write, or reads  as they are
//! ```

use std::time::{Duration, Instant};

use kernel_core::storage::{self, PageWriter, Storage, StorageOp, StorageRequest, Stored};
use kernel_core::{CoreRuntime, Error, Fault};
use tracing::debug;

use crate::engine::{Applied, Closed, Engine};
use crate::faults::Faults;
use crate::sqlite::{BatchOp, Database, StorageError};

/// How often, at the most, a write is followed by a checkpoint: so that a copy of the file alone, which leaves the log
/// out, is not an empty one.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// How many names are read from the database at a time.
const NAMES_AT_ONCE: usize = 256;

/// A database as the storage's plugin uses it. Buffers are kept, so that a request allocates nothing new
/// once they have grown.
#[derive(Debug)]
pub struct SqliteStorage {
    database: Database,
    value: Vec<u8>,
    names: Vec<String>,
    faults: Faults,
    checkpoint: Option<Instant>,
}

impl SqliteStorage {
    /// The storage in `database`.
    pub fn new(database: Database) -> Self {
        SqliteStorage {
            database,
            value: Vec::new(),
            names: Vec::new(),
            faults: Faults::default(),
            checkpoint: None,
        }
    }

    /// Says in the state [`STORAGE_FAULT`](kernel_core::STORAGE_FAULT) of this runtime what is wrong with the database,
    /// as long as it is.
    pub fn reporting_to(mut self, runtime: CoreRuntime) -> Self {
        self.faults = Faults::of(runtime);
        self
    }

    /// Forgets a group that was left open, after a panic for instance: nothing of it was acknowledged.
    ///
    /// # Errors
    /// When SQLite cannot undo it; the next group tries again.
    pub fn abandon_group(&mut self) -> Result<(), StorageError> {
        self.database.rollback()
    }

    /// See [`Database::close`].
    ///
    /// # Errors
    /// When the write-ahead log could not be folded into the file; nothing is lost.
    pub fn close(self) -> Result<(), StorageError> {
        self.database.close()
    }

    /// Carries out a group as one transaction, or each request alone.
    fn as_one(&mut self, group: &mut [StorageRequest<'_>], writes: usize) {
        if let Err(error) = self.together(group) {
            // A database that is busy is so for each of them: they need not wait in turn.
            let alone = writes > 1 && error != StorageError::Busy;
            for request in group.iter_mut() {
                request.result = match request.op.is_write() && !alone {
                    true => Err(self.shown(request.op, &error)),
                    false => self.one(request),
                };
            }
        }
    }

    /// Carries out the group as one transaction; an error when nothing of it was stored.
    fn together(&mut self, group: &mut [StorageRequest<'_>]) -> Result<(), StorageError> {
        self.database.begin()?;
        self.each(group);
        self.database.commit()
    }

    /// Nothing that is written to this file would be there afterwards.
    fn refuse_writes(&mut self, group: &mut [StorageRequest<'_>], error: &StorageError) {
        for request in group {
            request.result = match request.op.is_write() {
                true => Err(self.shown(request.op, error)),
                false => self.one(request),
            };
        }
    }

    fn each(&mut self, group: &mut [StorageRequest<'_>]) {
        for request in group {
            request.result = self.one(request);
        }
    }

    fn one(&mut self, request: &mut StorageRequest<'_>) -> Result<Stored, Error> {
        let (namespace, key) = (request.namespace, request.key);
        match request.op {
            StorageOp::Get => self.get(request),
            StorageOp::Set => match self.database.set(namespace, key, request.value) {
                Ok(()) => Ok(Stored::Done),
                Err(error) => Err(self.shown(request.op, &error)),
            },
            StorageOp::Delete => match self.database.delete(namespace, key) {
                Ok(true) => Ok(Stored::Done),
                Ok(false) => Ok(Stored::Absent),
                Err(error) => Err(self.shown(request.op, &error)),
            },
            StorageOp::ListKeys => self.page(request, |database, after, names| {
                database.list_keys(namespace, after, NAMES_AT_ONCE, names)
            }),
            StorageOp::Namespaces => self.page(request, |database, after, names| {
                database.namespaces(after, NAMES_AT_ONCE, names)
            }),
            StorageOp::ClearNamespace => match self.database.clear_namespace(namespace) {
                Ok(count) => Ok(Stored::Count(u32::try_from(count).unwrap_or(u32::MAX))),
                Err(error) => Err(self.shown(request.op, &error)),
            },
            StorageOp::Batch => {
                let ops: Vec<BatchOp<'_>> = request.batch().map(|op| batch_op(namespace, op)).collect();
                match self.database.batch(&ops) {
                    Ok(()) => Ok(Stored::Done),
                    Err(error) => Err(self.shown(request.op, &error)),
                }
            }
        }
    }

    /// The database's error as callers see it: its kind by the code, its message as it is.
    fn shown(&mut self, op: StorageOp, error: &StorageError) -> Error {
        if !matches!(
            error,
            StorageError::Corrupt { .. } | StorageError::InvalidValue { .. }
        ) {
            self.faults.meet(op, &error.to_string());
        }
        let code = match error {
            StorageError::Corrupt { .. } | StorageError::Damaged { .. } => Fault::Corrupt.code(),
            StorageError::Full => "storage_full",
            _ => Fault::Storage.code(),
        };
        Error::format(code, format_args!("{error}"))
    }

    fn get(&mut self, request: &mut StorageRequest<'_>) -> Result<Stored, Error> {
        let found = self.database.get(request.namespace, request.key, &mut self.value);
        if !found.map_err(|error| self.shown(request.op, &error))? {
            return Ok(Stored::Absent);
        }
        let (len, max) = (self.value.len(), request.out.len());
        let Some(to) = request.out.get_mut(..len) else {
            self.value = Vec::new();
            return Err(Error::format(
                Fault::TooLarge { max: 0 }.code(),
                format_args!(
                    "the value has {len} bytes, {max} are the most that can be read: raise `call_bytes`"
                ),
            ));
        };
        to.copy_from_slice(&self.value);
        Ok(Stored::Bytes(len))
    }

    /// Fills a page with what `read` finds after a name, some at a time.
    fn page(
        &mut self,
        request: &mut StorageRequest<'_>,
        mut read: impl FnMut(&mut Database, Option<&str>, &mut Vec<String>) -> Result<(), StorageError>,
    ) -> Result<Stored, Error> {
        let mut page = PageWriter::new(request.out, request.limit);
        let mut last = (!request.key.is_empty()).then(|| request.key.to_owned());
        loop {
            read(&mut self.database, last.as_deref(), &mut self.names)
                .map_err(|error| self.shown(request.op, &error))?;
            for name in &self.names {
                if !page.push(name) {
                    return Ok(Stored::Bytes(page.len()));
                }
            }
            if self.names.len() < NAMES_AT_ONCE {
                return Ok(Stored::Bytes(page.len()));
            }
            last = self.names.pop();
        }
    }
}

impl Storage for SqliteStorage {
    const GROUP: usize = 128;

    async fn apply(&mut self, group: &mut [StorageRequest<'_>]) {
        let writes = group.iter().filter(|request| request.op.is_write()).count();
        if writes > 0
            && let Err(error) = self.database.check_place()
        {
            self.refuse_writes(group, &error);
            return self.faults.tell(group);
        }
        if group.len() < 2 || writes == 0 {
            self.each(group);
        } else {
            self.as_one(group, writes);
        }
        self.faults.tell(group);
        if writes > 0
            && self
                .checkpoint
                .is_none_or(|last| last.elapsed() >= CHECKPOINT_EVERY)
        {
            self.checkpoint = Some(Instant::now());
            if let Err(error) = self.database.checkpoint() {
                debug!("no checkpoint: {error}");
            }
        }
    }
}

impl Engine for SqliteStorage {
    fn apply<'a>(&'a mut self, group: &'a mut [StorageRequest<'_>]) -> Applied<'a> {
        Box::pin(Storage::apply(self, group))
    }

    fn abandon_group(&mut self) -> Closed {
        SqliteStorage::abandon_group(self).map_err(|error| error.to_string())
    }

    fn close(self: Box<Self>) -> Closed {
        SqliteStorage::close(*self).map_err(|error| error.to_string())
    }
}

fn batch_op<'a>(namespace: &'a str, op: storage::BatchOp<'a>) -> BatchOp<'a> {
    match op {
        storage::BatchOp::Set(key, value) => BatchOp::Set {
            namespace,
            key,
            value: value.as_bytes(),
        },
        storage::BatchOp::Delete(key) => BatchOp::Delete { namespace, key },
    }
}
