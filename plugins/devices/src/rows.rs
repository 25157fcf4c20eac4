//! The rows of the storage, typed.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use kernel_core::{Context, Error, Json};
use plugin_kit::MAX_REPLY;
use serde::Serialize;

use crate::device::Row;

/// The code of the error of a row that is not what it should be.
const INVALID_ROW: &str = "invalid_row";

/// Reads and writes rows.
#[derive(Default)]
pub(crate) struct Rows {
    /// What is read, and then decoded; it has its size from the first read on.
    buf: Vec<u8>,
}

impl Rows {
    fn room(&mut self) -> &mut [u8] {
        self.buf.resize(MAX_REPLY, 0);
        &mut self.buf
    }

    /// The row of this key; `None` when there is none. A row that is not what it should be is an error that names
    /// namespace and key.
    pub(crate) async fn get<R: Row>(&mut self, cx: &Context, key: &str) -> Result<Option<R>, Error> {
        let found = cx.storage(R::NAMESPACE).get(key, self.room()).await?;
        let Some(text) = found else {
            return Ok(None);
        };
        R::read(key, text.as_bytes()).map(Some).map_err(|error| {
            let namespace = R::NAMESPACE;
            Error::format(INVALID_ROW, format_args!("{namespace}/{key}: {error}"))
        })
    }

    /// Stores a row.
    pub(crate) async fn set<R: Row>(
        &mut self,
        cx: &Context,
        key: &str,
        row: &(impl Serialize + Sync),
    ) -> Result<(), Error> {
        let unfit = |error: &dyn core::fmt::Display| Error::format("encode", format_args!("{error}"));
        let text = serde_json::to_vec(row).map_err(|error| unfit(&error))?;
        let json = Json::new(&text).map_err(|error| unfit(&error))?;
        cx.storage(R::NAMESPACE).set(key, json).await
    }

    /// Deletes a row; false when there was none.
    pub(crate) async fn delete<R: Row>(&mut self, cx: &Context, key: &str) -> Result<bool, Error> {
        cx.storage(R::NAMESPACE).delete(key).await
    }

    /// The next key; `None` behind the last one.
    pub(crate) async fn next_key<R: Row>(
        &mut self,
        cx: &Context,
        keys: &mut Keys,
    ) -> Result<Option<String>, Error> {
        if keys.page.is_empty() && keys.more {
            let page = cx
                .storage(R::NAMESPACE)
                .list_keys(&keys.last, u16::MAX, self.room())
                .await?;
            keys.more = page.more();
            keys.page = page.map(String::from).collect();
        }
        let next = keys.page.pop_front();
        if let Some(next) = &next {
            keys.last.clone_from(next);
        }
        Ok(next)
    }
}

/// The keys of a namespace, in order, read page by page.
pub(crate) struct Keys {
    page: VecDeque<String>,
    last: String,
    more: bool,
}

impl Keys {
    /// Those after this one; `""` for all.
    pub(crate) fn after(key: &str) -> Keys {
        Keys {
            page: VecDeque::new(),
            last: key.into(),
            more: true,
        }
    }
}

/// Whether it is the row that is wrong, and not the storage.
pub(crate) fn is_of_the_row(error: &Error) -> bool {
    matches!(error.code(), INVALID_ROW | "corrupt")
}
