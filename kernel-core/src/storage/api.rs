//! The storage as its users see it.

use core::time::Duration;

use super::request::{Page, op_head};
use super::{MAX_KEY, MAX_NAMESPACE, Op, StorageError};
use crate::calls::{NewCall, What};
use crate::id::PluginId;
use crate::json::Json;
use crate::kernel::Kernel;
use crate::registry::PendingCall;
use crate::time::micros;

/// The most operations in one batch.
pub const MAX_BATCH: usize = 16;

/// How long a request waits for a storage that is not served yet while the runtime starts, in microseconds.
const PATIENCE: u64 = 1_000_000;

/// One operation of an atomic batch.
#[derive(Clone, Copy, Debug)]
pub enum BatchOp<'a> {
    /// Stores a value.
    Set(&'a str, Json<'a>),
    /// Deletes a value.
    Delete(&'a str),
}

/// The storage, on behalf of one plugin or of the operator.
///
/// # Cancellation
/// For every method: a request that still waits for the storage is never carried out; a write that
/// the storage has taken may be.
#[derive(Clone, Copy)]
pub struct StorageApi {
    pub(crate) kernel: Kernel,
    pub(crate) who: PluginId,
}

impl StorageApi {
    /// One namespace of the storage.
    pub fn namespace<'n>(&self, name: &'n str) -> Namespace<'n> {
        Namespace {
            kernel: self.kernel,
            who: self.who,
            name,
        }
    }

    /// The namespaces after `after` (`""` for the first page), at most `limit`, as many as fit
    /// into `buf`. For the operator only.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn namespaces<'b>(
        &self,
        after: &str,
        limit: u16,
        buf: &'b mut [u8],
    ) -> Result<Page<'b>, StorageError> {
        self.namespace("").list(Op::Namespaces, after, limit, buf).await
    }
}

/// One namespace of the storage. See [`StorageApi`] for what cancellation does.
#[derive(Clone, Copy)]
pub struct Namespace<'n> {
    kernel: Kernel,
    who: PluginId,
    name: &'n str,
}

