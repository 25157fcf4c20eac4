//! Which files open, which are refused and with what words, and what closing leaves.

use std::fs;

use super::super::Synchronous;
use super::*;

fn pragma(path: &Path, name: &str) -> String {
    let conn = Connection::open(path).unwrap();
    conn.pragma_query_value(None, name, |row| {
        Ok(match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            other => other.as_str()?.to_owned(),
        })
    })
    .unwrap()
}

#[test]
fn missing_directories_are_created() {
    let (directory, _) = place();
    let path = directory.path().join("a/b/runtime.db");
    let mut database = open(&path);
    database.set("n", "k", b"1").unwrap();
    database.close().unwrap();
    assert_eq!(pragma(&path, "user_version"), "1");
    assert_eq!(pragma(&path, "journal_mode"), "wal");
}

#[test]
fn commits_are_flushed_unless_asked_otherwise() {
    let (_directory, path) = place();
    let synchronous = |options: Options| -> i64 {
        let database = Database::open(&path, options).unwrap();
        database
            .conn
            .pragma_query_value(None, "synchronous", |row| row.get(0))
            .unwrap()
    };
    assert_eq!(synchronous(Options::default()), 2);
    let normal = Options {
        synchronous: Synchronous::Normal,
        ..Options::default()
    };
    assert_eq!(synchronous(normal), 1);
}

