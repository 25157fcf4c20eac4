//! The rules in the storage: a row each, as it was created.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use kernel_core::{Context, Error, Json};
use plugin_kit::MAX_REPLY;
use serde_json::{Map, Value};

/// The namespace, and the plugin's name.
pub(crate) const NAMESPACE: &str = "automation";

/// Bytes for a page of keys.
const PAGE: usize = 4 * 1024;

/// The rule of this id, as it is stored.
pub(crate) async fn read(cx: &Context, id: &str) -> Result<Option<Map<String, Value>>, Error> {
    let mut buf = vec![0; MAX_REPLY];
    let Some(json) = cx.storage(NAMESPACE).get(id, &mut buf).await? else {
        return Ok(None);
    };
    serde_json::from_slice(json.as_bytes())
        .map(Some)
        .map_err(|error| Error::new("invalid_value", &format!("{id} in {NAMESPACE}: {error}")))
}

pub(crate) async fn write(cx: &Context, id: &str, rule: &Map<String, Value>) -> Result<(), Error> {
    let text = serde_json::to_string(rule).map_err(|error| Error::new("encode", &error.to_string()))?;
    let json = Json::parse(&text).map_err(|error| Error::new("encode", &error.to_string()))?;
    cx.storage(NAMESPACE).set(id, json).await
}

pub(crate) async fn delete(cx: &Context, id: &str) -> Result<bool, Error> {
    cx.storage(NAMESPACE).delete(id).await
}

/// The ids of all rules.
pub(crate) async fn ids(cx: &Context) -> Result<Vec<String>, Error> {
    let (mut all, mut buf) = (Vec::<String>::new(), vec![0; PAGE]);
    loop {
        let after = all.last().map_or("", String::as_str);
        let page = cx.storage(NAMESPACE).list_keys(after, u16::MAX, &mut buf).await?;
        let before = all.len();
        all.extend(page.map(ToOwned::to_owned));
        if all.len() == before {
            return Ok(all);
        }
    }
}
