//! Who keeps a runtime busy: each is a thread with a session of its own, which says how much it did.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kernel_link::{Raw, Request};
use tests::book::Book;
use tests::deep::Rng;
use tests::runtime::Runtime;
use tests::session::{Open, Refused, Session};

/// How long calls took since somebody looked.
pub(crate) type Took = Arc<Mutex<Vec<Duration>>>;

/// Does something again and again in one session, with a pause between.
fn again(
    runtime: &Runtime,
    stop: Arc<AtomicBool>,
    pause: Duration,
    mut once: impl FnMut(&mut Open<'_>, u64) + Send + 'static,
) -> JoinHandle<u64> {
    let socket = runtime.socket();
    thread::spawn(move || {
        let (mut session, mut count) = (Session::at(&socket), 0);
        let mut ask = session.open().unwrap();
        while !stop.load(Ordering::Relaxed) {
            once(&mut ask, count);
            count += 1;
            thread::sleep(pause);
        }
        count
    })
}

/// Writes values and batches, and remembers them.
pub(crate) fn write(runtime: &Runtime, n: u32, mut rng: Rng, stop: Arc<AtomicBool>) -> JoinHandle<Book> {
    let socket = runtime.socket();
    thread::spawn(move || {
        let (mut session, mut book) = (Session::at(&socket), Book::new(&format!("writer{n}")));
        let mut ask = session.open().unwrap();
        while !stop.load(Ordering::Relaxed) {
            book.write(&mut rng, &mut ask).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
        book
    })
}

/// Calls a service; while its plugin is reloaded it may be refused.
pub(crate) fn call(runtime: &Runtime, took: Took, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    again(runtime, stop, Duration::from_millis(5), move |ask, _| {
        let begun = Instant::now();
        match ask.call("example.hello", "\"soak\"") {
            Ok(_) => took.lock().unwrap().push(begun.elapsed()),
            Err(Refused::Failed(_)) => {}
            Err(Refused::Lost(why)) => panic!("the runtime must answer: {why}"),
        }
    })
}

/// Publishes events that a plugin gets.
pub(crate) fn publish(runtime: &Runtime, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    again(runtime, stop, Duration::from_millis(5), |ask, n| {
        let payload = format!("{{\"n\":{n}}}");
        let publish = Request::Publish {
            topic: "example.test",
            timeout_ms: 1000,
            payload: Raw(payload.as_bytes()),
        };
        ask.ask(publish, |_| ()).unwrap();
    })
}

/// Sets values of the state that go by themselves.
pub(crate) fn state(runtime: &Runtime, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    again(runtime, stop, Duration::from_millis(5), |ask, n| {
        let key = format!("soak.k{}", n % 500);
        let set = Request::StateSet {
            key: &key,
            ttl_ms: Some(1000),
            expected: None,
            value: Raw(b"[1,2,3]"),
        };
        ask.ask(set, |_| ()).unwrap();
    })
}

/// Opens a session, asks, and leaves, at times in the middle of a call.
pub(crate) fn come_and_go(runtime: &Runtime, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    let socket = runtime.socket();
    thread::spawn(move || {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            let mut session = Session::at(&socket);
            let mut ask = session.open().unwrap();
            ask.ask(Request::Health, |_| ()).unwrap();
            ask.leave_in_the_middle().unwrap();
            count += 1;
            thread::sleep(Duration::from_millis(25));
        }
        count
    })
}

/// Watches everything; how many events came, or were told as lost.
pub(crate) fn watch(runtime: &Runtime, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    let socket = runtime.socket();
    thread::spawn(move || {
        let mut session = Session::at(&socket);
        let ask = session.open().unwrap();
        ask.watch(|| stop.load(Ordering::Relaxed)).unwrap()
    })
}
