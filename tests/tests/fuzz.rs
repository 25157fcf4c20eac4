//! A smoke run of what the fuzzer runs: mutations of a small corpus.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use tests::deep::{Rng, asked_seed, seed};
use tests::fuzz::TARGETS;
use tests::fuzz::mutate::mutated;

#[test]
fn whatever_bytes_come_from_outside_nothing_breaks() {
    let first = seed();
    // One execution, or all that are in a short run.
    let only = asked_seed().is_some() && std::env::var("CORE_RUNTIME_TARGET").is_ok();
    println!("{:<12}{:>12}{:>10}", "target", "executions", "seconds");
    for target in TARGETS {
        if only && std::env::var("CORE_RUNTIME_TARGET").as_deref() != Ok(target.name) {
            continue;
        }
        let corpus = (target.corpus)();
        for bytes in &corpus {
            (target.run)(bytes);
        }
        let (begun, count) = (Instant::now(), if only { 1 } else { target.short });
        for seed in first..first + count {
            let bytes = mutated(&corpus, &mut Rng::new(seed));
            if let Err(why) = catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes))) {
                println!(
                    "fuzz: repeat with CORE_RUNTIME_TARGET={} CORE_RUNTIME_SEED={seed}: {bytes:?}",
                    target.name
                );
                std::panic::resume_unwind(why);
            }
        }
        println!(
            "{:<12}{count:>12}{:>10.1}",
            target.name,
            begun.elapsed().as_secs_f64()
        );
    }
}
