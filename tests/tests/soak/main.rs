//! A runtime under mixed load for a while: memory, file descriptors, threads and latency stay where they were.

mod load;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tests::deep::{Rng, rounds, seed};
use tests::runtime::Runtime;
use tests::session::Session;

use load::Took;

/// How much more memory is none: what the allocator and SQLite keep.
const MEMORY_KIB: u64 = 16 * 1024;

/// How the process is at one time.
#[derive(Debug, Clone, Copy)]
struct Sample {
    memory_kib: u64,
    fds: usize,
    threads: u64,
    p50: Duration,
    p99: Duration,
    calls: usize,
}

impl Sample {
    fn take(pid: u32, took: &Took) -> Sample {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| -> u64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let mut took = std::mem::take(&mut *took.lock().unwrap());
        took.sort();
        assert!(took.len() > 10, "{} calls are no load", took.len());
        Sample {
            memory_kib: field("VmRSS:"),
            fds: fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
            threads: field("Threads:"),
            p50: took[took.len() / 2],
            p99: took[took.len() * 99 / 100],
            calls: took.len(),
        }
    }

    fn print(&self, at: Duration) {
        println!(
            "{:>7.0} s{:>10} KiB{:>6} fds{:>6} threads{:>12} p50{:>12} p99{:>9} calls",
            at.as_secs_f64(),
            self.memory_kib,
            self.fds,
            self.threads,
            format!("{:.0?}", self.p50),
            format!("{:.1?}", self.p99),
            self.calls
        );
    }
}

#[test]
fn under_mixed_load_nothing_grows() {
    let (seed, span) = (seed(), Duration::from_secs(rounds(20, 1800)));
    println!("soak: CORE_RUNTIME_SEED={seed}, {} s", span.as_secs());
    let mut rng = Rng::new(seed);
    let mut runtime = Runtime::start().unwrap();
    let pid = runtime.pid().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let took = Took::default();
    let writers: Vec<_> = (0..2)
        .map(|n| load::write(&runtime, n, rng.split(), stop.clone()))
        .collect();
    let others = [
        load::call(&runtime, took.clone(), stop.clone()),
        load::call(&runtime, took.clone(), stop.clone()),
        load::publish(&runtime, stop.clone()),
        load::watch(&runtime, stop.clone()),
        load::come_and_go(&runtime, stop.clone()),
        load::state(&runtime, stop.clone()),
    ];
    let (begun, part) = (Instant::now(), span / 10);
    let mut samples = Vec::new();
    for _ in 0..10 {
        // Its registrations go and come.
        runtime.run("plugin reload example").unwrap();
        thread::sleep(part);
        let sample = Sample::take(pid, &took);
        sample.print(begun.elapsed());
        samples.push(sample);
    }
    stop.store(true, Ordering::Relaxed);
    let mut session = Session::at(&runtime.socket());
    let (mut acknowledged, mut wrong) = (0, Vec::new());
    for writer in writers {
        let mut book = writer.join().unwrap();
        acknowledged += book.acknowledged;
        wrong.extend(book.check(&mut session.open().unwrap()).unwrap());
    }
    let did: Vec<u64> = others.into_iter().map(|other| other.join().unwrap()).collect();
    let [calls_a, calls_b, events, watched, sessions, states] = did[..] else {
        unreachable!()
    };
    println!(
        "soak: {} calls, {events} events, {watched} watched or told as lost, {sessions} sessions, {states} states, \
         {acknowledged} writes acknowledged, {} lost",
        calls_a + calls_b,
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The first part is the warm-up: buffers, caches, the log.
    let (first, last) = (samples[1], samples[9]);
    let held = last.memory_kib <= first.memory_kib + MEMORY_KIB
        && last.fds <= first.fds + 2
        && last.threads <= first.threads
        && last.p50 <= first.p50 * 4 + Duration::from_millis(2);
    assert!(held, "from {first:?} to {last:?}");
    assert_eq!(runtime.terminate(), Ok(Some(0)));
    runtime.run("storage check data/runtime.db").unwrap();
}
