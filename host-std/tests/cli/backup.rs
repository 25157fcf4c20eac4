//! Copies of the database: made, checked, put back; and values as lines.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::*;

/// A `storage` command on the file of this folder, without a runtime.
fn on_file(dir: &Path, args: &[&str]) -> Answer {
    let mut command = program();
    command
        .env("RUNTIME_DB_PATH", dir.join("runtime.db"))
        .arg("storage")
        .args(args);
    run(&mut command, b"")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_backup_of_a_running_runtime_has_all_that_was_acknowledged() {
    let runtime = Runtime::start();
    for n in 0..50 {
        runtime
            .cli(&["storage", "set", "n", &format!("k{n}"), &n.to_string()])
            .ok();
    }
    let copy = runtime.path("copy/../backup.db");
    fs::create_dir(runtime.path("copy")).unwrap();
    let dir = runtime.path("");
    let said = on_file(&dir, &["backup", &text(&copy)]).ok();
    assert!(said.contains("holds a copy"), "{said}");
    // It is one file, and the runtime goes on.
    assert!(!dir.join("backup.db-wal").exists() && !dir.join("backup.db.part").exists());
    runtime.cli(&["storage", "set", "n", "later", "1"]).ok();

    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(&copy, elsewhere.path().join("runtime.db")).unwrap();
    let second = Runtime::start_with(elsewhere, &[]);
    let names = second.json(&["storage", "list", "n"]);
    assert_eq!(names["names"].as_array().unwrap().len(), 50);
    assert_eq!(second.cli(&["storage", "get", "n", "k49"]).ok(), "49\n");
    // What is there already is not overwritten.
    let told = on_file(&dir, &["backup", &text(&copy)]).fails(1);
    assert!(told.contains("there already"), "{told}");
    let told = on_file(&dir, &["backup", &text(&dir.join("no/such/folder.db"))]).fails(1);
    assert!(told.contains("cannot write"), "{told}");
}

#[test]
fn a_copy_of_the_file_alone_is_seldom_empty() {
    let runtime = Runtime::start();
    let copy = runtime.path("copy.db");
    fs::copy(runtime.path("runtime.db"), &copy).unwrap();
    let stored = on_file(&runtime.path(""), &["check", &text(&copy)]).ok();
    assert!(stored.contains("1 values, 0 of them"), "{stored}");
}

#[test]
fn of_another_storage_there_is_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("runtime.toml");
    fs::write(&config, "[runtime]\nstorage = \"nats://127.0.0.1:4222/home\"\n").unwrap();
    let old = dir.path().join("runtime.db");
    drop(Connection::open(&old).unwrap());
    let copy = text(&dir.path().join("copy.db"));
    let on = |args: &[&str]| {
        let mut command = program();
        command
            .env("RUNTIME_DB_PATH", &old)
            .env("RUNTIME_CONFIG", &config);
        run(command.arg("storage").args(args), b"")
    };
    for args in [&["backup", &copy][..], &["check"], &["restore", &copy, "--yes"]] {
        let refused = on(args).fails(2);
        assert!(
            refused.contains("storage is nats://127.0.0.1:4222/home") && refused.contains("storage export"),
            "{refused}"
        );
    }
    // A file that is named is what it is; so is the default one where the configuration is broken.
    let runtime = Runtime::start();
    on(&["check", &text(&runtime.path("runtime.db"))]).ok();
    fs::write(&config, "[runtime\n").unwrap();
    on_file(&runtime.path(""), &["backup", &copy]).ok();
}

#[test]
fn a_check_names_what_no_runtime_could_read() {
    let runtime = Runtime::start();
    runtime.cli(&["storage", "set", "n", "k", "1"]).ok();
    let dir = runtime.path("");
    let said = on_file(&dir, &["check"]).ok();
    assert!(said.contains("2 values, 0 of them with faults"), "{said}");
    let (_, folder) = runtime.stop(Signal::TERM);
    let raw = Connection::open(folder.path().join("runtime.db")).unwrap();
    let long = "k".repeat(300);
    for (key, value) in [
        ("deep", "[".repeat(10_000)),
        ("word", "nonsense".to_owned()),
        (&long, "1".to_owned()),
    ] {
        raw.execute("INSERT INTO storage VALUES ('n', ?, ?)", [key, &value])
            .unwrap();
    }
    raw.execute("INSERT INTO storage VALUES ('n', ?, '1')", [&b"\xff"[..]])
        .unwrap();
    drop(raw);
    let mut command = program();
    command
        .env("RUNTIME_DB_PATH", folder.path().join("runtime.db"))
        .args(["storage", "check", "--json"]);
    let answer = run(&mut command, b"");
    assert_eq!(answer.status, 1, "{answer:?}");
    let found: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((&found["values"], &found["faults"]), (&json!(6), &json!(4)));
    for part in ["deep", "word", "300 bytes", "not text"] {
        let named = found["named"].as_array().unwrap();
        assert!(
            named.iter().any(|line| line.as_str().unwrap().contains(part)),
            "{part}: {named:?}"
        );
    }
    let again = Runtime::start_with(folder, &[]);
    let exported = again.cli(&["storage", "export", "n"]);
    assert_eq!(exported.status, 1, "{exported:?}");
    assert!(
        exported.err.contains("\"n\"/\"deep\"") && exported.err.contains("2 values"),
        "{exported:?}"
    );
    assert_eq!(exported.out.lines().count(), 1, "{exported:?}");
    let listed = again.cli(&["storage", "list", "n"]).ok();
    assert_eq!(listed, "deep\nk\nword\n");
    again.cli(&["storage", "delete", "n", "deep"]).ok();
    let (_, folder) = again.stop(Signal::TERM);
    fs::write(
        folder.path().join("text"),
        "no database at all, but long enough to be looked at".repeat(40),
    )
    .unwrap();
    let told = on_file(folder.path(), &["check", &text(&folder.path().join("text"))]).fails(1);
    assert!(told.contains("not an SQLite database"), "{told}");
}