#[test]
fn a_file_of_the_python_service_opens_and_stays_readable_by_it() {
    let (_directory, path) = place();
    let rows = [
        ("devices", "lamp", r#"{"name": "Küche", "on": true}"#),
        ("devices", "sensor", r#"{"name": "\u0421\u0432\u0435\u0442"}"#),
        ("auth", "ключ", r#"["日本", 1.0]"#),
    ];
    python_file(&path, &rows);
    assert_eq!(pragma(&path, "journal_mode"), "delete");

    let mut database = open(&path);
    for (namespace, key, text) in rows {
        assert_eq!(value(&mut database, namespace, key).as_deref(), Some(text));
    }
    database.set("devices", "new", "\"ü\"".as_bytes()).unwrap();
    database.close().unwrap();
    assert_eq!(pragma(&path, "user_version"), "1");

    let python = Connection::open(&path).unwrap();
    python
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS storage (namespace TEXT NOT NULL, key TEXT NOT NULL, \
             value TEXT NOT NULL, PRIMARY KEY (namespace, key));
             INSERT OR REPLACE INTO storage VALUES ('devices', 'python', '2')",
        )
        .unwrap();
    let text: String = python
        .query_row(
            "SELECT value FROM storage WHERE namespace = ? AND key = ?",
            ["devices", "new"],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(text, "\"ü\"");
    drop(python);
    assert_eq!(
        keys(&mut open(&path), "devices"),
        ["lamp", "new", "python", "sensor"]
    );
}

#[test]
fn closing_leaves_one_file_and_no_lock() {
    let (_directory, path) = place();
    let mut database = open(&path);
    database.set("n", "k", b"1").unwrap();
    assert!(beside(&path, "-wal").exists());
    database.close().unwrap();
    assert!(!beside(&path, "-wal").exists());
    assert!(!beside(&path, "-shm").exists());
    assert_eq!(fs::read(beside(&path, ".lock")).unwrap(), b"");
    open(&path).close().unwrap();
}

#[test]
fn closing_beside_a_reader_keeps_every_commit() {
    let (_directory, path) = place();
    let mut database = open(&path);
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM storage").unwrap();
    database.set("n", "k", b"1").unwrap();
    database.close().unwrap();
    drop(reader);
    assert_eq!(keys(&mut open(&path), "n"), ["k"]);
}

#[test]
fn a_second_runtime_is_told_who_holds_the_database() {
    let (directory, path) = place();
    let mut first = open(&path);
    let link = directory.path().join("other-name.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let error = refusal(name);
        let OpenError::Held {
            holder: Some(holder), ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(holder.pid, std::process::id());
        let text = error.to_string();
        assert!(
            text.contains(&format!("process id {}", std::process::id())),
            "{text}"
        );
    }
    first.set("n", "k", b"1").unwrap();
    drop(first);
    assert_eq!(keys(&mut open(&path), "n"), ["k"]);
}

#[test]
fn the_note_of_a_crashed_holder_neither_blocks_nor_confuses() {
    let (_directory, path) = place();
    let lock = beside(&path, ".lock");
    // Above the highest process id of any Linux.
    fs::write(&lock, "pid=2000000000\nsince=1\ncommand=a-long-gone-runtime\n").unwrap();
    let database = open(&path);
    let note = fs::read_to_string(&lock).unwrap();
    assert!(
        note.starts_with(&format!("pid={}\n", std::process::id())),
        "{note}"
    );
    assert!(!note.contains("long-gone"), "{note}");

    // The lock is held, its note is somebody's who is dead: better no name than a wrong one.
    fs::write(&lock, "pid=2000000000\nsince=1\ncommand=a-long-gone-runtime\n").unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Held { holder: None, .. }), "{error}");
    drop(database);
}

#[test]
fn a_lock_of_another_program_on_the_file_is_busy() {
    let (_directory, path) = place();
    python_file(&path, &[("n", "k", "1")]);
    let before = fs::read(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    for lock in ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"] {
        other.execute_batch(lock).unwrap();
        let error = refusal(&path);
        assert!(matches!(error, OpenError::Busy { .. }), "{error}");
        other.execute_batch("ROLLBACK").unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    drop(other);
    assert_eq!(keys(&mut open(&path), "n"), ["k"]);
}

#[test]
fn a_newer_schema_is_refused_with_both_versions_and_left_alone() {
    let (_directory, path) = place();
    python_file(&path, &[("n", "k", "1")]);
    let raw = Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 7).unwrap();
    drop(raw);
    let before = fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(
        matches!(
            error,
            OpenError::Version {
                found: 7,
                supported: 1,
                ..
            }
        ),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains('7') && text.contains("up to 1"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_database_of_another_layout_is_refused_and_left_alone() {
    let layouts = [
        (
            "CREATE TABLE storage(namespace TEXT NOT NULL, key TEXT NOT NULL, data BLOB)",
            "data BLOB",
        ),
        (
            "CREATE TABLE storage(namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL)",
            "primary key",
        ),
        (
            "CREATE TABLE storage(namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, \
             extra TEXT, PRIMARY KEY(namespace, key))",
            "extra TEXT",
        ),
        (
            "CREATE VIEW storage AS SELECT 'n' AS namespace, 'k' AS key, '1' AS value",
            "view",
        ),
        ("CREATE TABLE recipes(id INTEGER)", "recipes"),
        (
            "PRAGMA application_id = 1196444487",
            "application_id is 1196444487",
        ),
        (
            "CREATE TABLE storage(namespace TEXT NOT NULL, key TEXT NOT NULL COLLATE NOCASE, value TEXT NOT NULL, \
             PRIMARY KEY(namespace, key))",
            "NOCASE",
        ),
        (
            "CREATE TABLE storage(namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, \
             PRIMARY KEY(namespace, key COLLATE RTRIM)) WITHOUT ROWID",
            "RTRIM",
        ),
        (
            "CREATE TABLE storage(namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, \
             PRIMARY KEY(namespace, key)); \
             CREATE TRIGGER deaf BEFORE INSERT ON storage BEGIN SELECT RAISE(IGNORE); END",
            "a trigger deaf",
        ),
    ];
    for (sql, expected) in layouts {
        let (_directory, path) = place();
        let raw = Connection::open(&path).unwrap();
        // Of a program that uses another journal mode: not that changes either.
        raw.execute_batch("PRAGMA journal_mode = DELETE").unwrap();
        raw.execute_batch(sql).unwrap();
        drop(raw);
        let before = fs::read(&path).unwrap();
        let error = refusal(&path);
        assert!(matches!(error, OpenError::Schema { .. }), "{sql}: {error}");
        assert!(error.to_string().contains(expected), "{sql}: {error}");
        assert_eq!(fs::read(&path).unwrap(), before, "{sql}");
    }
}

#[test]
fn a_table_without_rowids_does_the_same() {
    let (_directory, path) = place();
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch(
        "CREATE TABLE storage(namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, \
         PRIMARY KEY(namespace, key)) WITHOUT ROWID",
    )
    .unwrap();
    drop(raw);
    let mut database = open(&path);
    database.set("n", "k", b"1").unwrap();
    database.set("n", "k", b"2").unwrap();
    assert_eq!(value(&mut database, "n", "k").as_deref(), Some("2"));
}

#[test]
fn a_write_that_changed_no_row_is_not_acknowledged() {
    let (_directory, path) = place();
    let mut database = open(&path);
    database.set("n", "k", b"1").unwrap();
    // Another program, while we run.
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TRIGGER deaf BEFORE INSERT ON storage BEGIN SELECT RAISE(IGNORE); END")
        .unwrap();
    let error = database.set("n", "new", b"2").unwrap_err();
    assert!(matches!(error, StorageError::Internal { .. }), "{error}");
    assert_eq!(value(&mut database, "n", "new"), None);
}

#[test]
fn a_lock_file_that_is_a_link_is_not_followed() {
    let (directory, path) = place();
    let victim = directory.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, beside(&path, ".lock")).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::LockFile { .. }), "{error}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn other_tables_beside_ours_are_no_obstacle() {
    let (_directory, path) = place();
    python_file(&path, &[("n", "k", "1")]);
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("CREATE TABLE users(id INTEGER)").unwrap();
    drop(raw);
    assert_eq!(keys(&mut open(&path), "n"), ["k"]);
}

#[test]
fn a_path_that_is_no_file_is_refused() {
    let (directory, path) = place();
    for path in [directory.path(), Path::new("/dev/null"), Path::new("/")] {
        let error = refusal(path);
        assert!(matches!(error, OpenError::NotAFile { .. }), "{path:?}: {error}");
    }
    assert!(!beside(directory.path(), ".lock").exists());

    fs::write(&path, "a file where a directory is needed").unwrap();
    let error = refusal(&path.join("runtime.db"));
    assert!(
        matches!(&error, OpenError::Directory { path: named, .. } if *named == path),
        "{error}"
    );

    let link = directory.path().join("dangling.db");
    std::os::unix::fs::symlink(directory.path().join("nowhere"), &link).unwrap();
    let error = refusal(&link);
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert!(!directory.path().join("nowhere").exists());
}

/// Nobody, root included, can create files in procfs.
#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_takes_no_files_is_refused() {
    let error = refusal(Path::new("/proc/self/runtime.db"));
    assert!(matches!(error, OpenError::LockFile { .. }), "{error}");
    let error = refusal(Path::new("/proc/self/data/runtime.db"));
    assert!(matches!(error, OpenError::Directory { .. }), "{error}");
}

#[test]
fn permissions_are_respected() {
    use std::os::unix::fs::PermissionsExt;

    let (directory, path) = place();
    python_file(&path, &[("n", "k", "1")]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    if fs::OpenOptions::new().write(true).open(&path).is_ok() {
        // Permissions do not bind root; there is nothing to observe.
        return;
    }
    let before = fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);

    let closed = directory.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    let error = refusal(&closed.join("runtime.db"));
    assert!(matches!(error, OpenError::LockFile { .. }), "{error}");
}
