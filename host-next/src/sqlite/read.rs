//! The statements that read rows. A row that cannot be understood is an error, never "not there".

use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, params};

use super::error::StorageError;
use super::json_fault;

const GET: &str = "SELECT value FROM storage WHERE namespace = ?1 AND key = ?2";
const KEYS: &str = "SELECT key FROM storage WHERE namespace = ?1 ORDER BY key LIMIT ?2";
const KEYS_AFTER: &str = "SELECT key FROM storage WHERE namespace = ?1 AND key > ?2 ORDER BY key LIMIT ?3";
// One step in the index for each namespace; DISTINCT would visit every row.
const NAMESPACE: &str = "SELECT namespace FROM storage ORDER BY namespace LIMIT 1";
const NAMESPACE_AFTER: &str = "SELECT namespace FROM storage WHERE namespace > ?1 ORDER BY namespace LIMIT 1";

/// Appends the value to `out`; false if there is no such row.
pub(super) fn get(
    conn: &Connection,
    namespace: &str,
    key: &str,
    out: &mut Vec<u8>,
) -> Result<bool, StorageError> {
    let mut statement = conn.prepare_cached(GET)?;
    let mut rows = statement.query([namespace, key])?;
    let Some(row) = rows.next()? else {
        return Ok(false);
    };
    let fault = match row.get_ref(0)? {
        ValueRef::Text(bytes) => match json_fault(bytes) {
            Ok(_) => {
                out.extend_from_slice(bytes);
                return Ok(true);
            }
            Err(reason) => reason,
        },
        other => format!("it is {}, not text", kind(other.data_type())),
    };
    Err(StorageError::Corrupt {
        namespace: namespace.to_owned(),
        key: key.to_owned(),
        reason: fault,
    })
}

/// Appends up to `limit` keys after `after`, in byte order.
pub(super) fn keys(
    conn: &Connection,
    namespace: &str,
    after: Option<&str>,
    limit: usize,
    out: &mut Vec<String>,
) -> Result<(), StorageError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement;
    let mut rows = match after {
        Some(after) => {
            statement = conn.prepare_cached(KEYS_AFTER)?;
            statement.query(params![namespace, after, limit])?
        }
        None => {
            statement = conn.prepare_cached(KEYS)?;
            statement.query(params![namespace, limit])?
        }
    };
    while let Some(row) = rows.next()? {
        let key = row.get_ref(0)?;
        out.push(name(key).map_err(|reason| StorageError::Corrupt {
            namespace: namespace.to_owned(),
            key: lossy(key),
            reason: format!("its key is {reason}"),
        })?);
    }
    Ok(())
}

/// Appends up to `limit` namespaces after `after`, in byte order.
pub(super) fn namespaces(
    conn: &Connection,
    after: Option<&str>,
    limit: usize,
    out: &mut Vec<String>,
) -> Result<(), StorageError> {
    let mut last = after.map(str::to_owned);
    for _ in 0..limit {
        let mut statement;
        let mut rows = match &last {
            Some(last) => {
                statement = conn.prepare_cached(NAMESPACE_AFTER)?;
                statement.query([last])?
            }
            None => {
                statement = conn.prepare_cached(NAMESPACE)?;
                statement.query([])?
            }
        };
        let Some(row) = rows.next()? else {
            break;
        };
        let namespace = row.get_ref(0)?;
        let found = name(namespace).map_err(|reason| StorageError::Corrupt {
            namespace: lossy(namespace),
            key: String::new(),
            reason: format!("its namespace is {reason}"),
        })?;
        last = Some(found.clone());
        out.push(found);
    }
    Ok(())
}

fn name(value: ValueRef<'_>) -> Result<String, String> {
    match value {
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(format!("not UTF-8: {error}")),
        },
        other => Err(format!("{}, not text", kind(other.data_type()))),
    }
}

fn lossy(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}

fn kind(kind: Type) -> &'static str {
    match kind {
        Type::Null => "NULL",
        Type::Integer => "an integer",
        Type::Real => "a number",
        Type::Text => "text",
        Type::Blob => "a blob",
    }
}
