//! The system fails under SQLite, as the shim beside this file makes it: whoever wrote gets the error, the runtime goes
//! on and says that it is not well, and once the fault is over, all is as it was.

mod shim;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tests::book::Book;
use tests::deep::{Rng, rounds, seed};
use tests::runtime::Runtime;
use tests::session::{Refused, Session};

use shim::Shim;

const WRITERS: usize = 4;

/// How long a fault lasts.
const LASTS: Duration = Duration::from_millis(400);

/// What fails, how, and what the refused are told.
const FAULTS: [(&str, &str, &str); 6] = [
    ("write", "EIO", "check the disk"),
    ("write", "torn", "check the disk"),
    ("write", "ENOSPC", "free some space"),
    ("sync", "EIO", "check the disk"),
    ("sync", "ENOSPC", "check the disk"),
    ("read", "EIO", "check the disk"),
];

/// Large values, more of them than SQLite keeps in memory, so that reading them reads the file.
const LARGE: usize = 80;

/// Writes until it is told to stop, also while that is refused; what was refused last.
fn write(
    mut book: Book,
    socket: PathBuf,
    mut rng: Rng,
    stop: Arc<AtomicBool>,
) -> JoinHandle<(Book, Vec<String>)> {
    thread::spawn(move || {
        let mut session = Session::at(&socket);
        let mut ask = session.open().unwrap();
        let mut told = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            match book.write(&mut rng, &mut ask) {
                Ok(()) => {}
                Err(Refused::Failed(why)) => told.push(why),
                Err(Refused::Lost(why)) => panic!("the runtime must answer: {why}"),
            }
        }
        (book, told)
    })
}

