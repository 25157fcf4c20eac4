//! Processes are killed while clients write: what was acknowledged is there, and no batch is half there.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tests::book::Book;
use tests::deep::{Rng, rounds, seed};
use tests::nats::NatsServer;
use tests::runtime::Runtime;
use tests::session::{Refused, Session};

const WRITERS: usize = 4;

/// The real runtime, with the example as its only plugin, on this storage.
fn runtime(storage: &str) -> Runtime {
    let mut runtime = Runtime::new().unwrap();
    let file = runtime.folder().join("config.toml");
    std::fs::write(
        &file,
        format!("[runtime]\nplugins = [\"example\"]\nstorage = \"{storage}\"\n"),
    )
    .unwrap();
    runtime.set_variable("RUNTIME_CONFIG", file);
    runtime.start_again().unwrap();
    runtime
}

/// What all writers do.
#[derive(Clone, Default)]
struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    /// The longest that one write took, in milliseconds.
    longest: Arc<AtomicU64>,
}

/// Writes until it is asked to stop or the runtime is gone.
fn write(mut book: Book, socket: PathBuf, mut rng: Rng, load: Load) -> JoinHandle<Book> {
    thread::spawn(move || {
        let mut session = Session::at(&socket);
        if let Ok(mut ask) = session.open() {
            while !load.stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                match book.write(&mut rng, &mut ask) {
                    Ok(()) => drop(load.acknowledged.fetch_add(1, Ordering::Relaxed)),
                    Err(Refused::Failed(why)) => assert!(why.starts_with("storage_failed"), "{why}"),
                    Err(Refused::Lost(_)) => break,
                }
                let took = begun.elapsed().as_millis() as u64;
                load.longest.fetch_max(took, Ordering::Relaxed);
            }
        }
        book
    })
}

fn wrong(books: &mut [Book], runtime: &Runtime) -> Vec<String> {
    let mut session = Session::at(&runtime.socket());
    let mut ask = session.open().unwrap();
    books
        .iter_mut()
        .flat_map(|book| book.check(&mut ask).unwrap())
        .collect()
}

#[test]
fn what_was_acknowledged_survives_kills_of_the_runtime() {
    let (seed, rounds) = (seed(), rounds(8, 150));
    println!("CORE_RUNTIME_SEED={seed}");
    let mut rng = Rng::new(seed);
    let server = NatsServer::alone("").unwrap();
    let mut runtime = runtime(&format!("{}/home", server.url()));
    let mut books: Vec<Book> = (0..WRITERS).map(|n| Book::new(&format!("writer{n}"))).collect();
    let (mut lost, mut interrupted) = (Vec::new(), 0);
    for _ in 0..rounds {
        let load = Load::default();
        let writing: Vec<_> = books
            .drain(..)
            .map(|book| write(book, runtime.socket(), rng.split(), load.clone()))
            .collect();
        thread::sleep(Duration::from_micros(rng.below(300_000)));
        runtime.kill();
        books = writing.into_iter().map(|book| book.join().unwrap()).collect();
        interrupted += books.iter().filter(|book| book.is_open()).count() as u64;
        runtime.start_again().unwrap();
        lost.extend(wrong(&mut books, &runtime));
    }
    let acknowledged: u64 = books.iter().map(|book| book.acknowledged).sum();
    println!(
        "{rounds} kills of the runtime, {acknowledged} writes acknowledged, {interrupted} interrupted, {} lost or halved",
        lost.len()
    );
    assert!(lost.is_empty(), "CORE_RUNTIME_SEED={seed}: {lost:#?}");
    assert!(acknowledged > rounds, "so few are no load: {acknowledged}");
    assert!(interrupted > 0, "kills meet writes");
}

/// Waits until all copies of the stream are as new as the leader's.
fn until_all_have_caught_up(servers: &[NatsServer]) {
    let urls: Vec<String> = servers.iter().map(NatsServer::url).collect();
    let reactor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    reactor.block_on(async {
        let client = async_nats::connect(urls).await.unwrap();
        let context = async_nats::jetstream::new(client);
        let begun = Instant::now();
        loop {
            if let Ok(stream) = context.get_stream("KV_home").await
                && let Some(cluster) = &stream.cached_info().cluster
                && cluster.replicas.len() == 2
                && cluster
                    .replicas
                    .iter()
                    .all(|replica| replica.current && !replica.offline)
            {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "a server does not catch up"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

#[test]
fn what_was_acknowledged_survives_the_kill_of_each_server_in_turn() {
    let seed = seed();
    println!("CORE_RUNTIME_SEED={seed}");
    let mut rng = Rng::new(seed);
    let mut servers = NatsServer::three().unwrap();
    let hosts: Vec<String> = servers
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port))
        .collect();
    let runtime = runtime(&format!("nats://{}/home?replicas=3&timeout=20", hosts.join(",")));
    let load = Load::default();
    let writing: Vec<_> = (0..WRITERS)
        .map(|n| {
            write(
                Book::new(&format!("writer{n}")),
                runtime.socket(),
                rng.split(),
                load.clone(),
            )
        })
        .collect();
    let kills = rounds(1, 20);
    for _ in 0..kills {
        for victim in 0..servers.len() {
            thread::sleep(Duration::from_millis(500 + rng.below(500)));
            servers[victim].kill();
            let before = load.acknowledged.load(Ordering::Relaxed);
            let begun = Instant::now();
            // The two that are left go on.
            while load.acknowledged.load(Ordering::Relaxed) < before + 50 {
                assert!(
                    begun.elapsed() < Duration::from_secs(60),
                    "two of three do not go on"
                );
                thread::sleep(Duration::from_millis(10));
            }
            servers[victim].start().unwrap();
            until_all_have_caught_up(&servers);
        }
    }
    load.stop.store(true, Ordering::Relaxed);
    let mut books: Vec<Book> = writing.into_iter().map(|book| book.join().unwrap()).collect();
    let lost = wrong(&mut books, &runtime);
    let refused: u64 = books.iter().map(|book| book.refused).sum();
    println!(
        "{} kills of servers, {} writes acknowledged, {refused} refused, the longest took {} ms, {} lost or halved",
        kills * 3,
        load.acknowledged.load(Ordering::Relaxed),
        load.longest.load(Ordering::Relaxed),
        lost.len()
    );
    assert!(lost.is_empty(), "CORE_RUNTIME_SEED={seed}: {lost:#?}");
}
