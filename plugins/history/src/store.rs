//! The namespace in the storage, and what was written to it.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use kernel_core::storage::{BatchOp, MAX_BATCH};
use kernel_core::{Context, Error, Json};
use plugin_kit::MAX_REPLY;

use crate::rows::ROW;

const NAMESPACE: &str = "history";

/// Bytes beside the values of a batch.
const BESIDE: usize = 300;

/// Counts of what was asked of the storage.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) writes: u64,
    pub(crate) errors: u64,
    /// Why it refused, until it carries out a write again.
    pub(crate) error: Option<String>,
}

/// A write.
pub(crate) enum Write {
    /// Of a row.
    Set(String, String),
    /// That a row goes.
    Delete(String),
}

impl Write {
    fn bytes(&self) -> usize {
        match self {
            Write::Set(key, value) => key.len() + value.len(),
            Write::Delete(key) => key.len(),
        }
    }
}

impl Store {
    /// The text of a row; `None` when there is none.
    pub(crate) async fn get(&mut self, cx: &Context, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let mut buf = vec![0; MAX_REPLY];
        let found = cx.storage(NAMESPACE).get(key, &mut buf).await;
        let found = found.map(|found| found.map(|json| json.as_bytes().to_owned()));
        self.noted(found)
    }

    /// The keys after this one, one page of them, as far as they begin with `prefix`.
    pub(crate) async fn keys(
        &mut self,
        cx: &Context,
        prefix: &str,
        after: &str,
    ) -> Result<Vec<String>, Error> {
        let mut buf = vec![0; MAX_REPLY];
        let after = if after.is_empty() { prefix } else { after };
        let page = cx.storage(NAMESPACE).list_keys(after, 500, &mut buf).await;
        let page = page.map(|page| {
            let own = page.take_while(|key| key.starts_with(prefix));
            own.map(ToOwned::to_owned).collect()
        });
        self.noted(page)
    }

    /// Writes a row.
    pub(crate) async fn set(&mut self, cx: &Context, key: &str, text: &str) -> Result<(), Error> {
        let value = Json::parse(text).map_err(|wrong| Error::format("encode", format_args!("{wrong}")))?;
        let written = cx.storage(NAMESPACE).set(key, value).await;
        self.written(written)
    }

    /// Carries out all of these, in their order, with as few requests as they fit into.
    pub(crate) async fn write(&mut self, cx: &Context, writes: &[Write]) -> Result<(), Error> {
        let mut rest = writes;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |write: &&Write| {
                bytes += write.bytes() + 8;
                bytes <= ROW - BESIDE
            };
            // One that is alone fits: it is no longer than a row.
            let count = rest.iter().take(MAX_BATCH).take_while(fits).count().max(1);
            let (now, later) = rest.split_at(count);
            self.batch(cx, now).await?;
            rest = later;
        }
        Ok(())
    }

    async fn batch(&mut self, cx: &Context, writes: &[Write]) -> Result<(), Error> {
        let ops = writes.iter().map(|write| match write {
            Write::Set(key, value) => {
                let value =
                    Json::parse(value).map_err(|wrong| Error::format("encode", format_args!("{wrong}")))?;
                Ok(BatchOp::Set(key, value))
            }
            Write::Delete(key) => Ok(BatchOp::Delete(key)),
        });
        let ops: Vec<BatchOp<'_>> = ops.collect::<Result<_, Error>>()?;
        let written = cx.storage(NAMESPACE).transaction(&ops).await;
        self.written(written)
    }

    /// Notes that a write was carried out, or what went wrong.
    fn written(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        if result.is_ok() {
            self.writes += 1;
            self.error = None;
        }
        self.noted(result)
    }

    /// Notes what went wrong.
    fn noted<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            self.errors += 1;
            self.error = Some(error.to_string());
        }
        result
    }
}
