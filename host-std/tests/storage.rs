//! The storage through the host: many writers at once, a full disk, pages of keys.
mod support;

use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use host_std::Host;
use host_std::config::Placement;
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
        (host.runtime().metrics().calls.used as usize == WRITERS).then_some(())
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
    assert_eq!(refused.code(), "reply_too_large");
    assert!(refused.message().contains("1000 bytes"), "{refused}");
    assert_eq!(host_std::block_on(space.delete("k")), Ok(true));
    assert_eq!(host_std::block_on(space.delete("k")), Ok(false));
    let mut buf = [0; 64];
    assert_eq!(host_std::block_on(space.get("k", &mut buf)), Ok(None));
}

/// Reads and writes on a thread of its own; panics now and then, a read begun.
#[derive(Default)]
struct Reader;

static READ: AtomicU32 = AtomicU32::new(0);

impl Plugin for Reader {
    const METADATA: PluginMetadata = PluginMetadata {
        restart: RestartPolicy {
            first_pause: Duration::from_millis(1),
            ..RestartPolicy::DEFAULT
        },
        ..PluginMetadata::new("reader", "1.0.0")
    };

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.subscribe(name!("reader.read")).await?;
        Ok(())
    }

    async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        let space = cx.storage("reader");
        let (mut buf, mut other) = ([0; 64], [0; 64]);
        space.set("k", event.payload()).await?;
        let found = space.get("k", &mut buf).await?;
        assert_eq!(found, Some(event.payload()));
        if READ.fetch_add(1, Ordering::SeqCst) % 20 == 10 {
            begun(space.get("k", &mut other)).await;
            panic!("with what it asked for never looked at");
        }
        Ok(())
    }
}

