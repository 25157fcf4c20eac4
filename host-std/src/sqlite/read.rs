//! The statements that read rows. A value that cannot be understood is an error, never "not there"; a name that nobody
//! could ask for is counted, and passed over.

use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, Type, ValueRef};

use super::error::StorageError;
use super::{json_fault, names};

const GET: &str = "SELECT value FROM storage WHERE namespace = ?1 AND key = ?2";
const KEYS: &str = "SELECT key FROM storage WHERE namespace = ?1 ORDER BY key";
const KEYS_AFTER: &str = "SELECT key FROM storage WHERE namespace = ?1 AND key > ?2 ORDER BY key";
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

/// Appends up to `limit` keys after `after`, in byte order; how many were passed over, which no runtime takes.
pub(super) fn keys(
    conn: &Connection,
    namespace: &str,
    after: Option<&str>,
    limit: usize,
    out: &mut Vec<String>,
) -> Result<u64, StorageError> {
    let mut statement;
    let mut rows = match after {
        Some(after) => {
            statement = conn.prepare_cached(KEYS_AFTER)?;
            statement.query([namespace, after])?
        }
        None => {
            statement = conn.prepare_cached(KEYS)?;
            statement.query([namespace])?
        }
    };
    let mut passed_over = 0;
    while out.len() < limit
        && let Some(row) = rows.next()?
    {
        match names::key(row.get_ref(0)?) {
            Ok(key) => out.push(key.to_owned()),
            Err(_) => passed_over += 1,
        }
    }
    Ok(passed_over)
}

/// Appends up to `limit` namespaces after `after`, in byte order; how many were passed over, which no runtime takes.
pub(super) fn namespaces(
    conn: &Connection,
    after: Option<&str>,
    limit: usize,
    out: &mut Vec<String>,
) -> Result<u64, StorageError> {
    let mut last = after.map(|after| (false, after.as_bytes().to_vec()));
    let mut passed_over = 0;
    while out.len() < limit {
        let mut statement;
        let mut rows = match &last {
            Some((blob, last)) => {
                statement = conn.prepare_cached(NAMESPACE_AFTER)?;
                let last = match blob {
                    true => ValueRef::Blob(last),
                    // As it is, UTF-8 or not.
                    false => ValueRef::Text(last),
                };
                statement.query([ToSqlOutput::Borrowed(last)])?
            }
            None => {
                statement = conn.prepare_cached(NAMESPACE)?;
                statement.query([])?
            }
        };
        let Some(row) = rows.next()? else {
            break;
        };
        let found = row.get_ref(0)?;
        match names::namespace(found) {
            Ok(namespace) => out.push(namespace.to_owned()),
            Err(_) => passed_over += 1,
        }
        last = match found {
            ValueRef::Text(bytes) => Some((false, bytes.to_vec())),
            ValueRef::Blob(bytes) => Some((true, bytes.to_vec())),
            // The column turns numbers into text, and has no NULL.
            _ => break,
        };
    }
    Ok(passed_over)
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