impl Namespace<'_> {
    /// The value, copied into `buf`; `None` when there is none.
    ///
    /// # Errors
    /// See [`StorageError`]; a damaged value is [`StorageError::Corrupt`].
    pub async fn get<'b>(&self, key: &str, buf: &'b mut [u8]) -> Result<Option<Json<'b>>, StorageError> {
        let found = self.begin(Op::Get, key, &[], None)?.answer(buf).await?;
        Ok(found.and_then(|len| buf.get(..len)).map(Json::trusted))
    }

    /// Stores a value; once it returns, the value is durable.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn set(&self, key: &str, value: Json<'_>) -> Result<(), StorageError> {
        self.begin(Op::Set, key, &[value.as_bytes()], None)?
            .answer(&mut [])
            .await?;
        Ok(())
    }

    /// Deletes a value; false when there was none.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn delete(&self, key: &str) -> Result<bool, StorageError> {
        Ok(self
            .begin(Op::Delete, key, &[], None)?
            .answer(&mut [])
            .await?
            .is_some())
    }

    /// The keys after `after` (`""` for the first page), in the order of their bytes, at most
    /// `limit`, as many as fit into `buf`.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn list_keys<'b>(
        &self,
        after: &str,
        limit: u16,
        buf: &'b mut [u8],
    ) -> Result<Page<'b>, StorageError> {
        self.list(Op::ListKeys, after, limit, buf).await
    }

    /// Deletes all values of the namespace; how many.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn clear_namespace(&self) -> Result<u32, StorageError> {
        let mut count = [0u8; 4];
        self.begin(Op::ClearNamespace, "", &[], None)?
            .answer(&mut count)
            .await?;
        Ok(u32::from_le_bytes(count))
    }

    /// Applies all operations, at most 16, or none of them.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn transaction(&self, ops: &[BatchOp<'_>]) -> Result<(), StorageError> {
        let mut heads = [[0u8; super::request::OP_HEAD]; MAX_BATCH];
        let mut pieces: heapless::Vec<&[u8], { MAX_BATCH * 3 + 2 }> = heapless::Vec::new();
        check(self.name, MAX_NAMESPACE)?;
        // There is room for these, and for three pieces an operation.
        let _ = pieces.extend_from_slice(&[self.name.as_bytes(), b""]);
        if ops.len() > MAX_BATCH {
            return Err(StorageError::TooLarge {
                len: ops.len(),
                max: MAX_BATCH,
            });
        }
        for (head, op) in heads.iter_mut().zip(ops) {
            let (key, value) = match op {
                BatchOp::Set(key, value) => (key, Some(value)),
                BatchOp::Delete(key) => (key, None),
            };
            check(key, MAX_KEY)?;
            *head = op_head(key.len(), value.map(|value| value.len()));
        }
        for (head, op) in heads.iter().zip(ops) {
            let (key, value) = match op {
                BatchOp::Set(key, value) => (key, value.as_bytes()),
                BatchOp::Delete(key) => (key, &[][..]),
            };
            // Three pieces an operation, and no more operations than were counted above.
            let _ = pieces.extend_from_slice(&[head, key.as_bytes(), value]);
        }
        self.enter(Op::Batch, 0, &pieces, None)?.answer(&mut []).await?;
        Ok(())
    }

    /// Stores all of these values, at most 16, or none.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn batch_set(&self, values: &[(&str, Json<'_>)]) -> Result<(), StorageError> {
        let mut ops = heapless::Vec::<BatchOp<'_>, MAX_BATCH>::new();
        for (key, value) in values {
            let full = StorageError::TooLarge {
                len: values.len(),
                max: MAX_BATCH,
            };
            ops.push(BatchOp::Set(key, *value)).map_err(|_| full)?;
        }
        self.transaction(&ops).await
    }

    async fn list<'b>(
        &self,
        op: Op,
        after: &str,
        limit: u16,
        buf: &'b mut [u8],
    ) -> Result<Page<'b>, StorageError> {
        // The page is made to fit the caller's buffer, not only the call's.
        let room = (buf.len().min(u32::MAX as usize) as u32).to_le_bytes();
        let len = self
            .begin(op, after, &[&limit.to_le_bytes(), &room], None)?
            .answer(buf)
            .await?
            .unwrap_or(0);
        let page = Page::new(buf.get(..len).unwrap_or(&[]));
        // An empty page with more behind it would be asked for again for ever.
        if len == 0 || (limit > 0 && page.more() && page.clone().next().is_none()) {
            return Err(StorageError::failed(
                "the next name has no room: give a larger buffer, or raise `call_bytes`",
            ));
        }
        Ok(page)
    }

    pub(crate) fn begin(
        &self,
        op: Op,
        key: &str,
        value: &[&[u8]],
        limit: Option<Duration>,
    ) -> Result<PendingCall, StorageError> {
        let named = !matches!(op, Op::ListKeys | Op::Namespaces | Op::ClearNamespace | Op::Batch);
        if op != Op::Namespaces {
            check(self.name, MAX_NAMESPACE)?;
        }
        if named || !key.is_empty() {
            check(key, MAX_KEY)?;
        }
        // As few as most requests have: a chip's stack is small.
        let mut few = heapless::Vec::<&[u8], 4>::new();
        let fits = few
            .extend_from_slice(&[self.name.as_bytes(), key.as_bytes()])
            .is_ok()
            && few.extend_from_slice(value).is_ok();
        if !fits {
            let (len, max) = (value.len(), few.capacity().saturating_sub(2));
            return Err(StorageError::TooLarge { len, max });
        }
        self.enter(op, key.len(), &few, limit)
    }

    /// Hands a checked request to the storage: its pieces begin with namespace and key.
    fn enter(
        &self,
        op: Op,
        key: usize,
        pieces: &[&[u8]],
        limit: Option<Duration>,
    ) -> Result<PendingCall, StorageError> {
        self.kernel.with(|core| {
            core.may_store(self.who, self.name, op)?;
            // Tasks begin in no particular order: while the runtime starts, a storage may be about to be served.
            let limit = match limit.map(micros) {
                limit if core.storage_open => limit,
                limit => Some(limit.map_or(PATIENCE, |limit| limit.min(PATIENCE))),
            };
            let call = NewCall {
                caller: self.who,
                callee: None,
                what: What::Storage {
                    op,
                    namespace: self.name.len() as u8,
                    key: key as u16,
                },
                parent: core.plugins.answering(self.who),
                limit,
                waker: None,
            };
            let id = core.begin_call(&call, pieces)?;
            Ok(PendingCall::new(self.kernel, id))
        })
    }
}

fn check(name: &str, max: usize) -> Result<(), StorageError> {
    if name.is_empty() || name.len() > max || name.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(StorageError::Name);
    }
    Ok(())
}
