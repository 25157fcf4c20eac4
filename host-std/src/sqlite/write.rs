//! The statements that change rows. They know nothing of groups.

use rusqlite::Connection;

use super::error::StorageError;

// An upsert keeps the row where it is; REPLACE would delete and insert it.
const SET: &str = "INSERT INTO storage(namespace, key, value) VALUES(?1, ?2, ?3) \
     ON CONFLICT(namespace, key) DO UPDATE SET value = excluded.value";
const DELETE: &str = "DELETE FROM storage WHERE namespace = ?1 AND key = ?2";
const CLEAR: &str = "DELETE FROM storage WHERE namespace = ?1";

pub(super) fn set(conn: &Connection, namespace: &str, key: &str, value: &str) -> Result<(), StorageError> {
    match conn.prepare_cached(SET)?.execute([namespace, key, value])? {
        1 => Ok(()),
        rows => Err(StorageError::Internal {
            message: format!(
                "SQLite changed {rows} rows in place of one: another program has changed the table"
            ),
        }),
    }
}

/// True if there was a row.
pub(super) fn delete(conn: &Connection, namespace: &str, key: &str) -> Result<bool, StorageError> {
    let rows = conn.prepare_cached(DELETE)?.execute([namespace, key])?;
    Ok(rows > 0)
}

/// The number of rows removed.
pub(super) fn clear(conn: &Connection, namespace: &str) -> Result<u64, StorageError> {
    let rows = conn.prepare_cached(CLEAR)?.execute([namespace])?;
    Ok(u64::try_from(rows).unwrap_or(u64::MAX))
}
