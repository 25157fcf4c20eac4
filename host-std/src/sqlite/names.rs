//! The names in rows, which another program may have written: those that a runtime takes, and what is wrong with the
//! others.

use kernel_core::storage::{MAX_NAMESPACE, MAX_STORAGE_KEY};
use rusqlite::types::ValueRef;

/// A namespace.
pub(super) fn namespace(value: ValueRef<'_>) -> Result<&str, String> {
    name(value, MAX_NAMESPACE)
}

/// A key.
pub(super) fn key(value: ValueRef<'_>) -> Result<&str, String> {
    name(value, MAX_STORAGE_KEY)
}

fn name(value: ValueRef<'_>, most: usize) -> Result<&str, String> {
    let ValueRef::Text(bytes) = value else {
        return Err(format!("is {}, not text", value.data_type()));
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err("is not UTF-8".to_owned());
    };
    match text.bytes().position(|byte| byte.is_ascii_control()) {
        _ if text.is_empty() => Err("is empty".to_owned()),
        _ if text.len() > most => Err(format!("has {} bytes, {most} are the most", text.len())),
        Some(at) => Err(format!("has a control character at byte {at}")),
        None => Ok(text),
    }
}

/// The beginning of a name, for people.
pub(super) fn shown(name: ValueRef<'_>) -> String {
    match name {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).chars().take(64).collect()
        }
        other => other.data_type().to_string(),
    }
}
