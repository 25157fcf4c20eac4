//! The storage: namespace, key and JSON value, the only way to a database.
//!
//! The kernel does not store. It carries requests to the one storage actor, which runs [`serve`]
//! over an implementation of [`Storage`]: SQLite on a host, flash on a chip (feature
//! `flash`), [`MemoryStorage`] in tests. Every namespace belongs to the plugin of that name; others ask that plugin, or are
//! granted reading in their metadata. The operator may use all of them.

mod api;
mod errors;
#[cfg(feature = "flash")]
pub mod flash;
mod memory;
mod request;
mod serve;

pub use api::{BatchOp, MAX_BATCH, Namespace, StorageApi};
pub use errors::StorageError;
#[cfg(feature = "flash")]
pub use flash::FlashStorage;
pub use memory::MemoryStorage;
pub(crate) use request::Request;
pub use request::{Names, Ops, Page};
pub(crate) use serve::Done;
pub use serve::serve;

use crate::json::Json;

/// The longest namespace, in bytes.
pub const MAX_NAMESPACE: usize = 64;
/// The longest key, in bytes.
pub const MAX_KEY: usize = 255;

/// What a request asks for. Counted from 2, so that zero is no request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Get = 2,
    Set,
    Delete,
    ListKeys,
    Namespaces,
    ClearNamespace,
    Batch,
}

/// A database of JSON values.
///
/// Namespaces and keys arrive checked (1 to [`MAX_NAMESPACE`] and 1 to [`MAX_KEY`] bytes of UTF-8
/// without control characters), values are JSON. A value that cannot be read back whole is
/// [`StorageError::Corrupt`], never "not there".
///
/// Between [`begin`](Storage::begin) and [`commit`](Storage::commit) come the writes of several
/// requests: an implementation may make them durable together. A write is acknowledged only after
/// its commit.
#[allow(
    async_fn_in_trait,
    reason = "served by one task; a Send bound would bar chips"
)]
pub trait Storage {
    /// How many requests may share a commit.
    const GROUP: usize = 1;

    /// A group of writes begins.
    async fn begin(&mut self) -> Result<(), StorageError> {
        Ok(())
    }

    /// The group's writes are durable once this returns; on an error none of them is.
    async fn commit(&mut self) -> Result<(), StorageError> {
        Ok(())
    }

    /// Copies the value into `to` and gives its length; `None` when there is none.
    async fn get(&mut self, namespace: &str, key: &str, to: &mut [u8])
    -> Result<Option<usize>, StorageError>;

    /// Stores a value, over the one that was there.
    async fn set(&mut self, namespace: &str, key: &str, value: Json<'_>) -> Result<(), StorageError>;

    /// Deletes a value; false when there was none.
    async fn delete(&mut self, namespace: &str, key: &str) -> Result<bool, StorageError>;

    /// Adds the namespace's keys after `after` to `page`, in the order of their bytes, until it is
    /// full or there are no more.
    async fn list_keys(
        &mut self,
        namespace: &str,
        after: &str,
        page: &mut Names<'_>,
    ) -> Result<(), StorageError>;

    /// Adds the namespaces after `after` to `page`, likewise.
    async fn namespaces(&mut self, after: &str, page: &mut Names<'_>) -> Result<(), StorageError>;

    /// Deletes all values of a namespace; how many.
    async fn clear_namespace(&mut self, namespace: &str) -> Result<u32, StorageError>;

    /// Applies all of `ops` or, on an error, none.
    async fn batch(&mut self, namespace: &str, ops: Ops<'_>) -> Result<(), StorageError>;
}
