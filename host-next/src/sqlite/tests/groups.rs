//! Groups, batches, and what a full or busy database does to them.

use super::super::BatchOp;
use super::*;

fn set<'a>(key: &'a str, value: &'a [u8]) -> BatchOp<'a> {
    BatchOp::Set {
        namespace: "n",
        key,
        value,
    }
}

fn delete(key: &str) -> BatchOp<'_> {
    BatchOp::Delete { namespace: "n", key }
}

/// Writes 1 KiB values until one is refused; the number of those that were accepted.
fn fill(database: &mut Database, prefix: &str) -> (usize, StorageError) {
    let value = format!("\"{}\"", "x".repeat(1022));
    for i in 0..10_000 {
        if let Err(error) = database.set("n", &format!("{prefix}{i:05}"), value.as_bytes()) {
            return (i, error);
        }
    }
    panic!("the database never filled up");
}

#[test]
fn a_committed_group_is_there_after_reopening() {
    let (_directory, path) = place();
    let mut database = open(&path);
    database.begin().unwrap();
    for i in 0..1000 {
        database
            .set("n", &format!("{i:04}"), i.to_string().as_bytes())
            .unwrap();
    }
    assert_eq!(database.delete("n", "0500"), Ok(true));
    database.commit().unwrap();
    database.close().unwrap();

    let mut database = open(&path);
    let found = keys(&mut database, "n");
    assert_eq!(found.len(), 999);
    assert_eq!(value(&mut database, "n", "0999").as_deref(), Some("999"));
    assert_eq!(value(&mut database, "n", "0500"), None);
}

#[test]
fn a_group_is_visible_to_others_only_after_its_commit() {
    let (_directory, path) = place();
    let mut database = open(&path);
    let other = Connection::open(&path).unwrap();
    let count = || -> i64 {
        other
            .query_row("SELECT count(*) FROM storage", [], |row| row.get(0))
            .unwrap()
    };
    database.begin().unwrap();
    database.set("n", "k", b"1").unwrap();
    assert_eq!(value(&mut database, "n", "k").as_deref(), Some("1"));
    assert_eq!(count(), 0);
    database.commit().unwrap();
    assert_eq!(count(), 1);
}

#[test]
fn a_rolled_back_or_abandoned_group_leaves_nothing() {
    let (_directory, path) = place();
    let mut database = open(&path);
    database.set("n", "kept", b"1").unwrap();
    database.begin().unwrap();
    database.set("n", "kept", b"2").unwrap();
    database.clear_namespace("n").unwrap();
    database.rollback().unwrap();
    database.rollback().unwrap();
    assert_eq!(value(&mut database, "n", "kept").as_deref(), Some("1"));

    database.begin().unwrap();
    database.set("n", "abandoned", b"1").unwrap();
    database.close().unwrap();
    assert_eq!(keys(&mut open(&path), "n"), ["kept"]);
}

#[test]
fn begin_and_commit_out_of_turn_are_told_and_harm_nothing() {
    let (_directory, path) = place();
    let mut database = open(&path);
    assert!(matches!(database.commit(), Err(StorageError::Internal { .. })));
    database.begin().unwrap();
    database.set("n", "k", b"1").unwrap();
    assert!(matches!(database.begin(), Err(StorageError::Internal { .. })));
    database.commit().unwrap();
    assert_eq!(keys(&mut database, "n"), ["k"]);
}

#[test]
fn a_batch_outside_a_group_is_all_or_nothing() {
    let (_directory, path) = place();
    let mut database = open(&path);
    database
        .batch(&[set("a", b"1"), set("b", b"2"), delete("a")])
        .unwrap();
    assert_eq!(keys(&mut database, "n"), ["b"]);

    let error = database
        .batch(&[delete("b"), set("c", b"3"), set("d", b"not json")])
        .unwrap_err();
    assert!(
        matches!(&error, StorageError::InvalidValue { key, .. } if key == "d"),
        "{error}"
    );
    assert_eq!(keys(&mut database, "n"), ["b"]);
    database.batch(&[]).unwrap();
    // No transaction was left open.
    database.begin().unwrap();
}

#[test]
fn a_failed_batch_in_a_group_takes_only_itself_away() {
    let (_directory, path) = place();
    let mut database = open(&path);
    database.begin().unwrap();
    database.set("n", "before", b"1").unwrap();
    database
        .batch(&[set("x", b"1"), delete("before"), set("y", b"{")])
        .unwrap_err();
    database.batch(&[set("z", b"1"), set("before", b"2")]).unwrap();
    database.set("n", "after", b"1").unwrap();
    database.commit().unwrap();
    database.close().unwrap();

    let mut database = open(&path);
    assert_eq!(keys(&mut database, "n"), ["after", "before", "z"]);
    assert_eq!(value(&mut database, "n", "before").as_deref(), Some("2"));
}

