//! What is stored: reading rows, in which there may be anything, and writing them.

use kernel_core::storage::{BatchOp, MAX_BATCH};
use kernel_core::{Context, Error, Json};
use plugin_kit::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The namespace of keys and passwords.
pub(crate) const NAMESPACE: &str = "auth";

/// Keys that are read at once.
const PAGE: u16 = 128;
/// Bytes of a page of keys.
const PAGE_BYTES: usize = 16 * 1024;

/// The rows of [`NAMESPACE`] whose keys begin so, by the rest of the key. One that cannot be read is an error in the
/// log, and left out: it must not keep the others away.
pub(crate) async fn all<T: DeserializeOwned>(cx: &Context, prefix: &str) -> Result<Vec<(String, T)>, Error> {
    let (mut rows, mut after) = (Vec::new(), prefix.to_owned());
    let storage = cx.storage(NAMESPACE);
    loop {
        let mut buf = vec![0; PAGE_BYTES];
        let page = storage.list_keys(&after, PAGE, &mut buf).await?;
        for key in page {
            let Some(name) = key.strip_prefix(prefix) else {
                return Ok(rows);
            };
            after = key.to_owned();
            match storage.get_value(key).await {
                Ok(Some(row)) => rows.push((name.to_owned(), row)),
                Ok(None) => {}
                Err(error) if is_damage(&error) => {
                    log::error!("{key:?} in {NAMESPACE} does not work: {error}")
                }
                Err(error) => return Err(error),
            }
        }
        if !page.more() {
            return Ok(rows);
        }
    }
}

/// Whether the row is at fault, and not the storage.
pub(crate) fn is_damage(error: &Error) -> bool {
    matches!(error.code(), "corrupt" | "invalid_value" | "reply_too_large")
}

/// A row that is to be written.
pub(crate) struct Write {
    key: String,
    value: String,
}

impl Write {
    pub(crate) fn new<T: Serialize>(key: String, row: &T) -> Result<Write, Error> {
        let value = serde_json::to_string(row)
            .map_err(|error| Error::format("encode", format_args!("{key}: {error}")))?;
        Ok(Write { key, value })
    }
}

/// Writes these rows, all or none where they are no more than [`MAX_BATCH`].
pub(crate) async fn write(cx: &Context, namespace: &str, rows: &[Write]) -> Result<(), Error> {
    for group in rows.chunks(MAX_BATCH) {
        let mut ops = Vec::new();
        for row in group {
            ops.push(BatchOp::Set(&row.key, json(&row.value)?));
        }
        cx.storage(namespace).transaction(&ops).await?;
    }
    Ok(())
}

/// Text that this program wrote.
pub(crate) fn json(text: &str) -> Result<Json<'_>, Error> {
    Json::parse(text).map_err(|error| Error::format("encode", format_args!("{error}")))
}
