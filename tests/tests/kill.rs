//! The process is killed while clients write: what was acknowledged is there, no batch is half there, and the next
//! start needs no hand.

use std::collections::BTreeMap;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tests::deep::{Rng, rounds, seed};
use tests::runtime::Runtime;
use tests::session::Session;

/// Clients that write at once, at the most.
const WRITERS: usize = 6;
/// Keys that each of them writes to one by one, and in batches.
const KEYS: u64 = 12;
/// The latest kill, in microseconds after the first write may have begun.
const LATEST: u64 = 150_000;

/// What a key may hold: what was acknowledged last, and what was written since without an answer.
#[derive(Clone, Debug, Default)]
struct Known {
    acknowledged: Option<String>,
    tried: Option<Option<String>>,
}

impl Known {
    fn allows(&self, found: &Option<String>) -> bool {
        *found == self.acknowledged || self.tried.as_ref() == Some(found)
    }
}

/// One client's namespace. Only it writes there, so that it knows what is there.
#[derive(Clone, Debug, Default)]
struct Book {
    namespace: String,
    keys: BTreeMap<String, Known>,
    /// The keys of the batches, all with one value.
    batch: Known,
    acknowledged: u64,
    written: u64,
}

impl Book {
    fn single(&mut self, rng: &mut Rng, ask: &mut tests::session::Open<'_>) -> bool {
        let (key, number) = (format!("k{}", rng.below(KEYS)), self.next_number());
        // Long ones take several pages of the database.
        let long = "x".repeat(if rng.one_in(8) { 9000 } else { 20 });
        let value = (!rng.one_in(6)).then(|| format!("[{number},\"{long}\"]"));
        let known = self.keys.entry(key.clone()).or_default();
        known.tried = Some(value.clone());
        let done = match &value {
            Some(value) => ask.set(&self.namespace, &key, value),
            None => ask.delete(&self.namespace, &key),
        };
        if done.is_err() {
            return false;
        }
        known.acknowledged = value;
        known.tried = None;
        self.acknowledged += 1;
        true
    }

    fn batch(&mut self, ask: &mut tests::session::Open<'_>) -> bool {
        let value = format!("[{},\"{}\"]", self.next_number(), "y".repeat(700));
        let keys: Vec<String> = (0..KEYS).map(|n| format!("b{n}")).collect();
        let values: Vec<(&str, &str)> = keys.iter().map(|key| (&**key, &*value)).collect();
        self.batch.tried = Some(Some(value.clone()));
        if ask.batch(&self.namespace, &values).is_err() {
            return false;
        }
        self.batch.acknowledged = Some(value);
        self.batch.tried = None;
        self.acknowledged += 1;
        true
    }

    fn next_number(&mut self) -> u64 {
        self.written += 1;
        self.written
    }

    /// Writes until the runtime is gone.
    fn write(mut self, socket: std::path::PathBuf, mut rng: Rng) -> JoinHandle<Book> {
        thread::spawn(move || {
            let mut session = Session::at(&socket);
            let Ok(mut ask) = session.open() else {
                return self;
            };
            let batches = rng.below(4);
            loop {
                let done = match rng.below(3) < batches {
                    true => self.batch(&mut ask),
                    false => self.single(&mut rng, &mut ask),
                };
                if !done {
                    return self;
                }
            }
        })
    }

    /// Looks at what is there: the keys that hold something else than they may. What was found is what is known then.
    fn check(&mut self, ask: &mut tests::session::Open<'_>) -> Vec<String> {
        let mut wrong = Vec::new();
        let namespace = self.namespace.clone();
        let mut read = |key: &str| {
            ask.get(&namespace, key)
                .unwrap_or_else(|why| panic!("{namespace}/{key} cannot be read: {why}"))
        };
        for (key, known) in &mut self.keys {
            let found = read(key);
            if !known.allows(&found) {
                wrong.push(format!(
                    "{namespace}/{key} holds {found:.60?} and not {known:.60?}"
                ));
            }
            *known = Known {
                acknowledged: found,
                tried: None,
            };
        }
        let whole: Vec<_> = (0..KEYS).map(|n| read(&format!("b{n}"))).collect();
        if whole.iter().any(|found| *found != whole[0]) {
            wrong.push(format!("{namespace}: half of a batch: {whole:.60?}"));
        }
        if !self.batch.allows(&whole[0]) {
            wrong.push(format!(
                "{namespace}: the batch is {:.60?} and not {:.60?}",
                whole[0], self.batch
            ));
        }
        self.batch = Known {
            acknowledged: whole[0].clone(),
            tried: None,
        };
        wrong
    }
}

#[test]
fn what_was_acknowledged_survives_kills_at_any_point() {
    let (seed, rounds) = (seed(), rounds(30, 300));
    println!("kill: CORE_RUNTIME_SEED={seed}");
    let mut rng = Rng::new(seed);
    let mut runtime = Runtime::start().unwrap();
    let mut books: Vec<Book> = (0..WRITERS)
        .map(|n| Book {
            namespace: format!("writer{n}"),
            ..Book::default()
        })
        .collect();
    let (mut wrong, mut checked, mut interrupted) = (Vec::new(), 0, 0);
    for _ in 0..rounds {
        // One client alone, or several at once, whose writes share a commit.
        let count = *rng.pick(&[1, 1, 2, WRITERS]);
        let idle = books.split_off(count);
        let writing: Vec<_> = books
            .drain(..)
            .map(|book| book.write(runtime.socket(), rng.split()))
            .collect();
        thread::sleep(Duration::from_micros(rng.below(LATEST)));
        runtime.kill();
        books = writing.into_iter().map(|book| book.join().unwrap()).collect();
        books.extend(idle);
        interrupted += books
            .iter()
            .filter(|book| {
                book.batch.tried.is_some() || book.keys.values().any(|known| known.tried.is_some())
            })
            .count();
        // Some kills meet the next start, which has a log to read.
        if rng.one_in(4) {
            runtime
                .start_and_kill(Duration::from_micros(rng.below(20_000)))
                .unwrap();
        }
        runtime.start_again().unwrap();
        let mut session = Session::at(&runtime.socket());
        let mut ask = session.open().unwrap();
        for book in &mut books {
            checked += book.keys.len() + 1;
            wrong.extend(book.check(&mut ask));
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
    assert!(acknowledged > rounds * 10, "so few are no load: {acknowledged}");
    assert!(
        interrupted as u64 > rounds / 2,
        "kills meet writes: {interrupted}"
    );
    runtime.run("storage check data/runtime.db").unwrap();
}