#[test]
fn a_full_database_refuses_keeps_what_was_acknowledged_and_recovers() {
    let (_directory, path) = place();
    let small = Options {
        max_bytes: Some(64 * 1024),
        ..quick()
    };
    let mut database = Database::open(&path, small).unwrap();
    let (stored, error) = fill(&mut database, "k");
    assert_eq!(error, StorageError::Full);
    assert!(stored > 10, "only {stored} values fitted");
    assert_eq!(keys(&mut database, "n").len(), stored);

    // Space given back by deleting is used again.
    for i in 0..8 {
        assert_eq!(database.delete("n", &format!("k{i:05}")), Ok(true));
    }
    database.set("n", "later", b"1").unwrap();
    database.close().unwrap();
    let mut database = open(&path);
    assert_eq!(keys(&mut database, "n").len(), stored - 8 + 1);
}

#[test]
fn a_group_that_fills_the_database_is_lost_as_a_whole() {
    let (_directory, path) = place();
    let mut database = open(&path);
    database.set("n", "acknowledged", b"1").unwrap();
    database
        .conn
        .pragma_update_and_check(None, "max_page_count", 16, |_| Ok(()))
        .unwrap();

    database.begin().unwrap();
    let (accepted, error) = fill(&mut database, "k");
    assert!(accepted > 0);
    assert_eq!(error, StorageError::Full);
    // SQLite has undone the transaction: a small write that would fit must not be stored on its own.
    assert_eq!(database.set("n", "small", b"1"), Err(StorageError::Full));
    assert_eq!(database.delete("n", "acknowledged"), Err(StorageError::Full));
    assert_eq!(database.clear_namespace("n"), Err(StorageError::Full));
    assert_eq!(database.batch(&[set("s", b"1")]), Err(StorageError::Full));
    assert_eq!(database.commit(), Err(StorageError::Full));
    assert_eq!(keys(&mut database, "n"), ["acknowledged"]);

    database
        .conn
        .pragma_update_and_check(None, "max_page_count", 100_000, |_| Ok(()))
        .unwrap();
    database.begin().unwrap();
    database.set("n", "later", b"1").unwrap();
    database.commit().unwrap();
    database.close().unwrap();
    assert_eq!(keys(&mut open(&path), "n"), ["acknowledged", "later"]);
}

#[test]
fn a_batch_that_fills_the_database_is_not_stored_in_part() {
    let (_directory, path) = place();
    let small = Options {
        max_bytes: Some(64 * 1024),
        ..quick()
    };
    let mut database = Database::open(&path, small).unwrap();
    database.set("n", "acknowledged", b"1").unwrap();
    let big = format!("\"{}\"", "x".repeat(100_000));
    let ops = [set("a", b"1"), set("big", big.as_bytes())];
    assert_eq!(database.batch(&ops), Err(StorageError::Full));
    assert_eq!(keys(&mut database, "n"), ["acknowledged"]);

    database.begin().unwrap();
    assert_eq!(database.batch(&ops), Err(StorageError::Full));
    // Whether the rest of the group survived is SQLite's choice; the batch must not.
    let _ = database.commit();
    assert_eq!(keys(&mut database, "n"), ["acknowledged"]);
    database.set("n", "later", b"1").unwrap();
    assert_eq!(keys(&mut database, "n"), ["acknowledged", "later"]);
}

#[test]
fn a_writer_in_another_program_makes_writes_busy_and_reads_go_on() {
    let (_directory, path) = place();
    let mut database = open(&path);
    database.set("n", "k", b"1").unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(database.begin(), Err(StorageError::Busy));
    assert_eq!(database.set("n", "k", b"2"), Err(StorageError::Busy));
    assert_eq!(database.batch(&[set("k", b"2")]), Err(StorageError::Busy));
    assert_eq!(value(&mut database, "n", "k").as_deref(), Some("1"));
    other.execute_batch("ROLLBACK").unwrap();
    database.begin().unwrap();
    database.set("n", "k", b"2").unwrap();
    database.commit().unwrap();
}

#[test]
fn a_database_that_turns_read_only_says_so() {
    let (_directory, path) = place();
    let mut database = open(&path);
    database.set("n", "k", b"1").unwrap();
    database.conn.pragma_update(None, "query_only", true).unwrap();
    assert_eq!(database.set("n", "k", b"2"), Err(StorageError::ReadOnly));
    assert_eq!(database.delete("n", "k"), Err(StorageError::ReadOnly));
    assert_eq!(value(&mut database, "n", "k").as_deref(), Some("1"));
}