fn until(what: &str, mut yes: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !yes() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn fill(runtime: &Runtime) {
    let mut session = Session::at(&runtime.socket());
    let mut ask = session.open().unwrap();
    let large = format!("\"{}\"", "z".repeat(60_000));
    for n in 0..LARGE {
        ask.set("large", &format!("k{n}"), &large).unwrap();
    }
}

/// Reads the large values; how many there were, and why others could not be read.
fn read_large(runtime: &Runtime) -> (usize, Vec<String>) {
    let mut session = Session::at(&runtime.socket());
    let mut ask = session.open().unwrap();
    let (mut found, mut refused) = (0, Vec::new());
    for n in 0..LARGE {
        match ask.get("large", &format!("k{n}")) {
            Ok(Some(value)) => found += usize::from(value.len() == 60_002),
            Ok(None) => panic!("k{n} is not absent: it cannot be read"),
            Err(why) => refused.push(why.to_string()),
        }
    }
    (found, refused)
}

/// One fault from its beginning to its end; how many calls of SQLite failed, and how many of clients.
fn meet(
    runtime: &Runtime,
    shim: &Shim,
    (call, what, advice): (&str, &str, &str),
    books: &mut Vec<Book>,
    rng: &mut Rng,
) -> (u64, usize) {
    let fault = format!("{call} {what}");
    let stop = Arc::new(AtomicBool::new(false));
    let writing: Vec<_> = books
        .drain(..)
        .map(|mut book| {
            book.batches = rng.below(3);
            write(book, runtime.socket(), rng.split(), stop.clone())
        })
        .collect();
    thread::sleep(Duration::from_millis(50));
    // Wherever it begins in a transaction.
    let before = shim.hits();
    shim.begin(call, what, rng.below(12));
    let (begun, mut unreadable) = (Instant::now(), Vec::new());
    if call == "read" {
        unreadable = read_large(runtime).1;
    } else {
        until(&format!("{fault} is met"), || shim.hits() > before);
        // All else goes on.
        assert_eq!(
            runtime.run("call example.hello '\"Ann\"'").as_deref(),
            Ok("\"Привет, Ann!\"")
        );
        assert_eq!(runtime.run("storage get large k0 >/dev/null").as_deref(), Ok(""));
    }
    until(&format!("{fault}: health names it"), || {
        let unwell = runtime.run("health --check").is_err();
        unwell && runtime.run("health").is_ok_and(|told| told.contains(advice))
    });
    thread::sleep(LASTS.saturating_sub(begun.elapsed()));
    shim.end();
    // The first one that is written from now on is stored, and all is read.
    runtime.run("storage set after fault 1").unwrap();
    assert_eq!(read_large(runtime), (LARGE, Vec::new()), "{fault}");
    if call == "read" {
        // Reads that find all in memory prove nothing, so that this takes its time.
        until("it is well again", || {
            thread::sleep(Duration::from_millis(200));
            runtime.run("storage get large k0 >/dev/null").is_ok() && runtime.run("health --check").is_ok()
        });
    }
    assert!(
        !runtime.run("health").unwrap().contains(advice),
        "it is well again"
    );
    runtime.run("health --check").unwrap();
    thread::sleep(Duration::from_millis(50));
    stop.store(true, Ordering::Relaxed);
    let mut refused = unreadable.len();
    for writer in writing {
        let (book, told) = writer.join().unwrap();
        refused += told.len();
        for why in told.iter().chain(&unreadable) {
            assert!(
                why.contains(advice) && !why.starts_with("not_found"),
                "{fault}: {why}"
            );
        }
        books.push(book);
    }
    assert!(refused > 0, "{fault} was met, and nobody was told");
    (shim.hits() - before, refused)
}

#[test]
fn whatever_fails_under_the_database_is_told_to_the_caller_and_passes() {
    let (seed, rounds) = (seed(), rounds(1, 20));
    println!("faults: CORE_RUNTIME_SEED={seed}");
    let mut rng = Rng::new(seed);
    let mut runtime = Runtime::new().unwrap();
    let shim = Shim::compile(runtime.folder());
    runtime.set_variable("LD_PRELOAD", shim.library());
    runtime.set_variable("FAULTS", shim.control());
    runtime.start_again().unwrap();
    fill(&runtime);
    let mut books: Vec<Book> = (0..WRITERS).map(|n| Book::new(&format!("writer{n}"))).collect();
    let mut wrong = Vec::new();
    println!(
        "{:<14}{:>8}{:>16}{:>16}",
        "fault", "rounds", "calls failed", "clients told"
    );
    for fault in FAULTS {
        let (mut failed, mut told) = (0, 0);
        for _ in 0..rounds {
            let (calls, clients) = meet(&runtime, &shim, fault, &mut books, &mut rng);
            (failed, told) = (failed + calls, told + clients);
            // Without a chance to tidy up: what was acknowledged is in the files.
            runtime.kill();
            runtime.start_again().unwrap();
            let mut session = Session::at(&runtime.socket());
            let mut ask = session.open().unwrap();
            for book in &mut books {
                let found = book.check(&mut ask).unwrap();
                wrong.extend(found.into_iter().map(|line| format!("{fault:?}: {line}")));
            }
        }
        println!(
            "{:<14}{rounds:>8}{failed:>16}{told:>16}",
            format!("{} {}", fault.0, fault.1)
        );
    }
    let acknowledged: u64 = books.iter().map(|book| book.acknowledged).sum();
    println!(
        "faults: {acknowledged} writes acknowledged, {} lost or halved",
        wrong.len()
    );
    assert!(wrong.is_empty(), "CORE_RUNTIME_SEED={seed}: {wrong:#?}");
    assert_eq!(runtime.terminate(), Ok(Some(0)));
    runtime.run("storage check data/runtime.db").unwrap();
}

#[test]
fn a_write_that_is_cut_short_is_finished() {
    // Half of each write, and the rest when it is asked for: no error at all.
    let mut runtime = Runtime::new().unwrap();
    let shim = Shim::compile(runtime.folder());
    runtime.set_variable("LD_PRELOAD", shim.library());
    runtime.set_variable("FAULTS", shim.control());
    runtime.start_again().unwrap();
    shim.begin("write", "short", 0);
    fill(&runtime);
    assert!(
        shim.hits() > LARGE as u64,
        "{} writes were cut short",
        shim.hits()
    );
    runtime.run("health --check").unwrap();
    shim.end();
    runtime.kill();
    runtime.start_again().unwrap();
    assert_eq!(read_large(&runtime), (LARGE, Vec::new()));
}
