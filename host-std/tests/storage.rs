//! The storage through the host: many writers at once, a full disk, pages of keys.
mod support;

use std::path::Path;
use std::thread;

use host_std::Host;
use kernel_core::storage::BatchOp;
use kernel_core::*;
use support::*;

const WRITERS: usize = 64;
const EACH: usize = 50;

#[test]
fn writes_of_many_threads_are_durable() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let host = Host::builder().start(config.clone()).unwrap();
    let storage = host.runtime().storage();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            thread::spawn(move || {
                for n in 0..EACH {
                    let value = format!("{{\"writer\":{writer},\"n\":{n}}}");
                    let value = Json::parse(&value).unwrap();
                    let key = format!("{writer:02}.{n:03}");
                    host_std::block_on(storage.namespace("many").set(&key, value)).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let report = host.shutdown();
    assert_eq!(report.storage, Some(Ok(())));

    let host = Host::builder().start(config).unwrap();
    let namespace = host.runtime().storage();
    let namespace = namespace.namespace("many");
    let mut seen = 0;
    let mut after = String::new();
    let mut buf = vec![0; 4096];
    loop {
        let page = host_std::block_on(namespace.list_keys(&after, 1000, &mut buf)).unwrap();
        let more = page.more();
        for key in page {
            assert!(*key > *after, "in order, none twice");
            after = key.to_owned();
            seen += 1;
        }
        if !more {
            break;
        }
    }
    assert_eq!(seen, WRITERS * EACH);
    let value = host_std::block_on(namespace.get("63.049", &mut buf))
        .unwrap()
        .unwrap();
    assert_eq!(value.as_str(), "{\"writer\":63,\"n\":49}");
}

/// How many commits the database's write-ahead log has: the frames that say how large the file is then.
fn commits(database: &Path) -> usize {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let log = std::fs::read(log).unwrap();
    let frames = log[32..].chunks_exact(24 + 4096);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

#[test]
fn writes_that_wait_share_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let host = Host::builder().start(config.clone()).unwrap();
    let storage = host.runtime().storage();
    host_std::block_on(storage.namespace("n").set("first", json_literal!("0"))).unwrap();
    let before = commits(&config.db_path);

    // While another program writes, requests gather behind the first one.
    let other = rusqlite::Connection::open(&config.db_path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            thread::spawn(move || {
                let key = writer.to_string();
                host_std::block_on(storage.namespace("n").set(&key, json_literal!("1")))
            })
        })
        .collect();
    until("all of them wait", || {
        (host.runtime().metrics().calls.used == WRITERS).then_some(())
    });
    other.execute_batch("ROLLBACK").unwrap();
    for writer in writers {
        assert_eq!(writer.join().unwrap(), Ok(()));
    }
    let shared = commits(&config.db_path) - before;
    assert!(
        (1..=2).contains(&shared),
        "{WRITERS} writes took {shared} commits"
    );
}

#[test]
fn a_full_database_says_so_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::builder()
        .database_limit(128 * 1024)
        .start(config(dir.path()))
        .unwrap();
    let storage = host.runtime().storage();
    let big = format!("\"{}\"", "x".repeat(30_000));
    let big = Json::parse(&big).unwrap();
    let space = storage.namespace("space");
    host_std::block_on(space.set("kept", json_literal!("1"))).unwrap();
    let refused = (0..64)
        .find_map(|n| host_std::block_on(space.set(&format!("k{n}"), big)).err())
        .expect("64 values of 30 KB do not fit into 128 KiB");
    assert_eq!(refused.code(), "storage_full");
    assert!(refused.to_string().contains("free some space"), "{refused}");

    // Many at once: each is answered by itself, and what fits is stored.
    let writers: Vec<_> = (0..8)
        .map(|n| {
            thread::spawn(move || {
                let big = format!("\"{}\"", "x".repeat(30_000));
                let (key, value) = match n % 2 {
                    0 => (format!("big{n}"), Json::parse(&big).unwrap()),
                    _ => ("kept".to_owned(), json_literal!("2")),
                };
                host_std::block_on(storage.namespace("space").set(&key, value))
            })
        })
        .collect();
    for (n, writer) in writers.into_iter().enumerate() {
        let outcome = writer.join().unwrap();
        match n % 2 {
            0 => assert_eq!(outcome.unwrap_err().code(), "storage_full"),
            _ => assert_eq!(outcome, Ok(())),
        }
    }

    let mut buf = [0; 64];
    let kept = host_std::block_on(space.get("kept", &mut buf)).unwrap().unwrap();
    assert_eq!(kept.as_str(), "2");
    let batch = [
        BatchOp::Set("kept", json_literal!("3")),
        BatchOp::Set("more", big),
    ];
    assert!(host_std::block_on(space.transaction(&batch)).is_err());
    let kept = host_std::block_on(space.get("kept", &mut buf)).unwrap().unwrap();
    assert_eq!(kept.as_str(), "2", "all of a batch or none");

    assert!(host_std::block_on(space.clear_namespace()).unwrap() > 1);
    host_std::block_on(space.set("again", big)).unwrap();
    assert!(host.runtime().health().storage);
    assert!(host.runtime().metrics().storage_errors >= 6);
    assert_eq!(host.shutdown().storage, Some(Ok(())));
}

#[test]
fn a_value_too_large_for_its_reader_is_an_error_that_says_how_large() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::builder().start(config(dir.path())).unwrap();
    let storage = host.runtime().storage();
    let space = storage.namespace("space");
    let value = format!("\"{}\"", "y".repeat(998));
    host_std::block_on(space.set("k", Json::parse(&value).unwrap())).unwrap();
    let mut small = [0; 10];
    let refused = host_std::block_on(space.get("k", &mut small)).unwrap_err();
    assert_eq!(refused, StorageError::Buffer { len: 1000, max: 10 });
    assert_eq!(host_std::block_on(space.delete("k")), Ok(true));
    assert_eq!(host_std::block_on(space.delete("k")), Ok(false));
    let mut buf = [0; 64];
    assert_eq!(host_std::block_on(space.get("k", &mut buf)), Ok(None));
}
