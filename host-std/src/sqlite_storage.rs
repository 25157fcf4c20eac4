//! The kernel's [`Storage`] over an SQLite [`Database`].

use kernel_core::Json;
use kernel_core::storage::{Names, Ops, Storage, StorageError};

use crate::guest;
use crate::sqlite::{self, BatchOp, Database};

/// How many names are read from the database at a time.
const NAMES_AT_ONCE: usize = 256;

/// A database as the storage actor uses it. Buffers are kept, so that a request allocates nothing new
/// once they have grown.
#[derive(Debug)]
pub struct SqliteStorage {
    database: Database,
    value: Vec<u8>,
    names: Vec<String>,
}

impl SqliteStorage {
    /// The storage in `database`.
    pub fn new(database: Database) -> Self {
        SqliteStorage {
            database,
            value: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Forgets a group that was left open, after a panic for instance: nothing of it was acknowledged.
    ///
    /// # Errors
    /// When SQLite cannot undo it; the next group tries again.
    pub fn abandon_group(&mut self) -> Result<(), sqlite::StorageError> {
        self.database.rollback()
    }

    /// See [`Database::close`].
    ///
    /// # Errors
    /// When the write-ahead log could not be folded into the file; nothing is lost.
    pub fn close(self) -> Result<(), sqlite::StorageError> {
        self.database.close()
    }

    /// Fills `page` with what `read` finds after a name, some at a time.
    fn fill(
        &mut self,
        after: &str,
        page: &mut Names<'_>,
        mut read: impl FnMut(&mut Database, Option<&str>, &mut Vec<String>) -> Result<(), sqlite::StorageError>,
    ) -> Result<(), StorageError> {
        let mut last = (!after.is_empty()).then(|| after.to_owned());
        loop {
            read(&mut self.database, last.as_deref(), &mut self.names).map_err(|error| told(&error))?;
            for name in &self.names {
                if !page.push(name) {
                    return Ok(());
                }
            }
            if self.names.len() < NAMES_AT_ONCE {
                return Ok(());
            }
            last = self.names.pop();
        }
    }
}

impl Storage for SqliteStorage {
    const GROUP: usize = 128;

    async fn begin(&mut self) -> Result<(), StorageError> {
        guest::works().await;
        self.database.begin().map_err(|error| told(&error))
    }

    async fn commit(&mut self) -> Result<(), StorageError> {
        self.database.commit().map_err(|error| told(&error))
    }

    async fn get(
        &mut self,
        namespace: &str,
        key: &str,
        to: &mut [u8],
    ) -> Result<Option<usize>, StorageError> {
        guest::reads().await;
        let found = self.database.get(namespace, key, &mut self.value);
        if !found.map_err(|error| told(&error))? {
            return Ok(None);
        }
        let (len, max) = (self.value.len(), to.len());
        let Some(to) = to.get_mut(..len) else {
            self.value = Vec::new();
            return Err(StorageError::Buffer { len, max });
        };
        to.copy_from_slice(&self.value);
        Ok(Some(len))
    }

    async fn set(&mut self, namespace: &str, key: &str, value: Json<'_>) -> Result<(), StorageError> {
        let set = self.database.set(namespace, key, value.as_bytes());
        set.map_err(|error| told(&error))
    }

    async fn delete(&mut self, namespace: &str, key: &str) -> Result<bool, StorageError> {
        self.database.delete(namespace, key).map_err(|error| told(&error))
    }

    async fn list_keys(
        &mut self,
        namespace: &str,
        after: &str,
        page: &mut Names<'_>,
    ) -> Result<(), StorageError> {
        guest::works().await;
        self.fill(after, page, |database, after, names| {
            database.list_keys(namespace, after, NAMES_AT_ONCE, names)
        })
    }

    async fn namespaces(&mut self, after: &str, page: &mut Names<'_>) -> Result<(), StorageError> {
        guest::works().await;
        self.fill(after, page, |database, after, names| {
            database.namespaces(after, NAMES_AT_ONCE, names)
        })
    }

    async fn clear_namespace(&mut self, namespace: &str) -> Result<u32, StorageError> {
        let cleared = self.database.clear_namespace(namespace);
        let count = cleared.map_err(|error| told(&error))?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    async fn batch(&mut self, namespace: &str, ops: Ops<'_>) -> Result<(), StorageError> {
        let ops: Vec<BatchOp<'_>> = ops
            .map(|(key, value)| match &value {
                Some(value) => BatchOp::Set {
                    namespace,
                    key,
                    value: value.as_bytes(),
                },
                None => BatchOp::Delete { namespace, key },
            })
            .collect();
        self.database.batch(&ops).map_err(|error| told(&error))
    }
}

/// The database's error in the kernel's words: its kind by the code, its message as it is.
fn told(error: &sqlite::StorageError) -> StorageError {
    use sqlite::StorageError as Db;
    let message = error.to_string();
    match error {
        Db::Corrupt { .. } | Db::Damaged { .. } => StorageError::corrupt(&message),
        Db::Full => StorageError::full(&message),
        _ => StorageError::failed(&message),
    }
}
