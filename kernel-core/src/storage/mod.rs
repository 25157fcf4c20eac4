//! The storage: one trait for whoever stores, and requests that travel as calls of the service `storage`.
//!
//! `namespace + key + JSON` is the only road to a database. A namespace belongs to the plugin of its name;
//! a plugin that needs more of them names them in its metadata.

mod page;
mod request;

pub use page::{Page, PageWriter};
pub use request::{Batch, BatchOp, MAX_BATCH};
pub(crate) use request::{HEAD, Head};
pub use request::{request_head, request_namespace};

use core::future::Future;

use crate::error::Error;

/// The service that answers storage requests, and the plugin that offers it.
pub const STORAGE: &str = "storage";

/// The longest namespace, in bytes.
pub const MAX_NAMESPACE: usize = 64;

/// The longest key, in bytes.
pub const MAX_STORAGE_KEY: usize = 255;

/// What a storage request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum StorageOp {
    /// Read the value into `out`.
    Get,
    /// Store `value`.
    Set,
    /// Delete the value.
    Delete,
    /// The keys after `key`, as a page in `out`.
    ListKeys,
    /// The namespaces after `key`, as a page in `out`.
    Namespaces,
    /// Delete all values of the namespace.
    ClearNamespace,
    /// Carry out the operations of [`StorageRequest::batch`], all or none.
    Batch,
}

impl StorageOp {
    /// True for one that changes something.
    pub const fn is_write(self) -> bool {
        matches!(
            self,
            StorageOp::Set | StorageOp::Delete | StorageOp::ClearNamespace | StorageOp::Batch
        )
    }
}

/// What came of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stored {
    /// It is done: what was to be written is durable.
    Done,
    /// There is no such value.
    Absent,
    /// So many values were deleted.
    Count(u32),
    /// So many bytes are in `out`.
    Bytes(usize),
}

/// One request to a storage.
#[derive(Debug)]
pub struct StorageRequest<'a> {
    /// What to do.
    pub op: StorageOp,
    /// Where.
    pub namespace: &'a str,
    /// The key, or after which name a list begins.
    pub key: &'a str,
    /// JSON to be stored.
    pub value: &'a [u8],
    /// How many names a page may have.
    pub limit: u16,
    /// Where what is read goes.
    pub out: &'a mut [u8],
    /// What came of it; the storage sets it.
    pub result: Result<Stored, Error>,
}

impl<'a> StorageRequest<'a> {
    /// The operations of a batch, in order.
    pub fn batch(&self) -> Batch<'a> {
        Batch::new(self.value)
    }
}

/// Whatever stores. What it has answered with [`Stored::Done`] must survive a loss of power.
///
/// What it reads back is judged as JSON by whoever serves it, so that a damaged value is an error of code
/// `corrupt` and never "not found", whatever the storage.
pub trait Storage {
    /// The most requests in one group.
    const GROUP: usize = 1;

    /// Carries out these requests, in this order, and sets the `result` of each. Whether several writes are made
    /// durable together is the storage's own business; one that cannot be stored must not take others with it.
    ///
    /// # Cancellation
    /// The storage is only dropped, or asked again, after it.
    fn apply(&mut self, group: &mut [StorageRequest<'_>]) -> impl Future<Output = ()>;
}
