//! Servers and buckets that cannot be used, and what callers hear then.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};
use std::{fs, thread};

use async_nats::jetstream::{self, stream};
use host_std::block_on;
use kernel_core::{Json, STORAGE_FAULT};
use tests::nats::{NatsServer, free_port};

use crate::support::{config, host, keys, refusal, set, value};

/// Does something with the server's JetStream.
fn at<T>(server: &NatsServer, work: impl AsyncFnOnce(jetstream::Context) -> T) -> T {
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    reactor.block_on(async {
        let client = async_nats::connect(server.url()).await.unwrap();
        work(jetstream::new(client)).await
    })
}

#[test]
fn a_start_without_what_it_needs_says_what_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let server = NatsServer::alone("").unwrap();
    at(&server, async |context| {
        let forgets = stream::Config {
            name: "KV_forgets".to_owned(),
            subjects: vec!["$KV.forgets.>".to_owned()],
            max_age: Duration::from_secs(60),
            ..stream::Config::default()
        };
        context.create_stream(forgets).await.unwrap();
    });
    let url = server.url();
    let nobody = free_port().unwrap();
    for (url, expected) in [
        (
            format!("nats://127.0.0.1:{nobody}/home?timeout=1"),
            "no NATS server at 127.0.0.1",
        ),
        (
            format!("{url}/home?replicas=3"),
            "replicas is 3, and the server is in no cluster",
        ),
        (format!("{url}/forgets"), "keeps everything"),
        (format!("{url}/home?replica=1"), "known are replicas"),
        (format!("{url}/home?credentials=/nowhere"), "No such file"),
        (
            "redis://127.0.0.1/home".to_owned(),
            "there is no storage engine for \"redis\"; known are nats",
        ),
    ] {
        let begun = Instant::now();
        let refused = refusal(&config(folder.path(), Some(&url)));
        assert!(refused.contains(expected), "{url}: {refused}");
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{url}: {:?}",
            begun.elapsed()
        );
    }
    assert!(host(&config(folder.path(), Some(&format!("{url}/home")))).is_ok());
}

#[test]
fn credentials_come_from_a_file_that_nobody_else_reads() {
    let folder = tempfile::tempdir().unwrap();
    let server = NatsServer::alone("authorization { user: house, password: \"s3cret-word\" }").unwrap();
    let file = folder.path().join("login");
    let url = format!("{}/home?credentials={}", server.url(), file.display());
    let refused = |text: &str, mode: u32| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let refused = refusal(&config(folder.path(), Some(&url)));
        assert!(
            !refused.contains("s3cret") && !refused.contains("wr0ng"),
            "{refused}"
        );
        refused
    };
    assert!(refused("house:s3cret-word", 0o644).contains("chmod 600"));
    assert!(refused("house s3cret-word", 0o600).contains("user:password"));
    assert!(refused("house:wr0ng", 0o600).contains("authorization violation"));
    fs::write(&file, "house:s3cret-word\n").unwrap();
    let host = host(&config(folder.path(), Some(&url))).unwrap();
    set(&host, "n", "k", "1").unwrap();
    assert_eq!(value(&host, "n", "k").as_deref(), Some("1"));
}

