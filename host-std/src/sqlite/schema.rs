//! The one table, and whether a file has it.
//!
//! The layout is that of the Python service, so its files open as they are and it can read ours: a
//! plain rowid table with three text columns. `user_version` is 1 in our files and 0 in its.

use std::path::Path;

use rusqlite::Connection;

use super::error::OpenError;

/// The `user_version` of files written by this program, and the highest it reads.
pub(super) const VERSION: i64 = 1;

const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS storage(\
     namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, \
     PRIMARY KEY(namespace, key))";

/// What another program has hung on the table, and how its key is compared where not byte by byte.
const TRIGGERS: &str =
    "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = 'storage'";
const COLLATIONS: &str = "SELECT DISTINCT part.coll FROM pragma_index_list('storage') AS list, \
     pragma_index_xinfo(list.name) AS part WHERE list.origin = 'pk' AND part.key AND part.coll <> 'BINARY'";

/// Name, declared type, NOT NULL, position in the primary key.
type Column = (String, String, bool, i64);

const COLUMNS: [(&str, &str, bool, i64); 3] = [
    ("namespace", "TEXT", true, 1),
    ("key", "TEXT", true, 2),
    ("value", "TEXT", true, 0),
];

/// Checks, without writing, that the file is one of ours, one of the Python service's, or empty.
pub(super) fn examine(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    let schema = |reason: String| OpenError::Schema {
        path: path.to_path_buf(),
        reason,
    };

    let found = user_version(conn).map_err(sqlite)?;
    if !(0..=VERSION).contains(&found) {
        return Err(OpenError::Version {
            path: path.to_path_buf(),
            found,
            supported: VERSION,
        });
    }

    let application: i64 = conn
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(sqlite)?;
    if application != 0 {
        return Err(schema(format!(
            "it belongs to another application, whose application_id is {application}"
        )));
    }

    let mut kind = None;
    let mut others = Vec::new();
    let mut statement = conn
        .prepare("SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view')")
        .map_err(sqlite)?;
    let mut rows = statement.query([]).map_err(sqlite)?;
    while let Some(row) = rows.next().map_err(sqlite)? {
        let name: String = row.get(0).map_err(sqlite)?;
        if name.eq_ignore_ascii_case("storage") {
            kind = Some(row.get::<_, String>(1).map_err(sqlite)?);
        } else if !name.starts_with("sqlite_") {
            others.push(name);
        }
    }

    match kind.as_deref() {
        Some("table") => {
            let columns = columns(conn).map_err(sqlite)?;
            if !is_expected(&columns) {
                return Err(schema(format!(
                    "its table storage has the columns ({}), expected are (namespace TEXT NOT NULL, \
                     key TEXT NOT NULL, value TEXT NOT NULL) with the primary key (namespace, key)",
                    describe(&columns)
                )));
            }
            for (what, names) in [("a trigger", TRIGGERS), ("a key that is compared by", COLLATIONS)] {
                let found = conn.prepare(names).and_then(|mut statement| {
                    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
                    names.collect::<rusqlite::Result<Vec<_>>>()
                });
                let found = found.map_err(sqlite)?;
                if !found.is_empty() {
                    let names = found.join(", ");
                    return Err(schema(format!(
                        "its table storage has {what} {names}, with which what is stored may not be what is read"
                    )));
                }
            }
            Ok(())
        }
        Some(_) => Err(schema("storage is a view in it, not a table".to_owned())),
        None if others.is_empty() => Ok(()),
        None => {
            others.truncate(5);
            Err(schema(format!(
                "it has no table storage, and other tables: {}",
                others.join(", ")
            )))
        }
    }
}

/// Creates the table where there is none and marks the file as ours, in one transaction.
pub(super) fn adopt(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    conn.execute_batch(CREATE_TABLE)?;
    if user_version(conn)? != VERSION {
        conn.pragma_update(None, "user_version", VERSION)?;
    }
    conn.execute_batch("COMMIT")
}

fn user_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn columns(conn: &Connection) -> rusqlite::Result<Vec<Column>> {
    // table_xinfo, unlike table_info, also lists generated columns.
    let mut statement =
        conn.prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo('storage') ORDER BY cid")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    rows.collect()
}

fn is_expected(columns: &[Column]) -> bool {
    columns.len() == COLUMNS.len()
        && columns.iter().zip(COLUMNS).all(|(column, expected)| {
            let (name, kind, not_null, key) = column;
            name.eq_ignore_ascii_case(expected.0)
                && kind.eq_ignore_ascii_case(expected.1)
                && *not_null == expected.2
                && *key == expected.3
        })
}

fn describe(columns: &[Column]) -> String {
    let mut text = String::new();
    for (name, kind, not_null, key) in columns {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(name);
        text.push(' ');
        text.push_str(kind);
        if *not_null {
            text.push_str(" NOT NULL");
        }
        if *key > 0 {
            text.push_str(" PRIMARY KEY");
        }
    }
    text
}
