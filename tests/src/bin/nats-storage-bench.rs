//! What a stored value costs in SQLite and in NATS buckets, one after another and many at once, beside bare
//! `async-nats` clients that put the same values.
//!
//! ```text
//! nats-storage-bench [--quick]
//! ```

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use host_std::{Config, Host, StorageEngine, block_on};
use kernel_core::Json;
use nats_storage::NatsStorage;
use tests::nats::NatsServer;

type Failure = Box<dyn Error + Send + Sync>;

/// Clients that write at once.
const CLIENTS: usize = 64;

/// Counts what is done in `time` by so many threads, each of which does `work` again and again; operations a second.
fn rate(
    time: Duration,
    threads: usize,
    work: impl Fn(usize, u64) -> Result<(), String> + Sync,
) -> Result<f64, Failure> {
    let (begun, done) = (Instant::now(), AtomicU64::new(0));
    let failed = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let (work, done) = (&work, &done);
                scope.spawn(move || {
                    let mut turn = 0;
                    while begun.elapsed() < time {
                        turn += 1;
                        work(thread, turn)?;
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok::<_, String>(())
                })
            })
            .collect();
        running
            .into_iter()
            .find_map(|thread| thread.join().unwrap_or(Ok(())).err())
    });
    match failed {
        Some(why) => Err(why.into()),
        None => Ok(done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()),
    }
}

fn text(thread: usize, turn: u64) -> String {
    format!("{{\"thread\":{thread},\"turn\":{turn},\"value\":20.4,\"unit\":\"C\"}}")
}

/// A host on this storage: sets one after another, sets of many at once, gets one after another.
fn ours(name: &str, storage: Option<String>, time: Duration) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("runtime.db");
    let mut config = Config::from_vars(|name| (name == "RUNTIME_DB_PATH").then(|| database.clone().into()))?;
    config.plugins_folder = None;
    config.storage = storage;
    let host = Host::builder()
        .storage_engine(StorageEngine::of("nats", NatsStorage::open))
        .start(config)?;
    let storage = host.runtime().storage();
    let set = |thread: usize, turn: u64| {
        let (key, text) = (format!("k{thread}-{}", turn % 100), text(thread, turn));
        let value = Json::parse(&text).map_err(|cause| cause.to_string())?;
        block_on(storage.namespace("bench").set(&key, value)).map_err(|cause| cause.to_string())
    };
    let one = rate(time, 1, set)?;
    let many = rate(time, CLIENTS, set)?;
    let get = rate(time, 1, |_, turn| {
        let mut buf = [0; 256];
        let key = format!("k0-{}", turn % 100);
        let found = block_on(storage.namespace("bench").get(&key, &mut buf));
        found.map(drop).map_err(|cause| cause.to_string())
    })?;
    println!("{name:<32}{one:>12.0}{many:>12.0}{get:>12.0}");
    Ok(())
}

/// Bare clients at a bucket with so many replicas: puts, acknowledged.
fn bare(name: &str, url: &str, replicas: usize, time: Duration) -> Result<(), Failure> {
    let reactor = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let store = reactor.block_on(async {
        let context = jetstream::new(async_nats::connect(url).await?);
        let config = stream::Config {
            name: "KV_bare".to_owned(),
            subjects: vec!["$KV.bare.>".to_owned()],
            max_messages_per_subject: 1,
            discard: stream::DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            num_replicas: replicas,
            ..stream::Config::default()
        };
        context.create_stream(config).await?;
        Ok::<_, Failure>(context.get_key_value("bare").await?)
    })?;
    let put = |thread: usize, turn: u64| {
        let key = format!("bench.k{thread}-{}", turn % 100);
        let put = store.put(key, text(thread, turn).into());
        reactor
            .handle()
            .block_on(put)
            .map(drop)
            .map_err(|cause| cause.to_string())
    };
    let one = rate(time, 1, put)?;
    let many = rate(time, CLIENTS, put)?;
    let get = rate(time, 1, |_, turn| {
        let get = store.get(format!("bench.k0-{}", turn % 100));
        reactor
            .handle()
            .block_on(get)
            .map(drop)
            .map_err(|cause| cause.to_string())
    })?;
    println!("{name:<32}{one:>12.0}{many:>12.0}{get:>12.0}");
    Ok(())
}

fn main() -> Result<(), Failure> {
    let quick = std::env::args().any(|word| word == "--quick");
    let time = if quick {
        Duration::from_millis(200)
    } else {
        Duration::from_secs(3)
    };
    println!(
        "{:<32}{:>12}{:>12}{:>12}",
        "a second", "1 client", "64 clients", "get, 1"
    );
    ours("SQLite", None, time)?;
    let one = NatsServer::alone("")?;
    ours("NATS, 1 server", Some(format!("{}/home", one.url())), time)?;
    bare("  async-nats put", &one.url(), 1, time)?;
    let three = NatsServer::three()?;
    ours(
        "NATS, 3 servers",
        Some(format!("{}/home?timeout=30", three[0].url())),
        time,
    )?;
    bare("  async-nats put", &three[0].url(), 3, time)?;
    Ok(())
}
