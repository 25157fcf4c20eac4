//! Reading whole namespaces, in which there may be anything.

use kernel_core::{Context, Error};
use plugin_kit::prelude::*;
use serde::de::DeserializeOwned;

/// The namespace of the users.
pub(crate) const USERS: &str = "users";
/// The namespace of the roles.
pub(crate) const ROLES: &str = "users_roles";

/// Keys that are read at once.
const PAGE: u16 = 128;
/// Bytes of a page of keys.
const PAGE_BYTES: usize = 16 * 1024;

/// The rows of a namespace. One that cannot be read is an error in the log, and left out: it must not keep the others
/// away.
pub(crate) async fn all<T: DeserializeOwned>(
    cx: &Context,
    namespace: &str,
) -> Result<Vec<(String, T)>, Error> {
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let mut buf = vec![0; PAGE_BYTES];
        let page = cx.storage(namespace).list_keys(&after, PAGE, &mut buf).await?;
        for key in page {
            after = key.to_owned();
            match cx.storage(namespace).get_value(key).await {
                Ok(Some(row)) => rows.push((key.to_owned(), row)),
                Ok(None) => {}
                Err(error) if matches!(error.code(), "corrupt" | "invalid_value" | "reply_too_large") => {
                    log::error!("{key:?} in {namespace} is left out: {error}");
                }
                Err(error) => return Err(error),
            }
        }
        if !page.more() {
            return Ok(rows);
        }
    }
}