#[test]
fn a_restore_needs_a_runtime_that_is_stopped_and_a_backup_that_is_sound() {
    let runtime = Runtime::start();
    runtime.cli(&["storage", "set", "n", "k", "\"before\""]).ok();
    let dir = runtime.path("");
    let copy = text(&dir.join("backup.db"));
    on_file(&dir, &["backup", &copy]).ok();
    runtime.cli(&["storage", "set", "n", "k", "\"after\""]).ok();
    let told = on_file(&dir, &["restore", &copy, "--yes"]).fails(1);
    assert!(told.contains("in use by another runtime"), "{told}");
    let told = on_file(&dir, &["restore", &copy]).fails(2);
    assert!(told.contains("--yes"), "{told}");

    let (_, folder) = runtime.stop(Signal::KILL);
    let damaged = text(&folder.path().join("damaged.db"));
    let mut bytes = fs::read(&copy).unwrap();
    bytes[4096..5000].fill(0xaa);
    fs::write(&damaged, bytes).unwrap();
    on_file(folder.path(), &["restore", &damaged, "--yes"]).fails(1);
    assert_eq!(Runtime::stored(folder.path(), "n", "k").unwrap(), "\"after\"");

    let said = on_file(folder.path(), &["restore", &copy, "--yes"]).ok();
    let kept = said.trim().rsplit_once("before is ").unwrap().1.to_owned();
    assert_eq!(Runtime::stored(folder.path(), "n", "k").unwrap(), "\"before\"");
    let old = Connection::open(kept).unwrap();
    let value: String = old
        .query_row("SELECT value FROM storage WHERE key = 'k'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(value, "\"after\"", "what was in its log is kept too");
    let again = Runtime::start_with(folder, &[]);
    assert_eq!(again.cli(&["storage", "get", "n", "k"]).ok(), "\"before\"\n");
}

#[test]
fn what_is_exported_is_imported_as_it_was() {
    let runtime = Runtime::start();
    for (key, value) in [
        ("ключ", "{\"a\":1.50,\"b\":[null,\"\\u0000\"]}"),
        ("quote \" and \\ slash", "1e999"),
        ("-x", "-0"),
    ] {
        runtime.cli(&["storage", "set", "n", "--", key, value]).ok();
    }
    let all = runtime.cli(&["storage", "export"]).ok();
    let lines: Vec<Value> = all
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or(Value::Null))
        .collect();
    assert_eq!(lines.len(), 4, "{all}");
    let of_one = runtime.cli(&["storage", "export", "n"]).ok();
    assert_eq!(of_one.lines().count(), 3);

    let second = Runtime::start();
    assert_eq!(
        second.with_stdin(&["storage", "import", "-"], &of_one).ok(),
        "stored 3\n"
    );
    assert_eq!(second.cli(&["storage", "export", "n"]).ok(), of_one);
    for (wrong, said) in [
        (
            "{\"namespace\":\"n\",\"key\":\"one\",\"value\":1}\nnonsense\n",
            "line 2",
        ),
        ("{\"namespace\":\"n\",\"key\":\"one\",\"valu\":1}\n", "line 1"),
        ("{\"namespace\":\"\",\"key\":\"one\",\"value\":1}\n", "line 1"),
    ] {
        let answer = second.with_stdin(&["storage", "import", "-"], wrong);
        assert_ne!(answer.status, 0, "{wrong}");
        assert!(answer.err.contains(said), "{wrong}: {}", answer.err);
    }
    assert_eq!(second.cli(&["storage", "get", "n", "one"]).ok(), "1\n");
}
