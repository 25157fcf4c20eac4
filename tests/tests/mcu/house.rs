//! The plugins of a home, as a host has them, with an allocator.

use std::time::Duration;

use tests::mcu::{Board, Build, Emulator, is_skipped};

#[test]
#[ignore = "needs QEMU: tests/run.sh mcu"]
fn a_small_home_runs_on_a_cortex_m4() {
    if is_skipped("house") {
        return;
    }
    let build = Build {
        board: Board::Mps2,
        program: "house",
        features: &["house"],
        profile: "release",
    };
    let image = build.run().unwrap();
    let outcome = Emulator::run(build.board, &image, &[], Duration::from_secs(120)).unwrap();
    println!("{}", outcome.output);
    assert!(outcome.status.success(), "{}", outcome.output);
    assert!(
        outcome.output.lines().any(|line| line == "PASS"),
        "{}",
        outcome.output
    );
}
