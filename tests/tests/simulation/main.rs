//! The kernel under a clock and a scheduler that a seed decides: plugins that publish, call, fail, panic and hang,
//! operators that give up, a supervisor that restarts, a link that breaks, in any order that could ever be.
//!
//! After each step all that is promised is looked at: see `checks.rs`. A seed that fails is printed, and
//! `CORE_RUNTIME_SEED=N cargo test -p tests --test simulation` repeats it, step by step.

mod checks;
#[path = "../../../kernel-core/link/tests/support/pipe.rs"]
mod pipe;
mod plugins;
mod scheduler;
#[path = "../../../kernel-core/tests/support/mod.rs"]
mod support;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use tests::deep::{asked_seed, is_deep, rounds, seed};

use checks::Seen;

/// What a kernel takes is never given back: so many in one process.
const IN_ONE_PROCESS: u64 = 3_000;

fn simulate(first: u64, count: u64) -> Seen {
    let mut seen = Seen::default();
    for seed in first..first + count {
        match catch_unwind(AssertUnwindSafe(|| world::simulate(seed))) {
            Ok(of_one) => seen.add(&of_one),
            Err(why) => {
                println!("simulation: repeat this one with CORE_RUNTIME_SEED={seed}");
                std::panic::resume_unwind(why);
            }
        }
    }
    seen
}

#[test]
fn whatever_happens_in_whatever_order_the_kernel_keeps_its_promises() {
    if let Some(seed) = asked_seed() {
        let count = std::env::var("CORE_RUNTIME_SEEDS").map_or(1, |count| count.parse().unwrap());
        return println!("simulation: from seed {seed}: {:?}", simulate(seed, count));
    }
    let first = seed();
    if !is_deep() {
        let seen = simulate(first, IN_ONE_PROCESS);
        println!("simulation: {IN_ONE_PROCESS} seeds from {first}: {seen:?}");
        return seen.assert_enough(IN_ONE_PROCESS);
    }
    let processes = rounds(1, 100);
    for process in 0..processes {
        let (from, name) = (
            first + process * IN_ONE_PROCESS,
            "whatever_happens_in_whatever_order",
        );
        let status = Command::new(std::env::current_exe().unwrap())
            .args([name, "--nocapture"])
            .env("CORE_RUNTIME_SEED", from.to_string())
            .env("CORE_RUNTIME_SEEDS", IN_ONE_PROCESS.to_string())
            .status();
        assert!(
            status.unwrap().success(),
            "one of {IN_ONE_PROCESS} seeds from {from} failed: see above"
        );
    }
    println!("simulation: {} seeds from {first}", processes * IN_ONE_PROCESS);
}

#[test]
fn a_seed_is_the_same_run_each_time() {
    for seed in 0..20 {
        assert_eq!(world::simulate(seed), world::simulate(seed), "seed {seed}");
    }
}