/// Polls it once, and gives it up.
async fn begun(asked: impl Future) {
    let mut asked = pin!(asked);
    poll_fn(|cx| {
        let _ = asked.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

#[test]
fn everybody_reads_what_was_acknowledged_while_others_give_up_and_panic() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.plugins.entry("reader".into()).or_default().placement = Placement::Thread;
    let host = Host::builder().plugin::<Reader>().start(config).unwrap();
    let runtime = host.runtime();
    let threads: Vec<_> = (0..16)
        .map(|thread| {
            thread::spawn(move || {
                let storage = runtime.storage();
                let space = storage.namespace("all");
                let key = thread.to_string();
                let (mut buf, mut page) = ([0; 64], [0; 512]);
                for n in 0..200 {
                    let value = n.to_string();
                    let value = Json::parse(&value).unwrap();
                    if n % 10 == 0 {
                        host_std::block_on(begun(space.set("given up", value)));
                        host_std::block_on(space.set(&key, value)).unwrap();
                    }
                    host_std::block_on(begun(space.get(&key, &mut buf)));
                    let found = host_std::block_on(space.get(&key, &mut buf)).unwrap().unwrap();
                    assert_eq!(found.as_str(), (n / 10 * 10).to_string());
                    if n % 50 == thread {
                        let keys = host_std::block_on(space.list_keys("", 100, &mut page)).unwrap();
                        assert!({ keys }.any(|listed| listed == key));
                    }
                }
            })
        })
        .collect();
    for n in 0..60 {
        until_state(&host, "reader", PluginState::Started);
        let before = READ.load(Ordering::SeqCst);
        let value = n.to_string();
        let payload = Json::parse(&value).unwrap();
        runtime.bus().try_publish("reader.read", payload).unwrap();
        until("it is read", || {
            (READ.load(Ordering::SeqCst) > before).then_some(())
        });
        if before % 20 == 10 {
            let crashes = before / 20 + 1;
            until("it has crashed", || {
                (info(&host, "reader").counters.failures >= crashes).then_some(())
            });
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    until("no request is left", || {
        (runtime.metrics().calls.used == 0).then_some(())
    });
    let report = host.shutdown();
    assert_eq!((report.storage, report.late), (Some(Ok(())), Vec::new()));
}

#[test]
fn whoever_asks_hears_of_the_deadline_while_another_program_holds_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.call_timeout = Duration::from_millis(50);
    let host = Host::builder().start(config.clone()).unwrap();
    let storage = host.runtime().storage();
    let space = storage.namespace("n");
    let other = rusqlite::Connection::open(&config.db_path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let late = host_std::block_on(space.set("k", json_literal!("1")));
    assert_eq!(late.unwrap_err().code(), "timeout");
    assert!(
        begun.elapsed() < Duration::from_millis(1500),
        "{:?}",
        begun.elapsed()
    );
    other.execute_batch("ROLLBACK").unwrap();
}

/// Reads what the payload names, and says what came of it.
#[derive(Default)]
struct Looker;

impl Plugin for Looker {
    const METADATA: PluginMetadata = PluginMetadata::new("looker", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("looker.look"))).await?;
        Ok(())
    }

    async fn on_call(&mut self, cx: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        let (mut key, mut buf) = ([0; 64], vec![0; 64 * 1024]);
        let key = call.args().str_value(&mut key).unwrap_or_default();
        match cx.storage("looker").get(key, &mut buf).await? {
            Some(value) => reply.raw(value),
            None => Err(Error::new("absent", "it is not there")),
        }
    }
}

#[test]
fn rows_that_another_program_wrote_are_errors_that_name_them_on_every_road() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bad: [(&str, &[u8]); 8] = [
        ("deep", deep.as_bytes()),
        ("surrogate", br#""\ud800""#),
        ("half", br#""\udc00 x""#),
        ("nul", b"\"a\0b\""),
        ("latin", b"\"\xff\""),
        ("cut", b"{\"a\":"),
        ("nan", b"NaN"),
        ("empty", b""),
    ];
    let good = [
        ("twice", r#"{"a":1,"a":2}"#),
        ("huge", "[1e999999999,-0.0]"),
        ("ok", "1"),
    ];
    drop(Host::builder().start(config.clone()).unwrap());
    let other = rusqlite::Connection::open(&config.db_path).unwrap();
    let insert = "INSERT INTO storage VALUES ('looker', ?1, CAST(?2 AS TEXT))";
    for (key, value) in bad
        .into_iter()
        .chain(good.map(|(key, value)| (key, value.as_bytes())))
    {
        other.execute(insert, (key, value)).unwrap();
    }
    let blob = "INSERT INTO storage VALUES ('looker', 'blob', x'7b7d')";
    other.execute(blob, ()).unwrap();
    drop(other);

    let host = Host::builder().plugin::<Looker>().start(config.clone()).unwrap();
    let (runtime, services) = (host.runtime(), host.runtime().services());
    let (storage, mut buf) = (runtime.storage(), vec![0; 64 * 1024]);
    let space = storage.namespace("looker");
    for (key, _) in bad.into_iter().chain([("blob", &b""[..])]) {
        let named = |code: &str, message: &str| {
            assert_eq!(code, "corrupt", "{key}: {message}");
            assert!(message.contains("looker") && message.contains(key), "{message}");
        };
        let error = host_std::block_on(space.get(key, &mut buf)).unwrap_err();
        named(error.code(), error.message());
        let args = format!("\"{key}\"");
        let call = services.call("looker.look", Json::parse(&args).unwrap(), &mut buf);
        match host_std::block_on(call) {
            Err(CallError::Failed { code, message }) => named(code, message),
            other => panic!("{key}: {other:?}"),
        }
        let ask = kernel_link::Request::StorageGet {
            namespace: "looker",
            key,
        };
        asked(&config, ask, |answer| match answer {
            kernel_link::Reply::Failed(failure) => named(failure.code(), &failure.to_string()),
            other => panic!("{key}: {other:?}"),
        });
    }
    for (key, value) in good {
        let found = host_std::block_on(space.get(key, &mut buf)).unwrap();
        assert_eq!(found.map(Json::as_str), Some(value), "{key}");
    }
    let keys = host_std::block_on(space.list_keys("", 100, &mut buf)).unwrap();
    assert_eq!(keys.count(), bad.len() + good.len() + 1, "their names are well");

    // A row that is wrong is set right by writing it.
    host_std::block_on(space.set("deep", json_literal!("[]"))).unwrap();
    assert_eq!(
        host_std::block_on(space.get("deep", &mut buf)).unwrap(),
        Some(json_literal!("[]"))
    );
    assert_eq!(info(&host, "storage").counters.failures, 0);
    assert_eq!(host.shutdown().storage, Some(Ok(())));
}

#[test]
fn names_that_no_plugin_could_ask_for_hide_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    drop(Host::builder().start(config.clone()).unwrap());
    let other = rusqlite::Connection::open(&config.db_path).unwrap();
    let insert = "INSERT INTO storage VALUES (?1, CAST(?2 AS TEXT), '1')";
    for key in [&b"a"[..], b"k\xff", &[b'x'; 300], b"new\nline", b"z"] {
        other.execute(insert, ("n", key)).unwrap();
    }
    drop(other);
    let host = Host::builder().start(config).unwrap();
    let space = host.runtime().storage().namespace("n");
    let mut buf = [0; 1024];
    let listed = host_std::block_on(space.list_keys("", 10, &mut buf)).unwrap();
    assert_eq!(listed.collect::<Vec<_>>(), ["a", "z"]);
    let next = host_std::block_on(space.list_keys("a", 1, &mut buf)).unwrap();
    assert_eq!(next.collect::<Vec<_>>(), ["z"]);
    assert_eq!(host_std::block_on(space.clear_namespace()).unwrap(), 5);
}