#[test]
fn without_a_server_there_are_errors_in_time_and_never_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = NatsServer::alone("").unwrap();
    let host = host(&config(
        folder.path(),
        Some(&format!("{}/home?timeout=1", server.url())),
    ))
    .unwrap();
    let storage = host.runtime().storage();
    let space = storage.namespace("n");
    set(&host, "n", "k", "1").unwrap();
    server.kill();
    let mut buf = [0; 256];
    let begun = Instant::now();
    let written = set(&host, "n", "k", "2").unwrap_err();
    assert_eq!(written.code(), "storage_failed");
    assert!(written.message().contains("may be stored"), "{written}");
    for key in ["k", "absent"] {
        let read = block_on(space.get(key, &mut buf)).unwrap_err();
        assert_eq!(read.code(), "storage_failed", "{read}");
    }
    let listed = block_on(space.list_keys("", 10, &mut buf)).unwrap_err();
    assert_eq!(listed.code(), "storage_failed");
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    let state = host.runtime().state();
    let fault = block_on(state.get(STORAGE_FAULT, &mut buf)).unwrap();
    assert!(
        fault.is_some_and(|fault| fault.as_str().contains("NATS")),
        "{fault:?}"
    );

    server.start().unwrap();
    let begun = Instant::now();
    while let Err(error) = set(&host, "n", "again", "3") {
        assert!(begun.elapsed() < Duration::from_secs(30), "{error}");
    }
    let found = value(&host, "n", "k");
    assert!(
        found == Some("1".to_owned()) || found == Some("2".to_owned()),
        "{found:?}"
    );
    assert_eq!(keys(&host, "n"), ["again", "k"]);
    let begun = Instant::now();
    while block_on(state.get(STORAGE_FAULT, &mut buf)).unwrap().is_some() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        set(&host, "n", "again", "4").unwrap();
        value(&host, "n", "again");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_full_bucket_says_so_and_what_is_deleted_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let server = NatsServer::alone("").unwrap();
    let config = config(
        folder.path(),
        Some(&format!("{}/home?max_bytes=200000", server.url())),
    );
    let first = host(&config).unwrap();
    let big = format!("\"{}\"", "x".repeat(30_000));
    set(&first, "space", "kept", "1").unwrap();
    let full = (0..20).find_map(|n| set(&first, "space", &format!("k{n}"), &big).err());
    let full = full.expect("20 values of 30 KB do not fit into 200 KB");
    assert_eq!(full.code(), "storage_full", "{full}");

    // Several at once: each is answered by itself, and what fits is stored.
    let storage = first.runtime().storage();
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let (key, text) = match n % 2 {
                0 => (format!("big{n}"), big.clone()),
                _ => ("kept".to_owned(), "2".to_owned()),
            };
            thread::spawn(move || block_on(storage.namespace("space").set(&key, Json::parse(&text).unwrap())))
        })
        .collect();
    for (n, writer) in writers.into_iter().enumerate() {
        let outcome = writer.join().unwrap();
        match n % 2 {
            0 => assert_eq!(outcome.unwrap_err().code(), "storage_full"),
            _ => assert_eq!(outcome, Ok(())),
        }
    }
    assert_eq!(value(&first, "space", "kept").as_deref(), Some("2"));
    assert_eq!(block_on(storage.namespace("space").delete("k0")), Ok(true));
    set(&first, "space", "again", &format!("\"{}\"", "x".repeat(20_000))).unwrap();
    let before = keys(&first, "space");
    first.shutdown();
    assert_eq!(keys(&host(&config).unwrap(), "space"), before);
}

#[test]
fn what_other_programs_do_to_the_bucket_is_seen_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = NatsServer::alone("").unwrap();
    let config = config(folder.path(), Some(&format!("{}/home", server.url())));
    let first = host(&config).unwrap();
    set(&first, "n", "k", "1").unwrap();
    at(&server, async |context| {
        let store = context.get_key_value("home").await.unwrap();
        let read = store.get("n.k").await.unwrap().unwrap();
        assert_eq!(&read[..], b"1", "key-value tools read it");
        store.put("n.other", "5".into()).await.unwrap();
        store.put("n.cut", "{\"a\":".into()).await.unwrap();
        store.put("no.row.of.ours", "6".into()).await.unwrap();
    });
    set(&first, "n", "k", "2").unwrap();
    assert_eq!(keys(&first, "n"), ["cut", "k", "other"]);
    let storage = first.runtime().storage();
    let mut buf = [0; 64];
    let corrupt = block_on(storage.namespace("n").get("cut", &mut buf)).unwrap_err();
    assert_eq!(corrupt.code(), "corrupt");
    assert!(corrupt.message().contains("cut in n"), "{corrupt}");
    set(&first, "n", "cut", "7").unwrap();
    assert_eq!(value(&first, "n", "cut").as_deref(), Some("7"));
    first.shutdown();

    at(&server, async |context| {
        let store = context.get_key_value("home").await.unwrap();
        store.put("batch", "what is this".into()).await.unwrap();
    });
    let refused = refusal(&config);
    assert!(refused.contains("is no batch"), "{refused}");
}

#[test]
fn the_messages_of_deleted_keys_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let server = NatsServer::alone("").unwrap();
    let config = config(folder.path(), Some(&format!("{}/home", server.url())));
    let host = host(&config).unwrap();
    let storage = host.runtime().storage();
    let threads: Vec<_> = (0..55)
        .map(|thread| {
            thread::spawn(move || {
                let space = storage.namespace("many");
                for n in 0..20 {
                    let key = format!("{thread}.{n}");
                    block_on(space.set(&key, Json::parse("1").unwrap())).unwrap();
                    block_on(space.delete(&key)).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    set(&host, "many", "kept", "1").unwrap();
    let begun = Instant::now();
    at(&server, async |context| {
        let stream = context.get_stream("KV_home").await.unwrap();
        loop {
            let left = stream.get_info().await.unwrap().state.messages;
            if left < 200 {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{left} are left");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert_eq!(keys(&host, "many"), ["kept"]);
}
