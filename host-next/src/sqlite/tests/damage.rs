//! Damaged files: always seen, never written to.

use std::fs;

use super::*;

/// A closed database of a few dozen pages, with overflow pages among them.
fn sample(path: &Path) {
    let mut database = open(path);
    database.begin().unwrap();
    for i in 0..400 {
        let value = format!("\"{}\"", "v".repeat(100 + i % 7 * 20));
        database
            .set("n", &format!("key-{i:04}"), value.as_bytes())
            .unwrap();
    }
    let long = format!("\"{}\"", "w".repeat(20_000));
    database.set("n", "long", long.as_bytes()).unwrap();
    database.commit().unwrap();
    database.close().unwrap();
}

#[track_caller]
fn refused_untouched(path: &Path) -> OpenError {
    let before = fs::read(path).unwrap();
    let error = refusal(path);
    assert!(
        fs::read(path).unwrap() == before,
        "{path:?} was changed by a failed open ({error})"
    );
    error
}

#[test]
fn a_file_that_is_not_a_database_is_refused_untouched() {
    let (_directory, path) = place();
    let text = "not a database, but somebody's only copy of it\n";
    for content in [b"x".to_vec(), text.into(), text.repeat(200).into(), vec![0; 8192]] {
        fs::write(&path, &content).unwrap();
        let error = refused_untouched(&path);
        assert!(
            matches!(error, OpenError::NotADatabase { .. }),
            "{} bytes: {error}",
            content.len()
        );
    }
}

#[test]
fn an_empty_file_is_a_new_database() {
    let (_directory, path) = place();
    fs::write(&path, b"").unwrap();
    let mut database = open(&path);
    database.set("n", "k", b"1").unwrap();
}

#[test]
fn a_truncated_file_is_refused_untouched() {
    let (_directory, path) = place();
    sample(&path);
    let whole = fs::read(&path).unwrap();
    for length in [
        100,
        600,
        4096,
        4097,
        whole.len() / 2,
        whole.len() - 4096,
        whole.len() - 1,
    ] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = refused_untouched(&path);
        assert!(
            matches!(error, OpenError::Damaged { .. } | OpenError::NotADatabase { .. }),
            "{length} bytes: {error}"
        );
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(keys(&mut open(&path), "n").len(), 401);
}

#[test]
fn overwritten_pages_are_refused_untouched() {
    let (_directory, path) = place();
    sample(&path);
    let whole = fs::read(&path).unwrap();
    let pages = whole.len() / 4096;
    assert!(pages > 20, "{pages} pages");
    for page in 0..pages {
        for noise in [0x00, 0xa5] {
            // The first 16 bytes of a page: its kind, its counts and the first cells' places.
            let mut bytes = whole.clone();
            let start = page * 4096 + if page == 0 { 100 } else { 0 };
            bytes[start..start + 16].fill(noise);
            if bytes == whole {
                continue;
            }
            fs::write(&path, &bytes).unwrap();
            let outcome = Database::open(&path, quick());
            match outcome {
                Err(error) => {
                    assert!(matches!(error, OpenError::Damaged { .. }), "page {page}: {error}");
                    assert!(fs::read(&path).unwrap() == bytes, "page {page} was changed");
                }
                Ok(mut database) => {
                    // Only the text of an overflow page has no structure to check: its row must tell.
                    let mut out = Vec::new();
                    let error = database.get("n", "long", &mut out);
                    assert!(
                        matches!(error, Err(StorageError::Corrupt { .. })),
                        "page {page}, {noise:#x}: {error:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_damaged_index_is_refused_and_does_not_hide_rows() {
    let (_directory, path) = place();
    sample(&path);
    let mut bytes = fs::read(&path).unwrap();
    // The key is in the table and in the index; more copies are in space no longer used.
    let needle = b"nkey-0123";
    let places: Vec<usize> = (0..bytes.len() - needle.len())
        .filter(|&at| &bytes[at..at + needle.len()] == needle)
        .collect();
    let mut refused = 0;
    for at in places {
        bytes[at + 8] = b'X';
        fs::write(&path, &bytes).unwrap();
        match Database::open(&path, quick()) {
            Err(error) => {
                assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
                assert!(fs::read(&path).unwrap() == bytes);
                refused += 1;
            }
            Ok(mut database) => assert!(value(&mut database, "n", "key-0123").is_some()),
        }
        bytes[at + 8] = b'3';
    }
    assert!(refused >= 2, "{refused} of the copies were missed");
}

#[test]
fn damage_met_while_running_is_an_error_and_not_a_missing_row() {
    let (_directory, path) = place();
    sample(&path);
    let whole = fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    for page in bytes.chunks_mut(4096).skip(1) {
        page[..8].fill(0xff);
    }
    fs::write(&path, &bytes).unwrap();
    let unchecked = Options {
        integrity_check: false,
        ..quick()
    };
    let mut database = Database::open(&path, unchecked).unwrap();
    let mut out = Vec::new();
    let error = database.get("n", "key-0001", &mut out).unwrap_err();
    assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
    let error = database.set("n", "key-0001", b"1").unwrap_err();
    assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
    let error = database.list_keys("n", None, 10, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
}

#[test]
fn commits_in_the_log_survive_a_crash() {
    let (directory, path) = place();
    let mut database = open(&path);
    for i in 0..50 {
        database.set("n", &format!("{i:02}"), b"1").unwrap();
    }
    database.begin().unwrap();
    database.set("n", "unfinished", b"1").unwrap();

    // What a crash would leave: the files as they are now, and no lock.
    let crashed = directory.path().join("crashed.db");
    fs::copy(&path, &crashed).unwrap();
    fs::copy(beside(&path, "-wal"), beside(&crashed, "-wal")).unwrap();
    let mut recovered = open(&crashed);
    assert_eq!(keys(&mut recovered, "n").len(), 50);

    // A log cut in the middle keeps the commits before the cut.
    let torn = directory.path().join("torn.db");
    let log = fs::read(beside(&path, "-wal")).unwrap();
    fs::copy(&path, &torn).unwrap();
    fs::write(beside(&torn, "-wal"), &log[..log.len() / 2]).unwrap();
    let left = keys(&mut open(&torn), "n");
    assert!(!left.is_empty() && left.len() < 50, "{left:?}");
}

#[test]
fn a_log_without_its_database_is_not_thrown_away() {
    let (_directory, path) = place();
    let mut database = open(&path);
    database.set("n", "k", b"1").unwrap();
    let log = fs::read(beside(&path, "-wal")).unwrap();
    database.close().unwrap();

    fs::write(beside(&path, "-wal"), &log).unwrap();
    fs::write(&path, b"").unwrap();
    let error = refused_untouched(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    fs::remove_file(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(!path.exists());
    assert_eq!(fs::read(beside(&path, "-wal")).unwrap(), log);
}

#[test]
fn a_damaged_file_with_a_log_keeps_both() {
    let (_directory, path) = place();
    sample(&path);
    let mut database = open(&path);
    database.set("n", "in the log", b"1").unwrap();
    let log = fs::read(beside(&path, "-wal")).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    database.close().unwrap();

    for page in bytes.chunks_mut(4096).skip(10) {
        page.fill(0x77);
    }
    fs::write(&path, &bytes).unwrap();
    fs::write(beside(&path, "-wal"), &log).unwrap();
    let error = refused_untouched(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert_eq!(fs::read(beside(&path, "-wal")).unwrap(), log);
}
