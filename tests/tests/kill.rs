//! The process is killed while clients write: what was acknowledged is there, no batch is half there, and the next
//! start needs no hand.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tests::book::Book;
use tests::deep::{Rng, rounds, seed};
use tests::runtime::Runtime;
use tests::session::Session;

/// Clients that write at once, at the most.
const WRITERS: usize = 6;
/// The latest kill, in microseconds after the first write may have begun.
const LATEST: u64 = 150_000;

/// Writes until the runtime is gone.
fn write(mut book: Book, socket: PathBuf, mut rng: Rng) -> JoinHandle<Book> {
    thread::spawn(move || {
        book.batches = rng.below(5);
        let mut session = Session::at(&socket);
        if let Ok(mut ask) = session.open() {
            while book.write(&mut rng, &mut ask).is_ok() {}
        }
        book
    })
}

#[test]
fn what_was_acknowledged_survives_kills_at_any_point() {
    let (seed, rounds) = (seed(), rounds(30, 300));
    println!("kill: CORE_RUNTIME_SEED={seed}");
    let mut rng = Rng::new(seed);
    let mut runtime = Runtime::start().unwrap();
    let mut books: Vec<Book> = (0..WRITERS).map(|n| Book::new(&format!("writer{n}"))).collect();
    let (mut wrong, mut checked, mut interrupted) = (Vec::new(), 0, 0);
    for _ in 0..rounds {
        // One client alone, or several at once, whose writes share a commit.
        let count = *rng.pick(&[1, 1, 2, WRITERS]);
        let idle = books.split_off(count);
        let writing: Vec<_> = books
            .drain(..)
            .map(|book| write(book, runtime.socket(), rng.split()))
            .collect();
        thread::sleep(Duration::from_micros(rng.below(LATEST)));
        runtime.kill();
        books = writing.into_iter().map(|book| book.join().unwrap()).collect();
        interrupted += books.iter().filter(|book| book.is_open()).count() as u64;
        books.extend(idle);
        // Some kills meet the next start, which has a log to read.
        if rng.one_in(4) {
            let soon = Duration::from_micros(rng.below(20_000));
            runtime.start_and_kill(soon).unwrap();
        }
        runtime.start_again().unwrap();
        let mut session = Session::at(&runtime.socket());
        let mut ask = session.open().unwrap();
        for book in &mut books {
            checked += book.len();
            wrong.extend(book.check(&mut ask).unwrap());
        }
        books.rotate_left(1);
    }
    let acknowledged: u64 = books.iter().map(|book| book.acknowledged).sum();
    println!(
        "kill: {rounds} rounds, {acknowledged} writes acknowledged, {interrupted} interrupted, {checked} values looked \
         at, {} lost or halved",
        wrong.len()
    );
    assert!(wrong.is_empty(), "CORE_RUNTIME_SEED={seed}: {wrong:#?}");
    assert!(acknowledged > rounds * 2, "so few are no load: {acknowledged}");
    assert!(interrupted > rounds / 2, "kills meet writes: {interrupted}");
    runtime.run("storage check data/runtime.db").unwrap();
}
