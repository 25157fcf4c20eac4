//! The storage as its users see it.

use core::future::poll_fn;

use super::ask::{CallError, Calling, call_op};
use super::context::Context;
use crate::error::{Error, MAX_CODE, MAX_MESSAGE};
use crate::fault::Fault;
use crate::json::Json;
use crate::storage::{BatchOp, Head, MAX_BATCH, Page, STORAGE, StorageOp};

/// Room for a reply without a value: an error's text, or a count.
const TEXT: usize = if cfg!(feature = "messages") {
    MAX_CODE + MAX_MESSAGE
} else {
    4
};

/// The storage, on behalf of one plugin or of the operator.
#[derive(Clone, Copy)]
pub struct StorageApi(pub(crate) Context);

impl StorageApi {
    /// One namespace of the storage.
    pub const fn namespace<'n>(&self, name: &'n str) -> Namespace<'n> {
        Namespace::new(self.0, name)
    }

    /// The namespaces after `after` (`""` for the first page), at most `limit`, as many as fit
    /// into `buf`. For the operator only.
    ///
    /// # Errors
    /// See [`Namespace`].
    ///
    /// # Cancellation
    /// The list is not made.
    pub async fn namespaces<'b>(
        &self,
        after: &str,
        limit: u16,
        buf: &'b mut [u8],
    ) -> Result<Page<'b>, Error> {
        let page = self
            .namespace("")
            .request(StorageOp::Namespaces, after, limit, &[], buf)
            .await?;
        Ok(Page::new(page.unwrap_or(&[])))
    }
}

/// One namespace of the storage. A plugin writes in the one of its own name and in those that its metadata says, and
/// reads in others that its metadata says.
///
/// Errors of all methods, by their codes those of [`Fault::NotFound`] or [`Fault::Unavailable`] without a storage,
/// [`Fault::Denied`], [`Fault::Name`], [`Fault::TooLarge`] (the capacity `call_bytes`), [`Fault::Timeout`],
/// [`Fault::Corrupt`], which names namespace and key, [`Fault::Storage`], and `storage_full`.
///
/// Cancellation of all methods: a request that still waits for the storage is never carried out; a write that the
/// storage has taken may be.
#[derive(Clone, Copy)]
pub struct Namespace<'n> {
    cx: Context,
    name: &'n str,
}

impl<'n> Namespace<'n> {
    pub(crate) const fn new(cx: Context, name: &'n str) -> Self {
        Namespace { cx, name }
    }

    /// One request: what was found, `None` for "not there".
    pub(crate) async fn request<'b>(
        &self,
        op: StorageOp,
        key: &str,
        limit: u16,
        values: &[&[u8]],
        buf: &'b mut [u8],
    ) -> Result<Option<&'b [u8]>, Error> {
        let mut head = Head::new(op, self.name, key, limit)?;
        head.room = buf.len().min(u16::MAX as usize) as u16;
        let head = head.to_bytes();
        let found = {
            let mut pieces = heapless::Vec::<&[u8], { 2 + MAX_BATCH * 3 }>::new();
            for piece in [self.name.as_bytes(), key.as_bytes()]
                .into_iter()
                .chain(values.iter().copied())
            {
                // As many as a batch may have at most.
                let _ = pieces.push(piece);
            }
            let call = call_op(STORAGE, (&head, &pieces), None, None);
            let mut calling = Calling::new(self.cx.ask(call, &mut *buf));
            match poll_fn(|task| calling.poll_bytes(task.waker())).await {
                Ok(bytes) => Some(bytes.len()),
                Err(CallError::Fault(Fault::Absent)) => None,
                Err(error) => return Err(error.into()),
            }
        };
        Ok(found.and_then(|len| buf.get(..len)))
    }

    /// The value, copied into `buf`; `None` when there is none.
    ///
    /// # Errors
    /// See [`Namespace`].
    pub async fn get<'b>(&self, key: &str, buf: &'b mut [u8]) -> Result<Option<Json<'b>>, Error> {
        Ok(self
            .request(StorageOp::Get, key, 0, &[], buf)
            .await?
            .map(Json::trusted))
    }

    /// Stores a value; once it resolves, the value is durable.
    ///
    /// # Errors
    /// See [`Namespace`].
    pub async fn set(&self, key: &str, value: Json<'_>) -> Result<(), Error> {
        self.request(StorageOp::Set, key, 0, &[value.as_bytes()], &mut [0; TEXT])
            .await?;
        Ok(())
    }

    /// Deletes a value; false when there was none.
    ///
    /// # Errors
    /// See [`Namespace`].
    pub async fn delete(&self, key: &str) -> Result<bool, Error> {
        Ok(self
            .request(StorageOp::Delete, key, 0, &[], &mut [0; TEXT])
            .await?
            .is_some())
    }

    /// The keys after `after` (`""` for the first page), in the order of their bytes, at most
    /// `limit`, as many as fit into `buf`.
    ///
    /// # Errors
    /// See [`Namespace`].
    pub async fn list_keys<'b>(&self, after: &str, limit: u16, buf: &'b mut [u8]) -> Result<Page<'b>, Error> {
        let page = self.request(StorageOp::ListKeys, after, limit, &[], buf).await?;
        Ok(Page::new(page.unwrap_or(&[])))
    }

    /// Deletes all values of the namespace; how many.
    ///
    /// # Errors
    /// See [`Namespace`].
    pub async fn clear_namespace(&self) -> Result<u32, Error> {
        let mut buf = [0; TEXT];
        let count = self
            .request(StorageOp::ClearNamespace, "", 0, &[], &mut buf)
            .await?;
        Ok(count
            .and_then(<[u8]>::first_chunk)
            .map_or(0, |count| u32::from_le_bytes(*count)))
    }

    /// Carries out all of these operations, or none; at most [`MAX_BATCH`].
    ///
    /// # Errors
    /// See [`Namespace`]; [`Fault::TooLarge`] for more operations.
    pub async fn transaction(&self, ops: &[BatchOp<'_>]) -> Result<(), Error> {
        let too_many = Fault::TooLarge {
            max: MAX_BATCH as u32,
        };
        let mut heads = heapless::Vec::<[u8; 6], MAX_BATCH>::new();
        for op in ops {
            heads.push(op.head()?).map_err(|_| too_many)?;
        }
        let mut pieces = heapless::Vec::<&[u8], { MAX_BATCH * 3 }>::new();
        for (head, op) in heads.iter().zip(ops) {
            let (key, value) = match op {
                BatchOp::Set(key, value) => (*key, value.as_bytes()),
                BatchOp::Delete(key) => (*key, &[][..]),
            };
            for piece in [head.as_slice(), key.as_bytes(), value] {
                pieces.push(piece).map_err(|_| too_many)?;
            }
        }
        self.request(StorageOp::Batch, "", 0, &pieces, &mut [0; TEXT])
            .await?;
        Ok(())
    }

    /// Stores all of these values, or none; at most [`MAX_BATCH`].
    ///
    /// # Errors
    /// See [`Namespace::transaction`].
    pub async fn batch_set(&self, values: &[(&str, Json<'_>)]) -> Result<(), Error> {
        let mut ops = heapless::Vec::<BatchOp<'_>, MAX_BATCH>::new();
        for (key, value) in values {
            let too_many = Fault::TooLarge {
                max: MAX_BATCH as u32,
            };
            ops.push(BatchOp::Set(key, *value)).map_err(|_| too_many)?;
        }
        self.transaction(&ops).await
    }
}
